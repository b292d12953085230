"""Rhythm: rows whose distance changes for good on the way, or is never quite the same."""

from __future__ import annotations

import numpy as np

from forecast.data.look import LEAST, Look
from forecast.data.rows import day

HABIT = 0.8  # share of equal steps that makes a rhythm
JITTER = 0.05  # of a step
DAY = 86_400e6  # months and years are not equal by nature
MANY = 0.9


def rhythm(look: Look) -> list[str]:
    """A change of frequency, or stamps that are off by seconds, in the longest series.

    Example:
        >>> from forecast.data.rows import arrange
        >>> from forecast.data.schema import Schema
        >>> hours = np.datetime64("2024-01-01", "us") + np.arange(48) * np.timedelta64(1, "h")
        >>> days = hours[-1] + np.arange(1, 48) * np.timedelta64(1, "D")
        >>> rows = arrange(np.r_[hours, days], None, ("",))
        >>> print(rhythm(Look(rows, np.zeros((95, 1)), Schema(targets=["y"])))[0])
        FREQUENCY? rows are 1 hour apart up to 2024-01-02 23:00 and 1 day from there on: two tables in one?
    """
    lengths = np.diff(look.rows.offsets)
    place = int(lengths.argmax())
    times = look.rows.times[look.rows.offsets[place] : look.rows.offsets[place + 1]]
    if len(times) < LEAST:
        return []
    steps = np.diff(times.astype(np.int64))
    return _changes(times, steps) or _jitter(steps)


def _changes(times: np.ndarray, steps: np.ndarray) -> list[str]:
    third = len(steps) // 3
    before, behind = (float(np.median(part)) for part in (steps[:third], steps[-third:]))
    if not before > 0 or not behind > 0 or 0.5 < before / behind < 2:
        return []
    if (steps[:third] == before).mean() < HABIT or (steps[-third:] == behind).mean() < HABIT:
        return []
    row = int(np.flatnonzero(steps == before)[-1]) + 1
    return [
        f"FREQUENCY? rows are {_words(before)} apart up to {day(times[row])} and {_words(behind)} from there on: two "
        "tables in one?"
    ]


def _jitter(steps: np.ndarray) -> list[str]:
    usual = float(np.median(steps))
    if not 0 < usual <= DAY or (steps == usual).mean() >= HABIT:
        return []
    off = np.abs(steps - usual)
    near = off <= JITTER * usual
    if near.mean() < MANY:
        return []
    most = float(off[near].max())
    return [
        f"JITTER? rows are about {_words(usual)} apart, off by up to {_words(most)}: round the stamps if that is noise"
    ]


def _words(step: float) -> str:
    for unit, size in (("day", 86_400e6), ("hour", 3_600e6), ("minute", 60e6), ("second", 1e6)):
        if step >= size:
            count = f"{step / size:.3g}"
            return f"{count} {unit}" + ("" if count == "1" else "s")
    return f"{step / 1e6:.3g} seconds"
