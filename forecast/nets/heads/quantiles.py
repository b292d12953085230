"""Quantiles: any levels, never crossing, trained by the pinball loss."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from forecast.distributions import QuantileTable
from forecast.nets.heads.head import SOFT_ONE, Levelled, held, observed_mean


@dataclass(frozen=True)
class Quantiles(Levelled):
    """Quantiles of the target at any levels.

    The median is a free number, the others are steps above and below it, and steps are positive: quantiles never
    cross, at any weights. Steps begin as those of a normal distribution.

    Args:
        levels: in any order, 0.5 among them.

    Example:
        >>> head = Quantiles((0.1, 0.5, 0.9))
        >>> raw, one = torch.tensor([[[[3.0, -9.0, 9.0]]]]), torch.ones(1, 1, 1)
        >>> said = head.rescale(raw, 0 * one, one).flatten()
        >>> bool((said.diff() > 0).all()), float(said[1])
        (True, 3.0)
    """

    @property
    def width(self) -> int:
        return len(self.levels)

    @cached_property
    def _normal(self) -> tuple[float, ...]:
        return tuple(NormalDist().inv_cdf(level) for level in self.levels)

    def rescale(self, raw: Float[Tensor, "origin step target width"], shift: Tensor, spread: Tensor) -> Tensor:
        """The quantiles, lowest first. Raw numbers: median, then a step for each level from the lowest up."""
        middle = self.levels.index(0.5)
        start = torch.tensor(self._normal, dtype=raw.dtype, device=raw.device).diff()
        steps = start * functional.softplus(raw[..., 1:] + SOFT_ONE)
        total = functional.pad(steps.cumsum(dim=-1), (1, 0))
        values = raw[..., :1] + total - total[..., middle : middle + 1]
        return values * spread[..., None] + shift[..., None]

    def loss(
        self,
        parameters: Float[Tensor, "origin step target width"],
        target: Float[Tensor, "origin step target"],
        seen: Bool[Tensor, "origin step target"] | None,
        last: Tensor | None = None,
    ) -> Float[Tensor, ""]:
        """Mean over the observed cells and all levels of twice the pinball loss (at 0.5: the absolute error)."""
        levels = torch.tensor(self.levels, dtype=parameters.dtype, device=parameters.device)
        away = held(target, seen, parameters[..., 0])[..., None] - parameters
        return observed_mean(2 * torch.maximum(levels * away, (levels - 1) * away).mean(dim=-1), seen)

    def point(self, parameters: Tensor, last: Tensor) -> Tensor:
        """The median."""
        return parameters[..., self.levels.index(0.5)]

    def sample(self, parameters: Tensor, last: Tensor, generator: torch.Generator) -> Tensor:
        """One draw for each cell, between the levels by the straight line, beyond them by the outermost quantile."""
        levels = torch.tensor(self.levels, dtype=parameters.dtype, device=parameters.device)
        shape = parameters.shape[:-1]
        level = torch.rand(shape, generator=generator, dtype=parameters.dtype, device=parameters.device)
        upper = torch.searchsorted(levels, level).clamp(1, len(levels) - 1)
        share = ((level - levels[upper - 1]) / (levels[upper] - levels[upper - 1])).clamp(0, 1)
        low = parameters.gather(-1, (upper - 1)[..., None])[..., 0]
        high = parameters.gather(-1, upper[..., None])[..., 0]
        return low + share * (high - low)

    def distribution(self, parameters: np.ndarray, last: np.ndarray) -> QuantileTable:
        """The quantiles as a table."""
        return QuantileTable(self.levels, parameters)
