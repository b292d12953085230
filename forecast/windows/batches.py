"""Batches: the loader of a windowed feed. It draws which windows come next; they are cut where the panel lives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from forecast.windows.loading import Cursor, Resumable, Share, weight


class Draw(NamedTuple):
    """The integers of one process's part of a batch, and what can be said of it without asking the device.

    Args:
        index: int64 [origin, 2] (`forecast.windows.gather.index_of`).
        cells: observed target cells of the whole batch, in all processes (or windows, where all have equally many).
        own: those of this process. A process that has no window of a batch gets one that does not count.
        world: number of processes.
    """

    index: Tensor
    cells: int
    own: int
    world: int = 1

    @property
    def share(self) -> float:
        """See `forecast.windows.loading.weight`."""
        return weight(self.own, self.cells, self.world)


class Batches(Resumable):
    """Passes over origins in batches. Lightning takes it as it is and puts no sampler into it.

    Every `iter` begins a new pass. Each process gets its part of every batch of the same order: nothing is padded or
    repeated, and all processes have equally many batches. It can say where it stands (`state_dict`) and go on from
    there, in the middle of a pass too.

    Args:
        index: int64 [origin, 2] (`forecast.windows.gather.index_of`).
        size: origins of a batch, in all processes together.
        cells: int64 [origin], observed target cells ahead of each; None: equally many.
        share: the process that this loader is for.
        seed: of the order, which is drawn anew for every pass; None keeps the order of `index`.

    Example:
        >>> batches = Batches(torch.arange(10).reshape(5, 2), size=2)
        >>> [draw.index[:, 0].tolist() for draw in batches]
        [[0, 2], [4, 6], [8]]
    """

    def __init__(
        self,
        index: Tensor,
        size: int,
        cells: np.ndarray | None = None,
        share: Share = Share(),  # noqa: B008 - a frozen value
        seed: int | None = None,
    ) -> None:
        self.index, self.size, self.cells, self.share, self.seed = index, size, cells, share, seed
        self.cursor = Cursor(-(-len(index) // size))

    def __iter__(self) -> Iterator[Draw]:
        epoch, coming = self.cursor.enter()
        order = self._order(epoch)
        for here in coming:
            self.cursor.position = here + 1
            yield self._draw(order, here)

    def _order(self, epoch: int) -> np.ndarray:
        if self.seed is None:
            return np.arange(len(self.index))
        return np.random.default_rng((self.seed, epoch)).permutation(len(self.index))

    def _draw(self, order: np.ndarray, here: int) -> Draw:
        low = here * self.size
        high = min(low + self.size, len(order))
        first, stop = self.share.part(low, high)
        own, cells = self._count(order[first:stop]), self._count(order[low:high])
        mine = order[first:stop] if stop > first else order[low : low + 1]
        return Draw(self.index[torch.from_numpy(mine)], cells, own, self.share.world)

    def _count(self, places: np.ndarray) -> int:
        return len(places) if self.cells is None else int(self.cells[places].sum())
