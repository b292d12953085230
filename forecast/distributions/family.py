"""What the parametric families share: parameters of one shape, and the answers that follow from others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, Self, cast

import numpy as np

from forecast.distributions.protocol import Shape
from forecast.errors import SettingsError


class Family(ABC):
    """A frozen dataclass of parameters [origin, step, target, ...], and what follows from cdf and quantiles."""

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """Origins, steps and targets."""

    @abstractmethod
    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Quantiles [origin, step, target, level]."""

    @abstractmethod
    def cdf(self, values: np.ndarray) -> np.ndarray:
        """P(Y <= value) [origin, step, target]."""

    def median(self) -> np.ndarray:
        """Quantile of level 0.5 [origin, step, target]."""
        return self.quantiles((0.5,))[..., 0]

    def above(self, values: np.ndarray) -> np.ndarray:
        """P(Y > value) [origin, step, target]."""
        return 1.0 - self.cdf(values)

    def take(self, index: np.ndarray) -> Self:
        """The distribution at some of the origins."""
        return self._each(lambda array: array[index])

    def steps(self, count: int) -> Self:
        """The distribution at the first `count` steps."""
        return self._each(lambda array: array[:, :count])

    def _each(self, change: Callable[[np.ndarray], np.ndarray]) -> Self:
        data = cast(Any, self)
        return replace(data, **{field.name: change(getattr(self, field.name)) for field in fields(data)})


def set_parameters(family: object, **parameters: np.ndarray) -> None:
    """Bring parameters to float64 and one shape [origin, step, target, ...] and put them into a frozen dataclass."""
    arrays = np.broadcast_arrays(*(np.asarray(array, dtype=np.float64) for array in parameters.values()))
    for name, array in zip(parameters, arrays, strict=True):
        object.__setattr__(family, name, array)


def require(family: object, name: str, holds: np.ndarray, rule: str) -> None:
    """Refuse parameters that break a rule.

    Raises:
        SettingsError: says how many cells break it, and the first of them.
    """
    if holds.all():
        return
    broken = np.argwhere(~holds)
    values = getattr(family, name)
    first = tuple(int(i) for i in broken[0])
    raise SettingsError(
        f"{type(family).__name__}: {name} must be {rule}; {len(broken)} of {holds.size} are not, "
        f"first {values[first]} at [origin, step, target] = {list(first)}"
    )


def require_axes(family: object, name: str, axes: str) -> None:
    """Refuse an array that has not the named axes."""
    array, wanted = getattr(family, name), axes.count(",") + 1
    if array.ndim != wanted:
        raise SettingsError(f"{type(family).__name__}: {name} must be [{axes}], it has the shape {array.shape}")


def as_levels(levels: Sequence[float]) -> np.ndarray:
    """Levels as an array.

    Raises:
        SettingsError: one of them does not lie between 0 and 1.
    """
    array = np.atleast_1d(np.asarray(levels, dtype=np.float64))
    wrong = array[~((array > 0) & (array < 1))]
    if wrong.size:
        raise SettingsError(f"levels must lie between 0 and 1, without the ends; {wrong[0]:g} does not")
    return array
