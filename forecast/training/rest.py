"""Rest: where reading a panel stopped, so that a later pass over the same rows can go on from there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from forecast.data.panel import Origins, Panel
from forecast.nets.memory import Memory
from forecast.windows.gather import Rows


@dataclass(frozen=True, eq=False)
class Rest:
    """What series carry after their first rows.

    Args:
        lanes: the lane of `memory` that belongs to a series, by name.
        steps: int64 [lane], rows that were read.
        prints: of those rows, lane by lane.
        memory: what is carried.
        weights: of the network that read them (`weights_of`).
    """

    lanes: dict[str, int]
    steps: np.ndarray
    prints: tuple[bytes, ...]
    memory: Memory
    weights: bytes

    def lane_of(self, network: nn.Module, rows: Rows, panel: Panel, origins: Origins) -> np.ndarray:
        """The lane each series of a panel may go on from, int64 [series]; -1 where it must be read from its first row.

        A series goes on where its rows, as the network sees them, are those that were read, and every origin that is
        asked lies behind them. None does if the network has learnt since.

        Args:
            rows: the scaled panel. One that was too young to have a scale of its own when it was read has other rows.
        """
        soonest = np.full(len(panel.series), np.iinfo(np.int64).max)
        np.minimum.at(soonest, origins.series, origins.step)
        lane = np.full(len(panel.series), -1, dtype=np.int64)
        if weights_of(network) != self.weights:
            return lane
        for i in np.unique(origins.series):
            known = self.lanes.get(panel.series[i], -1)
            if known < 0 or soonest[i] <= self.steps[known]:
                continue
            if fingerprint(rows, panel, i, self.steps[known]) == self.prints[known]:
                lane[i] = known
        return lane


def fingerprint(rows: Rows, panel: Panel, series: int | np.integer, steps: int | np.integer) -> bytes:
    """A fingerprint of the first rows of a series, as a network sees them, and of their times."""
    first = panel.offsets[series]
    here = slice(int(first), int(first + min(int(steps), int(panel.lengths[series]))))
    print_ = hashlib.blake2b(digest_size=16)
    for part in (rows.values[here], rows.static[int(series)]):
        print_.update(_bytes(part))
    print_.update(panel.times[here].tobytes())
    if rows.seen is not None and not rows.seen[here].all():
        print_.update(_bytes(rows.seen[here]))
    return print_.digest()


def weights_of(network: nn.Module) -> bytes:
    """A fingerprint of a network's weights; some tens of microseconds for a small one."""
    print_ = hashlib.blake2b(digest_size=16)
    for weight in network.state_dict().values():
        print_.update(_bytes(weight))
    return print_.digest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().numpy().tobytes()
