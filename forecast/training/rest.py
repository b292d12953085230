"""Rest: where reading a panel stopped, so that a later pass over the same rows can go on from there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from forecast.data.panel import Origins, Panel
from forecast.nets.memory import Memory


@dataclass(frozen=True, eq=False)
class Rest:
    """What series carry after their first rows.

    Args:
        lanes: the lane of `memory` that belongs to a series, by name.
        steps: int64 [lane], rows that were read.
        prints: of those rows, lane by lane.
        memory: what is carried.
    """

    lanes: dict[str, int]
    steps: np.ndarray
    prints: tuple[bytes, ...]
    memory: Memory

    def lane_of(self, panel: Panel, origins: Origins) -> np.ndarray:
        """The lane each series of a panel may go on from, int64 [series]; -1 where it must be read from its first row.

        A series goes on where its rows are those that were read, and every origin that is asked lies behind them.
        """
        soonest = np.full(len(panel.series), np.iinfo(np.int64).max)
        np.minimum.at(soonest, origins.series, origins.step)
        lane = np.full(len(panel.series), -1, dtype=np.int64)
        for i in np.unique(origins.series):
            known = self.lanes.get(panel.series[i], -1)
            if known < 0 or soonest[i] <= self.steps[known]:
                continue
            if fingerprint(panel, i, self.steps[known]) == self.prints[known]:
                lane[i] = known
        return lane


def fingerprint(panel: Panel, series: int | np.integer, steps: int | np.integer) -> bytes:
    """A fingerprint of the first rows of a series."""
    first = panel.offsets[series]
    here = slice(first, first + min(int(steps), int(panel.lengths[series])))
    print_ = hashlib.blake2b(digest_size=16)
    for part in (panel.values[here], panel.observed[here], panel.times[here], panel.static[series]):
        print_.update(np.ascontiguousarray(part).tobytes())
    return print_.digest()
