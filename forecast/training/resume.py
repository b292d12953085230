"""What a checkpoint needs beyond Lightning's own, so that a fit goes on as if it had never stopped."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from forecast.nets.memory import Memory, joined
from forecast.nets.scaling import Moments


def packed(memory: Memory | None, world: int) -> dict[str, Any]:
    """The training memory and the random state of every process, as tensors in plain containers."""
    mine = {"memory": _plain(memory), "random": _random()}
    if world == 1:
        return {"processes": [mine]}
    everybody: list[Any] = [None] * world
    dist.all_gather_object(everybody, mine)
    return {"processes": everybody}


def unpacked(saved: dict[str, Any], rank: int, world: int, device: torch.device) -> Memory | None:
    """Set the random state of this process and return the memory of its lanes; the number of processes may differ."""
    processes = saved["processes"]
    random = processes[min(rank, len(processes) - 1)]["random"]
    torch.set_rng_state(random["cpu"])
    for place, state in enumerate(random["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(state, place)
    memories = [process["memory"] for process in processes]
    if any(memory is None for memory in memories):
        return None
    whole = joined([Memory(tuple(kept["cell"]), kept["recent"], Moments(*kept["moments"])) for kept in memories])
    width = len(whole.recent) // world
    mine = whole.lanes(slice(rank * width, (rank + 1) * width))
    return Memory(
        tuple(part.to(device) for part in mine.cell),
        mine.recent.to(device),
        Moments(*(part.to(device) for part in mine.moments)),
    )


def _plain(memory: Memory | None) -> dict[str, Any] | None:
    if memory is None:
        return None
    cell = [_kept(part) for part in memory.cell]
    return {"cell": cell, "recent": _kept(memory.recent), "moments": [_kept(part) for part in memory.moments]}


def _kept(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().clone()


def _random() -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}
