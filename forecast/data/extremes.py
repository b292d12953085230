"""Extremes: -9999 for a missing cell, and single values far outside of all others."""

from __future__ import annotations

import numpy as np

from forecast.data.format import flag
from forecast.data.look import FEW, LEAST, SAMPLE, SHOWN, Look
from forecast.data.wording import and_more

APART = 8.0  # times the span of nearly all values
TRIMMED = 0.05  # share at either end that may be a value for "missing" and not widen the first look
SENTINELS = (-9999.0, -999.0, -99.0, -99.9, -99.99, -999.9, -8888.0, -200.0, 9999.0, 99999.0, 999.0, 999.9, 9999.9)


def sentinels(look: Look) -> list[str]:
    """Values that are extreme and come again and again, -9999 for a missing cell; and others far outside."""
    repeated: dict[float, list[str]] = {}
    found = []
    for place, name in look.numeric:
        column = look.values[:, place]
        if _unremarkable(column):
            continue
        known = column[np.isfinite(column)]
        if len(known) < LEAST:
            continue
        for extreme in (np.min, np.max):
            value = float(extreme(known))
            others = known[known != value]
            count = len(known) - len(others)
            if count > 1 and len(others) and _stands_apart(others, value, count):
                repeated.setdefault(value, []).append(f"{name!r} ({count:,})")
                known = others
        found += _outliers(look, place, known)
    for value, names in repeated.items():
        text = f"{value:g}" if abs(value) < 1e6 else repr(value)
        where, remedy = and_more(names[:8], len(names)), flag("missing", (text,))
        found.append(
            f"SENTINEL? {text} comes again and again and is far from all other values, in {where}: if it stands for a "
            f"missing cell, use {remedy}"
        )
    return found


def _unremarkable(column: np.ndarray) -> bool:
    """Whether no value lies far from those of a sample, nor is one of the usual sentinels."""
    sample = column[:: max(len(column) // SAMPLE, 1)]
    sample = sample[np.isfinite(sample)]
    if len(sample) < LEAST:
        return False
    low, high = _usual(sample, TRIMMED)
    least, most = np.fmin.reduce(column), np.fmax.reduce(column)
    reach = APART * (high - low)
    inside = least >= low - reach and most <= high + reach
    return bool(inside and high > low and least not in SENTINELS and most not in SENTINELS)


def _stands_apart(others: np.ndarray, value: float, count: int) -> bool:
    low, high = _usual(others)
    near = others.min() if value < others.min() else others.max()
    distance = abs(value - near)
    if value in SENTINELS and distance > 0.25 * max(high - low, abs(value) / 1000):
        return bool(value < 0 <= near or distance > high - low)
    return bool(high > low and distance > APART * (high - low) and distance > abs(near) / 2 and count < len(others))


def _outliers(look: Look, place: int, known: np.ndarray) -> list[str]:
    """Single values far outside of the usual ones."""
    if len(known) < LEAST:
        return []
    low, high = _usual(known)
    reach = APART * (high - low)
    if not reach > 0 or (known.min() >= low - reach and known.max() <= high + reach):
        return []
    column = look.values[:, place]
    with np.errstate(invalid="ignore"):
        far = ((column < low - reach) | (column > high + reach)) & np.isin(column, known)
    places = np.flatnonzero(far)
    if len(places) > max(FEW * len(known), 3):
        return []
    shown = and_more([f"{column[i]:g} at {look.where(i)}" for i in places[:SHOWN]], len(places))
    name = look.schema.given[place]
    return [f"OUTLIER? {name!r} is {low:g} to {high:g} nearly always, and {shown}: are these values right?"]


def _usual(values: np.ndarray, least: float = 0.01) -> tuple[float, float]:
    """The span of nearly all values: without the smallest and the greatest share of them."""
    sample = values[:: max(len(values) // SAMPLE, 1)]
    share = max(least, min(3 / len(sample), 0.25))
    return float(np.quantile(sample, share)), float(np.quantile(sample, 1 - share))
