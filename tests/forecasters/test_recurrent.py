"""Recurrent networks as forecasters."""

import numpy as np
import pytest
import torch

from forecast.data.panel import Origins, Panel
from forecast.data.schema import Schema
from forecast.data.synthetic import autoregressive
from forecast.errors import DataError, NotFittedError, SettingsError
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import Fused
from forecast.testing import sample_panel
from forecast.training.fit import Training
from forecast.windows.feeds import Windowed
from forecast.windows.window import Window

WINDOW = Window(8, 3)
QUICK = Training(epochs=1)


def at(steps: np.ndarray) -> Origins:
    return Origins(np.zeros(len(steps), dtype=np.int64), steps)


def test_a_small_gru_reaches_the_optimum_of_an_autoregression():
    phi, horizon = 0.8, 3
    panel = autoregressive([phi], rows=12_000, seed=1)
    steps = np.arange(8_000, 12_000 - horizon)
    training = Training(epochs=6, learning_rate=5e-3)
    model = Recurrent(Window(10, horizon), hidden_size=8, scaling="none", feed=Windowed(128), training=training)
    said = model.fit(panel.until(8_000)).predict(panel, at(steps)).point[..., 0]
    truth = panel.values[steps[:, None] + np.arange(horizon), 0]
    for step in range(horizon):
        best = (1 - phi ** (2 * (step + 1))) / (1 - phi**2)
        known = np.mean((truth[:, step] - phi ** (step + 1) * panel.values[steps - 1, 0]) ** 2)
        found = np.mean((truth[:, step] - said[:, step]) ** 2)
        assert found < 1.03 * known
        assert found == pytest.approx(best, rel=0.1)


def test_a_past_covariate_that_tells_the_next_value_is_used():
    panel = autoregressive([0.3], rows=4_000, past=1, effect=1.0, seed=3)
    steps = np.arange(3_000, 3_999)
    training = Training(epochs=8, learning_rate=1e-2)
    model = Recurrent(Window(6, 1), hidden_size=8, training=training).fit(panel.until(3_000))
    errors = panel.values[steps, 0] - model.predict(panel, at(steps)).point[:, 0, 0]
    assert np.mean(errors**2) < 1.3  # 1 with the covariate, 2 without


def test_a_known_ahead_covariate_is_used():
    random = np.random.default_rng(0)
    known = random.normal(size=2_000)
    values = np.column_stack([2 * known + 0.1 * random.normal(size=2_000), known])
    panel = Panel.from_arrays(values, np.arange(2_000).astype("M8[h]"), schema=Schema(targets=["y"], future=["k"]))
    steps = np.arange(1_500, 1_990)
    training = Training(epochs=15, learning_rate=1e-2)
    model = Recurrent(Window(6, 2), hidden_size=16, training=training).fit(panel.until(1_500))
    errors = panel.values[steps[:, None] + np.arange(2), 0] - model.predict(panel, at(steps)).point[..., 0]
    assert errors.std() < 0.5 * values[:, 0].std()


def test_a_setting_that_cannot_work_fails_before_fit():
    for settings in ({"cell": "gruu"}, {"hidden_size": 0}, {"dropout": 1.0}, {"scaling": "min-max"}):
        with pytest.raises((SettingsError, TypeError)):
            Recurrent(WINDOW, **settings)


def test_making_a_forecaster_draws_no_random_numbers():
    before = torch.get_rng_state()
    Recurrent(WINDOW)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_cell_of_ones_own_is_enough():
    def wide(inputs: int, hidden_size: int) -> Fused:
        return Fused(torch.nn.GRU(inputs, hidden_size))

    panel = sample_panel(8, 3)
    assert np.isfinite(Recurrent(WINDOW, wide, hidden_size=4, training=QUICK).fit(panel).predict(panel).values).all()


def test_parameters_are_counted_after_fit():
    model = Recurrent(WINDOW, "rnn", hidden_size=4, skip=False, training=QUICK)
    assert model.parameters == 0
    model.fit(sample_panel(8, 3, past=0))
    assert model.parameters == (4 + 16 + 4 + 4) + (4 * 3 + 3)


def test_a_covariate_that_was_never_observed_does_no_harm():
    values = np.column_stack([np.sin(np.arange(90.0)), np.full(90, np.nan)])
    panel = Panel.from_arrays(values, np.arange(90).astype("M8[D]"), schema=Schema(targets=["y"], past=["x"]))
    model = Recurrent(WINDOW, hidden_size=4, training=QUICK).fit(panel)
    assert np.isfinite(model.predict(panel).values).all()


def test_no_origins_are_no_forecasts():
    panel = sample_panel(8, 3)
    nothing = Origins(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    assert Recurrent(WINDOW, training=QUICK).fit(panel).predict(panel, nothing).values.shape == (0, 3, 1, 1)


def test_errors_speak_of_what_is_missing():
    panel = sample_panel(8, 3, future=1)
    model = Recurrent(WINDOW, hidden_size=4, training=QUICK)
    with pytest.raises(NotFittedError, match="fit first"):
        model.predict(panel)
    model.fit(panel)
    with pytest.raises(DataError, match="known-ahead columns"):
        model.predict(panel, Origins(np.array([0]), panel.lengths[:1]))
    with pytest.raises(DataError, match="a context of 8 needs 8"):
        model.predict(panel, at(np.array([7])))
    with pytest.raises(DataError, match="the model was fitted on"):
        model.predict(sample_panel(8, 3))
