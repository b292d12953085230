"""Renewal: a lane whose state ceases to be finite begins anew, at that step, and the others read on."""

from __future__ import annotations

import warnings

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from forecast.nets.memory import Memory, Reading
from forecast.nets.network import Network


def read_on(
    network: Network,
    past: Float[Tensor, "lane time channel"],
    static: Float[Tensor, "lane fixed"],
    memory: Memory,
    seen: Bool[Tensor, "lane time channel"] | None = None,
) -> tuple[Reading, Memory]:
    """`Network.read` for forecasting: where the state that the decoder reads is not finite it becomes 0, as at a start.

    Gates and tanh keep a state finite whatever they read; one that is rectified, or of somebody's own cell, may grow
    without end over many rows. Scale and context are not touched: rows are finite (`forecast.data.scale.LIMIT`).

    Warns:
        RuntimeWarning: some lane was renewed.
    """
    reading, end = network.read(past, static, memory, seen)
    if torch.isfinite(reading.hidden.sum()):
        return reading, end
    parts, first = [], 0
    while (step := _broken(reading.hidden)) is not None:
        warnings.warn("a state was not finite any more and begins anew", RuntimeWarning, stacklevel=2)
        here = slice(first, first + step + 1)
        reading, end = network.read(past[:, here], static, memory, None if seen is None else seen[:, here])
        lanes = ~torch.isfinite(reading.hidden[:, -1]).flatten(1).all(dim=1)
        reading.hidden[lanes, -1] = 0.0
        parts.append(reading)
        memory, first = _begun_anew(network, end, lanes), first + step + 1
        if first == past.shape[1]:
            return _joined(parts), memory
        reading, end = network.read(past[:, first:], static, memory, None if seen is None else seen[:, first:])
    return _joined([*parts, reading]), end


def _broken(hidden: Tensor) -> int | None:
    """The first step [lane, time, fold, hidden] at which a lane's state is not finite."""
    steps = (~torch.isfinite(hidden)).flatten(2).any(dim=2).any(dim=0).nonzero()
    return int(steps[0]) if len(steps) else None


def _begun_anew(network: Network, memory: Memory, lanes: Tensor) -> Memory:
    begun, wide = network.cell.initial(len(lanes) * network.fold), lanes.repeat_interleave(network.fold)[None, :, None]
    cell = tuple(torch.where(wide, new, old) for new, old in zip(begun, memory.cell, strict=True))
    return memory._replace(cell=cell)


def _joined(parts: list[Reading]) -> Reading:
    """Pieces that follow each other as one."""
    context = parts[0].context
    values = torch.cat([parts[0].values, *(part.values[:, context:] for part in parts[1:])], dim=1)
    hidden, shift, spread = (
        torch.cat([getattr(part, name) for part in parts], dim=1) for name in ("hidden", "shift", "spread")
    )
    return Reading(hidden, values, shift, spread, context)
