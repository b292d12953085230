"""Point: one number per target and step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from forecast.errors import SettingsError, did_you_mean
from forecast.nets.heads.head import Units, observed_mean

LOSSES = {
    "mse": functional.mse_loss,
    "mae": functional.l1_loss,
    "huber": functional.huber_loss,
}


@dataclass(frozen=True)
class Point:
    """One number per target and step.

    Args:
        criterion: "mse" (the mean is forecast), "mae" (the median) or "huber" (squared below one standard
            deviation of the series, absolute beyond).

    Example:
        >>> raw, target = torch.zeros(1, 2, 1, 1), torch.tensor([[[2.0], [float("nan")]]])
        >>> float(Point("mse").loss(raw, target.nan_to_num(), target.isfinite()))
        4.0
    """

    criterion: Literal["mse", "mae", "huber"] = "mse"

    def __post_init__(self) -> None:
        if self.criterion not in LOSSES:
            raise SettingsError(f"criterion {self.criterion!r}{did_you_mean(self.criterion, tuple(LOSSES))}")

    @property
    def width(self) -> int:
        return 1

    @property
    def levels(self) -> tuple[float, ...]:
        """No quantile levels: the forecast is one number."""
        return ()

    @property
    def units(self) -> Units:
        return "level"

    @property
    def located(self) -> bool:
        return True

    def rescale(
        self,
        raw: Float[Tensor, "origin step target 1"],
        shift: Float[Tensor, "origin 1 target"],
        spread: Float[Tensor, "origin 1 target"],
    ) -> Float[Tensor, "origin step target 1"]:
        """From the units of the window to the units of the series."""
        return raw * spread[..., None] + shift[..., None]

    def loss(
        self,
        parameters: Float[Tensor, "origin step target 1"],
        target: Float[Tensor, "origin step target"],
        seen: Bool[Tensor, "origin step target"] | None,
        last: Tensor | None = None,
    ) -> Float[Tensor, ""]:
        """Mean over the observed cells; 0 when none was observed."""
        loss = LOSSES[self.criterion]
        if seen is None:
            return loss(parameters[..., 0], target)
        # The target is masked first: a NaN that only the loss is masked for still reaches the gradients, as 0 * NaN.
        cells = loss(parameters[..., 0], torch.where(seen, target, 0.0), reduction="none")
        return observed_mean(cells, seen)

    def point(self, parameters: Tensor, last: Tensor) -> Float[Tensor, "origin step target"]:
        """The number itself."""
        return parameters[..., 0]

    def sample(
        self, parameters: Tensor, last: Tensor, generator: torch.Generator
    ) -> Float[Tensor, "origin step target"]:
        """The number itself: it says nothing of chance."""
        return parameters[..., 0]

    def distribution(self, parameters: np.ndarray, last: np.ndarray) -> None:
        """None: one number is no distribution."""
        return
