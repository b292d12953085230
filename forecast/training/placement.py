"""Placement: a panel too large for its GPU stays in host memory, and batches are cut there one ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from forecast.windows.batches import Batches, Draw
from forecast.windows.gather import Batch, Chunk, Rows
from forecast.windows.stream import Stream, Turn

MOST = 0.5
"""Share of the free memory of a device that a panel may take; the rest is for weights and activations."""


def fits(rows: Rows, device: torch.device) -> bool:
    """Whether a panel may live on a device: on a CUDA device, at most half of what is free there.

    Args:
        rows: on the host.
    """
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return small_enough(rows, free)


def small_enough(rows: Rows, free: int) -> bool:
    """Whether rows take at most half of so many free bytes."""
    parts = (rows.values, rows.static) if rows.seen is None else (rows.values, rows.static, rows.seen)
    return sum(part.nbytes for part in parts) <= MOST * free


def pinned(batch: Batch | Chunk) -> Batch | Chunk:
    """The batch in page-locked memory, from which a GPU copies while it computes; as it is without CUDA."""
    if not torch.cuda.is_available():
        return batch
    return type(batch)._make(part.pin_memory() if isinstance(part, Tensor) else part for part in batch)


class Ahead:
    """A loader whose batches a thread cuts, one ahead of the step that is computed.

    Args:
        loader: yields integers.
        cut: makes a batch of them.
    """

    def __init__(self, loader: Batches | Stream, cut: Callable[[Draw | Turn], Batch | Chunk]) -> None:
        self.loader, self.cut = loader, cut
        self._stands: dict[str, int] | None = None

    def __len__(self) -> int:
        """Batches of a pass."""
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch | Chunk]:
        integers = iter(self.loader)

        def work() -> tuple[Batch | Chunk, dict[str, int]] | None:
            drawn = next(integers, None)
            return None if drawn is None else (self.cut(drawn), self.loader.state_dict())

        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="forecast-cut") as thread:
            coming = thread.submit(work)
            while (made := coming.result()) is not None:
                coming = thread.submit(work)
                batch, self._stands = made
                yield batch

    def state_dict(self) -> dict[str, int]:
        """Where the batches that were handed out stand, not the one that was cut ahead."""
        return self._stands or self.loader.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from where another loader stood."""
        self._stands = None
        self.loader.load_state_dict(state)
