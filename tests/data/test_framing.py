"""A panel as a table: what is read back from it is the same panel."""

import numpy as np
import pandas as pd
import pytest

from forecast.data.panel import Panel
from forecast.data.readers import from_frame
from forecast.data.schema import Schema

DAYS = np.arange("2024-01-01", "2024-01-09", dtype="M8[D]")


@pytest.fixture
def shops() -> Panel:
    frame = pd.DataFrame(
        {
            "day": np.concatenate([DAYS, DAYS[:5]]),
            "shop": ["A"] * 8 + ["B"] * 5,
            "sold": [np.nan, 4.0, 2.0, np.nan, 3.0, 5.0, 1.0, 2.0, 7.0, 8.0, np.nan, 9.0, 7.0],
            "sky": ["sun", "rain", None, "sun", "rain", "sun", "fog", "sun", "rain", "sun", "sun", "rain", "fog"],
            "open": [1.0] * 13,
            "size": [120.0] * 8 + [80.0] * 5,
            "town": ["north"] * 8 + ["south"] * 5,
        }
    )
    roles = {"past": ("sky",), "future": ("open",), "static": ("size", "town"), "categorical": ("sky", "town")}
    return from_frame(frame, Schema("day", ("sold",), "shop", **roles))


def test_a_panel_that_is_made_a_table_and_read_again_is_the_same(shops: Panel):
    again = from_frame(shops.to_frame(), shops.schema)
    assert (again.series, again.schema) == (shops.series, shops.schema)
    for name in ("values", "observed", "offsets", "times", "static"):
        np.testing.assert_array_equal(getattr(again, name), getattr(shops, name), err_msg=name)


def test_a_table_has_empty_cells_where_nothing_was_observed_and_names_in_place_of_codes(shops: Panel):
    frame = shops.to_frame()
    assert list(frame.columns) == ["day", "shop", "sold", "sky", "open", "size", "town"]
    assert frame["sold"].isna().tolist() == [True, False, False, True, *[False] * 6, True, False, False]
    assert frame["sky"].tolist()[:2] == ["sun", "rain"]
    assert frame["sky"].isna().tolist() == [False, False, True, *[False] * 10]
    assert frame["town"].tolist() == ["north"] * 8 + ["south"] * 5


def test_a_panel_without_names_gets_plain_ones_and_columns_computed_from_dates_are_left_out():
    values = np.arange(8.0)
    assert list(Panel.from_arrays(values, DAYS).to_frame()) == ["time", "y0"]
    assert list(Panel.from_arrays(np.tile(values, 2), np.tile(DAYS, 2), (8, 8)).to_frame()) == ["time", "series", "y0"]
    holidays = Panel.from_arrays(values, DAYS, schema=Schema("day", ("y",), holidays="US"))
    assert list(holidays.to_frame()) == ["day", "y"]
