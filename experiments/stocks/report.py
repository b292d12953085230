"""Stocks, honestly: what log returns, a Student-t and a direction head add to the random walk on real prices.

    python experiments/stocks/report.py [--seed N] [--plots FOLDER]

Runs experiments/stocks/sp500-panel.toml and prints: points against the random walk (with the number of stocks that are
better or worse by a test), intervals and distributions on all days and on calm and wild ones, and directions beside the
rules that know nothing. How wild a day is counts by what was known at the origin: the root mean squared log return of
the ten days before it, over that of the stock's training rows; calm and wild are the lowest and the highest third.
Errors of distributions are in percent of the newest price, or expensive stocks would decide alone.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from forecast.data.forecast import Actual, Forecast
from forecast.data.panel import Panel
from forecast.evaluation.backtest import backtest
from forecast.evaluation.calibration import calibration_frame, pit
from forecast.evaluation.directions import direction_table
from forecast.evaluation.leaderboard import leaderboard
from forecast.evaluation.probabilistic import coverage, distribution_of, log_score, width
from forecast.evaluation.scores import Scores
from forecast.experiment.compare import first_test, opened
from forecast.experiment.settings import Experiment, read_experiment

SETTINGS = Path(__file__).with_name("sp500-panel.toml")
RECENT = 10
LEVELS = tuple(np.arange(1, 200) / 200)


def judged(experiment: Experiment, panel: Panel) -> Scores:
    """The backtest, with a line for every contestant."""
    started, since = time.process_time(), first_test(experiment.split, panel)
    scores = backtest(experiment.contestants(), panel, since, season=1, progress=lambda said: print("  " + said))
    print(f"{time.process_time() - started:.0f} CPU seconds on one thread, {len(scores.origins):,} origins\n")
    return scores


def wildness(panel: Panel, train: Panel, scores: Scores) -> np.ndarray:
    """Size of the newest log returns at each origin over that of the training rows of its stock, float64 [origin]."""
    usual = np.array([_size(_of(train, series)) for series in range(len(train.series))])
    newest = [_size(_of(panel, s)[step - RECENT - 1 : step]) for s, step in zip(*_places(scores), strict=True)]
    return np.array(newest) / usual[scores.origins.series]


def _places(scores: Scores) -> tuple[list[int], list[int]]:
    return scores.origins.series.tolist(), scores.origins.step.tolist()


def _of(panel: Panel, series: int) -> np.ndarray:
    return panel.values[panel.offsets[series] : panel.offsets[series + 1], 0]


def _size(prices: np.ndarray) -> float:
    return float(np.sqrt((np.diff(np.log(prices)) ** 2).mean()))


def uncertainty(scores: Scores, wild: np.ndarray) -> pd.DataFrame:
    """Coverage, width, CRPS and log score of all that state a distribution: on all, calm, middling and wild days."""
    low, high = np.quantile(wild, [1 / 3, 2 / 3])
    groups = {"all": wild > 0, "calm": wild <= low, "middling": (wild > low) & (wild <= high), "wild": wild > high}
    rows = []
    for name in scores.models:
        said = scores.forecasts[name]
        if not said.levels:
            continue
        percent = 100.0 / scores.actual.last[:, None]
        cells = {
            "90 %": coverage(0.9)(said, scores.actual),
            "width %": width(0.9)(said, scores.actual) * percent,
            "crps %": quantile_crps(said, scores.actual) * percent,
            "log score": log_score(said, scores.actual),
        }
        rows += [
            {"model": name, "days": group} | {key: float(np.nanmean(cell[here])) for key, cell in cells.items()}
            for group, here in groups.items()
        ]
    return pd.DataFrame(rows)


def quantile_crps(forecast: Forecast, actual: Actual) -> np.ndarray:
    """Twice the mean pinball loss of 199 quantiles [origin, step, target]: the CRPS but for the outermost tails.

    The CRPS itself is infinite here: a price whose logarithm has a t distribution has no mean.
    """
    said = distribution_of(forecast)
    assert said is not None  # its caller asks forecasts with levels
    total = np.zeros(actual.values.shape)
    for level in LEVELS:
        away = actual.values - said.quantiles((level,))[..., 0]
        total += np.maximum(level * away, (level - 1.0) * away)
    return 2.0 * total / len(LEVELS)


def draw(scores: Scores, panel: Panel, model: str, folder: Path) -> None:
    """Pictures of a model's calibration at one day ahead, and of its forecasts."""
    from forecast.plotting import plot, plot_calibration, plot_pit

    folder.mkdir(parents=True, exist_ok=True)
    said = scores.forecasts[model]
    plot_calibration(calibration_frame(said, scores.actual)).figure.savefig(folder / "calibration.png", dpi=110)
    plot_pit(pit(said, scores.actual)).figure.savefig(folder / "pit.png", dpi=110)
    plot(said, panel).figure.savefig(folder / "forecast.png", dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plots", type=Path, help="folder for pictures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    experiment = read_experiment(SETTINGS)
    experiment, panel = opened(replace(experiment, training=replace(experiment.training, seed=args.seed)))
    scores = judged(experiment, panel)
    board = leaderboard(scores, "naive")
    print(board.verdict, board.frame[["model", "relmae", "dm_p", "direction", "fit_seconds"]].to_string(index=False))
    print(board.counts, end="\n\n")
    wild = wildness(panel, panel.until(first_test(experiment.split, panel)), scores)
    print(uncertainty(scores, wild).round(3).to_string(index=False), end="\n\n")
    for step in (1, 5):
        print(f"directions {step} days ahead")
        print(direction_table(scores, step).round(3).to_string(index=False), end="\n\n")
    if args.plots:
        draw(scores, panel, "student-gru", args.plots)


if __name__ == "__main__":
    main()
