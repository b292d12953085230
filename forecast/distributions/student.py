"""Student's t distribution, for targets with heavy tails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from forecast.distributions.family import Family, as_levels, require, require_axes, set_parameters
from forecast.distributions.protocol import Shape


@dataclass(frozen=True, eq=False)
class StudentT(Family):
    """Student's t distribution, shifted and stretched, in every cell.

    Args:
        loc: centre, float64 [origin, step, target].
        scale: positive; the standard deviation is scale * sqrt(df / (df - 2)) where df > 2.
        df: degrees of freedom, positive; there is no mean and no CRPS where df <= 1 (both are NaN there).

    Raises:
        SettingsError: a parameter is not finite, or scale or df not positive.

    Example:
        >>> cell = np.ones((1, 1, 1))
        >>> StudentT(loc=0 * cell, scale=cell, df=3 * cell).quantiles([0.95]).round(3).item()
        2.353
    """

    loc: np.ndarray
    scale: np.ndarray
    df: np.ndarray

    def __post_init__(self) -> None:
        set_parameters(self, loc=self.loc, scale=self.scale, df=self.df)
        require_axes(self, "loc", "origin, step, target")
        require(self, "loc", np.isfinite(self.loc), "finite")
        require(self, "scale", np.isfinite(self.scale) & (self.scale > 0), "positive and finite")
        require(self, "df", np.isfinite(self.df) & (self.df > 0), "positive and finite")

    @property
    def shape(self) -> Shape:
        """Origins, steps and targets."""
        return self.loc.shape

    def mean(self) -> np.ndarray:
        """Expected value [origin, step, target], NaN where df <= 1."""
        return np.where(self.df > 1, self.loc, np.nan)

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Quantiles [origin, step, target, level]."""
        array = as_levels(levels)
        # By the lower tail, which keeps its digits, and by one number per df where they repeat.
        df, back = np.unique(self.df, return_inverse=True)
        lower = special.stdtrit(df[:, None], np.minimum(array, 1.0 - array))
        standard = np.where(array > 0.5, -lower, lower)[back.reshape(self.shape)]
        return self.loc[..., None] + self.scale[..., None] * np.where(array == 0.5, 0.0, standard)

    def at_score(self, score: np.ndarray) -> np.ndarray:
        """Quantile of the level that a standard normal variable has at `score`."""
        lower = special.stdtrit(self.df, special.ndtr(-np.abs(score)))
        return self.loc + self.scale * np.where(np.asarray(score) > 0, -lower, lower)

    def samples(self, count: int, seed: int = 0) -> np.ndarray:
        """Independent draws [sample, origin, step, target]."""
        return self.loc + self.scale * np.random.default_rng(seed).standard_t(self.df, (count, *self.shape))

    def log_likelihood(self, values: np.ndarray) -> np.ndarray:
        """Log density [origin, step, target]."""
        return self._log_density(self._z(values)) - np.log(self.scale)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """P(Y <= value) [origin, step, target]."""
        return special.stdtr(self.df, self._z(values))

    def above(self, values: np.ndarray) -> np.ndarray:
        """P(Y > value) [origin, step, target], without loss of digits in the upper tail."""
        return special.stdtr(self.df, -self._z(values))

    def crps(self, values: np.ndarray) -> np.ndarray:
        """Closed form (Jordan, Krueger & Lerch 2019) [origin, step, target]; NaN where df <= 1."""
        z, df = self._z(values), np.where(self.df > 1, self.df, np.nan)
        # Without cancellation in the tails: 2 F(z) - 1, and the density times (df + z^2).
        centred = 1.0 - 2.0 * special.stdtr(self.df, -np.abs(z))
        density = np.exp(self._log_density(z) + np.log(df + z**2))
        spread = np.exp(special.betaln(0.5, df - 0.5) - 2.0 * special.betaln(0.5, df / 2.0))
        score = np.abs(z) * centred + 2.0 / (df - 1.0) * (density - np.sqrt(df) * spread)
        return self.scale * score

    def _z(self, values: np.ndarray) -> np.ndarray:
        return (values - self.loc) / self.scale

    def _log_density(self, z: np.ndarray) -> np.ndarray:
        # The beta function, not two gamma functions: their difference loses all digits for large df.
        constant = -special.betaln(0.5, self.df / 2.0) - 0.5 * np.log(self.df)
        return constant - (self.df + 1.0) / 2.0 * np.log1p(z**2 / self.df)
