"""What a learning rule promises: gradients of the losses along a stream, one step after the other."""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

from torch import Tensor

from forecast.nets.promise import Cell, State


@runtime_checkable
class RuleTrace(Protocol):
    """What a rule remembers from step to step: plain tensors, opaque to all but the rule.

    It is a value, as a memory is: `LearningRule.step` gives a new one and leaves the old one as it was.
    """

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name, to be saved; `LearningRule.restored` makes a trace of it again."""
        ...


Kept = TypeVar("Kept", bound=RuleTrace)


@runtime_checkable
class LearningRule(Protocol[Kept]):
    """How a cell learns on a stream. Settings only; what is remembered goes in and comes out, as a trace.

    The cell is read one step at a time, in evaluation mode, and its weights may change between steps. While they do
    not, the gradients of all steps together are those of the sum of the losses, exactly ("bptt", "rtrl") or nearly
    (the others). Where they do change, no two rules give the same any more: a trace of influences was made by the
    weights of its steps, a replay reads old inputs with new weights, and neither is the gradient of anything but a
    single step. That is what learning online means, and with small steps they are all near each other.

    Example:
        >>> import torch
        >>> from forecast.nets.cells import gru
        >>> from forecast.nets.rules import Truncated
        >>> cell, rule = gru(inputs=2, hidden_size=3).eval(), Truncated(back=8)
        >>> state = cell.initial(1)
        >>> trace = rule.begin(cell, state)
        >>> for x in torch.ones(5, 1, 2):
        ...     hidden, state, trace = rule.step(cell, x, state, trace)
        ...     gradients = rule.gradients(cell, trace, error=hidden - 0.5)
        >>> {name: tuple(gradient.shape) for name, gradient in gradients.items()}["layer.weight_ih_l0"]
        (9, 2)
    """

    def begin(self, cell: Cell, state: State) -> Kept:
        """Nothing remembered yet.

        Args:
            cell: of one direction, in evaluation mode.
            state: before the first step, every tensor [layer, lane, hidden]. Where it is the cell's own initial state
                and that is learned, it is learned here too; any other state is taken as it is.

        Raises:
            SettingsError: the cell is none that this rule serves, with the reason.
        """
        ...

    def step(self, cell: Cell, x: Tensor, state: State, trace: Kept) -> tuple[Tensor, State, Kept]:
        """Read one step.

        Args:
            x: [lane, input].
            state: what the step before left, every tensor [layer, lane, hidden].

        Returns:
            What the cell says [lane, hidden], the state after, and what is remembered now; all without history.
        """
        ...

    def gradients(self, cell: Cell, trace: Kept, error: Tensor) -> dict[str, Tensor]:
        """The gradient by each of the cell's parameters that may learn, summed over lanes.

        Args:
            trace: what the newest step gave; asked before the weights are changed.
            error: derivative of the loss of that step by what the cell said [lane, hidden]; 0 where there is no loss.

        Returns:
            By the names of `cell.named_parameters()`; of those with `requires_grad` alone. Empty where the rule
            gathers several steps and it is not their last: then no weight of the cell is to be moved.
        """
        ...

    def restored(self, cell: Cell, tensors: dict[str, Tensor]) -> Kept:
        """The trace that gave these `tensors()`."""
        ...
