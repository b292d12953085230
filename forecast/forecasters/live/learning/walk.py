"""Walk: the series as the adapted weights have read it, a horizon behind, and what came since."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from forecast.forecasters.live.track import Track
from forecast.nets.memory import Stand
from forecast.nets.promise import State
from forecast.nets.rules import RuleTrace


class Row(NamedTuple):
    """A row of a live series: what forecasts made at it stood on, and what they said.

    Args:
        time: microseconds since 1970.
        context: float32 [target, context], scaled as in `Stand`.
        shift, spread: [target], of the running scale.
        last: [target], its targets, scaled; the value before stands in for a missing one.
        seen: [target], which were observed.
        known: [future covariate], in their own units.
        frozen, adapted: float64 [step, target, width], parameters of the head; None where nobody forecasts yet.
        spoke: the adapted forecast was the one in use.
    """

    time: int
    context: np.ndarray
    shift: list[float]
    spread: list[float]
    last: list[float]
    seen: list[bool]
    known: list[float]
    frozen: np.ndarray | None = None
    adapted: np.ndarray | None = None
    spoke: bool = False

    @classmethod
    def of(cls, track: Track, seen: list[bool], known: int) -> Row:
        """The row that a series stands at.

        Args:
            known: how many channels are known ahead; they are the last ones.
        """
        ahead = track.last[len(track.last) - known :]
        return cls(
            track.time, track.context().copy(), list(track.shift), list(track.spread), list(track.newest), seen, ahead
        )

    def stand(self, hidden: Tensor) -> Stand:
        """What a forecast made at it stands on; `hidden` is [fold, hidden]."""
        numbers = [torch.tensor([[part]], dtype=hidden.dtype) for part in (self.shift, self.spread)]
        return Stand(hidden[None], torch.from_numpy(self.context)[None].to(hidden.dtype), *numbers)


@dataclass
class Walk:
    """Where the learner stands in a series: at the first of the rows that it keeps, the others lie ahead.

    Args:
        hidden: [fold, hidden], what the cell said there.
        state: of the cell after it.
        trace: of the rule after it.
        rows: from there to the newest one.
        inputs: float32 [fold, input] of each row behind the first.
        steps: that the rule has read; before the first one it has no gradient.
        speaks: forecasts come from the adapted weights.
    """

    hidden: Tensor
    state: State
    trace: RuleTrace
    rows: deque[Row] = field(default_factory=deque)
    inputs: deque[np.ndarray] = field(default_factory=deque)
    steps: int = 0
    speaks: bool = False
