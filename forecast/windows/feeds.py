"""Feeds: in which order origins reach the network, as settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler

from forecast.errors import SettingsError
from forecast.windows.stream import Pace


class OriginIndex(Dataset[Tensor]):
    """A dataset of integers: batches are rows of `index`, taken in one indexing; windows are cut on the device.

    Args:
        index: int64 [origin, 2] (`forecast.windows.gather.index_of`).
    """

    def __init__(self, index: Tensor) -> None:
        self.index = index

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, index: int) -> Tensor:
        return self.index[index]

    def __getitems__(self, items: list[int]) -> Tensor:
        return self.index[torch.from_numpy(np.array(items))]


class Shuffled(RandomSampler):
    """torch's random sampler, handing out a list instead of waking a generator for every origin."""

    def __iter__(self) -> Iterator[int]:
        return iter(torch.randperm(self.num_samples, generator=self.generator).tolist())


@dataclass(frozen=True)
class Windowed:
    """Independent windows in random order: each origin brings its own context, the state starts afresh.

    Args:
        batch_size: origins a step.
        shuffle: draw training origins in a new random order every epoch.

    Example:
        >>> index = torch.arange(10).reshape(5, 2)
        >>> [len(batch) for batch in Windowed(batch_size=2).loader(index, training=False)]
        [2, 2, 1]
    """

    batch_size: int = 64
    shuffle: bool = True

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise SettingsError(f"batch_size={self.batch_size}: at least 1")

    def loader(self, index: Tensor, training: bool, seed: int = 0) -> DataLoader[Tensor]:
        """A DataLoader of integer batches; Lightning may put its distributed sampler into it."""
        dataset = OriginIndex(index)
        generator = torch.Generator().manual_seed(seed)
        shuffled = Shuffled(dataset, generator=generator) if training and self.shuffle and len(dataset) else None
        return DataLoader(dataset, batch_size=self.batch_size, sampler=shuffled, collate_fn=_as_is, generator=generator)


UPDATES = 32
"""Turns a pass should have at least: a step of the optimizer each."""


@dataclass(frozen=True)
class Streamed:
    """Contiguous streams: every row is read once, in order, and a forecast is asked at every step.

    The state is carried from turn to turn of a pass and detached between them (truncated backpropagation through time
    over `chunk` steps). Passes begin afresh; the exact rows where chunks begin are drawn anew for each, and so is the
    lane a series goes to. The order inside a series never changes.

    Args:
        lanes: rows of the batch; None takes as many as leave at least 32 turns in a pass, 32 at most.
        chunk: steps between two steps of the optimizer, or "season" for the smallest multiple of the season that is at
            least 24.
        burn_in: steps read without loss where a lane begins; None takes one chunk.
        shuffle: cannot be asked for.

    Raises:
        SettingsError: numbers below 1, or a shuffled stream.
    """

    lanes: int | None = None
    chunk: int | Literal["season"] = 24
    burn_in: int | None = None
    shuffle: bool = False

    def __post_init__(self) -> None:
        if self.shuffle:
            raise SettingsError(
                "shuffle=True: a stream is read in order, its state would mean nothing otherwise; "
                "use Windowed() for shuffled windows"
            )
        for name, least in (("lanes", 1), ("chunk", 1), ("burn_in", 0)):
            value = getattr(self, name)
            if value is None or (name == "chunk" and value == "season"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
                word = ' or "season"' if name == "chunk" else ""
                raise SettingsError(f"{name}={value!r}: a whole number of at least {least}{word}")

    def settled(self, rows: Sequence[int] | np.ndarray, season: int) -> Pace:
        """The feed's numbers, filled in for a panel.

        Args:
            rows: origins of each series.
            season: steps of a season, 1 for none.

        Example:
            >>> Streamed(chunk="season").settled(rows=[10_000], season=7)
            Pace(lanes=11, chunk=28, burn_in=28)
        """
        chunk = -(-24 // season) * season if self.chunk == "season" else self.chunk
        turns = int((-(-np.asarray(rows) // chunk)).sum())  # with one lane: a turn reads of one series only
        lanes = min(32, max(1, turns // UPDATES)) if self.lanes is None else self.lanes
        return Pace(lanes, chunk, chunk if self.burn_in is None else self.burn_in)


Feed = Windowed | Streamed


def _as_is(batch: Any) -> Any:
    return batch
