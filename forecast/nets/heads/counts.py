"""Heads of counts: Poisson and negative binomial. Targets stay counts (units "count")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from forecast.distributions import NegativeBinomial, Poisson
from forecast.nets.heads.head import SOFT_ONE, Levelled, Units, held, observed_mean

LEAST = 1e-6
"""Least rate: the likelihood of one count where none was thought possible is not infinitely small."""


@dataclass(frozen=True)
class _Counts(Levelled):
    @property
    def units(self) -> Units:
        return "count"

    def point(self, parameters: Tensor, last: Tensor) -> Tensor:
        """The mean."""
        return parameters[..., 0]


@dataclass(frozen=True)
class PoissonCount(_Counts):
    """The rate of a Poisson distribution.

    Args:
        levels: quantiles of its forecasts.
    """

    @property
    def width(self) -> int:
        return 1

    def rescale(self, raw: Float[Tensor, "origin step target 1"], shift: Tensor, spread: Tensor) -> Tensor:
        """The rate: raw numbers in units of the window, kept above 0."""
        return _rate(raw, shift[..., None], spread[..., None])

    def loss(
        self,
        parameters: Float[Tensor, "origin step target 1"],
        target: Float[Tensor, "origin step target"],
        seen: Bool[Tensor, "origin step target"] | None,
        last: Tensor | None = None,
    ) -> Float[Tensor, ""]:
        """Mean negative log-likelihood of the observed cells."""
        rate = parameters[..., 0]
        count = held(target, seen, rate)
        return observed_mean(rate - count * rate.log() + torch.lgamma(count.clamp(min=0) + 1), seen)

    def sample(self, parameters: Tensor, last: Tensor, generator: torch.Generator) -> Tensor:
        """One draw for each cell."""
        return torch.poisson(parameters[..., 0], generator=generator)

    def distribution(self, parameters: np.ndarray, last: np.ndarray) -> Poisson:
        """The Poisson distribution."""
        return Poisson(parameters[..., 0])


@dataclass(frozen=True)
class NegativeBinomialCount(_Counts):
    """Mean and shape of a negative binomial distribution: variance = mean + mean^2 / shape.

    Args:
        levels: quantiles of its forecasts.
    """

    @property
    def width(self) -> int:
        return 2

    def rescale(self, raw: Float[Tensor, "origin step target 2"], shift: Tensor, spread: Tensor) -> Tensor:
        """Mean, kept above 0, and shape (5 at the start): its inverse is learned, so that Poisson is within reach."""
        mean = _rate(raw[..., 0], shift, spread)
        return torch.stack([mean, 1 / (LEAST + functional.softplus(raw[..., 1] - 1.5))], dim=-1)

    def loss(
        self,
        parameters: Float[Tensor, "origin step target 2"],
        target: Float[Tensor, "origin step target"],
        seen: Bool[Tensor, "origin step target"] | None,
        last: Tensor | None = None,
    ) -> Float[Tensor, ""]:
        """Mean negative log-likelihood of the observed cells."""
        mean, shape = parameters.unbind(-1)
        count = held(target, seen, mean).clamp(min=0)
        ways = torch.lgamma(count + shape) - torch.lgamma(shape) - torch.lgamma(count + 1)
        cells = shape * torch.log1p(mean / shape) + count * (torch.log1p(shape / mean))
        return observed_mean(cells - ways, seen)

    def sample(self, parameters: Tensor, last: Tensor, generator: torch.Generator) -> Tensor:
        """One draw for each cell: a Poisson one whose rate is a gamma one."""
        mean, shape = parameters.unbind(-1)
        rate = torch._standard_gamma(shape, generator=generator) * (mean / shape)
        return torch.poisson(rate, generator=generator)

    def distribution(self, parameters: np.ndarray, last: np.ndarray) -> NegativeBinomial:
        """The negative binomial distribution."""
        return NegativeBinomial(parameters[..., 0], parameters[..., 1])


def _rate(raw: Tensor, shift: Tensor, spread: Tensor) -> Tensor:
    """Nearly shift + raw * spread where that is well above 0, and above 0 everywhere.

    A straight line on large counts, so that a linear skip stays one; `softplus` bends it within a spread of 0.
    """
    return LEAST + spread * functional.softplus((shift / spread + raw) / SOFT) * SOFT


SOFT = 0.5 * SOFT_ONE
"""How sharply the line bends."""
