"""Figure F7: random configurations x 30 origins, not one bit of a forecast moved by what comes after its origin.

Every configuration draws a panel (series, missing cells, covariates of every role), a network (cell, layers, head,
scaling, transform, decoder, feed, calendar, gaps) or a baseline, fits it for an epoch and asks `leakage`, which
rewrites and cuts off all later rows and fits a second time with another test span. The planted leaks of `planted.py`
show that the search finds what is there. A combination that the library refuses is drawn again, and counted.

    python experiments/reliability/leakage.py --configurations 1000 --seed 0 --out leakage.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from forecast.data.forecast import Forecaster
from forecast.data.panel import Panel
from forecast.errors import ForecastError, SettingsError
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Drift, Mean, Naive, SeasonalNaive
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.tabular import Tabular
from forecast.nets.cells import NAMED
from forecast.nets.decoders import Direct, Recursive, Segments, Sequence
from forecast.nets.heads import Direction, Gaussian, GaussianMixture, Point, Quantiles, Student
from forecast.nets.scaling import SCALINGS
from forecast.testing import Leakage, leakage, sample_panel
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window

sys.path.insert(0, str(Path(__file__).parent))
from planted import planted

SINCE = 0.6
Make = Callable[[], Forecaster]


def drawn_panel(random: np.random.Generator, window: Window) -> Panel:
    """A panel of random roles and gaps."""
    roles = {"targets": (1, 1, 2), "past": (0, 1, 2), "future": (0, 0, 1), "static": (0, 0, 1)}
    sizes = {role: int(random.choice(counts)) for role, counts in roles.items()}
    missing = float(random.choice([0.0, 0.05, 0.2]))
    return sample_panel(window.context, window.horizon, **sizes, missing=missing, seed=int(random.integers(1 << 30)))


def drawn(random: np.random.Generator, window: Window) -> tuple[str, Make]:
    """A random forecaster: what it is, and how to make it afresh."""
    if random.random() < 0.1:
        kind = random.choice(["naive", "drift", "mean", "seasonal", "linear", "ridge"])
        made: dict[str, Make] = {
            "naive": lambda: Naive(window),
            "drift": lambda: Drift(window),
            "mean": lambda: Mean(window),
            "seasonal": lambda: SeasonalNaive(window, 7),
            "linear": lambda: Linear(window),
            "ridge": lambda: Tabular(window, "ridge"),
        }
        return str(kind), made[str(kind)]
    pick = lambda *choices: choices[random.integers(len(choices))]  # noqa: E731 - draws one, whatever its type
    streamed = random.random() < 0.5
    feed = Streamed(lanes=pick(1, 2, 4), chunk=pick(5, 8, 24)) if streamed else Windowed(pick(16, 64))
    settings = {
        "cell": pick(*(name for name in NAMED if name != "none")),
        "hidden_size": pick(2, 4, 6),
        "layers": pick(1, 1, 2),
        "dropout": pick(0.0, 0.0, 0.2),
        "scaling": pick(None, None, *SCALINGS),
        "skip": pick(True, False),
        "channels": pick("independent", "joint"),
        "head": pick(Point(), Point(), Quantiles(), Gaussian(), Student(), GaussianMixture(), Direction()),
        "feed": feed,
        "time_constant": pick(None, None, 5.0, 50.0),
        "calendar": pick(None, True, False),
        "transform": pick("none", "none", "none", "log", "box-cox", "difference", "log-return"),
        "decoder": pick(Direct(), Direct(), Sequence(), Sequence(attention=True), Segments(2), Recursive(paths=4)),
        "gaps": pick(False, False, True),
        "training": Training(epochs=1, seed=int(random.integers(1000)), validation=pick(0.0, 0.2)),
    }
    text = ", ".join(f"{name}={value}" for name, value in settings.items() if name != "training")
    return text, lambda: Recurrent(window, **settings)


def asked(random: np.random.Generator) -> tuple[str, Leakage]:
    """One configuration and what was found of it; SettingsError and its kin where it is refused."""
    window = Window(int(random.integers(4, 13)), int(random.integers(1, 5)))
    panel, (text, make) = drawn_panel(random, window), drawn(random, window)
    found = leakage(lambda rows: make().fit(rows.until(SINCE)), panel, SINCE, seed=int(random.integers(1 << 30)))
    return f"{window}: {text}", found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configurations", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    started, origins, refused, accused = time.monotonic(), 0, 0, []
    for number in range(args.configurations):
        random = np.random.default_rng([args.seed, number])
        while True:
            try:
                text, found = asked(random)
                break
            except ForecastError as error:
                if not isinstance(error, SettingsError):
                    raise
                refused += 1
        origins += found.origins
        if found:
            accused.append(f"[{args.seed}, {number}] {text}: {found}")
            print(accused[-1], flush=True)
    window = Window(8, 3)
    panel = sample_panel(8, 3, missing=0.1)
    hidden = [name for name, fitted in planted(window, SINCE).items() if not leakage(fitted, panel, SINCE)]
    result = {
        "configurations": args.configurations,
        "seed": args.seed,
        "origins": origins,
        "leaking": accused,
        "refused_and_drawn_again": refused,
        "planted": len(planted(window, SINCE)),
        "planted_not_found": hidden,
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(result, indent=2))
    if args.out:
        args.out.write_text(json.dumps(result, indent=2) + "\n")
    return 1 if accused or hidden else 0


if __name__ == "__main__":
    sys.exit(main())
