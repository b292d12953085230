"""Rows in the order of a panel: series after series, oldest first; which are doubled and which are absent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from forecast.data.almanac import sessions_between
from forecast.data.calendar import Calendar


class Gaps(NamedTuple):
    """Stamps that the calendar expects and the data lacks.

    Args:
        missing: how many, over all series.
        longest: the longest run of them.
        after: time of the row before that run.
        series: index of its series.
    """

    missing: int
    longest: int
    after: np.datetime64
    series: int


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows sorted by series (in order of appearance) and time.

    Args:
        order: position in the table of each row; None when the table is in order already.
        times: datetime64[us] [row].
        offsets: int64 [series + 1].
        series: names.
        doubled: bool [row], same series and time as the row before.
        repair: what was done to the order, in words; None when nothing.
    """

    order: np.ndarray | None
    times: np.ndarray
    offsets: np.ndarray
    series: tuple[str, ...]
    doubled: np.ndarray
    repair: str | None = None

    def take(self, values: np.ndarray) -> np.ndarray:
        """Values of the table's rows, in this order."""
        return values if self.order is None else values[self.order]

    def positions(self, rows: np.ndarray) -> np.ndarray:
        """Where rows of this order stand in the table."""
        return rows if self.order is None else self.order[rows]

    @property
    def row_series(self) -> np.ndarray:
        """Index of the series of each row."""
        return np.repeat(np.arange(len(self.series)), np.diff(self.offsets))

    def once(self) -> Rows:
        """Without the second and later rows of a series and time."""
        if not self.doubled.any():
            return self
        keep = ~self.doubled
        before = np.concatenate([[0], np.cumsum(keep)])
        order = np.arange(len(keep)) if self.order is None else self.order
        return Rows(order[keep], self.times[keep], before[self.offsets], self.series, self.doubled[keep], self.repair)


def arrange(times: np.ndarray, codes: np.ndarray | None, series: tuple[str, ...]) -> Rows:
    """Sort rows by series and time, unless they are sorted already.

    Args:
        times: datetime64[us] [row].
        codes: index of the series of each row; None for one series.
        series: names.

    Example:
        >>> newest_first = np.array(["2024-01-03", "2024-01-02", "2024-01-01"], dtype="M8[us]")
        >>> rows = arrange(newest_first, None, ("",))
        >>> rows.repair, rows.order.tolist()
        ('rows were newest first: reversed', [2, 1, 0])
    """
    counts = np.array([len(times)]) if codes is None else np.bincount(codes, minlength=len(series))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    order: np.ndarray | None = None
    if codes is not None and (codes[1:] < codes[:-1]).any():
        small = codes.astype(np.uint16) if len(series) < 1 << 16 else codes  # numpy sorts 16 bits by radix
        order = np.argsort(small, kind="stable")
    steps, within = _steps(times if order is None else times[order], offsets)
    late = (steps < 0) & within
    if not late.any():
        doubled = np.concatenate([[False], (steps == 0) & within])
        return Rows(order, times if order is None else times[order], offsets, series, doubled)
    newest_first = bool((steps[within] <= 0).all())
    repair = "rows were newest first: reversed" if newest_first else f"{late.sum():,} {_rows_were(late.sum())}"
    base = np.arange(len(times)) if codes is None else codes
    order = np.lexsort((times, base)) if codes is not None else np.argsort(times, kind="stable")
    steps, within = _steps(times[order], offsets)
    return Rows(order, times[order], offsets, series, np.concatenate([[False], (steps == 0) & within]), repair)


def _rows_were(count: int) -> str:
    return "row was out of time order: sorted" if count == 1 else "rows were out of time order: sorted"


def _steps(times: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Microseconds between neighbouring rows, and whether both belong to one series."""
    within = np.ones(max(len(times) - 1, 0), dtype=bool)
    within[offsets[1:-1] - 1] = False
    return np.diff(times.view(np.int64)), within


def gaps(rows: Rows, calendar: Calendar) -> Gaps | None:
    """Count the stamps that the calendar expects between the rows and that are not there.

    Example:
        >>> days = np.array(["2024-01-01", "2024-01-02", "2024-01-06", "2024-01-07"], dtype="M8[us]")
        >>> gaps(arrange(days, None, ("",)), Calendar("step", 86_400_000_000, regular=0.67))[:2]
        (3, 3)
    """
    if calendar.kind == "unknown" or calendar.regular == 1.0:
        return None
    _, within = _steps(rows.times, rows.offsets)
    lacking = np.where(within, absent(rows.times, calendar), 0)
    if not lacking.any():
        return None
    row = int(lacking.argmax())
    return Gaps(int(lacking.sum()), int(lacking[row]), rows.times[row], int(rows.row_series[row]))


def absent(times: np.ndarray, calendar: Calendar) -> np.ndarray:
    """Stamps that the calendar expects between neighbouring rows, int64 [row - 1].

    Args:
        times: datetime64[us] [row], rising.

    Example:
        >>> days = np.array(["2024-01-01", "2024-01-02", "2024-01-06"], dtype="M8[us]")
        >>> absent(days, Calendar("step", 86_400_000_000)).tolist()
        [0, 3]
    """
    if calendar.kind == "unknown" or len(times) < 2:
        return np.zeros(max(len(times) - 1, 0), dtype=np.int64)
    return np.maximum(_distance(times, calendar) // calendar.step - 1, 0)


def _distance(times: np.ndarray, calendar: Calendar) -> np.ndarray:
    """Distance between neighbouring rows, in the unit of the calendar's step."""
    if calendar.kind == "business":
        days = times.astype("datetime64[D]")
        if calendar.exchange is not None:
            return sessions_between(calendar.exchange, days)
        return np.busday_count(days[:-1], days[1:], weekmask=calendar.week)
    if calendar.kind == "months":
        return np.diff(times.astype("datetime64[M]").astype(np.int64))
    return np.diff(times.astype(np.int64))


def describe_gaps(found: Gaps, rows: Rows, calendar: Calendar) -> str:
    """One sentence about gaps."""
    what = "weekdays (holidays?)" if calendar.kind == "business" and calendar.exchange is None else "stamps"
    where = f" of series {rows.series[found.series]!r}" if len(rows.series) > 1 else ""
    if found.missing == 1:
        what = what.replace("days", "day").replace("stamps", "stamp").replace("holidays?", "holiday?")
        after = f"after {day(found.after)}{where}"
        return f"1 {what} that the calendar expects is absent ({after}); no row was invented"
    return (
        f"{found.missing:,} {what} that the calendar expects are absent, at most {found.longest:,} in a row "
        f"(after {day(found.after)}{where}); no row was invented"
    )


def day(time: np.datetime64) -> str:
    """A time without its clock when that is midnight.

    Example:
        >>> day(np.datetime64("2024-01-31T00:00")), day(np.datetime64("2024-01-31T18:00"))
        ('2024-01-31', '2024-01-31 18:00')
    """
    return str(pd.Timestamp(time)).removesuffix(":00").removesuffix(" 00:00")
