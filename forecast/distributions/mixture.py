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
BLOCK = 50_000  # quantiles searched for together, so that they stay in the cache
NEWTON_STEPS = 20  # after which the bracket is halved only
ROUNDING = 1e-15  # width of a bracket, relative to the quantile, that numbers cannot resolve
TIGHT = 1e-13  # and relative to the narrowest component, that is narrow enough


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
        return self._invert(special.ndtri(as_levels(levels)))

    def at_score(self, score: np.ndarray) -> np.ndarray:
        """Quantile of the level that a standard normal variable has at `score`."""
        return self._invert(np.broadcast_to(score, self.shape)[..., None])[..., 0]

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

    def _invert(self, scores: np.ndarray) -> np.ndarray:
        """Quantiles [origin, step, target, n] of the levels of standard normal scores [n] or [..., n]."""
        shape = np.broadcast_shapes(scores.shape, (*self.shape, scores.shape[-1]))
        scores = np.broadcast_to(scores, shape).ravel()
        cells = np.repeat(np.arange(scores.size // max(shape[-1], 1)), shape[-1])
        flat = [array.reshape(-1, self.loc.shape[-1]) for array in (self.weight, self.loc, self.scale)]
        found = np.empty(scores.size)
        for start in range(0, scores.size, BLOCK):
            part = slice(start, start + BLOCK)
            weight, loc, scale = (array[cells[part]] for array in flat)
            found[part] = _search(weight, loc, scale, scores[part])
        return found.reshape(shape)


def _search(weight: np.ndarray, loc: np.ndarray, scale: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Quantiles [n] of mixtures [n, component]: Newton's steps within a bracket that is halved where they leave it.

    A quantile of a mixture lies between the smallest and the largest quantile of its components.
    """
    ends = loc + scale * scores[:, None]
    low, high = ends.min(axis=1), ends.max(axis=1)
    # Above the median the probability of more is the small number that keeps its digits.
    sign = np.where(scores > 0, -1.0, 1.0)
    small = special.ndtr(sign * scores)
    found, left = 0.5 * (low + high), np.arange(len(scores))
    for attempt in range(MOST_STEPS):
        x = found[left]
        z = (x[:, None] - loc) / scale
        ratio = (weight * special.ndtr(sign[:, None] * z)).sum(axis=1) / small
        too_far = sign * (ratio - 1.0)
        low, high = np.where(too_far < 0, x, low), np.where(too_far < 0, high, x)
        density = (weight / scale * np.exp(-0.5 * z**2)).sum(axis=1) / math.sqrt(2.0 * math.pi)
        # Newton on the logarithm of the small probability, which is nearly straight far out.
        error = sign * ratio * np.log(np.maximum(ratio, 1e-300)) * small
        step = np.divide(error, density, out=np.full(x.shape, np.inf), where=density > 0)
        newton, width = x - step, ROUNDING * np.abs(x) + TIGHT * scale.min(axis=1)
        inside = (newton > low) & (newton < high) & (attempt < NEWTON_STEPS)
        done = (np.abs(step) <= width) | (high - low <= width)
        found[left] = np.where(done, x, np.where(inside, newton, 0.5 * (low + high)))
        if done.all():
            break
        more = ~done
        left, sign, small, low, high = (array[more] for array in (left, sign, small, low, high))
        weight, loc, scale = weight[more], loc[more], scale[more]
    return found
