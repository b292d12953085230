"""The leak check of an experiment: on settings, on flags, and what it says of a contestant that leaks."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.cli import main
from forecast.data.schema import Schema
from forecast.errors import LeakageError
from forecast.experiment.compare import plan
from forecast.experiment.leakcheck import leakcheck, leaked
from forecast.forecasters.naive import Naive

QUICK = ["--context", "6", "--horizon", "2", "--epochs", "1", "--since", "0.7"]


@pytest.fixture
def table(tmp_path: Path) -> str:
    days = pd.date_range("2024-01-01", periods=150)
    wave = np.sin(np.arange(150) / 3) + np.random.default_rng(0).normal(0, 0.1, 150)
    pd.DataFrame({"day": days, "y": wave.round(4)}).to_csv(tmp_path / "a.csv", index=False)
    return str(tmp_path / "a.csv")


def test_the_verb_asks_every_contestant_and_says_what_it_found(table, capsys):
    assert main(["leakcheck", table, *QUICK, "--models", "naive,linear,ridge,gru-stateful", "--origins", "8"]) == 0
    said = capsys.readouterr().out.splitlines()
    names = ["naive", "linear", "ridge", "gru-stateful"]
    assert said == [f"{name}: 8 origins: no later row moves a forecast" for name in names]


def test_a_settings_file_is_checked_as_it_is_run(table, tmp_path, capsys):
    experiment, _ = plan(table, Schema(), context=6, horizon=2, models=("naive", "linear"))
    (tmp_path / "settings.toml").write_text(experiment.to_toml())
    assert main(["leakcheck", str(tmp_path / "settings.toml"), "--origins", "5", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {name: "5 origins: no later row moves a forecast" for name in ("naive", "linear")}


def test_nothing_beside_a_settings_file_is_passed_over_and_no_origin_is_no_clean_bill(table, tmp_path, capsys):
    experiment, _ = plan(table, Schema(), context=6, horizon=2, models=("naive", "linear"))
    (tmp_path / "settings.toml").write_text(experiment.to_toml())
    assert main(["leakcheck", str(tmp_path / "settings.toml"), "--models", "naive"]) == 2
    assert "--models:" in capsys.readouterr().err
    assert main(["leakcheck", table, *QUICK, "--models", "naive", "--origins", "0"]) == 2
    assert "at least 1" in capsys.readouterr().out


def test_a_contestant_that_looks_ahead_is_named_and_the_exit_code_says_so(table, capsys, monkeypatch):
    honest = Naive.predict

    def peeking(self, panel, origins=None):
        said = honest(self, panel, origins)
        return replace(said, values=said.values + 1e-12 * panel.values[-1, 0])

    monkeypatch.setattr(Naive, "predict", peeking)
    assert main(["leakcheck", table, *QUICK, "--models", "naive,linear", "--origins", "5"]) == 2
    said = capsys.readouterr()
    assert "naive: 5 origins, 10 leaks, the first: series" in said.out
    assert "naive: rows after the origin move forecasts" in said.err
    assert "linear: 5 origins: no later row" in said.out


def test_a_contestant_that_cannot_be_asked_is_no_clean_bill(table):
    experiment, panel = plan(table, Schema(), context=6, horizon=2, models=("naive", "gru"))
    gru = replace(experiment.forecasters["gru"], transform="log")
    found = dict(leakcheck(replace(experiment, forecasters={**experiment.forecasters, "gru": gru}), panel, 5))
    with pytest.raises(LeakageError, match="gru: could not be asked"):
        leaked(found)


def test_the_figure_is_one_command(monkeypatch, capsys, tmp_path):
    scripts = Path(__file__).resolve().parents[2] / "experiments" / "reliability"
    monkeypatch.syspath_prepend(str(scripts))
    figure = importlib.import_module("leakage")
    monkeypatch.setattr("sys.argv", ["leakage.py", "--configurations", "4", "--out", str(tmp_path / "found.json")])
    assert figure.main() == 0
    result = json.loads((tmp_path / "found.json").read_text())
    assert result["leaking"] == []
    assert result["planted_not_found"] == []
    assert result["planted"] >= 20
    assert result["origins"] >= 4 * 20
