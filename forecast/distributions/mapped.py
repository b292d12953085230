"""A distribution seen through a strictly increasing map, such as the inverse of a scale or of a logarithm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from forecast.distributions.family import Family, require, set_parameters
from forecast.distributions.normal import LOG_ROOT_TAU
from forecast.distributions.protocol import Continuous, CutLink, Link, Shape
from forecast.errors import SettingsError

FURTHEST = 20.0  # standard normal score of the outermost quantile looked at, level 3e-89
SPACING = 0.25  # of the trapezoid rule for the mean, exact to rounding for what is analytic
WIDEST = 12.0  # scores between which the score of a forecast is integrated; its weight is exp(-score^2) there
NODES = 48  # of Gauss's rule on each side of the truth
NEGLIGIBLE = 1e-9  # share of an integral that its end may have


@dataclass(frozen=True, eq=False)
class Affine:
    """The map value = center + spread * base.

    Args:
        center: float64 [origin, 1, target] or [origin, step, target].
        spread: positive, same shape.

    Example:
        >>> link = Affine(center=np.full((1, 1, 1), 10.0), spread=np.full((1, 1, 1), 2.0))
        >>> link.from_base(np.array([[[1.5]]])).item()
        13.0
    """

    center: np.ndarray
    spread: np.ndarray

    def __post_init__(self) -> None:
        set_parameters(self, center=self.center, spread=self.spread)
        require(self, "center", np.isfinite(self.center), "finite")
        require(self, "spread", np.isfinite(self.spread) & (self.spread > 0), "positive and finite")

    def to_base(self, values: np.ndarray) -> np.ndarray:
        """From the scale of the series to that of the base."""
        return (values - self.center) / self.spread

    def from_base(self, values: np.ndarray) -> np.ndarray:
        """The inverse of `to_base`."""
        return self.center + self.spread * values

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        """Logarithm of 1 / spread, wherever."""
        return np.broadcast_to(-np.log(self.spread), np.broadcast_shapes(np.shape(values), self.spread.shape))

    def take(self, index: np.ndarray) -> Affine:
        """The map at some of the origins."""
        return Affine(self.center[index], self.spread[index])

    def steps(self, count: int) -> Affine:
        """The map at the first `count` steps."""
        return Affine(self.center[:, :count], self.spread[:, :count])


@dataclass(frozen=True, eq=False)
class Mapped(Family):
    """Distribution of link.from_base(X), X from the base.

    Args:
        base: a family with a density: Normal, StudentT, Mixture, QuantileTable, or Mapped itself. Draws are mapped
            as Samples(link.from_base(paths)).
        link: a strictly increasing map.

    Raises:
        SettingsError: the base is one of counts, classes or draws.

    Example:
        >>> from forecast.distributions.normal import Normal
        >>> base = Normal(loc=np.zeros((1, 1, 1)), scale=np.ones((1, 1, 1)))
        >>> said = Mapped(base, Affine(np.full((1, 1, 1), 5.0), np.full((1, 1, 1), 2.0)))
        >>> said.mean().item(), said.quantiles([0.95]).round(2).item()
        (5.0, 8.29)
    """

    base: Continuous
    link: Link

    def __post_init__(self) -> None:
        if not isinstance(self.base, Continuous):
            kind = type(self.base).__name__
            raise SettingsError(f"Mapped: {kind} has no density to map; map the paths of Samples, or their source")

    @property
    def shape(self) -> Shape:
        """Origins, steps and targets."""
        return self.base.shape

    def mean(self) -> np.ndarray:
        """Expected value [origin, step, target], by quadrature unless the map is affine; inf where it diverges."""
        if isinstance(self.link, Affine):
            return self.link.from_base(self.base.mean())
        return _expected(self)

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Quantiles of the base, mapped [origin, step, target, level]."""
        return np.moveaxis(self._out(np.moveaxis(self.base.quantiles(levels), -1, 0)), 0, -1)

    def at_score(self, score: np.ndarray) -> np.ndarray:
        """Quantile of the level that a standard normal variable has at `score`."""
        return self._out(self.base.at_score(score))

    def samples(self, count: int, seed: int = 0) -> np.ndarray:
        """Draws of the base, mapped [sample, origin, step, target]."""
        return self._out(self.base.samples(count, seed))

    def log_likelihood(self, values: np.ndarray) -> np.ndarray:
        """Log density [origin, step, target]; -inf outside the domain of the map."""
        with np.errstate(all="ignore"):
            inner = self._in(values)
            found = self.base.log_likelihood(inner) + self.link.log_slope(np.asarray(values))
        return np.where(np.isinf(inner), -np.inf, found)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """P(Y <= value) [origin, step, target]."""
        return self.base.cdf(self._in(values))

    def above(self, values: np.ndarray) -> np.ndarray:
        """P(Y > value) [origin, step, target]."""
        return self.base.above(self._in(values))

    def crps(self, values: np.ndarray) -> np.ndarray:
        """Scaled exactly where the map is affine, else twice the pinball loss integrated over the levels.

        The integral, over standard normal scores by Gauss's rule on each side of the truth, is exact to about 1e-8
        for smooth maps and families, to about 1e-3 for a QuantileTable, which has kinks; inf where it diverges.
        """
        if isinstance(self.link, Affine):
            return self.base.crps(self.link.to_base(values)) * self.link.spread
        return _crps(self, np.broadcast_to(values, self.shape))

    def take(self, index: np.ndarray) -> Mapped:
        """The distribution at some of the origins."""
        link = self.link.take(index) if isinstance(self.link, CutLink) else self.link
        return Mapped(self.base.take(index), link)

    def steps(self, count: int) -> Mapped:
        """The distribution at the first `count` steps."""
        link = self.link.steps(count) if isinstance(self.link, CutLink) else self.link
        return Mapped(self.base.steps(count), link)

    def _out(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # what is too large for a number is infinite
            return self.link.from_base(values)

    def _in(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):  # outside the domain
            inner = self.link.to_base(np.asarray(values))
        return np.where(np.isnan(values), np.nan, inner)


def _density(score: np.ndarray | float) -> np.ndarray:
    return np.exp(-0.5 * np.asarray(score) ** 2 - LOG_ROOT_TAU)


def _expected(said: Mapped) -> np.ndarray:
    """The mean as the integral of quantile times density over standard normal scores."""
    total, size = np.zeros(said.shape), np.zeros(said.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        for score in np.arange(-FURTHEST, FURTHEST + SPACING / 2, SPACING):
            part = said.at_score(np.asarray(score)) * _density(score)
            total, size = total + part, size + np.abs(part)
        tails = [_tail(said, side, SPACING, size) for side in (-1.0, 1.0)]
        return SPACING * total + tails[0] + tails[1]


def _tail(said: Mapped, side: float, spacing: float, size: np.ndarray) -> np.ndarray:
    """What lies beyond the outermost score: 0 if the end is negligible, inf if it grows, NaN if it falls too slowly."""
    end, before = (said.at_score(np.asarray(side * z)) * _density(z) for z in (FURTHEST, 0.75 * FURTHEST))
    grows = np.isinf(end) | (np.abs(end) >= np.abs(before)) & (np.abs(end) > 0)
    slow = ~(spacing * np.abs(end) <= NEGLIGIBLE * spacing * size)
    return np.where(grows, np.sign(end) * np.inf, np.where(slow, np.nan, 0.0))


def _crps(said: Mapped, values: np.ndarray) -> np.ndarray:
    """Twice the pinball loss over the levels below the truth, and over those above it."""
    low, high = said.cdf(values), said.above(values)
    score = np.where(low < high, special.ndtri(low), -special.ndtri(high))
    score = np.clip(score, -WIDEST, WIDEST)
    points, weights = np.polynomial.legendre.leggauss(NODES)
    total = np.zeros(said.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        for side in (-1.0, 1.0):
            half = 0.5 * (WIDEST - side * score)
            for point, weight in zip(points, weights, strict=True):
                at = score + side * half * (1.0 + point)
                missed = side * (said.at_score(at) - values)
                total += 2.0 * weight * half * _density(at) * special.ndtr(-side * at) * missed
        # Between the truth and a far end the loss weighs density times probability, which falls as exp(-score^2).
        end = np.abs(said.at_score(np.asarray(WIDEST))) * _density(WIDEST) * special.ndtr(-WIDEST)
        start = np.abs(said.at_score(np.asarray(-WIDEST))) * _density(WIDEST) * special.ndtr(-WIDEST)
        diverges = ~(np.maximum(end, start) <= NEGLIGIBLE * np.abs(total))
    return np.where(np.isnan(values), np.nan, np.where(diverges, np.inf, total))
