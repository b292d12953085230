"""Embedding: columns of codes become learned vectors, columns of numbers pass through."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

FORGOTTEN = 0.02
"""Share of the codes that are replaced by "unknown" in training, so that its vector is learned too."""
WIDEST = 8


def width(categories: int) -> int:
    """Numbers that stand for one of so many categories (and "unknown"); 1 for a column of numbers.

    Example:
        >>> [width(count) for count in (0, 1, 2, 5, 16, 100)]
        [1, 2, 2, 4, 8, 8]
    """
    return min(WIDEST, (categories + 1) // 2 + 1) if categories else 1


class Columns(nn.Module):
    """Turns raw columns into what a network reads; without categories it is the identity, and has no weights.

    Args:
        categories: how many each column has, 0 for numbers; empty where all hold numbers.

    Example:
        >>> columns = Columns((0, 3))
        >>> columns(torch.tensor([[0.5, 2.0]])).shape
        torch.Size([1, 4])
    """

    def __init__(self, categories: Sequence[int] = ()) -> None:
        super().__init__()
        self.categories = tuple(categories)
        self.tables = nn.ModuleDict(
            {str(place): nn.Embedding(count + 1, width(count)) for place, count in enumerate(categories) if count}
        )

    def width(self, first: int, count: int) -> int:
        """Numbers that come of `count` columns from the `first` on."""
        return sum(width(c) for c in self.categories[first : first + count]) if self.categories else count

    def vectors(self, column: int) -> Tensor:
        """The vectors of one column of codes, [code, feature]."""
        return self.get_parameter(f"tables.{column}.weight").detach()

    def forward(self, x: Float[Tensor, "... column"], first: int = 0) -> Float[Tensor, "... feature"]:
        """Columns from the `first` on, codes as integers from 0 (unknown) to the number of categories."""
        counts = self.categories[first : first + x.shape[-1]]
        if not any(counts):
            return x
        parts = []
        for place, count in enumerate(counts):
            column = x[..., place]
            if not count:
                parts.append(column[..., None])
                continue
            code = column.long()
            if self.training:
                code = torch.where(torch.rand_like(column) < FORGOTTEN, 0, code)
            parts.append(self.tables[str(first + place)](code).to(x.dtype))
        return torch.cat(parts, dim=-1)
