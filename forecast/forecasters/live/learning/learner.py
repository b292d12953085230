"""Learner: an adapted copy of a live forecaster's network that learns from every row, a horizon behind."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from forecast.data.rows import day
from forecast.forecasters.live.admission import named
from forecast.forecasters.live.answers import dates_of, with_computed
from forecast.forecasters.live.carried import News
from forecast.forecasters.live.learning.descent import Descent, Lesson, gradient
from forecast.forecasters.live.learning.guard import Record
from forecast.forecasters.live.learning.scoring import error_of
from forecast.forecasters.live.learning.settings import Learning, require_learnable
from forecast.forecasters.live.learning.walk import Row, Walk
from forecast.forecasters.live.track import Track
from forecast.forecasters.live.waiting import is_ready
from forecast.nets.stepping import Answer

if TYPE_CHECKING:
    from forecast.forecasters.live.forecaster import Live


class Learner:
    """Adapted weights, and where they stand in every series.

    A row that arrives completes the targets of the forecast that was made a horizon before. That forecast is scored,
    its loss moves the weights, and only then is the next one made: predict, score, update. The adapted cell reads each
    row twice: once for good, a horizon late, with the weights of that time, by the learning rule; and before that, from
    there to the newest row, for the forecast, with the newest weights.

    Vectors of categories stay as they were fitted, scales move as they always do.

    Args:
        live: which rows it reads, too; a forecaster has one learner.
        settings: rule, learning rate and guard.
    """

    def __init__(self, live: Live, settings: Learning) -> None:
        require_learnable(live)
        self.live, self.settings, self.rule = live, settings, settings.law
        self.notes: list[str] = []
        self.records: dict[int, Record] = {}
        self.pooled = Record(settings.guard)
        self.restarts = 0
        self.begin()

    def begin(self) -> None:
        """Weights as they were fitted, and walks that set out from where every series stands."""
        self.network = copy.deepcopy(self.live.carried.network)  # a cell's weights that may not learn still may not
        self.network.columns.requires_grad_(False)
        self.descent = Descent(self.network, self.settings)
        self.voice = Answer(self.network)
        self.walks: dict[int, Walk] = {}
        for place, track in enumerate(self.live.carried.tracks):
            if track.rows:
                self.walks[place] = self._from(track)
                self._say(place)

    def weigh(self) -> None:
        """Take note that the weights have changed."""
        self.voice = Answer(self.network)

    def record(self, place: int) -> Record:
        """How a series does."""
        return self.records.setdefault(place, Record(self.settings.guard))

    def _from(self, track: Track) -> Walk:
        """A walk from the row that a series stands at; nothing before it is remembered by the rule."""
        state = tuple(torch.from_numpy(part).transpose(0, 1).contiguous() for part in track.cell)
        walk = Walk(torch.from_numpy(track.hidden.copy()), state, self.rule.begin(self.network.cell, state))
        walk.rows.append(Row.of(track, [True] * len(track.newest), self.live.carried.known))
        return walk

    def _cold(self) -> Walk:
        """A walk before the first row of a series."""
        state = tuple(part.detach() for part in self.network.cell.initial(self.network.fold))
        hidden = torch.from_numpy(self.live.carried.still.copy())
        return Walk(hidden, state, self.rule.begin(self.network.cell, state))

    def take(self, series: Sequence[int], times: Sequence[int], rows: Sequence[list[float]]) -> list[News]:
        """`Carried.take`, and learn from each row in turn."""
        carried, news, targets = self.live.carried, [], self.network.sizes.targets
        for place, time, row in zip(series, times, rows, strict=True):
            x, absurd = carried.move([place], [time], [row])
            news += absurd + carried.walk([place], x)
            strange = {cell for _, cells in absurd for cell in cells}
            self._read(place, x, [row[cell] == row[cell] and cell not in strange for cell in range(targets)])
        return news

    def _read(self, place: int, x: np.ndarray, seen: list[bool]) -> None:
        """Read a row of a series that the live forecaster has read: learn from what it completes, then forecast."""
        if place not in self.walks:
            self.walks[place] = self._cold()
        walk = self.walks[place]
        walk.rows.append(Row.of(self.live.carried.tracks[place], seen, self.live.carried.known))
        if len(walk.rows) == 1:
            self._step(place, walk, x)
        else:
            walk.inputs.append(x)
        if len(walk.rows) > self.network.sizes.horizon:
            self._learn(place, walk)
            walk.rows.popleft()
            self._step(place, walk, walk.inputs.popleft())
        if self.pooled.failed:
            self._restart()
        else:
            self._say(place)

    def _step(self, place: int, walk: Walk, x: np.ndarray) -> None:
        """Go on by a row; a state that is not finite begins anew, as everywhere."""
        cell = self.network.cell
        walk.hidden, walk.state, walk.trace = self.rule.step(cell, torch.from_numpy(x), walk.state, walk.trace)
        walk.steps += 1
        if not torch.isfinite(walk.hidden).all():
            begun = self._cold()
            walk.hidden, walk.state, walk.trace, walk.steps = begun.hidden, begun.state, begun.trace, 0
            self.notes.append(f"{self._who(place)}: the state of the adapted weights was not finite and begins anew")

    def _learn(self, place: int, walk: Walk) -> None:
        """Score the forecast that the newest row completes, and move the weights by its loss."""
        origin, ahead = walk.rows[0], list(walk.rows)[1:]
        target, seen = np.array([row.last for row in ahead]), np.array([row.seen for row in ahead])
        if origin.frozen is None or origin.adapted is None:
            seen[:] = False  # too young a series to forecast is too young to learn from
        elif seen.any():
            last, head = np.array(origin.last), self.network.head
            frozen, adapted = (error_of(head, said, last, target, seen) for said in (origin.frozen, origin.adapted))
            for record in (self.record(place), self.pooled):
                record.add(frozen, adapted, origin.spoke)
        lesson = self._lesson(place, walk, target, seen)
        try:
            _, found = gradient(self.network, self.rule, walk.trace if walk.steps else None, lesson)
            if self.descent.step(found):
                self.record(place).updates += 1
                self.weigh()
        except FloatingPointError as error:
            self.record(place).skipped += 1
            when = day(np.datetime64(origin.time, "us"))
            self.notes.append(f"{self._who(place)}: nothing is learnt from the forecast of {when}, its {error}")

    def _lesson(self, place: int, walk: Walk, target: np.ndarray, seen: np.ndarray) -> Lesson:
        origin, ahead = walk.rows[0], list(walk.rows)[1:]
        known = np.array([[row.known for row in ahead]])
        times = np.array([[row.time for row in ahead]]).view("M8[us]")
        future = np.nan_to_num(self.live.carried.ahead_of([self.live.carried.tracks[place]], known, times))
        kind = walk.hidden.dtype
        return Lesson(
            origin.stand(walk.hidden),
            torch.from_numpy(future).to(kind),
            torch.from_numpy(target)[None].to(kind),
            torch.from_numpy(seen)[None],
            torch.tensor([[origin.last]], dtype=kind),
        )

    def _say(self, place: int) -> None:
        """What both weights forecast from the newest row, and whether the adapted ones may speak."""
        walk, carried = self.walks[place], self.live.carried
        walk.speaks = False
        unseen = np.isnan(carried.tracks[place].last[: self.network.sizes.targets]).any()
        if unseen or not is_ready(self.live, place):  # before a target's first value there is no origin
            return
        _, times = dates_of(self.live, [place], self.network.sizes.horizon)
        known = np.zeros((1, times.shape[1], 0))
        if self.live.schema.computed:
            known = with_computed(known, times, self.live.schema)
        frozen = carried.answer([place], known, times, outward=False)
        adapted = carried.answer([place], known, times, outward=False, other=(self._now(walk)[None], self.voice))
        walk.speaks = self.record(place).trusted and bool(np.isfinite(adapted).all())
        walk.rows[-1] = walk.rows[-1]._replace(
            frozen=np.array(frozen[0], np.float64), adapted=np.array(adapted[0], np.float64), spoke=walk.speaks
        )

    @torch.no_grad()
    def _now(self, walk: Walk) -> np.ndarray:
        """What the adapted cell says at the newest row, [fold, hidden]: it reads on from where the learner stands."""
        hidden: Tensor = walk.hidden
        if walk.inputs:
            x = torch.from_numpy(np.stack(walk.inputs, axis=1))
            hidden = self.network.cell(x, walk.state)[0][:, -1]
        return np.array(hidden.numpy())

    def spoken(self, said: np.ndarray, chosen: Sequence[int], outward: bool) -> np.ndarray:
        """What `Carried.answer` said, and where the adapted weights speak what they said when the row arrived.

        That is the forecast which will be scored: what another series teaches meanwhile has not passed the guard.

        Args:
            said: [series, horizon, target, width].
            chosen: places of the series.
            outward: in the units of the series, by the affine map alone; else in those of the scale.
        """
        for lane, place in enumerate(chosen):
            walk = self.walks.get(place)
            if walk is not None and walk.speaks:
                said[lane] = walk.rows[-1].adapted
                if outward:
                    track, targets = self.live.carried.tracks[place], self.network.sizes.targets
                    width, center = (np.array(each[:targets])[:, None] for each in (track.width, track.center))
                    said[lane] = said[lane] * width + center
        return said

    def _restart(self) -> None:
        """Begin anew from the fitted weights: the adapted ones have done worse for too long."""
        self.restarts += 1
        for record in (self.pooled, *self.records.values()):
            record.forget()
        self.notes.append(
            f"the adapted weights have done worse than the fitted ones at {self.settings.guard.restart} forecasts in a "
            "row and begin anew from those"
        )
        self.begin()

    def told(self) -> list[str]:
        """What should be known since this was asked last."""
        notes, self.notes = self.notes, []
        return notes

    def _who(self, place: int) -> str:
        return named(self.live.names[place])
