"""Backpropagation through time on a stream: the newest steps are kept, and read again for their gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from forecast.errors import SettingsError
from forecast.nets.promise import Cell, State
from forecast.nets.rules.reading import admitted, begins, copied, derivatives, detached, learned, learner, states_in


class Replay(NamedTuple):
    """The newest steps of a stream.

    Args:
        inputs: [lane, input] of each, oldest first.
        states: before each of them, every tensor [layer, lane, hidden].
        errors: [step, lane, hidden] of the losses whose gradient is still to come; none where none ever waits.
        steps: read since the beginning.
        first: the oldest state is the one the cell begins with.
    """

    inputs: tuple[Tensor, ...]
    states: tuple[State, ...]
    errors: Tensor | None
    steps: int
    first: bool

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name; steps are stacked."""
        named = {"count": torch.tensor([self.steps, int(self.first)])}
        if self.inputs:
            named["inputs"] = torch.stack(self.inputs)
        for place, parts in enumerate(zip(*self.states, strict=True)):
            named[f"state.{place}"] = torch.stack(parts)
        return copied(named | {"errors": self.errors})


def _began(cell: Cell, state: State) -> Replay:
    """Nothing read, and the state to start from."""
    admitted(cell)
    return Replay((), (), None, 0, begins(cell, state))


def _read(cell: Cell, x: Tensor, state: State, trace: Replay, back: int | None) -> tuple[Tensor, State, Replay]:
    """Read a step and keep it, with no more than `back` in all."""
    with torch.no_grad():
        hidden, after = learner(cell)(x[:, None], state)
    inputs, states = (*trace.inputs, x.detach()), (*trace.states, detached(state))
    drop = 0 if back is None else max(0, len(inputs) - back)
    kept = Replay(inputs[drop:], states[drop:], trace.errors, trace.steps + 1, trace.first and not drop)
    return hidden[:, 0].detach(), detached(after), kept


def _replayed(cell: Cell, trace: Replay, errors: Tensor) -> dict[str, Tensor]:
    """The gradient of the newest losses through all steps that are kept; `errors` are [step, lane, hidden]."""
    module = learner(cell)
    weights = learned(module)
    if not trace.inputs:
        raise SettingsError("no step was read since begin(), so there is no loss to have a gradient of")
    if not weights:
        return {}
    with derivatives(errors) as errors:
        start = cell.initial(errors.shape[1]) if trace.first else tuple(part.clone() for part in trace.states[0])
        hidden, _ = module(torch.stack(trace.inputs, dim=1), start)
        newest = hidden[:, -len(errors) :]
        found = torch.autograd.grad(
            newest, list(weights.values()), errors.transpose(0, 1), allow_unused=True, materialize_grads=True
        )
    return dict(zip(weights, found, strict=True))


def _rebuilt(tensors: dict[str, Tensor]) -> Replay:
    """From what `Replay.tensors` gave."""
    steps, first = tensors["count"].tolist()
    inputs = tensors["inputs"].unbind() if "inputs" in tensors else ()
    parts = [part.unbind() for part in states_in(tensors)]
    states: Sequence[State] = tuple(zip(*parts, strict=True)) if parts else ((),) * len(inputs)
    return Replay(tuple(inputs), tuple(states), tensors.get("errors"), steps, bool(first))


@dataclass(frozen=True)
class Full:
    """Backpropagation through time from the beginning (Rumelhart et al. 1986; Werbos 1990): "bptt".

    Exact, and without a bound: what is kept, and the time of a step, grow with the stream. For short ones.
    """

    def begin(self, cell: Cell, state: State) -> Replay:
        """Nothing kept; see `LearningRule.begin`."""
        return _began(cell, state)

    def step(self, cell: Cell, x: Tensor, state: State, trace: Replay) -> tuple[Tensor, State, Replay]:
        """Read one step and keep it; see `LearningRule.step`."""
        return _read(cell, x, state, trace, None)

    def gradients(self, cell: Cell, trace: Replay, error: Tensor) -> dict[str, Tensor]:
        """Of the newest loss, through all steps; see `LearningRule.gradients`."""
        return _replayed(cell, trace, error[None])

    def restored(self, cell: Cell, tensors: dict[str, Tensor]) -> Replay:
        """See `LearningRule.restored`."""
        return _rebuilt(tensors)


@dataclass(frozen=True)
class Truncated:
    """Truncated backpropagation through time, TBPTT(k1, k2) (Williams & Peng 1990): "tbptt".

    After every k1 = `every` steps the losses of these steps are followed back k2 = `back` steps, counted from the
    newest; what happened before is taken as given. In between there are no gradients: errors are kept in the trace
    that is asked, and the answer is empty. Ask at every step, with an error of 0 where there is no loss.

    Kept are `back` inputs and states. Time: one reading of `back` steps and its backward pass, every `every` steps.

    Args:
        every: steps between two gradients.
        back: steps that a gradient goes back; at least `every`. 1 sees the newest step alone.

    Raises:
        SettingsError: less than a step, or losses that would be forgotten before their gradient.
    """

    every: int = 1
    back: int = 24

    def __post_init__(self) -> None:
        if self.every < 1:
            raise SettingsError(f"every={self.every}: at least 1 step between two gradients")
        if self.back < self.every:
            raise SettingsError(
                f"back={self.back} forgets losses before their gradient comes, every {self.every} steps; back is at "
                "least every"
            )

    def begin(self, cell: Cell, state: State) -> Replay:
        """Nothing kept; see `LearningRule.begin`."""
        return _began(cell, state)

    def step(self, cell: Cell, x: Tensor, state: State, trace: Replay) -> tuple[Tensor, State, Replay]:
        """Read one step and keep it, `back` of them at most; see `LearningRule.step`."""
        hidden, after, kept = _read(cell, x, state, trace, self.back)
        if self.every == 1:
            return hidden, after, kept
        if kept.errors is None or trace.steps % self.every == 0:
            errors = hidden.new_zeros(self.every, *hidden.shape)
        else:
            errors = kept.errors.clone()  # of its own, since `gradients` writes into it
        return hidden, after, kept._replace(errors=errors)

    def gradients(self, cell: Cell, trace: Replay, error: Tensor) -> dict[str, Tensor]:
        """Of the losses of `every` steps at the last of them, empty before; see `LearningRule.gradients`."""
        if trace.errors is None:  # every step has its own gradient, or none was read yet
            return _replayed(cell, trace, error[None])
        place = (trace.steps - 1) % self.every
        trace.errors[place] = error
        return _replayed(cell, trace, trace.errors) if place == self.every - 1 else {}

    def restored(self, cell: Cell, tensors: dict[str, Tensor]) -> Replay:
        """See `LearningRule.restored`."""
        return _rebuilt(tensors)
