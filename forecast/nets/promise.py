"""What a cell promises, and what all cells share: the type of their state and of their makers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor

from forecast.errors import SettingsError

State = tuple[Tensor, ...]
"""What a cell remembers, opaque to all but the cell; every tensor is [layer, batch, hidden]."""


@runtime_checkable
class Cell(Protocol):
    """What a cell promises: reading a sequence in pieces, passing the state on, equals reading it at once.

    A step is a sequence of one. `forecast.testing.check_cell` tests the promise.
    """

    hidden_size: int

    def initial(self, batch: int) -> State: ...
    def __call__(self, x: Tensor, state: State) -> tuple[Tensor, State]: ...


@runtime_checkable
class UnitWise(Protocol):
    """What a cell of one layer may say of itself, so that learning rules need not find it out at every step.

    Every tensor of its state is [1, batch, hidden_size]; number i of all of them together is its unit i.
    `forecast.nets.rules` checks what is said.
    """

    diagonal: bool
    """No unit sees the state of another one."""

    def unit_axes(self) -> Mapping[str, int]:
        """Each parameter's axis along which units are counted: what stands at place i of it moves, in one step, unit
        i modulo `hidden_size` and no other, or none. Empty where that holds for some parameter only.
        """
        ...


CellFactory = Callable[..., Cell]
"""Makes a cell from `(inputs, hidden_size)`, and `layers=`, `dropout=` when they are not 1 and 0."""


def unit_axes(cell: Cell) -> Mapping[str, int]:
    """What a cell says of itself as a `UnitWise` one; empty where it says nothing."""
    return cell.unit_axes() if isinstance(cell, UnitWise) else {}


def is_diagonal(cell: Cell) -> bool:
    """Whether a cell says that its units do not see each other."""
    return getattr(cell, "diagonal", False) is True


def checked_dropout(dropout: float, layers: int) -> float:
    """Refuse dropout that would do nothing: it is applied between layers only."""
    if not 0 <= dropout < 1:
        raise SettingsError(f"dropout={dropout}: at least 0 and below 1")
    if dropout and layers == 1:
        raise SettingsError(
            f"dropout={dropout} does nothing with one layer (it works between layers); use layers=2 or 0"
        )
    return dropout
