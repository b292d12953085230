"""The calendar of a panel: how far apart its rows are, inferred from the timestamps themselves.

Rows are indexed by position; the calendar only names the frequency and dates the rows that do not exist yet.
It never adds a row and never drops one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from forecast.data.almanac import sessions_after, sessions_between
from forecast.errors import SettingsError

DAY = np.timedelta64(1, "D")
Kind = Literal["step", "business", "months", "unknown"]
Anchor = Literal["start", "end", "business start", "business end", "day"]
WORKING = "1111100"
WEEK = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
WEEKS = 4
"""Weeks after which a day of the week without any row is taken for a free one."""
ANCHORS: dict[Anchor, str] = {
    "start": "at the month's start",
    "end": "at the month's end",
    "business start": "on the month's first weekday",
    "business end": "on the month's last weekday",
    "day": "on a day of the month",
}


@dataclass(frozen=True)
class Calendar:
    """Distance between rows, and the dates that follow a date.

    Args:
        kind: "step" (a fixed duration), "business" (weekdays), "months", "unknown" (one row a series).
        step: microseconds for "step", business days for "business", months for "months".
        anchor: which day of the month, for "months"; "day" is that of the row before, or the month's last.
        regular: share of the neighbouring rows that are exactly one step apart.
        exchange: whose sessions are the business days (`exchange_calendars`); None takes those of `week`.
        week: business days from Monday to Sunday, 1 or 0 each.
        day: of the month, for the anchor "day"; 0 takes that of the row before.

    Example:
        >>> import numpy as np
        >>> fridays = np.array(["2024-03-01"], dtype="datetime64[us]")
        >>> Calendar("business", 1).after(fridays, 2).astype("datetime64[D]").tolist()[0]
        [datetime.date(2024, 3, 4), datetime.date(2024, 3, 5)]
    """

    kind: Kind
    step: int
    anchor: Anchor = "start"
    regular: float = 1.0
    exchange: str | None = None
    week: str = WORKING
    day: int = 0

    def after(self, last: np.ndarray, steps: int) -> np.ndarray:
        """Timestamps of the next rows.

        Args:
            last: datetime64[us] [origin].
            steps: how many rows ahead.

        Returns:
            datetime64[us] [origin, step].
        """
        ahead = np.arange(1, steps + 1)
        last = np.asarray(last, dtype="datetime64[us]")[:, None]
        if self.kind == "business":
            day = last.astype("datetime64[D]")
            if self.exchange is not None:
                days = sessions_after(self.exchange, day[:, 0], steps * self.step)[:, ahead * self.step - 1]
                return days.astype("datetime64[us]") + (last - day)
            days = np.busday_offset(day, ahead * self.step, roll="backward", weekmask=self.week)
            return days.astype("datetime64[us]") + (last - day)
        if self.kind == "months":
            return self._after_months(last, ahead)
        return last + ahead * np.timedelta64(self.step, "us")

    def _after_months(self, last: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        day = last.astype("datetime64[D]")
        month = last.astype("datetime64[M]")
        if self.anchor == "day":
            length = (month + ahead * self.step + 1).astype("datetime64[D]") - _start(month + ahead * self.step)
            wanted = (self.day - 1) * DAY if self.day else day - _start(month)
            date = _start(month + ahead * self.step) + np.minimum(wanted, length - DAY)
        else:
            date = _anchored(month + ahead * self.step, self.anchor)
        return date.astype("datetime64[us]") + (last - day)

    @property
    def alias(self) -> str:
        """The frequency as a pandas offset alias ("h", "15min", "D", "B", "ME", "QS" ...)."""
        if self.kind == "unknown":
            return "?"
        if self.kind == "business":
            return ("" if self.step == 1 else str(self.step)) + ("B" if self.week == WORKING else "C")
        if self.kind == "months":
            unit, count = {12: ("Y", 1), 3: ("Q", 1)}.get(self.step, ("M", self.step))
            business = "B" if self.anchor.startswith("business") else ""
            return f"{count if count > 1 else ''}{business}{unit}{'E' if self.anchor.endswith('end') else 'S'}"
        days, rest = divmod(self.step, int(DAY / np.timedelta64(1, "us")))
        if not rest:
            return "D" if days == 1 else f"{days}D"
        return pd.tseries.frequencies.to_offset(pd.Timedelta(self.step, unit="us")).freqstr  # pyrefly: ignore

    def __str__(self) -> str:
        words = {
            "step": f"one row every {_duration(self.step)}",
            "business": f"sessions of {self.exchange}" if self.exchange else self._week_in_words(),
            "months": f"one row every {f'{self.step} months' if self.step > 1 else 'month'}, {ANCHORS[self.anchor]}",
            "unknown": "unknown (no series has two rows)",
        }[self.kind]
        return words if self.regular == 1.0 else f"{words}; {1 - self.regular:.2%} of the steps are longer or shorter"

    def _week_in_words(self) -> str:
        if self.week == WORKING:
            return "business days (no weekends in the data)"
        free = " and ".join(name for name, here in zip(WEEK, self.week, strict=True) if here == "0")
        return f"one row every day but {free} (none in the data)"


def infer(times: np.ndarray, offsets: np.ndarray, exchange: str | None = None) -> Calendar:
    """Infer the calendar from the distances between neighbouring rows of each series.

    Args:
        times: datetime64 [row], increasing within each series.
        offsets: int64 [series + 1], first row of each series.
        exchange: whose sessions the rows are; None: of none.

    Raises:
        SettingsError: rows of an exchange that are not a day apart, as its sessions are.

    Example:
        >>> days = np.arange("2024-01-01", "2024-01-20", dtype="datetime64[D]")
        >>> infer(days[np.is_busday(days)], np.array([0, 15])).alias
        'B'
        >>> infer(days, np.array([0, 19])).alias
        'D'
        >>> months = np.arange("2023-01", "2024-01", dtype="datetime64[M]")
        >>> infer(months + np.timedelta64(0, "M"), np.array([0, 12])).alias
        'MS'
    """
    times = np.asarray(times).astype("datetime64[us]")
    within = np.ones(max(len(times) - 1, 0), dtype=bool)
    within[offsets[1:-1][(offsets[1:-1] > 0) & (offsets[1:-1] < len(times))] - 1] = False
    gaps = np.diff(times)[within].astype(np.int64)
    if exchange is not None:
        return _of_exchange(times, within, gaps, exchange)
    if not len(gaps):
        return Calendar("unknown", int(DAY / np.timedelta64(1, "us")))
    distances, counts = np.unique(gaps, return_counts=True)
    usual = int(distances[counts.argmax()])
    share = float(counts.max() / counts.sum())
    day = DAY.astype("timedelta64[us]").astype(int)
    if 28 * day <= usual <= 366 * day and (monthly := _months(times, within)):
        return monthly
    if usual == day and (week := _week(times)) is not None:
        days = times.astype("datetime64[D]")
        steps = np.busday_count(days[:-1][within], days[1:][within], weekmask=week)
        return Calendar("business", 1, regular=float((steps == 1).mean()), week=week)
    return Calendar("step", usual, regular=share)


def _of_exchange(times: np.ndarray, within: np.ndarray, gaps: np.ndarray, exchange: str) -> Calendar:
    usual = pd.Timedelta(int(np.median(gaps)), unit="us") if len(gaps) else pd.Timedelta(1, unit="D")
    if not pd.Timedelta(20, unit="h") <= usual < pd.Timedelta(7, unit="D"):  # a day of 25 hours in UTC, a long weekend
        raise SettingsError(f"exchange={exchange!r}: sessions are days, and the rows are {usual} apart; leave it out")
    steps = sessions_between(exchange, times.astype("datetime64[D]"))[within]
    return Calendar("business", 1, regular=float((steps == 1).mean()) if len(steps) else 1.0, exchange=exchange)


def _week(times: np.ndarray) -> str | None:
    """Days of the week with rows, where some have none: closed on Sundays, weekends of Fridays and Saturdays."""
    days = np.unique(times.astype("datetime64[D]"))
    if len(times) >= 6 and np.is_busday(days).all():
        return WORKING
    count = np.bincount((days.astype(np.int64) + 3) % 7, minlength=7)  # 1970 began on a Thursday
    there = count > 0
    # A gap is no habit: every other day has to come again and again, week after week.
    weeks = (days[-1] - days[0]) / (7 * DAY)
    if there.all() or there.sum() < 4 or weeks < WEEKS or count[there].min() < weeks / 2:
        return None
    return "".join("01"[here] for here in there.astype(int))


def _months(times: np.ndarray, within: np.ndarray) -> Calendar | None:
    days, months = times.astype("datetime64[D]"), times.astype("datetime64[M]")
    steps, counts = np.unique(np.diff(months)[within].astype(int), return_counts=True)
    if steps[0] < 1:
        return None
    fixed = (anchor for anchor in ANCHORS if anchor != "day" and (days == _anchored(months, anchor)).all())
    anchor: Anchor = next(fixed, "day")
    of_month = (days - _start(months)).astype(int) + 1
    same_day = np.ptp(of_month) == 0
    if anchor == "day" and not same_day and len(np.unique(np.diff(days)[within])) == 1:
        return None  # a fixed step, such as 30 days, that has not met the same month twice yet
    latest = int(of_month.max()) if anchor == "day" and _cut_short(months, of_month) else 0
    return Calendar("months", int(steps[counts.argmax()]), anchor, float(counts.max() / counts.sum()), day=latest)


def _cut_short(months: np.ndarray, of_month: np.ndarray) -> bool:
    """Whether all rows lie on one day of the month, or the last one where a month is shorter."""
    length = (_start(months + 1) - _start(months)).astype(int)
    return bool((of_month == np.minimum(of_month.max(), length)).all())


def _start(months: np.ndarray) -> np.ndarray:
    return months.astype("datetime64[D]")


def _anchored(months: np.ndarray, anchor: Anchor) -> np.ndarray:
    """The day of each month that an anchor other than "day" stands for."""
    if anchor == "business start":
        return np.busday_offset(_start(months), 0, roll="forward")
    if anchor == "business end":
        return np.busday_offset(_start(months + 1), -1, roll="forward")
    return _start(months) if anchor == "start" else _start(months + 1) - DAY


def _duration(microseconds: int) -> str:
    delta = pd.Timedelta(microseconds, unit="us")
    for unit, name in (("D", "day"), ("h", "hour"), ("min", "minute"), ("s", "second")):
        count = delta / pd.Timedelta(1, unit=unit)
        if count >= 1 and count == int(count):
            return name if count == 1 else f"{int(count)} {name}s"
    return str(delta)
