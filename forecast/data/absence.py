"""Absence as inputs: which cells were really there, and how long ago the last one was."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from forecast.data.panel import Panel


def with_gaps(panel: Panel) -> tuple[str, ...]:
    """The channels of which some cell is missing."""
    absent = np.flatnonzero(~np.atleast_1d(panel.observed.all(axis=0)))
    return tuple(panel.schema.channels[place] for place in absent)


def since(panel: Panel, channels: Sequence[str]) -> np.ndarray:
    """Rows since the last observed cell of each channel: 0 where it is there; counted from the first row before any.

    Returns:
        int64 [row, channel].

    Example:
        >>> panel = Panel.from_arrays(np.array([np.nan, 2.0, np.nan, np.nan]), np.arange(4).astype("M8[D]"))
        >>> since(panel, ["y0"]).ravel().tolist()
        [1, 0, 1, 2]
    """
    place = [panel.schema.channels.index(name) for name in channels]
    rows = np.arange(len(panel.times))[:, None]
    begin = np.repeat(panel.offsets[:-1], panel.lengths)[:, None]
    last = np.where(panel.observed[:, place], rows, begin - 1)
    return rows - np.maximum.accumulate(last, axis=0) if len(rows) else last


def marks(panel: Panel, channels: Sequence[str]) -> np.ndarray:
    """Inputs [row, 2 x channel]: for each channel 1 where its cell is there, else 0, and log(1 + rows since the last).

    Example:
        >>> panel = Panel.from_arrays(np.array([1.0, np.nan]), np.arange(2).astype("M8[D]"))
        >>> marks(panel, ["y0"]).round(3).tolist()
        [[1.0, 0.0], [0.0, 0.693]]
    """
    rows = since(panel, channels)
    return np.stack([rows == 0, np.log1p(rows)], axis=2).reshape(len(rows), 2 * rows.shape[1])


def marks_at(rows: Sequence[float]) -> list[float]:
    """`marks` of a single row, without arrays.

    Args:
        rows: since the last observed cell of each channel.
    """
    return [mark for count in rows for mark in (float(not count), math.log1p(count))]
