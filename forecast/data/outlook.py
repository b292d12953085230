"""Outlook: a forecast at a glance, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from forecast.data.markup import block, counted, notes, pairs, significant, table
from forecast.data.overview import column_names
from forecast.data.rows import day
from forecast.distributions import Categories

if TYPE_CHECKING:
    from forecast.data.forecast import Forecast

ORIGINS, ROWS = 4, 12
"""Most origins of a forecast that are shown, and most rows of all of them."""
INTERVALS = 2
DIGITS = 4


def forecast_html(forecast: Forecast) -> str:
    """Origins and horizon of a forecast, and the first values with their intervals."""
    origins, steps, targets, _ = forecast.values.shape
    title = f"Forecast: {counted(origins, 'origin')}, {counted(steps, 'step')} ahead"
    if not origins:
        return block(title)
    shown = min(origins, ORIGINS)
    each = max(min(steps * targets, ROWS // shown), 1)
    made = {day(forecast.known.min()), day(forecast.known.max())}
    intervals = _intervals(forecast)
    known = {
        "made at": " to ".join(sorted(made)),
        "targets": column_names(forecast.targets),
        "says": "classes" if isinstance(forecast.distribution, Categories) else _says(forecast),
    }
    texts = (*(("series",) if any(forecast.series) else ()), "made at", "time", *(("target",) if targets > 1 else ()))
    head = (*texts, "forecast", *(f"{share:.0%} interval".replace("%", " %") for share in intervals))
    left = origins * steps * targets - shown * each
    said = [f"and {counted(left, 'more value')}; to_frame() has them all"] if left else []
    return block(title, pairs(known), table(head, _values(forecast, shown, each, intervals), len(texts)), notes(said))


def _says(forecast: Forecast) -> str:
    if forecast.distribution is not None:
        return "a distribution"
    return f"quantiles {', '.join(f'{level:g}' for level in forecast.levels)}" if forecast.levels else "points"


def _intervals(forecast: Forecast) -> dict[float, tuple[int, int]]:
    """Central intervals by what they cover, widest first, with the places of their edges among the levels."""
    levels = np.asarray(forecast.levels)
    pairs_of = {}
    for low in sorted(level for level in forecast.levels if level < 0.5):
        if np.isclose(levels, 1 - low).any():
            pairs_of[1 - 2 * low] = (int(np.abs(levels - low).argmin()), int(np.abs(levels - 1 + low).argmin()))
    return dict(list(pairs_of.items())[:INTERVALS])


def _values(
    forecast: Forecast, shown: int, each: int, intervals: dict[float, tuple[int, int]]
) -> Iterator[tuple[str, ...]]:
    targets = len(forecast.targets)
    said = forecast.distribution
    labels = said.labels if isinstance(said, Categories) and not said.directional else None
    modes = said.mode() if isinstance(said, Categories) and labels else None
    for origin in range(shown):
        name = forecast.series[int(forecast.origins.series[origin])]
        for cell in range(each):
            step, target = divmod(cell, targets)
            texts = (*((name,) if any(forecast.series) else ()), day(forecast.known[origin]))
            texts += (day(forecast.times[origin, step]), *((forecast.targets[target],) if targets > 1 else ()))
            point = significant(float(forecast.point[origin, step, target]), DIGITS)
            if labels and modes is not None:
                point = str(labels[int(modes[origin, step, target])])
            edges = (forecast.values[origin, step, target, [*places]] for places in intervals.values())
            yield *texts, point, *(f"{significant(low, DIGITS)} to {significant(high, DIGITS)}" for low, high in edges)
