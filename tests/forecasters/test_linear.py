"""Linear equals ridge regressions solved elsewhere."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from forecast.data.panel import Origins, Panel
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.data.synthetic import autoregressive
from forecast.errors import NotFittedError, TrainingError
from forecast.forecasters import linear
from forecast.forecasters.linear import Linear
from forecast.testing import sample_panel
from forecast.windows.gather import gather, index_of, scaled_rows
from forecast.windows.window import Window


def windows_of(panel: Panel, window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, outputs and masks of every (origin, target), the slow way."""
    scale = Scale.fit(panel)
    values = np.nan_to_num((panel.values - scale.center[panel.row_series]) / scale.spread[panel.row_series])
    x, y, seen = [], [], []
    origins = window.origins(panel)
    for series, step in zip(origins.series, origins.step, strict=True):
        row = panel.offsets[series] + step
        for target in range(panel.layout.targets):
            last = values[row - 1, target]
            x.append(values[row - window.context : row - 1, target] - last)
            y.append(values[row : row + window.horizon, target] - last)
            seen.append(panel.observed[row : row + window.horizon, target])
    return np.array(x), np.array(y), np.array(seen)


def penalty(x: np.ndarray, factor: float) -> float:
    return factor * float((x * x).sum(axis=0).mean())


def test_linear_equals_the_ridge_of_scikit_learn():
    panel, window = sample_panel(8, 3, targets=2, missing=0.02), Window(8, 3)
    model = Linear(window).fit(panel)
    x, y, seen = windows_of(panel, window)
    keep = seen.all(axis=1)
    ridge = Ridge(alpha=penalty(x[keep], model.penalty), solver="cholesky").fit(x[keep], y[keep])
    assert np.abs(model.weights[:-1] - ridge.coef_.T).max() < 1e-8
    assert np.abs(model.weights[-1] - ridge.intercept_).max() < 1e-8
    assert model.parameters == 8 * 3


def test_where_most_windows_have_a_gap_every_step_is_solved_on_its_own_windows():
    panel, window = sample_panel(6, 4, missing=0.4), Window(6, 4)
    model = Linear(window).fit(panel)
    x, y, seen = windows_of(panel, window)
    assert seen.all(axis=1).mean() < 0.5
    for step in range(4):
        keep = seen[:, step]
        ridge = Ridge(alpha=penalty(x[keep], model.penalty), solver="cholesky").fit(x[keep], y[keep, step])
        assert np.abs(model.weights[:-1, step] - ridge.coef_).max() < 1e-8
        assert model.weights[-1, step] == pytest.approx(ridge.intercept_, abs=1e-8)


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_the_penalty_is_the_one_with_the_least_error_on_the_validation_span(missing):
    panel, window = sample_panel(6, 4, missing=missing), Window(6, 4)
    parts = linear.split(panel, window, 0.2)
    rows = scaled_rows(panel, Scale.fit(panel), torch.float64)
    model = Linear(window)
    training = model._moments(rows, index_of(panel, parts.training))
    batch = gather(rows, index_of(panel, parts.validation), 6, 4)
    x, last = model._inputs(rows, index_of(panel, parts.validation))
    seen = torch.ones(len(x), 4) if batch.target_seen is None else batch.target_seen[..., 0]
    errors = {}
    for value in linear.PENALTIES:
        misses = (x @ linear._solve(training, value) + last - batch.target[..., 0]) ** 2
        errors[value] = float((misses * seen).sum())
    assert model.fit(panel).penalty == min(errors, key=errors.get)


def test_many_batches_give_the_same_weights_as_one(monkeypatch):
    panel, window = sample_panel(8, 3, targets=2), Window(8, 3)
    whole = Linear(window).fit(panel)
    monkeypatch.setattr(linear, "CELLS", 7 * (8 + 3) * 2)
    pieces = Linear(window).fit(panel)
    assert np.allclose(whole.weights, pieces.weights, atol=1e-10)
    assert np.allclose(whole.predict(panel).values, pieces.predict(panel).values, rtol=0, atol=1e-9)


def test_covariates_are_not_used_so_none_is_needed_ahead():
    random = np.random.default_rng(0)
    panel = Panel.from_arrays(
        random.normal(size=(80, 2)), np.arange(80).astype("M8[D]"), schema=Schema(targets=["y"], future=["k"])
    )
    alone = Panel.from_arrays(panel.values[:, 0], panel.times)
    window = Window(5, 2)
    said = Linear(window).fit(panel).predict(panel)
    assert np.allclose(said.values, Linear(window).fit(alone).predict(alone).values)


def test_a_context_of_one_learns_the_mean_change():
    panel = Panel.from_arrays(np.arange(50.0) * 2, np.arange(50).astype("M8[D]"))
    assert Linear(Window(1, 3)).fit(panel).predict(panel).point[0, :, 0] == pytest.approx([100, 102, 104])


def test_linear_comes_close_to_the_optimum_of_an_autoregression():
    """Close, not onto it: differences to the last value hide the level, whose mean must be guessed from the context."""
    phi, horizon = 0.8, 3
    panel = autoregressive([phi], rows=12_000, seed=1)
    steps = np.arange(8_000, 12_000 - horizon)
    origins = Origins(np.zeros(len(steps), dtype=np.int64), steps)
    said = Linear(Window(64, horizon)).fit(panel.until(8_000)).predict(panel, origins).point[..., 0]
    truth = panel.values[steps[:, None] + np.arange(horizon), 0]
    for step in range(horizon):
        best = (1 - phi ** (2 * (step + 1))) / (1 - phi**2)
        known = np.mean((truth[:, step] - phi ** (step + 1) * panel.values[steps - 1, 0]) ** 2)
        found = np.mean((truth[:, step] - said[:, step]) ** 2)
        assert found < 1.05 * known
        assert found == pytest.approx(best, rel=0.1)


def test_errors_speak_of_what_is_missing():
    panel = sample_panel(8, 3)
    with pytest.raises(NotFittedError, match="fit first"):
        Linear(Window(8, 3)).predict(panel)
    with pytest.raises(TrainingError, match="context 800"):
        Linear(Window(800, 3)).fit(panel)
