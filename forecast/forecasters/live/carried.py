"""What live series carry from row to row, and how a row moves it on.

Numbers of single rows are moved by plain Python: for the handful of channels that most series have, one call into numpy
costs as much as all of them. The cell and the answer are numpy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from forecast.data.cycles import PERIODS
from forecast.data.panel import Panel
from forecast.data.scale import LIMIT, Scale
from forecast.nets.network import Network
from forecast.nets.scaling import FLOOR
from forecast.nets.stepping import Answer, held, stepper
from forecast.training.onepass import End, read_to_ends
from forecast.windows.gather import scaled_rows

LEAST, NARROW = 1e-18, 1e-4  # of forecast.nets.scaling: the least variance and width that are divided by

News = tuple[int, tuple[int, ...]]
"""A series, and its channels whose newest cell counts as missing; no channels: its state begins anew."""


class Track:
    """What one series carries.

    Attributes:
        time: microseconds of the last row.
        rows: how many were read.
        center, width: the scale of each channel, in the units of the series.
        last: the last row in those units, missing cells carried forward; NaN before the first.
        static: static covariates, scaled.
        newest: the last targets, scaled.
        weight, mean, squares: moments of the running scale, for each target.
        shift, spread: what that scale says now.
        ring: float32 [target, 2 x context], the newest scaled targets, written twice so that a window is one slice.
        cell: state of the cell, [fold, layer, width] for each of its tensors.
        hidden: [fold, hidden], what the decoder reads.
    """

    __slots__ = (
        *("time", "rows", "center", "width", "last", "static", "newest", "weight", "mean", "squares"),
        *("shift", "spread", "ring", "cell", "hidden"),
    )

    def __init__(self, channels: int, targets: int, context: int, cell: tuple[np.ndarray, ...], hidden: np.ndarray):
        self.time, self.rows = 0, 0
        self.center, self.width, self.last = [0.0] * channels, [1.0] * channels, [math.nan] * channels
        self.static: list[float] = []
        self.newest = [0.0] * targets
        self.weight, self.mean, self.squares = [0.0] * targets, [0.0] * targets, [0.0] * targets
        self.shift, self.spread = [0.0] * targets, [1.0] * targets
        self.ring = np.zeros((targets, 2 * context), np.float32)
        self.cell, self.hidden = cell, hidden

    def scaled(self, values: list[float], targets: int) -> tuple[list[float], list[bool] | None, tuple[int, ...]]:
        """A row in units of the scale, which targets were seen (None: all), and channels beyond every measure.

        The row becomes the last one; the last value stands in for a missing cell, and for one beyond every measure.
        """
        gaps, seen = [value != value for value in values], None
        if True in gaps:
            values = [old if gap else new for new, old, gap in zip(values, self.last, gaps, strict=True)]
            seen = [not gap for gap in gaps[:targets]]
        row = [(v - center) / width for v, center, width in zip(values, self.center, self.width, strict=True)]
        if seen is not None:
            row = [0.0 if v != v else v for v in row]
        if max(row) > LIMIT or min(row) < -LIMIT:
            absurd = tuple([place for place, value in enumerate(row) if abs(value) > LIMIT])
            plain = [math.nan if gaps[place] or place in absurd else value for place, value in enumerate(values)]
            return (*self.scaled(plain, targets)[:2], absurd)
        self.last = values
        return row, seen, ()

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


class Carried:
    """The tracks of all series, and what moves them.

    Args:
        network: in evaluation mode, on the CPU.
        channels: value channels of a row: targets, past, future covariates.
        cycles: of the calendar, inputs behind the past covariates.
        series: how many there are.
    """

    def __init__(self, network: Network, channels: int, cycles: tuple[str, ...], series: int) -> None:
        self.network, self.sizes, self.channels, self.cycles = network, network.sizes, channels, cycles
        self.step, self.say = stepper(network.cell), Answer(network)
        self.running = network.architecture.scaling == "running"
        self.decay = math.exp(-1 / network.time_constant)
        self.begun = held(network.cell.initial(network.fold))
        self.still = np.zeros((network.fold, network.cell.hidden_size), np.float32)
        self.faint = np.full(network.cell.hidden_size, 1e-9, np.float32)  # sums of what is finite are finite then
        self.tracks: list[Track] = []
        for _ in range(series):
            self.grow()

    def grow(self) -> None:
        """Make room for one more series."""
        sizes = self.sizes
        self.tracks.append(Track(self.channels, sizes.targets, sizes.context, self.begun, self.still))

    def read(self, panel: Panel, scale: Scale, steps: np.ndarray) -> None:
        """Read the first rows of every series of a panel at once, as the batch path does.

        Args:
            scale: of the panel's own series.
            steps: int64 [series], rows to read of each.
        """
        panel = scale.plausible(panel)
        rows = scaled_rows(panel, scale, cycles=self.cycles)
        for end in read_to_ends(self.network, rows, panel, steps):
            for lane, series in enumerate(end.series.tolist()):
                track, row = self.tracks[series], panel.offsets[series] + steps[series] - 1
                self._put(track, end, lane, int(steps[series]))
                track.last, track.time = panel.values[row].tolist(), int(panel.times[row].astype(np.int64))

    def _put(self, track: Track, end: End, lane: int, rows: int) -> None:
        memory, stand, fold = end.memory, end.stand, self.network.fold
        cell = held(tuple(part[:, lane * fold : (lane + 1) * fold] for part in memory.cell))
        track.cell, track.hidden = cell, np.array(stand.hidden[lane].numpy())
        track.set_window(memory.recent[lane].T.numpy(), rows)
        track.newest = memory.recent[lane, -1].tolist()
        track.weight, track.mean, track.squares = (part[lane].tolist() for part in memory.moments)
        track.shift, track.spread = stand.shift[lane, 0].tolist(), stand.spread[lane, 0].tolist()

    def take(self, series: Sequence[int], times: Sequence[int], rows: Sequence[list[float]]) -> list[News]:
        """Read one row of each of some series, all different.

        Args:
            rows: values of every channel in their own units, NaN where missing.

        Returns:
            What should be known: cells that count as missing, states that ceased to be finite and begin anew.
        """
        tracks, fold = [self.tracks[place] for place in series], self.network.fold
        inputs: list[list[float]] = []
        news: list[News] = []
        for place, track, time, row in zip(series, tracks, times, rows, strict=True):
            found, absurd = self._inputs(track, time, row)
            inputs += found
            if absurd:
                news.append((place, absurd))
        x = np.array(inputs, np.float32)
        if len(tracks) == 1:
            hidden, tracks[0].cell = self.step(x, tracks[0].cell)
            tracks[0].hidden = hidden
        else:
            state = tuple(map(np.concatenate, zip(*(track.cell for track in tracks), strict=True)))
            hidden, state = self.step(x, state)
            for lane, track in enumerate(tracks):  # copies: a view would keep the state of all the others alive
                mine = slice(lane * fold, lane * fold + fold)
                track.cell, track.hidden = tuple([part[mine].copy() for part in state]), hidden[mine].copy()
        if not math.isfinite(sum(hidden.dot(self.faint).tolist())):
            news += self._renewed(series)
        return news

    def _renewed(self, series: Sequence[int]) -> list[News]:
        """Begin anew where the state is not finite, as `forecast.nets.renewal.read_on` does; scale and context stay."""
        broken = [place for place in series if not np.isfinite(self.tracks[place].hidden).all()]
        for place in broken:
            self.tracks[place].cell, self.tracks[place].hidden = self.begun, self.still
        return [(place, ()) for place in broken]

    def _inputs(self, track: Track, time: int, values: list[float]) -> tuple[list[list[float]], tuple[int, ...]]:
        """Move all but the cell; its inputs [fold, input], in the order of `Network`, and what `Track.scaled` found."""
        sizes, targets = self.sizes, self.sizes.targets
        row, seen, absurd = track.scaled(values, targets)
        now = row[:targets]
        if not track.rows:  # what stands before the first row is that row
            track.ring[:] = np.array(now)[:, None]
            track.newest, track.mean = now, list(now)
        if self.running:
            track.measure(now, seen, self.decay)
        level = [(v - shift) / spread for v, shift, spread in zip(now, track.shift, track.spread, strict=True)]
        slope = [(v - old) / spread for v, old, spread in zip(now, track.newest, track.spread, strict=True)]
        track.write(now)
        track.time = time
        future = len(row) - sizes.future
        beside = [*row[targets:future], *clock(time, self.cycles), *row[future:], *track.static]
        if self.network.fold == 1:
            return [[*level, *slope, *beside]], absurd
        return [[high, steep, *beside] for high, steep in zip(level, slope, strict=True)], absurd

    def answer(self, series: Sequence[int], future: np.ndarray) -> np.ndarray:
        """Forecast values float64 [series, horizon, target, value], in the units of the series.

        Args:
            future: float64 [series, horizon, future covariate], in their own units.
        """
        tracks = [self.tracks[place] for place in series]
        known = self.sizes.future
        if known:
            center = np.array([track.center[-known:] for track in tracks])
            width = np.array([track.width[-known:] for track in tracks])
            future = (future - center[:, None]) / width[:, None]
            if (np.abs(future) > LIMIT).any():
                last = (np.array([track.last[-known:] for track in tracks]) - center) / width
                future = _carried_on(future, np.nan_to_num(last))
        if len(tracks) == 1:
            hidden, context = tracks[0].hidden[None], tracks[0].context()[None]
        else:
            hidden = np.stack([track.hidden for track in tracks])
            context = np.stack([track.context() for track in tracks])
        # One affine map leads from the running scale to that of the series and on to its units, in float64.
        shift, spread = zip(*map(_outward, tracks), strict=True)
        return self.say(hidden, context, np.array(shift), np.array(spread), future.astype(np.float32))


def _carried_on(future: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Scaled known-ahead values [series, horizon, channel]; the one before stands in for one beyond every measure."""
    future = future.copy()
    for step in range(future.shape[1]):
        before = last if step == 0 else future[:, step - 1]
        future[:, step] = np.where(np.abs(future[:, step]) > LIMIT, before, future[:, step])
    return future


def _outward(track: Track) -> tuple[list[float], list[float]]:
    """Shift and spread of each target, in the units of the series."""
    shift = [m * w + c for m, w, c in zip(track.shift, track.width, track.center, strict=False)]
    return shift, [s * w for s, w in zip(track.spread, track.width, strict=False)]


def clock(time: int, cycles: tuple[str, ...]) -> list[float]:
    """Sine and cosine of the place of one time in each cycle: `forecast.data.cycles.cyclic` without arrays.

    Example:
        >>> [round(wave, 6) for wave in clock(6 * 3_600_000_000, ("day",))]
        [1.0, 0.0]
    """
    waves = []
    for name in cycles:
        angle = 2 * math.pi * (time % PERIODS[name]) / PERIODS[name]
        waves += [math.sin(angle), math.cos(angle)]
    return waves
