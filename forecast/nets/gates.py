"""Gates: how far those of a cell are open at a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from forecast.nets.cells import Cell, Fused, State

LSTM = ("input", "forget", None, "output")
GRU = ("reset", "update", None)


@runtime_checkable
class Gated(Protocol):
    """What a cell of one's own may offer to have its gates looked at."""

    def gates(self, x: Tensor, before: State, after: State) -> Mapping[str, Tensor]:
        """Openings from 0 to 1, [layer, lane, hidden], of the step that read `x` [lane, input]."""
        ...


@torch.no_grad()
def gates_of(cell: Cell, x: Tensor, before: State, after: State) -> Mapping[str, Tensor]:
    """Openings from 0 to 1 of every gate, [layer, lane, hidden]; none where the cell has no gates or does not tell.

    Args:
        x: what was read, [lane, input].
        before: the state before that step.
        after: the state after it; what a layer says is what the one above reads.

    Example:
        >>> from forecast.nets.cells import lstm
        >>> cell, x = lstm(2, 3), torch.zeros(4, 1, 2)
        >>> before = cell.initial(4)
        >>> _, after = cell(x, before)
        >>> {name: round(float(gate.mean()), 3) for name, gate in gates_of(cell, x[:, 0], before, after).items()}
        {'input': 0.5, 'forget': 0.731, 'output': 0.5}
    """
    if isinstance(cell, Gated) and callable(cell.gates):  # the cells of stepped.py have their number there
        return cell.gates(x, before, after)
    if not isinstance(cell, Fused) or not isinstance(cell.layer, nn.LSTM | nn.GRU):
        return {}
    layer, names = cell.layer, LSTM if isinstance(cell.layer, nn.LSTM) else GRU
    read = [x, *after[0][:-1]]
    layers = [_layer(layer, place, read[place], before[0][place]) for place in range(layer.num_layers)]
    parts = torch.sigmoid(torch.stack(layers)).chunk(len(names), dim=2)
    return {name: part for name, part in zip(names, parts, strict=True) if name is not None}


def _layer(layer: nn.RNNBase, place: int, x: Tensor, hidden: Tensor) -> Tensor:
    """What the gates of a layer sum up, [lane, gates x hidden]."""
    bias = (getattr(layer, f"bias_{kind}_l{place}") if layer.bias else None for kind in ("ih", "hh"))
    below, beside = (getattr(layer, f"weight_{kind}_l{place}") for kind in ("ih", "hh"))
    return nn.functional.linear(x, below, next(bias)) + nn.functional.linear(hidden, beside, next(bias))
