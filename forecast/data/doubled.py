"""Doubled rows: several rows of one series and time, refused or made one as it was asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forecast.data.checks import SHOWN, Findings, check_doubled
from forecast.data.format import advice
from forecast.data.roles import series_candidates, series_hint
from forecast.data.rows import Rows
from forecast.data.schema import Schema
from forecast.data.tables import Table

FEW = 3
"""Times that are shown where one column tells all rows apart: only their series is not named."""


def settle(table: Table, schema: Schema, rows: Rows, values: np.ndarray, found: Findings) -> tuple[Rows, np.ndarray]:
    """Rows and values with doubled rows dealt with as `Format.duplicates` says; a problem where it says nothing.

    Args:
        values: float64 [row, channel], in the order of `rows`.
    """
    policy = schema.format.duplicates
    if not rows.doubled.any():
        return rows, values
    if policy == "refuse" or (policy == "drop" and not _equal(rows, values).all()):
        _refuse(table, schema, rows, values, found)
        return rows, values
    if policy in ("mean", "sum") and schema.categorical:
        found.problems.append(f"categories have no {policy}: use {advice('duplicates', 'last')}")
        return rows, values
    keep, values = _one_of_each(rows, values, policy)
    left = int((~keep).sum())
    how = {"drop": "equal ones were dropped", "first": "the first was kept", "last": "the last was kept"}
    said = how.get(policy, f"their {policy} was taken")
    found.notes.append(f"{left:,} more {'row' if left == 1 else 'rows'} of a time that was there already: {said}")
    return _kept(rows, keep), values[keep]


def _kept(rows: Rows, keep: np.ndarray) -> Rows:
    before = np.concatenate([[0], np.cumsum(keep)])
    order = np.arange(len(keep)) if rows.order is None else rows.order
    count = int(keep.sum())
    return replace(
        rows,
        order=order[keep],
        times=rows.times[keep],
        offsets=before[rows.offsets],
        doubled=np.zeros(count, dtype=bool),
    )


def _equal(rows: Rows, values: np.ndarray) -> np.ndarray:
    """Whether each doubled row says the same as the one before."""
    again = np.flatnonzero(rows.doubled)
    now, before = values[again], values[again - 1]
    return ((now == before) | (np.isnan(now) & np.isnan(before))).all(axis=1)


def _one_of_each(rows: Rows, values: np.ndarray, policy: str) -> tuple[np.ndarray, np.ndarray]:
    starts = np.flatnonzero(~rows.doubled)
    if policy == "last":
        return np.append(~rows.doubled[1:], True), values
    if policy in ("mean", "sum"):
        seen = np.isfinite(values)
        total = np.add.reduceat(np.where(seen, values, 0.0), starts, axis=0)
        count = np.add.reduceat(seen.astype(np.int64), starts, axis=0)
        whole = total / np.maximum(count, 1) if policy == "mean" else total
        values = values.copy()
        values[starts] = np.where(count > 0, whole, np.nan)
    return ~rows.doubled, values


def _refuse(table: Table, schema: Schema, rows: Rows, values: np.ndarray, found: Findings) -> None:
    """Name the times and what helps; a column that tells the rows apart comes first, and few times show what it is."""
    same, policy = _equal(rows, values), schema.format.duplicates
    if same.all():
        how = f"these rows are equal: use {advice('duplicates', 'drop')}"
    else:
        differ = "they differ" if policy == "drop" or not same.any() else "some of them differ"
        how = f"{differ}: keep one of each with {advice('duplicates', 'last')}, or first, mean, sum"
    if schema.series is not None:
        check_doubled(table, rows, how, found)
        return
    candidates = series_candidates(table, schema, rows)
    hint = series_hint(table, schema, candidates)
    said = f"{hint}. If not, {how}" if candidates else f"{how}; {hint}"
    check_doubled(table, rows, said, found, FEW if candidates else SHOWN)
