"""Feeds: in which order origins reach the network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler

from forecast.errors import SettingsError


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


def _as_is(batch: Any) -> Any:
    return batch
