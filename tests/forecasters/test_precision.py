"""Scaling between the data and a network: large levels, still series, series never seen, and no look ahead."""

import numpy as np
import pytest

from forecast.data.panel import Panel
from forecast.data.scale import Scale
from forecast.data.synthetic import autoregressive
from forecast.forecasters.linear import Linear
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.tabular import Tabular
from forecast.training.settings import Training
from forecast.windows.window import Window

WINDOW = Window(8, 4)
MODELS = {
    "linear": lambda: Linear(WINDOW),
    "tabular": lambda: Tabular(WINDOW),
    "recurrent": lambda: Recurrent(WINDOW, hidden_size=8, training=Training(epochs=3, learning_rate=1e-2)),
}
each_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())


def panel_of(*series: np.ndarray, names=None) -> Panel:
    lengths = [len(values) for values in series]
    hours = np.concatenate([np.arange(n) for n in lengths]).astype("M8[h]")
    return Panel.from_arrays(np.concatenate(series), hours, lengths, names)


def test_a_series_around_a_million_survives_the_way_there_and_back():
    values = 1e6 + 1e-3 * autoregressive([0.8], rows=600).values[:, 0]
    panel = panel_of(values)
    scale = Scale.fit(panel)
    back = scale.invert(scale.apply(panel)[None], np.array([0]))[0, :, 0]
    assert np.abs(back - values).max() < 1e-5 * values.std()


@each_model
@pytest.mark.parametrize(("level", "width"), [(1e6, 1e-3), (-1e9, 1.0), (0.0, 1e-9), (0.0, 1e9)])
def test_forecasts_do_not_depend_on_units(make, level, width):
    plain = autoregressive([0.8], rows=400).values[:, 0]
    said, moved = (
        make().fit(panel).predict(panel).point for panel in (panel_of(plain), panel_of(level + width * plain))
    )
    assert (moved - level) / width == pytest.approx(said, abs=1e-3 * plain.std())


@each_model
def test_a_series_that_never_moves_is_forecast_to_stay(make):
    panel = panel_of(np.full(200, 7.0), autoregressive([0.8], rows=200).values[:, 0])
    assert make().fit(panel).predict(panel).point[0] == pytest.approx(7.0, abs=0.5)
    alone = panel_of(np.full(200, 7.0))
    assert make().fit(alone).predict(alone).point[0] == pytest.approx(7.0, abs=1e-6)


def test_only_training_rows_enter_a_scale():
    values = np.random.default_rng(0).normal(size=100)
    other = values.copy()
    other[60:] += 1e6
    until = np.array([60])
    a, b = (Scale.fit(panel_of(each), until) for each in (values, other))
    assert a.center == b.center == pytest.approx(values[:60].mean())
    assert a.spread == b.spread == pytest.approx(values[:60].std())


def test_a_series_never_seen_is_scaled_by_its_first_context_and_no_row_more():
    random = np.random.default_rng(0)
    scale = Scale.fit(panel_of(random.normal(size=50), names=["known"]))
    values = 5 + 3 * random.normal(size=50)
    other = values.copy()
    other[8:] = -1e6
    for each in (values, other):
        own = scale.of(panel_of(random.normal(size=50), each, names=["known", "new"]), 8)
        assert own.center[1, 0] == pytest.approx(values[:8].mean())
        assert own.spread[1, 0] == pytest.approx(values[:8].std())
        assert own.center[0, 0] == scale.center[0, 0]


@each_model
def test_a_series_never_seen_is_forecast_in_its_own_units(make):
    rows = autoregressive([0.8], series=2, rows=400).values[:, 0]
    known, new = panel_of(rows[:400], names=["known"]), panel_of(5000 + 10 * rows[400:], names=["new"])
    said = make().fit(known).predict(new).point
    assert np.abs(said - 5000).max() < 50


def test_a_scale_without_any_known_series_still_scales():
    empty = Scale.fit(panel_of(np.full(20, np.nan), names=["silent"]))
    assert empty.series == ()
    assert np.isfinite(empty.of(panel_of(np.arange(20.0), names=["new"]), 5).center).all()


def test_a_new_series_that_begins_with_missing_cells_is_scaled_by_the_first_values_it_has():
    known, late = (autoregressive([0.8], rows=200, seed=seed).values[:, 0] for seed in (0, 1))
    late = 1e6 + 1e3 * late
    late[:50] = np.nan
    panel = panel_of(known, late, names=["known", "late"])
    scale = Scale.fit(panel.select(["known"])).of(panel, context=8)
    assert scale.center[1, 0] == late[50]
    late[51:] = 0.0
    again = Scale.fit(panel.select(["known"])).of(panel_of(known, late, names=["known", "late"]), context=8)
    np.testing.assert_array_equal(again.center, scale.center)


def test_a_series_with_one_training_row_is_scaled_like_a_new_one():
    known, young = (autoregressive([0.8], rows=200, seed=seed).values[:, 0] for seed in (0, 1))
    panel = panel_of(known, 1e3 * young, names=["known", "young"])
    scale = Scale.fit(panel, until=np.array([150, 1]))
    assert scale.series == ("known",)
    assert scale.of(panel, context=8).spread[1, 0] == pytest.approx(1e3 * young[:8].std())
