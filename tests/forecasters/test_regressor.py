"""The recurrent network as an estimator of scikit-learn."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from forecast.data.panel import Origins, Panel
from forecast.data.schema import Schema
from forecast.data.synthetic import autoregressive
from forecast.errors import SettingsError
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.regressor import RecurrentRegressor
from forecast.forecasters.tabular import Tabular
from forecast.testing import sample_panel
from forecast.training.settings import Training
from forecast.windows.window import Window

QUICK = {"hidden_size": 8, "epochs": 12, "learning_rate": 0.03, "random_state": 0}


def lagged(values, lags, outputs=1):
    windows = sliding_window_view(values, lags + outputs)
    return windows[:, :lags], windows[:, lags] if outputs == 1 else windows[:, lags:]


@parametrize_with_checks([RecurrentRegressor(hidden_size=4, epochs=8, batch_size=32, learning_rate=0.05)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_takes_it_for_one_of_its_own(estimator, check):
    check(estimator)


@pytest.mark.parametrize("channels", [1, 2])
def test_it_is_recurrent_on_the_same_windows(channels):
    rng, steps, rows = np.random.default_rng(1), 5, 40
    samples = rng.normal(10.0, 3.0, size=(rows, steps + 1, channels))
    samples[:, -1, 1:] = np.nan  # what lies beside an output is read by nobody
    schema = Schema(targets=("y",), past=("x1",)[: channels - 1])
    times = np.arange(rows * (steps + 1)).astype("M8[h]")
    panel = Panel.from_arrays(samples.reshape(-1, channels), times, schema=schema)
    cut = 32 * (steps + 1) + steps  # eight of forty samples choose the epoch
    training = Training(epochs=6, learning_rate=0.01, seed=7, validation=1 - cut / len(times))
    window = Window(steps, 1, stride=steps + 1)
    forecaster = Recurrent(window, hidden_size=6, scaling="last", training=training).fit(panel)

    lags, ahead = samples[:, :-1].reshape(rows, -1), samples[:, -1, 0]
    model = RecurrentRegressor(
        channels, hidden_size=6, scaling="last", epochs=6, learning_rate=0.01, batch_size=64, random_state=7
    ).fit(lags, ahead)
    losses = [[epoch.validation for epoch in each.history.epochs] for each in (model.forecaster_, forecaster)]
    assert losses[0] == losses[1]
    weights = forecaster.network.state_dict()
    for name, weight in model.forecaster_.network.state_dict().items():
        assert torch.equal(weight, weights[name]), name
    origins = Origins(np.zeros(rows, dtype=np.int64), np.arange(rows) * (steps + 1) + steps)
    assert np.allclose(model.predict(lags), forecaster.predict(panel, origins).point[:, 0, 0], rtol=1e-6)


def test_it_beats_the_mean_and_nearly_reaches_the_best_on_an_autoregressive_process():
    x, y = lagged(autoregressive([0.5, 0.3], rows=900, seed=4).values[:, 0], 6)
    model = RecurrentRegressor(**QUICK).fit(x[:600], y[:600])
    mean, best = np.var(y[600:]), np.mean((y[600:] - 0.5 * x[600:, -1] - 0.3 * x[600:, -2]) ** 2)
    error = np.mean((y[600:] - model.predict(x[600:])) ** 2)
    assert best < 0.7 * mean
    assert error < 1.1 * best


@pytest.mark.parametrize("scaling", ["none", "last", "standard"])
def test_several_outputs_are_told_in_the_units_of_each(scaling):
    x, y = lagged(50 + 4 * np.sin(np.arange(300.0) / 4), 10, outputs=3)
    units = np.array([1.0, 1e-3, 1e5]) if scaling == "none" else np.ones(3)
    model = RecurrentRegressor(scaling=scaling, **QUICK).fit(x[:200], (y * units)[:200])
    said = model.predict(x[200:])
    assert said.shape == (len(x) - 200, 3)
    away = np.abs(said / units - y[200:]).mean(axis=0)
    assert (away < 0.15 * y.std()).all(), away


def test_units_of_lags_and_outputs_change_nothing():
    x, y = lagged(autoregressive([0.8], rows=200, seed=1).values[:, 0], 4)
    plain = RecurrentRegressor(**QUICK).fit(x, y).predict(x)
    moved = RecurrentRegressor(**QUICK).fit(1e3 * x - 7e5, 1e-4 * y + 3).predict(1e3 * x - 7e5)
    assert np.allclose((moved - 3) / 1e-4, plain, atol=1e-3)


def test_changes_are_the_same_at_every_level():
    x, y = lagged(np.cumsum(np.random.default_rng(0).normal(size=120)), 5)
    model = RecurrentRegressor(scaling="last", **QUICK).fit(x, y)
    assert np.allclose(model.predict(x + 1000.0), model.predict(x) + 1000.0, atol=1e-6)


def test_a_random_state_repeats_a_fit_and_another_does_not():
    x, y = lagged(autoregressive([0.8], rows=120, seed=1).values[:, 0], 4)
    first, second, other = (
        RecurrentRegressor(**QUICK | {"random_state": state}).fit(x, y).predict(x)
        for state in (np.random.RandomState(3), np.random.RandomState(3), 4)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_row_is_told_alike_alone_and_among_others():
    x, y = lagged(autoregressive([0.8], rows=120, seed=1).values[:, 0], 4)
    model = RecurrentRegressor(**QUICK).fit(x, y)
    alone = np.concatenate([model.predict(row[None]) for row in x])
    assert np.allclose(alone, model.predict(x), rtol=0, atol=1e-12)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(x), model.predict(x))


def test_a_search_picks_the_state_that_is_large_enough_for_a_sine():
    x, y = lagged(np.sin(np.arange(160.0) / 2), 6)
    space = {"hidden_size": [1, 12]}
    search = GridSearchCV(RecurrentRegressor(skip=False, **QUICK), space, cv=TimeSeriesSplit(2))
    search.fit(x, y)
    assert search.best_params_ == {"hidden_size": 12}
    assert search.score(x, y) > 0.9


def test_it_goes_into_pipelines_and_behind_transformed_targets():
    x, y = lagged(np.exp(autoregressive([0.9], rows=240, seed=2).values[:, 0] / 3), 4)
    frame = pd.DataFrame(x, columns=[f"lag {4 - i}" for i in range(4)])
    steps = make_pipeline(StandardScaler().set_output(transform="pandas"), RecurrentRegressor(**QUICK))
    model = TransformedTargetRegressor(steps, func=np.log, inverse_func=np.exp)
    scores = cross_val_score(model, frame, y, cv=TimeSeriesSplit(2))
    assert (scores > 0.3).all(), scores
    inner = model.fit(frame, y).regressor_[-1]
    assert inner.feature_names_in_.tolist() == list(frame.columns)


def test_tabular_takes_it_where_its_columns_are_steps_and_nothing_else():
    panel, window = sample_panel(6, 2, targets=2, past=0, future=0, static=0), Window(6, 2)
    model = Tabular(window, RecurrentRegressor(**QUICK)).fit(panel)
    assert np.isfinite(model.predict(panel).values).all()
    for beside, by_step in ((sample_panel(6, 2, past=1), False), (panel, True)):
        with pytest.raises(SettingsError, match="use Recurrent, which reads covariates"):
            Tabular(window, RecurrentRegressor(), by_step=by_step).fit(beside)


def test_what_makes_no_sense_is_refused_at_fit():
    x, y = lagged(np.arange(30.0), 6)
    with pytest.raises(ValueError, match=r"6 columns.*no whole number of steps of n_channels=4 variables"):
        RecurrentRegressor(4).fit(x, y)
    with pytest.raises(SettingsError, match="n_channels=0: a whole number"):
        RecurrentRegressor(0).fit(x, y)
    with pytest.raises(SettingsError, match=r"validation=1\.5: a share of the rows"):
        RecurrentRegressor(validation=1.5).fit(x, y)
    with pytest.raises(SettingsError, match="did you mean 'gru'"):
        RecurrentRegressor(cell="grru").fit(x, y)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        RecurrentRegressor().predict(x)
    assert len(RecurrentRegressor(validation=0.0, epochs=2).fit(x[:2], y[:2]).predict(x)) == len(x)


@pytest.mark.parametrize("scaling", ["none", "last"])
def test_an_output_that_never_changes_is_told_as_it_is(scaling):
    X = np.random.default_rng(0).normal(size=(40, 4))
    y = np.column_stack([np.full(40, 0.1), X[:, -1]])
    said = RecurrentRegressor(hidden_size=4, epochs=1, scaling=scaling, random_state=0).fit(X, y).predict(X)
    np.testing.assert_array_equal(said[:, 0], 0.1)
    assert np.ptp(said[:, 1]) > 0
