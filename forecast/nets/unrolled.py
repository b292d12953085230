"""Unrolled: a cell that is run one step at a time and remembers its states, for gradients with respect to them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from forecast.errors import SettingsError
from forecast.nets.cells import Cell, Fused, State, require_one_way

TRIAL = 3
"""Steps that are tried to find out which part of the state a cell says."""


class Trace(NamedTuple):
    """What a cell went through.

    Args:
        inputs: [lane, input] of each step.
        states: before the first step and after each; every tensor is [layer, lane, hidden] and in the graph.
        outputs: [lane, hidden] after each step, where what the cell says is no part of its state; else none.
    """

    inputs: list[Tensor]
    states: list[State]
    outputs: list[Tensor]

    @property
    def steps(self) -> int:
        return len(self.inputs)


class Unrolled(nn.Module):
    """A cell whose first reading is traced; later readings (of a decoder that runs on with it) pass through.

    Where the cell says a part of its state, as an LSTM says its h, that part and what is said are made one tensor, so
    that its gradient holds all that follows from it, at its own step too.

    Args:
        cell: of one direction, with a state.

    Raises:
        SettingsError: it reads backwards too, or has no state.

    Example:
        >>> from forecast.nets.cells import gru
        >>> cell = Unrolled(gru(inputs=2, hidden_size=3))
        >>> hidden, _ = cell(torch.randn(1, 5, 2), cell.initial(1))
        >>> (gradient,) = torch.autograd.grad(hidden[:, -1].sum(), cell.trace.states[3][0])
        >>> cell.trace.steps, gradient.shape
        (5, torch.Size([1, 1, 3]))
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        try:
            require_one_way(cell)
        except SettingsError as error:
            raise SettingsError(
                "a cell that reads backwards too cannot be run step by step, and a lag would have no direction; use a "
                "cell of one direction"
            ) from error
        if not cell.initial(1):
            raise SettingsError("a cell without a state has no gradient with respect to it")
        self.cell, self.hidden_size = cell, cell.hidden_size
        self.trace: Trace | None = None

    def initial(self, batch: int) -> State:
        """The cell's own."""
        return self.cell.initial(batch)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a sequence [lane, time, input] step by step."""
        if self.trace is not None:
            return self.cell(x, state)
        said_by = spoken(self.cell, x)
        state = tuple(part if part.requires_grad else part.detach().requires_grad_() for part in state)
        trace, said = Trace([], [state], []), []
        for row in x.unbind(1):
            hidden, state = self.cell(row[:, None], state)
            output = hidden[:, 0] if said_by is None else state[said_by][-1]
            said.append(output)
            trace.inputs.append(row)
            trace.states.append(state)
            if said_by is None:
                trace.outputs.append(output)
        self.trace = trace
        return torch.stack(said, dim=1), state


@torch.no_grad()
def spoken(cell: Cell, x: Tensor) -> int | None:
    """Which part of the state a cell says, by its topmost layer; None: none of them."""
    draws = torch.Generator().manual_seed(0)
    trial = torch.randn(2, TRIAL, x.shape[2], generator=draws, dtype=torch.float64).to(x)
    hidden, state = cell(trial, cell.initial(2))
    same = (place for place, part in enumerate(state) if torch.equal(part[-1], hidden[:, -1]))
    return next(same, None)


def part_names(cell: Cell) -> tuple[str, ...]:
    """Names of the parts of a state: h and c of an LSTM, h where there is one part, else numbered."""
    parts = len(cell.initial(1))
    if isinstance(cell, Fused):
        return ("h", "c")[:parts]
    return ("h",) if parts == 1 else tuple(f"state {place}" for place in range(parts))
