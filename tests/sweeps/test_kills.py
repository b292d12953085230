"""A sweep whose processes are killed: the script that shows it, in a small size."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "experiments" / "benchmarks" / "sweep_kills.py"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the script finds processes in /proc")
@pytest.mark.parametrize(("storage", "workers"), [("sqlite", 1), ("journal", 2)])
def test_kills_lose_nothing_leave_nothing_running_and_change_no_number(storage, workers):
    command = [sys.executable, str(SCRIPT), "--kills", "1", "--trials", "4", "--storage", storage, "--workers"]
    done = subprocess.run([*command, str(workers)], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 complete, none running" in done.stdout
