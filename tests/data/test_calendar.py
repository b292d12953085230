"""Calendar: the frequency is read off the data, and the future goes on as the data did."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.data.calendar import Calendar, infer
from forecast.data.rows import arrange, describe_gaps, gaps

ALIASES = ["s", "min", "10min", "15min", "30min", "h", "6h", "D", "2D", "7D", "B", "MS", "ME", "QS", "QE", "YS", "YE"]


def one(times: pd.DatetimeIndex | np.ndarray) -> Calendar:
    return infer(np.asarray(times), np.array([0, len(times)]))


@pytest.mark.parametrize("alias", ALIASES)
def test_the_frequency_is_recognised_and_goes_on(alias: str) -> None:
    stamps = pd.date_range("2023-01-01", periods=60, freq=alias)
    calendar = one(stamps[:40])
    assert calendar.alias.split("-")[0] == alias
    assert calendar.regular == 1.0
    ahead = calendar.after(np.asarray(stamps[39:40]), 20)
    np.testing.assert_array_equal(ahead[0], stamps[40:].to_numpy().astype("datetime64[us]"))


def test_the_future_of_a_stock_skips_weekends_and_keeps_the_clock() -> None:
    days = pd.bdate_range("2024-01-01", "2024-03-01").delete([9, 30]) + pd.Timedelta(hours=16)
    calendar = one(days)
    assert calendar.alias == "B"
    assert calendar.regular < 1.0
    after = calendar.after(np.asarray(days[-1:]), 6)[0]
    assert after[0] == np.datetime64("2024-03-04T16:00")
    assert after[-1] == np.datetime64("2024-03-11T16:00")


def test_the_last_days_of_months_stay_last_days() -> None:
    calendar = one(pd.date_range("2023-01-31", periods=12, freq="ME"))
    days = calendar.after(np.array(["2024-01-31"], dtype="M8[us]"), 3)[0].astype("M8[D]")
    assert days.astype(str).tolist() == ["2024-02-29", "2024-03-31", "2024-04-30"]


def test_the_fifteenth_of_each_month_is_monthly() -> None:
    calendar = one(pd.date_range("2023-01-15", periods=12, freq=pd.DateOffset(months=1)))
    assert (calendar.kind, calendar.step, calendar.anchor) == ("months", 1, "day")


@pytest.mark.parametrize(
    ("alias", "ahead"),
    [
        ("BME", ["2023-06-30", "2023-07-31", "2023-08-31"]),
        ("BMS", ["2023-06-01", "2023-07-03", "2023-08-01"]),
        ("BQE", ["2023-06-30", "2023-09-29", "2023-12-29"]),
    ],
)
def test_weekdays_at_the_edge_of_months_stay_there(alias: str, ahead: list[str]) -> None:
    days = pd.date_range("2020-01-01", "2023-05-31", freq=alias)
    calendar = one(days)
    assert (calendar.alias, calendar.regular) == (alias, 1.0)
    assert calendar.after(np.asarray(days[-1:]), 3)[0].astype("M8[D]").astype(str).tolist() == ahead


def test_one_row_a_month_on_changing_days_is_monthly() -> None:
    calendar = one(pd.to_datetime(["2023-01-30", "2023-02-28", "2023-03-30", "2023-04-30", "2023-05-30"]))
    assert (calendar.kind, calendar.step, calendar.anchor) == ("months", 1, "day")
    ahead = calendar.after(np.array(["2023-05-30"], dtype="M8[us]"), 10)[0].astype("M8[M]").astype(str).tolist()
    assert ahead == [*(f"2023-{month:02d}" for month in range(6, 13)), "2024-01", "2024-02", "2024-03"]


def test_thirty_days_are_no_month() -> None:
    assert one(pd.date_range("2023-01-10", periods=6, freq="30D")) == Calendar("step", 30 * 86_400_000_000)


def test_a_single_row_has_no_frequency_but_a_future() -> None:
    calendar = one(np.array(["2024-01-01"], dtype="M8[D]"))
    assert calendar.alias == "?"
    assert calendar.after(np.array(["2024-01-01"], dtype="M8[us]"), 2).shape == (1, 2)


def test_distances_between_series_do_not_count() -> None:
    hours = pd.date_range("2024-01-01", periods=5, freq="h").to_numpy()
    calendar = infer(np.concatenate([hours, hours + np.timedelta64(400, "D")]), np.array([0, 5, 10]))
    assert calendar == Calendar("step", 3_600_000_000)


def test_the_calendar_says_what_it_is() -> None:
    assert str(one(pd.date_range("2024-01-01", periods=9, freq="15min"))) == "one row every 15 minutes"
    assert str(one(pd.date_range("2024-01-01", periods=9, freq="D"))) == "one row every day"
    assert "longer or shorter" in str(one(pd.date_range("2024-01-01", periods=9, freq="h").delete(4)))


@pytest.mark.parametrize("alias", ["15min", "h", "D", "7D", "B", "MS", "ME", "QS"])
@pytest.mark.parametrize("seed", range(3))
def test_every_removed_stamp_is_found_and_only_those(alias: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    stamps = pd.date_range("2020-01-01", periods=80, freq=alias)
    absent = 1 + np.sort(random.choice(78, size=7, replace=False))
    times = stamps.delete(absent).to_numpy().astype("datetime64[us]")
    rows = arrange(times, None, ("",))
    found = gaps(rows, infer(times, rows.offsets))
    assert found is not None
    assert found.missing == 7
    runs = np.split(absent, np.flatnonzero(np.diff(absent) > 1) + 1)
    assert found.longest == max(len(run) for run in runs)
    assert "no row was invented" in describe_gaps(found, rows, infer(times, rows.offsets))


def test_a_single_absent_weekday_is_put_in_the_singular() -> None:
    times = pd.bdate_range("2024-01-01", periods=20).delete(7).to_numpy().astype("M8[us]")
    rows = arrange(times, None, ("",))
    calendar = infer(times, rows.offsets)
    found = gaps(rows, calendar)
    assert found is not None
    text = describe_gaps(found, rows, calendar)
    assert text == "1 weekday (holiday?) that the calendar expects is absent (after 2024-01-09); no row was invented"
