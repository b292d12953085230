"""Cycles of the calendar as inputs: where in the day, the week and the year a row lies."""

from __future__ import annotations

import math

import numpy as np

from forecast.data.panel import Panel

DAY = 86_400_000_000
PERIODS = {"day": DAY, "week": 7 * DAY, "year": round(365.2425 * DAY)}
"""Microseconds of each cycle."""

SEEN_OFTEN = 3


def cycles_of(panel: Panel) -> tuple[str, ...]:
    """The cycles that hold at least two rows, and that a series of the panel has lived through at least three times.

    Example:
        >>> hours = np.arange("2024-01-01", "2024-01-20", dtype="M8[h]")
        >>> cycles_of(Panel.from_arrays(np.zeros(len(hours)), hours))
        ('day',)
    """
    filled = panel.lengths > 1
    if not filled.any():
        return ()
    first, last = panel.offsets[:-1][filled], panel.offsets[1:][filled] - 1
    times = panel.times.astype("datetime64[us]").astype(np.int64)
    span = int((times[last] - times[first]).max())
    step = panel.calendar.step * {"business": DAY, "months": 30 * DAY}.get(panel.calendar.kind, 1)
    return tuple(name for name, period in PERIODS.items() if 2 * step <= period and SEEN_OFTEN * period <= span)


def cyclic(times: np.ndarray, cycles: tuple[str, ...]) -> np.ndarray:
    """Sine and cosine of the place in each cycle, float64 [row, 2 x cycle].

    The year is the mean Gregorian one, so that no calendar has to be asked: it strays by less than a day.

    Args:
        times: datetime64 [row].

    Example:
        >>> cyclic(np.array(["2024-01-01T06:00"], dtype="M8[us]"), ("day",)).round(6).tolist()
        [[1.0, 0.0]]
    """
    moment = times.astype("datetime64[us]").astype(np.int64)
    angles = [2 * np.pi * (moment % PERIODS[name]) / PERIODS[name] for name in cycles]
    return (
        np.stack([wave(angle) for angle in angles for wave in (np.sin, np.cos)], axis=1, dtype=np.float64)
        if angles
        else np.zeros((len(times), 0))
    )


def clock(time: int, cycles: tuple[str, ...]) -> list[float]:
    """Sine and cosine of the place of one time in each cycle: `cyclic` without arrays.

    Example:
        >>> [round(wave, 6) for wave in clock(6 * 3_600_000_000, ("day",))]
        [1.0, 0.0]
    """
    waves = []
    for name in cycles:
        angle = 2 * math.pi * (time % PERIODS[name]) / PERIODS[name]
        waves += [math.sin(angle), math.cos(angle)]
    return waves
