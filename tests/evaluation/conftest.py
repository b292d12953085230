"""Contestants small enough to be right by inspection, and panels for them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.errors import TrainingError


@dataclass
class Frame:
    context: int
    horizon: int


@dataclass
class Rule:
    """Forecasts say(known rows [origin, target], steps) -> [origin, step, target]; remembers what it was fitted on."""

    window: Frame
    say: Callable[..., np.ndarray]
    parameters: Any = 0
    trained: Panel | None = None

    def fit(self, panel: Panel) -> "Rule":
        self.trained = panel
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        origins = panel.end_origins() if origins is None else origins
        return Forecast.at(panel, origins, self.say(panel, origins, self.window.horizon))


def rows_back(panel: Panel, origins: Origins, back: np.ndarray) -> np.ndarray:
    """Targets `back` [step] rows before the origin's next row, [origin, step, target]."""
    first = panel.offsets[origins.series] + origins.step
    return panel.values[first[:, None] - back, : panel.layout.targets]


def repeat_last(context: int = 1, horizon: int = 2, plus: float = 0.0) -> Rule:
    return Rule(Frame(context, horizon), lambda p, o, h: rows_back(p, o, np.ones(h, dtype=int)) + plus)


def repeat_season(season: int, horizon: int, context: int | None = None) -> Rule:
    def say(panel: Panel, origins: Origins, steps: int) -> np.ndarray:
        return rows_back(panel, origins, season - np.arange(steps) % season)

    return Rule(Frame(context or season, horizon), say)


def oracle(horizon: int, noise: float = 0.0, seed: int = 0, context: int = 1) -> Rule:
    """Peeks at the future, and adds noise: a contestant of any wanted quality."""

    def say(panel: Panel, origins: Origins, steps: int) -> np.ndarray:
        ahead = rows_back(panel, origins, -np.arange(steps))
        return ahead + noise * np.random.default_rng(seed).standard_normal(ahead.shape)

    return Rule(Frame(context, horizon), say)


@dataclass
class Quitter:
    """Cannot be fitted."""

    window: Frame
    error: Exception

    def fit(self, panel: Panel) -> "Quitter":
        raise self.error

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        raise AssertionError("predict after a failed fit")


def quitter(horizon: int, error: Exception | None = None) -> Quitter:
    return Quitter(Frame(1, horizon), error or TrainingError("no windows to train on"))


@pytest.fixture
def make():
    """The factories of contestants, by name."""
    factories = (repeat_last, repeat_season, oracle, quitter, Rule, Frame)
    return type("Make", (), {f.__name__: staticmethod(f) for f in factories})


def panel_of(*series: np.ndarray) -> Panel:
    lengths = [len(values) for values in series]
    days = np.concatenate([np.arange(n) for n in lengths]) + np.datetime64("2024-01-01", "D")
    names = [f"s{i}" for i in range(len(series))]
    return Panel.from_arrays(np.concatenate(series).astype(float), days, lengths, names)


@pytest.fixture
def panel_from():
    """Make a daily panel of arrays, one a series, each [row] or [row, target]."""
    return panel_of


@pytest.fixture
def walks() -> Panel:
    """Three random walks of 300, 300 and 200 days."""
    steps = np.random.default_rng(7).standard_normal((3, 300))
    return panel_of(steps[0].cumsum(), 50 + steps[1].cumsum(), steps[2, :200].cumsum())
