"""Long horizons: four public data sets at 96, 192, 336 and 720 steps, by the usual protocol, beside published figures.

    python experiments/long-horizon/run.py [--data NAME ...] [--horizons N ...] [--models NAME ...] [--seeds N]

Each finished cell (data set, horizon, model, seed) is written at once into --out, and a second start skips those that
are there with the same settings: interrupt it whenever you like. results.csv and results.md are written anew after each
cell. One thread, on the CPU. Needs the data sets under the folder named by FORECAST_DATA (default ../shared/data).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import contest
import table

OUT = "runs/long-horizon"


def main(arguments: list[str] | None = None) -> None:
    """Run what is not there yet, then show the table."""
    args = parser().parse_args(arguments)
    order = contest.Order(args.data, args.horizons, args.models, args.seeds, args.set)
    torch.set_num_threads(1)
    cells = args.out / "cells"
    waiting = [
        (cell, experiment)
        for cell in order.cells()
        for experiment in [order.experiment(cell)]
        if not contest.finished(cells, cell, contest.settings_of(cell, experiment))
    ]
    print(f"{len(waiting)} of {sum(1 for _ in order.cells())} cells are to be run; results in {args.out}", flush=True)
    for cell, experiment in waiting:
        entry = contest.run(cell, experiment)
        contest.keep(cells, cell, entry)
        table.write(args.out)
        print(
            f"  {cell.name:34s} test {entry['test'][0]:.4f} / {entry['test'][1]:.4f}  "
            f"fit {entry['fit_seconds']:.1f} s, judged in {entry['judge_seconds']:.1f} s, "
            f"peak {entry['peak_gb']:.1f} GB",
            flush=True,
        )
    print(table.write(args.out))


def parser() -> argparse.ArgumentParser:
    """The flags."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--data", nargs="+", choices=contest.RECIPES, default=list(contest.RECIPES))
    flags.add_argument("--horizons", nargs="+", type=int, default=contest.HORIZONS, metavar="N")
    flags.add_argument("--models", nargs="+", choices=contest.MODELS, default=contest.MODELS)
    flags.add_argument("--seeds", type=int, default=1, help="of the networks; the table shows means over seeds")
    flags.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="change the recipes, to try out")
    flags.add_argument("--out", type=Path, default=Path(OUT), help=f"default {OUT}")
    return flags


if __name__ == "__main__":
    main()
