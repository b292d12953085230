"""The contract test of cells."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from forecast.nets.cells import CellFactory, State
from forecast.testing.claims import near, require


def check_cell(factory: CellFactory, inputs: int = 3, hidden_size: int = 5, seed: int = 0) -> None:
    """Check that a cell keeps the promise of `forecast.nets.cells.Cell`.

    A sequence may be cut anywhere and read in pieces, batch rows do not see each other, the state is a tuple of
    [layer, batch, hidden] tensors that is never changed in place, and gradients are finite. Modules are tested in
    float64 and in evaluation mode.

    Args:
        factory: called with `(inputs, hidden_size)`; use `functools.partial` for further settings.
        inputs: numbers a step.
        hidden_size: numbers in the state.
        seed: of weights, inputs and cuts.

    Raises:
        AssertionError: a promise is broken.

    Example:
        >>> from functools import partial
        >>> from forecast.nets.cells import lstm
        >>> check_cell(partial(lstm, layers=2))
    """
    batch, steps = 4, 12
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        cell = factory(inputs, hidden_size)
        if isinstance(cell, nn.Module):
            cell.double().eval()
        start = cell.initial(batch)
        _check_state(start, batch)
        precision = start[0].dtype if start else torch.float64
        start = tuple(torch.randn_like(part) * 0.5 for part in start)
        x = torch.randn(batch, steps, inputs, dtype=precision, requires_grad=True)
        order = torch.randperm(batch)
        cuts = [sorted(set(torch.randint(1, steps, (3,)).tolist())) for _ in range(5)]
    tolerance = 1e-12 if precision == torch.float64 else 1e-5
    require(cell.hidden_size == hidden_size, f"the cell was asked for hidden_size {hidden_size}, its own differs")
    kept = tuple(part.clone() for part in start)
    hidden, end = cell(x, start)
    require(
        tuple(hidden.shape) == (batch, steps, hidden_size),
        f"hidden states are [batch, time, hidden] = {(batch, steps, hidden_size)}, got {tuple(hidden.shape)}",
    )
    _check_state(end, batch, like=start)
    require(all(map(torch.equal, start, kept)), "the cell changed the state it was given in place")
    for cut in [*cuts, list(range(1, steps))]:
        _check_cut(cell, x, start, cut, (hidden, end), tolerance)
    mixed, mixed_end = cell(x[order], tuple(part[:, order] for part in start))
    same = near(mixed, hidden[order], tolerance) and all(
        near(a, b[:, order], tolerance) for a, b in zip(mixed_end, end, strict=True)
    )
    require(same, "a batch row depends on its place in the batch")
    alone, alone_end = cell(x[:1], tuple(part[:, :1] for part in start))
    same = near(alone, hidden[:1], tolerance) and all(
        near(a, b[:, :1], tolerance) for a, b in zip(alone_end, end, strict=True)
    )
    require(same, "a batch row read alone differs from the same row among others")
    hidden.square().sum().backward()
    weights = list(cell.parameters()) if isinstance(cell, nn.Module) else []
    gradients = [x.grad, *(weight.grad for weight in weights if weight.grad is not None)]
    require(
        all(gradient is not None and gradient.isfinite().all() for gradient in gradients),
        "a gradient of the hidden states is missing or not finite",
    )


def _check_state(state: State, batch: int, like: State | None = None) -> None:
    require(
        isinstance(state, tuple) and all(isinstance(part, Tensor) for part in state),
        f"the state is a tuple of tensors, got {type(state).__name__}",
    )
    require(
        all(part.ndim == 3 and part.shape[1] == batch for part in state),
        f"every tensor of the state is [layer, batch, hidden] with a batch of {batch}, got "
        f"{[tuple(part.shape) for part in state]}",
    )
    if like is not None:
        shapes = [[(tuple(part.shape), part.dtype) for part in each] for each in (state, like)]
        require(shapes[0] == shapes[1], "the state that comes out differs in shape or precision from the one put in")


def _check_cut(
    cell: Callable[[Tensor, State], tuple[Tensor, State]],
    x: Tensor,
    state: State,
    cuts: list[int],
    whole: tuple[Tensor, State],
    tolerance: float,
) -> None:
    pieces = []
    for piece in torch.tensor_split(x, cuts, dim=1):
        hidden, state = cell(piece, state)
        pieces.append(hidden)
    same = near(torch.cat(pieces, dim=1), whole[0], tolerance) and all(
        near(a, b, tolerance) for a, b in zip(state, whole[1], strict=True)
    )
    require(same, f"reading a sequence in pieces cut at {cuts} differs from reading it at once")
