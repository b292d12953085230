"""Transforms of targets: logarithm and Box-Cox, one power for each series, undone exactly.

Both are the map z = ((y + offset)^power - 1) / power, which is log(y + offset) at power 0 (Box and Cox 1964).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import boxcox, inv_boxcox

Transform = Literal["none", "log", "log1p", "box-cox"]
TRANSFORMS: tuple[Transform, ...] = ("none", "log", "log1p", "box-cox")
OFFSETS = {"log": 0.0, "log1p": 1.0, "box-cox": 0.0}
POWERS = np.linspace(0.0, 1.0, 41)
"""Powers that Box-Cox chooses from: below 0 a forecast could leave the range that has an inverse, above 1 the map bends
the other way than any that people ask it for."""


@dataclass(frozen=True, eq=False)
class Warp:
    """The map of some series' targets, and back.

    Args:
        power: float64, of any shape that fits the values.
        offset: added before.

    Example:
        >>> warp = Warp(np.array([0.0, 0.5]))
        >>> warp.inverse(warp.forward(np.array([3.0, 4.0]))).round(12).tolist()
        [3.0, 4.0]
    """

    power: np.ndarray
    offset: float = 0.0

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Own units to transformed ones; -inf for what is not above -offset, at any power, NaN for NaN."""
        above = values + self.offset
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(above <= 0, -np.inf, boxcox(above, self.power))

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """Transformed units to own ones; what lies below the range of the map becomes its lower end, -offset."""
        with np.errstate(divide="ignore", over="ignore"):
            least = np.where(self.power > 0, -1.0 / self.power, -np.inf)
            return inv_boxcox(np.maximum(values, least), self.power) - self.offset

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        """Logarithm of the slope of `forward` at values in own units."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.power - 1.0) * np.log(values + self.offset)


@dataclass(frozen=True, eq=False)
class Outward:
    """The link from the units of a scale to a series' own: an affine map, then the inverse of a transform.

    Values are [origin, step, target], or have one more axis in front.

    Args:
        center, spread: float64 [origin, 1, target].
        warp: with a power [origin, 1, target]; None for no transform.
    """

    center: np.ndarray
    spread: np.ndarray
    warp: Warp | None = None

    def to_base(self, values: np.ndarray) -> np.ndarray:
        """Own units to those of the scale; -inf below the range of the transform."""
        plain = values if self.warp is None else self.warp.forward(values)
        return (plain - self.center) / self.spread

    def from_base(self, values: np.ndarray) -> np.ndarray:
        """Units of the scale to own ones."""
        plain = values * self.spread + self.center
        return plain if self.warp is None else self.warp.inverse(plain)

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        """Logarithm of the slope of `to_base` at values in own units."""
        slope = -np.log(self.spread) + np.zeros(np.shape(values))
        return slope if self.warp is None else slope + self.warp.log_slope(values)

    def take(self, index: np.ndarray) -> Outward:
        """The link at some of the origins."""
        warp = self.warp and Warp(self.warp.power[index], self.warp.offset)
        return Outward(self.center[index], self.spread[index], warp)

    def steps(self, count: int) -> Outward:
        """Itself: it is the same at all steps."""
        return self


def best_power(values: np.ndarray) -> float:
    """The power of Box and Cox's profile likelihood for positive values, out of `POWERS`.

    Args:
        values: float64 [n], all above 0.
    """
    logs = np.log(values)
    scores = [_likelihood(boxcox(values, power), logs, power) for power in POWERS]
    return float(POWERS[int(np.argmax(scores))])


def _likelihood(moved: np.ndarray, logs: np.ndarray, power: float) -> float:
    width = moved.std()
    return -np.inf if width == 0 else -len(logs) * np.log(width) + (power - 1.0) * logs.sum()


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def mean_of(values: np.ndarray, noise: np.ndarray, link: Outward) -> np.ndarray:
    """Mean in own units of a normal variable in units of the scale: what the inverse of its mean alone is short of.

    Args:
        values: float64 [origin, step, target], the means.
        noise: float64 [step, target], the standard deviations.
        link: leads to own units.

    Example:
        >>> one = np.ones((1, 1, 1))
        >>> link = Outward(0 * one, one, Warp(0 * one))
        >>> lognormal = mean_of(0 * one, np.ones((1, 1)), link).item()
        >>> round(float(lognormal / np.exp(0.5)), 9)
        1.0
    """
    total = np.zeros_like(values)
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        total += weight * link.from_base(values + node * noise)
    return total
