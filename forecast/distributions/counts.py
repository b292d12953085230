"""Distributions of counts: Poisson and negative binomial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from forecast.distributions.family import Family, as_levels, require, require_axes, set_parameters
from forecast.distributions.protocol import Shape

Cdf = Callable[..., np.ndarray]
SPACING = 0.2  # of the trapezoid rule for the Gini difference, which converges exponentially
BEYOND = 10.0  # where both tails of its integrand are exponentials to 13 digits


@dataclass(frozen=True, eq=False)
class Poisson(Family):
    """Poisson distribution in every cell.

    Args:
        rate: mean and variance, positive, float64 [origin, step, target].

    Raises:
        SettingsError: a rate is not positive and finite.

    Example:
        >>> said = Poisson(rate=np.full((1, 1, 1), 2.5))
        >>> said.quantiles([0.05, 0.5, 0.95]).ravel().tolist()
        [0.0, 2.0, 5.0]
    """

    rate: np.ndarray

    def __post_init__(self) -> None:
        set_parameters(self, rate=self.rate)
        require_axes(self, "rate", "origin, step, target")
        require(self, "rate", np.isfinite(self.rate) & (self.rate > 0), "positive and finite")

    @property
    def shape(self) -> Shape:
        """Origins, steps and targets."""
        return self.rate.shape

    def mean(self) -> np.ndarray:
        """Expected value [origin, step, target]."""
        return self.rate.copy()

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Smallest counts with P(Y <= count) >= level, [origin, step, target, level]."""
        array, rate = as_levels(levels), self.rate[..., None]
        score = special.ndtri(array)
        guess = rate + np.sqrt(rate) * score + (score**2 - 1.0) / 6.0  # Cornish and Fisher, of the third moment
        return smallest_count(_poisson_cdf, array, (rate,), guess)

    def samples(self, count: int, seed: int = 0) -> np.ndarray:
        """Independent draws [sample, origin, step, target]."""
        return np.random.default_rng(seed).poisson(self.rate, (count, *self.shape)).astype(np.float64)

    def log_likelihood(self, values: np.ndarray) -> np.ndarray:
        """Log probability [origin, step, target]; -inf where a value is no count."""
        count = _counted(values)
        log_probability = special.xlogy(count, self.rate) - self.rate - special.gammaln(count + 1.0)
        return _only_counts(log_probability, values)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """P(Y <= value) [origin, step, target]."""
        return _poisson_cdf(np.floor(values), self.rate)

    def above(self, values: np.ndarray) -> np.ndarray:
        """P(Y > value) [origin, step, target], without loss of digits in the upper tail."""
        count = np.floor(values)
        return np.where(count < 0, 1.0, special.pdtrc(np.where(count < 0, 0.0, count), self.rate))

    def crps(self, values: np.ndarray) -> np.ndarray:
        """Closed form (Jordan, Krueger & Lerch 2019) [origin, step, target]."""
        count = np.floor(values)
        below, short = _poisson_cdf(count, self.rate), _poisson_cdf(count - 1.0, self.rate)
        distance = values * (2.0 * below - 1.0) + self.rate * (1.0 - 2.0 * short)
        return distance - self.rate * (special.ive(0, 2.0 * self.rate) + special.ive(1, 2.0 * self.rate))


@dataclass(frozen=True, eq=False, init=False)
class NegativeBinomial(Family):
    """Negative binomial distribution in every cell, for counts that vary more than Poisson's.

    The variance is mean + mean^2 / shape: many of `shape` come close to Poisson's distribution, few make it skewed.

    Args:
        mean: expected value, positive, float64 [origin, step, target]; kept as `expected`.
        shape: positive, same shape as `mean`; kept as `size`.

    Raises:
        SettingsError: a parameter is not positive and finite.

    Example:
        >>> cell = np.ones((1, 1, 1))
        >>> said = NegativeBinomial(mean=10 * cell, shape=2 * cell)
        >>> said.quantiles([0.05, 0.5, 0.95]).ravel().tolist()
        [1.0, 8.0, 25.0]
    """

    expected: np.ndarray
    size: np.ndarray

    def __init__(self, mean: np.ndarray, shape: np.ndarray) -> None:
        set_parameters(self, expected=mean, size=shape)
        require_axes(self, "expected", "origin, step, target")
        require(self, "expected", np.isfinite(self.expected) & (self.expected > 0), "positive and finite")
        require(self, "size", np.isfinite(self.size) & (self.size > 0), "positive and finite")

    @property
    def shape(self) -> Shape:
        """Origins, steps and targets."""
        return self.expected.shape

    def mean(self) -> np.ndarray:
        """Expected value [origin, step, target]."""
        return self.expected.copy()

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Smallest counts with P(Y <= count) >= level, [origin, step, target, level]."""
        array, mean, size = as_levels(levels), self.expected[..., None], self.size[..., None]
        # A gamma distribution of the same mean and variance is at most a few counts off.
        spread = 1.0 + mean / size
        guess = special.gammaincinv(mean / spread, array) * spread
        return smallest_count(_binomial_cdf, array, (mean, size), guess)

    def samples(self, count: int, seed: int = 0) -> np.ndarray:
        """Independent draws [sample, origin, step, target]: Poisson counts of gamma rates."""
        random = np.random.default_rng(seed)
        rate = random.standard_gamma(self.size, (count, *self.shape)) * (self.expected / self.size)
        return random.poisson(rate).astype(np.float64)

    def log_likelihood(self, values: np.ndarray) -> np.ndarray:
        """Log probability [origin, step, target]; -inf where a value is no count."""
        count, mean, size = _counted(values), self.expected, self.size
        # log of Gamma(size + count) / (Gamma(size) count!), through beta, which keeps its digits for a large size.
        ways = -special.betaln(size, count + 1.0) - np.log(size + count)
        log_probability = ways - size * np.log1p(mean / size) - count * np.log1p(size / mean)
        return _only_counts(log_probability, values)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """P(Y <= value) [origin, step, target]."""
        return _binomial_cdf(np.floor(values), self.expected, self.size)

    def above(self, values: np.ndarray) -> np.ndarray:
        """P(Y > value) [origin, step, target], without loss of digits in the upper tail."""
        count = np.floor(values)
        tail = special.betainc(np.maximum(count, 0.0) + 1.0, self.size, self.expected / (self.size + self.expected))
        return np.where(count < 0, 1.0, tail)

    def crps(self, values: np.ndarray) -> np.ndarray:
        """E|Y - value| - E|Y - Y'| / 2, the first in closed form, the second by an integral [origin, step, target]."""
        count, mean, size = np.floor(values), self.expected, self.size
        below = _binomial_cdf(count, mean, size)
        # The counts up to `count`, each times its probability, are a cdf of one more success: mean * P(Y' < count).
        short = _binomial_cdf(count - 1.0, mean * (size + 1.0) / size, size + 1.0)
        distance = values * (2.0 * below - 1.0) + mean * (1.0 - 2.0 * short)
        return distance - 0.5 * gini_difference(mean, size)

    def _each(self, change: Callable[[np.ndarray], np.ndarray]) -> NegativeBinomial:
        return NegativeBinomial(change(self.expected), change(self.size))


def gini_difference(mean: np.ndarray, size: np.ndarray) -> np.ndarray:
    """E|Y - Y'| of two independent negative binomial counts, to 10 digits.

    By the characteristic function of Y - Y': with s = tan(t / 2) and v = log s it is (1 / pi) times the integral over
    v of [1 - (1 + 4 c s^2 / (1 + s^2))^-size] / s, where c = variance / size. The integrand is analytic in a strip
    around the real axis, so that the trapezoid rule converges exponentially; its ends are geometric series. The
    textbook form by the hypergeometric function is NaN for many successes and large means.
    """
    ratio = 4.0 * (mean / size) * (1.0 + mean / size)
    start = np.minimum(-0.5 * np.log(size * ratio), 0.0) - BEYOND
    nodes = int(np.ceil((BEYOND - start.min()) / SPACING)) if start.size else 0
    total, root = np.zeros(mean.shape), np.exp(start)
    for _ in range(nodes + 1):
        square = root * root
        total -= np.expm1(-size * np.log1p(ratio * square / (1.0 + square))) / root
        root = root * np.exp(SPACING)
    lower = size * ratio * np.exp(start - SPACING)
    upper = -np.expm1(-size * np.log1p(ratio)) / root
    return SPACING / np.pi * (total + (lower + upper) / -np.expm1(-SPACING))


def smallest_count(cdf: Cdf, levels: np.ndarray, parameters: tuple[np.ndarray, ...], guess: np.ndarray) -> np.ndarray:
    """Smallest counts whose cdf reaches the levels, searched for from guesses that need not be good.

    Args:
        cdf: of counts and parameters.
        levels, guess: of one shape; each of the parameters broadcasts to it.
    """
    flat = [np.broadcast_to(array, guess.shape).ravel() for array in (levels, *parameters)]
    high = np.maximum(np.round(guess.ravel()), 0.0)
    low = high - 1.0

    def reached(count: np.ndarray, here: np.ndarray) -> np.ndarray:
        return cdf(count, *(array[here] for array in flat[1:])) >= flat[0][here]

    here, step = np.arange(high.size), 1.0
    while len(here := here[~reached(high[here], here)]):
        low[here], high[here], step = high[here], high[here] + step, 2.0 * step
    here, step = np.flatnonzero(low >= 0), 1.0
    while len(here := here[(low[here] >= 0) & reached(low[here], here)]):
        high[here], low[here], step = low[here], np.maximum(low[here] - step, -1.0), 2.0 * step
    while len(here := np.flatnonzero(high - low > 1)):
        middle = np.floor(0.5 * (low[here] + high[here]))
        enough = reached(middle, here)
        low[here], high[here] = np.where(enough, low[here], middle), np.where(enough, middle, high[here])
    return high.reshape(guess.shape)


def _poisson_cdf(count: np.ndarray, rate: np.ndarray) -> np.ndarray:
    return np.where(count < 0, 0.0, special.pdtr(np.where(count < 0, 0.0, count), rate))


def _binomial_cdf(count: np.ndarray, mean: np.ndarray, size: np.ndarray) -> np.ndarray:
    inside = special.betaincc(np.maximum(count, 0.0) + 1.0, size, mean / (size + mean))
    return np.where(count < 0, 0.0, inside)


def _counted(values: np.ndarray) -> np.ndarray:
    return np.maximum(np.floor(values), 0.0)


def _only_counts(log_probability: np.ndarray, values: np.ndarray) -> np.ndarray:
    no_count = (values < 0) | (values != np.floor(values))
    return np.where(no_count & ~np.isnan(values), -np.inf, log_probability)
