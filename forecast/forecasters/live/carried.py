"""What live series carry from row to row, and how a row moves it on; the cell and the answer are numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from forecast.data.absence import marks_at, since
from forecast.data.cycles import clock, cyclic
from forecast.data.panel import Panel
from forecast.data.scale import LIMIT, Scale
from forecast.forecasters.live.lookup import Lookup
from forecast.forecasters.live.track import Track
from forecast.nets.decoders import knows_ahead
from forecast.nets.network import Network
from forecast.nets.stepping import Answer, held, stepper
from forecast.training.onepass import End, read_to_ends
from forecast.windows.gather import scaled_rows

News = tuple[int, tuple[int, ...]]
"""A series, and its channels whose newest cell counts as missing; no channels: its state begins anew."""


class Carried:
    """The tracks of all series, and what moves them.

    Args:
        network: in evaluation mode, on the CPU.
        look: what stands for each channel of a row: targets, past, future covariates.
        cycles: of the calendar, inputs behind the past covariates (behind the future ones if known ahead).
        gaps: channels whose absence is an input too, behind the past covariates and those cycles.
        series: how many there are.
        offset: of the targets' transform; None without one.
    """

    def __init__(
        self,
        network: Network,
        look: Lookup,
        cycles: tuple[str, ...],
        gaps: tuple[str, ...],
        series: int,
        offset: float | None = None,
    ) -> None:
        self.network, self.sizes, self.look, self.cycles = network, network.sizes, look, cycles
        self.gaps, self.absent = gaps, [look.channels.index(name) for name in gaps]
        self.offset, self.warped = offset or 0.0, offset is not None
        self.ahead = knows_ahead(network.architecture.decoder)
        self.known = network.sizes.future - (2 * len(cycles) if self.ahead else 0)
        self.step, self.say = stepper(network.cell), Answer(network)
        self.scaling = network.architecture.scaling
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
        channels = self.look.layout.channels
        self.tracks.append(track := Track(channels, sizes.targets, sizes.context, self.begun, self.still))
        track.power = [0.0] * sizes.targets if self.warped else []
        track.since = [0.0] * len(self.gaps)

    def read(self, panel: Panel, scale: Scale, steps: np.ndarray) -> None:
        """Read the first rows of every series of a panel at once, as the batch path does.

        Args:
            scale: of the panel's own series.
            steps: int64 [series], rows to read of each.
        """
        panel = scale.plausible(panel)
        rows = scaled_rows(panel, scale, cycles=self.cycles, ahead=self.ahead, gaps=self.gaps)
        absent = since(panel, self.gaps)
        for end in read_to_ends(self.network, rows, panel, steps):
            for lane, series in enumerate(end.series.tolist()):
                track, row = self.tracks[series], panel.offsets[series] + steps[series] - 1
                self._put(track, end, lane, int(steps[series]))
                track.since = absent[row].astype(np.float64).tolist()
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
        x, news = self.move(series, times, rows)
        return news + self.walk(series, x)

    def move(
        self, series: Sequence[int], times: Sequence[int], rows: Sequence[list[float]]
    ) -> tuple[np.ndarray, list[News]]:
        """Move all but the cell by a row of each of some series: what the cell reads [series x fold, input]; `take`."""
        inputs: list[list[float]] = []
        news: list[News] = []
        for place, time, row in zip(series, times, rows, strict=True):
            found, absurd = self._inputs(self.tracks[place], time, row)
            inputs += found
            if absurd:
                news.append((place, absurd))
        return np.array(inputs, np.float32), news

    def walk(self, series: Sequence[int], x: np.ndarray) -> list[News]:
        """Move the cell of some series by what `move` gave; says whose state begins anew."""
        tracks, fold = [self.tracks[place] for place in series], self.network.fold
        if len(tracks) == 1:
            hidden, tracks[0].cell = self.step(x, tracks[0].cell)
            tracks[0].hidden = hidden
        else:
            state = tuple(map(np.concatenate, zip(*(track.cell for track in tracks), strict=True)))
            hidden, state = self.step(x, state)
            for lane, track in enumerate(tracks):  # copies: a view would keep the state of all the others alive
                mine = slice(lane * fold, lane * fold + fold)
                track.cell, track.hidden = tuple([part[mine].copy() for part in state]), hidden[mine].copy()
        return [] if math.isfinite(sum(hidden.dot(self.faint).tolist())) else self._renewed(series)

    def _renewed(self, series: Sequence[int]) -> list[News]:
        """Begin anew where the state is not finite, as `forecast.nets.renewal.read_on` does; scale and context stay."""
        broken = [place for place in series if not np.isfinite(self.tracks[place].hidden).all()]
        for place in broken:
            self.tracks[place].cell, self.tracks[place].hidden = self.begun, self.still
        return [(place, ()) for place in broken]

    def _inputs(self, track: Track, time: int, values: list[float]) -> tuple[list[list[float]], tuple[int, ...]]:
        """Move all but the cell; its inputs [fold, input], in the order of `Network`, and what `Track.scaled` found."""
        targets = self.sizes.targets
        row, seen, absurd = track.scaled(values, targets, self.offset)
        now = row[:targets]
        if not track.rows:  # what stands before the first row is that row
            track.ring[:] = np.array(now)[:, None]
            track.newest, track.mean = now, [0.0] * targets if self.scaling == "difference" else list(now)
        if self.scaling == "running":
            track.measure(now, seen, self.decay)
        if self.scaling == "difference":
            track.measure_changes(now, seen, self.decay)
            level = [math.log(spread) for spread in track.spread]
        else:
            level = [(v - shift) / spread for v, shift, spread in zip(now, track.shift, track.spread, strict=True)]
        slope = [(v - old) / spread for v, old, spread in zip(now, track.newest, track.spread, strict=True)]
        track.write(now)
        track.time = time
        known, look = len(row) - self.known, self.look.row
        if self.absent:
            lacking = [values[place] != values[place] or place in absurd for place in self.absent]
            track.since = [rows + 1.0 if lacks else 0.0 for rows, lacks in zip(track.since, lacking, strict=True)]
        waves, marks = clock(time, self.cycles), marks_at(track.since)
        past, future = look(row, track.last, targets, known), look(row, track.last, known, len(row))
        between, behind = (marks, waves) if self.ahead else ([*waves, *marks], [])
        beside = [*past, *between, *future, *behind, *track.static]
        if self.network.coded:
            return [[*look(row, track.last, 0, 1), *beside]], absurd
        if self.network.fold == 1:
            return [[*level, *slope, *beside]], absurd
        return [[high, steep, *beside] for high, steep in zip(level, slope, strict=True)], absurd

    def answer(
        self,
        series: Sequence[int],
        future: np.ndarray,
        times: np.ndarray,
        outward: bool,
        other: tuple[np.ndarray, Answer] | None = None,
    ) -> np.ndarray:
        """Parameters of the head, float64 [series, horizon, target, width], in the units of the scale.

        Args:
            future: float64 [series, horizon, future covariate], in their own units.
            times: datetime64[us] [series, horizon], of the rows ahead.
            outward: go on to the units of the series, by the affine map alone.
            other: what other weights carry, float32 [series, fold, hidden], and their answer; None: these ones.
        """
        tracks = [self.tracks[place] for place in series]
        ahead = self.ahead_of(tracks, future, times)
        if len(tracks) == 1:
            hidden, context = tracks[0].hidden[None], tracks[0].context()[None]
        else:
            hidden = np.stack([track.hidden for track in tracks])
            context = np.stack([track.context() for track in tracks])
        say = self.say
        if other is not None:
            hidden, say = other
        # One affine map leads from the running scale to that of the series and on to its units, in float64.
        shift, spread = zip(*map(_outward if outward else _inward, tracks), strict=True)
        return say(hidden, context, np.array(shift), np.array(spread), ahead)

    def ahead_of(self, tracks: Sequence[Track], future: np.ndarray, times: np.ndarray) -> np.ndarray:
        """What is known ahead as the network reads it, float32 [series, horizon, channel]; arguments of `answer`."""
        known = self.known
        if known:
            center = np.array([track.center[-known:] for track in tracks])
            width = np.array([track.width[-known:] for track in tracks])
            future = (future - center[:, None]) / width[:, None]
            if (np.abs(future) > LIMIT).any():
                last = (np.array([track.last[-known:] for track in tracks]) - center) / width
                future = _carried_on(future, np.nan_to_num(last))
            future = self.look.ahead(future)
        if self.ahead and self.cycles:
            waves = cyclic(times.ravel(), self.cycles).reshape(*times.shape, -1)
            future = np.concatenate((future, waves), axis=2)
        return future.astype(np.float32)


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


def _inward(track: Track) -> tuple[list[float], list[float]]:
    """Shift and spread of each target, in the units of the scale."""
    return track.shift, track.spread
