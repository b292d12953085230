"""The usual protocol of the long-horizon data: all channels, standardised by the training rows, every test window."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from forecast.data.forecast import Forecaster
from forecast.data.panel import Origins, Panel


@dataclass(frozen=True)
class Protocol:
    """Rows: [0, train) to train, [train, test) to validate, [test, end) to test."""

    file: str
    train: int
    test: int
    end: int


PROTOCOLS = {
    "etth1": Protocol("ett/ETTh1.csv", 8640, 11520, 14400),
    "ettm1": Protocol("ett/ETTm1.csv.gz", 4 * 8640, 4 * 11520, 4 * 14400),
    "jena-weather": Protocol("weather_jena2020/weather.csv.gz", 36887, 42157, 52696),
    "exchange-rate": Protocol("exchange_rate/exchange_rate.csv", 5311, 6071, 7588),
}
CELLS = 8_000_000  # forecast cells of one slice of origins: 64 MB an array, whatever the horizon and the channels


def standard_panel(name: str) -> tuple[Panel, Protocol]:
    """The data set with every channel a target, standardised; ends the program with a reason where the file is not."""
    protocol = PROTOCOLS[name]
    folder = Path(os.environ.get("FORECAST_DATA") or "../shared/data")
    path = folder / protocol.file
    if not path.is_file():
        sys.exit(f"{path} is not there: set FORECAST_DATA to the folder of the data sets")
    frame = pd.read_csv(path).iloc[: protocol.end]
    values = frame.drop(columns="date").to_numpy(dtype=np.float64)
    values = (values - values[: protocol.train].mean(axis=0)) / values[: protocol.train].std(axis=0)
    return Panel.from_arrays(values, pd.to_datetime(frame["date"]).to_numpy()), protocol


def errors(model: Forecaster, panel: Panel, start: int, stop: int) -> tuple[float, float]:
    """MSE and MAE over every window whose targets lie in [start, stop)."""
    horizon = model.window.horizon
    steps = np.arange(start, stop - horizon + 1)
    squares, misses, cells = 0.0, 0.0, 0
    for some in np.array_split(steps, -(-len(steps) * horizon * len(panel.targets) // CELLS)):
        said = model.predict(panel, Origins(np.zeros_like(some), some)).point
        miss = said - panel.values[some[:, None] + np.arange(horizon)]
        squares, misses, cells = squares + float((miss**2).sum()), misses + float(np.abs(miss).sum()), cells + miss.size
    return squares / cells, misses / cells


@dataclass(frozen=True)
class Judged:
    """MSE and MAE over the validation and the test windows, CPU seconds of the fit and of judging, trained weights."""

    validation: tuple[float, float]
    test: tuple[float, float]
    seconds: float
    judging: float
    weights: int


def judged(model: Forecaster, panel: Panel, protocol: Protocol, known: int | None = None) -> Judged:
    """Fit and judge.

    Args:
        known: rows that the model is given to fit; None gives all before the test span, of which networks hold the
            validation rows back themselves.
    """
    started = time.process_time()
    model.fit(panel.until(protocol.test if known is None else known))
    fitted = time.process_time()
    held = errors(model, panel, protocol.train, protocol.test)
    test = errors(model, panel, protocol.test, protocol.end)
    return Judged(held, test, fitted - started, time.process_time() - fitted, getattr(model, "parameters", 0))
