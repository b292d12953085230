"""Drawn: what a network says that runs on by itself: paths, in the place of a head's parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from forecast.distributions import Samples
from forecast.nets.heads.head import Head, Units, held, observed_mean


@dataclass(frozen=True)
class Drawn:
    """Joint paths, drawn step by step from a head. Its parameters are the paths themselves, the last axis.

    Args:
        head: what every step was drawn from.
        paths: how many there are.
    """

    head: Head
    paths: int

    @property
    def width(self) -> int:
        return self.paths

    @property
    def levels(self) -> tuple[float, ...]:
        return self.head.levels

    @property
    def units(self) -> Units:
        return self.head.units

    @property
    def located(self) -> bool:
        return self.head.located

    def rescale(
        self,
        raw: Float[Tensor, "origin step target path"],
        shift: Float[Tensor, "origin 1 target"],
        spread: Float[Tensor, "origin 1 target"],
    ) -> Float[Tensor, "origin step target path"]:
        """Every path to the units of the series."""
        return raw * spread[..., None] + shift[..., None]

    def loss(
        self,
        parameters: Float[Tensor, "origin step target path"],
        target: Float[Tensor, "origin step target"],
        seen: Bool[Tensor, "origin step target"] | None,
        last: Tensor | None = None,
    ) -> Float[Tensor, ""]:
        """Continuous ranked probability score, fair to few paths (Ferro 2014); the absolute error of a single one."""
        target = held(target, seen, parameters[..., 0])
        cells, count = (parameters - target[..., None]).abs().mean(dim=-1), parameters.shape[-1]
        if count > 1:
            rank = torch.arange(1 - count, count, 2, device=parameters.device, dtype=parameters.dtype)
            cells = cells - (parameters.sort(dim=-1).values * rank).sum(dim=-1) / (count * (count - 1))
        return observed_mean(cells, seen)

    def point(self, parameters: Tensor, last: Tensor) -> Float[Tensor, "origin step target"]:
        """The median of the paths at each step."""
        return parameters.quantile(0.5, dim=-1)

    def sample(
        self, parameters: Tensor, last: Tensor, generator: torch.Generator
    ) -> Float[Tensor, "origin step target"]:
        """One of the paths as a whole, for each origin."""
        origins, device = len(parameters), parameters.device
        which = torch.randint(parameters.shape[-1], (origins,), generator=generator, device=device)
        return parameters[torch.arange(origins, device=device), :, :, which]

    def distribution(self, parameters: np.ndarray, last: np.ndarray) -> Samples:
        """The paths, which belong together."""
        return Samples(np.moveaxis(parameters, -1, 0))
