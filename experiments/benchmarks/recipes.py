"""Recipes: the committed settings files, fitted and judged by the usual protocol of the long-horizon data sets.

    python experiments/benchmarks/recipes.py [NAME ...] [--seeds N]

NAME is a file of experiments/ without its ending: etth1-96, etth1-24, ettm1-96, jena-weather-96. Each has the
rows "skip-alone", "state-alone" and "both". Standardised MSE / MAE over every validation and test window, all
channels; seconds are CPU seconds of the fit on one thread. The settings were chosen on validation rows; test rows
chose nothing.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from protocol import PROTOCOLS, judged, standard_panel

from forecast.experiment.settings import read_experiment

FOLDER = Path(__file__).resolve().parents[1]
NAMES = ("etth1-96", "etth1-24", "ettm1-96", "jena-weather-96")


def run(name: str, seeds: int) -> None:
    """Print one line a contestant and seed."""
    experiment = read_experiment(FOLDER / f"{name}.toml")
    panel, protocol = standard_panel(experiment.data)
    assert experiment.data in PROTOCOLS
    print(
        f"{name}: context {experiment.window.context}, {len(panel.targets)} channels, "
        f"{protocol.end - protocol.test - experiment.window.horizon + 1:,} test windows"
    )
    for contestant in experiment.forecasters:
        for seed in range(seeds if experiment.forecasters[contestant].__class__.__name__ == "RecurrentSettings" else 1):
            model = replace(experiment, training=replace(experiment.training, seed=seed)).make(contestant)
            found = judged(model, panel, protocol)
            held, test = found.validation, found.test
            print(
                f"  {contestant:12s} seed {seed}  validation {held[0]:.4f} / {held[1]:.4f}  "
                f"test {test[0]:.4f} / {test[1]:.4f}  {found.seconds:6.1f} s  {found.weights:,} weights",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.names:
        run(name, args.seeds)


if __name__ == "__main__":
    main()
