"""Remedies in settings, saved models, sweeps and the command line."""

from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

from forecast.cli import main
from forecast.data.synthetic import autoregressive
from forecast.errors import SettingsError
from forecast.experiment.contestants import from_table, preset, shaped
from forecast.experiment.settings import read_experiment
from forecast.experiment.spaces import network_space
from forecast.forecasters.artifacts.artifact import load
from forecast.forecasters.recurrent import Recurrent
from forecast.training.settings import Training
from forecast.windows.window import Window

WINDOW = Window(8, 2)
SETTINGS = """
data = "a.csv"
[window]
context = 8
horizon = 2
[training]
clip = 0.1
clip_by = "value"
[forecasters.naive]
[forecasters.gru]
[forecasters.lstm]
clip_by = "norm"
cell = "variational-lstm"
"""


def test_clipping_by_value_stands_in_settings_files_and_a_network_may_have_its_own(tmp_path: Path):
    (tmp_path / "a.toml").write_text(SETTINGS)
    read = read_experiment(tmp_path / "a.toml", ["training.clip=0.2"])
    (tmp_path / "b.toml").write_text(read.to_toml())
    for experiment in (read, read_experiment(tmp_path / "b.toml")):
        found = {name: experiment.make(name).training for name in ("gru", "lstm")}
        assert [(each.clip, each.clip_by) for each in found.values()] == [(0.2, "value"), (0.2, "norm")]
        assert experiment.make("lstm").architecture.cell == "variational-lstm"


def test_flags_and_sweeps_know_it_by_the_same_name():
    network = shaped({"gru": preset("gru")}, {"clip_by": "value"})["gru"]
    assert network.make(WINDOW, Training()).training.clip_by == "value"
    space = network_space(WINDOW, choices={"clip_by": ("norm", "value")})
    assert space.first == ({"clip_by": "norm"},)
    assert space(optuna.trial.FixedTrial({"clip_by": "value"})).training.clip_by == "value"
    assert from_table("gru", {"clip_by": "value"}).clip_by == "value"


def test_a_saved_model_keeps_how_its_gradients_were_clipped(tmp_path: Path):
    panel = autoregressive(rows=60)
    training = Training(epochs=1, device="cpu", clip_by="value")
    Recurrent(WINDOW, hidden_size=4, training=training).fit(panel).save(tmp_path)
    assert load(tmp_path).model.training == training


def table(path: Path, rows: int, seed: int, scale: float = 1.0) -> str:
    values = scale * np.random.default_rng(seed).normal(size=rows).cumsum()
    days = pd.date_range("2024-01-01", periods=rows, freq="D")
    pd.DataFrame({"day": days, "y": values}).to_csv(path, index=False)
    return str(path)


def command(*arguments: str) -> int:
    return main([*arguments, "--epochs", "1", "--device", "cpu"])


def test_a_fit_starts_from_a_saved_model_and_takes_its_window(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = ("--target", "y", "--network", "hidden_size=4")
    window = ("--context", "9", "--horizon", "2")
    assert command("fit", table(tmp_path / "old.csv", 90, 0), *small, *window, "--out", "old") == 0
    new = table(tmp_path / "new.csv", 70, 1, 100.0)
    still = ("--network", "learning_rate=1e-30")
    assert command("fit", new, *small, *still, "--intervals", "0.8", "--start", "old", "--out", "warm") == 0
    old, warm = load("old").model, load("warm").model.forecaster
    assert warm.window == old.window
    kept = {name: value for name, value in old.network.state_dict().items() if value.abs().min() > 1e-6}
    assert kept
    for name, value in kept.items():
        assert np.array_equal(warm.network.state_dict()[name].numpy(), value.numpy())
    capsys.readouterr()
    assert command("fit", new, "--target", "y", "--start", "old", "--out", "other") == 2
    assert "cell.layer.weight_ih_l0: (12, 1) there, (192, 1) here" in capsys.readouterr().err
    assert command("fit", new, "--target", "y", "--model", "naive", "--start", "old") == 2
    assert "Naive has no network that could begin" in capsys.readouterr().err
    assert command("fit", new, "--target", "y", "--model", "naive", "--out", "rule") == 0
    assert command("fit", new, "--target", "y", "--start", "rule") == 2
    assert "rule: 0 networks in this model" in capsys.readouterr().err


def test_a_settings_file_is_fitted_from_a_saved_model_too(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    panel = autoregressive(rows=80)
    table(tmp_path / "a.csv", 70, 1)
    still = "hidden_size = 4\nepochs = 1\nlearning_rate = 1e-30\n[forecasters.lstm]"
    (tmp_path / "a.toml").write_text(SETTINGS.replace("[forecasters.lstm]", still))
    old = Recurrent(WINDOW, hidden_size=4, training=Training(epochs=1, device="cpu")).fit(panel)
    old.save(tmp_path / "old")
    assert main(["fit", "a.toml", "--model", "gru", "--start", "old", "--out", "warm"]) == 0
    warm = load("warm").model.network.state_dict()
    for name in ("cell.layer.weight_ih_l0", "cell.layer.weight_hh_l0"):
        assert np.array_equal(warm[name].numpy(), old.network.state_dict()[name].numpy())


@pytest.mark.parametrize("wrong", ["values", "", "Norm"])
def test_another_way_to_clip_is_refused(wrong):
    with pytest.raises(SettingsError, match="clip_by"):
        from_table("gru", {"clip_by": wrong})
