"""Missing cells as inputs: where they are and for how long, the same in windows, on streams, live and saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forecast.data.absence import marks, marks_at, since, with_gaps
from forecast.data.panel import Origins, Panel
from forecast.data.schema import Schema
from forecast.forecasters.artifacts.artifact import load
from forecast.forecasters.live.files import load_live
from forecast.forecasters.recurrent import Recurrent
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window

WINDOW = Window(6, 2)


def holed(rows: int = 200, seed: int = 0) -> Panel:
    """Two series; the target and x have gaps, z has none, f is known ahead."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(2 * rows, 4))
    values[:, 0] = np.cumsum(values[:, 0])
    for channel in (0, 1):
        values[random.random(2 * rows) < 0.3, channel] = np.nan
    values[[0, 149, rows, rows + 149], 0] = 1.0
    times = np.tile(hours(rows), 2)
    names = Schema("time", ("y",), "id", past=("x", "z"), future=("f",))
    return Panel.from_arrays(values, times, [rows, rows], ["a", "b"], names)


def hours(rows: int) -> np.ndarray:
    return np.datetime64("2024-01-01", "us") + np.arange(rows) * np.timedelta64(1, "h")


def test_rows_since_the_last_cell_are_counted_within_each_series() -> None:
    panel = holed(seed=3)
    counted = since(panel, ["y", "x"])
    for series in range(2):
        count = [0, 0]
        for row in range(panel.offsets[series], panel.offsets[series + 1]):
            count = [0 if panel.observed[row, channel] else count[channel] + 1 for channel in (0, 1)]
            assert counted[row].tolist() == count


def test_what_comes_later_changes_no_mark() -> None:
    panel = holed()
    whole, early = marks(panel, ["x"]), marks(panel.until(50), ["x"])
    np.testing.assert_array_equal(early[:50], whole[:50])
    np.testing.assert_array_equal(early[50:], whole[200:250])
    np.testing.assert_allclose([marks_at(row) for row in since(panel, ["x"])[:50]], whole[:50])


def made(feed: Windowed | Streamed, gaps: bool = True) -> Recurrent:
    return Recurrent(WINDOW, hidden_size=4, feed=feed, gaps=gaps, training=Training(epochs=1, seconds=20))


def stream() -> Streamed:
    return Streamed(lanes=2, chunk=16)


@pytest.mark.parametrize("feed", [Windowed(batch_size=32), stream()])
def test_channels_with_gaps_in_training_and_no_others_get_them(feed: Windowed | Streamed) -> None:
    panel = holed()
    assert with_gaps(panel) == ("y", "x")
    model, plain = made(feed).fit(panel), made(feed, gaps=False).fit(panel)
    assert model.absent == ("y", "x")
    assert plain.absent == ()
    assert model.network is not None
    assert plain.network is not None
    assert model.network.sizes.past == plain.network.sizes.past + 4


@pytest.mark.parametrize("feed", [Windowed(batch_size=32), stream()])
def test_that_a_cell_was_carried_forward_changes_the_forecast(feed: Windowed | Streamed) -> None:
    panel, origin = holed(), Origins(np.array([0]), np.array([150]))
    values = np.where(panel.observed, panel.values, np.nan)
    values[149, 1] = values[140:149, 1][np.isfinite(values[140:149, 1])][-1]
    there = Panel.from_arrays(values, panel.times, [200, 200], panel.series, panel.schema)
    values[149, 1] = np.nan
    lacking = Panel.from_arrays(values, panel.times, [200, 200], panel.series, panel.schema)
    np.testing.assert_array_equal(there.values[149], lacking.values[149])
    for gaps in (True, False):
        model = made(feed, gaps).fit(panel)
        same = np.array_equal(model.predict(there, origin).values, model.predict(lacking, origin).values)
        assert same != gaps


@pytest.mark.parametrize("feed", [Windowed(batch_size=32), stream()])
def test_a_saved_model_with_marks_says_the_same(tmp_path: Path, feed: Windowed | Streamed) -> None:
    panel, origins = holed(), Origins(np.array([0, 1]), np.array([150, 170]))
    model = made(feed).fit(panel)
    model.save(tmp_path)
    again = load(tmp_path).model.predict(panel, origins)
    np.testing.assert_allclose(again.values, model.predict(panel, origins).values, atol=1e-6)


def test_a_live_forecaster_counts_its_own_gaps(tmp_path: Path) -> None:
    panel = holed()
    model = made(stream()).fit(panel.until(150))
    live = model.live(panel.until(150))
    values = np.where(panel.observed, panel.values, np.nan)
    said = []
    for place in range(150, 190):
        for series, name in enumerate(("a", "b")):
            y, x, z, f = values[200 * series + place]
            live.update({"id": name, "time": panel.times[place], "y": y, "x": x, "z": z, "f": f})
        if place == 170:
            live.save(tmp_path)
            live = load_live(tmp_path)
        ahead = {name: panel.values[200 * i + place + 1 :, 3:][:2] for i, name in enumerate(("a", "b"))}
        said.append(live.forecast(future=ahead).values)
    origins = Origins(np.tile([0, 1], 40), np.repeat(np.arange(151, 191), 2))
    np.testing.assert_allclose(np.concatenate(said), model.predict(panel, origins).values, atol=1e-4)
