"""Cells that say which unit each of their parameters moves: what they say, and whether it is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from forecast.errors import SettingsError
from forecast.nets.promise import Cell, is_diagonal, unit_axes
from forecast.nets.rules.jacobians import watched
from forecast.nets.rules.reading import derivatives, learned


def unit_of_each(cell: Cell) -> Tensor | None:
    """The unit that each parameter moves [P]; None where the cell does not say, or they move several.

    Raises:
        SettingsError: what the cell says of itself cannot be.
    """
    axes = unit_axes(cell)
    weights = learned(cell)
    if not axes or not weights:
        return None
    _check_form(cell, weights, axes)
    return torch.cat([_units(weight, axes[name], cell.hidden_size).flatten() for name, weight in weights.items()])


def _units(weight: Tensor, axis: int, count: int) -> Tensor:
    """The unit of each number of a parameter, in its shape."""
    shape = [-1 if place == axis else 1 for place in range(weight.ndim)]
    return (torch.arange(weight.shape[axis], device=weight.device) % count).view(shape).expand_as(weight)


def _check_form(cell: Cell, weights: Mapping[str, Tensor], axes: Mapping[str, int]) -> None:
    kind, width = type(cell).__name__, cell.hidden_size
    for name, weight in weights.items():
        if name not in axes or not 0 <= axes[name] < weight.ndim:
            raise SettingsError(
                f"{kind}.unit_axes() names no axis of {name} {tuple(weight.shape)}; name one, or say {{}}"
            )
    shapes = [tuple(part.shape) for part in cell.initial(1)]
    if not shapes or any(shape != (1, 1, width) for shape in shapes):
        raise SettingsError(f"{kind}.unit_axes() speaks of {width} units, but its state is {shapes}; return {{}}")


def check_units(cell: Cell, x: Tensor, units: Tensor) -> None:
    """Check on drawn numbers what a cell says of its units.

    Any two units differ in a bit of their numbers: those with the bit are asked, those without must not answer.

    Args:
        x: of the size and kind that the cell reads.
        units: of `unit_of_each`.

    Raises:
        SettingsError: it is not true.
    """
    draws, weights, width = torch.Generator().manual_seed(0), learned(cell), cell.hidden_size
    owners = dict(zip(weights, units.split([weight.numel() for weight in weights.values()]), strict=True))
    with derivatives(x) as x:
        state = watched([torch.randn(part.shape, generator=draws).to(part) for part in cell.initial(1)])
        _, after = cell(torch.randn(1, 1, x.shape[1], generator=draws).to(x), state)
        for bit in range((width - 1).bit_length()):
            for side in (0, 1):
                asked = (torch.arange(width, device=x.device) >> bit & 1) == side
                said = torch.cat(after, dim=2)[..., asked.repeat(len(after))].sum()
                by_weights, by_state = _slopes(said, list(weights.values())), _slopes(said, state)
                for slope, (name, owner) in zip(by_weights, owners.items(), strict=True):
                    _refuse(
                        slope.flatten(), asked[owner], cell, f"unit_axes() says that every number of {name} moves one"
                    )
                if is_diagonal(cell):
                    for slope in by_state:
                        _refuse(slope[0, 0], asked, cell, "diagonal says that the state of every unit moves that")


def _slopes(said: Tensor, by: Sequence[Tensor]) -> Sequence[Tensor]:
    return torch.autograd.grad(said, by, retain_graph=True, allow_unused=True, materialize_grads=True)


def _refuse(slope: Tensor, own: Tensor, cell: Cell, claim: str) -> None:
    """Raise for derivatives outside of what belongs to the units that were asked."""
    if slope[~own].any():
        raise SettingsError(
            f"{type(cell).__name__}.{claim} unit of the state alone, but others move too; let unit_axes() return {{}}, "
            "or diagonal be False"
        )
