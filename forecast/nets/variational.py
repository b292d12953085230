"""Variational dropout: what is left out stays left out at every step of a sequence (Gal & Ghahramani 2016).

Dropout that is drawn anew at every step of a recurrence leaves nothing of a memory that has to last. Here a mask is
drawn once for each row of the batch, whenever a cell reads a sequence: it holds along a window, along a chunk of a
stream (the steps between two steps of the optimizer), and for one step where a decoder takes single steps. Outside of
training nothing is left out, and what is left in training is divided by its share, so nothing has to be scaled then.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.errors import SettingsError
from forecast.nets.promise import Cell, State, checked_dropout
from forecast.nets.stacked import Stack

RATE = 0.2


def checked_share(name: str, share: float) -> float:
    """Refuse what is no probability below 1."""
    if not 0 <= share < 1:
        raise SettingsError(f"{name}={share}: at least 0 and below 1")
    return share


def held_mask(like: Tensor, share: float) -> Tensor:
    """A mask of that shape: 0 with probability `share`, else 1 / (1 - share), so that its mean is 1.

    Example:
        >>> held_mask(torch.ones(2, 3), 0.0).tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    return torch.empty_like(like).bernoulli_(1 - share).div_(1 - share)


class VariationalDropout(nn.Module):
    """A cell whose inputs and outputs are dropped out by masks that hold along a sequence.

    The recurrent state needs a mask between the steps, inside of the cell: cells of `forecast.nets.stepped` take it as
    `recurrent_dropout`. A factory of one's own may put both together, and is given to `Recurrent(cell=...)`:
    `def mine(inputs, size): return VariationalDropout(LSTM(inputs, size, recurrent_dropout=0.2), 0.1, 0.2)`.

    Args:
        cell: keeps the promise of a cell.
        inputs: share of the input columns that are left out.
        outputs: share of the hidden numbers that are left out of what is said; the state keeps them.

    Raises:
        SettingsError: a share that is no probability below 1.

    Source:
        Gal & Ghahramani (2016), A theoretically grounded application of dropout in recurrent neural networks.

    Example:
        >>> from forecast.nets.cells import gru
        >>> cell = VariationalDropout(gru(3, 8), outputs=0.5)
        >>> hidden, _ = cell(torch.randn(2, 5, 3), cell.initial(2))
        >>> left_out = hidden == 0
        >>> bool((left_out == left_out[:, :1]).all())
        True
    """

    def __init__(self, cell: Cell, inputs: float = 0.0, outputs: float = 0.0) -> None:
        super().__init__()
        self.cell, self.hidden_size = cell, cell.hidden_size
        self.inputs, self.outputs = checked_share("inputs", inputs), checked_share("outputs", outputs)

    def initial(self, batch: int) -> State:
        """The cell's own."""
        return self.cell.initial(batch)

    def forward(
        self, x: Float[Tensor, "batch time input"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """Read a sequence as the cell does, with one mask for all of its steps in training."""
        hidden, end = self.cell(self._held(x, self.inputs), state)
        return self._held(hidden, self.outputs), end

    def _held(self, x: Tensor, share: float) -> Tensor:
        return x * held_mask(x[:, :1], share) if self.training and share else x


def variational(
    kind: Callable[..., Cell], inputs: int, hidden_size: int, layers: int = 1, dropout: float = 0.0, rate: float = RATE
) -> Cell:
    """Layers of one kind with variational dropout of their states, between them, and of what the last one says.

    The columns that the lowest layer reads are left whole: a target is one or two of them, and a window without it
    teaches nothing. `VariationalDropout(cell, inputs=...)` leaves them out where there are many.

    Args:
        kind: of `forecast.nets.stepped`.
        dropout: between layers, in place of `rate` (0: `rate`).
        rate: of the recurrent state and of what is said.
    """
    checked_dropout(dropout, layers)
    cells: list[Cell] = []
    for place in range(layers):
        cell = kind(hidden_size if place else inputs, hidden_size, recurrent_dropout=rate)
        below, said = (dropout or rate) if place else 0.0, rate if place == layers - 1 else 0.0
        cells.append(VariationalDropout(cell, below, said) if below or said else cell)
    return cells[0] if layers == 1 else Stack(cells)
