"""A panel too large for its device: batches are cut on the host, one ahead, and are the same to the last bit."""

import threading

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from forecast.data.panel import Panel
from forecast.nets.heads import Point
from forecast.nets.network import Architecture, Network
from forecast.training import datamodule
from forecast.training.datamodule import DataModule
from forecast.training.module import RecurrentModule
from forecast.training.placement import Ahead, fits, small_enough
from forecast.windows.batches import Batches, Draw
from forecast.windows.feeds import Feed, Streamed, Windowed
from forecast.windows.gather import Batch
from forecast.windows.window import Window

FEEDS = {"windows": Windowed(8), "lanes": Streamed(lanes=3, chunk=8, burn_in=6)}
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def data_of(feed: Feed, missing: float = 0.1) -> DataModule:
    random = np.random.default_rng(0)
    time = np.concatenate([np.arange(n) for n in (90, 41)])
    values = np.column_stack([np.sin(time / 3), random.normal(size=len(time))])
    values[random.random(values.shape) < missing] = np.nan
    return DataModule(Panel.from_arrays(values, time.astype("M8[h]"), (90, 41)), Window(8, 3), feed)


def fitted(feed: Feed, folder, **settings) -> tuple[RecurrentModule, pl.Trainer, DataModule]:
    data = data_of(feed)
    torch.manual_seed(0)
    module = RecurrentModule(Network(Architecture("gru", hidden_size=4, scaling="running"), data.sizes, Point()))
    trainer = pl.Trainer(
        default_root_dir=folder,
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **{"accelerator": "cpu"} | settings,
    )
    trainer.fit(module, datamodule=data)
    return module, trainer, data


def flat(module: RecurrentModule) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in module.parameters()])


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("precision", ["32-true", "64-true"])
def test_a_fit_from_host_memory_is_the_same_to_the_last_bit(tmp_path, monkeypatch, feed, precision):
    whole, trainer, data = fitted(FEEDS[feed], tmp_path, precision=precision)
    monkeypatch.setattr(datamodule, "fits", lambda rows, device: False)
    other, again, rows = fitted(FEEDS[feed], tmp_path, precision=precision)
    assert isinstance(again.train_dataloader, Ahead)
    assert rows._device_rows is None
    assert torch.equal(flat(whole), flat(other))
    assert trainer.callback_metrics["val_loss"] == again.callback_metrics["val_loss"]
    said = again.predict(other, datamodule=rows)
    monkeypatch.undo()
    assert all(map(torch.equal, said, trainer.predict(whole, datamodule=data)))


def draws(cut=lambda draw: draw) -> tuple[Ahead, Batches]:
    index = torch.stack([torch.arange(20), torch.zeros(20, dtype=torch.int64)], dim=1)
    loader = Batches(index, 4, seed=0)
    return Ahead(loader, cut), Batches(index, 4, seed=0)


def test_batches_are_cut_by_another_thread_one_ahead_and_in_order():
    cut: list[Draw] = []

    def noted(draw: Draw) -> Draw:
        assert threading.current_thread() is not threading.main_thread()
        cut.append(draw)
        return draw

    ahead, plain = draws(noted)
    for number, (draw, same) in enumerate(zip(ahead, plain, strict=True)):
        assert torch.equal(draw.index, same.index)
        assert number + 1 <= len(cut) <= number + 2
    assert len(ahead) == len(plain) == len(cut)


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_what_was_cut_ahead_is_not_what_was_handed_out(stop):
    ahead, plain = draws()
    batches, same = iter(ahead), iter(plain)
    for _ in range(stop):
        next(batches), next(same)
    assert ahead.state_dict() == plain.state_dict() == {"epoch": 0, "position": stop}
    other, _ = draws()
    other.load_state_dict(ahead.state_dict())
    assert other.state_dict() == plain.state_dict()
    rest = [draw.index.tolist() for draw in (same if stop < 5 else plain)]
    assert [draw.index.tolist() for draw in other] == rest


def test_an_error_while_a_batch_is_cut_reaches_the_fit_and_a_pass_left_early_leaves_no_thread():
    def broken(draw: Draw) -> Batch:
        raise ValueError("cannot be cut")

    with pytest.raises(ValueError, match="cannot be cut"):
        next(iter(draws(broken)[0]))
    batches = iter(draws()[0])
    next(batches)
    batches.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("forecast-cut")]


def test_a_panel_may_take_half_of_the_memory_that_is_free():
    rows = data_of(Windowed()).rows
    size = 131 * 2 * 4 + 131 * 2 + rows.static.nbytes
    assert small_enough(rows, 2 * size)
    assert not small_enough(rows, 2 * size - 1)
    whole = data_of(Windowed(), missing=0).rows
    assert small_enough(whole, 2 * (131 * 2 * 4 + whole.static.nbytes))
    assert fits(rows, torch.device("cpu"))


@pytest.mark.gpu
@cuda
@pytest.mark.parametrize("feed", FEEDS)
def test_a_fit_on_a_gpu_ends_near_one_on_the_cpu_and_the_same_from_host_memory(tmp_path, monkeypatch, feed):
    settings = {"accelerator": "gpu", "devices": 1}
    module, _, data = fitted(FEEDS[feed], tmp_path, **settings)
    assert data._device_rows is not None
    assert data._device_rows.values.is_cuda
    assert (flat(module).cpu() - flat(fitted(FEEDS[feed], tmp_path)[0])).abs().max() < 1e-3
    monkeypatch.setattr(datamodule, "fits", lambda rows, device: False)
    other, _, _ = fitted(FEEDS[feed], tmp_path, **settings)
    assert (flat(module) - flat(other)).abs().max() < 1e-6


@pytest.mark.gpu
@cuda
@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_mixed_precision_ends_near_full_precision_with_states_in_full(tmp_path, feed, precision):
    settings = {"accelerator": "gpu", "devices": 1}
    _, full, _ = fitted(FEEDS[feed], tmp_path, **settings)
    module, mixed, _ = fitted(FEEDS[feed], tmp_path, precision=precision, **settings)
    losses = [float(trainer.callback_metrics["val_loss"]) for trainer in (full, mixed)]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    if feed == "lanes":
        memory = module.carried["train"]
        assert {part.dtype for part in (*memory.cell, memory.recent, *memory.moments)} == {torch.float32}
