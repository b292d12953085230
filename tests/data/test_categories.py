"""Categories: codes in a stable order, translated by name, unknown where a model has not met them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.cli import hush
from forecast.data.categories import learned, recoded, translated
from forecast.data.codes import encode
from forecast.data.panel import Panel
from forecast.data.readers import from_frame, read_csv
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.errors import DataError, SettingsError
from forecast.windows.gather import scaled_rows
from forecast.windows.indicators import one_hot

ROLES = Schema("day", ("y",), past=("wind",), categorical=("wind",))


def frame(winds: list, start: str = "2024-01-01") -> pd.DataFrame:
    days = pd.date_range(start, periods=len(winds))
    return pd.DataFrame({"day": days, "y": np.arange(len(winds)) * 1.5, "wind": winds})


def test_the_codes_do_not_depend_on_the_order_of_the_rows() -> None:
    winds = ["S", "N", "E", "N", "W", "E"]
    one, other = from_frame(frame(winds), ROLES), from_frame(frame(winds[::-1]), ROLES)
    assert one.categories == other.categories == {"wind": ("E", "N", "S", "W")}
    np.testing.assert_array_equal(one.values[:, 1], other.values[::-1, 1])


def test_missing_cells_carry_the_last_category_and_are_not_observed() -> None:
    panel = from_frame(frame([None, "N", "NA", "", "E"]), ROLES)
    np.testing.assert_array_equal(panel.values[:, 1], [np.nan, 1, 1, 1, 0])
    assert panel.observed[:, 1].tolist() == [False, True, False, False, True]


@pytest.mark.parametrize("cells", [[2, 10, 2, 1], [2.0, 10.0, 2.0, 1.0], ["2", "10", "2", "1"]])
def test_numbers_are_named_alike_whatever_their_type_and_ordered_as_numbers(cells: list) -> None:
    codes, names = encode(pd.Series(cells))
    assert names == ("1", "2", "10")
    assert codes.tolist() == [1, 2, 1, 0]


def test_a_file_keeps_the_text_that_stands_in_it(tmp_path: Path) -> None:
    file = tmp_path / "zones.csv"
    file.write_text("day,y,zone\n2024-01-01,1,01\n2024-01-02,2,1\n2024-01-03,3,01\n2024-01-04,3,\n", encoding="utf-8")
    panel = read_csv(file, Schema("day", ("y",), future=("zone",), categorical=("zone",)))
    assert set(panel.categories["zone"]) == {"01", "1"}
    assert panel.observed[:, 1].tolist() == [True, True, True, False]


def test_text_that_repeats_is_taken_as_categorical_and_that_is_reported() -> None:
    panel = from_frame(frame(["N", "S", "S", "N"]), Schema("day", ("y",), past=("wind",)))
    assert panel.schema.categorical == ("wind",)
    assert "past column 'wind' holds text: taken as categorical (2 categories)" in panel.report


@pytest.mark.parametrize("winds", [["N", "S", "3", "S", "N", "3"], ["a", "b", "c", "d"]])
def test_text_among_numbers_or_that_hardly_repeats_is_refused_with_the_remedy(winds: list[str]) -> None:
    with pytest.raises(DataError, match="past column 'wind'"):
        from_frame(frame(winds), Schema("day", ("y",), past=("wind",)))
    assert from_frame(frame(winds), ROLES).categories["wind"] == tuple(sorted(set(winds)))


def test_a_categorical_column_without_a_part_is_refused() -> None:
    with pytest.raises(DataError, match="categorical column 'wind' plays no part"):
        from_frame(frame(["N", "S"]), Schema("day", ("y",), categorical=("wind",)))
    with pytest.raises(SettingsError, match="neither a channel nor static"):
        Panel.from_arrays(np.zeros(2), np.arange(2).astype("M8[D]"), schema=Schema(targets=["y"], categorical=["x"]))


def test_a_schema_that_was_resolved_keeps_its_codes_for_later_rows() -> None:
    first = from_frame(frame(["S", "N", "N"]), ROLES)
    later = from_frame(frame(["E", "S", "E"]), first.schema)
    assert later.categories["wind"] == ("N", "S", "E")
    assert later.values[:, 1].tolist() == [2, 1, 2]


def test_a_model_learns_the_names_before_the_cut_only_and_calls_the_rest_unknown() -> None:
    panel = from_frame(frame(["N", "S", "N", "E", "S"]), ROLES)
    scale = Scale.fit(panel, np.array([3]))
    assert scale.categories == {"wind": ("N", "S")}
    with pytest.warns(UserWarning, match="column 'wind': 'E' not met in training, read as unknown"):
        rows = scaled_rows(panel, scale.of(panel, 1))
    assert rows.values[:, 1].tolist() == [1, 2, 1, 0, 2]


def test_codes_that_mean_something_else_are_translated_by_name() -> None:
    trained = from_frame(frame(["N", "S", "W", "N"]), ROLES)
    scale = Scale.fit(trained)
    other = from_frame(frame(["W", "S", "W", "S"]), ROLES)
    assert other.values[:, 1].tolist() == [1, 0, 1, 0]
    assert translated(other, scale.categories).values[:, 1].tolist() == [3, 2, 3, 2]
    assert recoded(other, trained.schema).values[:, 1].tolist() == [2, 1, 2, 1]


def test_names_that_another_schema_lacks_get_the_code_behind_its_last() -> None:
    trained = from_frame(frame(["N", "S", "N"]), ROLES)
    other = recoded(from_frame(frame([None, "E", "S"]), ROLES), trained.schema)
    np.testing.assert_array_equal(other.values[:, 1], [np.nan, 2, 1])
    assert translated(other, {"wind": ("N", "S")}).values[:, 1].tolist() == [0, 0, 2]


def test_a_target_keeps_the_codes_of_its_panel_and_others_are_refused() -> None:
    roles = Schema("day", ("wind",), categorical=("wind",))
    panel = from_frame(frame(["S", "N", "E", "S"]), roles)
    assert learned(panel, np.array([2])) == {"wind": ("E", "N", "S")}
    scale = Scale.fit(panel)
    assert (scale.center == 0).all()
    assert (scale.spread == 1).all()
    assert scaled_rows(panel, scale).values[:, 0].tolist() == [2, 1, 0, 2]
    with pytest.raises(DataError, match="schema of the model"):
        scaled_rows(from_frame(frame(["S", "N", "N", "S"]), roles), scale)


def test_a_category_of_the_target_that_is_new_counts_as_missing() -> None:
    roles = Schema("day", ("wind",), categorical=("wind",))
    panel = from_frame(frame(["S", "N", "N", "S"]), roles)
    later = from_frame(frame(["S", "X", "N"]), panel.schema)
    with pytest.warns(UserWarning, match="'X' not met"):
        seen = translated(later, Scale.fit(panel).categories)
    assert seen.observed[:, 0].tolist() == [True, False, True]
    assert seen.values[:, 0].tolist() == [1, 1, 0]


def test_one_column_of_each_category_is_one_and_none_where_it_is_unknown() -> None:
    names = Schema("day", ("y",), past=("wind", "x"), future=("plan",), categorical=("wind", "plan"))
    table = frame(["N", "S", None, "S"]).assign(x=[1.0, 2, 3, 4], plan=["a", "b", "b", "a"])
    panel = from_frame(table, names)
    scale = Scale.fit(panel)
    rows = one_hot(scaled_rows(panel, scale), panel.schema, scale)
    assert rows.layout == (1, 3, 2, 0)
    assert rows.values[:, 1:3].tolist() == [[1, 0], [0, 1], [0, 1], [0, 1]]
    assert rows.values[:, 4:].tolist() == [[1, 0], [0, 1], [0, 1], [1, 0]]
    assert rows.seen is not None
    assert rows.seen[2].tolist() == [True, False, False, True, True, True]


def test_names_of_static_columns_become_codes_too() -> None:
    days = pd.date_range("2024-01-01", periods=2)
    table = pd.DataFrame(
        {"id": ["a", "a", "b", "b"], "day": [*days, *days], "y": [1.0, 2, 4, 3], "kind": ["x", "x", "w", "w"]}
    )
    panel = from_frame(table, Schema("day", ("y",), "id", static=("kind",), categorical=("kind",)))
    assert panel.static.tolist() == [[1], [0]]
    scale = Scale.fit(panel)
    assert scale.static(translated(panel, scale.categories)).tolist() == [[2], [1]]


def test_the_command_line_says_once_and_plainly_what_is_unknown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    panel, scale = from_frame(frame(["N", "S", "N", "E"]), ROLES), Scale.fit(from_frame(frame(["N", "S"]), ROLES))
    with warnings.catch_warnings():
        monkeypatch.setattr(
            warnings, "showwarning", lambda message, *rest: print(warnings.formatwarning(message, *rest))
        )
        hush()
        warnings.warn("of a library", DeprecationWarning, stacklevel=1)
        for _ in range(3):
            translated(panel, scale.categories)
    assert capsys.readouterr().out.strip() == "column 'wind': 'E' not met in training, read as unknown"


@pytest.mark.parametrize("column", ["day", "shop"])
def test_a_time_or_series_column_is_no_categorical_input_and_that_is_said(column: str) -> None:
    table = frame(["N", "S", "E"]).assign(shop="a")
    with pytest.raises(DataError, match=rf"categorical column '{column}' is the (time|series) column.*copy it"):
        from_frame(table, Schema("day", ("y",), "shop", categorical=(column,)))
