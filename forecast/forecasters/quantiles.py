"""Quantiles of any forecast, and forecasts that are quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forecast.data.forecast import Forecast
from forecast.distributions import QuantileTable
from forecast.errors import SettingsError
from forecast.forecasters.saying import Said


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


def quantiles_of(said: Forecast | Said, levels: tuple[float, ...]) -> np.ndarray:
    """Quantiles [origin, step, target, level] of a forecast that has any.

    Its distribution answers; without one its own levels do, and what lies between them is interpolated.
    """
    if said.levels == levels:
        return said.values
    if said.distribution is not None:
        return said.distribution.quantiles(levels)
    return QuantileTable(said.levels, said.values).quantiles(levels)


def as_quantiles(said: Forecast, values: np.ndarray, levels: tuple[float, ...]) -> Forecast:
    """A forecast with other quantiles [origin, step, target, level]; those that cross are put in order."""
    values = np.sort(values, axis=-1)
    return replace(said, values=values, levels=levels, distribution=QuantileTable(levels, values))


def at(said: Forecast, index: np.ndarray) -> Forecast:
    """A forecast at some of its origins, int64 [origin]."""
    picked = {name: getattr(said, name)[index] for name in ("origins", "values", "known", "times")}
    distribution = None if said.distribution is None else said.distribution.take(index)
    return replace(said, **picked, distribution=distribution)


def quantiles_at(said: Forecast | Said, levels: tuple[float, ...]) -> np.ndarray:
    """What errors are measured from: quantiles, or the point as one level; [origin, step, target, 1 or level]."""
    return quantiles_of(said, levels) if said.levels else said.values


def shifted(said: Forecast | Said, levels: tuple[float, ...], shifts: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Quantiles in order, moved by shifts [origin or 1, step, target, level] in units of width [origin, target]."""
    return np.sort(quantiles_at(said, levels) + shifts * width[:, None, :, None], axis=-1)
