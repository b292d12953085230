"""Scaling inside a window: which level and width the network sees, and how its forecast is brought back.

All of it is causal: step t is scaled by steps up to t (of its own window) and the forecast by the origin's values.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Scaling = Literal["last", "standard", "running", "none"]
SCALINGS: tuple[Scaling, ...] = ("last", "standard", "running", "none")


class Scaled(NamedTuple):
    """A scaled context, and the affine map that leads from its units back to the series' units at the origin."""

    past: Float[Tensor, "batch context target"]
    shift: Float[Tensor, "batch 1 target"]
    spread: Float[Tensor, "batch 1 target"]


def scale_window(
    past: Float[Tensor, "batch context target"],
    seen: Bool[Tensor, "batch context target"] | None,
    scaling: Scaling,
    time_constant: float,
) -> Scaled:
    """Scale the targets of a context.

    Args:
        past: targets, missing cells carried forward.
        seen: which cells were observed; None: all.
        scaling: "last" subtracts the newest value; "standard" uses the mean and standard deviation of the window;
            "running" an exponential mean and standard deviation up to each step; "none" leaves the units alone.
        time_constant: steps after which a value's weight in "running" has fallen to 1/e.

    Example:
        >>> scale_window(torch.tensor([[[1.0], [3.0]]]), None, "last", 10.0).past.flatten().tolist()
        [-2.0, 0.0]
    """
    newest = past[:, -1:]
    if scaling == "last":
        return Scaled(past - newest, newest, torch.ones_like(newest))
    if scaling == "none":
        return Scaled(past, torch.zeros_like(newest), torch.ones_like(newest))
    weight = torch.ones_like(past) if seen is None else seen.to(past.dtype)
    if scaling == "standard":
        count = weight.sum(dim=1, keepdim=True).clamp(min=1)
        mean = (past * weight).sum(dim=1, keepdim=True) / count
        spread = _positive(_root(((past - mean) ** 2 * weight).sum(dim=1, keepdim=True) / count))
        return Scaled((past - mean) / spread, mean, spread)
    mean, width = running_moments(past, weight, time_constant)
    spread = _positive(width)
    return Scaled((past - mean) / spread, mean[:, -1:], spread[:, -1:])


def running_moments(
    x: Float[Tensor, "batch time target"], weight: Float[Tensor, "batch time target"], time_constant: float
) -> tuple[Float[Tensor, "batch time target"], Float[Tensor, "batch time target"]]:
    """Exponential mean and standard deviation up to and including each step, corrected for the short start.

    With decay d = exp(-1/time_constant) the mean at t weighs step i <= t by d^(t-i); the variance weighs
    (x_i - mean_{i-1})(x_i - mean_i), which is never negative and loses no digits to a large level.
    Steps of weight 0 are skipped but time goes on.
    """
    age = torch.arange(x.shape[1], device=x.device, dtype=x.dtype)
    age = age[:, None] - age[None, :]
    decay = torch.where(age >= 0, torch.exp(-age.clamp(min=0) / time_constant), 0.0)
    total = torch.einsum("ti,bic->btc", decay, weight).clamp(min=1e-12)
    level = x[:, :1]
    mean = level + torch.einsum("ti,bic->btc", decay, weight * (x - level)) / total
    before = torch.cat([mean[:, :1], mean[:, :-1]], dim=1)
    variance = torch.einsum("ti,bic->btc", decay, weight * (x - before) * (x - mean)) / total
    return mean, _root(variance)


def _root(variance: Tensor) -> Tensor:
    """Square root that stays a hair above 0, where its slope would turn every gradient behind it into NaN."""
    return variance.clamp(min=1e-18).sqrt()


def _positive(width: Tensor) -> Tensor:
    """A width to divide by: windows that hardly move keep the units of the series instead of exploding."""
    return torch.where(width > 1e-4, width, 1.0)
