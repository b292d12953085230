"""Room: what a fit needs of memory at least, told before it begins, and advice where it was too little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from forecast.errors import SettingsError, TrainingError
from forecast.nets.heads import Head
from forecast.nets.network import Architecture, Network, Sizes
from forecast.work.memory import free_memory
from forecast.work.writing import size

LARGE = 4096
"""Hidden size from which weights are counted before they are made."""
COPIES = 4
"""Of every weight while Adam trains: itself, its gradient and two moments."""


def require_room(architecture: Architecture, sizes: Sizes, head: Head) -> None:
    """Refuse a network whose weights and what trains them cannot be held, without making them.

    Raises:
        SettingsError: says how much is needed at least, and how much is there.
    """
    if architecture.hidden_size < LARGE:
        return
    with torch.device("meta"):  # shapes without numbers
        weights = sum(weight.numel() for weight in Network(architecture, sizes, head).parameters())
    need, free = 4 * COPIES * weights, free_memory()
    if need > free:
        raise SettingsError(
            f"hidden_size={architecture.hidden_size}, layers={architecture.layers}: {weights:,} weights need "
            f"{size(need)} in training, {size(free)} are free; take a smaller hidden_size or fewer layers"
        )


def require_batch_room(rows: int, steps: int, hidden: int) -> None:
    """Refuse batches whose states cannot be held for the gradient.

    Args:
        rows: windows or lanes of a process's batch.
        steps: each of them reads.
        hidden: numbers of a state, in all layers together.

    Raises:
        SettingsError: names the largest batch that may fit.
    """
    one, free = 4 * steps * hidden, free_memory()
    if rows * one > free:
        raise SettingsError(
            f"batches of {rows} with {steps} steps each need {size(rows * one)} at least for the states alone, "
            f"{size(free)} are free; take batches of {max(1, int(free / one / 2))} (Windowed(batch_size=...) or "
            "Streamed(lanes=...)), a smaller hidden_size, or a shorter context"
        )


@contextmanager
def advising(rows: int) -> Iterator[None]:
    """Make a TrainingError with advice of an allocation that fails inside.

    Args:
        rows: of a training batch: windows or lanes.
    """
    try:
        yield
    except (torch.cuda.OutOfMemoryError, MemoryError) as error:
        raise TrainingError(_advice(rows, str(error))) from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):  # torch's words for the host
            raise
        raise TrainingError(_advice(rows, str(error))) from error


def _advice(rows: int, detail: str) -> str:
    smaller = f"try batches of {rows // 2} instead of {rows} (Windowed(batch_size=...) or Streamed(lanes=...)), " * (
        rows > 1
    )
    first = detail.partition("\n")[0][:200]
    return f"memory ran out while training: {smaller}a smaller hidden_size, or a shorter context ({first})"
