"""Stream: the loader of a streamed feed. It yields turns: which rows every lane reads next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from forecast.data.panel import Origins, Panel
from forecast.windows.lanes import Turns, lay_out, segments
from forecast.windows.loading import Cursor, Resumable, Share, weight


class Turn(NamedTuple):
    """The integers of one turn, and what can be said of it without asking the device.

    Args:
        index: int64 [lane, 4]: first row read, series, first row of that series, whether the lane is fresh. Rows are
            counted through the panel.
        asked: bool [lane, chunk], the rows whose forecasts count.
        first: the pass begins, all lanes are fresh.
        fresh: some lane is fresh.
        whole: every row's forecast counts.
        cells: observed target cells ahead of the rows that count, in the lanes of all processes.
        own: those of this process.
        world: number of processes.
    """

    index: Tensor
    asked: Tensor
    first: bool
    fresh: bool
    whole: bool
    cells: int
    own: int
    world: int = 1

    @property
    def share(self) -> float:
        """See `forecast.windows.loading.weight`."""
        return weight(self.own, self.cells, self.world)


class Pace(NamedTuple):
    """How a stream is read: lanes side by side, steps a turn, steps before the first loss of a lane."""

    lanes: int
    chunk: int
    burn_in: int


class Stream(Resumable):
    """Passes over a panel in lanes. Lightning takes it as it is and puts no sampler into it.

    Every `iter` begins a new pass. The stream can say where it stands (`state_dict`) and go on from there, in the
    middle of a pass too.

    Args:
        panel: the rows.
        origins: whose forecasts count, ordered by series and step, as `Window.origins` makes them.
        horizon: steps that are forecast.
        pace: lanes of all processes together (series are cut for that many; lanes are then raised to a multiple of the
            number of processes and idle ones are masked), rows a lane reads in a turn, rows read before the first
            origin of a segment.
        share: which lanes are this process's.
        seed: of the draws; None draws nothing and keeps the order of the panel.

    Example:
        >>> panel = Panel.from_arrays(np.arange(20.0), np.arange(20).astype("M8[D]"))
        >>> origins = Origins(np.zeros(16, dtype=np.int64), np.arange(3, 19))
        >>> for turn in Stream(panel, origins, 1, Pace(lanes=2, chunk=4, burn_in=2)):
        ...     print(turn.index[:, 0].tolist(), turn.index[:, 3].tolist())
        [0, 8] [1, 1]
        [4, 12] [0, 0]
        [8, 16] [0, 0]
    """

    def __init__(
        self,
        panel: Panel,
        origins: Origins,
        horizon: int,
        pace: Pace,
        *,
        share: Share = Share(),  # noqa: B008 - a frozen value
        seed: int | None = None,
    ) -> None:
        self.lanes = -(-pace.lanes // share.world) * share.world
        self.pace, self.share, self.seed = pace, share, seed
        self.parts = segments(panel, origins, pace.lanes)
        self.cells = np.zeros(len(panel.times), dtype=np.int64)
        self.cells[panel.offsets[origins.series] + origins.step - 1] = cells_ahead(panel, origins, horizon)
        self.cursor = Cursor(len(self._turns(0).row))

    def __iter__(self) -> Iterator[Turn]:
        epoch, coming = self.cursor.enter()
        turns = self._turns(epoch)
        for here in coming:
            self.cursor.position = here + 1
            yield self._turn(turns, here)

    def _turns(self, epoch: int) -> Turns:
        rng = None if self.seed is None else np.random.default_rng((self.seed, epoch))
        return lay_out(self.parts, self.lanes, self.pace.chunk, self.pace.burn_in, rng)

    def _turn(self, turns: Turns, here: int) -> Turn:
        row, part = turns.row[here], turns.segment[here]
        busy = part >= 0
        first, stop = (np.where(busy, rows[part], 0) for rows in (self.parts.first, self.parts.stop))
        series, begin = (np.where(busy, rows[part], 0) for rows in (self.parts.series, self.parts.begin))
        rows = row[:, None] + np.arange(self.pace.chunk)
        own = (rows >= first[:, None]) & (rows < stop[:, None])
        cells = np.where(own, self.cells[np.minimum(rows, len(self.cells) - 1)], 0)
        width = self.lanes // self.share.world
        mine = slice(self.share.rank * width, (self.share.rank + 1) * width)
        index = np.stack([row, series, begin, turns.fresh[here]], axis=1)[mine]
        asked = cells[mine] > 0
        return Turn(
            torch.from_numpy(index),
            torch.from_numpy(asked),
            first=here == 0,
            fresh=bool(index[:, 3].any()),
            whole=bool(asked.all()),
            cells=int(cells.sum()),
            own=int(cells[mine].sum()),
            world=self.share.world,
        )


def cells_ahead(panel: Panel, origins: Origins, horizon: int) -> np.ndarray:
    """Observed target cells ahead of each origin, int64 [origin]."""
    seen = panel.observed[:, : panel.layout.targets].sum(axis=1)
    before = np.concatenate([[0], np.cumsum(seen)])
    rows = panel.offsets[origins.series] + origins.step
    return before[rows + horizon] - before[rows]
