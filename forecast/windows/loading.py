"""What loaders share: the process they load for, where they stand in a pass, and what a part of a batch weighs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """Which process of how many.

    Example:
        >>> [Share(rank, 3).part(10, 14) for rank in range(3)]
        [(10, 11), (11, 12), (12, 14)]
    """

    rank: int = 0
    world: int = 1

    def part(self, low: int, high: int) -> tuple[int, int]:
        """Which of the places low to high are this process's; parts are disjoint, together all, equal up to one."""
        size = high - low
        return low + self.rank * size // self.world, low + (self.rank + 1) * size // self.world


def weight(own: int, cells: int, world: int) -> float:
    """What a mean over this process's cells is multiplied by, so that processes average to the mean over all.

    Args:
        own: observed target cells of this process.
        cells: those of all processes.
        world: number of processes.
    """
    return world * own / max(cells, 1)


class Cursor:
    """Where a loader stands: the pass it is in, and the batch that comes next.

    Args:
        length: batches of a pass.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self.epoch, self.position = -1, length
        self._resume: tuple[int, int] | None = None

    def enter(self) -> tuple[int, range]:
        """Begin the next pass, or go on in the one that was loaded: its number, and the batches still to come."""
        self.epoch, start = self._resume or (self.epoch + 1, 0)
        self._resume = None
        return self.epoch, range(start, self.length)

    def state_dict(self) -> dict[str, int]:
        """Two integers that `load_state_dict` goes on from."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from where another loader stood."""
        self.epoch, self.position = int(state["epoch"]), int(state["position"])
        self._resume = (self.epoch, self.position) if self.position < self.length else None


class Resumable:
    """A loader that says how long a pass is and where it stands in it, by its cursor."""

    cursor: Cursor

    def __len__(self) -> int:
        """Batches of a pass, as many in every pass."""
        return self.cursor.length

    def state_dict(self) -> dict[str, int]:
        """Where the loader stands: the pass, and the batch that comes next in it."""
        return self.cursor.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from where another loader stood."""
        self.cursor.load_state_dict(state)
