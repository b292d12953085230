"""Holidays: a known-ahead column computed from the dates, for rows that do not exist yet too."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.data import almanac
from forecast.data.almanac import computed, computed_at
from forecast.data.panel import Panel
from forecast.data.readers import from_frame
from forecast.data.schema import Schema
from forecast.errors import SettingsError
from forecast.windows.reach import reaching

pytest.importorskip("holidays")


def hourly(start: str, hours: int) -> Panel:
    times = pd.date_range(start, periods=hours, freq="h")
    return from_frame(
        pd.DataFrame({"time": times, "y": np.sin(np.arange(hours))}), Schema(targets=["y"], holidays="US")
    )


def test_all_hours_of_a_holiday_and_no_others_are_one() -> None:
    panel = hourly("2024-07-01", 24 * 7)
    assert panel.schema.channels == ("y", "holiday")
    assert panel.layout == (1, 0, 1, 0)
    days = pd.DatetimeIndex(panel.times).normalize()
    np.testing.assert_array_equal(panel.values[:, 1], (days == "2024-07-04").astype(float))
    assert panel.observed[:, 1].all()


def test_rows_beyond_the_end_know_their_holidays() -> None:
    panel = hourly("2024-12-20", 24 * 3).ahead(24 * 15)
    new = panel.times >= np.datetime64("2024-12-23")
    flagged = {str(day) for day in panel.times[new & (panel.values[:, 1] == 1)].astype("M8[D]")}
    assert flagged == {"2024-12-25", "2025-01-01"}
    assert panel.observed[new].tolist() == [[False, True]] * (24 * 15)


def test_a_panel_whose_user_gives_other_known_ahead_columns_is_not_lengthened() -> None:
    days = pd.date_range("2024-01-01", periods=9)
    frame = pd.DataFrame({"day": days, "y": np.arange(9.0) ** 2, "x": np.arange(9.0)})
    given = from_frame(frame, Schema("day", ("y",), future=("x",), holidays="DE"))
    assert given.schema.channels == ("y", "x", "holiday")
    assert reaching(given, 4) is given
    alone = from_frame(frame, Schema("day", ("y",), holidays="DE"))
    assert reaching(alone, 4).lengths.tolist() == [13]


def test_parts_of_a_country_have_holidays_of_their_own() -> None:
    epiphany = np.array(["2025-01-06", "2025-01-07"], dtype="M8[us]")
    assert computed(epiphany, Schema(holidays="DE-BY")).ravel().tolist() == [1, 0]
    assert computed(epiphany, Schema(holidays="DE-HH")).ravel().tolist() == [0, 0]


@pytest.mark.parametrize("day", ["2024-02-29", "2024-12-25", "1969-07-04", "2060-01-01"])
def test_one_time_and_many_times_agree(day: str) -> None:
    times = np.array([day], dtype="M8[us]") + np.array([0, 86_399_999_999])
    many = computed(times, Schema(holidays="US"))
    assert many.tolist() == [computed_at(int(time.astype(int)), Schema(holidays="US")) for time in times]


@pytest.mark.parametrize(("region", "words"), [("UX", "no country 'UX'"), ("US-XX", "US has no part 'XX'")])
def test_a_region_that_is_not_known_is_refused(region: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        from_frame(pd.DataFrame({"y": [1.0, 2]}, index=pd.date_range("2024", periods=2)), Schema(holidays=region))


def test_a_column_of_the_same_name_is_refused() -> None:
    with pytest.raises(SettingsError, match="leave out one of the two"):
        Schema(targets=["y"], future=["holiday"], holidays="US")


def test_days_are_looked_up_once_and_not_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []
    monkeypatch.setattr(almanac, "_of_year", lambda region, year: looked_up.append(year) or frozenset({0}))
    times = np.datetime64("1970-01-01", "us") + np.arange(96 * 40) * np.timedelta64(900, "s")
    assert almanac.computed(times, Schema(holidays="US")).sum() == 96
    assert len(looked_up) == 40
