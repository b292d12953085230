"""The long-horizon experiment can be interrupted, goes on where it was, and its table says what its cells say."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
MODULES = ("run", "contest", "table", "protocol")
SMALL = ["--data", "etth1", "--horizons", "6", "12", "--models", "naive", "linear-refit", "both"]
QUICK = ["--set", "training.epochs=1", "window.context=24", "forecasters.both.hidden_size=4"]


@pytest.fixture
def run(tmp_path, monkeypatch) -> ModuleType:
    """run.py, with a tiny table in the place of ETTh1."""
    hours = pd.date_range("2024-01-01", periods=700, freq="h")
    rng = np.random.default_rng(0)
    wave = np.sin(2 * np.pi * np.arange(700)[:, None] / 24 + np.array([0.0, 1.0]))
    values = 5 + 2 * wave + rng.normal(0, 0.3, (700, 2))
    frame = pd.DataFrame(values, columns=["HUFL", "OT"])
    frame.insert(0, "date", hours)
    frame.to_csv(tmp_path / "tiny.csv", index=False)
    monkeypatch.setenv("FORECAST_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(EXPERIMENTS / "long-horizon"), str(EXPERIMENTS / "benchmarks"), *sys.path])
    for name in MODULES:  # of the experiment, and forgotten again after the test
        monkeypatch.delitem(sys.modules, name, raising=False)
    protocol = importlib.import_module("protocol")
    monkeypatch.setitem(protocol.PROTOCOLS, "etth1", protocol.Protocol("tiny.csv", 400, 550, 700))
    yield importlib.import_module("run")
    for name in MODULES:
        sys.modules.pop(name, None)


def test_an_interrupted_run_goes_on_with_the_cells_that_are_missing(run, tmp_path, monkeypatch):
    out = ["--out", str(tmp_path / "out")]
    fit = run.contest.run
    done = []

    def until_the_fifth(cell, experiment):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(cell.name)
        return fit(cell, experiment)

    monkeypatch.setattr(run.contest, "run", until_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        run.main([*SMALL, *QUICK, *out])
    cells = tmp_path / "out" / "cells"
    before = {path.name: path.stat().st_mtime_ns for path in cells.iterdir()}
    assert sorted(before) == sorted(f"{name}.json" for name in done)

    monkeypatch.setattr(run.contest, "run", lambda cell, experiment: done.append(cell.name) or fit(cell, experiment))
    run.main([*SMALL, *QUICK, *out])
    assert len(done) == len(set(done)) == 6
    assert all((cells / name).stat().st_mtime_ns == written for name, written in before.items())

    run.main([*SMALL, *QUICK, *out])
    assert len(done) == 6
    run.main([*SMALL, *QUICK, "forecasters.both.dropout=0.1", *out])
    assert done[6:] == ["etth1-6-both-0", "etth1-12-both-0"], "cells of other settings are no longer true"


def test_the_table_stands_beside_published_figures_and_counts_every_test_window(run, tmp_path):
    run.main(
        ["--data", "etth1", "--horizons", "96", "--models", "naive", "both", *QUICK, "--out", str(tmp_path / "out")]
    )
    entry = json.loads((tmp_path / "out" / "cells" / "etth1-96-naive-0.json").read_text())
    frame = pd.read_csv(tmp_path / "tiny.csv").drop(columns="date")
    values = ((frame - frame[:400].mean()) / frame[:400].std(ddof=0)).to_numpy()
    errors = np.stack([values[step : step + 96] - values[step - 1] for step in range(550, 700 - 96 + 1)])
    assert entry["windows"] == len(errors)
    assert entry["test"] == pytest.approx([(errors**2).mean(), np.abs(errors).mean()])

    rows = [
        line.split(" | ") for line in (tmp_path / "out" / "results.md").read_text().splitlines() if "| ETTh1" in line
    ]
    assert rows[0][1:4] == ["96", ".374 / .394", ".375 / .399"]
    assert f"{entry['test'][0]:.3f} / {entry['test'][1]:.3f}" in rows[0]
    table = pd.read_csv(tmp_path / "out" / "results.csv").set_index(["data", "horizon", "model"])
    assert table.loc[("etth1", 96, "naive"), "mse"] == pytest.approx(entry["test"][0], rel=1e-5)
    assert table.loc[("jena-weather", 720, "SegRNN"), "mse"] == 0.316
