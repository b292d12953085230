"""The experiments on cells: what is measured is what is said, and an interrupted run goes on."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import torch

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"


@pytest.fixture
def opened(monkeypatch):
    """Opens a script as a module that is forgotten after the test."""

    def script(file: str) -> ModuleType:
        path = EXPERIMENTS / file
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, path.stem, module)
        spec.loader.exec_module(module)
        return module

    return script


def test_a_gru_adds_over_a_short_block_and_the_run_goes_on_where_it_was(opened, tmp_path, monkeypatch, capsys):
    adding = opened("adding-problem/adding.py")
    monkeypatch.setattr(adding, "SERIES", 40)
    quick = ["--length", "5", "--epochs", "3", "--out", str(tmp_path), "--cells"]
    adding.main([*quick, "gru"])
    results = pd.read_csv(tmp_path / "results.csv")
    assert results["mse"].iloc[-1] < adding.BASELINE / 4
    assert results["epoch"].tolist() == list(range(1, len(results) + 1))
    said = capsys.readouterr().out
    adding.main([*quick, "gru", "lru"])
    assert "gru                          seed" in said
    assert "gru                          seed" not in capsys.readouterr().out
    both = pd.read_csv(tmp_path / "results.csv")
    pd.testing.assert_frame_equal(both[both["cell"] == "gru"].reset_index(drop=True), results)
    assert set(both["cell"]) == {"gru", "lru"}
    assert (tmp_path / "curves.png").stat().st_size > 10_000


@pytest.mark.parametrize("name", ["mingru", "minlstm", "lru"])
def test_the_loop_beside_a_scan_computes_the_same_and_leaves_the_scan_in_its_place(opened, name):
    cells = opened("benchmarks/cells.py")
    before = cells.scans.log_scan, cells.scans.decay_scan
    assert cells.apart(name, length=33, hidden=5) < 1e-6
    assert (cells.scans.log_scan, cells.scans.decay_scan) == before
    learn, _ = cells.passes(name, 7, 3)
    assert cells.walked(learn)().requires_grad


def test_every_cell_is_measured_beside_the_lstm(opened, capsys):
    cells = opened("benchmarks/cells.py")
    cells.SHORTEST = 0.0001
    cells.main(["--rounds", "1", "--lengths", "3", "--hidden", "2"])
    said = capsys.readouterr().out
    assert all(f"    {name} " in said for name in cells.NAMED if name != "none")
    assert torch._C._get_mkldnn_enabled()  # lstm-native switched it off
