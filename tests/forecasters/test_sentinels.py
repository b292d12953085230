"""Sentinels: 1e20 and its like in the rows move nothing before them, nothing beside them, and nothing for long."""

import warnings

import numpy as np
import pytest

from forecast.data.panel import Origins, Panel
from forecast.data.scale import LIMIT, Scale
from forecast.data.schema import Schema
from forecast.forecasters.live.files import load_live
from forecast.forecasters.recurrent import Recurrent
from forecast.testing.panels import SENTINELS
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.gather import scaled_rows
from forecast.windows.window import Window

WINDOW = Window(12, 3)
LENGTHS = (300, 200)
each_sentinel = pytest.mark.parametrize("sentinel", SENTINELS)


def panel_of(row: int | None = None, value: float = np.nan, rows: tuple[int, ...] = LENGTHS) -> Panel:
    """Two noisy waves, with one cell changed."""
    time = np.concatenate([np.arange(n) for n in rows])
    values = np.sin(time / 4) + 0.1 * np.random.default_rng(0).normal(size=len(time))
    if row is not None:
        values[row] = value
    schema = Schema(time="time", targets=["y"], series="series")
    return Panel.from_arrays(values, time.astype("M8[h]"), rows, ("a", "b")[: len(rows)], schema)


def streamed(**settings) -> Recurrent:
    training = Training(epochs=3, learning_rate=1e-2)
    return Recurrent(WINDOW, "gru", 6, feed=Streamed(lanes=4, chunk=12), training=training, **settings)


@pytest.fixture(scope="module")
def model() -> Recurrent:
    return streamed().fit(panel_of().until(np.array([200, 150])))


def test_cells_beyond_every_measure_are_missing_and_others_are_left_alone():
    plain = panel_of()
    scale = Scale.fit(plain).of(plain, 12)
    assert scale.plausible(plain) is plain
    for value in (1e20, -1e16, 2e60):
        found = scale.plausible(panel_of(50, value))
        assert (~found.observed).sum() == 1
        assert found.values[50] == found.values[49]
        assert scaled_rows(panel_of(50, value), scale).values.abs().max() < 4
    width = scale.spread[0, 0]
    assert scale.plausible(panel_of(50, 0.9 * LIMIT * width)).observed.all()
    first = scaled_rows(panel_of(300, 1e60), scale)
    assert first.values[300] == 0
    assert not first.seen[300]


@each_sentinel
def test_later_rows_and_other_series_in_the_same_piece_move_no_forecast(model, sentinel):
    """Also where the origins asked lie so far apart that a sentinel is read together with rows before it."""
    origins = Origins(np.array([0, 0, 0, 1, 1]), np.array([205, 220, 290, 160, 200]))
    plain = model.predict(panel_of(), origins).values
    for row, before, digits in ((230, [0, 1, 3, 4], 0), (350, [0, 1, 2], 1e-6)):
        missing, absurd = (model.predict(panel_of(row, value), origins).values for value in (np.nan, sentinel))
        np.testing.assert_array_equal(absurd, missing)
        np.testing.assert_allclose(absurd[before], plain[before], rtol=0, atol=digits)


@each_sentinel
@pytest.mark.parametrize("feed", [Streamed(lanes=4, chunk=12), Windowed()])
def test_a_sentinel_in_the_validation_span_does_not_stop_a_fit(sentinel, feed):
    model = Recurrent(WINDOW, "gru", 4, feed=feed, training=Training(epochs=2, learning_rate=1e-2))
    epochs = model.fit(panel_of(260, sentinel)).history.epochs
    losses = np.array([(epoch.training, epoch.validation) for epoch in epochs])
    assert np.isfinite(losses).all()
    assert losses.max() < 2


@each_sentinel
def test_a_live_forecaster_over_a_sentinel_says_what_predict_says_is_saved_and_recovers(model, sentinel, tmp_path):
    panel, clean = panel_of(220, sentinel, (300,)), panel_of(rows=(300,))
    read = model.live(panel)
    live = model.live(panel.until(215))
    for row in range(215, 300):
        said = live.update({"time": panel.times[row], "series": "a", "y": panel.values[row, 0]})
        assert ("counts as missing" in " ".join(said)) == (row == 220)
    expected = model.predict(panel).values
    np.testing.assert_allclose(live.forecast().values, expected, atol=1e-5)
    np.testing.assert_allclose(read.forecast().values, expected, atol=1e-5)
    np.testing.assert_allclose(expected, model.predict(clean).values, atol=0.01)  # 80 rows later nothing is left of it
    for each in (live, read):
        np.testing.assert_array_equal(load_live(each.save(tmp_path)).forecast().values, each.forecast().values)
        (tmp_path / "state.safetensors").unlink()


def test_a_known_ahead_sentinel_is_the_value_before_it_live_as_in_a_batch():
    rng = np.random.default_rng(0)
    schema = Schema(time="time", targets=["y"], future=["k"])
    values = rng.normal(size=(203, 2))
    values[200:, 0] = np.nan
    hours = np.arange(203).astype("M8[h]")
    model = streamed(skip=False).fit(Panel.from_arrays(values, hours, schema=schema))
    for row in (200, 202):
        other = values.copy()
        other[row, 1] = 1e60
        panel = Panel.from_arrays(other, hours, schema=schema)
        expected = model.predict(panel).values
        said = model.live(panel).forecast(future={"0": other[200:, 1:]}).values
        np.testing.assert_allclose(said, expected, atol=1e-5)


@pytest.mark.parametrize("context", [2, 8])
def test_live_is_predict_through_a_gap_of_hundreds_of_rows(context):
    """Of one target, while the other goes on."""
    rng = np.random.default_rng(0)
    values = np.column_stack([10 + 3 * np.sin(np.arange(700) / 3) + rng.normal(size=700), rng.normal(size=700)])
    values[300:650, 0] = np.nan
    hours = np.arange(700).astype("M8[h]")
    panel = Panel.from_arrays(values, hours, schema=Schema(time="time", targets=["y", "z"]))
    window, training = Window(context, 3), Training(epochs=2)
    model = Recurrent(window, "gru", 6, feed=Streamed(2, 12), training=training).fit(panel.until(290))
    live, said = model.live(panel.until(295)), []
    for row in range(295, 660):
        live.update({"time": hours[row], "y": values[row, 0], "z": values[row, 1]})
        said.append(live.forecast().values[0])
    asked = Origins(np.zeros(365, dtype=np.int64), np.arange(296, 661))
    np.testing.assert_allclose(np.array(said), model.predict(panel, asked).values, atol=2e-5)


def test_nothing_overflows_on_the_way(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for sentinel in SENTINELS:
            assert np.isfinite(model.predict(panel_of(100, sentinel)).values).all()
