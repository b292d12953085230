"""Readers: what is understood, what is repaired and reported, and what is refused in which words."""

from __future__ import annotations

import contextlib
import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.data import tables
from forecast.data.readers import from_frame, read_csv
from forecast.data.schema import Schema
from forecast.errors import DataError

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def inner(text: str) -> Path:
        path = tmp_path / "prices.csv"
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return inner


@pytest.fixture(params=["pyarrow", "pandas"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to read a file must agree."""
    if request.param == "pandas":
        monkeypatch.setattr(tables, "_read_arrow", lambda *_: None)
    else:
        pytest.importorskip("pyarrow")
    return request.param


def problems(path: Path, schema: Schema | None = None) -> tuple[str, ...]:
    with pytest.raises(DataError) as caught:
        read_csv(path, schema or Schema())
    assert str(path) in str(caught.value)
    return caught.value.problems


def days(count: int, values: str = "") -> str:
    cells = values.split() or [str(i * i % 7) for i in range(count)]
    dates = pd.date_range("2024-01-01", periods=count).strftime("%Y-%m-%d")
    return "date,close\n" + "".join(f"{date},{cell}\n" for date, cell in zip(dates, cells, strict=True))


# What is understood


def test_a_small_file_becomes_a_panel(write: Write, engine: str) -> None:
    panel = read_csv(write(days(5, "1 2 4 8 16")))
    assert panel.values[:, 0].tolist() == [1, 2, 4, 8, 16]
    assert panel.schema == Schema(time="date", targets=["close"])
    assert panel.calendar.alias == "D"
    assert panel.report == ("targets were not named: took close", "the calendar: one row every day")


def test_an_id_called_NA_stays_text(write: Write, engine: str) -> None:
    rows = "".join(f"{name},2024-01-0{day},{day}\n" for name in ("NA", "007", "TRUE", "null", "1e5") for day in (1, 2))
    panel = read_csv(write("ticker,date,close\n" + rows), Schema(targets=["close"], series="ticker"))
    assert panel.series == ("NA", "007", "TRUE", "null", "1e5")


def test_whole_number_ids_keep_their_zeros(write: Write, engine: str) -> None:
    panel = read_csv(write("id,date,y\n007,2024-01-01,1\n007,2024-01-02,2\n010,2024-01-01,3\n"), Schema(series="id"))
    assert panel.series == ("007", "010")
    assert panel.lengths.tolist() == [2, 1]


def test_missing_cells_carry_the_last_value_and_are_counted(write: Write, engine: str) -> None:
    panel = read_csv(write(days(6, "NA 1 NaN null 3 n/a")))
    np.testing.assert_array_equal(panel.values[:, 0], [np.nan, 1, 1, 1, 3, 3])
    assert panel.observed[:, 0].tolist() == [False, True, False, False, True, False]
    assert "4 of 6 values of 'close' are missing" in panel.report


def test_true_and_false_become_one_and_zero(write: Write, engine: str) -> None:
    text = "date,y,open,late\n2024-01-01,1,True,\n2024-01-02,2,False,true\n2024-01-03,3,True,false\n"
    panel = read_csv(write(text), Schema(targets=["y"], past=["late"], future=["open"]))
    assert panel.values[:, 2].tolist() == [1, 0, 1]
    np.testing.assert_array_equal(panel.values[:, 1], [np.nan, 1, 0])


def test_columns_without_a_role_are_ignored_even_when_they_are_broken(write: Write, engine: str) -> None:
    panel = read_csv(write("date,y,note\n2024-01-01,1,x\n2024-01-02,2,inf\n"), Schema(targets=["y"]))
    assert panel.schema.channels == ("y",)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_recognised(write: Write, engine: str, separator: str) -> None:
    assert read_csv(write(days(4).replace(",", separator))).targets == ("close",)


def test_a_comma_in_a_name_does_not_hide_the_semicolons(write: Write, engine: str) -> None:
    panel = read_csv(write('date;"a, b, c, d";y\n2024-01-01;1;2\n2024-01-02;2;3\n'))
    assert panel.targets == ("a, b, c, d", "y")


def test_compressed_files_are_read_whatever_they_are_called(write: Write, tmp_path: Path, engine: str) -> None:
    plain = write(days(4))
    packed = tmp_path / "no_extension"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.write(plain, "prices.csv")
    for path in (packed, tmp_path / "one.zip"):
        np.testing.assert_array_equal(read_csv(path).values, read_csv(plain).values)


def test_a_byte_order_mark_blank_lines_and_trailing_separators_do_no_harm(write: Write, engine: str) -> None:
    panel = read_csv(write("\ufeffdate,y\r\n2024-01-01,1\r\n\r\n2024-01-02,2\r\n\r\n"))
    assert panel.schema.time == "date"
    assert len(panel.times) == 2
    assert len(read_csv(write("date,y\n2024-01-01,1,\n2024-01-02,2,\n")).times) == 2


def test_an_index_of_timestamps_counts_as_a_column() -> None:
    frame = pd.DataFrame({"y": [1.0, 2.0, 4.0]}, index=pd.date_range("2024-01-01", periods=3, freq="h"))
    assert from_frame(frame).schema.time == "time"
    assert from_frame(frame.rename_axis("when"), Schema(time="when")).calendar.alias == "h"
    months = pd.DataFrame({"y": [1.0, 2.0, 4.0]}, index=pd.period_range("2024-01", periods=3, freq="M"))
    assert from_frame(months).calendar.alias == "MS"


def test_a_frame_and_its_file_give_the_same_panel(tmp_path: Path, engine: str) -> None:
    frame = pd.DataFrame(
        {
            "id": np.repeat(["b", "a"], 20),
            "date": np.tile(pd.date_range("2024-01-01", periods=20), 2),
            "y": np.random.default_rng(0).normal(size=40),
            "size": np.repeat([1.0, 2.0], 20),
        }
    )
    frame.loc[3, "y"] = np.nan
    frame.to_csv(tmp_path / "x.csv", index=False)
    schema = Schema(targets=["y"], series="id", static=["size"])
    ours, theirs = read_csv(tmp_path / "x.csv", schema), from_frame(frame, schema)
    assert ours.series == theirs.series == ("b", "a")
    np.testing.assert_array_equal(ours.values, theirs.values)
    np.testing.assert_array_equal(ours.times, theirs.times)
    assert ours.static.tolist() == [[1.0], [2.0]]
    assert ours.report == theirs.report


def test_the_order_of_the_rows_does_not_matter(engine: str, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "id": np.repeat([f"s{i}" for i in range(7)], 30),
            "date": np.tile(pd.date_range("2024-01-01", periods=30), 7).astype("datetime64[us]"),
            "y": random.normal(size=210),
        }
    )
    schema = Schema(targets=["y"], series="id")
    panel = from_frame(frame, schema)
    frame.iloc[random.permutation(210)].to_csv(tmp_path / "x.csv", index=False)
    shuffled = read_csv(tmp_path / "x.csv", schema).select(panel.series)
    np.testing.assert_array_equal(shuffled.values, panel.values)
    np.testing.assert_array_equal(shuffled.times, panel.times)


# What is repaired and reported


def test_unsorted_rows_are_sorted_and_counted() -> None:
    frame = pd.DataFrame({"date": ["2024-01-01", "2024-01-03", "2024-01-02", "2024-01-04"], "y": [1, 3, 2, 4]})
    panel = from_frame(frame)
    assert panel.values[:, 0].tolist() == [1, 2, 3, 4]
    assert "1 row was out of time order: sorted" in panel.report


def test_a_file_that_begins_with_the_newest_row_is_reversed(write: Write, engine: str) -> None:
    header, *rows = days(9).splitlines()
    panel = read_csv(write("\n".join([header, *rows[::-1]])))
    assert (np.diff(panel.times.astype(int)) > 0).all()
    assert "rows were newest first: reversed" in panel.report


def test_series_that_each_begin_with_the_newest_row_are_reversed() -> None:
    dates = pd.date_range("2024-01-01", periods=4)[::-1]
    frame = pd.DataFrame({"id": ["b"] * 4 + ["a"] * 4, "date": [*dates, *dates], "y": range(8)})
    panel = from_frame(frame, Schema(series="id", targets=["y"]))
    assert panel.series == ("b", "a")
    assert panel.values[:, 0].tolist() == [3, 2, 1, 0, 7, 6, 5, 4]
    assert "rows were newest first: reversed" in panel.report


def test_rows_ordered_by_date_and_then_series_are_no_repair() -> None:
    frame = pd.DataFrame(
        {"id": ["b", "a"] * 4, "date": np.repeat(pd.date_range("2024-01-01", periods=4), 2), "y": range(8)}
    )
    panel = from_frame(frame, Schema(series="id", targets=["y"]))
    assert panel.values[:, 0].tolist() == [0, 2, 4, 6, 1, 3, 5, 7]
    assert len(panel.report) == 1


def test_gaps_are_counted_and_no_row_is_invented() -> None:
    dates = pd.date_range("2024-01-01", periods=30).delete([5, 6, 7, 20])
    panel = from_frame(pd.DataFrame({"date": dates, "y": np.arange(26) % 5}))
    assert len(panel.times) == 26
    gaps = "4 stamps that the calendar expects are absent, at most 3 in a row (after 2024-01-05); no row was invented"
    assert gaps in panel.report


def test_a_constant_or_empty_series_of_a_panel_is_reported() -> None:
    dates = np.tile(pd.date_range("2024-01-01", periods=3), 3)
    y = [1, 2, 3, 5, 5, 5, np.nan, np.nan, np.nan]
    panel = from_frame(pd.DataFrame({"id": np.repeat(["a", "b", "c"], 3), "date": dates, "y": y}), Schema(series="id"))
    assert "target 'y' never changes in 1 series: b" in panel.report
    assert "target 'y' has no values in 1 series: c" in panel.report


def test_unnamed_targets_are_the_numeric_columns_and_what_is_left_out_is_said(write: Write, engine: str) -> None:
    text = "n,date,a,b,flat,word,almost\n" + "".join(
        f"{i},2024-01-0{i},{i * i},{-i * i},1,x,{'-' if i == 2 else i}\n" for i in (1, 2, 3, 4)
    )
    panel = read_csv(write(text))
    assert panel.targets == ("a", "b")
    assert "column 'n' only counts the rows: left out" in panel.report
    assert "column 'flat' never changes: left out" in panel.report
    (almost,) = (said for said in panel.report if "'almost'" in said)
    assert almost.startswith("column 'almost' has 1 of 4 cells that are not numbers ('-' in row 3): left out")
    assert "--missing=-" in almost


# Timestamps


@pytest.mark.parametrize(
    ("texts", "alias"),
    [
        (["2024-01", "2024-02", "2024-03"], "MS"),
        (["Jan 1 2000", "Feb 1 2000", "Mar 1 2000"], "MS"),
        (["Jan-2000", "Feb-2000", "Mar-2000"], "MS"),
        (["2024-01-31", "2024-02-29", "2024-03-31"], "ME"),
        (["19580329", "19580405", "19580412"], "7D"),
        (["1990/1/1 0:00", "1990/1/1 1:00", "1990/1/1 2:00"], "h"),
        (["1/30/2014", "1/31/2014", "2/1/2014"], "D"),
        (["30.01.2014", "31.01.2014", "01.02.2014"], "D"),
        (["12/31/2002 11:30 PM", "1/1/2003 12:00 AM", "1/1/2003 12:30 AM"], "30min"),
        (["2024-01-01T00:00:00Z", "2024-01-01T00:15:00Z", "2024-01-01T00:30:00Z"], "15min"),
    ],
)
def test_usual_ways_to_write_a_time_are_read(write: Write, engine: str, texts: list[str], alias: str) -> None:
    panel = read_csv(write("date,y\n" + "".join(f"{text},{i % 2}\n" for i, text in enumerate(texts))))
    assert panel.calendar.alias == alias
    assert panel.calendar.regular == 1.0


def test_offsets_are_converted_to_utc_across_a_clock_change(write: Write, engine: str) -> None:
    rows = "2024-10-27 02:00:00 +0200,1\n2024-10-27 02:00:00 +0100,2\n2024-10-27 03:00:00 +0100,4\n"
    panel = read_csv(write("date,y\n" + rows))
    assert panel.calendar.alias == "h"
    assert panel.times[0] == np.datetime64("2024-10-27T00:00")
    assert "time column 'date': converted to UTC, offsets dropped" in panel.report


def test_a_frame_with_a_time_zone_is_converted_to_utc() -> None:
    times = pd.date_range("2024-03-31 00:00", periods=4, freq="h", tz="Europe/Berlin")
    panel = from_frame(pd.DataFrame({"time": times, "y": [1, 2, 4, 8]}))
    assert panel.times[0] == np.datetime64("2024-03-30T23:00")
    assert "time column 'time': converted to UTC, offsets dropped" in panel.report


def test_some_offsets_and_some_not_is_refused(write: Write, engine: str) -> None:
    rows = "2024-10-27T02:00:00Z,1\n2024-10-27T03:00:00Z,2\n2024-10-27 04:00:00,4\n"
    (problem,) = problems(write("date,y\n" + rows), Schema(time="date"))
    assert "'2024-10-27T02:00:00Z'" in problem
    assert "'2024-10-27 04:00:00'" in problem


def test_a_day_above_twelve_decides_between_day_and_month_first() -> None:
    frame = pd.DataFrame({"date": ["11/02/2024", "12/02/2024", "13/02/2024"], "y": [1, 2, 4]})
    panel = from_frame(frame)
    assert panel.times[0] == np.datetime64("2024-02-11")
    assert "time column 'date': read as day/month/year" in panel.report


def test_without_such_a_day_the_regular_reading_is_taken_and_reported() -> None:
    dates = [f"01/{month:02}/{year}" for year in (2019, 2020, 2021) for month in range(1, 13)]
    panel = from_frame(pd.DataFrame({"date": dates, "y": np.arange(36) % 5}))
    assert panel.calendar.alias == "MS"
    assert "time column 'date': read as day/month/year, the reading that gives regular steps" in panel.report


def test_when_both_readings_are_regular_the_user_is_asked() -> None:
    with pytest.raises(DataError, match=r"may be day first or month first.*write timestamps like 2024-01-31"):
        from_frame(pd.DataFrame({"date": ["01/02/2020", "01/03/2020", "01/04/2020"], "y": [1, 2, 4]}))


def test_other_whole_numbers_are_no_times(write: Write, engine: str) -> None:
    (problem,) = problems(write("date,y\n44197,1\n44198,2\n44199,4\n"), Schema(time="date"))
    assert problem.startswith("time column 'date': '44197' in row 2: whole numbers are not timestamps")


def test_two_digit_years_are_refused(write: Write, engine: str) -> None:
    (problem,) = problems(write("date,y\n13.01.20,1\n14.01.20,2\n"), Schema(time="date"))
    assert "two digits" in problem


def test_a_row_that_is_no_time_is_quoted(write: Write, engine: str) -> None:
    text = days(6).replace("2024-01-03", "2024-02-30").replace("2024-01-05", "soon")
    (problem,) = problems(write(text))
    assert problem.startswith(
        "time column 'date': not a timestamp like the others: '2024-02-30' in row 4 and 'soon' in row 6"
    )


def test_missing_timestamps_are_quoted_by_row(write: Write, engine: str) -> None:
    (problem,) = problems(write(days(4).replace("2024-01-02", "")), Schema(time="date", targets=["close"]))
    assert "no timestamp in row 3" in problem


def test_no_time_column_quotes_the_likeliest(write: Write, engine: str) -> None:
    (problem,) = problems(write("Month,y\n1-01,1\n1-02,2\n"))
    assert problem.startswith("no column holds timestamps; the likeliest column, 'Month', has '1-01' in row 2")
    (problem,) = problems(write("a,b\nx,1\ny,2\n"))
    assert "the first column, 'a', has 'x' in row 2" in problem
    assert "--time COLUMN" in problem


def test_parts_of_a_date_in_columns_are_recognised(write: Write, engine: str) -> None:
    panel = read_csv(write("year,month,y\n2024,1,1\n2024,2,5\n"))
    assert panel.schema.time == "year+month"
    assert panel.calendar.alias == "MS"
    assert "the times were joined from the columns year and month" in panel.report
    (problem,) = problems(write("year,day,y\n2024,1.5,1\n2024,2.5,5\n"), Schema(targets=["y"], series="year"))
    assert "no column holds timestamps" in problem


# What is refused: the file


def test_a_missing_file_names_its_neighbour(write: Write, tmp_path: Path) -> None:
    write(days(3))
    (problem,) = problems(tmp_path / "price.csv")
    assert problem == "there is no such file; did you mean 'prices.csv'?"


def test_a_folder_is_no_file(write: Write, tmp_path: Path) -> None:
    write(days(3))
    assert problems(tmp_path) == ("this is a folder, not a file; it holds prices.csv",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("\n\n \n", "blank lines only"),
        ("date,y\n", "a header but no rows"),
        ("2024-01-01,1\n2024-01-02,2\n", "row 1 is data (2024-01-01, 1), not column names"),
        ("<!DOCTYPE html>\n<html></html>\n", "web page"),
        ("date,y,y\n2024-01-01,1,2\n", "2 columns are called 'y'"),
        ("date,y\n2024-01-01,1\n2024-01-02,2,3\n2024-01-03,4\n", "the header has 2 columns, but row 3 has 3 fields"),
        ("date,y,z\n2024-01-01,1,2\n2024-01-02,2\n", "the header has 3 columns, but row 3 has 2 fields"),
    ],
)
def test_a_file_that_is_no_table_is_refused(write: Write, engine: str, text: str, words: str) -> None:
    (problem,) = problems(write(text))
    assert words in problem


def test_a_file_that_is_not_utf8_says_where_and_what_to_do(tmp_path: Path, engine: str) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes("date,Zürich\n2024-01-01,1\n".encode("latin-1"))
    (problem,) = problems(path)
    assert "not UTF-8 (byte 0xfc in row 1, 'date,Zürich' if it is Windows-1252)" in problem
    assert "--encoding cp1252" in problem
    rows = "".join(f"2024-01-01 {i // 60 % 24:02}:{i % 60:02},{i},x\n" for i in range(20_000)) + "2025-01-01,1,é\n"
    path.write_bytes(("date,y,note\n" + rows).encode("latin-1"))
    assert "byte 0xe9 in row 20002" in problems(path, Schema(series="note"))[0]
    path.write_bytes("date,y\n2024-01-01,1\n2024-01-02,2\n".encode("utf-16"))
    assert "the text was read as UTF-16, as its first bytes say" in read_csv(path).report


def test_a_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "")
    assert "Excel workbook" in problems(path)[0]


# What is refused: names and values


def test_an_unknown_column_comes_with_a_suggestion(write: Write, engine: str) -> None:
    path = write(days(4))
    assert problems(path, Schema(targets=["clos"]))[0] == "there is no column 'clos' (target); did you mean 'close'?"
    assert "did you mean 'date'?" in problems(path, Schema(time="Date", targets=["close"]))[0]
    assert "did you mean 'close'?" in problems(path, Schema(targets=["close "]))[0]
    assert "known: date, close" in problems(path, Schema(targets=["close"], series="zzz"))[0]


def test_text_in_a_target_is_quoted_with_the_row_an_editor_shows(write: Write, engine: str) -> None:
    text = 'date,close\n2024-01-01,1\n\n2024-01-02,"1,234"\n2024-01-03,-\n2024-01-04,3\n'
    (problem,) = problems(write(text), Schema(targets=["close"]))
    assert problem.startswith("target column 'close': 2 of 4 cells are not numbers: '1,234' in row 4 and '-' in row 5")


def test_rows_after_a_cell_of_two_lines_are_still_numbered_as_an_editor_does(write: Write, engine: str) -> None:
    text = 'date,note,close\n2024-01-01,"one\ntwo",1\n2024-01-02,x,oops\n2024-01-03,x,3\n'
    (problem,) = problems(write(text), Schema(targets=["close"]))
    assert "'oops' in row 4" in problem


def test_infinite_values_are_quoted(write: Write, engine: str) -> None:
    (problem,) = problems(write(days(4, "1 inf 3 -inf")), Schema(targets=["close"]))
    assert problem.startswith("target column 'close': infinite values: 'inf' in row 3 and '-inf' in row 5")


def test_text_in_a_named_covariate_is_refused(write: Write, engine: str) -> None:
    text = "date,y,mood,plan\n2024-01-01,1,good,1\n2024-01-02,2,bad,x\n2024-01-03,3,bad,2\n"
    past, future = problems(write(text), Schema(targets=["y"], past=["mood"], future=["plan"]))
    assert past.startswith("past column 'mood': holds text: 'good' in row 2")
    assert future.startswith("future column 'plan': 1 of 3 cells are not numbers: 'x' in row 3")


def test_an_empty_target_is_refused(write: Write, engine: str) -> None:
    (problem,) = problems(write(days(3, "NA NA NA")), Schema(targets=["close"]))
    assert problem == "target 'close': every value is missing; choose another column"


def test_a_constant_target_is_refused(write: Write, engine: str) -> None:
    (problem,) = problems(write(days(3, "5 5 5")), Schema(targets=["close"]))
    assert problem == "target 'close': the value never changes (5); there is nothing to forecast"


def test_without_any_numeric_column_there_is_nothing_to_forecast(write: Write, engine: str) -> None:
    (problem,) = problems(write("date,y\n2024-01-01,1\n2024-01-02,.\n2024-01-03,2\n"))
    assert "no numeric column to forecast; column 'y' has 1 of 3 cells that are not numbers ('.' in row 3)" in problem


def test_duplicate_times_name_series_time_and_count(write: Write, engine: str) -> None:
    text = "id,date,y\na,2024-01-01,1\na,2024-01-02,2\nb,2024-01-01,3\nb,2024-01-01,4\nb,2024-01-01,5\n"
    (problem,) = problems(write(text), Schema(targets=["y"], series="id"))
    assert problem.startswith(
        "1 time occurs more than once: series 'b' 2024-01-01 (3 rows) (the first in rows 4 and 5)"
    )


def test_duplicate_times_suggest_the_column_that_names_the_series(write: Write, engine: str) -> None:
    """Before anything else: many times are doubled then, and no row of them is wrong."""
    rows = "".join(f"2024-01-0{d},{d * k},{t}\n" for k, t in enumerate("AB") for d in (1, 2, 3, 4, 5))
    (problem,) = problems(write("date,y,ticker\n" + rows), Schema(time="date", targets=["y"]))
    shown = "2024-01-01 (2 rows), 2024-01-02 (2 rows), 2024-01-03 (2 rows) and 2 more (the first in rows 2 and 7)"
    assert problem.startswith(f"5 times occur more than once: {shown}; is there a column that names the series?")
    assert problem.index("--series ticker, which makes the rows unique") < problem.index("--duplicates last")


def test_many_duplicates_are_cut_at_twenty_and_counted() -> None:
    frame = pd.DataFrame({"date": np.repeat(pd.date_range("2024-01-01", periods=50), 2), "y": np.arange(100.0)})
    with pytest.raises(
        DataError, match=r"50 times occur more than once.*and 30 more.*keep one of each with --duplicates"
    ):
        from_frame(frame)


def test_rows_without_an_id_are_quoted(write: Write, engine: str) -> None:
    (problem,) = problems(write("id,date,y\na,2024-01-01,1\n,2024-01-02,2\n"), Schema(targets=["y"], series="id"))
    assert problem == "series column 'id': no id in row 3; every row needs one"


def test_a_static_column_is_numeric_and_has_one_value_per_series() -> None:
    frame = pd.DataFrame(
        {
            "id": ["a", "a", "b", "b"],
            "date": ["2024-01-01", "2024-01-02"] * 2,
            "y": [1, 2, 3, 4],
            "size": [1, 2, 3, 3],
            "kind": ["x", "x", "y", "y"],
            "area": [1, 1, np.nan, np.nan],
        }
    )
    with pytest.raises(DataError) as caught:
        from_frame(frame, Schema(targets=["y"], series="id", static=["size", "kind", "area"]))
    text = str(caught.value)
    assert "static column 'size': series 'a' has several values (1 to 2)" in text
    assert "'kind'" not in text  # text that repeats is taken as categories
    assert "static column 'area': series 'b' has no value" in text


def test_all_problems_are_reported_together(write: Write, engine: str) -> None:
    text = "date,close,volume,mood\n2024-01-01,x,1,1\n2024-01-01,2,inf,2\n2024-01-02,3,3,3\n"
    found = problems(write(text), Schema(targets=["close", "opne"], past=["volume", "moood"]))
    expected = ["'opne' (target)", "'moood' (past)", "'x' in row 2", "'inf' in row 3", "more than once"]
    assert all(any(words in problem for problem in found) for words in expected)
    assert len(found) == 5


def test_rows_of_a_frame_are_counted_from_zero_and_its_source_is_named() -> None:
    with pytest.raises(DataError, match=r"^orders: target column 'y'.*'x' in row 1"):
        from_frame(
            pd.DataFrame({"date": ["2024-01-01", "2024-01-02"], "y": ["1", "x"]}), Schema(targets=["y"]), "orders"
        )
    with pytest.raises(DataError, match="several columns are called 'y'"):
        from_frame(pd.DataFrame([["2024-01-01", 1, 2]], columns=["date", "y", "y"]))
    with pytest.raises(DataError, match="it has no rows"):
        from_frame(pd.DataFrame({"date": [], "y": []}))


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_gives_a_panel_or_an_error_we_worded(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    text = bytearray(days(40).encode())
    for _ in range(30):
        damaged = text.copy()
        damaged[random.integers(len(damaged))] = random.integers(256)
        path = tmp_path / "damaged.csv"
        path.write_bytes(damaged)
        panel = None
        with contextlib.suppress(DataError):
            panel = read_csv(path, Schema(time="date", targets=["close"]))
        assert panel is None or np.isfinite(panel.values[panel.observed]).all()


# Real files


def test_real_files_are_read(shared_data: Path) -> None:
    expected = {
        "seattle_weather/seattle-weather.csv": (Schema(targets=["temp_max"]), 1, 1461, "D"),
        "sp500_yahoo/panel_dev.csv.gz": (Schema(targets=["Adj Close"], series="Name", past=["Volume"]), 38, 47842, "B"),
        "ett/ETTh1.csv": (Schema(targets=["OT"]), 1, 17420, "h"),
        "weather_aus/weatherAUS_dev25.csv.gz": (Schema(targets=["MaxTemp"], series="Location"), 25, 74699, "D"),
        "classics/airline-passengers.csv": (Schema(), 1, 144, "MS"),
        "classics/co2_mauna_loa_weekly.csv": (Schema(), 1, 2284, "7D"),
        "index_stocks/stocks_monthly_2000_2010.csv": (Schema(series="symbol"), 5, 560, "MS"),
        "index_stocks/GOOG_2004_2013.csv": (Schema(targets=["Close"]), 1, 2148, "B"),
        "index_stocks/vix_daily_ohlc.csv": (Schema(targets=["CLOSE"]), 1, 9235, "B"),
        "nab/nyc_taxi.csv": (Schema(), 1, 10320, "30min"),
        "messy/seattle_weather_1948_2016.csv": (Schema(), 1, 24381, "D"),
    }
    for name, (schema, series, rows, alias) in expected.items():
        panel = read_csv(shared_data / name, schema)
        assert (len(panel.series), len(panel.times), panel.calendar.alias) == (series, rows, alias), name


def test_the_clock_change_in_a_real_file_is_an_error_that_names_it(shared_data: Path) -> None:
    (problem,) = problems(shared_data / "pjm_hourly" / "PJME_hourly.csv.gz")
    assert problem.startswith("4 times occur more than once: 2014-11-02 02:00 (2 rows)")
    (problem,) = problems(shared_data / "messy" / "tesla-stock-price.csv")
    assert "'11:34' in row 2" in problem
