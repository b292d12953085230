"""The scripts behind the figures of faults, damage and hostile files, in a small size."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "experiments" / "reliability"


@pytest.fixture(autouse=True)
def _beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills take place in forked processes")
def test_a_fault_at_any_file_operation_leaves_the_old_model_or_the_new(tmp_path: Path):
    import faults

    memory = ["--folder", "/dev/shm"] if os.access("/dev/shm", os.W_OK) else []  # no waiting for a disk
    assert faults.main(["--every", "41", *memory, "--out", str(tmp_path / "out.json")]) == 0
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["faults"] >= 20
    assert {"old", "new"} <= set(found["saves"]["model"]["found"])


def test_the_script_of_faults_finds_a_save_that_is_not_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import faults

    from forecast.forecasters.artifacts import writing
    from forecast.work.writing import write_new

    def careless(directory, contents, manifest):
        for name, content in contents.items():
            (directory / name).unlink(missing_ok=True)
            write_new(directory / name, content)
        (directory / "manifest.json").unlink(missing_ok=True)
        write_new(directory / "manifest.json", manifest.content())

    monkeypatch.setattr(writing, "_commit", careless)
    found = faults.sweep(faults.Model(), str(tmp_path), every=9, first=False)
    assert found["wrong"]


def test_flipped_bits_and_lost_ends_are_refused(tmp_path: Path):
    import flips

    assert flips.main(["--flips", "60", "--cuts", "12", "--out", str(tmp_path / "out.json")]) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_hostile_files_are_refused_and_run_nothing(tmp_path: Path):
    import hostile

    assert hostile.main(["--every", "3", "--out", str(tmp_path / "out.json")]) == 0
    assert json.loads((tmp_path / "out.json").read_text())["files"] >= 45
