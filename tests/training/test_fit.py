"""A fit learns, stops, restores the best epoch, fails loudly and leaves no traces."""

import time
import warnings

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from forecast.data.panel import Panel
from forecast.errors import SettingsError, TrainingError
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.heads import Point
from forecast.nets.network import Architecture, Network
from forecast.training import allocator
from forecast.training.datamodule import DataModule
from forecast.training.fit import fit
from forecast.training.module import RecurrentModule
from forecast.training.settings import Training
from forecast.windows.feeds import Windowed
from forecast.windows.window import Window

WINDOW = Window(context=12, horizon=3)


def panel_of(values: np.ndarray) -> Panel:
    return Panel.from_arrays(values, np.arange(len(values)).astype("M8[h]"))


def wave(rows: int = 400, noise: float = 0.1) -> Panel:
    return panel_of(np.sin(np.arange(rows) / 3) + noise * np.random.default_rng(0).normal(size=rows))


def noise(rows: int = 120) -> Panel:
    return panel_of(np.random.default_rng(0).normal(size=rows))


def small(**settings) -> Recurrent:
    return Recurrent(WINDOW, "gru", hidden_size=8, feed=Windowed(32), training=Training(**settings))


def test_the_loss_falls_on_a_series_that_can_be_learnt():
    history = small(epochs=8, learning_rate=1e-2).fit(wave()).history
    assert history.epochs[-1].training < 0.3 * history.epochs[0].training
    assert history.epochs[history.best - 1].validation < 0.6 * history.epochs[0].validation
    assert [epoch.number for epoch in history.epochs] == list(range(1, 9))
    assert history.stopped == "all 8 epochs"


def test_the_weights_of_the_best_epoch_are_kept():
    model = small(epochs=40, learning_rate=3e-2, patience=4).fit(noise())
    losses = [epoch.validation for epoch in model.history.epochs]
    assert model.history.best == int(np.argmin(losses)) + 1
    assert model.history.best < len(losses)
    data = DataModule(noise(), WINDOW, model.feed, validation=0.2)
    module = RecurrentModule(model.network)
    total = 0.0
    with torch.no_grad():
        for batch in data.val_dataloader():
            total += float(module._loss(data.on_after_batch_transfer(batch, 0), "validation")) * len(batch.index)
    assert total / len(data.split.validation) == pytest.approx(min(losses), rel=1e-5)


def test_training_stops_when_the_validation_loss_no_longer_falls():
    history = small(epochs=60, learning_rate=3e-2, patience=3).fit(noise()).history
    assert len(history.epochs) == history.best + 3
    assert history.stopped == "no better validation loss for 3 epochs"


def test_without_validation_all_epochs_are_trained_and_the_last_is_kept():
    history = small(epochs=3, validation=0).fit(noise()).history
    assert len(history.epochs) == history.best == 3
    assert all(np.isnan(epoch.validation) for epoch in history.epochs)


def test_a_limit_of_seconds_ends_training():
    started = time.monotonic()
    model = small(epochs=100_000, patience=100_000, seconds=0.5).fit(noise())
    assert time.monotonic() - started < 20
    assert model.history.stopped == "the limit of 0.5 seconds"
    assert np.isfinite(model.predict(noise()).values).all()


@pytest.mark.parametrize("settings", [{"epochs": 5}, {"epochs": 1}, {"epochs": 5, "validation": 0}])
def test_a_loss_that_is_not_finite_is_an_error_with_a_remedy(settings):
    with pytest.raises(TrainingError, match=r"not finite.*lower the learning rate, clip gradients"):
        small(learning_rate=1e20, clip=0, **settings).fit(noise())


class Watched(RecurrentModule):
    """Keeps the gradient that its last step was made with."""

    def configure_gradient_clipping(self, *settings, **more):
        super().configure_gradient_clipping(*settings, **more)
        self.taken = torch.cat([weight.grad.flatten() for weight in self.parameters()])


@pytest.mark.parametrize("clip_by", ["norm", "value"])
def test_a_clipped_gradient_keeps_its_direction_by_norm_and_each_number_its_bound_by_value(clip_by):
    taken = {}
    for clip in (0.0, 1e-3):
        data = DataModule(wave(60), WINDOW, Windowed(64))  # one step an epoch
        torch.manual_seed(0)
        module = Watched(Network(Architecture(hidden_size=4), data.sizes, Point()))
        fit(module, data, Training(epochs=1, clip=clip, clip_by=clip_by, device="cpu"))
        taken[clip] = module.taken
    free, cut = taken.values()
    assert free.abs().max() > 1e-3
    if clip_by == "value":
        assert torch.equal(cut, free.clamp(-1e-3, 1e-3))
        assert 0 < (cut != free).sum() < len(free)
    else:
        assert cut.norm() == pytest.approx(1e-3, rel=1e-3)
        assert torch.allclose(cut / cut.norm(), free / free.norm(), atol=1e-5)


def test_too_few_rows_are_an_error_before_training():
    with pytest.raises(TrainingError, match=r"context 12 \+ horizon 3 need 15"):
        small().fit(noise(14))


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(SettingsError, match="no GPU was found"):
        small(device="gpu").fit(noise())
    with pytest.raises(SettingsError, match="bf16-mixed"):
        small(precision="bf16-mixed").fit(noise())


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0},
        {"patience": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"clip": -1.0},
        {"seconds": 0.0},
        {"seconds": float("nan")},
        {"seconds": 1e300},
        {"seed": -1},
        {"seed": 2**32},
        {"device": "tpu"},
        {"weight_decay": -0.1},
        {"weight_decay": float("inf")},
        {"weight_decay": float("nan")},
        {"schedule": "cosin"},
        {"clip_by": "values"},
        {"schedule": None},
        {"devices": 0},
        {"devices": "auto"},
        {"num_nodes": 0},
        {"num_nodes": True},
        {"strategy": "dpp"},
        {"strategy": None},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(SettingsError, match=next(iter(settings))):
        Training(**settings)


def test_an_unknown_schedule_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="did you mean 'cosine'"):
        Training(schedule="cosin")


def test_weight_decay_and_a_cosine_reach_the_weights():
    weights = []
    for settings in ({}, {"weight_decay": 0.5}, {"schedule": "cosine"}):
        model = small(epochs=3, validation=0, **settings).fit(noise())
        weights.append(torch.cat([weight.flatten() for weight in model.network.parameters()]))
    assert weights[1].norm() < weights[0].norm()
    assert not torch.equal(weights[0], weights[2])


def test_a_fit_writes_no_files_and_says_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        small(epochs=2).fit(noise())
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert [str(warning.message) for warning in heard] == []


@pytest.mark.parametrize("settings", [{"epochs": 2}, {"epochs": 3, "learning_rate": 1e20, "clip": 0}])
def test_a_fit_leaves_random_numbers_and_threads_as_they_were(settings):
    torch.set_num_threads(2)
    torch.manual_seed(7)
    state, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    try:
        small(**settings).fit(noise())
    except TrainingError:
        assert "clip" in settings
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numbers)  # noqa: NPY002
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before():
    weights = []
    for seed, drawn in ((0, 1), (0, 5), (1, 1)):
        torch.randn(drawn)
        model = small(epochs=2, seed=seed).fit(noise())
        weights.append(torch.cat([weight.flatten() for weight in model.network.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_freed_memory_is_only_kept_when_it_may_be(monkeypatch):
    monkeypatch.setenv("FORECAST_MALLOPT", "0")
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: pytest.fail("mallopt was looked up"))
    assert allocator.keep_freed_memory() is False
    small(epochs=1).fit(noise())


def test_large_steps_keep_their_threads_and_small_ones_take_one():
    torch.set_num_threads(2)
    with allocator.steady_threads(32 * 64):
        assert torch.get_num_threads() == 1
    with allocator.steady_threads(256 * 64):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


def own_trainer(tmp_path, **settings) -> pl.Trainer:
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return pl.Trainer(accelerator="cpu", default_root_dir=tmp_path, max_epochs=3, **quiet, **settings)


def test_a_users_own_trainer_fits_and_predicts(tmp_path):
    data = DataModule(wave(), WINDOW, Windowed(64))
    torch.manual_seed(0)
    module = RecurrentModule(Network(Architecture(hidden_size=8), data.sizes, Point()), learning_rate=1e-2)
    trainer = own_trainer(tmp_path)
    trainer.fit(module, datamodule=data)
    assert float(trainer.callback_metrics["val_loss"]) < 0.5
    said = torch.cat(trainer.predict(module, datamodule=data))
    assert said.shape == (len(WINDOW.origins(data.panel)), 3, 1, 1)


def test_a_users_own_trainer_works_without_validation(tmp_path):
    data = DataModule(noise(), WINDOW, validation=0)
    module = RecurrentModule(Network(Architecture(hidden_size=4), data.sizes, Point()), weight_decay=0.1)
    trainer = own_trainer(tmp_path, limit_val_batches=0)
    trainer.fit(module, datamodule=data)
    assert trainer.current_epoch == 3


def test_fit_can_be_driven_without_a_forecaster():
    data = DataModule(wave(), WINDOW)
    torch.manual_seed(0)
    module = RecurrentModule(Network(Architecture(hidden_size=4), data.sizes, Point()))
    history = fit(module, data, Training(epochs=2))
    assert len(history.epochs) == 2
