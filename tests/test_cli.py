"""The command line from end to end: files, columns, streams, exit codes."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from forecast.cli import main
from forecast.experiment.saved import update_file
from forecast.forecasters.live.files import load_live
from forecast.nets.rules import Truncated
from forecast.work.lock import locked
from forecast.work.stopping import Stopped

BOARD = [
    "model",
    "mae",
    "rmse",
    "smape",
    "mase",
    "rmsse",
    "bias",
    "relmae",
    "direction",
    "skill",
    "dm_p",
    "fit_seconds",
    "predict_ms",
    "parameters",
]
ERRORS = BOARD[:11]
FORECASTS = ["model", "series", "origin", "time", "step", "target", "mean", "actual"]
SMALL = ("--models", "naive,linear,gru", "--epochs", "1", "--context", "10", "--horizon", "3")
RULES = ("--models", "naive,linear", "--context", "10", "--horizon", "3")
Run = Callable[..., tuple[str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder; returns what it printed."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, code: int = 0) -> tuple[str, str]:
        got = main(arguments)
        out, err = capsys.readouterr()
        assert got == code, err
        return out, err

    return command


@pytest.fixture
def prices(tmp_path: Path) -> str:
    return write(tmp_path / "prices.csv", table(120))


def table(rows: int, start: str = "2023-01-02", seed: int = 0) -> pd.DataFrame:
    noise = np.random.default_rng(seed).normal(size=(rows, 2))
    days = pd.bdate_range(start, periods=rows)
    wave = np.sin(np.arange(rows) / 5 * 2 * np.pi)
    return pd.DataFrame({"date": days, "close": wave + 0.3 * noise[:, 0], "volume": noise[:, 1]})


def write(path: Path, frame: pd.DataFrame) -> str:
    frame.to_csv(path, index=False)
    return path.name


def unnoisy(err: str) -> None:
    """Only our own words, and few of them."""
    for word in ("GPU available", "Tip:", "Lightning", "Warning", "warn", "`Trainer", "fitting", "Epoch", "%|"):
        assert word not in err


VERBS = ("describe", "compare", "fit", "predict", "update", "backtest", "run")


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_explains_every_verb(verb: str, capsys: pytest.CaptureFixture[str]):
    assert main([*([verb] if verb else []), "--help"]) == 0
    text = capsys.readouterr().out
    assert "usage: forecast" in text
    if not verb:
        assert all(f"  {name} " in text for name in VERBS)
        assert "examples:" in text
    if verb == "compare":
        from forecast.experiment.contestants import PRESETS

        assert all(name in text for name in PRESETS)


def test_compare_leaves_every_file_and_nothing_else(run: Run, prices: str, tmp_path: Path):
    out, err = run("compare", prices, "--target", "close", "--past", "volume", *SMALL, "--out", "runs/one")
    assert "beats naive" in out or "naive" in out.splitlines()[0]
    assert "gru" in out
    assert err.splitlines()[0] == "prices.csv: 120 rows, 2023-01-02 to 2023-06-16; target close"
    assert "the calendar: business days" in err
    unnoisy(err)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prices.csv", "runs"]
    plots = {"leaderboard.png", "steps.png", "forecast-1.png", "next.png"}
    assert {path.name for path in Path("runs/one/plots").iterdir()} == plots
    files = {"leaderboard.csv", "scores.csv", "forecasts.csv", "next.csv", "settings.toml", "plots"}
    files |= {"run.json", "run.log", "run.lock", "details", "report.html"}
    assert {path.name for path in Path("runs/one").iterdir()} == files
    board, forecasts = pd.read_csv("runs/one/leaderboard.csv"), pd.read_csv("runs/one/forecasts.csv")
    assert list(board) == BOARD
    assert set(board["model"]) == {"naive", "linear", "gru"}
    assert list(forecasts) == FORECASTS
    assert list(pd.read_csv("runs/one/scores.csv")) == ["model", "series", "step", "metric", "value", "target"]
    gru = forecasts[forecasts["model"] == "gru"]
    assert (gru["mean"] - gru["actual"]).abs().mean() == pytest.approx(board.set_index("model").loc["gru", "mae"])

    # the same seed, from the settings it left: the same errors to the last bit
    second, _ = run("run", "runs/one/settings.toml", "--out", "two", "--json")
    assert json.loads(second)["leaderboard"][0]["model"] == board["model"][0]
    pd.testing.assert_frame_equal(board[ERRORS], pd.read_csv("two/leaderboard.csv")[ERRORS], check_exact=True)
    one, two = Path("runs/one/settings.toml").read_text(), Path("two/settings.toml").read_text()
    assert two.replace('"../prices.csv"', '"../../prices.csv"') == one


def test_next_follows_the_calendar(run: Run, prices: str):
    run("compare", prices, "--target", "close", *RULES)
    ahead = pd.read_csv("forecast-run/next.csv", parse_dates=["origin", "time"])
    last = table(120)["date"].iloc[-1]
    assert (ahead["origin"] == last).all()
    assert ahead["time"].tolist() == pd.bdate_range(last, periods=4)[1:].tolist()
    assert list(ahead) == ["series", "origin", "time", "step", "target", "mean", "model"]


def test_run_can_change_settings(run: Run, prices: str):
    run("compare", prices, "--target", "close", *RULES, "--out", "one")
    out, _ = run("run", "one/settings.toml", "--set", "window.horizon=2", "--set", "split.since=0.7", "--out", "two")
    assert "2 steps ahead" in out
    assert pd.read_csv("two/forecasts.csv")["step"].max() == 2
    _, err = run("run", "one/settings.toml", "--set", "window.horizn=2", code=2)
    assert "window: no setting 'horizn'; did you mean 'horizon'?" in err


def test_settings_of_every_network_are_flags_too(run: Run, prices: str):
    flags = ("--network", "head=student", "--network", "levels=[0.1, 0.5, 0.9]", "--network", "transform=difference")
    out, _ = run("compare", prices, "--target", "close", *SMALL, *flags, "--json", "--out", "run")
    boards = {row["model"]: row for row in json.loads(out)["leaderboard"]}
    assert boards["gru"]["crps"] > 0, out
    assert boards["naive"]["crps"] is None
    made = tomllib.loads(Path("run/settings.toml").read_text())["forecasters"]["gru"]
    assert (made["head"], made["transform"]) == ("student", "difference")
    run("fit", prices, "--target", "close", *SMALL[2:], *flags, "--out", "model")
    out, _ = run("predict", "model", prices)
    assert "0.1,0.5,0.9" in out.splitlines()[0]
    _, err = run("fit", prices, "--target", "close", "--network", "haed=student", code=2)
    assert "did you mean 'head'" in err
    _, err = run("fit", prices, "--target", "close", "--model", "linear", "--network", "head=student", code=2)
    assert "none of linear is a recurrent network" in err
    _, err = run("compare", prices, "--target", "close", "--network", "student", code=2)
    assert "write NAME=VALUE, such as head=student" in err


def test_a_settings_file_finds_its_data_from_any_folder(run: Run, prices: str, monkeypatch: pytest.MonkeyPatch):
    run("compare", prices, "--target", "close", *RULES, "--out", "runs/one")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    Path("prices.csv").write_text("another file of the same name\n")
    _, err = run("run", "../runs/one/settings.toml", "--out", "again")
    assert err.startswith("../prices.csv: 120 rows")
    assert tomllib.loads(Path("again/settings.toml").read_text())["data"] == "../../prices.csv"


def test_json_is_json_and_alone_on_stdout(run: Run, prices: str):
    out, _ = run("compare", prices, "--target", "close", *RULES, "--json")
    found = json.loads(out, parse_constant=pytest.fail)
    assert set(found) == {"verdict", "leaderboard", "failed", "notes", "files"}
    assert [list(row) for row in found["leaderboard"]] == [BOARD] * 2
    assert all(Path(file).is_file() for file in found["files"])
    described, _ = run("describe", prices, "--json")
    assert json.loads(described, parse_constant=pytest.fail)["rows"] == 120


def test_ids_stay_text(run: Run, tmp_path: Path):
    parts = [table(60, seed=i).assign(ticker=name) for i, name in enumerate(("NA", "007", "TRUE"))]
    data = write(tmp_path / "long.csv", pd.concat(parts))
    run("compare", data, "--target", "close", "--series", "ticker", *RULES)
    for name in ("next", "forecasts"):
        series = pd.read_csv(f"forecast-run/{name}.csv", dtype=str, keep_default_na=False)["series"]
        assert set(series) == {"NA", "007", "TRUE"}
    scores = pd.read_csv("forecast-run/scores.csv", dtype=str, keep_default_na=False)["series"]
    assert set(scores) == {"NA", "007", "TRUE", "*"}
    assert len(list(Path("forecast-run/plots").glob("forecast-*.png"))) == 3


def test_a_short_series_is_left_out_and_named(run: Run, tmp_path: Path):
    long, short = table(80).assign(ticker="LONG"), table(80).tail(8).assign(ticker="SHORT")
    data = write(tmp_path / "panel.csv", pd.concat([long, short]))
    out, _ = run("compare", data, "--target", "close", "--series", "ticker", *RULES)
    assert "not judged, too short for context 10 + horizon 3" in out
    assert "not forecast, fewer rows than a context of 10 or a target that was never seen: series 'SHORT' (8 row" in out
    assert set(pd.read_csv("forecast-run/next.csv")["series"]) == {"LONG"}


@pytest.mark.parametrize("known", [True, False])
def test_future_covariates_need_future_rows_for_a_forecast_ahead(run: Run, tmp_path: Path, known: bool):
    frame = table(103).rename(columns={"volume": "holiday"})
    frame["close"] = 3 * frame["holiday"] + 0.01 * frame["close"]
    frame.loc[100:, "close"] = np.nan
    data = write(tmp_path / "future.csv", frame if known else frame.head(100))
    roles = ("--target", "close", "--future", "holiday", "--test-rows", "20")
    Path("forecast-run").mkdir()
    Path("forecast-run/next.csv").write_text("of an earlier run")
    out, _ = run("compare", data, *roles, "--models", "naive,ridge", *RULES[2:])
    board = pd.read_csv("forecast-run/leaderboard.csv").set_index("model")
    assert board.index[0] == "ridge"
    assert pd.read_csv("forecast-run/forecasts.csv")["origin"].nunique() == (20 if known else 18)
    if known:
        ahead = pd.read_csv("forecast-run/next.csv", parse_dates=["time"])
        assert ahead["time"].tolist() == frame["date"].tolist()[100:]
    else:
        assert "no forecast after the last row: the known-ahead columns ['holiday'] end before" in out
        assert "append rows with their future values" in out
        assert not Path("forecast-run/next.csv").exists()


def test_a_few_rows_are_enough_for_the_suggested_window(run: Run, tmp_path: Path):
    data = write(tmp_path / "few.csv", table(30))
    run("compare", data, "--target", "close", "--models", "naive,linear,gru", "--epochs", "1")
    assert set(pd.read_csv("forecast-run/leaderboard.csv")["model"]) == {"naive", "linear", "gru"}


def test_a_failing_contestant_stays_on_the_board(run: Run, prices: str, monkeypatch: pytest.MonkeyPatch):
    from forecast.errors import TrainingError
    from forecast.forecasters.linear import Linear

    def fail(self: Linear, panel: object) -> Linear:
        raise TrainingError("the reason")

    monkeypatch.setattr(Linear, "fit", fail)
    out, _ = run("compare", prices, "--target", "close", *RULES, "--json")
    assert json.loads(out)["failed"] == {"linear": "the reason"}


@pytest.mark.skipif(importlib.util.find_spec("vega_datasets") is None, reason="vega-datasets is not installed")
def test_an_embedded_data_set_needs_its_name_only(run: Run):
    rules = ("--models", "naive,linear")
    run("compare", "seattle-weather", "--target", "temp_max", *rules, "--horizon", "7", "--stride", "20")
    settings = Path("forecast-run/settings.toml").read_text()
    assert 'since = "2015-01-01"' in settings
    assert "season = 1\n" in settings
    assert 'past = ["precipitation", "temp_min", "wind"]' in settings
    out, _ = run("describe", "seattle-weather")
    assert "forecast compare seattle-weather --" in out
    assert "1,461 in 6 columns" in out


@pytest.mark.skipif(importlib.util.find_spec("bokeh_sampledata") is None, reason="bokeh-sampledata is not installed")
def test_the_embedded_stocks_are_a_panel(run: Run):
    run("compare", "stocks", "--models", "naive,drift", "--horizon", "5", "--stride", "50")
    assert set(pd.read_csv("forecast-run/next.csv")["series"]) == {"AAPL", "FB", "GOOG", "IBM", "MSFT"}


def test_describe_tells_good_from_bad(run: Run, prices: str, tmp_path: Path):
    out, _ = run("describe", prices)
    assert "next:\n  forecast compare prices.csv --target close" in out
    (tmp_path / "bad.csv").write_text("date,close\n2024-01-01,1\n2024-01-01,x\n2024-01-02,3\n")
    out, err = run("describe", "bad.csv", "--target", "close", code=2)
    assert "'x' in row 3" in out
    assert "2024-01-01 (2 rows)" in out
    assert "bad.csv: compare would stop at the problems above" in err
    out, _ = run("describe", "bad.csv", "--target", "close", "--json", code=2)
    assert len(json.loads(out)["problems"]) == 2


@pytest.mark.parametrize("model", ["gru", "linear", "seasonal-naive"])
def test_fit_predict_backtest(run: Run, tmp_path: Path, model: str):
    data = write(tmp_path / "old.csv", table(100))
    new = write(tmp_path / "new.csv", table(130))
    window = ("--context", "10", "--horizon", "3", "--epochs", "1")
    out, err = run("fit", data, "--target", "close", "--model", model, *window, "--json")
    assert json.loads(out)["rows"] == 100
    unnoisy(err)
    out, err = run("predict", "model", new)
    assert err == ""
    run("predict", "model", new, "--out", "ahead.csv")
    assert Path("ahead.csv").read_text() == out
    as_json, _ = run("predict", "model", new, "--json")
    means = [row["mean"] for row in json.loads(as_json)]
    assert means == pytest.approx(pd.read_csv("ahead.csv")["mean"].tolist(), abs=1e-9)
    out, _ = run("backtest", "model", new, "--out", "judged")
    assert "28 origins" in out
    board = pd.read_csv("judged/leaderboard.csv")
    assert list(board) == BOARD
    assert set(board["model"]) == {"naive", "model"}
    out, _ = run("backtest", "model", new, "--test-rows", "10", "--stride", "2", "--json")
    assert len(json.loads(out)["leaderboard"]) == 2
    _, err = run("backtest", "model", new, "--test-rows", "40", code=2)
    assert "rows the model was fitted on, up to 2023-05-19" in err
    _, err = run("backtest", "model", data, code=2)
    assert "no row is later than 2023-05-19" in err


STATEFUL = ("--model", "gru-stateful", "--context", "10", "--horizon", "3", "--epochs", "1")


def test_update_remembers_what_it_was_told(run: Run, tmp_path: Path):
    whole = table(110)
    out, err = run("fit", write(tmp_path / "old.csv", whole.head(100)), "--target", "close", *STATEFUL)
    assert "now: forecast update model NEW_ROWS.csv" in out
    unnoisy(err)
    last = whole["close"].to_numpy()
    for row in range(100, 109):
        out, err = run("update", "model", write(tmp_path / "new.csv", whole.iloc[row : row + 1]))
        assert err == ""
    run("update", "model", write(tmp_path / "new.csv", whole.tail(1)), "--out", "ahead.csv")
    ahead = pd.read_csv("ahead.csv", parse_dates=["time"])
    assert ahead["time"].tolist() == pd.bdate_range(whole["date"].iloc[-1], periods=4)[1:].tolist()
    run("predict", "model", write(tmp_path / "whole.csv", whole), "--out", "batch.csv")
    batch = pd.read_csv("batch.csv")
    assert list(batch) == list(ahead)
    assert np.abs(batch["mean"] - ahead["mean"]).max() < 1e-5 * last.std()
    later = write(tmp_path / "later.csv", table(112).tail(2))
    as_json, _ = run("update", "model", later, "--json")
    assert [row["step"] for row in json.loads(as_json)] == [1, 2, 3]


def test_an_update_learns_from_then_on_until_it_is_told_to_stop(run: Run, tmp_path: Path):
    whole = table(125)
    run("fit", write(tmp_path / "old.csv", whole.head(100)), "--target", "close", *STATEFUL)

    def updated(first: int, *flags: str) -> list[int]:
        run("update", "model", write(tmp_path / "new.csv", whole.iloc[first : first + 5]), *flags)
        return load_live("model").learning["updates"].tolist()

    assert updated(100) == []
    assert updated(105, "--learn", "tbptt") == [3]  # three rows are the horizon
    assert updated(110) == [8]
    assert updated(115, "--learn", "tbptt") == [13]
    assert updated(120, "--learn", "off") == []
    _, err = run("update", "model", write(tmp_path / "new.csv", whole.tail(1)), "--learn", "rtlr", code=2)
    assert "did you mean 'rtrl'?" in err


def test_an_update_goes_on_with_a_rule_that_was_begun_in_python_with_its_settings(run: Run, tmp_path: Path):
    whole = table(110)
    run("fit", write(tmp_path / "old.csv", whole.head(100)), "--target", "close", *STATEFUL)
    load_live("model").learn(Truncated(2, 4), learning_rate=0.25).save("model")
    for first, updates in ((100, 3), (105, 8)):
        run("update", "model", write(tmp_path / "new.csv", whole.iloc[first : first + 5]), "--learn", "tbptt")
        learner = load_live("model").learner
        assert learner is not None
        assert (learner.settings.rule, learner.settings.learning_rate) == (Truncated(2, 4), 0.25)
        assert load_live("model").learning["updates"].tolist() == [updates]


def test_an_update_is_absorbed_as_a_whole_or_not_at_all(run: Run, tmp_path: Path):
    whole = table(105)
    run("fit", write(tmp_path / "old.csv", whole.head(100)), "--target", "close", *STATEFUL)
    before = Path("model/state.safetensors").read_bytes()
    for rows, what in (
        (whole.tail(10), "5 rows (2023-05-15 to 2023-05-19) are not later than the last one, of 2023-05-19; send"),
        (whole.iloc[99:100], "the row of 2023-05-19 is there already, the last row is of 2023-05-19"),
        (whole.tail(5).assign(close="x"), "column 'close': holds text"),
        (whole.tail(5).rename(columns={"close": "Close"}), "there is no column 'close'"),
    ):
        _, err = run("update", "model", write(tmp_path / "new.csv", rows), code=2)
        assert what in err
        assert Path("model/state.safetensors").read_bytes() == before
    good = write(tmp_path / "good.csv", whole.tail(5))
    _, err = run("update", "model", good, "--out", "no/folder/x.csv", code=2)
    assert "--out no/folder/x.csv: cannot be written" in err
    assert Path("model/state.safetensors").read_bytes() == before
    assert len(run("update", "model", good)[0].splitlines()) == 4


def test_update_tells_of_new_series_and_of_rows_it_left_out(run: Run, tmp_path: Path):
    parts = [table(70, seed=i).assign(shop=name) for i, name in enumerate(("A", "B"))]
    run("fit", write(tmp_path / "old.csv", pd.concat(parts)), "--target", "close", "--series", "shop", *STATEFUL)
    new = table(12, "2023-05-01").assign(shop="C")
    new.loc[9:, "close"] = np.nan
    out, err = run("update", "model", write(tmp_path / "new.csv", new))
    assert "series 'C' was not seen before: it starts cold and forecasts after 10 rows (9 so far)" in err
    assert "3 rows behind the last target were left out" in err
    assert "C" not in {line.split(",")[0] for line in out.splitlines()[1:]}
    more = table(14, "2023-05-01").assign(shop="C").tail(2)
    out, err = run("update", "model", write(tmp_path / "more.csv", more))
    assert "series 'C' has 10 rows now and forecasts" in err
    assert {line.split(",")[0] for line in out.splitlines()[1:]} == {"A", "B", "C"}


def test_update_reads_dates_as_the_model_read_them_and_tells_what_the_reader_did(run: Run, tmp_path: Path):
    """01/10/2023 alone could be January."""
    whole = table(205, "2023-01-01")
    day_first = whole.assign(date=whole["date"].dt.strftime("%d/%m/%Y"))
    run("fit", write(tmp_path / "old.csv", day_first.head(190)), "--target", "close", *STATEFUL)
    first = int((whole["date"] == "2023-10-03").to_numpy().argmax())
    assert day_first["date"][first] == "03/10/2023"
    run("update", "model", write(tmp_path / "some.csv", day_first.iloc[190:first]))
    out, err = run("update", "model", write(tmp_path / "one.csv", day_first.iloc[first : first + 1]))
    assert "read as day/month/year" in err
    assert out.splitlines()[1].split(",")[1:3] == ["2023-10-03", "2023-10-04"]
    run("predict", "model", write(tmp_path / "whole.csv", day_first.iloc[first - 30 : first + 1]), "--out", "batch.csv")
    zoned = whole.iloc[first + 1 : first + 2]
    zoned = zoned.assign(date=zoned["date"].dt.strftime("%Y-%m-%dT02:00:00+02:00"))
    _, err = run("update", "model", write(tmp_path / "zoned.csv", zoned))
    assert "time column 'date': converted to UTC, offsets dropped" in err


def test_two_updates_at_a_time_come_one_after_the_other(run: Run, tmp_path: Path):
    whole = table(102)
    run("fit", write(tmp_path / "old.csv", whole.head(100)), "--target", "close", *STATEFUL)
    first, second = (write(tmp_path / f"{row}.csv", whole.iloc[row : row + 1]) for row in (100, 101))
    before = Path("model/state.safetensors").read_bytes()
    other = threading.Thread(target=update_file, args=("model", first))
    with locked("model"):
        other.start()
        other.join(0.5)
        assert other.is_alive()
        assert Path("model/state.safetensors").read_bytes() == before
    other.join()
    run("update", "model", second)
    assert load_live("model").carried.tracks[0].rows == 102


def test_update_takes_known_ahead_values_from_rows_without_a_target(run: Run, tmp_path: Path):
    whole = table(110).rename(columns={"volume": "holiday"})
    columns = ("--target", "close", "--future", "holiday")
    run("fit", write(tmp_path / "old.csv", whole.head(100)), *columns, *STATEFUL)
    new = whole.iloc[100:108].copy()
    _, err = run("update", "model", write(tmp_path / "bare.csv", new), code=2)
    assert "the known-ahead columns ['holiday'] end before the horizon of 3 steps in the series" in err
    new.loc[105:, "close"] = np.nan
    run("update", "model", write(tmp_path / "new.csv", new), "--out", "ahead.csv")
    blank = whole.head(108).copy()
    blank.loc[105:, "close"] = np.nan
    run("predict", "model", write(tmp_path / "whole.csv", blank), "--out", "batch.csv")
    difference = pd.read_csv("batch.csv")["mean"] - pd.read_csv("ahead.csv")["mean"]
    assert difference.abs().max() < 1e-5


def test_a_model_without_state_cannot_be_updated(run: Run, tmp_path: Path):
    data = write(tmp_path / "a.csv", table(100))
    run("fit", data, "--target", "close", *STATEFUL)
    for model in ("gru", "linear"):
        run("fit", data, "--target", "close", "--model", model, *STATEFUL[2:])
        _, err = run("update", "model", data, code=2)
        assert "model: there is no live state (state.safetensors) beside this model" in err
        assert "--model gru-stateful" in err


def test_a_backtest_on_later_rows_alone_starts_after_the_first_context(run: Run, tmp_path: Path):
    data, new = write(tmp_path / "old.csv", table(100)), write(tmp_path / "new.csv", table(130).tail(30))
    run("fit", data, "--target", "close", "--model", "linear", "--context", "10", "--horizon", "3")
    run("backtest", "model", new, "--out", "judged")
    assert pd.read_csv("judged/forecasts.csv")["origin"].nunique() == 18


def test_a_series_that_ended_long_ago_does_not_stop_a_backtest(run: Run, tmp_path: Path):
    ended = table(60).assign(shop="old")
    data = write(tmp_path / "old.csv", pd.concat([table(100).assign(shop="new"), ended]))
    new = write(tmp_path / "new.csv", pd.concat([table(130).assign(shop="new"), ended]))
    columns = ("--target", "close", "--series", "shop", "--context", "10", "--horizon", "3")
    run("fit", data, *columns, "--model", "linear")
    run("backtest", "model", new, "--out", "judged")
    assert set(pd.read_csv("judged/forecasts.csv")["series"]) == {"new"}


def test_data_that_does_not_suit_a_saved_model_is_refused(run: Run, tmp_path: Path):
    run("fit", write(tmp_path / "a.csv", table(60)), "--target", "close", "--model", "linear", "--context", "10")
    write(tmp_path / "short.csv", table(6))
    _, err = run("predict", "model", "short.csv", code=2)
    assert "short.csv: too short: the model's context of 10 needs 10 rows, the series has 6" in err
    write(tmp_path / "other.csv", table(60).rename(columns={"close": "Close"}))
    _, err = run("predict", "model", "other.csv", code=2)
    assert "other.csv: there is no column 'close' (target); did you mean 'Close'?" in err
    _, err = run("predict", "model", "a.csv", "--out", "no/such/folder/x.csv", code=2)
    assert "--out no/such/folder/x.csv: cannot be written" in err
    _, err = run("predict", "nomodel", "a.csv", code=2)
    assert "no readable model" in err


@pytest.mark.parametrize("model", ["ridge", "forest", "mlp"])
def test_a_regressor_is_refused_before_the_data_is_read(run: Run, model: str):
    _, err = run("fit", "no-such.csv", "--target", "close", "--model", model, code=2)
    assert "cannot be saved: its file would have to run code" in err


def test_our_own_mistakes_show_their_traceback(run: Run, prices: str, monkeypatch: pytest.MonkeyPatch):
    def broken(*args: object, **named: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("forecast.experiment.compare.backtest", broken)
    _, err = run("compare", prices, "--target", "close", *RULES, code=70)
    assert "ZeroDivisionError: ours" in err
    assert "a mistake of ours, please report it" in err


def test_stopping_is_no_mistake(run: Run, prices: str, monkeypatch: pytest.MonkeyPatch):
    def stopped(*args: object, **named: object) -> None:
        raise Stopped(signal.SIGINT)

    monkeypatch.setattr("forecast.experiment.compare.backtest", stopped)
    command = ("compare", prices, "--target", "close", *RULES)
    _, err = run(*command, code=130)
    assert err.endswith(f"goes on with it:\n  forecast {' '.join(command)} --resume\n")


@pytest.mark.parametrize("verb", ["compare", "sweep"])
def test_what_was_stopped_before_it_kept_anything_says_no_way_to_go_on(
    run: Run, prices: str, monkeypatch: pytest.MonkeyPatch, verb: str
):
    command = (verb, prices, "--target", "close", *(RULES if verb == "compare" else ("--horizon", "2")))
    if verb == "compare":  # another run waits in that folder
        with monkeypatch.context() as patch:
            patch.setattr("forecast.experiment.compare.backtest", _stop)
            run(*command, code=130)
    monkeypatch.setattr("forecast.experiment.compare.read_dataset", _stop)
    _, err = run(*command, code=130)
    assert err == "forecast: stopped\n"


def test_a_sweep_that_was_stopped_says_the_command_again(run: Run, prices: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("forecast.sweeps.sweep.run", _stop)
    command = ("sweep", prices, "--target", "close", "--horizon", "2")
    _, err = run(*command, code=130)
    assert err.endswith(f"goes on with it:\n  forecast {' '.join(command)}\n")


def _stop(*args: object, **named: object) -> None:
    raise Stopped(signal.SIGINT)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is of Linux")
def test_a_full_disk_has_an_exit_code_of_its_own(run: Run, prices: str, monkeypatch: pytest.MonkeyPatch):
    run("fit", prices, "--target", "close", "--model", "linear")
    _, err = run("predict", "model", prices, "--out", "/dev/full", code=74)
    assert "--out /dev/full: cannot be written (No space left on device)" in err
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    _, err = run("compare", prices, "--target", "close", *RULES, code=74)
    assert "will be written here, 1 kB are free; make room" in err
    monkeypatch.setattr("forecast.experiment.compare.backtest", _full)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1e12))
    _, err = run("compare", prices, "--target", "close", *RULES, code=74)
    assert "No space left" in err
    assert "Traceback" not in err


def _full(*args: object, **named: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_module_runs_as_a_command_and_survives_a_closed_pipe(prices: str, tmp_path: Path):
    command = [sys.executable, "-m", "forecast", "describe", prices]
    whole = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert whole.stderr == ""
    assert "next:" in whole.stdout
    reader, writer = os.pipe()
    os.close(reader)
    closed = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    os.close(writer)
    assert (closed.returncode, closed.stderr) == (0, "")


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are of Unix")
def test_a_terminal_sees_one_bar_and_is_left_clean(prices: str, tmp_path: Path):
    import fcntl
    import pty
    import struct
    import termios

    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    command = [sys.executable, "-m", "forecast", "compare", prices, "--target", "close", *SMALL]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, cwd=tmp_path)
    os.close(terminal)
    seen = b""
    try:
        while chunk := os.read(controller, 4096):
            seen += chunk
    except OSError:  # how Linux says that the other side was closed
        pass
    out, _ = process.communicate()
    os.close(controller)
    text = seen.decode()
    assert process.returncode == 0, text
    assert "3/3 gru: fitting" in text
    assert " left, " in text
    assert "epoch" in text
    assert "Lightning" not in text
    assert b"%, " not in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["forecast-run", "prices.csv"]


def test_a_list_with_spaces_is_told_how_lists_are_written(prices: str, run: Run):
    _, err = run("compare", prices, "--models", "naive", "linear", code=2)
    assert "unrecognized arguments: linear (a list has commas and no spaces, a,b;" in err
    _, err = run("compare", prices, "--modells", "naive", code=2)
    assert "commas" not in err


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(("name", "returned"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_while_a_network_trains_keeps_the_work_and_says_how_to_go_on(
    prices: str, tmp_path: Path, run: Run, name: str, returned: int
):
    arguments = ("compare", prices, "--target", "close", *SMALL)
    code = (
        "import os, signal, sys, forecast.training.saving as s, forecast.cli as f\n"
        "start = s.Saver.on_train_start\n"
        "def began(*a):\n"
        f"    start(*a); os.kill(os.getpid(), signal.{name})\n"
        "s.Saver.on_train_start = began\n"
        f"sys.exit(f.main({list(arguments)!r}))"
    )
    alone = os.environ | {"OMP_NUM_THREADS": "1"}  # as the process of the tests: other threads, other last digits
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, env=alone)
    assert done.returncode == returned, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith(f"goes on with it:\n  forecast {' '.join(arguments)} --resume\n")
    assert {path.name.rpartition("-")[0] for path in Path("forecast-run/kept").iterdir()} == {"naive", "linear", "gru"}
    _, err = run(*arguments, code=2)
    assert "was stopped here, and its work is kept" in err
    run(*arguments, "--resume")
    run(*arguments, "--out", "whole")
    for table in ("scores.csv", "forecasts.csv", "next.csv"):
        assert Path("forecast-run", table).read_bytes() == Path("whole", table).read_bytes(), table
    assert not Path("forecast-run/kept").exists()
