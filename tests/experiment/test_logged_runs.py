"""Logs of whole runs: where the verbs leave them, and what they do not decide."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.cli import main
from forecast.data.panel import Panel
from forecast.forecasters.recurrent import Recurrent
from forecast.sweeps.sweep import sweep
from forecast.training import logs
from forecast.training.settings import Training
from forecast.windows.window import Window

QUICK = ("--models", "naive,gru", "--context", "8", "--horizon", "2", "--epochs", "2")


@pytest.fixture
def waves(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    time = pd.date_range("2024-01-01", periods=120)
    pd.DataFrame({"day": time, "y": np.sin(np.arange(120) / 4)}).to_csv("waves.csv", index=False)
    return "waves.csv"


def epochs_in(folder: Path) -> list[int]:
    return pd.read_csv(folder / "metrics.csv")["epoch"].tolist()


def test_compare_logs_each_network_under_its_name_in_the_folder_of_the_run(waves):
    assert main(["compare", waves, "--target", "y", *QUICK, "--log", "csv", "--out", "out"]) == 0
    out = Path("out")
    assert epochs_in(out / "logs" / "gru" / "seed-0") == [1, 2]
    best = pd.read_csv(out / "leaderboard.csv")["model"].iloc[0]
    fits = sorted(path.name for path in (out / "logs" / "gru").iterdir())
    assert fits == (["seed-0", "seed-0-2"] if best == "gru" else ["seed-0"])  # the best is fitted again on all rows
    assert [path.name for path in (out / "logs").iterdir()] == ["gru"]
    assert tomllib.loads((out / "settings.toml").read_text())["training"]["log"] == ["csv"]
    assert "log" not in json.loads((out / "run.json").read_text())["settings"]["training"]
    assert main(["run", "out/settings.toml", "--out", "out"]) == 0  # the same fits again
    assert sorted(path.name for path in (out / "logs" / "gru").iterdir()) == fits


def test_fit_logs_into_the_folder_of_the_model(waves):
    asked = ["--model", "gru", "--context", "8", "--horizon", "2", "--epochs", "1", "--log", "csv", "--out", "model"]
    assert main(["fit", waves, "--target", "y", *asked]) == 0
    assert epochs_in(Path("model/logs/fit/seed-0")) == [1]
    assert main(["predict", "model", waves, "--out", "next.csv"]) == 0


def test_a_logger_that_is_not_there_is_named_before_the_data_is_read(waves, monkeypatch, capsys):
    monkeypatch.setattr(logs, "find_spec", lambda package: None)
    assert main(["compare", "nowhere.csv", "--target", "y", *QUICK, "--log", "csv,mlflow", "--out", "out"]) == 2
    assert "pip install 'forecast-recurrent[mlflow]'" in capsys.readouterr().err
    assert not Path("out").exists()


def test_every_fold_of_every_trial_has_a_log_of_its_own(tmp_path):
    panel = Panel.from_arrays(np.sin(np.arange(200) / 5), np.arange(200).astype("M8[h]"))

    def space(trial):
        size = trial.suggest_int("hidden_size", 2, 4)
        training = Training(epochs=1, log="csv", log_folder=str(tmp_path))
        return Recurrent(Window(8, 2), hidden_size=size, training=training)

    study = sweep(space, panel, 0.8, trials=2)
    folds = len(study.trials[0].user_attrs["folds"])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"trial-{trial:04d}-fold-{fold + 1}" for trial in range(2) for fold in range(folds)]
    assert all(epochs_in(tmp_path / name / "seed-0") == [1] for name in names)
