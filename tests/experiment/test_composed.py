"""Contestants that are made of others, in settings files and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.cli import main
from forecast.errors import SettingsError
from forecast.experiment.contestants import from_table, to_table
from forecast.experiment.settings import from_tables, read_experiment
from forecast.forecasters.conformal import Conformal
from forecast.forecasters.ensemble import Ensemble

SETTINGS = """
data = "waves.csv"
[window]
context = 8
horizon = 2
[training]
epochs = 1
device = "cpu"
[forecasters.naive]
[forecasters.gru]
hidden_size = 4
[forecasters.three]
kind = "ensemble"
of = ["gru", "linear"]
seeds = [1, 2]
combine = "median"
[forecasters.sure]
kind = "conformal"
of = "three"
levels = [0.1, 0.9]
method = "rolling"
memory = 20
[forecasters.plain]
kind = "conformal"
of = "ridge"
"""
BASE = {"data": "a.csv", "window": {"context": 8, "horizon": 2}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = np.arange(200)
    values = np.sin(rows / 3) + np.random.default_rng(0).normal(0, 0.1, 200)
    frame = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=200, freq="D"), "y": values})
    frame.to_csv(tmp_path / "waves.csv", index=False)
    frame.iloc[:160].to_csv(tmp_path / "early.csv", index=False)
    (tmp_path / "s.toml").write_text(SETTINGS)
    return tmp_path


def test_references_are_followed_and_each_contestant_is_made_for_itself(folder: Path):
    experiment = read_experiment("s.toml")
    sure, three = experiment.make("sure"), experiment.make("three")
    assert isinstance(sure, Conformal)
    assert isinstance(sure.forecaster, Ensemble)
    assert isinstance(three, Ensemble)
    assert list(sure.forecaster.members) == ["gru#1", "gru#2", "linear#1", "linear#2"]
    assert [member.training.seed for name, member in three.members.items() if "gru" in name] == [1, 2]
    assert three.members["gru#1"].architecture.hidden_size == 4
    assert not {map(id, three.members.values())} & {map(id, sure.forecaster.members.values())}


def test_an_experiment_of_composed_contestants_survives_its_settings_file(folder: Path):
    experiment = read_experiment("s.toml")
    (folder / "again.toml").write_text(experiment.to_toml())
    assert read_experiment("again.toml") == experiment
    for contestant in experiment.forecasters.values():
        assert from_table("x", to_table(contestant)) == contestant


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"a": {"kind": "conformal", "of": "a"}}, "forecasters.a refers to itself: a -> a"),
        (
            {"a": {"kind": "conformal", "of": "b"}, "b": {"kind": "ensemble", "of": ["gru", "a"]}},
            "refers to itself: a -> b -> a",
        ),
        ({"a": {"kind": "conformal", "of": "gruu"}}, "forecasters.a: of = 'gruu': no contestant or preset 'gruu'; did"),
        ({"a": {"kind": "conformal"}}, "forecasters.a: 'of' is missing"),
        ({"a": {"kind": "ensemble", "of": []}}, "name the contestants"),
        ({"a": {"kind": "ensemble", "of": ["gru", "gru"]}}, "each of them once"),
        ({"a": {"kind": "ensemble", "of": ["gru"], "seeds": ["1"]}}, "a list of whole numbers in brackets is needed"),
        ({"a": {"kind": "conformal", "of": "gru", "method": "x"}}, 'one of "split", "rolling"'),
    ],
)
def test_references_that_lead_nowhere_or_in_a_circle_are_refused(tables, message):
    with pytest.raises(SettingsError) as caught:
        from_tables(BASE | {"forecasters": {"naive": {}} | tables}, "s.toml")
    assert message in str(caught.value)


def test_settings_that_the_forecaster_refuses_are_refused_before_anything_is_read(folder: Path, capsys):
    assert main(["run", "s.toml", "--set", "forecasters.sure.levels=[0.1, 2.0]"]) == 2
    assert "a level lies between 0 and 1" in capsys.readouterr().err


def test_a_preset_is_fitted_with_intervals_by_a_flag(folder: Path, capsys: pytest.CaptureFixture[str]):
    asked = ("--model", "linear", "--context", "8", "--horizon", "2", "--out", "model")
    assert main(["fit", "waves.csv", *asked, "--intervals", "0.8"]) == 0
    assert main(["predict", "model", "waves.csv", "--out", "next.csv"]) == 0
    frame = pd.read_csv("next.csv")
    assert (frame["0.1"] < frame["0.5"]).all()
    assert (frame["0.5"] < frame["0.9"]).all()
    capsys.readouterr()
    assert main(["fit", "waves.csv", *asked, "--intervals", "90"]) == 2
    assert "a share between 0 and 1" in capsys.readouterr().err
    assert main(["fit", "s.toml", "--model", "sure", "--intervals", "0.9"]) == 2
    assert "--intervals: s.toml is a settings file" in capsys.readouterr().err


def test_they_are_compared_fitted_asked_and_judged_from_the_command_line(folder: Path, capsys):
    assert main(["run", "s.toml", "--out", "out", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {row["model"] for row in said["leaderboard"]} == {"naive", "gru", "three", "sure", "plain"}
    assert not said["failed"]
    assert any(note.startswith("sure: gru#1: kept epoch") for note in said["notes"])
    assert main(["fit", "s.toml", "--model", "sure", "--out", "model"]) == 0
    capsys.readouterr()
    assert main(["predict", "model", "waves.csv", "--out", "next.csv"]) == 0
    frame = pd.read_csv("next.csv")
    assert (frame["0.1"] < frame["0.5"]).all()
    assert (frame["0.5"] < frame["0.9"]).all()
    assert main(["fit", "s.toml", "--model", "plain", "--out", "other"]) == 2
    assert "Tabular cannot be saved" in capsys.readouterr().err
    text = (folder / "s.toml").read_text().replace("waves.csv", "early.csv")
    (folder / "early.toml").write_text(text)
    assert main(["fit", "early.toml", "--model", "sure", "--out", "before"]) == 0
    assert main(["backtest", "before", "waves.csv"]) == 0
    assert "model" in capsys.readouterr().out
