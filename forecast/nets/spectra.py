"""Spectra: how much a recurrence can stretch or shrink what it carries, by its weights and at the states it was in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from forecast.nets.cells import Cell, State

GATES = {1: ("",), 3: (" reset", " update", " new"), 4: (" input", " forget", " cell", " output")}


class Spectrum(NamedTuple):
    """Of a matrix.

    Args:
        matrix: its name.
        radius: the largest absolute eigenvalue.
        norm: the largest singular value.
    """

    matrix: str
    radius: float
    norm: float


def recurrent_matrices(cell: Cell) -> Iterator[tuple[str, Tensor]]:
    """Square recurrent matrices under torch's names (weight_hh, weight_hh_l0 ...), one for each gate.

    A projected LSTM has none: what it carries is narrower than its gates.

    Example:
        >>> from forecast.nets.cells import gru
        >>> [name for name, _ in recurrent_matrices(gru(2, 3))]
        ['layer.weight_hh_l0 reset', 'layer.weight_hh_l0 update', 'layer.weight_hh_l0 new']
    """
    if not isinstance(cell, nn.Module):
        return
    weights = dict(cell.named_parameters())
    for name, weight in weights.items():
        head, _, last = name.rpartition(".")
        projected = f"{head}{'.' if head else ''}{last.replace('weight_hh', 'weight_hr')}" in weights
        if not last.startswith("weight_hh") or projected or weight.shape[0] % weight.shape[1]:
            continue
        parts = weight.detach().split(weight.shape[1])
        for gate, part in zip(GATES.get(len(parts), [f" {i}" for i in range(len(parts))]), parts, strict=True):
            yield name + gate, part


def spectrum(name: str, matrix: Tensor) -> Spectrum:
    """Radius and norm of a square matrix, or the medians of those of several [lane, row, column].

    Example:
        >>> spectrum("rotation by a quarter", torch.tensor([[0.0, -1.0], [1.0, 0.0]]))
        Spectrum(matrix='rotation by a quarter', radius=1.0, norm=1.0)
    """
    wide = matrix.double().cpu()
    radius = torch.linalg.eigvals(wide).abs().amax(dim=-1)
    norm = torch.linalg.matrix_norm(wide, ord=2)
    return Spectrum(name, float(radius.quantile(0.5)), float(norm.quantile(0.5)))


def step_jacobian(cell: Cell, x: Tensor, state: State) -> Tensor:
    """Derivative of the state after a step by the state before it, [lane, size, size], size of all parts together.

    Args:
        x: what is read, [lane, input].
        state: before the step, every tensor [layer, lane, hidden].
    """
    before = tuple(part.detach().requires_grad_() for part in state)
    _, after = cell(x.detach()[:, None], before)
    flat = _flat(after)
    rows = []
    for place in range(flat.shape[1]):
        slopes = torch.autograd.grad(flat[:, place].sum(), before, retain_graph=True, allow_unused=True)
        rows.append(_flat(tuple(torch.zeros_like(b) if s is None else s for s, b in zip(slopes, before, strict=True))))
    return torch.stack(rows, dim=1)


def _flat(state: State) -> Tensor:
    """All parts and layers beside each other, [lane, size]."""
    return torch.cat([part.transpose(0, 1).flatten(1) for part in state], dim=1)
