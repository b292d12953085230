"""What cannot be read as it was told, or as a model was fitted, is refused with the way out."""

import numpy as np
import pandas as pd
import pytest

from forecast.data.format import Format
from forecast.data.panel import Panel
from forecast.data.readers import read_csv
from forecast.data.schema import Schema
from forecast.errors import DataError

DAYS = [str(day.date()) for day in pd.date_range("2024-01-01", periods=40)]


def write(tmp_path, name, header, *columns):
    separator = ";" if ";" in header else ","
    rows = [separator.join(row) for row in zip(DAYS, *columns, strict=False)]
    (tmp_path / name).write_text("\n".join([header, *rows]) + "\n")
    return tmp_path / name


def refusal(path, schema=None, **form) -> str:
    with pytest.raises(DataError) as caught:
        read_csv(path, schema or Schema(format=Format(**form)))
    return str(caught.value)


@pytest.fixture
def european(tmp_path) -> Panel:
    """What a model was fitted on: numbers with decimal commas, and none with separators of thousands."""
    return read_csv(write(tmp_path, "then.csv", "day;y", [f"1,{i:02d}" for i in range(40)]), Schema(targets=["y"]))


def test_numbers_with_points_are_not_taken_for_thousands_by_a_model_of_decimal_commas(european, tmp_path):
    assert european.schema.format.decimal == ","
    later = write(tmp_path, "later.csv", "day,y", [f"1.{i:03d}" for i in range(15, 55)])
    problem = refusal(later, european.schema)
    assert "'1.015' in row 2" in problem
    assert "is a comma (--decimal ,); write it alike" in problem


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (["1.015,5", *["1.016"] * 39], 1015.5),  # the point stands beside a comma
        (["1.015", *["999,5"] * 39], 1015.0),  # other cells have commas
        (["1.015.000", *["1.016.000"] * 39], 1015000.0),  # no number has two points
    ],
)
def test_thousands_of_a_later_file_are_read_where_it_shows_that_they_are_some(european, tmp_path, cells, first):
    cells = [cells[0], cells[0], cells[0], *cells[3:]]
    later = read_csv(write(tmp_path, "later.csv", "day;y", cells), european.schema)
    assert later.values[0, 0] == first
    assert any("separators of thousands" in note for note in later.report)


@pytest.mark.parametrize(("told", "words"), [(";", "leaves every line in one piece"), ("\t", "in one piece")])
def test_a_separator_that_separates_nothing_is_refused_with_the_one_that_does(tmp_path, told, words):
    problem = refusal(write(tmp_path, "a.csv", "day,y,z", ["1.5"] * 40, ["2"] * 40), separator=told)
    assert words in problem
    assert "',' makes 3 fields of each: leave --separator out, or use --separator ," in problem


def test_a_separator_that_is_a_decimal_sign_is_refused_with_the_one_that_separates(tmp_path):
    problem = refusal(write(tmp_path, "a.csv", "day;y", [f"1,{i}" for i in range(40)]), separator=",")
    assert "the separator ',' makes lines of different numbers of fields, and ';' makes 2 fields of each" in problem


def test_a_separator_that_is_right_is_believed(tmp_path):
    path = write(tmp_path, "a.csv", "day;y;words", [str(i % 7) for i in range(40)], ["one, two"] * 40)
    assert read_csv(path, Schema(targets=["y"], format=Format(separator=";"))).values[:3, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["5"] * 40, "no numeric column that changes; take one all the same with --target y"),
        (["sun", "rain"] * 20, "the names in 'y' can be, as categories: --target y --categorical y"),
        ([f"about {i}" for i in range(40)], "'y' has 'about 0' in row 2: write numbers alone"),
    ],
)
def test_a_file_without_a_numeric_column_is_refused_with_what_can_be_done(tmp_path, cells, words):
    assert words in refusal(write(tmp_path, "a.csv", "day,y", cells))


def test_a_file_of_times_alone_is_refused(tmp_path):
    assert "the file needs one of numbers beside its times" in refusal(write(tmp_path, "a.csv", "day"))


def test_a_series_in_every_row_is_refused_with_commands_that_mend_it(tmp_path, monkeypatch):
    wave = np.sin(np.arange(30.0)).round(3)
    rows = [[f"Y{k}", *wave[: 30 - k], *[None] * k] for k in range(5)]
    table = pd.DataFrame(rows, columns=["id", *(f"V{i}" for i in range(1, 31))])
    table.to_csv(tmp_path / "m4.csv", index=False)
    problem = refusal(tmp_path / "m4.csv")
    assert "each row seems to be a series, 'id' its name and the columns 'V1' to 'V30' its steps" in problem
    assert "--series id --time step --date-unit day --target y" in problem
    code = problem.partition("in Python: ")[2].partition("; then use")[0].replace("FILE", "'m4.csv'")
    monkeypatch.chdir(tmp_path)
    exec(code, {"pandas": pd})
    roles = Schema(targets=["y"], series="id", time="step", format=Format(date_unit="day"))
    panel = read_csv("long.csv", roles)
    assert panel.lengths.tolist() == [30, 29, 28, 27, 26]
    assert np.allclose(panel.values[:30, 0], wave)
