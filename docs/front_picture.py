"""Draws `_static/forecast.png`, the picture of the front page: python docs/front_picture.py (some seconds)."""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

import forecast as fc
from forecast.plotting.style import look

FILE = Path(__file__).resolve().parent / "_static" / "forecast.png"
ORIGIN = 172


def main() -> None:
    """Fit two networks on the years before 2015, and draw a week of 2015 beside the board of the whole year."""
    warnings.simplefilter("ignore")  # Lightning's advice
    panel = fc.read_dataset("seattle-weather", fc.Schema(time="date", targets=["temp_max"]))
    window, training = fc.Window(context=21, horizon=7), fc.Training(epochs=20, device="cpu")
    contestants = {
        "naive": fc.Naive(window),
        "seasonal-naive": fc.SeasonalNaive(window),
        "linear": fc.Linear(window),
        "gru": fc.Recurrent(window, "gru", 32, head=fc.Gaussian(), training=training),
        "gru-stateful": fc.Recurrent(window, "gru", 32, head=fc.Gaussian(), feed=fc.Streamed(), training=training),
    }
    scores = fc.backtest(contestants, panel, since="2015-01-01")
    board = fc.leaderboard(scores, baseline="naive")
    with look():
        figure, axes = plt.subplots(1, 2, figsize=(13.0, 4.2), width_ratios=(3, 2), layout="constrained")
        fc.plot(scores.forecasts["gru-stateful"], panel, origin=ORIGIN, history=45, ax=axes[0])
        fc.plot_scores(board, ax=axes[1])
        axes[1].set_xlim(0, 5.5)
        figure.savefig(FILE, dpi=110, facecolor="white")
    print(board)


if __name__ == "__main__":
    main()
