"""Recursive networks in training: taught one step (or along the horizon), judged on what they say running free."""

import numpy as np
import pytest
import torch

from forecast.data.panel import Origins
from forecast.nets.decoders import Recursive
from forecast.nets.heads import Drawn, Gaussian, Point
from forecast.nets.network import Architecture, Network
from forecast.nets.recursive import VALIDATED, free_run, start_of_windows
from forecast.testing import sample_panel
from forecast.training.datamodule import DataModule
from forecast.training.fit import fit
from forecast.training.module import RecurrentModule
from forecast.training.onepass import forecast_once
from forecast.training.running import keys_at, run_from_windows, taught
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.gather import gather, index_of
from forecast.windows.window import Window

WINDOW = Window(context=8, horizon=4)
PANEL = sample_panel(8, 4, targets=2, past=0, future=1, static=1, missing=0.1)


def made(feed, head=Point(), forcing: float | None = None, **architecture):  # noqa: B008
    data = DataModule(PANEL, WINDOW, feed, ahead=True)
    torch.manual_seed(0)
    settings = {"hidden_size": 5, "scaling": "running", "decoder": Recursive(6, forcing)} | architecture
    return RecurrentModule(Network(Architecture(**settings), data.sizes, head), learning_rate=1e-2), data


def perturbed(module: RecurrentModule) -> Network:
    with torch.no_grad():
        for weight in module.network.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    return module.network


def batch_of(data: DataModule, origins: Origins):
    return gather(data.rows, index_of(data.panel, origins), WINDOW.context, WINDOW.horizon)


@pytest.mark.parametrize("head", [Point(), Gaussian()], ids=["point", "gaussian"])
def test_validation_runs_free_along_the_whole_horizon(head):
    module, data = made(Windowed(), head)
    data.setup()
    fit(module, data, Training(epochs=1, device="cpu"))
    network, batch = module.network.eval(), batch_of(data, data.split.validation)
    with torch.no_grad():
        start = start_of_windows(network, batch.past, batch.static, batch.past_seen)
        paths = free_run(network, start, batch.future, None, VALIDATED)
        judge = head if isinstance(head, Point) else Drawn(head, 6)
        expected = judge.loss(paths, batch.target, batch.target_seen)
        said = module._loss(batch, "validation")
        one = head.loss(taught(network, batch), batch.target[:, :1], batch.target_seen[:, :1])
    assert torch.allclose(said, expected)
    assert not torch.allclose(said, one, rtol=0.05)


@pytest.mark.parametrize("feed", [Windowed(32), Streamed(lanes=3, chunk=12)], ids=["windowed", "streamed"])
def test_a_fit_logs_the_free_running_loss_of_its_epochs(feed):
    module, data = made(feed)
    data.setup()
    history = fit(module, data, Training(epochs=2, device="cpu"))
    origins = data.split.validation
    if isinstance(feed, Windowed):
        paths = run_from_windows(module.network, data.rows, PANEL, origins, WINDOW)
    else:
        paths = forecast_once(module.network, data.rows, PANEL, origins)
    batch = batch_of(data, origins)
    expected = Point().loss(torch.from_numpy(paths), batch.target.double(), batch.target_seen)
    # Streams are warmed on fewer rows for validation than a backtest reads, and batches weigh what they hold.
    assert abs(min(epoch.validation for epoch in history.epochs) / float(expected) - 1) < 0.02


def test_a_window_teaches_the_first_step_and_nothing_behind_it():
    module, data = made(Windowed())
    network, batch = perturbed(module), batch_of(data, WINDOW.origins(PANEL)[:9])
    changed = batch._replace(target=batch.target.clone())
    changed.target[:, 1:] += 100
    assert torch.equal(module._loss(batch, "train"), module._loss(changed, "train"))
    assert taught(network, batch).shape[1] == 1


@pytest.mark.parametrize("forcing", [0.0, 0.5, 1.0])
def test_forcing_teaches_every_step(forcing):
    module, data = made(Windowed(), Gaussian(), forcing)
    network, batch = perturbed(module), batch_of(data, WINDOW.origins(PANEL)[:9])
    assert taught(network, batch).shape == (9, 4, 2, 2)
    loss = module._loss(batch, "train")
    loss.backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in network.parameters())


def test_a_stream_teaches_the_next_row_at_every_row():
    module, data = made(Streamed(lanes=3, chunk=12))
    data.setup()
    turn = next(iter(data.train_dataloader()))
    chunk = data.on_after_batch_transfer(turn, 0)
    changed = chunk._replace(target=chunk.target.clone())
    changed.target[:, 1:] += 100
    perturbed(module)
    assert torch.equal(module._loss(chunk, "train"), module._loss(changed, "train"))
    changed.target[:, 0] += 100
    assert not torch.equal(module._loss(chunk, "train"), module._loss(changed, "train"))


def test_one_pass_gives_paths_in_the_order_asked_and_the_same_for_the_same_origin():
    module, data = made(Streamed(), Gaussian())
    network = perturbed(module)
    origins = WINDOW.origins(PANEL)[::7]
    whole = forecast_once(network, data.rows, PANEL, origins)
    order = np.random.default_rng(0).permutation(len(origins))
    twice = np.concatenate([order, order[:3]])
    mixed = forecast_once(network, data.rows, PANEL, origins[twice])
    np.testing.assert_allclose(mixed, whole[twice], atol=1e-4)
    assert whole.shape == (len(origins), 4, 2, 6)


def test_keys_of_origins_differ_by_series_step_and_seed():
    module, _ = made(Windowed())
    origins = WINDOW.origins(PANEL)
    keys = keys_at(module.network, PANEL, origins)
    assert len(set(keys)) == len(origins)
    other, _ = made(Windowed(), decoder=Recursive(6, seed=1))
    assert not set(keys) & set(keys_at(other.network, PANEL, origins))
