"""Rows behind the end of a panel."""

import numpy as np
import pandas as pd
import pytest

from forecast.data.panel import Panel
from forecast.data.schema import Schema

DAYS = pd.date_range("2024-01-01", periods=10, freq="B").to_numpy()


def two_series() -> Panel:
    """Series a ends with its last row; b has two rows behind its last target, one with a known-ahead value."""
    values = np.column_stack([np.arange(10.0), np.arange(10.0) * 10])
    values[8:, 0] = np.nan
    values[9, 1] = np.nan
    times = np.concatenate([DAYS[:4], DAYS[:6]])
    return Panel.from_arrays(values, times, [4, 6], ["a", "b"], Schema(targets=["y"], future=["x"]))


def test_rows_are_added_until_there_are_as_many_as_asked():
    panel = two_series().ahead(3)
    assert panel.series == ("a", "b")
    assert panel.lengths.tolist() == [7, 7]
    assert (panel.lengths - panel.ends()).tolist() == [3, 3]


def test_rows_that_are_there_stay_as_they_are():
    before = two_series()
    after = before.ahead(3)
    for series, rows in enumerate(before.lengths):
        old, new = before.offsets[series], after.offsets[series]
        np.testing.assert_array_equal(after.values[new : new + rows], before.values[old : old + rows])
        np.testing.assert_array_equal(after.observed[new : new + rows], before.observed[old : old + rows])
        np.testing.assert_array_equal(after.times[new : new + rows], before.times[old : old + rows])


def test_new_rows_are_dated_by_the_calendar_and_hold_nothing():
    before, after = two_series(), two_series().ahead(5)
    assert before.calendar.alias == "B"
    for series in range(2):
        rows = slice(after.offsets[series], after.offsets[series + 1])
        length = before.lengths[series]
        expected = pd.date_range(DAYS[0], periods=after.lengths[series], freq="B").to_numpy()
        np.testing.assert_array_equal(after.times[rows], expected.astype("M8[us]"))
        assert not after.observed[rows][length:].any()
        np.testing.assert_array_equal(after.values[rows][length:, 0], before.values[before.offsets[series + 1] - 1, 0])


def test_the_origins_are_those_of_the_panel_without_the_rows():
    before, after = two_series(), two_series().ahead(4)
    np.testing.assert_array_equal(before.end_origins().step, after.end_origins().step)
    np.testing.assert_array_equal(before.end_origins().series, after.end_origins().series)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_panel_that_has_the_rows_is_returned_itself(steps):
    panel = two_series().ahead(2)
    assert panel.ahead(steps) is panel


def test_a_series_without_any_target_is_left_alone():
    values = np.array([1.0, 2.0, 3.0, np.nan, np.nan])
    times = np.concatenate([DAYS[:3], DAYS[:2]])
    panel = Panel.from_arrays(values, times, [3, 2, 0], ["a", "b", "c"]).ahead(4)
    assert panel.lengths.tolist() == [7, 2, 0]
