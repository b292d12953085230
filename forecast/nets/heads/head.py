"""The promise of a head, and what all of them share.

A head is a value without weights; the network owns the projection to `width` numbers per target and step. `rescale`
makes *parameters* of these numbers, in the units of the scaled series; everything else is said of the parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from forecast.distributions import Distribution
from forecast.errors import SettingsError

Units = Literal["level", "count", "change"]
"""How the targets of a series are scaled by its training rows: "level" by mean and standard deviation, "count" not at
all, "change" by the mean and the standard deviation of the changes from row to row."""

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
FLOOR = 1e-4
"""Least width of a density, in units of the scale that the network reads: below it, one lucky hit would be worth more
than all misses."""


@runtime_checkable
class Head(Protocol):
    """What a head promises. Raw numbers and parameters are [origin, step, target, width], `last` [origin, 1, target]
    is the newest value at each origin, in the same units.

    Attributes:
        width: numbers per target and step.
        levels: quantile levels of its forecasts, 0.5 among them; none for a single number.
        units: how it wants the targets scaled.
        located: whether the first raw number is a level, to which a skip may add the context.
    """

    @property
    def width(self) -> int: ...
    @property
    def levels(self) -> tuple[float, ...]: ...
    @property
    def units(self) -> Units: ...
    @property
    def located(self) -> bool: ...
    def rescale(self, raw: Tensor, shift: Tensor, spread: Tensor) -> Tensor: ...
    def loss(self, parameters: Tensor, target: Tensor, seen: Tensor | None, last: Tensor | None = None) -> Tensor: ...
    def point(self, parameters: Tensor, last: Tensor) -> Tensor: ...
    def sample(self, parameters: Tensor, last: Tensor, generator: torch.Generator) -> Tensor: ...
    def distribution(self, parameters: np.ndarray, last: np.ndarray) -> Distribution | None: ...


@dataclass(frozen=True)
class Levelled:
    """What heads with quantiles share: their levels, and that their first raw number is a level.

    Args:
        levels: quantiles of the forecasts.
    """

    levels: tuple[float, ...] = LEVELS

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", checked_levels(self.levels))

    @property
    def units(self) -> Units:
        return "level"

    @property
    def located(self) -> bool:
        return True


def observed_mean(cells: Float[Tensor, "origin step target"], seen: Bool[Tensor, ...] | None) -> Float[Tensor, ""]:
    """Mean over the observed cells; 0 when none was observed."""
    if seen is None:
        return cells.mean()
    return torch.where(seen, cells, 0.0).sum() / seen.sum().clamp(min=1)


def held(
    target: Float[Tensor, "origin step target"], seen: Bool[Tensor, ...] | None, by: Tensor
) -> Float[Tensor, "origin step target"]:
    """Targets without what stands in cells that were not observed: a NaN that only the loss is masked for still
    reaches the gradients, as 0 * NaN.

    Args:
        by: stands in for them; its gradient stops here.
    """
    return target if seen is None else torch.where(seen, target, by.detach())


def width_of(raw: Tensor, spread: Tensor) -> Tensor:
    """A positive width from any number: `spread` itself at 0, no less than `FLOOR` of it."""
    return spread * (FLOOR + (1 - FLOOR) * functional.softplus(raw + SOFT_ONE))


SOFT_ONE = 0.5413248546129181
"""Where softplus is 1."""


def checked_levels(levels: tuple[float, ...]) -> tuple[float, ...]:
    """Levels in order, for heads that are asked for quantiles.

    Raises:
        SettingsError: a level outside of 0 to 1, twice the same, or no 0.5, which is the point forecast.

    Example:
        >>> checked_levels((0.9, 0.5, 0.1))
        (0.1, 0.5, 0.9)
    """
    wrong = [level for level in levels if not isinstance(level, int | float) or not 0 < level < 1]
    if wrong:
        raise SettingsError(f"level {wrong[0]!r}: levels lie between 0 and 1")
    if len(set(levels)) < len(levels) or 0.5 not in levels:
        raise SettingsError(f"levels {tuple(levels)}: each once, and 0.5 among them (it is the point forecast)")
    return tuple(float(level) for level in sorted(levels))
