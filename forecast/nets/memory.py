"""Memory: what a network carries along a stream, and where forecasts stand on it.

A stream is read in pieces; whatever the next piece needs is in the memory, so a stream may be cut anywhere. The memory
is a value: it goes in and comes out, nobody keeps it on the side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from forecast.nets.cells import State
from forecast.nets.scaling import Moments


class Memory(NamedTuple):
    """What is carried from piece to piece, for each lane (one row of the batch).

    Args:
        cell: the state of the cell; every tensor is [layer, lane x fold, hidden], where fold is the number of targets
            that are read one by one.
        recent: the newest `context` values of each target, oldest first, in the units of the series.
        moments: of the running scale.
    """

    cell: State
    recent: Float[Tensor, "lane context target"]
    moments: Moments

    def detach(self) -> Memory:
        """The same numbers without their history: gradients stop here (truncated backpropagation through time)."""
        return Memory(
            tuple(part.detach() for part in self.cell),
            self.recent.detach(),
            Moments(*(m.detach() for m in self.moments)),
        )

    def lanes(self, which: slice) -> Memory:
        """The memory of some neighbouring lanes."""
        return self.take(torch.arange(len(self.recent), device=self.recent.device)[which])

    def take(self, which: Int[Tensor, " some"]) -> Memory:
        """The memory of some lanes, in the order that is asked."""
        cell = tuple(
            part.unflatten(1, (len(self.recent), -1)).index_select(1, which).flatten(1, 2) for part in self.cell
        )
        return Memory(cell, self.recent[which], Moments(*(part[which] for part in self.moments)))


def joined(memories: Sequence[Memory]) -> Memory:
    """The lanes of several memories, one after the other."""
    return Memory(
        tuple(torch.cat(parts, dim=1) for parts in zip(*(memory.cell for memory in memories), strict=True)),
        torch.cat([memory.recent for memory in memories]),
        Moments(*(torch.cat(parts) for parts in zip(*(memory.moments for memory in memories), strict=True))),
    )


def renewed(memory: Memory, begun: Memory, fresh: Bool[Tensor, " lane"]) -> Memory:
    """The memory of `begun` in the lanes that are fresh, the old one in the others."""
    fold = memory.cell[0].shape[1] // len(fresh) if memory.cell else 1
    wide = fresh.repeat_interleave(fold)[None, :, None]
    return Memory(
        tuple(torch.where(wide, new, old) for new, old in zip(begun.cell, memory.cell, strict=True)),
        torch.where(fresh[:, None, None], begun.recent, memory.recent),
        Moments(*(torch.where(fresh[:, None], a, b) for a, b in zip(begun.moments, memory.moments, strict=True))),
    )


class Stand(NamedTuple):
    """What a network knows at origins; a forecast is a function of this and of what is known ahead.

    Args:
        hidden: state of the cell that the decoder reads, one for each target that is read alone.
        context: the newest values, oldest first, scaled by the origin's own shift and spread.
        shift: added to a forecast after it is multiplied by `spread`.
        spread: see there.
    """

    hidden: Float[Tensor, "origin fold hidden"]
    context: Float[Tensor, "origin target context"]
    shift: Float[Tensor, "origin 1 target"]
    spread: Float[Tensor, "origin 1 target"]


class Reading(NamedTuple):
    """A piece that was read, ready to be stood upon at any of its steps.

    Args:
        hidden: [lane, time, fold, hidden].
        values: the context before the piece and the piece, in the units of the series.
        shift: of the scale at each step.
        spread: of the scale at each step.
        context: steps of context.
    """

    hidden: Float[Tensor, "lane time fold hidden"]
    values: Float[Tensor, "lane reach target"]
    shift: Float[Tensor, "lane time target"]
    spread: Float[Tensor, "lane time target"]
    context: int

    def everywhere(self) -> Stand:
        """At every step: lane after lane, step after step."""
        windows = self.values[:, 1:].unfold(1, self.context, 1)
        context = (windows - self.shift[..., None]) / self.spread[..., None]
        shift, spread = (part.flatten(0, 1)[:, None] for part in (self.shift, self.spread))
        return Stand(self.hidden.flatten(0, 1), context.flatten(0, 1), shift, spread)

    def at(self, lane: Int[Tensor, " origin"], step: Int[Tensor, " origin"]) -> Stand:
        """At single steps: step 0 is the first of the piece."""
        shift, spread = self.shift[lane, step][:, None], self.spread[lane, step][:, None]
        windows = self.values[:, 1:].unfold(1, self.context, 1)[lane, step]
        context = (windows - shift.transpose(1, 2)) / spread.transpose(1, 2)
        return Stand(self.hidden[lane, step], context, shift, spread)
