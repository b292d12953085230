"""Scikit-learn regressors on windows."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.neighbors import KNeighborsRegressor

from forecast.data.panel import Origins, Panel
from forecast.data.synthetic import autoregressive
from forecast.errors import NotFittedError, SettingsError, TrainingError
from forecast.forecasters.tabular import PRESETS, Tabular
from forecast.testing import sample_panel
from forecast.windows.window import Window

WINDOW = Window(6, 3)


@pytest.mark.parametrize(
    "regressor", [Lasso(alpha=0.01), RandomForestRegressor(5, n_jobs=2, random_state=0), KNeighborsRegressor(500)]
)
def test_any_regressor_will_do_and_is_not_changed(regressor):
    before, attributes = regressor.get_params(), set(vars(regressor))
    panel = sample_panel(6, 3)
    model = Tabular(WINDOW, regressor).fit(panel)
    assert np.isfinite(model.predict(panel).values).all()
    assert regressor.get_params() == before
    assert set(vars(regressor)) == attributes
    assert type(model.model) is type(clone(regressor))
    assert model.model is not regressor


@pytest.mark.parametrize("by_step", [False, True])
def test_a_regressor_sees_the_window_the_covariates_and_nothing_else(by_step):
    class Spy(LinearRegression):
        def fit(self, x, y):
            shapes.append((x.shape, y.shape))
            return super().fit(x, y)

    shapes = []
    panel = sample_panel(6, 3, targets=2, past=1, future=2, static=1, missing=0)
    Tabular(WINDOW, Spy(), by_step=by_step).fit(panel)
    origins = len(WINDOW.origins(panel))
    inputs = 6 + 6 * 3 + 3 * 2 + 1
    rows = len(panel.values)
    assert rows > origins
    ((x, y),) = shapes
    assert x[1] == inputs + by_step
    seen = panel.observed[:, :2]
    first = panel.offsets[WINDOW.origins(panel).series] + WINDOW.origins(panel).step
    cells = sum(seen[first + step].sum() for step in range(3))
    whole = sum((seen[first] & seen[first + 1] & seen[first + 2]).sum(axis=0))
    assert (x[0], y) == ((cells, (cells,)) if by_step else (whole, (whole, 3)))


def test_by_step_and_all_steps_agree_for_a_horizon_of_one():
    panel = sample_panel(6, 1)
    a, b = (Tabular(Window(6, 1), "ridge", by_step=each).fit(panel).predict(panel).values for each in (True, False))
    assert np.allclose(a, b, atol=1e-3)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_forecast_from_a_handful_of_windows(preset):
    panel = Panel.from_arrays(np.sin(np.arange(14.0)), np.arange(14).astype("M8[D]"))
    model = Tabular(WINDOW, preset).fit(panel)
    assert np.isfinite(model.predict(panel).values).all()
    assert model.parameters > 0


def test_no_more_windows_are_used_than_asked_for():
    panel = autoregressive([0.5], rows=2_000)
    model = Tabular(WINDOW, "knn", windows=100).fit(panel)
    assert model.model.n_samples_fit_ == 100


def test_the_regression_is_the_right_one():
    panel = autoregressive([0.8], rows=8_000, seed=2)
    steps = np.arange(6_000, 7_997)
    window = Window(64, 3)
    said = (
        Tabular(window, LinearRegression()).fit(panel.until(6_000)).predict(panel, Origins(np.zeros_like(steps), steps))
    )
    truth, last = panel.values[steps[:, None] + np.arange(3), 0], panel.values[steps - 1, 0]
    for step in range(3):
        best = np.mean((truth[:, step] - 0.8 ** (step + 1) * last) ** 2)
        assert np.mean((truth[:, step] - said.point[:, step, 0]) ** 2) < 1.08 * best


def test_no_origins_are_no_forecasts():
    panel = sample_panel(6, 3)
    nothing = Origins(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    for by_step in (True, False):
        assert Tabular(WINDOW, by_step=by_step).fit(panel).predict(panel, nothing).values.shape == (0, 3, 1, 1)


def test_errors_speak_of_what_is_missing():
    panel = sample_panel(6, 3)
    with pytest.raises(SettingsError, match="did you mean 'ridge'"):
        Tabular(WINDOW, "rigde")
    with pytest.raises(NotFittedError, match="fit first"):
        Tabular(WINDOW).predict(panel)
    with pytest.raises(TrainingError, match="context 600"):
        Tabular(Window(600, 3)).fit(panel)


def test_ridge_is_solved_in_double_precision():
    panel = sample_panel(6, 3)
    assert Tabular(WINDOW, "ridge").fit(panel).model.coef_.dtype == np.float64
