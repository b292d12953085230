"""Heads of classes: the direction of the next steps, or a target that is a category. Trained by the cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from forecast.distributions import Categories
from forecast.errors import SettingsError
from forecast.nets.heads.head import Units, observed_mean

FALL, FLAT, RISE = "down", "flat", "up"


class _Classes:
    """What heads of classes share: logits have no units and no level, and classes have no quantiles."""

    @property
    def levels(self) -> tuple[float, ...]:
        return ()

    @property
    def located(self) -> bool:
        return False

    def rescale(self, raw: Tensor, shift: Tensor, spread: Tensor) -> Tensor:
        """Logits of the classes, as they are."""
        return raw


@dataclass(frozen=True)
class Direction(_Classes):
    """Whether the target will lie below, about at or above the newest value.

    Flat is what stays within a dead band of `band` training standard deviations of the changes from row to row, wider
    by the root of the steps ahead (as the changes of a random walk are). It forecasts classes, no values: as a point
    forecast it repeats the newest value.

    Args:
        band: half the width of the dead band; with 0 flat is what did not move at all.

    Example:
        >>> head = Direction(band=0.5)
        >>> target, last = torch.tensor([[[0.2], [2.0], [-2.0]]]), torch.zeros(1, 1, 1)
        >>> [head.labels[i] for i in head.classes(target, last).flatten().tolist()]
        ['flat', 'up', 'down']
    """

    band: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.band < np.inf:
            raise SettingsError(f"band={self.band}: 0 or above, in training standard deviations of the changes")

    @property
    def labels(self) -> tuple[str, ...]:
        return (FALL, FLAT, RISE)

    @property
    def width(self) -> int:
        return 3

    @property
    def units(self) -> Units:
        return "change"

    def classes(self, target: Float[Tensor, "origin step target"], last: Float[Tensor, "origin 1 target"]) -> Tensor:
        """The class of each cell, int64 [origin, step, target]."""
        move, edge = target - last, self._edges(target.shape[1]).to(target)[None, :, None]
        return 1 + (move > edge).long() - (move < -edge).long()

    def _edges(self, steps: int) -> Tensor:
        return self.band * torch.arange(1, steps + 1, dtype=torch.float64).sqrt()

    def loss(
        self,
        parameters: Float[Tensor, "origin step target width"],
        target: Float[Tensor, "origin step target"],
        seen: Bool[Tensor, "origin step target"] | None,
        last: Tensor | None = None,
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy of the observed cells."""
        if last is None:
            raise SettingsError("a direction is measured from the newest value: give `last`")
        where = torch.where(seen, target, last) if seen is not None else target
        return _cross_entropy(parameters, self.classes(where, last), seen)

    def point(self, parameters: Tensor, last: Tensor) -> Tensor:
        """The newest value: classes say nothing of values."""
        return last.expand(parameters.shape[:-1])

    def sample(self, parameters: Tensor, last: Tensor, generator: torch.Generator) -> Tensor:
        """Classes cannot be read back as values."""
        raise SettingsError("a direction head forecasts classes, which cannot be fed back; use decoder=Direct()")

    def distribution(self, parameters: np.ndarray, last: np.ndarray) -> Categories:
        """Probabilities of the classes, with the newest value and the edges that they are about."""
        edges = np.broadcast_to(self._edges(parameters.shape[1]).numpy()[None, :, None], parameters.shape[:-1])
        return Categories(self.labels, _softmax(parameters), last, np.array(edges))


@dataclass(frozen=True)
class Category(_Classes):
    """The class of a target that is a category.

    Args:
        labels: names of the classes; a fit takes those of its panel's target.

    Example:
        >>> head = Category(("rain", "sun"))
        >>> head.distribution(np.zeros((1, 1, 1, 2)), np.zeros((1, 1))).probabilities.ravel().tolist()
        [0.5, 0.5]
    """

    labels: tuple[str, ...] = ("0", "1")

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        if len(self.labels) < 2:
            raise SettingsError(f"labels {self.labels}: a category needs two classes at least")

    @property
    def width(self) -> int:
        return len(self.labels)

    @property
    def units(self) -> Units:
        return "count"

    def loss(
        self,
        parameters: Float[Tensor, "origin step target width"],
        target: Float[Tensor, "origin step target"],
        seen: Bool[Tensor, "origin step target"] | None,
        last: Tensor | None = None,
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy of the observed cells; codes that no class has count nowhere."""
        code = (torch.where(seen, target, 0.0) if seen is not None else target).round().long()
        return _cross_entropy(parameters, torch.where((code >= 0) & (code < self.width), code, -1), seen)

    def point(self, parameters: Tensor, last: Tensor) -> Tensor:
        """The code of the likeliest class."""
        return parameters.argmax(dim=-1).to(parameters.dtype)

    def sample(self, parameters: Tensor, last: Tensor, generator: torch.Generator) -> Tensor:
        """A code for each cell, by the probabilities."""
        flat = functional.softmax(parameters, dim=-1).flatten(0, -2)
        return torch.multinomial(flat, 1, generator=generator).view(parameters.shape[:-1]).to(parameters.dtype)

    def distribution(self, parameters: np.ndarray, last: np.ndarray) -> Categories:
        """Probabilities of the classes."""
        return Categories(self.labels, _softmax(parameters))


def _cross_entropy(logits: Tensor, code: Tensor, seen: Tensor | None) -> Tensor:
    """Mean over the cells that were seen and have a class (a code from 0 on)."""
    counts = code >= 0 if seen is None else seen & (code >= 0)
    said = functional.log_softmax(logits, dim=-1).gather(-1, code.clamp(min=0)[..., None])[..., 0]
    return observed_mean(-said, counts)


def _softmax(logits: np.ndarray) -> np.ndarray:
    weight = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weight / weight.sum(axis=-1, keepdims=True)
