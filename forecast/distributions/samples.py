"""A distribution known by draws from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from forecast.distributions.family import Family, as_levels, require, require_axes, set_parameters
from forecast.distributions.protocol import Shape


@dataclass(frozen=True, eq=False)
class Samples(Family):
    """Paths drawn from a joint distribution over steps and targets.

    Args:
        paths: float64 [sample, origin, step, target]. What belongs to one sample and origin was drawn together.

    Raises:
        SettingsError: there is no sample, or a value is not finite.

    Example:
        >>> said = Samples(np.arange(5.0).reshape(5, 1, 1, 1))
        >>> said.mean().item(), said.cdf(np.array([[[2.0]]])).item()
        (2.0, 0.6)
    """

    paths: np.ndarray

    def __post_init__(self) -> None:
        set_parameters(self, paths=self.paths)
        require_axes(self, "paths", "sample, origin, step, target")
        require(self, "paths", np.array(len(self.paths) > 0), "at least one sample")
        require(self, "paths", np.isfinite(self.paths), "finite")

    @property
    def shape(self) -> Shape:
        """Origins, steps and targets."""
        return self.paths.shape[1:]

    def mean(self) -> np.ndarray:
        """Mean of the draws [origin, step, target]."""
        return self.paths.mean(axis=0)

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Quantiles of the draws, straight between neighbours [origin, step, target, level]."""
        return np.moveaxis(np.quantile(self.paths, as_levels(levels), axis=0), 0, -1)

    def samples(self, count: int, seed: int = 0) -> np.ndarray:
        """Whole paths, drawn with replacement and for each origin anew [sample, origin, step, target]."""
        chosen = np.random.default_rng(seed).integers(len(self.paths), size=(count, self.shape[0]))
        return np.take_along_axis(self.paths, chosen[..., None, None], axis=0)

    def log_likelihood(self, values: np.ndarray) -> np.ndarray:
        """NaN [origin, step, target]: draws have no density without a choice of smoothing."""
        return np.full(self.shape, np.nan)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """Share of the draws that are <= value [origin, step, target]."""
        return np.where(np.isnan(values), np.nan, (self.paths <= values).mean(axis=0))

    def crps(self, values: np.ndarray) -> np.ndarray:
        """Fair estimate (Ferro 2014): E|Y - value| - E|Y - Y'| / 2 over pairs of different draws.

        It estimates without bias, whatever the number of draws, the score of the distribution they came from, and so
        may be negative for a single cell. A single draw counts as a point forecast.
        """
        distance = np.abs(self.paths - values).mean(axis=0)
        count = len(self.paths)
        if count == 1:
            return distance
        rank = np.arange(1 - count, count, 2, dtype=np.float64)  # how often each sorted draw counts in all |Y - Y'|
        apart = np.tensordot(rank, np.sort(self.paths, axis=0), axes=1)
        return distance - apart / (count * (count - 1))

    def _each(self, change: Callable[[np.ndarray], np.ndarray]) -> Samples:
        return Samples(np.stack([change(path) for path in self.paths]))
