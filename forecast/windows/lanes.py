"""Lanes: how series are cut, packed and read in order by a batch whose rows carry their state.

A lane is one row of the batch. Lane b of turn i + 1 starts exactly where lane b of turn i ended, unless it is marked
fresh: then it begins another segment and its state is renewed. Every origin is asked once in a pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forecast.data.panel import Origins, Panel

LONG = 8
"""Turns of a segment from which one more is worth its price, where that leaves more places for the edges of chunks."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Stretches of series that a lane reads from end to end; all int64 [segment], rows counted through the panel.

    Args:
        series: which series.
        begin: the first row of that series.
        first: the first row that is an origin of this segment.
        stop: the row after its last origin.
    """

    series: np.ndarray
    begin: np.ndarray
    first: np.ndarray
    stop: np.ndarray

    def __len__(self) -> int:
        return len(self.series)


class Turns(NamedTuple):
    """A pass over the segments: turn after turn, `chunk` rows a lane.

    Args:
        row: int64 [turn, lane], the first row read.
        segment: int64 [turn, lane]; -1 where a lane has nothing (more) to read.
        fresh: bool [turn, lane], where a segment begins, and where there is nothing to read.
    """

    row: np.ndarray
    segment: np.ndarray
    fresh: np.ndarray


def segments(panel: Panel, origins: Origins, lanes: int) -> Segments:
    """Cut series so that about `lanes` lanes have equally much to read; origins stay in one segment each.

    Args:
        origins: ordered by series and step, as `Window.origins` makes them.
        lanes: series are cut only where there are fewer of them than lanes, or some are much longer than others.
    """
    series, start, count = np.unique(origins.series, return_index=True, return_counts=True)
    row = panel.offsets[origins.series] + origins.step - 1
    first, rows = row[start], row[start + count - 1] + 1 - row[start]
    share = max(1.0, rows.sum() / lanes)
    pieces = np.clip(np.round(rows / share).astype(np.int64), 1, rows)
    which = np.repeat(np.arange(len(series)), pieces)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    # Edges of equal pieces, moved to origins: what lies between two of them need not be read.
    low, high = (np.searchsorted(row, first[which] + n * rows[which] // pieces[which]) for n in (nth, nth + 1))
    asked = high > low
    which, low, high = which[asked], low[asked], high[asked]
    return Segments(series[which], panel.offsets[series[which]], row[low], row[high - 1] + 1)


def lay_out(parts: Segments, lanes: int, chunk: int, burn_in: int, rng: np.random.Generator | None) -> Turns:
    """One pass: which lane reads what, when.

    Each segment is read from `burn_in` rows before its first origin (or the start of its series). With `rng` it begins
    some rows earlier still, where its series has them, drawn so that chunk edges fall elsewhere in every pass, and the
    lane it goes to is drawn too; the number of turns is always the same.

    Args:
        rng: None for the plain order: no draws, segments in the order of the panel.
    """
    reach, rows = parts.first - parts.begin, parts.stop - parts.first
    ahead = np.minimum(burn_in, reach)
    needed = -(-(rows + ahead) // chunk)
    order = np.arange(len(parts))
    if rng is not None:
        (low, high), (sooner, latest) = (_room(turns, rows, ahead, reach, chunk) for turns in (needed, needed + 1))
        more = (needed >= LONG) & (latest - sooner > high - low)
        needed = needed + more
        ahead = rng.integers(np.where(more, sooner, low), np.where(more, latest, high) + 1)
        order = rng.permutation(len(parts))
        order = order[np.argsort(-needed[order], kind="stable")]
    lane, turn = _packed(needed, order, lanes)
    shape = (int((turn + needed).max(initial=0)), lanes)
    row, segment, fresh = np.zeros(shape, np.int64), np.full(shape, -1, np.int64), np.ones(shape, dtype=bool)
    for i, start in enumerate(parts.first - ahead):
        here = slice(turn[i], turn[i] + needed[i])
        row[here, lane[i]] = start + chunk * np.arange(needed[i])
        segment[here, lane[i]] = i
        fresh[turn[i] + 1 : turn[i] + needed[i], lane[i]] = False
    return Turns(row, segment, fresh)


def _room(
    turns: np.ndarray, rows: np.ndarray, least: np.ndarray, reach: np.ndarray, chunk: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fewest and most rows before the first origin, so that the last of so many turns still asks for a forecast."""
    most = turns * chunk - rows
    return np.maximum(least, most - chunk + 1), np.minimum(reach, most)


def _packed(needed: np.ndarray, order: np.ndarray, lanes: int) -> tuple[np.ndarray, np.ndarray]:
    """Lane and first turn of each segment: in their order, each goes to the lane that has least to do."""
    lane, turn = np.zeros(len(needed), dtype=np.int64), np.zeros(len(needed), dtype=np.int64)
    load = np.zeros(lanes, dtype=np.int64)
    for i in order:
        lane[i] = load.argmin()
        turn[i] = load[lane[i]]
        load[lane[i]] += needed[i]
    return lane, turn
