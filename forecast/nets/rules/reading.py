"""What all rules share: which cells they serve, which weights learn, and a cell that is read under autograd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from forecast.errors import SettingsError
from forecast.nets.cells import require_one_way
from forecast.nets.promise import Cell, State


def learner(cell: Cell) -> Cell:
    """The cell, if it is a module in evaluation mode, or an error that says why it cannot learn step by step."""
    if not isinstance(cell, nn.Module):
        raise SettingsError(f"{type(cell).__name__} is no torch.nn.Module, so it has no parameters that could learn")
    if cell.training:
        raise SettingsError(
            f"{type(cell).__name__} is in training mode: what dropout and zoneout draw would differ between a step and "
            "its gradient; put the cell or its network into evaluation mode first, by train(False)"
        )
    return cell


def admitted(cell: Cell) -> Cell:
    """`learner`, checked for what cannot change from step to step, too."""
    require_one_way(cell)
    return learner(cell)


def learned(cell: Cell) -> dict[str, nn.Parameter]:
    """The parameters that may learn, by name."""
    every = cell.named_parameters() if isinstance(cell, nn.Module) else ()
    return {name: weight for name, weight in every if weight.requires_grad}


@contextmanager
def derivatives(x: Tensor) -> Iterator[Tensor]:
    """Autograd is on, wherever it was turned off; yields x as it takes it.

    For what lives on a GPU cuDNN is off, whose layers have no derivatives in evaluation mode.
    """
    fused = torch.backends.cudnn.flags(enabled=False) if x.is_cuda else nullcontext()
    with torch.inference_mode(mode=False), torch.enable_grad(), fused:
        yield x.clone() if x.is_inference() else x


@contextmanager
def many_derivatives(x: Tensor) -> Iterator[Tensor]:
    """`derivatives` without oneDNN, whose LSTM has no second ones, and takes several at once one after the other
    (measured: ten times slower).
    """
    fused = torch.backends.mkldnn
    before = fused.enabled
    fused.enabled = False  # pyrefly: ignore[bad-assignment]
    try:
        with derivatives(x) as x:
            yield x
    finally:
        fused.enabled = before  # pyrefly: ignore[bad-assignment]


@torch.no_grad()
def begins(cell: Cell, state: State) -> bool:
    """Whether this is the state that the cell begins with."""
    own = cell.initial(state[0].shape[1]) if state else ()
    return len(own) == len(state) and all(map(torch.equal, own, state))


def detached(state: Sequence[Tensor]) -> State:
    """The same numbers without their history."""
    return tuple(part.detach() for part in state)


def flat(state: Sequence[Tensor]) -> Tensor:
    """All parts and layers beside each other, [lane, size]."""
    return torch.cat([part.transpose(0, 1).flatten(1) for part in state], dim=1)


def states_in(tensors: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """The parts of a state that a trace was saved with, in their order: "state.10" comes after "state.9".

    Example:
        >>> [int(part) for part in states_in({f"state.{place}": torch.tensor(place) for place in (10, 9)})]
        [9, 10]
    """
    places = sorted(int(name.removeprefix("state.")) for name in tensors if name.startswith("state."))
    return tuple(tensors[f"state.{place}"] for place in places)


def copied(tensors: Mapping[str, Tensor | None]) -> dict[str, Tensor]:
    """Those that are there, with memory of their own: a file of safetensors holds none that share it."""
    every = {name: part for name, part in tensors.items() if part is not None}
    return {name: part.detach().clone(memory_format=torch.contiguous_format) for name, part in every.items()}
