"""The normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from forecast.distributions.family import Family, as_levels, require, require_axes, set_parameters
from forecast.distributions.protocol import Shape

LOG_ROOT_TAU = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True, eq=False)
class Normal(Family):
    """Normal distribution in every cell.

    Args:
        loc: mean, float64 [origin, step, target].
        scale: standard deviation, positive, same shape.

    Raises:
        SettingsError: a parameter is not finite, or a scale not positive.

    Example:
        >>> said = Normal(loc=np.full((1, 1, 1), 2.0), scale=np.full((1, 1, 1), 3.0))
        >>> said.quantiles([0.05, 0.5, 0.95]).round(2).ravel().tolist()
        [-2.93, 2.0, 6.93]
        >>> round(said.crps(np.array([[[2.0]]])).item(), 4)
        0.7011
    """

    loc: np.ndarray
    scale: np.ndarray

    def __post_init__(self) -> None:
        set_parameters(self, loc=self.loc, scale=self.scale)
        require_axes(self, "loc", "origin, step, target")
        require(self, "loc", np.isfinite(self.loc), "finite")
        require(self, "scale", np.isfinite(self.scale) & (self.scale > 0), "positive and finite")

    @property
    def shape(self) -> Shape:
        """Origins, steps and targets."""
        return self.loc.shape

    def mean(self) -> np.ndarray:
        """Expected value [origin, step, target]."""
        return self.loc.copy()

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Quantiles [origin, step, target, level]."""
        return self.loc[..., None] + self.scale[..., None] * special.ndtri(as_levels(levels))

    def at_score(self, score: np.ndarray) -> np.ndarray:
        """Quantile of the level that a standard normal variable has at `score`."""
        return self.loc + self.scale * score

    def samples(self, count: int, seed: int = 0) -> np.ndarray:
        """Independent draws [sample, origin, step, target]."""
        return self.loc + self.scale * np.random.default_rng(seed).standard_normal((count, *self.shape))

    def log_likelihood(self, values: np.ndarray) -> np.ndarray:
        """Log density [origin, step, target]."""
        return -0.5 * self._z(values) ** 2 - np.log(self.scale) - LOG_ROOT_TAU

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """P(Y <= value) [origin, step, target]."""
        return special.ndtr(self._z(values))

    def above(self, values: np.ndarray) -> np.ndarray:
        """P(Y > value) [origin, step, target], without loss of digits in the upper tail."""
        return special.ndtr(-self._z(values))

    def crps(self, values: np.ndarray) -> np.ndarray:
        """Closed form (Gneiting et al. 2005, eq. 5) [origin, step, target]."""
        z = self._z(values)
        return self.scale * (expected_distance(z) - 1.0 / math.sqrt(math.pi))

    def _z(self, values: np.ndarray) -> np.ndarray:
        return (values - self.loc) / self.scale


def expected_distance(z: np.ndarray) -> np.ndarray:
    """E|X - z| of a standard normal X."""
    density = np.exp(-0.5 * z**2 - LOG_ROOT_TAU)
    return 2.0 * density + z * special.erf(z / math.sqrt(2.0))
