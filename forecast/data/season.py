"""Season: which lag repeats itself, measured on the data; and the settings that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forecast.data.calendar import DAY, Calendar
from forecast.data.panel import Panel

DAY_US = int(DAY / np.timedelta64(1, "us"))
HOUR_US = DAY_US // 24
CLEARER = 0.9
REPETITIONS = 2.5
MOST_SERIES = 50
LEAST_WINDOWS = 10
LONG_SEASON = 200


class Suggestion(NamedTuple):
    """Settings to start from.

    Args:
        season: steps of the season; 1 means none.
        context: steps to see.
        horizon: steps to forecast.
    """

    season: int
    context: int
    horizon: int


@dataclass(frozen=True)
class _Habit:
    """What people usually look for at a frequency."""

    seasons: tuple[int, ...]
    horizon: int


def candidates(calendar: Calendar) -> tuple[int, ...]:
    """Seasons worth a look at the frequency of a calendar, the shorter first.

    Example:
        >>> candidates(Calendar("step", 1_800_000_000)), candidates(Calendar("business", 1))
        ((48, 336), (5,))
        >>> candidates(Calendar("months", 3))
        (4,)
    """
    return _habit(calendar).seasons


def _habit(calendar: Calendar) -> _Habit:
    step = calendar.step
    if calendar.kind == "business":
        return _Habit((calendar.week.count("1"),) if step == 1 else (), calendar.week.count("1"))
    if calendar.kind == "months":
        return _Habit((12 // step,) if 12 % step == 0 and step < 12 else (), 12)
    if calendar.kind == "unknown" or step <= 0:
        return _Habit((), 12)
    if step >= DAY_US:
        days = round(step / DAY_US)
        seasons = {1: (7, 365), 7: (52,)}.get(days, ())
        return _Habit(seasons, {1: 7, 7: 8}.get(days, 12))
    day = DAY_US // step if DAY_US % step == 0 else 0
    if step < HOUR_US // 60:
        return _Habit((HOUR_US // step,) if HOUR_US % step == 0 else (), 12)
    seasons = (day, 7 * day) if 1 < day <= 48 else (day,) if day > 1 else ()
    return _Habit(seasons, 24 if step == HOUR_US else 12)


def season_of(panel: Panel) -> int:
    """Measure the season on a panel, which should hold training rows only.

    A candidate m is taken when values m steps apart are clearly nearer to each other than values half a
    season less and more apart: mean |y(t) - y(t - m)| below 0.9 times the average of the same at lags m // 2
    and m + m // 2, and also below that at m // 2 alone. So neither a trend nor a random walk is a season (of
    random walks with three or four would-be seasons, about one in thirty still passes). The first target
    decides, averaged over up to 50 series that have at least 2.5 m rows.

    Returns:
        The first candidate that passes; 1 when none does.

    Example:
        >>> hours = np.arange("2024-01-01T00", "2024-01-08T00", dtype="datetime64[h]")
        >>> season_of(Panel.from_arrays(np.sin(2 * np.pi * np.arange(168) / 24), hours))
        24
    """
    for season in candidates(panel.calendar):
        if _is_season(panel, season):
            return season
    return 1


def _is_season(panel: Panel, season: int) -> bool:
    long = np.flatnonzero(panel.lengths >= REPETITIONS * season)
    if not len(long):
        return False
    chosen = long[np.linspace(0, len(long) - 1, min(len(long), MOST_SERIES)).astype(int)]
    ratios = np.array([_ratio(panel, series, season) for series in chosen])
    return bool(np.isfinite(ratios).any() and np.nanmean(ratios) < CLEARER)


def _ratio(panel: Panel, series: int, season: int) -> float:
    """Mean difference a season apart, relative to half a season less and more; NaN when it cannot be told."""
    rows = slice(panel.offsets[series], panel.offsets[series + 1])
    values = np.where(panel.observed[rows, 0], panel.values[rows, 0], np.nan)
    half = season // 2
    apart, less, more = (_difference(values, lag) for lag in (season, half, season + half))
    between = min((less + more) / 2, less / CLEARER)
    return apart / between if between > 0 else np.nan


def _difference(values: np.ndarray, lag: int) -> float:
    steps = np.abs(values[lag:] - values[:-lag])
    known = np.isfinite(steps)
    return float(steps[known].mean()) if known.any() else np.nan


def suggest(panel: Panel, season: int | None = None) -> Suggestion:
    """Suggest a season, a context and a horizon.

    The horizon is one season when that is 2 to 48 steps, else what people usually ask for at the frequency
    (a week of days or business days, 8 weeks, 12 months, 24 hours, 12 steps), but at most a quarter of the
    rows of the shorter series (their lower quartile). The context is three horizons, and two seasons when a
    season is at most 200 steps, but leaves the shorter series at least 10 windows.

    Args:
        panel: training rows.
        season: where it is known; measured when None.

    Example:
        >>> days = np.arange("2024-01-01", "2024-12-31", dtype="datetime64[D]")
        >>> walk = np.random.default_rng(0).normal(size=len(days)).cumsum()
        >>> suggest(Panel.from_arrays(walk, days))
        Suggestion(season=1, context=21, horizon=7)
    """
    season = season_of(panel) if season is None else season
    lengths = panel.lengths[panel.lengths > 0]
    short = int(np.quantile(lengths, 0.25)) if len(lengths) else 0
    horizon = season if 2 <= season <= 48 else _habit(panel.calendar).horizon
    horizon = max(1, min(horizon, short // 4))
    context = max(3 * horizon, 2 * season if season <= LONG_SEASON else 0)
    return Suggestion(season, max(1, min(context, short - horizon + 1 - LEAST_WINDOWS)), horizon)
