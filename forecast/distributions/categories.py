"""Probabilities of classes: of a categorical target, or of the direction a series goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.distributions.family import Family, as_levels, require, require_axes
from forecast.distributions.protocol import Shape
from forecast.errors import SettingsError

DIRECTIONS = ("down", "flat", "up")


@dataclass(frozen=True, eq=False)
class Categories(Family):
    """Probabilities of classes in every cell.

    Without `last` the values of the series are the codes 0, 1, ... of the labels. With it the classes are directions:
    "up" where a value lies more than `edges` above the newest one, "down" where it lies as far below, "flat" between.
    Classes have no distances, so mean, quantiles and CRPS are NaN; `mode` is the point forecast of a code.

    Args:
        labels: names of the classes; ("down", "flat", "up") for directions.
        probabilities: float64 [origin, step, target, label]; sums to 1.
        last: newest value at each origin, float64 [origin, target]; None for codes.
        edges: half width of the dead band, float64 [origin, step, target], in units of the series; None for 0.

    Raises:
        SettingsError: probabilities do not sum to 1, labels do not fit, or edges come without last.

    Example:
        >>> shares = np.array([[[[0.2, 0.1, 0.7]]]])
        >>> said = Categories(("down", "flat", "up"), shares, last=np.array([[5.0]]))
        >>> round(said.above(np.array([[[5.0]]])).item(), 3)
        0.7
        >>> said.codes(np.array([[[4.0]]])).item()
        0.0
    """

    labels: tuple[str, ...]
    probabilities: np.ndarray
    last: np.ndarray | None = None
    edges: np.ndarray | None = None

    def __post_init__(self) -> None:
        shares = np.asarray(self.probabilities, dtype=np.float64)
        object.__setattr__(self, "labels", tuple(self.labels))
        object.__setattr__(self, "probabilities", shares)
        require_axes(self, "probabilities", "origin, step, target, label")
        self._check_labels()
        total = shares.sum(axis=-1, keepdims=True)
        require(self, "probabilities", (shares >= 0) & (np.abs(total - 1.0) < 1e-4), "at least 0 and sum to 1")
        object.__setattr__(self, "probabilities", shares / total)
        if self.last is not None:
            object.__setattr__(self, "last", np.asarray(self.last, dtype=np.float64))
            require_axes(self, "last", "origin, target")
            given = np.zeros(()) if self.edges is None else np.asarray(self.edges, dtype=np.float64)
            edges = np.broadcast_to(given, self.shape)
            object.__setattr__(self, "edges", edges)
            require(self, "edges", edges >= 0, "at least 0")

    @property
    def shape(self) -> Shape:
        """Origins, steps and targets."""
        return self.probabilities.shape[:3]

    @property
    def directional(self) -> bool:
        """Whether the classes are directions from the newest value."""
        return self.last is not None

    def mode(self) -> np.ndarray:
        """Code of the most probable class [origin, step, target], the first one where several are."""
        return self.probabilities.argmax(axis=-1).astype(np.float64)

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Codes of the classes that values belong to [origin, step, target]; NaN where there is none."""
        values = np.broadcast_to(values, self.shape)
        if self.last is None or self.edges is None:
            valid = (values == np.floor(values)) & (values >= 0) & (values < len(self.labels))
            return np.where(valid, values, np.nan)
        change = values - self.last[:, None]
        direction = 1.0 + (change > self.edges) - (change < -self.edges)
        return np.where(np.isnan(change), np.nan, direction)

    def mean(self) -> np.ndarray:
        """NaN [origin, step, target]: classes have no sizes."""
        return np.full(self.shape, np.nan)

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """NaN [origin, step, target, level]: classes have no sizes."""
        return np.full((*self.shape, len(as_levels(levels))), np.nan)

    def samples(self, count: int, seed: int = 0) -> np.ndarray:
        """Independent draws of codes [sample, origin, step, target]; NaN for directions, which have no sizes."""
        if self.directional:
            return np.full((count, *self.shape), np.nan)
        drawn = np.random.default_rng(seed).random((count, *self.shape))[..., None]
        return (drawn >= np.cumsum(self.probabilities, axis=-1)[..., :-1]).sum(axis=-1).astype(np.float64)

    def log_likelihood(self, values: np.ndarray) -> np.ndarray:
        """Log probability of the class that a value belongs to [origin, step, target]."""
        codes = self.codes(values)
        index = np.nan_to_num(codes).astype(np.int64)[..., None]
        with np.errstate(divide="ignore"):
            chosen = np.log(np.take_along_axis(self.probabilities, index, axis=-1)[..., 0])
        return np.where(np.isnan(codes), np.nan, chosen)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """P(code <= value); of directions, P(Y <= value) within the dead band and NaN outside it.

        Within the band, at the newest value itself included, nothing tells flat values apart: from the newest value up
        they count as reached, below it they do not.
        """
        values = np.broadcast_to(values, self.shape)
        if self.last is None or self.edges is None:
            reached = np.arange(len(self.labels)) <= values[..., None]
            found = (self.probabilities * reached).sum(axis=-1)
        else:
            change = values - self.last[:, None]
            down, up = self.probabilities[..., 0], self.probabilities[..., 2]
            found = np.where(np.abs(change) <= self.edges, np.where(change < 0, down, 1.0 - up), np.nan)
        return np.where(np.isnan(values), np.nan, found)

    def crps(self, values: np.ndarray) -> np.ndarray:
        """NaN [origin, step, target]: classes have no distances."""
        return np.full(self.shape, np.nan)

    def _check_labels(self) -> None:
        if len(self.labels) != self.probabilities.shape[-1] or len(set(self.labels)) != len(self.labels):
            raise SettingsError(
                f"Categories: {self.probabilities.shape[-1]} probabilities a cell for the labels {list(self.labels)}; "
                "give one probability for each label, labels all different"
            )
        if self.last is not None and self.labels != DIRECTIONS:
            raise SettingsError(f"Categories: directions from `last` have the labels {DIRECTIONS}, not {self.labels}")
        if self.last is None and self.edges is not None:
            raise SettingsError("Categories: edges say how far from `last` a move must go; give `last` too")

    def _each(self, change: Callable[[np.ndarray], np.ndarray]) -> Categories:
        edges = None if self.edges is None else change(self.edges)
        return replace(self, probabilities=change(self.probabilities), edges=edges)

    def take(self, index: np.ndarray) -> Categories:
        """The distribution at some of the origins."""
        last = None if self.last is None else self.last[index]
        edges = None if self.edges is None else self.edges[index]
        return Categories(self.labels, self.probabilities[index], last, edges)
