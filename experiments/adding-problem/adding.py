"""The adding problem: which cells learn what they have to remember for up to 100 steps, and how soon.

    python experiments/adding-problem/adding.py [--cells "NAME" ...] [--seeds 0 1] [--epochs N] [--length N] [--out DIR]

In each block of 100 rows two numbers are marked; the target behind the block is their sum. Forecasting its mean costs
1/6, remembering costs nothing. Every cell reads windows of one block, with 64 numbers in its state, no linear skip,
gradients clipped to a norm of 1, batches of 32 (250 an epoch) and Adam at 0.003, rectified networks at 0.001; a fit
ends when its squared error on 2000 unseen blocks falls below SOLVED. Seeds change weights and data. Writes results.csv
(that error after every epoch) and curves.png into DIR, by default beside this file, and goes on with the fits that the
file does not hold; --draw draws what it holds.
"""

from __future__ import annotations

import argparse
import itertools
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from forecast.data.long_lags import adding_problem
from forecast.data.panel import Panel
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import Cell, CellFactory, Fused, lstm, rnn
from forecast.nets.heads import Point
from forecast.nets.initial import chrono
from forecast.plotting.style import DASHES, INK, PALETTE, look
from forecast.training.history import Epoch
from forecast.training.settings import Training
from forecast.windows.feeds import Windowed
from forecast.windows.window import Window

BASELINE = 1 / 6
SOLVED = 0.01
HIDDEN, BATCH, RATE = 64, 32, 3e-3
SERIES, BLOCKS, UNSEEN = 100, 100, 20  # blocks of each series, and how many of them are not learned from


def default_start(inputs: int, hidden_size: int) -> Fused:
    """The tanh network as torch starts it, all weights uniform, instead of orthogonal recurrent ones."""
    cell = rnn(inputs, hidden_size)
    cell.layer.reset_parameters()
    return cell


def remembering_lstm(inputs: int, hidden_size: int, length: int) -> Cell:
    """An LSTM whose gates begin with memories of up to a block."""
    return chrono(lstm(inputs, hidden_size), length)


@dataclass(frozen=True)
class Contestant:
    """A cell, and how it is trained."""

    cell: str | CellFactory
    layers: int = 1
    rate: float = RATE


def contestants(length: int) -> dict[str, Contestant]:
    """All of them, by the name they are shown with."""
    return {
        "gru": Contestant("gru"),
        "lstm": Contestant("lstm"),
        "tanh rnn": Contestant(default_start),
        "tanh rnn, rate 0.001": Contestant(default_start, rate=1e-3),
        "tanh rnn, orthogonal": Contestant("rnn"),
        "lstm, chrono": Contestant(partial(remembering_lstm, length=length)),
        "mingru": Contestant("mingru"),
        "minlstm": Contestant("minlstm"),
        "lru": Contestant("lru"),
        "lru, two layers": Contestant("lru", layers=2),
        "irnn": Contestant("irnn", rate=1e-3),
        "relu rnn": Contestant("rnn-relu", rate=1e-3),
    }


def panel_of_blocks(length: int, seed: int) -> tuple[Panel, float]:
    """Series of blocks, and the share of their rows that holds the unseen ones: it begins where a block ends."""
    panel = adding_problem(length, SERIES, BLOCKS, seed)
    rows = BLOCKS * length + 1
    share = (UNSEEN * length + 0.5) / rows
    if (panel.cut(1 - share) % length).any():
        raise AssertionError("the validation span does not begin with a block: its targets would all be 0")
    return panel, share


def learn(name: str, contestant: Contestant, length: int, epochs: int, seed: int) -> pd.DataFrame:
    """Squared errors on unseen blocks, epoch by epoch."""
    panel, share = panel_of_blocks(length, seed)
    known = panel.until(int(panel.cut(1 - share)[0])).values[:, 0]
    unit = float(known.var())  # losses are in training standard deviations of the target
    training = Training(epochs, contestant.rate, patience=epochs, validation=share, seed=seed, device="cpu")
    model = Recurrent(
        Window(length, 1, stride=length),
        contestant.cell,
        HIDDEN,
        contestant.layers,
        scaling="none",
        skip=False,
        head=Point("mse"),
        feed=Windowed(BATCH),
        training=training,
    )
    started, rows = time.process_time(), []

    def watch(epoch: Epoch) -> bool:
        error, seconds = epoch.validation * unit, time.process_time() - started
        rows.append((name, seed, epoch.number, round(error, 6), round(seconds, 1)))
        print(f"{name:28} seed {seed}  epoch {epoch.number:3}  {error:.4f}  {seconds:5.1f} s", flush=True)
        return error < SOLVED

    model.watch = watch
    model.fit(panel)
    return pd.DataFrame(rows, columns=["cell", "seed", "epoch", "mse", "cpu_seconds"])


def summary(results: pd.DataFrame) -> pd.DataFrame:
    """For each cell the least error of each seed, seeds that reached SOLVED and the epochs that took, CPU seconds."""
    fits = results.groupby(["cell", "seed"], sort=False).agg(
        mse=("mse", "min"), epochs=("epoch", "max"), cpu_seconds=("cpu_seconds", "max")
    )
    fits["solved"] = fits["mse"] < SOLVED
    cells = fits.groupby("cell", sort=False)
    return cells.agg(
        least=("mse", "min"),
        most=("mse", "max"),
        solved=("solved", "sum"),
        of=("solved", "size"),
        epochs=("epochs", "median"),
        cpu_seconds=("cpu_seconds", "median"),
    ).sort_values(["solved", "epochs", "most"], ascending=[False, True, True])


def draw(results: pd.DataFrame) -> Figure:
    """Learning curves, one picture for the cells that solve it and one for those that do not."""
    order = list(summary(results).index)
    learned = [name for name in order if results.loc[results["cell"] == name, "mse"].min() < SOLVED]
    sides = {f"error below {SOLVED}": learned, "not in these epochs": [name for name in order if name not in learned]}
    with look():
        figure, both = plt.subplots(1, 2, figsize=(10.5, 4.4), layout="constrained", sharey=True)
        for (title, names), ax in zip(sides.items(), both, strict=True):
            for place, name in enumerate(names):
                color, dash = PALETTE[place % len(PALETTE)], DASHES[place // len(PALETTE) % len(DASHES)]
                for seed, curve in results[results["cell"] == name].groupby("seed"):
                    first = seed == results["seed"].min()
                    ax.plot(curve["epoch"], curve["mse"], color=color, ls=dash, label=name if first else None)
                    ax.plot(curve["epoch"].iloc[-1], curve["mse"].iloc[-1], color=color, marker="o", ms=4)
            ax.axhline(BASELINE, color=INK, lw=1.0, ls=":", label="forecasting the mean: 1/6")
            ax.set(yscale="log", xlabel="epoch", title=title)
            ax.set_xlim(0.5, results["epoch"].max() + 0.5)
            ax.legend(loc="center left", bbox_to_anchor=(0.1, 0.4))
        both[0].set_ylabel("squared error on unseen blocks")
    return figure


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--length", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--draw", action="store_true", help="what results.csv holds, without training")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    file = asked.out / "results.csv"
    known = contestants(asked.length)
    for seed, name in [] if asked.draw else itertools.product(asked.seeds, asked.cells or known):
        done = pd.read_csv(file) if file.exists() else None
        if done is None or not ((done["cell"] == name) & (done["seed"] == seed)).any():
            new = learn(name, known[name], asked.length, asked.epochs, seed)
            pd.concat([done, new]).to_csv(file, index=False)
    results = pd.read_csv(file)
    print(summary(results).round(4).to_string())
    draw(results).savefig(asked.out / "curves.png")


if __name__ == "__main__":
    main()
