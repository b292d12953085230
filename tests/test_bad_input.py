"""Bad input: one clear message that says what, where and what to do; exit code 2, no traceback, nothing left behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from forecast.cli import main

Refused = Callable[..., str]
HEAD = "day,close,volume\n"
FAST = ("--models", "naive,linear", "--context", "5", "--horizon", "2")


def rows(count: int, start: int = 0) -> list[str]:
    return [f"2024-{1 + i // 28:02d}-{1 + i % 28:02d},{10 + i % 5}.5,{i * 7 % 11}" for i in range(start, start + count)]


def csv(*lines: str) -> str:
    return HEAD + "\n".join(lines) + "\n"


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Run a command that must end with exit code 2; returns its message. `begun`: what was begun is on record."""
    monkeypatch.chdir(tmp_path)

    def run(text: str | None, *arguments: str, verb: str = "compare", begun: bool = False) -> str:
        if text is not None:
            Path("data.csv").write_text(text, "utf-8")
        before = sorted(tmp_path.rglob("*"))
        assert main([verb, *(("data.csv",) if text is not None else ()), *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "Traceback" not in err
        assert err.count("forecast: ") == 1
        left = {path.relative_to(tmp_path).parts[1:2] for path in set(tmp_path.rglob("*")) - set(before)}
        record = {(), ("run.json",), ("run.log",), ("run.lock",)}
        assert left - {("kept",)} == record if begun else not left
        return err[err.index("forecast: ") :]

    return run


def test_a_missing_file(refused: Refused):
    assert "nothere.csv: there is no such file" in refused(None, "nothere.csv", "--target", "close")


def test_a_misspelt_file_or_name(refused: Refused):
    Path("prices.csv").write_text(csv(*rows(3)))
    assert "did you mean 'prices.csv'?" in refused(None, "price.csv", "--target", "close")
    assert "did you mean 'seattle-weather'" in refused(None, "seatle-weather", "--target", "temp_max")


def test_a_directory(refused: Refused):
    Path("folder").mkdir()
    Path("folder/a.csv").write_text("")
    assert "this is a folder, not a file; it holds a.csv" in refused(None, "folder", "--target", "close")


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "the file is empty"), ("\n\n", "blank lines only"), (HEAD, "row"), ("<!DOCTYPE html><p>", "web page")],
)
def test_a_file_without_data(refused: Refused, text: str, message: str):
    assert message in refused(text, "--target", "close")


def test_no_time_column_quotes_the_likeliest(refused: Refused):
    text = refused("date,close\nsoon,1\nlater,2\n", "--target", "close")
    assert "no column holds timestamps" in text
    assert "'soon' in row 2" in text
    assert "--time" in text


def test_a_time_that_cannot_be_read_is_quoted(refused: Refused):
    text = refused(csv(*rows(9), "someday,3,4"), "--target", "close", "--time", "day")
    assert "time column 'day'" in text
    assert "'someday' in row 11" in text


def test_doubled_times_name_series_time_and_count(refused: Refused):
    lines = [f"2024-01-{i:02d},{name},{i}" for name in ("A", "B") for i in range(1, 9)]
    text = refused("day,id,close\n" + "\n".join([*lines, "2024-01-03,B,7"]), "--target", "close", "--series", "id")
    assert "series 'B' 2024-01-03 (2 rows)" in text
    assert "rows 12 and 18" in text
    assert "--series id" in refused("day,id,close\n" + "\n".join(lines), "--target", "close")


def test_an_unknown_column_suggests_the_nearest(refused: Refused):
    assert "there is no column 'clos' (target); did you mean 'close'?" in refused(csv(*rows(30)), "--target", "clos")
    text = refused(csv(*rows(30)), "--target", "close", "--past", "Volume", "--series", "x")
    assert "'Volume' (past); did you mean 'volume'?" in text
    assert "'x' (series)" in text


def test_text_in_a_target_is_quoted(refused: Refused):
    text = refused(csv(*rows(9), "2024-01-20,n.a.,3", '2024-01-21,"1,234",3'), "--target", "close")
    assert "'n.a.' in row 11 and '1,234' in row 12" in text
    assert "without thousands separators" in text


def test_infinite_values_are_quoted(refused: Refused):
    text = refused(csv(*rows(9), "2024-01-20,inf,3"), "--target", "close")
    assert "infinite values" in text
    assert "in row 11" in text


def test_values_whose_squares_overflow_are_quoted(refused: Refused):
    text = refused(csv(*rows(9), "2024-01-20,1e200,3"), "--target", "close")
    assert "values beyond 1e+100" in text
    assert "in row 11" in text


def test_a_missing_or_constant_target(refused: Refused):
    empty = csv(*(f"2024-01-{i:02d},,{i}" for i in range(1, 20)))
    assert "target 'close': every value is missing; choose another" in refused(empty, "--target", "close")
    flat = csv(*(f"2024-01-{i:02d},5,{i}" for i in range(1, 20)))
    assert "target 'close': the value never changes (5); there is nothing" in refused(flat, "--target", "close")


def test_all_problems_of_a_file_come_together(refused: Refused):
    lines = [*rows(9), "2024-01-03,x,1", "2024-01-12,3,inf"]
    text = refused(csv(*lines), "--target", "close,opne", "--past", "volume")
    assert "data.csv: 4 problems" in text
    for part in ("'opne' (target)", "'x' in row 11", "infinite values", "2024-01-03 (2 rows)"):
        assert part in text


@pytest.mark.parametrize("models", ["naive,linear", "naive,ridge", "naive,drift", "naive,gru"])
def test_a_series_too_short_for_the_window(refused: Refused, models: str):
    window = ("--context", "20", "--horizon", "5")
    text = refused(csv(*rows(24)), "--target", "close", "--models", models, *window)
    assert "data.csv: too short: context 20 + horizon 5 need 25 rows, the series has 24" in text
    assert "use a shorter context or horizon" in text


def test_a_panel_too_short_names_its_series(refused: Refused):
    lines = [f"2024-01-{i:02d},{name},{i % 4}" for name, n in (("A", 9), ("B", 12)) for i in range(1, n + 1)]
    text = refused("day,id,close\n" + "\n".join(lines), "--target", "close", "--series", "id", "--horizon", "13")
    assert "series 'B' has 12, series 'A' has 9" in text


@pytest.mark.parametrize("model", ["linear", "ridge", "gru"])
def test_no_training_window_before_the_test(refused: Refused, model: str):
    arguments = ("--models", f"naive,{model}", "--context", "20", "--horizon", "5", "--test-rows", "30")
    text = refused(csv(*rows(54)), "--target", "close", *arguments)
    assert "no training window" in text
    assert "need 25 rows" in text
    assert "the series has 24" in text


def test_no_window_left_after_the_validation_span(refused: Refused):
    arguments = ("--models", "naive,gru", "--context", "20", "--horizon", "5", "--test-rows", "30")
    text = refused(csv(*rows(57)), "--target", "close", *arguments)
    assert "need 25 training rows" in text
    assert "the series has 22" in text


def test_a_test_span_shorter_than_the_horizon(refused: Refused):
    text = refused(csv(*rows(60)), "--target", "close", *FAST[:4], "--horizon", "5", "--test-rows", "3", begun=True)
    assert "nothing to judge" in text
    assert "5 rows" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--horizon", "0"), "horizon=0: a whole number of steps, at least 1"),
        (("--context", "0"), "context=0: a whole number of steps, at least 1"),
        (("--context", "-3"), "context=-3"),
        (("--stride", "0"), "stride=0: at least 1"),
        (("--epochs", "0"), "epochs=0: at least 1"),
        (("--season", "0"), "season=0: at least 1"),
        (("--test-rows", "0"), "--test-rows 0: at least 1"),
        (("--max-seconds", "0"), "seconds=0: above 0"),
        (("--max-seconds", "nan"), "seconds=nan: above 0"),
        (("--context", "9" * 20), "at most 1,000,000 steps"),
        (("--seed", "-1"), "seed=-1: from 0 to 4294967295"),
        (("--past", "volume,volume"), "column 'volume' is named twice as past"),
        (("--past", "volume,close"), "column 'close' is both target and past"),
        (("--future", "close"), "column 'close' is both target and future"),
        (("--models", "naive,gruu"), "no model 'gruu'; did you mean 'gru'?"),
        (("--baseline", "naiv"), "no model 'naiv'; did you mean 'naive'?"),
    ],
)
def test_settings_are_refused_before_the_data_is_read(refused: Refused, arguments: tuple[str, ...], message: str):
    assert message in refused(None, "no-such-file.csv", "--target", "close", *arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("verb", ["compare", "fit"])
def test_a_gpu_where_there_is_none(refused: Refused, verb: str):
    assert "no GPU was found" in refused(None, "no-such.csv", "--target", "close", "--device", "gpu", verb=verb)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--since", "1999-01-01"), "since=1999-01-01: no row lies before it; the data runs from 2024-01-01"),
        (("--since", "2030-01-01"), "since=2030-01-01: no row lies at or after it"),
        (("--since", "1.5"), "since='1.5' is neither a date"),
        (("--since", "yesterdayish"), "is neither a date"),
        (("--test-rows", "60"), "the last 60 rows cannot be the test: the longest series has 60"),
    ],
)
def test_a_split_outside_the_data(refused: Refused, arguments: tuple[str, ...], message: str):
    assert message in refused(csv(*rows(60)), "--target", "close", *FAST, *arguments)


@pytest.mark.parametrize("arguments", [("--horizon", "many"), ("--since", "0.5", "--test-rows", "3"), ("--nonsense",)])
def test_flags_that_make_no_sense(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]):
    assert main(["compare", "data.csv", "--target", "close", *arguments]) == 2
    err = capsys.readouterr().err
    assert "error: " in err
    assert "Traceback" not in err


def test_no_verb_and_an_unknown_verb(capsys: pytest.CaptureFixture[str]):
    assert main([]) == 2
    assert main(["compair"]) == 2
    assert "compare" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["compare", "fit"])
def test_an_output_that_is_a_file(refused: Refused, verb: str):
    Path("taken").write_text("")
    text = refused(None, "no-such.csv", "--target", "close", "--out", "taken", verb=verb)
    assert "--out taken: cannot write there" in text


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_without_permission(refused: Refused):
    Path("closed").mkdir(mode=0o500)
    assert "--out closed/run: cannot write there (Permission denied)" in refused(None, "no.csv", "--out", "closed/run")


@pytest.mark.parametrize(
    ("lines", "report"),
    [
        ([*rows(40)[5:], *rows(5)], "1 row was out of time order: sorted"),
        (rows(40)[::-1], "rows were newest first: reversed"),
    ],
)
def test_unsorted_rows_are_sorted_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[str], report: str
):
    boards = []
    for name, text in (("sorted", csv(*rows(40))), ("unsorted", csv(*lines))):
        (tmp_path / f"{name}.csv").write_text(text)
        out = str(tmp_path / name)
        models = ("--models", "naive,drift", "--context", "5", "--horizon", "2")
        assert main(["compare", str(tmp_path / f"{name}.csv"), "--target", "close", *models, "--out", out]) == 0
        boards.append((tmp_path / name / "forecasts.csv").read_text())
    assert report in capsys.readouterr().err
    assert boards[0] == boards[1]


def test_a_failing_baseline_is_an_error_with_its_reason(refused: Refused, monkeypatch: pytest.MonkeyPatch):
    from forecast.errors import TrainingError
    from forecast.forecasters.linear import Linear

    def fail(self: Linear, panel: object) -> Linear:
        raise TrainingError("the reason")

    monkeypatch.setattr(Linear, "fit", fail)
    text = refused(csv(*rows(60)), "--target", "close", *FAST, "--baseline", "linear", begun=True)
    assert "'linear' was not judged, it failed: the reason" in text
