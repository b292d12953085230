"""Rows behind the end of a panel: dates that follow, with nothing observed yet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from forecast.data.calendar import Calendar


class Extension(NamedTuple):
    """Where rows are put in.

    Args:
        origin: int64 [row], for each row of the longer table the row it is, or copies, in the shorter one.
        new: bool [row], which rows are put in.
        offsets: int64 [series + 1], of the longer table.
        times: datetime64[us] [row], of the longer table.
    """

    origin: np.ndarray
    new: np.ndarray
    offsets: np.ndarray
    times: np.ndarray


def extend(
    times: np.ndarray, offsets: np.ndarray, ends: np.ndarray, steps: int, calendar: Calendar
) -> Extension | None:
    """Rows put behind each series until `steps` lie behind its end; None where they already do.

    Args:
        times: datetime64[us] [row].
        offsets: int64 [series + 1], first row of each series.
        ends: int64 [series], rows of each up to its last observed one; series with 0 are left as they are.
        steps: rows wanted behind that one.
        calendar: dates the rows.

    Example:
        >>> days = np.array(["2024-03-01"], dtype="datetime64[us]")  # a Friday
        >>> more = extend(days, np.array([0, 1]), np.array([1]), 2, Calendar("business", 1))
        >>> more.times.astype("datetime64[D]").tolist()[1:]
        [datetime.date(2024, 3, 4), datetime.date(2024, 3, 5)]
    """
    lengths = np.diff(offsets)
    lacking = np.where(ends > 0, np.maximum(steps - (lengths - ends), 0), 0)
    if not lacking.any():
        return None
    longer = np.concatenate([[0], np.cumsum(lengths + lacking)]).astype(np.int64)
    series = np.repeat(np.arange(len(lengths)), lengths + lacking)
    place = np.arange(longer[-1]) - longer[series]
    new = place >= lengths[series]
    origin = offsets[series] + np.minimum(place, lengths[series] - 1)
    stamps = times[origin]
    short = np.flatnonzero(lacking)
    ahead = calendar.after(times[offsets[short + 1] - 1], int(lacking.max()))
    stamps[new] = ahead[np.arange(ahead.shape[1]) < lacking[short, None]]
    return Extension(origin, new, longer, stamps)
