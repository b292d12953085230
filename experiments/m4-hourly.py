"""M4 Hourly with one global network: 414 series, 48 hours ahead, sMAPE, MASE and OWA as in the competition.

    python experiments/m4-hourly.py [--rows validation|test] [--seeds N] [--out FOLDER]

One streamed network is trained on the training rows of all series together; several seeds speak by their median. Each
seed's forecast is written into --out as it comes, and those that are there are not fitted again. "validation"
forecasts the last 48 training rows from the rows before them: settings were chosen there, and the test rows chose
nothing. sMAPE and MASE (season 24) are means over the series; OWA sets their sum beside Naive2's (18.383 and 2.395 on
the test rows), so on validation rows it only compares. Published figures are the competition's own.

Tried on validation rows, one seed each, OWA there (seasonal naive 0.653, the closed-form linear model 0.636): 64 units,
context 168, 2 epochs 0.626, in logarithms 0.611; context 336, 48 units, 6 epochs 0.585; 8 epochs in logarithms 0.514;
64 units, dropout 0.2, 12 epochs at twice the learning rate 0.502 (taken); then half the lanes 0.503, a running scale of
48 hours 0.518.

The files are those of the competition: FORECAST_DATA/m4/Hourly-train.csv.gz and Hourly-test.csv.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from forecast.data.forecast import Actual, Forecast, Forecaster, truth
from forecast.data.panel import Panel
from forecast.evaluation.metrics import in_sample_scale, mase, smape
from forecast.evaluation.tally import overall
from forecast.experiment.contestants import RecurrentSettings
from forecast.forecasters.naive import Naive, SeasonalNaive
from forecast.training.settings import Training
from forecast.windows.window import Window

HORIZON, DAY = 48, 24
WINDOW = Window(context=336, horizon=HORIZON)
NAIVE2 = (18.383, 2.395)
PUBLISHED = {
    "Naive": (43.003, 11.608, 3.593),
    "seasonal naive": (13.912, 1.193, 0.627),
    "Naive2": (18.383, 2.395, 1.0),
    "Theta": (18.138, 2.455, 1.006),
    "organisers' RNN": (14.698, 3.048, 1.036),
    "FFORMA (245)": (11.506, 0.819, 0.484),
    "ES-RNN (118, winner)": (9.328, 0.893, 0.440),
    "238 (best Hourly)": (8.913, 0.801, 0.410),
}


# The files have no dates: series begin where they like, so the calendar says nothing.
SETTINGS = RecurrentSettings(
    "gru", 64, dropout=0.2, criterion="mae", transform="log", feed="streamed", lanes=32, chunk=DAY, calendar=False
)
TRAINING = Training(epochs=12, learning_rate=4e-3, schedule="cosine", validation=0.0, device="cpu")
FINGERPRINT = f"{zlib.crc32(repr((WINDOW, SETTINGS, TRAINING)).encode()):08x}"
"""Of the settings, in the names of files: forecasts of other settings are not taken for these."""


def read(rows: str) -> Panel:
    """All series up to the end of the rows that are forecast."""
    folder = Path(os.environ.get("FORECAST_DATA") or "../shared/data") / "m4"
    paths = folder / "Hourly-train.csv.gz", folder / "Hourly-test.csv"
    if not all(path.is_file() for path in paths):
        sys.exit(f"{paths[0]} and {paths[1]} must be there: set FORECAST_DATA to the folder of the data sets")
    train, test = (pd.read_csv(path).iloc[:, 1:].to_numpy(dtype=np.float64) for path in paths)
    series = [row[np.isfinite(row)] for row in train]
    if rows == "test":
        series = [np.concatenate(pair) for pair in zip(series, test, strict=True)]
    lengths = [len(values) for values in series]
    hours = np.concatenate([np.arange(length) for length in lengths]).astype("M8[h]")
    return Panel.from_arrays(np.concatenate(series), hours, lengths)


def known(panel: Panel) -> Panel:
    """The panel without the 48 rows that are forecast."""
    return panel.until(panel.lengths - HORIZON)


def asked(model: Forecaster, panel: Panel) -> np.ndarray:
    """Points [series, step] of a model fitted on all rows but the last 48; the model never sees those."""
    before = known(panel)
    return model.fit(before).predict(before).point[..., 0]


def member(seed: int, panel: Panel, folder: Path) -> np.ndarray:
    """The forecast of one seed, from its file or from a fit."""
    path = folder / f"{FINGERPRINT}-seed-{seed}.npy"
    if path.is_file():
        return np.load(path)
    started = time.process_time()
    points = asked(SETTINGS.make(WINDOW, replace(TRAINING, seed=seed)), panel)
    print(f"seed {seed}: {time.process_time() - started:.0f} CPU seconds", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, points)
    part.replace(path)
    return points


def judged(points: np.ndarray, panel: Panel) -> tuple[float, float, float]:
    """sMAPE, MASE and OWA."""
    before = known(panel)
    origins = before.end_origins()
    values, seen = truth(panel, origins, HORIZON)
    last = panel.values[panel.offsets[origins.series] + origins.step - 1]
    actual = Actual(values, seen, last, *in_sample_scale(before, DAY), DAY)
    said = Forecast.at(panel, origins, points[..., None])
    errors = overall(smape, said, actual), overall(mase, said, actual)
    return *errors, (errors[0] / NAIVE2[0] + errors[1] / NAIVE2[1]) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", choices=("validation", "test"), default="test")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/m4-hourly"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    panel = read(args.rows)
    rules = {"naive": Naive(WINDOW), "seasonal naive": SeasonalNaive(WINDOW, DAY)}
    points = {name: asked(rule, panel) for name, rule in rules.items()}
    members = [member(seed, panel, args.out / args.rows) for seed in range(args.seeds)]
    points |= {f"network, seed {seed}": said for seed, said in enumerate(members)}
    points[f"network, median of {args.seeds}"] = np.median(members, axis=0)
    measured = {name: judged(said, panel) for name, said in points.items()}
    print(pd.DataFrame(measured, index=["sMAPE", "MASE", "OWA"]).T.round(3).to_string(), end="\n\n")
    if args.rows == "test":
        print("published")
        print(pd.DataFrame(PUBLISHED, index=["sMAPE", "MASE", "OWA"]).T.to_string())


if __name__ == "__main__":
    main()
