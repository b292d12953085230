"""Cycles of the calendar: which ones a panel has lived through, and where in them a row lies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data.cycles import PERIODS, cycles_of, cyclic
from forecast.data.panel import Panel


def panel_of(*times: np.ndarray) -> Panel:
    stamps = np.concatenate(times)
    return Panel.from_arrays(np.zeros(len(stamps)), stamps, [len(each) for each in times])


@pytest.mark.parametrize(
    ("times", "cycles"),
    [
        (np.arange("2024-01-01", "2024-01-04", dtype="M8[h]"), ()),
        (np.arange("2024-01-01", "2024-01-05", dtype="M8[h]"), ("day",)),
        (np.arange("2024-01-01", "2024-01-30", dtype="M8[h]"), ("day", "week")),
        (np.arange("2021-01-01", "2024-02-01", dtype="M8[h]"), ("day", "week", "year")),
        (np.arange("2021-01-01", "2024-02-01", dtype="M8[D]"), ("week", "year")),
        (np.arange("2021-01", "2024-03", dtype="M8[M]"), ("year",)),
        (np.arange("2021-01", "2022-03", dtype="M8[M]"), ()),
        (np.arange("2015-01", "2024-03", dtype="M8[M]")[::3], ("year",)),
        (np.arange("1990", "2024", dtype="M8[Y]"), ()),
    ],
)
def test_a_cycle_holds_two_rows_and_was_lived_through_three_times(times, cycles):
    assert cycles_of(panel_of(times)) == cycles


def test_one_series_that_is_long_enough_is_enough_and_empty_ones_do_no_harm():
    hours = np.arange("2024-01-01", "2024-01-06", dtype="M8[h]")
    panel = panel_of(hours[:5], hours, hours[:1])
    assert cycles_of(panel) == ("day",)
    assert cycles_of(panel.until(np.array([0, 5 * 24, 0]))) == ("day",)
    assert cycles_of(panel.until(np.array([1, 1, 0]))) == ()


def test_many_short_series_in_a_row_are_no_long_one():
    hours = np.arange("2024-01-01", "2024-01-21", dtype="M8[h]")
    assert cycles_of(panel_of(*np.split(hours, 20))) == ()


def test_business_days_have_weeks():
    days = np.arange("2024-01-01", "2024-04-01", dtype="M8[D]")
    assert cycles_of(panel_of(days[np.is_busday(days)])) == ("week",)


@given(st.integers(-(10**9), 4 * 10**9), st.sampled_from(sorted(PERIODS)))
@settings(max_examples=100, deadline=None)
def test_a_cycle_comes_back_after_its_period_and_turns_once_in_it(second, name):
    start = np.datetime64(second, "s").astype("M8[us]")
    quarters = start + (np.arange(5) * PERIODS[name] // 4).astype("m8[us]")
    sine, cosine = cyclic(quarters, (name,)).T
    assert np.allclose(sine**2 + cosine**2, 1)
    assert np.allclose([sine[4], cosine[4]], [sine[0], cosine[0]], atol=1e-5)
    assert np.allclose(sine[1:4], [cosine[0], -sine[0], -cosine[0]], atol=1e-5)


def test_midnight_is_the_top_of_the_day_and_a_week_later_is_the_same_place():
    times = np.array(["2024-01-04T00", "2024-01-04T06", "2024-01-11T06"], dtype="M8[us]")
    place = cyclic(times, ("day", "week"))
    assert place.shape == (3, 4)
    assert np.allclose(place[0, :2], [0, 1])
    assert np.allclose(place[1, :2], [1, 0])
    assert np.allclose(place[1], place[2])


def test_a_year_strays_by_less_than_a_day_in_a_lifetime():
    days = np.array([f"{year}-03-01" for year in range(1950, 2051)], dtype="M8[D]")
    sine, cosine = cyclic(days.astype("M8[us]"), ("year",)).T
    angle = np.unwrap(np.arctan2(sine, cosine)) * 365.2425 / (2 * np.pi)
    assert np.ptp(angle) < 2


def test_no_cycles_are_no_columns():
    assert cyclic(np.arange("2024-01-01", "2024-01-05", dtype="M8[D]"), ()).shape == (4, 0)
