"""Leaks: covariates that are a target of a later row in disguise. They are shouted about, and nothing is changed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from forecast.data.schema import Schema

REACH = 20
"""Rows by which a copy may be shifted."""
ROWS = 8192
"""Rows that are looked at; evenly spaced ones where there are more."""
LEAST = 20
"""Rows on which both have to have changed before anything is said."""
ALIKE, EQUAL = 0.9999, 0.95
"""Correlation of differences, or share of equal values where the target moves, from which a column is a copy."""
SHIFTS = np.arange(-REACH, REACH + 1)
MARK = "LEAK?"


def leaks(values: np.ndarray, offsets: np.ndarray, schema: Schema) -> list[str]:
    """A sentence for every covariate that copies a later target (or the same one, where it is known ahead).

    A column is a copy when it is equal to the shifted target, or when its differences are those of the shifted target
    up to a factor, so a change of units hides nothing. Columns that lag behind the target are no leak.

    Args:
        values: float64 [row, channel], NaN where missing; targets, past and future covariates.
        offsets: int64 [series + 1].

    Example:
        >>> y = np.random.default_rng(0).normal(size=200)
        >>> table = np.column_stack([y, np.append(y[1:], 0.0) * 1.8 + 32])
        >>> print(leaks(table, np.array([0, 200]), Schema(targets=["y"], past=["x"]))[0][:60])
        LEAK? the past column 'x' copies the target 'y' of 1 row lat
    """
    layout, found = schema.layout, []
    targets, covariates = range(layout.targets), range(layout.targets, len(schema.given))
    if not targets or not covariates or not len(values):
        return []
    kinds = [schema.known_categories.get(name) for name in schema.given]
    rows = _rows(offsets)
    if len(rows) < LEAST:
        return []
    begin, end = _bounds(rows, offsets)
    for target in targets:
        ahead = _moves(values[:, target], rows, begin, end, SHIFTS)
        for place in covariates:
            if kinds[place] != kinds[target]:  # codes compare with the same codes only
                continue
            copies = _copies(_moves(values[:, place], rows, begin, end, SHIFTS[[REACH]]), ahead)
            known = place >= layout.targets + layout.past
            sentence = _sentence(schema.given[place], schema.given[target], copies, known)
            found += [sentence] if sentence else []
    return found


class _Moves(NamedTuple):
    """Values [row, shift] of a column around some rows, and how they differ from the row before; NaN where unknown."""

    values: np.ndarray
    steps: np.ndarray


def _rows(offsets: np.ndarray) -> np.ndarray:
    """Some rows, evenly spaced, none of them the first one of its series."""
    count = int(offsets[-1])
    rows = np.unique(np.linspace(0, count - 1, min(count, ROWS)).round().astype(np.int64))
    return rows[~np.isin(rows, offsets[:-1])]


def _bounds(rows: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First row of the series of each row, and the one behind its last, int64 [row, 1]."""
    series = np.searchsorted(offsets, rows, side="right") - 1
    return offsets[series][:, None], offsets[series + 1][:, None]


def _moves(column: np.ndarray, rows: np.ndarray, begin: np.ndarray, end: np.ndarray, shifts: np.ndarray) -> _Moves:
    place = rows[:, None] + shifts
    inside = (place > begin) & (place < end)
    place = np.where(inside, place, 1)
    now = np.where(inside, column[place], np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        return _Moves(now, now - column[place - 1])


def _copies(covariate: _Moves, target: _Moves) -> np.ndarray:
    """The shifts at which a covariate copies a target."""
    own, theirs = np.broadcast_to(covariate.steps, target.steps.shape), target.steps
    both = np.isfinite(own) & np.isfinite(theirs)
    moved = both & (theirs != 0)
    enough = (moved & (own != 0)).sum(axis=0) >= LEAST
    if not enough.any():
        return SHIFTS[:0]
    with np.errstate(invalid="ignore", over="ignore"):
        close = np.abs(covariate.values - target.values) <= 1e-9 * np.abs(target.values)
    equal = (close & moved).sum(axis=0) > EQUAL * np.maximum(moved.sum(axis=0), 1)
    return SHIFTS[enough & (equal | (np.abs(_correlation(own, theirs, both)) > ALIKE))]


def _correlation(one: np.ndarray, other: np.ndarray, both: np.ndarray) -> np.ndarray:
    """Correlation at each shift, of values cut at their hundredth largest: one spike that both share is no copy."""
    one, other = _cut(np.where(both, one, 0.0)), _cut(np.where(both, other, 0.0))
    count = np.maximum(both.sum(axis=0), 1)
    one = np.where(both, one - one.sum(axis=0) / count, 0.0)
    other = np.where(both, other - other.sum(axis=0) / count, 0.0)
    size = np.sqrt((one * one).sum(axis=0) * (other * other).sum(axis=0))
    return np.divide((one * other).sum(axis=0), size, out=np.zeros(len(size)), where=size > 0)


def _cut(steps: np.ndarray) -> np.ndarray:
    height = np.abs(steps)
    place = max(len(steps) - 1 - len(steps) // 100, 0)
    most = np.partition(height, place, axis=0)[place]
    most = np.where(most > 0, most, height.max(axis=0))
    scaled = np.divide(steps, most, out=np.zeros_like(steps), where=most > 0)
    return np.clip(scaled, -1.0, 1.0)


def _sentence(name: str, target: str, copies: np.ndarray, known: bool) -> str | None:
    """What to say of a covariate; nothing where it lags, a periodic one that leads as well included."""
    lags, leads = copies[copies < 0], copies[copies >= (0 if known else 1)]
    if len(lags):
        nearest = -int(lags.max())
        if not known:
            return None
        return (
            f"the known-ahead column {name!r} copies the target {target!r} of {_count(nearest)} before: it is known "
            f"ahead for {_steps(nearest)} at most; with a longer horizon make it a past covariate"
        )
    if not len(leads) or (not known and 0 in copies):
        return None
    shift = int(leads.min())
    which = "known-ahead" if known else "past"
    when = f"of {_count(shift)} later" if shift else "of the same row"
    return (
        f"{MARK} the {which} column {name!r} copies the target {target!r} {when}: it tells what is to be forecast; "
        "leave it out, or shift it to the row where it is known"
    )


def _count(rows: int) -> str:
    return f"{rows} row" if rows == 1 else f"{rows} rows"


def _steps(steps: int) -> str:
    return f"{steps} step" if steps == 1 else f"{steps} steps"
