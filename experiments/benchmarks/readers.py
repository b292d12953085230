"""How long a CSV file of 1,000,000 rows (1,000 series) takes to become a checked panel, against pandas alone.

Run from a checkout: `python experiments/benchmarks/readers.py [rounds]`. Both sides take turns; the least time counts.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import forecast.data.readers as readers
from forecast.data.schema import Schema

SERIES, ROWS = 1000, 1000


def write(path: Path) -> None:
    """A long table: id, hourly timestamp, value with four decimals."""
    hours = pd.date_range("2020-01-01", periods=ROWS, freq="h").strftime("%Y-%m-%d %H:%M:%S").to_numpy()
    values = np.random.default_rng(0).normal(size=SERIES * ROWS).cumsum().round(4)
    names = np.repeat([f"s{i:04d}" for i in range(SERIES)], ROWS)
    pd.DataFrame({"series": names, "time": np.tile(hours, SERIES), "value": values}).to_csv(path, index=False)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panel.csv"
        write(path)
        schema = Schema(time="time", targets=["value"], series="series")
        sides = {
            "pandas.read_csv(engine='pyarrow')": lambda: pd.read_csv(path, engine="pyarrow"),
            "forecast read_csv to a panel": lambda: readers.read_csv(path, schema),
        }
        best = dict.fromkeys(sides, float("inf"))
        for _ in range(rounds):
            for name, work in sides.items():
                best[name] = min(best[name], seconds(work))
    for name, least in best.items():
        print(f"{name:<36} {least:.3f} s")
    alone, ours = best.values()
    print(f"{'ratio':<36} {ours / alone:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
