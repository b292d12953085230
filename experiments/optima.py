"""Optima: how near recurrent networks come to the best one-step error there is, where it is known.

    python experiments/optima.py [--cells NAME ...] [--seeds 0 1] [--epochs N] [--rows N]

Processes are AR(2) and ARMA(2,1) with Gaussian noise (`forecast.data.processes.arma`), 64 series of 500 rows. An error
is the mean squared error of one-step forecasts on series of their own over that of the optimal forecasts (the
innovations filter) at the same origins, so 1.000 is the optimum. Networks read streams as they are ("none": stationary
series need no running scale), from the state alone and with the linear skip; "running" is what a stream's scale is by
default. Beside them stand repeating the last value, the mean, and ridge regression on the context less its last value.

The best forecast of ARMA(2,1) remembers with the factor -ma. A minGRU cannot: what it keeps of its state is never
negative. So there is one process with each sign.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.signal import lfilter

from forecast.data.forecast import Forecaster
from forecast.data.panel import Origins, Panel
from forecast.data.processes import arma
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Mean, Naive
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.heads import Point
from forecast.nets.scaling import Scaling
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window

VARIANTS: dict[str, tuple[bool, Scaling]] = {
    "state alone": (False, "none"),
    "skip": (True, "none"),
    "skip, running": (True, "running"),
}
CELLS = ("rnn", "lstm", "gru", "mingru")
WINDOW = Window(context=24, horizon=1)
LEVEL = 10.0
SERIES, UNSEEN, UNSEEN_ROWS = 64, 4, 5000


@dataclass(frozen=True)
class Process:
    """Gaussian ARMA around a level."""

    ar: tuple[float, ...]
    ma: tuple[float, ...] = ()

    def panel(self, series: int, rows: int, seed: int) -> Panel:
        """Series of the process."""
        panel = arma(self.ar, self.ma, series, rows, seed=seed)
        panel.values[:] += LEVEL
        return panel

    def optimal(self, panel: Panel, origins: Origins) -> np.ndarray:
        """The best forecasts [origin] one step ahead, by the innovations filter from the first row of each series."""
        best = np.empty(len(panel.values))
        for first, stop in zip(panel.offsets, panel.offsets[1:], strict=False):
            y = panel.values[first:stop, 0] - LEVEL
            shocks = lfilter([1.0, *(-a for a in self.ar)], [1.0, *self.ma], y)
            best[first:stop] = y - shocks + LEVEL
        return best[panel.offsets[origins.series] + origins.step]


PROCESSES = {
    "AR(2)": Process((0.6, 0.3)),
    "ARMA(2,1)": Process((0.75, -0.25), (0.65,)),
    "ARMA(2,1), negative": Process((1.2, -0.35), (-0.5,)),
}


def network(
    cell: str, skip: bool = False, scaling: Scaling = "none", epochs: int = 8, seed: int = 0, size: int = 16
) -> Recurrent:
    """A streamed network as it is trained here."""
    training = Training(epochs, 3e-2, epochs, validation=0.05, seed=seed, device="cpu", schedule="cosine")
    feed, head = Streamed(lanes=64, chunk=8), Point("mse")
    return Recurrent(WINDOW, cell, size, scaling=scaling, skip=skip, head=head, feed=feed, training=training)


def excess(model: Forecaster, process: Process, panel: Panel) -> float:
    """Mean squared error of a fitted model on a panel, over that of the optimal forecasts."""
    origins = WINDOW.origins(panel)
    truth = panel.values[panel.offsets[origins.series] + origins.step, 0]
    errors = [truth - each for each in (model.predict(panel, origins).point[:, 0, 0], process.optimal(panel, origins))]
    mine, best = (float(np.mean(error**2)) for error in errors)
    return mine / best


def row(name: str, found: Sequence[float]) -> str:
    return f"    {name:28}" + "".join(f" {each:7.4f}" for each in found)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", nargs="+", default=CELLS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rows", type=int, default=500)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for name, process in PROCESSES.items():
        panels = {seed: process.panel(SERIES, asked.rows, seed) for seed in asked.seeds}
        unseen = process.panel(UNSEEN, UNSEEN_ROWS, seed=2**16)
        print(f"{name}, ar {process.ar}, ma {process.ma}: error over the optimum, seeds {asked.seeds}")
        for model in (Naive(WINDOW), Mean(WINDOW), Linear(WINDOW)):
            print(row(type(model).__name__.lower(), [excess(model.fit(p), process, unseen) for p in panels.values()]))
        for cell in asked.cells:
            for note, (skip, scaling) in VARIANTS.items():
                found = [
                    excess(network(cell, skip, scaling, asked.epochs, seed).fit(panel), process, unseen)
                    for seed, panel in panels.items()
                ]
                print(row(f"{cell}, {note}", found), flush=True)


if __name__ == "__main__":
    main()
