"""Rain: the category of tomorrow beside the two rules that know nothing of the weather.

    python experiments/rain.py

Fits the networks of weather-aus-rain.toml and judges their probabilities. "majority" says the shares of training rows,
"persistence" those of the training rows that follow a day like today, at the same origins. CPU seconds of the fits.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from forecast.data.panel import Panel
from forecast.evaluation.backtest import backtest
from forecast.evaluation.scores import Scores
from forecast.experiment.compare import first_test, opened
from forecast.experiment.settings import read_experiment

FILE = Path(__file__).resolve().parent / "weather-aus-rain.toml"
METRICS = ("accuracy", "balanced_accuracy", "brier", "log_loss")


def shares_after(train: Panel) -> tuple[np.ndarray, np.ndarray]:
    """How often it rains in the training rows, and how often after dry and after wet rows [today]."""
    same = train.row_series[1:] == train.row_series[:-1]
    pair = same & train.observed[1:, 0] & train.observed[:-1, 0]
    today, later = train.values[:-1, 0][pair], train.values[1:, 0][pair]
    return np.full(2, later.mean()), np.array([later[today == code].mean() for code in (0, 1)])


def rule(chance: np.ndarray, scores: Scores) -> list[float]:
    """The metrics of a rule that says a chance of rain by the newest day."""
    seen = scores.actual.seen[:, 0, 0]
    said = chance[scores.actual.last[seen, 0].astype(np.int64)]
    rain = scores.actual.values[seen, 0, 0]
    right = (said > 0.5) == (rain > 0.5)
    balanced = np.mean([right[rain == code].mean() for code in (0, 1)])
    loss = -np.log(np.where(rain > 0.5, said, 1 - said)).mean()
    return [float(right.mean()), float(balanced), float(((said - rain) ** 2).mean()), float(loss)]


def main() -> None:
    torch.set_num_threads(1)
    experiment, panel = opened(read_experiment(FILE))
    since = first_test(experiment.split, panel)
    started = time.process_time()
    scores = backtest(experiment.contestants(), panel, since, metrics=METRICS)
    seconds = time.process_time() - started
    frame = scores.frame.query("series == '*' and step == '*'").pivot_table(
        index="model", columns="metric", values="value"
    )
    majority, persistence = shares_after(panel.until(since))
    rows = {"majority": rule(majority, scores), "persistence": rule(persistence, scores)}
    rows |= {str(name): frame.loc[name, list(METRICS)].tolist() for name in frame.index}
    names = panel.categories["RainToday"]
    print(
        f"RainToday one day ahead, codes {dict(enumerate(names))}, {len(scores.origins):,} origins; {seconds:.0f} CPU s"
    )
    print(f"{'':14s}" + "".join(f"{name:>20s}" for name in METRICS))
    for name, values in rows.items():
        print(f"{name:14s}" + "".join(f"{value:20.4f}" for value in values))


if __name__ == "__main__":
    main()
