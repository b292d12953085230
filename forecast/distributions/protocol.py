"""What every distribution answers, and what a map between two scales must know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, runtime_checkable

import numpy as np

Shape = tuple[int, int, int]


@runtime_checkable
class Distribution(Protocol):
    """One univariate distribution for every cell [origin, step, target] of a forecast.

    `values` is float64 [origin, step, target] or anything that broadcasts to it, such as the newest values
    `last[:, None]`. NaN goes through: where a value is NaN, so is the answer. What a family cannot say (the mean of
    a Cauchy distribution, the density of samples) is NaN or infinite, never a guess.
    """

    @property
    def shape(self) -> Shape:
        """Origins, steps and targets."""
        ...

    def mean(self) -> np.ndarray:
        """Expected value [origin, step, target]; infinite or NaN where there is none."""
        ...

    def median(self) -> np.ndarray:
        """Quantile of level 0.5 [origin, step, target]."""
        ...

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Smallest values with P(Y <= value) >= level, [origin, step, target, level]; levels in (0, 1)."""
        ...

    def samples(self, count: int, seed: int = 0) -> np.ndarray:
        """Draws [sample, origin, step, target]; the cells are independent unless the family says otherwise."""
        ...

    def log_likelihood(self, values: np.ndarray) -> np.ndarray:
        """Natural logarithm of the density, or of the probability of a count or class, [origin, step, target]."""
        ...

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """P(Y <= value) [origin, step, target]."""
        ...

    def above(self, values: np.ndarray) -> np.ndarray:
        """Probability of more than a value [origin, step, target]; of a rise, where the values are `last[:, None]`."""
        ...

    def crps(self, values: np.ndarray) -> np.ndarray:
        """Continuous ranked probability score [origin, step, target], in the unit of the series, small is good."""
        ...

    def take(self, index: np.ndarray) -> Self:
        """The distribution at some of the origins, by their numbers or a mask."""
        ...

    def steps(self, count: int) -> Self:
        """The distribution at the first `count` steps."""
        ...


@runtime_checkable
class Continuous(Distribution, Protocol):
    """A distribution without jumps between its quantiles, which a map can be laid over."""

    def at_score(self, score: np.ndarray) -> np.ndarray:
        """Quantile [origin, step, target] of the level that a standard normal variable has at `score`.

        A score keeps its digits where a level near 1 has none left. It broadcasts to the cells.
        """
        ...


class Link(Protocol):
    """A strictly increasing map between the scale of a base distribution and that of the series.

    Arrays come as [origin, step, target], or with one more axis in front. Outside the domain, `to_base` returns
    -inf below it and +inf above it. A link that holds arrays of origins is also a `CutLink`.
    """

    def to_base(self, values: np.ndarray) -> np.ndarray:
        """From the scale of the series to that of the base."""
        ...

    def from_base(self, values: np.ndarray) -> np.ndarray:
        """The inverse of `to_base`."""
        ...

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        """Logarithm of the derivative of `to_base` at values on the scale of the series."""
        ...


@runtime_checkable
class CutLink(Link, Protocol):
    """A link that holds arrays [origin, step or 1, target] and so must be cut together with its base."""

    def take(self, index: np.ndarray) -> Self:
        """The link at some of the origins."""
        ...

    def steps(self, count: int) -> Self:
        """The link at the first `count` steps."""
        ...
