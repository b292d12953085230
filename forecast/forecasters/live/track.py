"""Track: what one live series carries, moved on by plain Python.

For the handful of channels that most series have, one call into numpy costs as much as all of them.
"""

from __future__ import annotations

import math

import numpy as np

from forecast.data.scale import LIMIT
from forecast.nets.scaling import FLOOR

LEAST, NARROW = 1e-18, 1e-4  # of forecast.nets.scaling: the least variance and width that are divided by


class Track:
    """What one series carries.

    Attributes:
        time: microseconds of the last row.
        rows: how many were read.
        center, width: the scale of each channel, in the units of the series (targets: in transformed ones).
        power: of each target's transform; empty without one.
        last: the last row in those units, missing cells carried forward; NaN before the first.
        static: static covariates, scaled, vectors for categories.
        fixed: the same with codes for categories.
        since: rows since the last observed cell, of the channels whose absence is an input.
        newest: the last targets, scaled.
        weight, mean, squares: moments of the running scale, for each target.
        shift, spread: what that scale says now.
        ring: float32 [target, 2 x context], the newest scaled targets, written twice so that a window is one slice.
        cell: state of the cell, [fold, layer, width] for each of its tensors.
        hidden: [fold, hidden], what the decoder reads.
    """

    __slots__ = (
        *("time", "rows", "center", "width", "power", "last", "static", "fixed", "since", "newest", "weight"),
        *("mean", "squares", "shift", "spread", "ring", "cell", "hidden"),
    )

    def __init__(self, channels: int, targets: int, context: int, cell: tuple[np.ndarray, ...], hidden: np.ndarray):
        self.time, self.rows = 0, 0
        self.center, self.width, self.last = [0.0] * channels, [1.0] * channels, [math.nan] * channels
        self.power: list[float] = []
        self.static: list[float] = []
        self.fixed: list[float] = []
        self.since: list[float] = []
        self.newest = [0.0] * targets
        self.weight, self.mean, self.squares = [0.0] * targets, [0.0] * targets, [0.0] * targets
        self.shift, self.spread = [0.0] * targets, [1.0] * targets
        self.ring = np.zeros((targets, 2 * context), np.float32)
        self.cell, self.hidden = cell, hidden

    def scaled(
        self, values: list[float], targets: int, offset: float
    ) -> tuple[list[float], list[bool] | None, tuple[int, ...]]:
        """A row in units of the scale, which targets were seen (None: all), and channels beyond every measure.

        The row becomes the last one; the last value stands in for a missing cell, and for one beyond every measure.

        Args:
            offset: of the transform.
        """
        gaps, seen = [value != value for value in values], None
        if True in gaps:
            values = [old if gap else new for new, old, gap in zip(values, self.last, gaps, strict=True)]
            seen = [not gap for gap in gaps[:targets]]
        plain = values if not self.power else [*self._warped(values, offset), *values[targets:]]
        row = [(v - center) / width for v, center, width in zip(plain, self.center, self.width, strict=True)]
        if seen is not None:
            row = [0.0 if v != v else v for v in row]
        if max(row) > LIMIT or min(row) < -LIMIT:
            absurd = tuple([place for place, value in enumerate(row) if abs(value) > LIMIT])
            plain = [math.nan if gaps[place] or place in absurd else value for place, value in enumerate(values)]
            return (*self.scaled(plain, targets, offset)[:2], absurd)
        self.last = values
        return row, seen, ()

    def _warped(self, values: list[float], offset: float) -> list[float]:
        """Transformed targets: `forecast.data.transforms.Warp.forward`; -inf where there is none."""
        found = []
        for value, power in zip(values, self.power, strict=False):
            high = value + offset
            if high <= 0:
                found.append(-math.inf)
            else:
                found.append(math.log(high) if power == 0 else math.expm1(power * math.log(high)) / power)
        return found

    def measure(self, now: list[float], seen: list[bool] | None, decay: float) -> None:
        """Move the running scale on by a step: `forecast.nets.scaling.running_moments`, as a recursion."""
        for place, value in enumerate(now):
            weight, squares = self.weight[place] * decay, self.squares[place] * decay
            if weight < FLOOR and self.weight[place]:
                weight = min(self.weight[place], FLOOR)
                squares = self.squares[place] * (weight / self.weight[place])
            mean = self.mean[place]
            if seen is None or seen[place]:
                away = value - mean
                squares += away * away * (weight / (weight + 1.0))
                weight += 1.0
                mean += away / weight
            width = math.sqrt(max(squares / weight, LEAST)) if weight else 0.0
            self.weight[place], self.mean[place], self.squares[place] = weight, mean, squares
            self.shift[place], self.spread[place] = mean, width if width > NARROW else 1.0

    def measure_changes(self, now: list[float], seen: list[bool] | None, decay: float) -> None:
        """Move the scale by changes on: `forecast.nets.scaling.change_moments`."""
        self.measure([v - old for v, old in zip(now, self.newest, strict=True)], seen, decay)
        for place, value in enumerate(now):
            weight, mean = self.weight[place], self.mean[place]
            variance = max(self.squares[place] / weight, LEAST) if weight else LEAST
            width = math.sqrt(mean * mean + variance)
            self.shift[place], self.spread[place] = value, width if width > NARROW else 1.0

    def write(self, now: list[float]) -> None:
        """Put the newest targets into the ring."""
        context = self.ring.shape[1] // 2
        spot = self.rows % context
        self.ring[:, spot] = self.ring[:, spot + context] = now
        self.newest = now
        self.rows += 1

    def window(self) -> np.ndarray:
        """The newest scaled targets, oldest first, [target, context]."""
        context = self.ring.shape[1] // 2
        spot = self.rows % context
        return self.ring[:, spot : spot + context]

    def context(self) -> np.ndarray:
        """The window in units of the running scale."""
        if len(self.shift) == 1:  # a plain number is quicker than an array of one
            context = self.window() - self.shift[0]
            context /= self.spread[0]
            return context
        context = self.window() - np.array(self.shift, np.float32)[:, None]
        context /= np.array(self.spread, np.float32)[:, None]
        return context

    def set_window(self, recent: np.ndarray, rows: int) -> None:
        """The opposite of `window`."""
        self.rows = rows
        self.ring = np.roll(np.concatenate((recent, recent), axis=1), rows % recent.shape[1], axis=1)
