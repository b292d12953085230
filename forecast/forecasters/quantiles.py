"""Quantiles of any forecast, and forecasts that are quantiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.distributions import QuantileTable
from forecast.errors import SettingsError


def in_order(levels: Sequence[float]) -> tuple[float, ...]:
    """Levels in order, with 0.5, which is the point forecast.

    Raises:
        SettingsError: a level that does not lie between 0 and 1, or stands there twice.

    Example:
        >>> in_order((0.9, 0.1))
        (0.1, 0.5, 0.9)
    """
    for level in levels:
        if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
            raise SettingsError(f"levels={tuple(levels)}: a level lies between 0 and 1, {level!r} does not")
    if len(set(levels)) < len(levels):
        raise SettingsError(f"levels={tuple(levels)}: each level once")
    return tuple(sorted({*map(float, levels), 0.5}))


def quantiles_of(said: Forecast, levels: tuple[float, ...]) -> np.ndarray:
    """Quantiles [origin, step, target, level] of a forecast that has any.

    Its distribution answers; without one its own levels do, and what lies between them is interpolated.
    """
    if said.levels == levels:
        return said.values
    if said.distribution is not None:
        return said.distribution.quantiles(levels)
    return QuantileTable(said.levels, said.values).quantiles(levels)


def as_forecast(panel: Panel, origins: Origins, values: np.ndarray, levels: tuple[float, ...]) -> Forecast:
    """A forecast of quantiles [origin, step, target, level]; those that cross are put in order."""
    values = np.sort(values, axis=-1)
    return Forecast.at(panel, origins, values, levels, QuantileTable(levels, values))
