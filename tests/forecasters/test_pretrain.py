"""Pre-training: a cell learns from series without labels, and a fit begins with it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.data.synthetic import autoregressive, seasonal
from forecast.errors import DataError, SettingsError
from forecast.forecasters.pretrain import pretrain
from forecast.forecasters.recurrent import Recurrent
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window

WINDOW = Window(8, 2)
ONE = Training(epochs=1, device="cpu", learning_rate=1e-2)
STILL = replace(ONE, learning_rate=1e-30)
ROLES = Schema(targets=("power",), past=("wind", "sun"))


def model(training: Training = ONE, **settings) -> Recurrent:
    return Recurrent(WINDOW, **{"cell": "gru", "hidden_size": 4, "training": training} | settings)


def weather(labelled: bool = True, schema: Schema = ROLES, seed: int = 0, rows: int = 80, series: int = 2) -> Panel:
    """Power follows wind and sun; without labels it was never observed."""
    sky = autoregressive((0.8,), series=2 * series, rows=rows, seed=seed).values[:, 0].reshape(series, 2, rows)
    wind, sun = sky.transpose(1, 0, 2).reshape(2, -1)
    power = np.roll(wind + 0.5 * sun, 1) if labelled else np.full(wind.shape, np.nan)
    columns = {"power": power, "wind": wind, "sun": sun}
    values = np.column_stack([columns[name] for name in schema.given])
    days = np.tile(np.datetime64("2024-01-01", "D") + np.arange(rows), series)
    return Panel.from_arrays(values, days, [rows] * series, schema=schema)


def weights(of: Recurrent) -> dict[str, torch.Tensor]:
    return of.network.state_dict()


@pytest.mark.parametrize("task", ["next-step", "reconstruction"])
@pytest.mark.parametrize("feed", [Windowed(16), Streamed(lanes=2)], ids=["windowed", "streamed"])
def test_a_fit_begins_with_the_cell_that_read_series_without_labels_bit_for_bit(task, feed):
    base = model(STILL, feed=feed)
    ready = pretrain(base, weather(labelled=False), task, training=ONE)
    cold, fitted = model(STILL, feed=feed).fit(weather(seed=1)), ready.fit(weather(seed=1))
    for name, value in weights(fitted).items():
        if name in ready.start.weights:
            assert torch.equal(value, ready.start.weights[name])
        else:
            torch.testing.assert_close(value, weights(cold)[name], rtol=0, atol=1e-20)
    assert set(fitted.taken.weights) == {name for name in weights(fitted) if name.startswith("cell.")}
    assert {name.partition(".")[0] for name in fitted.taken.begun} == {"decoder", "skip"}
    assert not any(
        torch.equal(weights(cold)[name], value) for name, value in ready.start.weights.items() if "hh" in name
    )
    assert base.start is None
    assert np.isfinite(fitted.predict(weather(seed=1)).values).all()


@pytest.mark.parametrize("task", ["next-step", "reconstruction"])
def test_the_loss_of_a_task_falls(task):
    told = model(replace(ONE, epochs=8), feed=Windowed(32))
    losses = []
    told.watch = lambda epoch: losses.append(epoch.training)
    pretrain(told, seasonal(series=2, rows=200, season=6), task)
    assert losses[-1] < 0.8 * losses[0]


def test_a_table_without_the_target_column_is_laid_out_like_the_one_that_has_it():
    whole = weather(labelled=False)
    without = weather(schema=Schema(targets=("sun",), past=("wind",)))
    one, other = pretrain(model(), whole), pretrain(model(), without, schema=ROLES)
    assert all(torch.equal(value, other.start.weights[name]) for name, value in one.start.weights.items())
    with pytest.raises(DataError, match="no column 'sun': only targets may be missing"):
        pretrain(model(), weather(schema=Schema(targets=("wind",))), schema=ROLES)


def test_rows_behind_the_cut_change_nothing():
    panel = weather(labelled=False)
    cut = panel.cut(0.7)
    late = np.arange(len(panel.values)) >= np.repeat(panel.offsets[:-1] + cut, panel.lengths)
    other = replace(panel, values=np.where(late[:, None], 1e6, panel.values))
    one, two = (pretrain(model(), each.until(cut)).start.weights for each in (panel, other))
    assert all(torch.equal(value, two[name]) for name, value in one.items())


@pytest.mark.parametrize("transform", ["log", "log-return"])
def test_targets_that_were_never_observed_go_through_any_transform(transform):
    panel = weather(labelled=False)
    panel = replace(panel, values=np.exp(panel.values))
    labelled = weather()
    labelled = replace(labelled, values=np.exp(labelled.values))
    fitted = pretrain(model(transform=transform, gaps=True), panel, partial=True).fit(labelled)
    assert np.isfinite(fitted.predict(labelled).values).all()


def test_other_covariates_need_another_cell():
    ready = pretrain(model(), weather(schema=Schema(targets=("power",), past=("wind",))))
    with pytest.raises(SettingsError, match=r"covariates 'wind' there, 'wind', 'sun' here; cell.layer.weight_ih_l0"):
        ready.fit(weather())
    ready.start = replace(ready.start, partial=True)
    assert "cell.layer.weight_hh_l0" in ready.fit(weather()).taken.weights


def test_what_cannot_be_learned_from_is_refused():
    with pytest.raises(SettingsError, match="did you mean 'next-step'"):
        pretrain(model(), weather(), "next_step")
    with pytest.raises(DataError, match="nothing to learn from"):
        pretrain(model(), weather(labelled=False, schema=Schema(targets=("power",))))


@pytest.mark.parametrize("rows", [(60, 0, 60), (60, 60, 0)])
def test_series_without_rows_are_passed_over(rows):
    panel = autoregressive(series=3, rows=60).until(np.array(rows))
    assert pretrain(model(), panel).fit(autoregressive(rows=60)).taken.weights
