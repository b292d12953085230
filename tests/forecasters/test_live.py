"""Live forecasters: what the batch path says, one row at a time."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from resealed import renumbered, reseal

import forecast as fc
from forecast.data.forecast import Forecast
from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import DataError, NotFittedError, SettingsError
from forecast.forecasters.live.files import STATE, load_live
from forecast.forecasters.live.forecaster import Live
from forecast.forecasters.live.rows import RowReader
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import gru
from forecast.testing.panels import sample_panel, spread
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window
from forecast.work.lock import LOCK, locked

WINDOW = Window(12, 4)
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
ONE = Training(epochs=1, device="cpu")
KINDS: dict[str, tuple[dict, dict]] = {
    "one target": ({}, {"past": 0}),
    "covariates": ({}, {"targets": 2, "static": 1}),
    "known ahead": ({}, {"targets": 2, "past": 1, "future": 2}),
    "joint": ({"channels": "joint"}, {"targets": 2, "future": 1}),
    "lstm": ({"cell": "lstm", "layers": 2}, {"targets": 2}),
    "rnn, no scale": ({"cell": "rnn", "scaling": "none"}, {}),
    "no skip": ({"cell": "rnn-relu", "skip": False, "calendar": False}, {"targets": 2}),
}


class MyCell(torch.nn.Module):
    """A cell of somebody's own."""

    def __init__(self, inputs: int, hidden_size: int) -> None:
        super().__init__()
        self.inner, self.hidden_size = gru(inputs, hidden_size), hidden_size

    def initial(self, batch: int) -> tuple[torch.Tensor, ...]:
        return self.inner.initial(batch)

    def forward(self, x: torch.Tensor, state: tuple[torch.Tensor, ...]):
        return self.inner(x, state)


def fitted(panel: Panel, **settings) -> Recurrent:
    """A model whose every weight counts, as after long training."""
    model = Recurrent(WINDOW, **{"hidden_size": 6, "feed": Streamed(lanes=2), "training": ONE} | settings).fit(panel)
    torch.manual_seed(0)
    with torch.no_grad():
        for layer in (model.network.decoder, model.network.skip):
            if layer is not None:
                layer.weight.normal_(0, 0.2)
    return model


def rows_of(panel: Panel, start: np.ndarray) -> list[dict]:
    """Rows as somebody would send them: oldest first, over all series."""
    rows = []
    for place, name in enumerate(panel.series):
        for row in range(panel.offsets[place] + start[place], panel.offsets[place + 1]):
            cells = zip(panel.schema.channels, panel.values[row].tolist(), panel.observed[row], strict=True)
            rows.append({"time": panel.times[row], "series": name} | {c: v for c, v, seen in cells if seen})
    return sorted(rows, key=lambda row: row["time"])


def later(panel: Panel, start: np.ndarray) -> Panel:
    rows = np.arange(len(panel.times)) >= np.repeat(panel.offsets[:-1] + start, panel.lengths)
    offsets = np.concatenate([[0], np.cumsum(panel.lengths - start)])
    values, seen = panel.values[rows], panel.observed[rows]
    return replace(panel, values=values, observed=seen, times=panel.times[rows], offsets=offsets)


def ahead_of(panel: Panel) -> dict[str, np.ndarray] | None:
    known, ends = panel.layout.future, panel.offsets[:-1] + panel.ends()
    if not known:
        return None
    return {name: panel.values[end : end + 4, -known:] for name, end in zip(panel.series, ends, strict=True)}


def far(said: Forecast, expected: Forecast, panel: Panel) -> float:
    """Greatest difference, in standard deviations of the series."""
    assert said.series == expected.series
    np.testing.assert_array_equal(said.times, expected.times)
    np.testing.assert_array_equal(said.known, expected.known)
    np.testing.assert_array_equal(said.origins.step, expected.origins.step)
    return float((np.abs(said.values - expected.values)[..., 0] / spread(panel)[said.origins.series, None]).max())


@pytest.mark.parametrize("kind", list(KINDS))
def test_live_says_what_predict_says_however_the_rows_arrive(kind: str):
    settings, parts = KINDS[kind]
    panel = sample_panel(12, 4, **{"targets": 1, "past": 1} | parts)
    model = fitted(panel, **settings)
    ends, start, ahead = panel.ends(), np.array([61, 50, 1]), ahead_of(panel)
    cut, half = panel.until(ends), panel.until(start)
    expected = model.predict(panel)
    rows = rows_of(cut, half.ends())
    one_by_one, bulk, table, by_series = (model.live(half) for _ in range(4))
    for row in rows:
        one_by_one.update(row)
    bulk.update(rows)
    table.update(later(panel, half.ends()))
    for name in ("late", "short", "long"):
        by_series.update([row for row in rows if row["series"] == name])
    for live in (model.live(panel), one_by_one, bulk, table, by_series):
        assert far(live.forecast(future=ahead), expected, panel) < 1e-5
        assert live.ready == panel.series


@pytest.fixture(scope="module")
def panel() -> Panel:
    """Two targets, a past covariate, all cells there."""
    whole = sample_panel(12, 4, targets=2, past=1, static=1, missing=0.0)
    return whole.until(whole.lengths - 3)


@pytest.fixture(scope="module")
def model(panel: Panel) -> Recurrent:
    return fitted(panel)


@pytest.fixture
def live(model: Recurrent, panel: Panel) -> Live:
    return model.live(panel)


def next_row(panel: Panel, place: int = 0, days: int = 1, **cells) -> dict:
    time = panel.times[panel.offsets[place + 1] - 1] + np.timedelta64(days, "D")
    return {"time": time, "series": panel.series[place], "y0": 50.0, "y1": 51.0, "x0": 0.5} | cells


def test_a_frame_is_as_good_as_rows(model: Recurrent, panel: Panel, live: Live):
    row = next_row(panel, s0=panel.static[0, 0])
    live.update(pd.DataFrame([row]))
    other = model.live(panel)
    other.update(row)
    np.testing.assert_array_equal(live.forecast().values, other.forecast().values)


@pytest.mark.parametrize("missing", [False, True])
def test_an_unknown_series_is_the_batch_path_once_it_is_ready(
    model: Recurrent, panel: Panel, live: Live, missing: bool
):
    stranger = panel.select(["late"]).until(np.array([30]))
    values = np.array(stranger.values)
    if missing:
        values[:15, 1] = np.nan
        values[20, 0] = np.nan
    stranger = Panel.from_arrays(values, stranger.times, series=["NEW"], schema=panel.schema, static=stranger.static)
    needed = 16 if missing else 12
    rows = [row | {"s0": stranger.static[0, 0]} for row in rows_of(stranger, np.zeros(1, int))]
    said = live.update(rows[0])
    assert said == ("series 'NEW' was not seen before: it starts cold and forecasts after 12 rows (1 so far)",)
    with pytest.raises(DataError, match=r"'NEW' was not seen before.*after 12 rows \(1 so far\)"):
        live.forecast(series="NEW")
    assert live.forecast().origins.series.tolist() == [0, 1, 2]
    said = live.update(rows[1 : needed - 1])
    assert ("once 'y1' has a value (15 rows" if missing else "(11 so far)") in said[0]
    assert live.update(rows[needed - 1]) == (f"series 'NEW' has {needed} rows now and forecasts",)
    for row in rows[needed:]:
        assert live.update(row) == ()
    expected = model.predict(replace(stranger, calendar=panel.calendar))
    got = live.forecast(series="NEW")
    assert got.series[got.origins.series[0]] == "NEW"
    width = spread(stranger)[0]
    assert (np.abs(got.values - expected.values)[..., 0] / width).max() < 1e-5
    np.testing.assert_array_equal(got.times, expected.times)


def test_a_young_series_of_the_panel_goes_on_being_young(model: Recurrent, panel: Panel):
    young = Panel.from_arrays(
        panel.values[:30],
        panel.times[:30],
        series=["long"],
        schema=panel.schema,
        static=panel.static[:1],
    )
    stranger = replace(young, series=("NEW",)).until(np.array([5]))
    for start, name in ((young.until(np.array([5])), "long"), (stranger, "NEW")):
        live = model.live(start)
        assert live.ready == ()
        with pytest.raises(DataError, match="no series is ready yet"):
            live.forecast()
        live.update(rows_of(replace(young, series=(name,)), np.array([5])))
        expected = model.predict(replace(young, series=(name,), calendar=live.calendar))
        assert far(live.forecast(), expected, young) < 1e-5


def test_a_series_known_from_training_but_absent_brings_its_own_scale(model: Recurrent, panel: Panel):
    live = model.live(panel.select(["long", "late"]))
    rows = [row | {"s0": panel.static[2, 0]} for row in rows_of(panel.select(["short"]), np.zeros(1, int))]
    said = live.update(rows[:3])
    assert said == ("series 'short' has few rows so far: it forecasts after 12 rows (3 so far)",)
    live.update(rows[3:])
    got, expected = live.forecast(series=["short"]), model.predict(panel)
    np.testing.assert_allclose(got.values[0], expected.values[2], rtol=0, atol=1e-5)


def test_late_and_doubled_rows_are_refused_and_nothing_is_absorbed(live: Live, panel: Panel):
    before, last = live.forecast().values, live.last
    assert last["long"] == panel.times[panel.offsets[1] - 1]
    good = next_row(panel)
    for bad, what in (
        ([good, next_row(panel, 1, days=0)], r"'late': the row of \S+ is there already, the last row is of"),
        ([good, next_row(panel, 1, days=-3)], "'late': .* is late.*send every row once, oldest first"),
        ([good, next_row(panel, days=1)], "'long': .* is there already"),
        ([next_row(panel, days=2), good], "'long': .* is late"),
        (panel, "3 problems\n  - series 'long': 153 rows"),
    ):
        with pytest.raises(DataError, match=what) as error:
            live.update(bad)
        assert "Traceback" not in str(error.value)
        assert live.last == last
        np.testing.assert_array_equal(live.forecast().values, before)


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        ({"y2": 1.0}, "no column 'y2' is known; known: time, series, y0"),
        ({"time": None}, "no time in column 'time'"),
        ({"time": "soon"}, "'soon' is no timestamp; write timestamps like 2024-01-31"),
        ({"time": np.datetime64("NaT")}, "no time"),
        ({"time": 20240131}, "20240131 is no timestamp"),
        ({"time": pd.Timestamp("0001-01-01", tz="Etc/GMT-2")}, "outside of the years 1 to 9999"),
        ({"time": np.datetime64("300000-01-01")}, "'time': 300000-01-01 lies outside of the years 1 to 9999"),
        ({"time": "0001-01-01T00:00+02:00"}, "outside of the years 1 to 9999"),
        ({"time": np.datetime64(-5000, "Y")}, "outside of the years 1 to 9999"),
        ({"time": pd.Timestamp("1600-01-01")}, "the row of 1600-01-01 is late"),
        ({"y0": 10**400}, "column 'y0': inf is infinite or beyond 1e"),
        ({"s0": 10**400}, "static column 's0': inf is no usable number"),
        ({"y0": "12"}, "column 'y0': '12' is text; write numbers like 1234.5"),
        ({"y0": [1.0]}, "is no number"),
        ({"x0": np.inf}, "column 'x0': inf is infinite"),
        ({"x0": 1e200}, "beyond 1e"),
        ({"series": None}, "no series in column 'series'"),
        ({"series": "NEW"}, "'NEW' is new: its first row has to bring the static columns"),
        ({"s0": 99.0}, "static column 's0' is 99 and was"),
        ({"s0": "x"}, "'s0': 'x' is text"),
    ],
)
def test_rows_that_cannot_be_used_are_refused_in_words(live: Live, panel: Panel, cells: dict, what: str):
    before = live.forecast().values
    for rows in (next_row(panel, **cells), [next_row(panel, 1), next_row(panel, **cells)]):
        with pytest.raises(DataError, match=what):
            live.update(rows)
    np.testing.assert_array_equal(live.forecast().values, before)


def test_times_may_come_in_any_of_the_usual_forms(model: Recurrent, panel: Panel):
    stamp = next_row(panel)["time"]
    day = stamp.astype(datetime.datetime)
    zone = datetime.timezone(datetime.timedelta(hours=2))
    forms = [day, pd.Timestamp(day), day.date(), str(stamp), day.date().isoformat(), stamp.astype("M8[ns]")]
    forms += [(day + datetime.timedelta(hours=2)).replace(tzinfo=zone), pd.Timestamp(day, tz="UTC")]
    for form in forms:
        live = model.live(panel)
        live.update(next_row(panel, time=form))
        assert live.last["long"] == stamp


def test_rows_of_days_with_an_offset_are_the_days_of_their_own_clock():
    """As readers take them, where a model was fitted on such days."""
    forms = ["2024-04-02T00:00+02:00", pd.Timestamp("2024-04-02", tz="Europe/Berlin")]
    forms += [forms[1].to_pydatetime(), "2024-04-02"]
    for days, stamp in ((True, "2024-04-02"), (None, "2024-04-01T22:00")):
        read = RowReader(Schema("day", ("y",), whole_days=days), alone="")
        for form in forms[: 4 if days else 3]:
            assert np.datetime64(read({"day": form, "y": 1.0}).time, "us") == np.datetime64(stamp)


def test_times_far_away_are_times(model: Recurrent, panel: Panel):
    """Beyond what nanoseconds can count."""
    for year in ("2500", "9998"):
        for form in (pd.Timestamp(f"{year}-01-01"), np.datetime64(f"{year}-01-01", "s"), f"{year}-01-01"):
            live = model.live(panel)
            live.update(next_row(panel, time=form))
            assert live.last["long"] == np.datetime64(f"{year}-01-01")
            assert live.forecast(series="long").times[0, 0] == np.datetime64(f"{year}-01-02")


def test_what_is_no_row_and_what_is_no_name_is_refused_in_words(live: Live):
    for nothing in (None, 5, "abc", [None], [[1, 2]]):
        with pytest.raises(DataError, match="give mappings from column to value"):
            live.update(nothing)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="series=3: one name or several"):
        live.forecast(series=3)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no series 3; known: long, late, short"):
        live.forecast(series=[3])  # type: ignore[list-item]
    some = live.forecast(series=(name for name in ("late", "long")))
    np.testing.assert_array_equal(some.values, live.forecast(series=["late", "long"]).values)


def test_none_nan_and_absent_are_missing(model: Recurrent, panel: Panel):
    said = []
    for cells in ({"y0": None}, {"y0": np.nan}, {"y0": pd.NA}, {}):
        live, row = model.live(panel), next_row(panel)
        del row["y0"]
        live.update(row | cells)
        said.append(live.forecast().values)
    for other in said[1:]:
        np.testing.assert_array_equal(said[0], other)


def test_a_cell_beyond_every_measure_counts_as_missing_and_is_said_to(model: Recurrent, panel: Panel, live: Live):
    others, gap = live.forecast(series=["late", "short"]).values, model.live(panel)
    gap.update(next_row(panel, y0=None))
    for sentinel in (1e20, -3.4e38, 1e60, 1e99):
        other = model.live(panel)
        said = other.update(next_row(panel, y0=sentinel))
        assert said == ("series 'long': 'y0' is more than 1e+15 standard deviations away and counts as missing",)
        np.testing.assert_array_equal(other.forecast().values, gap.forecast().values)
        np.testing.assert_array_equal(other.forecast(series=["late", "short"]).values, others)
        assert other.update(next_row(panel, days=2, y0=None)) == ()  # nor does it stand in for what is missing next
    said = live.update([next_row(panel, x0=1e60), next_row(panel, days=2, y0=1e60, y1=1e60)])
    assert [sentence.split(" is ")[0] for sentence in said] == ["series 'long': 'x0'", "series 'long': 'y0' and 'y1'"]


def exploding(panel: Panel) -> Recurrent:
    """A rectified network whose state doubles with every step."""
    model = fitted(panel, cell="rnn-relu")
    with torch.no_grad():
        model.network.cell.layer.weight_hh_l0.copy_(2 * torch.eye(6))
        model.network.cell.layer.bias_ih_l0.fill_(1e30)
    return model


@pytest.mark.filterwarnings("ignore:a state was not finite:RuntimeWarning", "ignore:overflow encountered")
def test_a_state_that_is_not_finite_begins_anew_live_as_in_a_batch(panel: Panel, tmp_path: Path):
    model = exploding(panel)
    live, said = model.live(panel.until(panel.lengths - 60)), []
    assert np.isfinite(live.forecast().values).all()
    for row in rows_of(panel, panel.lengths - 60):
        said += live.update(row)
    assert "series 'long': its state was not finite any more, so it begins anew" in said
    expected = model.predict(panel).values
    np.testing.assert_allclose(live.forecast().values, expected, rtol=1e-5)
    live.save(tmp_path)
    np.testing.assert_array_equal(load_live(tmp_path).forecast().values, live.forecast().values)


def test_horizons_may_be_shorter_and_never_longer(live: Live):
    whole, short = live.forecast(), live.forecast(horizon=2, series="late")
    np.testing.assert_array_equal(short.values[0], whole.values[1, :2])
    np.testing.assert_array_equal(short.times[0], whole.times[1, :2])
    for wrong in (5, 0, "2"):
        with pytest.raises(SettingsError, match="a whole number from 1 to 4"):
            live.forecast(horizon=wrong)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no series 'lat'; did you mean 'late'"):
        live.forecast(series="lat")
    with pytest.raises(SettingsError, match="without known-ahead columns"):
        live.forecast(future={"late": np.zeros((4, 1))})


def test_known_ahead_values_are_asked_for():
    whole = sample_panel(12, 4, targets=1, past=0, future=1, missing=0.0)
    live = fitted(whole).live(whole)
    ahead = ahead_of(whole)
    assert live.forecast(future=ahead).values.shape == (3, 4, 1, 1)
    with pytest.raises(DataError, match=r"series 'long': the known-ahead columns \['k0'\] are needed for 4 steps"):
        live.forecast()
    for wrong in (np.zeros((3, 1)), np.full((4, 1), np.nan)):
        with pytest.raises(DataError, match="'late': future has"):
            live.forecast(series="late", future={"late": wrong})


def test_models_that_cannot_go_on_live_say_why(panel: Panel):
    with pytest.raises(SettingsError, match=r"feed=Streamed\(\)"):
        Recurrent(WINDOW, hidden_size=4, training=ONE).live(panel)
    with pytest.raises(NotFittedError, match="call fit"):
        Recurrent(WINDOW, feed=Streamed()).live(panel)


def test_fitting_again_leaves_a_live_forecaster_alone(panel: Panel):
    model = fitted(panel)
    live = model.live(panel)
    before = live.forecast().values
    model.fit(panel)
    np.testing.assert_array_equal(live.forecast().values, before)


def test_a_cell_of_your_own_goes_on_live_too(panel: Panel, tmp_path: Path):
    model = fitted(panel, cell=MyCell)
    live = model.live(panel.until(panel.lengths - 20))
    live.update(rows_of(panel, panel.lengths - 20))
    assert far(live.forecast(), model.predict(panel), panel) < 1e-5
    live.save(tmp_path)
    with pytest.raises(SettingsError, match=r"cell of its author's own"):
        load_live(tmp_path)
    np.testing.assert_array_equal(load_live(tmp_path, MyCell).forecast().values, live.forecast().values)


def test_a_live_forecaster_read_back_goes_on_bit_for_bit(model: Recurrent, panel: Panel, live: Live, tmp_path: Path):
    stranger = [row | {"series": "NEW", "s0": 0.5} for row in rows_of(panel.select(["late"]), np.zeros(1, int))[:20]]
    live.update(stranger[:7])
    live.update(next_row(panel))
    assert live.save(tmp_path / "deep" / "live") == tmp_path / "deep" / "live"
    again = fc.load_live(tmp_path / "deep" / "live")
    assert repr(again) == repr(live)
    assert again.last == live.last
    for rows in (stranger[7:], next_row(panel, days=2), next_row(panel, 1, y1=None), next_row(panel, days=3)):
        assert again.update(rows) == live.update(rows)
        np.testing.assert_array_equal(again.forecast().values, live.forecast().values)
    assert {path.name for path in (tmp_path / "deep" / "live").iterdir()} == {
        *("manifest.json", "config.json", "weights.safetensors", "card.md", STATE, LOCK)
    }
    saved = fc.load(tmp_path / "deep" / "live")
    np.testing.assert_allclose(saved.model.predict(panel).values, model.predict(panel).values, rtol=1e-7)


def edit(directory: Path, change: Callable[[dict, dict], object]) -> None:
    renumbered(directory, change, STATE)


def flip(directory: Path, place: int) -> None:
    content = bytearray((directory / STATE).read_bytes())
    content[place] ^= 1
    (directory / STATE).write_bytes(content)


def truncate(directory: Path) -> None:
    (directory / STATE).write_bytes((directory / STATE).read_bytes()[:300])


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut off": (truncate, "state.safetensors has 300 bytes"),
    "other bytes": (lambda d: reseal(d, state=b"\x80\x04" + bytes(99)), "damaged"),
    "empty": (lambda d: reseal(d, state=b""), "damaged"),
    "a series less": (lambda d: edit(d, lambda s, a: s["series"].pop()), "are claimed"),
    "doubled names": (lambda d: edit(d, lambda s, a: s.update(series=["a", "a", "b"])), "not some distinct"),
    "no names": (lambda d: edit(d, lambda s, a: s.update(series=3)), "damaged"),
    "calendar": (lambda d: edit(d, lambda s, a: s.update(calendar={"kind": "step"})), "damaged"),
    "cold": (lambda d: edit(d, lambda s, a: s.update(cold={"7": 0})), "not among its series"),
    "missing": (lambda d: edit(d, lambda s, a: a.pop("recent")), "'recent' is missing"),
    "shape": (lambda d: edit(d, lambda s, a: a.update(hidden=a["hidden"][:1])), "hidden is float32"),
    "kind": (lambda d: edit(d, lambda s, a: a.update(rows=a["rows"].astype(float))), "rows is float64"),
    "not finite": (lambda d: edit(d, lambda s, a: a["mean"].fill(np.nan)), "mean holds numbers that are not finite"),
    "no width": (lambda d: edit(d, lambda s, a: a["width"].fill(0)), "width is not positive"),
    "rows": (lambda d: edit(d, lambda s, a: a["rows"].fill(-1)), "a number of rows is negative"),
    "a bit of the end": (lambda d: flip(d, -50), "not those that were written"),
    "a bit of the middle": (lambda d: flip(d, (d / STATE).stat().st_size // 2), "not those that were written"),
    "unknown calendar": (lambda d: edit(d, lambda s, a: s["calendar"].update(kind="moon")), "'moon' is not known"),
    "unknown anchor": (lambda d: edit(d, lambda s, a: s["calendar"].update(anchor="x")), "not known"),
    "a step as text": (lambda d: edit(d, lambda s, a: s["calendar"].update(step="1")), "not known"),
    "a step of 0": (lambda d: edit(d, lambda s, a: s["calendar"].update(step=0)), "steps by 0"),
    "negative cold": (lambda d: edit(d, lambda s, a: s.update(cold={"0": 2, "1": -2})), "fewer than none"),
    "a longer window": (lambda d: edit(d, lambda s, a: a.update(recent=a["recent"][..., :5])), "are claimed"),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_state_is_refused_in_words(damage: str, live: Live, tmp_path: Path):
    live.save(tmp_path)
    act, message = DAMAGES[damage]
    act(tmp_path)
    with pytest.raises(DataError, match=message):
        load_live(tmp_path)


def test_a_crash_while_saving_leaves_the_old_state(live: Live, panel: Panel, tmp_path: Path, monkeypatch):
    live.save(tmp_path)
    before = (tmp_path / STATE).read_bytes()
    live.update(next_row(panel))

    def crash(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", crash)
        with pytest.raises(SettingsError, match=r"cannot be written here .No space left"):
            live.save(tmp_path)
    assert (tmp_path / STATE).read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 6
    live.save(tmp_path)  # the one whose save failed may try again
    np.testing.assert_array_equal(load_live(tmp_path).forecast().values, live.forecast().values)


def test_of_two_that_go_on_from_one_state_only_the_first_may_save_there(live: Live, panel: Panel, tmp_path: Path):
    live.save(tmp_path / "a")
    one, two = load_live(tmp_path / "a"), load_live(tmp_path / "a")
    one.update(next_row(panel))
    one.save(tmp_path / "a")
    one.update(next_row(panel, days=2))
    one.save(tmp_path / "a")
    kept = (tmp_path / "a" / STATE).read_bytes()
    two.update(next_row(panel, 1))
    for late in (two, live):
        with pytest.raises(SettingsError, match=r"has changed since .* Read it back with load_live"):
            late.save(tmp_path / "a")
        assert (tmp_path / "a" / STATE).read_bytes() == kept
        late.save(tmp_path / "b" / late.series[0] / str(id(late)))
    two.save(tmp_path / "c")
    again = load_live(tmp_path / "a")
    again.update(next_row(panel, 1))
    again.save(tmp_path / "a")
    assert load_live(tmp_path / "a").last == {**one.last, "late": two.last["late"]}


def test_a_folder_is_locked_until_its_holder_lets_go_or_dies(live: Live, tmp_path: Path):
    code = f"import os; from forecast.work.lock import locked; c = locked({str(tmp_path)!r}); c.__enter__()"
    other = subprocess.Popen([sys.executable, "-c", code + "; print(1, flush=True); input()"], **PIPES)
    assert other.stdout.readline() == b"1\n"
    with pytest.raises(SettingsError, match="another process has been writing here"), locked(tmp_path, 0.1):
        pass
    other.kill()
    other.communicate()
    live.save(tmp_path)
    with locked(tmp_path, 0.0):
        pass


def test_a_model_without_a_live_state_says_what_to_do(model: Recurrent, panel: Panel, tmp_path: Path):
    model.save(tmp_path)
    with pytest.raises(SettingsError, match=r"no live state .*--model gru-stateful"):
        load_live(tmp_path)


def test_a_series_without_a_name_needs_none_in_its_rows():
    values = np.sin(np.arange(120.0))
    hours = np.arange("2024-01-01", "2024-01-06", dtype="M8[h]")
    panel = Panel.from_arrays(values, hours, schema=Schema("at", ("load",)))
    live = fitted(panel).live(panel)
    assert live.update({"at": "2024-01-06 00:00", "load": np.float32(1)}) == ()
    assert live.forecast().times[0, 0] == np.datetime64("2024-01-06T01")
    assert "1 series, up to 2024-01-06" in repr(live)
    with pytest.raises(DataError, match="no column 'series' is known"):
        live.update({"at": "2024-01-06 01:00", "load": 1, "series": "A"})
