"""Rules that carry influences forward: exact ones, and those that keep what one step can reach."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from forecast.nets.promise import Cell, State, is_diagonal
from forecast.nets.rules.influence import (
    Influences,
    all_units,
    begun,
    followed,
    gradient,
    reached,
    read,
    rebuilt,
    single_units,
    started,
)
from forecast.nets.rules.jacobians import by_units, diagonal, whole
from forecast.nets.rules.reading import learned, learner


@dataclass(frozen=True)
class RealTime:
    """Real-time recurrent learning (Williams & Zipser 1989), the exact influence of every parameter: "rtrl".

    With weights that stay, the gradients of all steps together are those of backpropagation through time.

    S numbers in the state and P parameters cost S x P numbers of memory (twice) and S x S x P multiplications a step,
    for each lane. Cells whose units do not see each other ("mingru", "minlstm", "lru", one layer of them) cost P: a
    parameter has an influence on its own unit alone.
    """

    def begin(self, cell: Cell, state: State) -> Influences:
        """No influence yet; see `LearningRule.begin`."""
        return begun(cell, state)

    def step(self, cell: Cell, x: Tensor, state: State, trace: Influences) -> tuple[Tensor, State, Influences]:
        """Read one step and carry the influences over it; see `LearningRule.step`."""
        module, units, single = learner(cell), trace.units, is_diagonal(cell)
        if not state or not learned(module):
            return read(module, x, state, trace)
        if trace.x is None:
            trace = started(module, x, trace, single and units is not None)
        if units is None:
            step = whole(module, x, state)
            now = all_units(step, trace)
        else:
            step = diagonal(module, x, state) if single else by_units(module, x, state)
            now = single_units(step, trace, units) if single else all_units(step, trace)
        return step.hidden, step.after, followed(trace, x, state, step, now)

    def gradients(self, cell: Cell, trace: Influences, error: Tensor) -> dict[str, Tensor]:
        """Of the newest loss, through all steps; see `LearningRule.gradients`."""
        return gradient(cell, trace, error, is_diagonal(cell))

    def restored(self, cell: Cell, tensors: dict[str, Tensor]) -> Influences:
        """See `LearningRule.restored`."""
        return rebuilt(tensors)


@dataclass(frozen=True)
class Sparse:
    """SnAp-1, sparse n-step approximation with n = 1 (Menick et al. 2021): "snap1".

    Kept are the influences that a parameter has within one step, on all parts of the state of a unit (h and c of an
    LSTM are one); what it does to other units by way of later steps is forgotten. In cells whose units do not see each
    other there is nothing to forget, and this is "rtrl".

    Memory is P x the parts of a state for cells of one layer that say which unit a parameter moves (torch's layers
    and those of `forecast.nets.stepped` do). For others it is that of "rtrl", and so is the time: which influences
    are others than 0 after one step is found out on the way. In a stack a lower layer moves those above in one step.
    """

    def begin(self, cell: Cell, state: State) -> Influences:
        """No influence yet; see `LearningRule.begin`."""
        return begun(cell, state)

    def step(self, cell: Cell, x: Tensor, state: State, trace: Influences) -> tuple[Tensor, State, Influences]:
        """Read one step and carry the influences of one step over it; see `LearningRule.step`."""
        module, units = learner(cell), trace.units
        if not state or not learned(module):
            return read(module, x, state, trace)
        if trace.x is None:
            trace = started(module, x, trace, units is not None)
        if units is not None:
            step = diagonal(module, x, state) if is_diagonal(cell) else by_units(module, x, state)
            now, seen = single_units(step, trace, units), None
        else:
            step = whole(module, x, state)
            seen = reached(step.by_weights, state)
            seen |= reached(trace.now, state) if trace.seen is None else trace.seen
            now = all_units(step, trace) * seen
        return step.hidden, step.after, followed(trace._replace(seen=seen), x, state, step, now)

    def gradients(self, cell: Cell, trace: Influences, error: Tensor) -> dict[str, Tensor]:
        """Of the newest loss, through the influences that are kept; see `LearningRule.gradients`."""
        return gradient(cell, trace, error, True)

    def restored(self, cell: Cell, tensors: dict[str, Tensor]) -> Influences:
        """See `LearningRule.restored`."""
        return rebuilt(tensors)
