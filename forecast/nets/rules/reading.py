"""What all rules share: which cells they serve, which weights learn, and a cell that is read under autograd."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from forecast.errors import SettingsError
from forecast.nets.cells import require_one_way
from forecast.nets.promise import Cell, State


def learner(cell: Cell) -> nn.Module:
    """The cell as a module in evaluation mode, or an error that says why it cannot learn step by step."""
    if not isinstance(cell, nn.Module):
        raise SettingsError(f"{type(cell).__name__} is no torch.nn.Module, so it has no parameters that could learn")
    if cell.training:
        raise SettingsError(
            f"{type(cell).__name__} is in training mode: what dropout and zoneout draw would differ between a step and "
            "its gradient; call eval() on the cell or its network first"
        )
    return cell


def admitted(cell: Cell) -> nn.Module:
    """`learner`, checked for what cannot change from step to step, too."""
    require_one_way(cell)
    return learner(cell)


def learned(cell: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that may learn, by name."""
    return {name: weight for name, weight in cell.named_parameters() if weight.requires_grad}


@contextmanager
def derivatives() -> Iterator[None]:
    """Autograd is on, and cuDNN off: its layers have no derivatives in evaluation mode."""
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        yield


@torch.no_grad()
def begins(cell: Cell, state: State) -> bool:
    """Whether this is the state that the cell begins with."""
    own = cell.initial(state[0].shape[1]) if state else ()
    return len(own) == len(state) and all(map(torch.equal, own, state))


def detached(state: Sequence[Tensor]) -> State:
    """The same numbers without their history."""
    return tuple(part.detach() for part in state)
