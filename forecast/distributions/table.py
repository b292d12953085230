"""A distribution known by some of its quantiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import special

from forecast.distributions.family import Family, as_levels, require, require_axes
from forecast.distributions.protocol import Shape
from forecast.errors import SettingsError


@dataclass(frozen=True, eq=False)
class QuantileTable(Family):
    """Distribution whose quantile function runs straight between given quantiles, with exponential tails beyond them.

    A tail is the exponential one through the two outermost quantiles of its side: below the first level p1 the
    quantile of level u is q1 + b log(u / p1), b = (q2 - q1) / log(p2 / p1), and likewise above the last level. With a
    single level, or two equal outermost quantiles, the tail has no width: its whole probability sits at that quantile.

    Args:
        levels: increasing, between 0 and 1, [level].
        values: quantiles, not decreasing along the last axis, float64 [origin, step, target, level].

    Raises:
        SettingsError: levels do not increase, or quantiles cross or are not finite.

    Example:
        >>> said = QuantileTable((0.1, 0.5, 0.9), np.array([[[[1.0, 2.0, 5.0]]]]))
        >>> said.quantiles([0.3, 0.7]).round(6).ravel().tolist()
        [1.5, 3.5]
        >>> round(said.above(np.array([[[6.0]]])).item(), 3)
        0.058
    """

    levels: tuple[float, ...]
    values: np.ndarray

    def __post_init__(self) -> None:
        levels = as_levels(self.levels)
        object.__setattr__(self, "levels", tuple(levels.tolist()))
        object.__setattr__(self, "values", np.asarray(self.values, dtype=np.float64))
        require_axes(self, "values", "origin, step, target, level")
        if self.values.shape[-1] != len(levels) or (np.diff(levels) <= 0).any():
            raise SettingsError(
                f"QuantileTable: {self.values.shape[-1]} quantiles a cell for the levels {list(self.levels)}; "
                "give one quantile for each level, levels increasing"
            )
        require(self, "values", np.isfinite(self.values), "finite")
        require(self, "values", np.diff(self.values, axis=-1) >= 0, "sorted along the levels (np.sort)")

    @property
    def shape(self) -> Shape:
        """Origins, steps and targets."""
        return self.values.shape[:3]

    def mean(self) -> np.ndarray:
        """Expected value [origin, step, target], tails included."""
        p, q = np.asarray(self.levels), self.values
        lower, upper = self._tails()
        inside = (0.5 * (q[..., 1:] + q[..., :-1]) * np.diff(p)).sum(axis=-1)
        return inside + p[0] * (q[..., 0] - lower) + (1.0 - p[-1]) * (q[..., -1] + upper)

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Quantiles [origin, step, target, level]."""
        array = as_levels(levels)
        return self._quantile(np.broadcast_to(array, (*self.shape, len(array))), 1.0 - array)

    def at_score(self, score: np.ndarray) -> np.ndarray:
        """Quantile of the level that a standard normal variable has at `score`."""
        scores = np.broadcast_to(score, self.shape)[..., None]
        return self._quantile(special.ndtr(scores), special.ndtr(-scores))[..., 0]

    def samples(self, count: int, seed: int = 0) -> np.ndarray:
        """Independent draws [sample, origin, step, target]."""
        drawn = 1.0 - np.random.default_rng(seed).random((*self.shape, count))  # never 0, which has no logarithm
        drawn = np.minimum(drawn, 1.0 - 2.0**-53)
        return np.moveaxis(self._quantile(drawn, 1.0 - drawn), -1, 0)

    def log_likelihood(self, values: np.ndarray) -> np.ndarray:
        """Log density [origin, step, target]; NaN at a value that has a probability of its own."""
        values = np.broadcast_to(values, self.shape)
        p, q, (lower, upper) = self.levels, self.values, self._tails()
        with np.errstate(divide="ignore", invalid="ignore"):
            below = np.log(p[0] / lower) + (values - q[..., 0]) / lower
            beyond = np.log((1.0 - p[-1]) / upper) - (values - q[..., -1]) / upper
            log_density = np.where(values < q[..., 0], below, beyond)
            for i, width in enumerate(np.moveaxis(np.diff(q, axis=-1), -1, 0)):
                inside = (values >= q[..., i]) & (values < q[..., i + 1])
                log_density = np.where(inside, np.log((p[i + 1] - p[i]) / width), log_density)
        no_tail = ((values < q[..., 0]) & (lower == 0)) | ((values > q[..., -1]) & (upper == 0))
        log_density = np.where(no_tail, -np.inf, log_density)
        return np.where(self._lumps(values) | np.isnan(values), np.nan, log_density)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """P(Y <= value) [origin, step, target]."""
        values = np.broadcast_to(values, self.shape)
        p, q, (lower, upper) = self.levels, self.values, self._tails()
        with np.errstate(divide="ignore", invalid="ignore"):
            below = np.where(lower > 0, p[0] * np.exp(np.minimum(values - q[..., 0], 0.0) / lower), 0.0)
            beyond = np.where(upper > 0, (1.0 - p[-1]) * np.exp(-np.maximum(values - q[..., -1], 0.0) / upper), 0.0)
        found = np.where(values < q[..., 0], below, 1.0 - beyond)
        for i, width in enumerate(np.moveaxis(np.diff(q, axis=-1), -1, 0)):
            inside = (values >= q[..., i]) & (values < q[..., i + 1])
            share = np.divide(values - q[..., i], width, out=np.zeros(self.shape), where=inside)
            found = np.where(inside, p[i] + (p[i + 1] - p[i]) * share, found)
        return np.where(np.isnan(values), np.nan, found)

    def crps(self, values: np.ndarray) -> np.ndarray:
        """Twice the pinball loss integrated over all levels, tails included, exactly [origin, step, target]."""
        values = np.broadcast_to(values, self.shape)
        p, q, (lower, upper) = self.levels, self.values, self._tails()
        score = _tail_score(values - q[..., 0], lower, p[0]) + _tail_score(q[..., -1] - values, upper, 1.0 - p[-1])
        for i in range(len(p) - 1):
            score = score + _segment_score(values, q[..., i], q[..., i + 1], p[i], p[i + 1])
        return score

    def _each(self, change: Callable[[np.ndarray], np.ndarray]) -> Self:
        return type(self)(self.levels, change(self.values))

    def _tails(self) -> tuple[np.ndarray, np.ndarray]:
        """Widths of the two exponential tails [origin, step, target]."""
        p, q = self.levels, self.values
        if len(p) == 1:
            return np.zeros(self.shape), np.zeros(self.shape)
        lower = (q[..., 1] - q[..., 0]) / np.log(p[1] / p[0])
        return lower, (q[..., -1] - q[..., -2]) / np.log((1.0 - p[-2]) / (1.0 - p[-1]))

    def _quantile(self, level: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """Quantiles of levels [origin, step, target, n]; `rest` is 1 - level with its digits."""
        p, q, (lower, upper) = np.asarray(self.levels), self.values, self._tails()
        right = np.clip(np.searchsorted(p, level), 1, max(len(p) - 1, 1))
        left = np.minimum(right - 1, len(p) - 1)
        right = np.minimum(right, len(p) - 1)
        at_left, at_right = np.take_along_axis(q, left, axis=-1), np.take_along_axis(q, right, axis=-1)
        gap = np.where(right > left, p[right] - p[left], 1.0)
        inside = at_left + (at_right - at_left) * np.clip((level - p[left]) / gap, 0.0, 1.0)
        low = np.minimum(np.log(level / p[0]), 0.0) * lower[..., None]
        high = np.minimum(np.log(rest / (1.0 - p[-1])), 0.0) * upper[..., None]
        return inside + low - high

    def _lumps(self, values: np.ndarray) -> np.ndarray:
        """Whether a value has a probability of its own, because neighbouring quantiles are equal to it."""
        q = self.values
        if q.shape[-1] == 1:
            return values == q[..., 0]
        return ((q[..., 1:] == q[..., :-1]) & (values[..., None] == q[..., 1:])).any(axis=-1)


def _tail_score(inward: np.ndarray, width: np.ndarray, mass: float) -> np.ndarray:
    """Score of a lower tail of probability `mass`; `inward` is how far the truth lies above its end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log_share = np.where(width > 0, np.minimum(inward, 0.0) / width, 0.0)  # log of cdf / mass
    share = mass * np.exp(log_share)
    # Levels up to the cdf count 2 u (y - Q), those above it 2 (1 - u) (Q - y), with Q = y + width log(u / cdf).
    reached = 0.5 * width * share**2 + mass**2 * np.maximum(inward, 0.0)
    first = mass * -log_share - mass + share
    second = 0.5 * mass**2 * -log_share - 0.25 * mass**2 + 0.25 * share**2
    missed = np.where(
        width > 0, 2.0 * width * (first - second), 2.0 * (mass - 0.5 * mass**2) * np.maximum(-inward, 0.0)
    )
    return reached + np.where(inward < 0, missed, 0.0)


def _segment_score(values: np.ndarray, start: np.ndarray, end: np.ndarray, p: float, r: float) -> np.ndarray:
    """Score of the levels from p to r, whose quantiles run straight from start to end."""
    width = end - start
    share = np.divide(values - start, width, out=(values >= start).astype(np.float64), where=width > 0)
    middle = p + (r - p) * np.clip(share, 0.0, 1.0)  # the level of the truth
    at = start + width * np.clip(share, 0.0, 1.0)
    # Simpson's rule is exact for the product of two straight lines.
    below = _simpson(
        p, middle, p * (values - start), middle * (values - at), 0.25 * (p + middle) * (2 * values - start - at)
    )
    above = _simpson(
        middle,
        r,
        (1 - middle) * (at - values),
        (1 - r) * (end - values),
        0.25 * (2 - middle - r) * (at + end - 2 * values),
    )
    return 2.0 * (below + above)


def _simpson(
    low: np.ndarray | float, high: np.ndarray | float, at_low: np.ndarray, at_high: np.ndarray, at_middle: np.ndarray
) -> np.ndarray:
    return (high - low) / 6.0 * (at_low + 4.0 * at_middle + at_high)
