"""What a process pays before its first forecast: a saved network is loaded and asked, with and without what trains.

Run from a checkout: `python experiments/benchmarks/starts.py [rounds]`. Each side is a process of its own, they take
turns, and the medians count. torch has one thread.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import forecast as fc

ASK = "import forecast as fc; fc.load({model!r}).predict(fc.read_dataset('seattle-weather'))"
SIDES = {
    "torch alone": "import torch",
    "load and predict": ASK,
    "load and predict, Lightning imported": f"import pytorch_lightning; {ASK}",
}


def saved(folder: Path) -> str:
    """A small network, written into the folder."""
    panel = fc.read_dataset("seattle-weather")
    model = fc.Recurrent(fc.Window(14, 3), hidden_size=16, feed=fc.Streamed(), training=fc.Training(epochs=1))
    return str(model.fit(panel).save(folder / "model"))


def spent(code: str) -> tuple[float, float]:
    """Seconds by the wall and of the processor that a process takes to run this."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"OMP_NUM_THREADS": "1"})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{code}: exit status {status}")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = saved(Path(folder))
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in SIDES}
        for _ in range(rounds):
            for name, code in SIDES.items():
                taken[name].append(spent(code.format(model=model)))
    for name, runs in taken.items():
        wall, busy = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{name:<40} {wall:6.2f} s  {busy:6.2f} CPU s")
    ours, heavy = (statistics.median(wall for wall, _ in taken[name]) for name in list(SIDES)[1:])
    print(f"{'ratio':<40} {heavy / ours:6.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
