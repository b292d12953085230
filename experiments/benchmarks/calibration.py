"""Calibration: do 90 % intervals cover 90 % where the answer is known, and how near is the CRPS to the best there is?

    python experiments/benchmarks/calibration.py [--methods "NAME;NAME"] [--processes "NAME;NAME"] [--origins N]

Processes are series whose future distribution is known: AR(1), where it is the noise to come, summed by known weights;
Poisson counts whose rate follows the hour; counts whose rate follows the count before (INARCH(1)), where it is drawn. A
method is a function that makes a forecaster; each is fitted on the rows before the test and asked at every test origin.
CRPS is given over that of the true distribution (1.00 is the optimum), intervals as the share of truths whose (for
counts: randomised) probability integral transform lies within. Without --methods each process is met by the methods
that are made for it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.data.forecast import Actual, Forecaster, truth
from forecast.data.panel import Panel
from forecast.evaluation.calibration import pit
from forecast.forecasters.conformal import Conformal
from forecast.forecasters.ensemble import Ensemble
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Naive
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.decoders import Decoder, Direct, Recursive
from forecast.nets.heads import (
    Gaussian,
    GaussianMixture,
    Head,
    NegativeBinomialCount,
    Point,
    PoissonCount,
    Quantiles,
    Student,
)
from forecast.training.settings import Training
from forecast.windows.feeds import Feed, Streamed, Windowed
from forecast.windows.window import Window

WINDOW = Window(context=16, horizon=6)
TRAIN, ORIGINS, WEIGHT = 10_000, 10_000, 0.8
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
DRAWS = 20_000
EPOCHS = 20

Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True, eq=False)
class Process:
    """An AR(1) series around a level: value = weight * value before + noise.

    Args:
        noise: draws noise of a shape.
        change: from this row of the test on, the noise is three times as large; None for never.
    """

    noise: Noise
    change: int | None = None

    def panel(self, rows: int, seed: int = 0) -> Panel:
        """The series, with an hourly calendar."""
        noise = self.noise(np.random.default_rng(seed), (rows,))
        if self.change is not None:
            noise[TRAIN + self.change :] *= 3.0
        values = np.zeros(rows)
        for row in range(1, rows):
            values[row] = WEIGHT * values[row - 1] + noise[row]
        return Panel.from_arrays(values + 50.0, np.arange(rows).astype("M8[h]"))

    def optimum(self, panel: Panel, steps: np.ndarray) -> np.ndarray:
        """CRPS [origin, step] of the true distribution at origins; of draws of the noise to come, so many that their
        own error is below a thousandth."""
        ahead = np.arange(1, WINDOW.horizon + 1)
        drawn = self.noise(np.random.default_rng(1), (DRAWS, WINDOW.horizon))
        values = panel.values[:, 0] - 50.0
        found = np.empty((len(steps), WINDOW.horizon))
        later = np.zeros(len(steps)) if self.change is None else (steps >= TRAIN + self.change) * 2.0
        for step in ahead:
            sums = np.sort(drawn[:, :step] @ WEIGHT ** np.arange(step)[::-1])
            error = values[steps + step - 1] - WEIGHT**step * values[steps - 1]
            found[:, step - 1] = _crps(sums, error / (1.0 + later)) * (1.0 + later)
        return found


def _crps(draws: np.ndarray, value: np.ndarray) -> np.ndarray:
    """CRPS of sorted draws at values: E|X - y| - E|X - X'| / 2."""
    count = len(draws)
    below = np.concatenate([[0.0], np.cumsum(draws)])
    place = np.searchsorted(draws, value)
    near = (value * place - below[place] + below[-1] - below[place] - value * (count - place)) / count
    apart = ((2 * np.arange(1, count + 1) - count - 1) * draws).sum() / count**2
    return near - apart


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts: Poisson ones whose rate follows the hour of the day, or the count before.

    Args:
        follow: weight of the count before in the rate; 0 for a rate that follows the hour.
    """

    follow: float

    def _rate(self, rows: np.ndarray, before: np.ndarray) -> np.ndarray:
        return 2.0 + self.follow * before if self.follow else 6.0 + 4.0 * np.sin(2 * np.pi * rows / 24)

    def panel(self, rows: int, seed: int = 0) -> Panel:
        """The series, with an hourly calendar."""
        random, values = np.random.default_rng(seed), np.zeros(rows)
        for row in range(1, rows):
            values[row] = random.poisson(self._rate(np.array(row), values[row - 1]))
        return Panel.from_arrays(values, np.arange(rows).astype("M8[h]"))

    def optimum(self, panel: Panel, steps: np.ndarray) -> np.ndarray:
        """CRPS [origin, step] of draws from the true distribution: of each hour, or of each count before."""
        random, values = np.random.default_rng(1), panel.values[:, 0]
        group = values[steps - 1].astype(int) if self.follow else steps % 24
        found = np.empty((len(steps), WINDOW.horizon))
        for each in np.unique(group):
            here = np.flatnonzero(group == each)
            drawn = np.full(DRAWS, float(each))
            for step in range(WINDOW.horizon):
                drawn = random.poisson(self._rate(np.array(each + step), drawn), size=DRAWS).astype(float)
                found[here, step] = _crps(np.sort(drawn), values[steps[here] + step])
        return found


PROCESSES: dict[str, Process | Counts] = {
    "gaussian": Process(lambda random, shape: random.normal(size=shape)),
    "student-t(3)": Process(lambda random, shape: random.standard_t(3, size=shape)),
    "gaussian, variance x 9": Process(lambda random, shape: random.normal(size=shape), change=0),
    "poisson, hourly rate": Counts(0.0),
    "poisson, inarch": Counts(0.6),
}


def naive_split() -> Forecaster:
    return Conformal(Naive(WINDOW), LEVELS)


def naive_rolling() -> Forecaster:
    return Conformal(Naive(WINDOW), LEVELS, method="rolling")


def linear_split() -> Forecaster:
    return Conformal(Linear(WINDOW), LEVELS)


def linear_rolling() -> Forecaster:
    return Conformal(Linear(WINDOW), LEVELS, method="rolling")


def gru_split() -> Forecaster:
    return Conformal(_gru(0), LEVELS)


def gru_rolling() -> Forecaster:
    return Conformal(_gru(0), LEVELS, method="rolling")


def gru_seeds_split() -> Forecaster:
    return Conformal(Ensemble.of_seeds(_gru, (0, 1, 2)), LEVELS)


def gru_student() -> Forecaster:
    return _gru(0, Student(LEVELS))


def gru_gaussian() -> Forecaster:
    return _gru(0, Gaussian(LEVELS))


def gru_gaussian_windowed() -> Forecaster:
    return _gru(0, Gaussian(LEVELS), Windowed(batch_size=64))


def gru_gaussian_recursive() -> Forecaster:
    return _gru(0, Gaussian(LEVELS), decoder=Recursive(paths=200))


def gru_quantiles() -> Forecaster:
    return _gru(0, Quantiles(LEVELS))


def gru_mixture() -> Forecaster:
    return _gru(0, GaussianMixture(LEVELS, components=2))


def gru_poisson() -> Forecaster:
    return _gru(0, PoissonCount(LEVELS))


def gru_negative_binomial() -> Forecaster:
    return _gru(0, NegativeBinomialCount(LEVELS))


def gru_poisson_recursive() -> Forecaster:
    return _gru(0, PoissonCount(LEVELS), decoder=Recursive(paths=200))


def gru_student_split() -> Forecaster:
    return Conformal(_gru(0, Student(LEVELS)))


def _gru(
    seed: int,
    head: Head = Point(),  # noqa: B008 - frozen values
    feed: Feed = Streamed(lanes=16),  # noqa: B008
    decoder: Decoder = Direct(),  # noqa: B008
) -> Recurrent:
    """The processes stand still, so the scale of the training rows will do; a running one would only add its noise."""
    training = Training(epochs=EPOCHS, learning_rate=3e-3, seed=seed, device="cpu", schedule="cosine")
    settings = {"head": head, "feed": feed, "training": training, "calendar": True, "decoder": decoder}
    scaling = {"time_constant": 512.0} if head.units == "count" else {"scaling": "none"}
    return Recurrent(WINDOW, "gru", 16, **settings, **scaling)


METHODS: dict[str, Callable[[], Forecaster]] = {
    "naive, split": naive_split,
    "naive, rolling": naive_rolling,
    "linear, split": linear_split,
    "linear, rolling": linear_rolling,
    "gru, split": gru_split,
    "gru, rolling": gru_rolling,
    "3 gru, split": gru_seeds_split,
    "gru student-t": gru_student,
    "gru student-t, split": gru_student_split,
    "gru gaussian": gru_gaussian,
    "gru gaussian, windowed": gru_gaussian_windowed,
    "gru gaussian, recursive": gru_gaussian_recursive,
    "gru quantiles": gru_quantiles,
    "gru mixture": gru_mixture,
    "gru poisson": gru_poisson,
    "gru poisson, recursive": gru_poisson_recursive,
    "gru negative binomial": gru_negative_binomial,
}
CONFORMAL = ("naive, split", "naive, rolling", "linear, split", "linear, rolling", "gru, split", "3 gru, split")
MADE_FOR: dict[str, tuple[str, ...]] = {
    "gaussian": (
        *CONFORMAL,
        "gru gaussian",
        "gru gaussian, windowed",
        "gru gaussian, recursive",
        "gru quantiles",
        "gru mixture",
        "gru student-t",
    ),
    "student-t(3)": (*CONFORMAL, "gru quantiles", "gru mixture", "gru student-t", "gru student-t, split"),
    "gaussian, variance x 9": ("naive, split", "naive, rolling", "linear, split", "linear, rolling", "gru, rolling"),
    "poisson, hourly rate": ("gru poisson", "gru negative binomial", "gru poisson, recursive"),
    "poisson, inarch": ("gru negative binomial", "gru poisson, recursive"),
}


def measured(method: str, process: str, origins: int) -> dict[str, object]:
    """One row of the table."""
    made = PROCESSES[process]
    panel = made.panel(TRAIN + origins + WINDOW.horizon - 1)
    cut = panel.cut(TRAIN)
    asked = WINDOW.origins(panel, since=cut)
    start = time.perf_counter()
    model = METHODS[method]().fit(panel.until(cut))
    fitted = time.perf_counter()
    said = model.predict(panel, asked)
    took = time.perf_counter() - fitted
    values, seen = truth(panel, asked, WINDOW.horizon)
    if said.distribution is None:
        raise SystemExit(f"{method}: gives no distribution")
    tails = said.distribution.quantiles((0.05, 0.1, 0.9, 0.95))
    last = panel.values[asked.step - 1, :1]
    actual = Actual(values, seen, last, np.ones((1, 1)), np.ones((1, 1)), season=1)
    place = pit(said, actual)
    inside = (place >= 0.05) & (place <= 0.95)
    width = (tails[..., 3] - tails[..., 0]).mean(axis=(0, 2))
    best = made.optimum(panel, asked.step)
    return {
        "process": process,
        "method": method,
        "90 %": inside.mean(),
        "step 1": inside[:, 0].mean(),
        f"step {WINDOW.horizon}": inside[:, -1].mean(),
        "80 %": ((place >= 0.1) & (place <= 0.9)).mean(),
        "width 1": width[0],
        f"width {WINDOW.horizon}": width[-1],
        "CRPS": said.distribution.crps(values).mean() / best.mean(),
        "fit s": fitted - start,
        "predict s": took,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", help="names, with ; between them; by default those made for each process")
    parser.add_argument("--processes", default=";".join(PROCESSES), help="names, with ; between them")
    parser.add_argument("--origins", type=int, default=ORIGINS)
    args = parser.parse_args()
    rows = [
        measured(method, process, args.origins)
        for process in args.processes.split(";")
        for method in (args.methods.split(";") if args.methods else MADE_FOR[process])
    ]
    print(pd.DataFrame(rows).to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
