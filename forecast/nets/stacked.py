"""Cells made of cells: on top of each other, with residual connections, and reading both ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.errors import SettingsError
from forecast.nets.promise import Cell, CellFactory, State, checked_dropout


class Stack(nn.Module):
    """Cells on top of each other: each reads the hidden states of the one below.

    Args:
        cells: from the bottom up; each with as many tensors in its state as the others.
        dropout: between them, in training.
        residual: add what a cell reads to what it says, from the second cell on (He et al. 2016; for recurrent layers
            Wu et al. 2016), so that gradients reach the lower ones undiminished.

    Raises:
        SettingsError: no cells, dropout where it would do nothing, or residual connections between different widths.

    Example:
        >>> from forecast.nets.cells import lstm
        >>> cell = Stack([lstm(3, 8), lstm(8, 8), lstm(8, 8)], residual=True)
        >>> hidden, state = cell(torch.zeros(2, 5, 3), cell.initial(2))
        >>> hidden.shape, state[0].shape
        (torch.Size([2, 5, 8]), torch.Size([3, 2, 8]))
    """

    def __init__(self, cells: Sequence[Cell], dropout: float = 0.0, residual: bool = False) -> None:
        super().__init__()
        if not cells:
            raise SettingsError("a stack of no cells; give at least one")
        if residual and len({cell.hidden_size for cell in cells}) > 1:
            raise SettingsError(f"residual=True adds widths {[cell.hidden_size for cell in cells]}; make them equal")
        self.cells = nn.ModuleList(cast("Sequence[nn.Module]", cells))
        self.dropout = nn.Dropout(checked_dropout(dropout, len(cells)))
        self.residual, self.hidden_size = residual, cells[-1].hidden_size
        self.depths = [len(cell.initial(1)[0]) for cell in cells]

    def initial(self, batch: int) -> State:
        """The initial states of the cells, joined along the layers."""
        return _joined([cast("Cell", cell).initial(batch) for cell in self.cells])

    def forward(
        self, x: Float[Tensor, "batch time input"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """Read a sequence: hidden states of the cell on top, and the state of all."""
        ends = []
        for place, (cell, start) in enumerate(zip(self.cells, _parted(state, self.depths), strict=True)):
            below = self.dropout(x) if place else x
            hidden, end = cell(below, start)
            x = x + hidden if place and self.residual else hidden
            ends.append(end)
        return x, _joined(ends)


class Bidirectional(nn.Module):
    """Two cells over the same sequence, one from its start and one from its end (Schuster & Paliwal 1997).

    What it says of a step depends on later ones, so it reads whole windows and never a stream: the promise of a cell
    (cut anywhere) is not kept, and `forecast.nets.cells.require_one_way` refuses it where there is a stream.

    Args:
        there: reads forward.
        back: reads backward; its initial state stands after the last step.

    Example:
        >>> from forecast.nets.cells import gru
        >>> cell = Bidirectional(gru(3, 4), gru(3, 4))
        >>> cell(torch.zeros(2, 5, 3), cell.initial(2))[0].shape
        torch.Size([2, 5, 8])
    """

    bidirectional = True

    def __init__(self, there: Cell, back: Cell) -> None:
        super().__init__()
        self.cells = nn.ModuleList(cast("Sequence[nn.Module]", [there, back]))
        self.hidden_size = there.hidden_size + back.hidden_size
        self.depths = [len(cell.initial(1)[0]) for cell in (there, back)]

    def initial(self, batch: int) -> State:
        """The initial states of both, joined along the layers."""
        return _joined([cast("Cell", cell).initial(batch) for cell in self.cells])

    def forward(
        self, x: Float[Tensor, "batch time input"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """Read a window: both hidden states of every step side by side, and the states after the last step of each."""
        first, second = _parted(state, self.depths)
        there, end = self.cells[0](x, first)
        back, beginning = self.cells[1](x.flip(1), second)
        return torch.cat([there, back.flip(1)], dim=2), _joined([end, beginning])


def stacked(
    kind: CellFactory, inputs: int, hidden_size: int, layers: int = 1, dropout: float = 0.0, residual: bool = False
) -> Cell:
    """Layers of one kind on top of each other; one layer is the cell itself."""
    checked_dropout(dropout, layers)
    cells = [kind(hidden_size if place else inputs, hidden_size) for place in range(layers)]
    return cells[0] if layers == 1 else Stack(cells, dropout, residual)


def both_ways(kind: CellFactory, inputs: int, hidden_size: int, layers: int = 1, dropout: float = 0.0) -> Stack:
    """One layer that reads both ways, and `layers` of one way on top of it, as in the encoder of Wu et al. (2016).

    At the origin the backward half has read a single step; the layer on top has read what both said of all steps.
    """
    below = Bidirectional(kind(inputs, hidden_size), kind(inputs, hidden_size))
    above = [kind(hidden_size if place else 2 * hidden_size, hidden_size) for place in range(layers)]
    return Stack([below, *above], dropout)


def _joined(states: Sequence[State]) -> State:
    return tuple(torch.cat(parts) for parts in zip(*states, strict=True))


def _parted(state: State, depths: Sequence[int]) -> list[State]:
    return list(zip(*(part.split(list(depths)) for part in state), strict=True))
