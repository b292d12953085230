"""What was observed, as a line that breaks where something is missing."""

from __future__ import annotations

import numpy as np

from forecast.data.calendar import Calendar
from forecast.data.panel import Panel
from forecast.data.rows import absent
from forecast.plotting.style import INK, Axes

LONG_STEP = 5  # times the usual distance between rows, where the calendar is no help
LEAST_REGULAR = 0.5  # share of the steps below which a calendar expects nothing
FEW = 16  # points that are marked one by one


def draw_observed(ax: Axes, panel: Panel, column: int, begin: int, end: int) -> None:
    """Draw rows of a channel: a missing value and an absent stamp break the line, a lonely value is a point.

    Args:
        column: of the panel's channels.
        begin, end: rows of the panel, all of one series.
    """
    rows = slice(begin, end)
    times = panel.times[rows].astype("datetime64[us]")
    values = np.where(panel.observed[rows, column], panel.values[rows, column], np.nan)
    times, values = broken(times, values, holes(times, panel.calendar))
    ax.plot(times, values, color=INK, lw=1.3, label="observed", zorder=3)
    alone = lonely(values) if len(values) > FEW else np.isfinite(values)
    ax.plot(times[alone], values[alone], color=INK, ls="", marker="o", ms=3, zorder=3)


def holes(times: np.ndarray, calendar: Calendar) -> np.ndarray:
    """Where the record has a hole, bool [row - 1]: stamps that the calendar expects are absent.

    A single absent weekday is none, since a calendar without an exchange does not know holidays. Rows that keep no
    calendar have a hole where the distance is five times the usual one.
    """
    if calendar.kind == "unknown" or calendar.regular < LEAST_REGULAR:
        return far_apart(times)
    holidays = calendar.kind == "business" and calendar.exchange is None
    return absent(times, calendar) > int(holidays)


def far_apart(times: np.ndarray) -> np.ndarray:
    """Where neighbouring times lie five times as far apart as usual, bool [row - 1]."""
    apart = np.diff(times).astype(np.int64)
    return apart > LONG_STEP * np.median(apart) if len(apart) else np.zeros(0, dtype=bool)


def broken(times: np.ndarray, values: np.ndarray, hole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put a NaN into every hole of the record, so that no line is drawn across it."""
    before = np.flatnonzero(hole) + 1
    return np.insert(times, before, times[before - 1]), np.insert(values, before, np.nan)


def lonely(values: np.ndarray) -> np.ndarray:
    """Values without a neighbour, which a line alone would not show."""
    seen = np.isfinite(values)
    padded = np.concatenate([[False], seen, [False]])
    return seen & ~padded[:-2] & ~padded[2:]
