"""NN5: cash from 111 machines, daily, with missing days, 56 days ahead, with one global network that carries its state.

    python experiments/nn5.py [--rows validation|test] [--seeds N] [--only NAME ...] [--plots FOLDER]

The protocol of the competition: everything up to the last 56 days trains, one forecast a series. "validation" forecasts
the 56 days before those instead, without the last 56; settings were chosen there. sMAPE and MASE are means over the
series; missing days count nowhere, neither in errors nor in MASE's scale (mean absolute difference to the week before).
The file is wide, one column a machine: FORECAST_DATA/nn5/nn5_daily_with_missing.csv.gz.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from forecast.data.forecast import Forecaster
from forecast.data.panel import Panel
from forecast.data.readers import from_frame
from forecast.data.schema import Schema
from forecast.evaluation.backtest import backtest
from forecast.evaluation.calibration import calibration_frame
from forecast.evaluation.leaderboard import leaderboard
from forecast.evaluation.scores import Scores
from forecast.forecasters.conformal import Conformal
from forecast.forecasters.ensemble import Ensemble
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Naive, SeasonalNaive
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.tabular import Tabular
from forecast.nets.heads import Quantiles
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window

HORIZON, WEEK = 56, 7
WINDOW = Window(context=63, horizon=HORIZON)
METRICS = ("mae", "smape", "mase", "crps", "coverage_90", "coverage_50")


def read() -> Panel:
    """The 111 series; ends the program with a reason where the file is not."""
    path = Path(os.environ.get("FORECAST_DATA") or "../shared/data") / "nn5" / "nn5_daily_with_missing.csv.gz"
    if not path.is_file():
        sys.exit(f"{path} is not there: set FORECAST_DATA to the folder of the data sets")
    long = pd.read_csv(path).melt("date", var_name="machine", value_name="cash")
    return from_frame(long, Schema("date", ("cash",), "machine"))


def gru(seed: int) -> Recurrent:
    """One network for all machines: a linear map of the last nine weeks plus a carried state, quantiles."""
    training = Training(epochs=EPOCHS, learning_rate=2e-3, schedule="cosine", validation=0.0, seed=seed, device="cpu")
    feed = Streamed(lanes=16, chunk=28)
    return Recurrent(WINDOW, "gru", 32, dropout=0.2, head=Quantiles(), feed=feed, training=training)


EPOCHS = 10
Make = Callable[[int], Forecaster]
CONTESTANTS: dict[str, Make] = {
    "naive": lambda seeds: Naive(WINDOW),
    "seasonal naive": lambda seeds: SeasonalNaive(WINDOW, WEEK),
    "seasonal naive, conformal": lambda seeds: Conformal(SeasonalNaive(WINDOW, WEEK)),
    "ridge": lambda seeds: Tabular(WINDOW, "ridge"),
    "linear": lambda seeds: Linear(WINDOW),
    "gru": lambda seeds: gru(0),
    "gru seeds": lambda seeds: Ensemble.of_seeds(gru, range(seeds)),
}


def judged(names: list[str], rows: str, seeds: int) -> tuple[Panel, Scores]:
    """The backtest at one origin a series."""
    panel = read()
    panel = panel.until(-HORIZON) if rows == "validation" else panel
    contestants = {name: CONTESTANTS[name](seeds) for name in names}
    return panel, backtest(contestants, panel, -HORIZON, metrics=METRICS, season=WEEK)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", choices=("validation", "test"), default="test")
    parser.add_argument("--seeds", type=int, default=3, help="networks of the ensemble")
    parser.add_argument("--only", nargs="*", choices=tuple(CONTESTANTS), default=list(CONTESTANTS), metavar="NAME")
    parser.add_argument("--plots", type=Path, help="folder for pictures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    panel, scores = judged(["seasonal naive", *(n for n in args.only if n != "seasonal naive")], args.rows, args.seeds)
    print(f"{args.rows}: {len(scores.origins)} series, {int((~panel.observed).sum()):,} missing days")
    board = leaderboard(scores, "seasonal naive")
    print(board.frame[["model", *METRICS, "skill", "dm_p", "fit_seconds"]].round(3).to_string(index=False))
    print(f"{time.process_time() - started:.0f} CPU seconds on one thread\n")
    for name in scores.models:
        if scores.forecasts[name].levels:
            print(name)
            print(calibration_frame(scores.forecasts[name], scores.actual).round(3).to_string(index=False))
    if args.plots:
        draw(panel, scores, args.plots)


def draw(panel: Panel, scores: Scores, folder: Path) -> None:
    """Pictures of the networks' calibration and of some forecasts."""
    from forecast.plotting import plot, plot_calibration

    folder.mkdir(parents=True, exist_ok=True)
    for name in (name for name in scores.models if name.startswith("gru")):
        said, stem = scores.forecasts[name], name.replace(" ", "-")
        plot_calibration(calibration_frame(said, scores.actual)).figure.savefig(folder / f"{stem}-calibration.png")
        gaps = np.add.reduceat(~panel.observed[:, 0], panel.offsets[:-1])
        for series in (0, int(gaps.argmax())):
            figure = plot(said, panel, series=panel.series[series]).figure
            figure.savefig(folder / f"{stem}-{panel.series[series]}.png")


if __name__ == "__main__":
    main()
