"""Spaces that cost nothing, for tests of what surrounds them."""

import time

import numpy as np

from forecast.data.forecast import Forecast
from forecast.data.panel import Panel
from forecast.windows.window import Window

ROWS = 240


def panel(rows: int = ROWS) -> Panel:
    rng = np.random.default_rng(0)
    values = np.sin(np.arange(rows) / 5) + 0.1 * rng.normal(size=rows)
    return Panel.from_arrays(values, np.arange(rows).astype("M8[h]"))


class Damped:
    """Forecasts `share` of the last value: the best share can be found."""

    def __init__(self, share: float, seconds: float = 0.0, context: int = 4) -> None:
        self.window, self.share, self.seconds = Window(context, 2), share, seconds

    def fit(self, panel: Panel):
        time.sleep(self.seconds)
        return self

    def predict(self, panel: Panel, origins=None) -> Forecast:
        origins = panel.end_origins() if origins is None else origins
        last = panel.values[panel.offsets[origins.series] + origins.step - 1, :1]
        return Forecast.at(panel, origins, np.repeat(self.share * last[:, None], 2, axis=1))


def damped(trial) -> Damped:
    return Damped(trial.suggest_float("share", 0.0, 1.5))


def slow(trial) -> Damped:
    return Damped(trial.suggest_float("share", 0.0, 1.5), seconds=0.05)
