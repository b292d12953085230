"""Damaged files: a short run of the script that does it a hundred thousand times."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "experiments" / "reliability" / "fuzz_reader.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    if not SCRIPT.is_file():
        pytest.skip("the experiments are not shipped")
    spec = importlib.util.spec_from_file_location("fuzz_reader", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_no_damaged_file_crashes_hangs_or_is_read_otherwise_without_a_word(script: ModuleType) -> None:
    result = script.fuzz(200, seed=2024)
    assert (result["crashes"], result["hangs"], result["missed"]) == (0, 0, 0), result["examples"]
    assert set(result["outcomes"]) == {"refused", "harmless", "reported", "undetectable"}


def test_the_script_would_see_a_reader_that_says_nothing(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = script.good_files()[0]
    path = tmp_path / "damaged.csv"
    path.write_bytes(good.text)
    clean = script.read_csv(path, good.schema)
    assert script.outcome(path, good, clean) == "harmless"
    silent = script.read_csv
    monkeypatch.setattr(script, "read_csv", lambda *a: replace(silent(*a), report=clean.report))
    lines = good.text.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:9], *lines[10:]]))
    assert script.outcome(path, good, clean) == "missed"
    path.write_bytes(good.text.replace(b"2024-02-01", b"2034-02-01"))
    assert script.outcome(path, good, clean) == "missed"
    path.write_bytes(b"".join(lines[:-3]))
    assert script.outcome(path, good, clean) == "undetectable"
    monkeypatch.setattr(script, "read_csv", lambda *a: 1 / 0)
    assert script.outcome(path, good, clean) == "crash"
