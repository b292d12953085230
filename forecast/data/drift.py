"""Drift: rows far outside of the range of those a model was fitted on. A unit that changed, most of the time."""

from __future__ import annotations

import numpy as np

from forecast.data.look import SAMPLE, Look

FAR = 8.0
"""Standard deviations outside of the range of the fit from which a value is shouted about."""


def drifted(look: Look) -> list[str]:
    """Columns with values far outside of the range of the rows a model was fitted on: a change of units?"""
    found = []
    for (place, name), (low, high, spread) in zip(enumerate(look.schema.given), look.schema.ranges, strict=False):
        if spread <= 0 or name in look.schema.categorical:
            continue
        column = look.values[:, place]
        far = (column < low - FAR * spread) | (column > high + FAR * spread)
        count = int(far.sum())
        if count:
            row = int(np.flatnonzero(far)[0])
            found.append(
                f"UNITS? {count:,} of {len(column):,} values of {name!r} lie more than {FAR:g} standard deviations "
                f"outside of {low:g} to {high:g}, the range the model was fitted on: {column[row]:g} at "
                f"{look.where(row)}; has the unit changed?"
            )
    return found


def ranges(look: Look) -> tuple[tuple[float, float, float], ...]:
    """Least and greatest value and standard deviation of each given channel; zeros where it has no values."""
    found = []
    for place in range(len(look.schema.given)):
        column = look.values[:, place]
        low, high = float(np.fmin.reduce(column)), float(np.fmax.reduce(column))
        if not np.isfinite(low) or not np.isfinite(high):
            found.append((0.0, 0.0, 0.0))
            continue
        sample = column[:: max(len(column) // SAMPLE, 1)]
        sample = sample[np.isfinite(sample)]
        with np.errstate(over="ignore"):
            spread = float(np.std(sample)) if len(sample) > 1 else 0.0
        found.append((low, high, spread if np.isfinite(spread) else 0.0))
    return tuple(found)
