"""Heads of densities: Gaussian, Student's t, mixture of Gaussians. Trained by the negative log-likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from forecast.distributions import Mixture, Normal, StudentT
from forecast.errors import SettingsError
from forecast.nets.heads.head import Levelled, held, observed_mean, width_of

HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)
LEAST_DF = 2.0
"""Student's t below it has no variance."""


@dataclass(frozen=True)
class Gaussian(Levelled):
    """Mean and standard deviation of a normal distribution.

    Args:
        levels: quantiles of its forecasts.

    Example:
        >>> head = Gaussian(levels=(0.1, 0.5, 0.9))
        >>> raw = head.rescale(torch.zeros(1, 1, 1, 2), torch.full((1, 1, 1), 5.0), torch.full((1, 1, 1), 2.0))
        >>> [round(value, 4) for value in raw.flatten().tolist()]
        [5.0, 2.0]
    """

    @property
    def width(self) -> int:
        return 2

    def rescale(self, raw: Float[Tensor, "origin step target 2"], shift: Tensor, spread: Tensor) -> Tensor:
        """Mean and standard deviation."""
        return torch.stack([raw[..., 0] * spread + shift, width_of(raw[..., 1], spread)], dim=-1)

    def loss(
        self,
        parameters: Float[Tensor, "origin step target 2"],
        target: Float[Tensor, "origin step target"],
        seen: Bool[Tensor, "origin step target"] | None,
        last: Tensor | None = None,
    ) -> Float[Tensor, ""]:
        """Mean negative log-likelihood of the observed cells."""
        mean, width = parameters.unbind(-1)
        away = (held(target, seen, mean) - mean) / width
        return observed_mean(0.5 * away * away + width.log() + HALF_LOG_TAU, seen)

    def point(self, parameters: Tensor, last: Tensor) -> Tensor:
        """The mean."""
        return parameters[..., 0]

    def sample(self, parameters: Tensor, last: Tensor, generator: torch.Generator) -> Tensor:
        """One draw for each cell."""
        return parameters[..., 0] + parameters[..., 1] * _normal(parameters[..., 0], generator)

    def distribution(self, parameters: np.ndarray, last: np.ndarray) -> Normal:
        """The normal distribution."""
        return Normal(parameters[..., 0], parameters[..., 1])


@dataclass(frozen=True)
class Student(Levelled):
    """Location, scale and degrees of freedom (above 2) of Student's t: for returns, and whatever has outliers.

    Under transform="log", "log1p" or "log-return" the forecast is the exponential of a t, which has no mean and whose
    CRPS is infinite, however narrow it is: judge it by log_score, pinball or coverage, or take transform="difference".

    Args:
        levels: quantiles of its forecasts.
    """

    @property
    def width(self) -> int:
        return 3

    def rescale(self, raw: Float[Tensor, "origin step target 3"], shift: Tensor, spread: Tensor) -> Tensor:
        """Location, scale, degrees of freedom (6.6 at the start)."""
        df = LEAST_DF + functional.softplus(raw[..., 2] + 4.6)
        return torch.stack([raw[..., 0] * spread + shift, width_of(raw[..., 1], spread), df], dim=-1)

    def loss(
        self,
        parameters: Float[Tensor, "origin step target 3"],
        target: Float[Tensor, "origin step target"],
        seen: Bool[Tensor, "origin step target"] | None,
        last: Tensor | None = None,
    ) -> Float[Tensor, ""]:
        """Mean negative log-likelihood of the observed cells."""
        place, width, df = parameters.unbind(-1)
        away = (held(target, seen, place) - place) / width
        constant = torch.lgamma(df / 2) - torch.lgamma((df + 1) / 2) + 0.5 * (df * math.pi).log()
        cells = constant + width.log() + (df + 1) / 2 * torch.log1p(away * away / df)
        return observed_mean(cells, seen)

    def point(self, parameters: Tensor, last: Tensor) -> Tensor:
        """The location: mean and median."""
        return parameters[..., 0]

    def sample(self, parameters: Tensor, last: Tensor, generator: torch.Generator) -> Tensor:
        """One draw for each cell: a normal one over the root of a chi-squared one."""
        place, width, df = parameters.unbind(-1)
        chi = 2 * _gamma(df / 2, generator)
        return place + width * _normal(place, generator) * torch.sqrt(df / chi)

    def distribution(self, parameters: np.ndarray, last: np.ndarray) -> StudentT:
        """Student's t distribution."""
        return StudentT(parameters[..., 0], parameters[..., 1], parameters[..., 2])


@dataclass(frozen=True)
class GaussianMixture(Levelled):
    """Several Gaussians, weighted: for targets with more than one habit.

    Args:
        levels: quantiles of its forecasts.
        components: how many Gaussians.
    """

    components: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.components, int) or self.components < 2:
            raise SettingsError(f"components={self.components}: a whole number, at least 2 (one is the Gaussian head)")

    @property
    def width(self) -> int:
        return 3 * self.components

    def rescale(self, raw: Float[Tensor, "origin step target width"], shift: Tensor, spread: Tensor) -> Tensor:
        """Logits of the weights, means, standard deviations, one after the other.

        The first raw number is the level of all means; they start a little apart, or they would stay one.
        """
        first, offsets, widths, logits = raw.split([1, self.components - 1, self.components, self.components], dim=-1)
        apart = torch.linspace(-1.0, 1.0, self.components, dtype=raw.dtype, device=raw.device)
        means = first + apart + functional.pad(offsets, (1, 0))
        return torch.cat(
            [logits, means * spread[..., None] + shift[..., None], width_of(widths, spread[..., None])], dim=-1
        )

    def loss(
        self,
        parameters: Float[Tensor, "origin step target width"],
        target: Float[Tensor, "origin step target"],
        seen: Bool[Tensor, "origin step target"] | None,
        last: Tensor | None = None,
    ) -> Float[Tensor, ""]:
        """Mean negative log-likelihood of the observed cells."""
        logits, means, widths = parameters.chunk(3, dim=-1)
        away = (held(target, seen, means[..., 0])[..., None] - means) / widths
        each = -0.5 * away * away - widths.log() - HALF_LOG_TAU
        return observed_mean(-torch.logsumexp(functional.log_softmax(logits, dim=-1) + each, dim=-1), seen)

    def point(self, parameters: Tensor, last: Tensor) -> Tensor:
        """The mean."""
        logits, means, _ = parameters.chunk(3, dim=-1)
        return (functional.softmax(logits, dim=-1) * means).sum(dim=-1)

    def sample(self, parameters: Tensor, last: Tensor, generator: torch.Generator) -> Tensor:
        """One draw for each cell."""
        logits, means, widths = parameters.chunk(3, dim=-1)
        which = _choice(functional.softmax(logits, dim=-1), generator)[..., None]
        mean, width = means.gather(-1, which)[..., 0], widths.gather(-1, which)[..., 0]
        return mean + width * _normal(mean, generator)

    def distribution(self, parameters: np.ndarray, last: np.ndarray) -> Mixture:
        """The mixture."""
        logits, means, widths = np.split(parameters, 3, axis=-1)
        weight = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return Mixture(weight / weight.sum(axis=-1, keepdims=True), means, widths)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)


def _choice(weight: Tensor, generator: torch.Generator) -> Tensor:
    """An index of the last axis for each cell, by its weights."""
    return torch.multinomial(weight.flatten(0, -2), 1, generator=generator).view(weight.shape[:-1])


def _gamma(shape: Tensor, generator: torch.Generator) -> Tensor:
    """Draws of the gamma distribution with scale 1, by the generator that is given (torch.distributions take none).

    `torch._standard_gamma` is what torch's own Gamma calls, and the one sampler of it that takes a generator.
    """
    return torch._standard_gamma(shape, generator=generator).clamp(min=torch.finfo(shape.dtype).tiny)
