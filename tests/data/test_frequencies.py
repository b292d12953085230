"""Future timestamps: those of pandas for every frequency, sessions of an exchange, hours across the clock change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from forecast.data.calendar import infer
from forecast.data.panel import Origins, Panel
from forecast.data.readers import from_frame
from forecast.data.schema import Schema
from forecast.errors import SettingsError
from forecast.forecasters.naive import Naive
from forecast.windows.window import Window

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
ALIASES = [
    *("30min", "15min", "h", "3h", "D", "2D", "B", "MS", "ME", "BMS", "BME", "2MS", "2ME", "QS", "QE", "BQS"),
    *("QS-FEB", "QE-NOV", "YS", "YE", "YS-APR", "YE-SEP"),
    *(f"W-{day}" for day in WEEKDAYS),
]


@settings(max_examples=12, deadline=None)
@given(
    start=st.datetimes(pd.Timestamp("1975-01-01").to_pydatetime(), pd.Timestamp("2060-01-01").to_pydatetime()),
    rows=st.integers(14, 60),
)
@pytest.mark.parametrize("alias", ALIASES)
def test_the_future_is_that_of_pandas_at_every_frequency(alias: str, start, rows: int) -> None:
    stamps = pd.date_range(pd.Timestamp(start).floor("min"), periods=rows + 12, freq=alias).to_numpy().astype("M8[us]")
    if alias.startswith("B") and alias != "B":  # 2024 to mid 2027, every quarter starts on a weekday: no row could tell
        days = pd.DatetimeIndex(stamps[:rows])
        assume(not (days.is_month_end if "E" in alias else days.is_month_start).all())
    calendar = infer(stamps[:rows], np.array([0, rows]))
    np.testing.assert_array_equal(calendar.after(stamps[rows - 1 : rows], 12)[0], stamps[rows:])


@pytest.mark.parametrize("alias", ALIASES)
def test_forecasts_carry_the_dates_that_rows_ahead_carry(alias: str) -> None:
    stamps = pd.date_range("2023-02-05", periods=40, freq=alias).to_numpy()
    panel = Panel.from_arrays(np.arange(30.0), stamps[:30])
    np.testing.assert_array_equal(Naive(Window(2, 10)).predict(panel).times[0], stamps[30:].astype("M8[us]"))
    np.testing.assert_array_equal(panel.ahead(10).times, stamps.astype("M8[us]"))
    inside = Naive(Window(2, 10)).predict(panel, Origins(np.array([0]), np.array([25])))
    np.testing.assert_array_equal(inside.times[0], stamps[25:35].astype("M8[us]"))


@pytest.mark.parametrize(("change", "zone"), [("2024-03-09", "America/New_York"), ("2024-10-26", "Europe/Berlin")])
@pytest.mark.parametrize("written", [True, False])
def test_hours_with_a_zone_go_on_in_utc_across_the_clock_change(change: str, zone: str, written: bool) -> None:
    local = pd.date_range(change, periods=96, freq="h", tz=zone)
    times = local[:20].map(lambda stamp: stamp.isoformat()) if written else local[:20]
    panel = from_frame(pd.DataFrame({"time": times, "y": np.arange(20.0)}), Schema("time", ("y",)))
    assert any("UTC" in note for note in panel.report)
    assert panel.calendar.regular == 1.0
    np.testing.assert_array_equal(panel.ahead(76).times, local.tz_convert(None).to_numpy().astype("M8[us]"))


def stocks(days: pd.DatetimeIndex, **roles) -> Panel:
    frame = pd.DataFrame({"day": days, "close": np.arange(len(days)) * 1.5})
    return from_frame(frame, Schema("day", ("close",), **roles))


def test_sessions_of_an_exchange_skip_its_holidays() -> None:
    pytest.importorskip("exchange_calendars")
    days = pd.bdate_range("2024-02-01", "2024-03-28").drop(pd.Timestamp("2024-02-19"))  # Presidents' Day
    panel = stocks(days, exchange="XNYS")
    assert panel.calendar.regular == 1.0
    assert "the calendar: sessions of XNYS" in panel.report
    ahead = panel.ahead(3).times[-3:].astype("M8[D]").astype(str).tolist()
    assert ahead == ["2024-04-01", "2024-04-02", "2024-04-03"]  # Good Friday was the 29th of March
    assert stocks(days).ahead(1).times[-1] == np.datetime64("2024-03-29")


def test_a_session_that_is_absent_is_counted_and_a_holiday_is_not() -> None:
    pytest.importorskip("exchange_calendars")
    days = pd.bdate_range("2024-02-01", "2024-03-28").drop([pd.Timestamp("2024-02-19"), pd.Timestamp("2024-03-05")])
    assert any(note.startswith("1 stamp that the calendar expects") for note in stocks(days, exchange="XNYS").report)
    assert any(note.startswith("2 weekdays (holidays?)") for note in stocks(days).report)


def test_closing_times_stay_and_many_series_go_on_from_their_own_ends() -> None:
    pytest.importorskip("exchange_calendars")
    days = pd.bdate_range("2023-12-01", "2023-12-29").drop(pd.Timestamp("2023-12-25")) + pd.Timedelta(hours=16)
    times = np.concatenate([days.to_numpy(), days[:5].to_numpy()])
    roles = Schema(targets=["y"], exchange="XNYS")
    panel = Panel.from_arrays(np.arange(float(len(times))), times, [len(days), 5], schema=roles)
    ahead = panel.calendar.after(panel.times[panel.offsets[1:] - 1], 2)
    assert ahead[0].astype(str).tolist() == ["2024-01-02T16:00:00.000000", "2024-01-03T16:00:00.000000"]
    assert ahead[1].astype(str).tolist() == ["2023-12-08T16:00:00.000000", "2023-12-11T16:00:00.000000"]


@pytest.mark.parametrize(
    ("exchange", "words"), [("XNYZ", "exchange='XNYZ' is not known"), ("XNYS", "sessions are days")]
)
def test_what_is_no_exchange_or_no_daily_series_is_refused(exchange: str, words: str) -> None:
    pytest.importorskip("exchange_calendars")
    days = pd.date_range("2024-01-01", periods=30, freq="h" if exchange == "XNYS" else "B")
    with pytest.raises(SettingsError, match=words):
        stocks(days, exchange=exchange)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("form", ["zone", "text", "objects"])
def test_days_of_a_zone_stay_days_across_the_clock_change(zone: str, form: str) -> None:
    local = pd.bdate_range("2024-02-19", "2024-03-28", tz=zone)
    forms = {"zone": local, "text": local.map(str), "objects": pd.Series(local.to_pydatetime(), dtype=object)}
    panel = from_frame(pd.DataFrame({"time": forms[form], "y": np.arange(len(local)) % 5.0}), Schema("time", ("y",)))
    assert any("days of their own clock" in note for note in panel.report)
    assert panel.calendar.alias == "B"
    assert panel.ahead(3).times[-3:].astype(str).tolist() == [
        f"{day}T00:00:00.000000" for day in ("2024-03-29", "2024-04-01", "2024-04-02")
    ]


def test_holidays_and_sessions_are_those_of_the_days_of_a_zone() -> None:
    pytest.importorskip("holidays")
    pytest.importorskip("exchange_calendars")
    local = pd.bdate_range("2024-03-11", "2024-03-28", tz="Europe/Berlin")
    frame = pd.DataFrame({"time": local, "y": np.arange(len(local)) % 5.0})
    panel = from_frame(frame, Schema("time", ("y",), exchange="XETR", holidays="DE"))
    assert panel.calendar.regular == 1.0
    assert panel.ahead(1).times[-1] == np.datetime64("2024-04-02")  # after Good Friday and Easter Monday
    easter = from_frame(
        pd.DataFrame({"time": pd.date_range("2024-03-27", "2024-04-02", tz="Europe/Berlin"), "y": np.arange(7.0)}),
        Schema("time", ("y",), holidays="DE"),
    )
    assert easter.values[:, 1].tolist() == [0, 0, 1, 0, 0, 1, 0]


def test_a_single_midnight_with_an_offset_is_read_as_the_rows_before_were() -> None:
    stamps = pd.date_range("2024-03-30", periods=48, freq="h", tz="Europe/Berlin")
    hours = pd.DataFrame({"time": stamps, "y": np.arange(48.0)})
    known = from_frame(hours, Schema("time", ("y",))).schema
    later = pd.DataFrame(
        {"time": pd.date_range("2024-04-03", periods=2, freq="D", tz="Europe/Berlin"), "y": [1.0, 2.0]}
    )
    assert from_frame(later, known).times[0] == np.datetime64("2024-04-02T22:00")


@pytest.mark.parametrize("week", ["Mon Tue Wed Thu Fri Sat", "Sun Mon Tue Wed Thu", "Tue Wed Thu Fri Sat Sun"])
def test_days_of_the_week_that_never_come_are_not_forecast(week: str) -> None:
    days = pd.date_range("2024-01-01", periods=60, freq=pd.offsets.CustomBusinessDay(weekmask=week)).to_numpy()
    panel = Panel.from_arrays(np.arange(50.0), days[:50])
    assert panel.calendar.regular == 1.0
    assert panel.calendar.alias == "C"
    np.testing.assert_array_equal(panel.ahead(10).times, days.astype("M8[us]"))


def test_a_few_weeks_or_a_gap_make_no_free_day() -> None:
    days = pd.date_range("2024-01-01", periods=120).to_numpy()
    weekday = (np.arange(120) % 7 + 1) % 7  # 0 is a Sunday
    assert Panel.from_arrays(np.arange(18.0), days[:21][weekday[:21] != 0]).calendar.kind == "step"
    once = days[(weekday != 0) | (np.arange(120) == 55)]
    assert Panel.from_arrays(np.arange(len(once)) * 1.0, once).calendar.kind == "step"


def test_a_day_that_short_months_lack_comes_back_after_them() -> None:
    months = pd.period_range("2023-01", periods=20, freq="M")
    stamps = np.array([np.datetime64(f"{m}-{min(30, m.days_in_month):02d}") for m in months])
    for rows in (13, 14, 15):  # up to January, the 29th of February, March
        calendar = infer(stamps[:rows], np.array([0, rows]))
        np.testing.assert_array_equal(calendar.after(stamps[rows - 1 : rows], 5)[0], stamps[rows : rows + 5])
