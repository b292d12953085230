"""The scripts behind the figures of faults, damage and hostile files, in a small size."""

from __future__ import annotations

import json
import os
import subprocess
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


SUMS = """
LIMIT = 10

def total(values, start=0):
    '''Add up: at most 9 + 1 of them.'''
    if len(values) > LIMIT:
        raise ValueError(f"{len(values) + 1} values")
    for value in values:
        start += value
    return start

def alone(value: int = 3) -> int:
    assert value > 1
    return -value
"""
SUMS_TESTED = """
import pytest
from small.sums import total

@pytest.fixture(scope="module")
def six():
    return total([1, 2, 3])

def test_it_is_a_number(six):
    assert isinstance(six, int)

def test_it_is_the_sum(six):
    assert six == 6

def test_eleven_are_too_many():
    with pytest.raises(ValueError):
        total([1] * 11)
"""
RUN = """
import sys
from pathlib import Path

root = Path(sys.argv[1])
sys.path[:0] = [sys.argv[2], str(root)]
import mutants

sys.exit(mutants.main(sys.argv[3:], mutants.Subject(root, {"sums": ("small/sums.py",)}, ("tests",))))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="mutants are met in forked processes")
def test_mutants_are_noticed_by_tests_that_check_what_they_run_and_by_no_others(tmp_path: Path):
    for name, text in {
        "small/__init__.py": "", "small/sums.py": SUMS, "tests/test_sums.py": SUMS_TESTED, "pyproject.toml": "",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    out = tmp_path / "out.json"
    command = [sys.executable, "-c", RUN, str(tmp_path), str(SCRIPTS), "--each", "99", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(out.read_text())["areas"]["sums"]["files"]["small/sums.py"]
    assert set(found["survivors"]) == {"6:8 Gt to GtE", "12:24 3 to 4", "14:12 sign turned"}
    assert found["by"] == {
        "2:9 10 to 11": "tests/test_sums.py::test_eleven_are_too_many",
        "4:25 0 to 1": "tests/test_sums.py::test_it_is_the_sum",
        "9:9 Add to Sub": "tests/test_sums.py::test_it_is_the_sum",
    }
    assert (tmp_path / "small" / "sums.py").read_text() == SUMS
