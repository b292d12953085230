"""Mixtures of normal distributions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from forecast.distributions.family import Family, as_levels, require, require_axes, set_parameters
from forecast.distributions.normal import LOG_ROOT_TAU, expected_distance
from forecast.distributions.protocol import Shape

MOST_STEPS = 200  # of the search for a quantile; halving a bracket alone takes about 100
TIGHT = 1e-13  # relative width of a bracket that is narrow enough


@dataclass(frozen=True, eq=False)
class Mixture(Family):
    """Mixture of normal distributions in every cell.

    Args:
        weight: probability of each component, float64 [origin, step, target, component]; sums to 1.
        loc: means, same shape.
        scale: standard deviations, positive, same shape.

    Raises:
        SettingsError: a parameter is not finite, a scale not positive, or weights do not sum to 1.

    Example:
        >>> shape = (1, 1, 1, 2)
        >>> loc = np.broadcast_to([-1.0, 3.0], shape)
        >>> said = Mixture(weight=np.full(shape, 0.5), loc=loc, scale=np.ones(shape))
        >>> said.mean().item(), round(said.median().item(), 6)
        (1.0, 1.0)
    """

    weight: np.ndarray
    loc: np.ndarray
    scale: np.ndarray

    def __post_init__(self) -> None:
        set_parameters(self, weight=self.weight, loc=self.loc, scale=self.scale)
        require_axes(self, "loc", "origin, step, target, component")
        require(self, "loc", np.isfinite(self.loc), "finite")
        require(self, "scale", np.isfinite(self.scale) & (self.scale > 0), "positive and finite")
        require(self, "weight", np.isfinite(self.weight) & (self.weight >= 0), "at least 0")
        total = self.weight.sum(axis=-1, keepdims=True)
        require(self, "weight", np.abs(total - 1.0) < 1e-4, "such that a cell's weights sum to 1")
        object.__setattr__(self, "weight", self.weight / total)  # softmax in float32 is off by 1e-7

    @property
    def shape(self) -> Shape:
        """Origins, steps and targets."""
        return self.loc.shape[:3]

    def mean(self) -> np.ndarray:
        """Expected value [origin, step, target]."""
        return (self.weight * self.loc).sum(axis=-1)

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Quantiles [origin, step, target, level]: Newton's steps, halving where one would leave the bracket."""
        array = as_levels(levels)
        return self._invert(special.ndtri(array), np.broadcast_to(array, (*self.shape, len(array))))

    def at_score(self, score: np.ndarray) -> np.ndarray:
        """Quantile of the level that a standard normal variable has at `score`."""
        scores = np.broadcast_to(score, self.shape)[..., None]
        return self._invert(scores, special.ndtr(scores))[..., 0]

    def samples(self, count: int, seed: int = 0) -> np.ndarray:
        """Independent draws [sample, origin, step, target]."""
        random = np.random.default_rng(seed)
        edges = np.cumsum(self.weight, axis=-1)[..., :-1]
        chosen = (random.random((count, *self.shape))[..., None] >= edges).sum(axis=-1)[..., None]
        loc, scale = (np.take_along_axis(array[None], chosen, axis=-1)[..., 0] for array in (self.loc, self.scale))
        return loc + scale * random.standard_normal(loc.shape)

    def log_likelihood(self, values: np.ndarray) -> np.ndarray:
        """Log density [origin, step, target]."""
        log_density = -0.5 * self._z(values) ** 2 - np.log(self.scale) - LOG_ROOT_TAU
        return special.logsumexp(log_density, axis=-1, b=self.weight)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """P(Y <= value) [origin, step, target]."""
        return (self.weight * special.ndtr(self._z(values))).sum(axis=-1)

    def above(self, values: np.ndarray) -> np.ndarray:
        """P(Y > value) [origin, step, target], without loss of digits in the upper tail."""
        return (self.weight * special.ndtr(-self._z(values))).sum(axis=-1)

    def crps(self, values: np.ndarray) -> np.ndarray:
        """Closed form (Grimit et al. 2006) [origin, step, target]."""
        score = (self.weight * self.scale * expected_distance(self._z(values))).sum(axis=-1)
        for other in range(self.loc.shape[-1]):  # a pair of components at a time keeps memory at one more axis
            spread = np.hypot(self.scale, self.scale[..., other, None])
            apart = spread * expected_distance((self.loc - self.loc[..., other, None]) / spread)
            score = score - 0.5 * self.weight[..., other] * (self.weight * apart).sum(axis=-1)
        return score

    def _z(self, values: np.ndarray) -> np.ndarray:
        return (np.asarray(values)[..., None] - self.loc) / self.scale

    def _invert(self, scores: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Quantiles [..., level]: they lie between the smallest and the largest quantile of a component."""
        loc, scale = self.loc[..., None, :], self.scale[..., None, :]
        ends = loc + scale * np.asarray(scores)[..., None]
        low, high = ends.min(axis=-1), ends.max(axis=-1)
        upper = levels > 0.5  # there the small number is what lies above
        small = np.where(upper, special.ndtr(-np.asarray(scores)), levels)
        sign = np.where(upper, -1.0, 1.0)
        weight, x = self.weight[..., None, :], 0.5 * (low + high)
        for _ in range(MOST_STEPS):
            z = (x[..., None] - loc) / scale
            wrong = ((weight * special.ndtr(sign[..., None] * z)).sum(axis=-1) - small) * sign
            low, high = np.where(wrong < 0, x, low), np.where(wrong < 0, high, x)
            density = (weight / scale * np.exp(-0.5 * z**2)).sum(axis=-1) / math.sqrt(2.0 * math.pi)
            step = np.divide(wrong, density, out=np.full(x.shape, np.inf), where=density > 0)
            newton = x - step
            inside = (newton > low) & (newton < high)
            narrow = TIGHT * (np.abs(x) + self.scale.min(axis=-1)[..., None])
            if ((np.abs(step) <= narrow) | (high - low <= narrow)).all():
                break
            x = np.where(inside, newton, 0.5 * (low + high))
        return x
