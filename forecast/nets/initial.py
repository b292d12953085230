"""How a cell starts beyond what it does by itself: chrono initialisation, a learned initial state.

Cells start with orthogonal recurrent matrices, Glorot inputs, and gates open to remember (`forecast.nets.cells`), and
"irnn" as the identity. What stands here needs a choice of its user's, so it goes into a factory of one's own:
`def mine(inputs, hidden_size): return chrono(lstm(inputs, hidden_size), 96)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.errors import SettingsError
from forecast.nets.promise import Cell, State, is_diagonal, unit_axes
from forecast.nets.stepped import GRU, LSTM, LayerNormLSTM, PeepholeLSTM

Kept = TypeVar("Kept", bound=nn.Module)


@torch.no_grad()
def chrono(cell: Kept, longest: int) -> Kept:
    """Chrono initialisation (Tallec & Ollivier 2018): gates begin with memories of 1 to `longest` steps.

    The bias of an LSTM's forget gate becomes log u, u uniform on [1, longest - 1], that of its input gate -log u; the
    bias of a GRU's update gate (which keeps, here and in torch) log u. A gate open by u / (1 + u) forgets within
    about 1 + u steps.

    Args:
        cell: with LSTM or GRU layers, torch's or those of `forecast.nets.stepped`, however deep; changed in place.
        longest: steps that should be remembered, such as the context or the season.

    Returns:
        The same cell.

    Raises:
        SettingsError: longest below 2, or no gates to start.

    Example:
        >>> from forecast.nets.cells import lstm
        >>> cell = chrono(lstm(3, 8), 96)
        >>> keep = cell.layer.bias_ih_l0[8:16]
        >>> bool((keep >= 0).all()), bool((keep < 4.56).all())
        (True, True)
    """
    if longest < 2:
        raise SettingsError(f"longest={longest}: at least 2 steps to remember")
    found = False
    for part in cell.modules():
        if not isinstance(part, nn.LSTM | nn.GRU | LSTM | PeepholeLSTM | LayerNormLSTM | GRU):
            continue
        found = True
        two = not isinstance(part, nn.GRU | GRU)
        for name, bias in part.named_parameters():
            if name.startswith(("bias_ih", "bias_hh")):
                _remember(bias, part.hidden_size, two, longest, name.startswith("bias_ih"))
    if not found:
        raise SettingsError(f"{type(cell).__name__} has no LSTM or GRU layer whose gates chrono could start")
    return cell


def _remember(bias: Tensor, size: int, two: bool, longest: int, inputs: bool) -> None:
    """Gates are ordered input, forget or reset, update; of the two biases that are added the first holds it all."""
    steps = torch.empty_like(bias[:size]).uniform_(1, max(1, longest - 1)).log()
    bias[size : 2 * size] = steps if inputs else 0.0
    if two:
        bias[:size] = -steps if inputs else 0.0


class LearnedStart(nn.Module):
    """A cell whose initial state is learned with its weights, instead of zeros.

    It matters where sequences are short beside what the cell remembers; a stream forgets where it began.

    Args:
        cell: keeps the promise of a cell; what it starts with is where learning starts.

    Example:
        >>> from forecast.nets.cells import gru
        >>> cell = LearnedStart(gru(3, 8))
        >>> hidden, _ = cell(torch.zeros(2, 5, 3), cell.initial(2))
        >>> hidden.sum().backward()
        >>> cell.start[0].grad is not None
        True
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        if not isinstance(cell, nn.Module):
            raise SettingsError(f"{type(cell).__name__} is no torch.nn.Module, so nothing of it can be learned")
        self.cell, self.hidden_size = cell, cell.hidden_size
        self.diagonal = is_diagonal(cell)
        self.start = nn.ParameterList([part.detach().clone() for part in cell.initial(1)])

    def unit_axes(self) -> Mapping[str, int]:
        """Those of the cell, and the last one of what it starts with."""
        inner = unit_axes(self.cell)
        if not inner:
            return {}
        starts = {f"start.{place}": 2 for place in range(len(self.start))}
        return starts | {f"cell.{name}": axis for name, axis in inner.items()}

    def initial(self, batch: int) -> State:
        """What was learned, for every row of the batch."""
        return tuple(part.expand(-1, batch, -1) for part in self.start)

    def forward(
        self, x: Float[Tensor, "batch time input"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """Read a sequence as the cell does."""
        return self.cell(x, tuple(part.contiguous() for part in state))
