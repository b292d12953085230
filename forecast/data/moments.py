"""Moments: what a scale is made of, measured on the first rows of every series."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from forecast.data.panel import Panel
from forecast.data.transforms import OFFSETS, Transform, Warp, best_power
from forecast.errors import DataError

Units = Literal["level", "count", "change"]
"""What the unit of a scaled target is: "level", the standard deviation of its values; "change", that of its changes
from row to row; "count", one, from zero on."""


def warped(values: np.ndarray, warp: Warp) -> np.ndarray:
    """Rows of values [row, channel] whose first channels, the targets, are transformed."""
    targets = warp.power.shape[1]
    return np.concatenate([warp.forward(values[:, :targets]), values[:, targets:]], axis=1)


def powers(panel: Panel, steps: np.ndarray, transform: Transform) -> np.ndarray:
    """Power [series, target] of each series' transform; refuses values that it does not take."""
    targets, offset = panel.layout.targets, OFFSETS[transform]
    found, problems = np.zeros((len(panel.series), targets)), []
    for series, first in enumerate(panel.offsets[:-1]):
        rows = slice(first, first + steps[series])
        for target in range(targets):
            values = panel.values[rows, target][panel.observed[rows, target]]
            low = values + offset <= 0
            if low.any():
                problems.append(
                    f"target {panel.targets[target]!r} in {panel.named(series)}: {int(low.sum()):,} of {len(values):,} "
                    f'values are not above {0 - offset:g}, which transform="{transform}" does not take'
                )
            elif transform == "box-cox" and len(values) > 1:
                found[series, target] = best_power(values)
    if problems:
        remedy = 'use transform="log1p" for counts with zeros, "difference", or none'
        raise DataError("panel", [*problems[:20], remedy])
    return found


def measured(
    panel: Panel, steps: np.ndarray, units: Units, power: np.ndarray | None, offset: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Center, spread and count [series, channel] of the observed cells in the first `steps` rows."""
    if power is not None:
        moved = warped(panel.values, Warp(power[panel.row_series], offset))
        panel = replace(panel, values=moved, observed=panel.observed & np.isfinite(moved))
    center, spread, counts = _moments(panel, steps)
    targets = panel.layout.targets
    if units == "count":
        center[:, :targets], spread[:, :targets] = 0.0, 1.0
    elif units == "change":
        spread[:, :targets] = _moments(_changes(panel), steps)[1][:, :targets]
    return center, spread, counts


def _changes(panel: Panel) -> Panel:
    """Changes of the targets from row to row, where both ends were observed."""
    targets = panel.layout.targets
    values, observed = panel.values[:, :targets], panel.observed[:, :targets]
    with np.errstate(invalid="ignore"):  # what a transform does not take is infinite here, and was not observed
        moves = np.diff(values, axis=0, prepend=values[:1])
    seen = observed & np.roll(observed, 1, axis=0)
    seen[panel.offsets[:-1][panel.lengths > 0]] = False
    return replace(panel, values=np.where(seen, moves, 0.0), observed=seen)


def _moments(panel: Panel, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, standard deviation and count [series, channel] of the observed cells in the first `steps` rows."""
    shape = (len(panel.series), panel.values.shape[1])
    center, spread, counts = np.zeros(shape), np.ones(shape), np.zeros(shape, dtype=np.int64)
    filled = np.flatnonzero(panel.lengths > 0)
    if not len(filled):
        return center, spread, counts
    starts = panel.offsets[filled]
    early = np.arange(len(panel.times)) < np.repeat(panel.offsets[:-1] + steps, panel.lengths)
    for channel in range(shape[1]):
        use = early & panel.observed[:, channel]
        value = np.where(use, panel.values[:, channel], 0.0)
        count = np.add.reduceat(use, starts, dtype=np.int64)
        mean = np.add.reduceat(value, starts) / np.maximum(count, 1)
        value -= np.repeat(mean, panel.lengths[filled])
        value[~use] = 0.0
        np.square(value, out=value)
        width = np.sqrt(np.add.reduceat(value, starts) / np.maximum(count, 1))
        still = width <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
        center[filled, channel], counts[filled, channel] = mean, count
        spread[filled, channel] = np.where(still, 1.0, width)
    named = np.isin(panel.schema.channels[: shape[1]], panel.schema.categorical)
    center[:, named], spread[:, named] = 0.0, 1.0
    return center, spread, counts
