"""The contract test of heads."""

from __future__ import annotations

import torch
from torch import Tensor

from forecast.nets.heads import Head
from forecast.testing.claims import near, require


def check_head(head: Head, seed: int = 0) -> None:
    """Check that a head keeps the promise of `forecast.nets.heads.Head`.

    The loss is a finite number, masked cells take no part in it (whatever they hold, NaN included) nor in its
    gradients, rescaling moves the forecast values along, and those have one column a level (one without levels).

    Raises:
        AssertionError: a promise is broken.

    Example:
        >>> from forecast.nets.heads import Point
        >>> check_head(Point("huber"))
    """
    random = torch.Generator().manual_seed(seed)
    origins, steps, targets = 6, 4, 2
    raw = torch.randn(origins, steps, targets, head.width, generator=random, dtype=torch.float64)
    target = torch.randn(origins, steps, targets, generator=random, dtype=torch.float64)
    seen = torch.rand(origins, steps, targets, generator=random) < 0.6
    full, none = torch.ones_like(seen), torch.zeros_like(seen)

    loss = head.loss(raw, target, None)
    require(loss.ndim == 0 and loss.isfinite(), f"the loss is one finite number, got {loss}")
    require(
        near(head.loss(raw, target, full), loss, 1e-9),
        "a mask that hides nothing changes the loss (None means the same)",
    )
    require(head.loss(raw, target, none).isfinite(), "the loss is not finite where every cell is masked")
    part = full.clone()
    part[origins // 2 :] = False
    require(
        near(head.loss(raw, target, part), head.loss(raw[: origins // 2], target[: origins // 2], None), 1e-9),
        "masking half of the origins differs from leaving them out: masked cells count, at least in the denominator",
    )
    _check_mask(head, raw, target, seen)
    _check_values(head, raw, random)


def _check_mask(head: Head, raw: Tensor, target: Tensor, seen: Tensor) -> None:
    plain, gradient = _gradient(head, raw, target, seen)
    for filler in (1e6, float("nan")):
        loss, slope = _gradient(head, raw, target.masked_fill(~seen, filler), seen)
        require(near(loss, plain, 1e-9), f"a masked target cell that holds {filler} reaches the loss")
        require(near(slope, gradient, 1e-9), f"a masked target cell that holds {filler} reaches the gradients")
    require((gradient[~seen] == 0).all(), "the loss has gradients at masked cells")


def _gradient(head: Head, raw: Tensor, target: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    raw = raw.clone().requires_grad_()
    loss = head.loss(raw, target, seen)
    loss.backward()
    require(raw.grad is not None, "the loss does not depend on the network's output")
    return loss.detach(), raw.grad  # type: ignore[return-value]


def _check_values(head: Head, raw: Tensor, random: torch.Generator) -> None:
    values = head.values(raw)
    expected = (*raw.shape[:3], max(1, len(head.levels)))
    require(tuple(values.shape) == expected, f"values has the shape {tuple(values.shape)}, promised is {expected}")
    require(values.isfinite().all(), "values are not finite")
    shift = torch.randn(len(raw), 1, raw.shape[2], generator=random, dtype=raw.dtype)
    spread = 0.5 + torch.rand(len(raw), 1, raw.shape[2], generator=random, dtype=raw.dtype)
    require(
        near(head.rescale(raw, torch.zeros_like(shift), torch.ones_like(spread)), raw, 1e-9),
        "rescaling by a shift of 0 and a spread of 1 changes the output",
    )
    require(
        near(head.values(head.rescale(raw, shift, spread)), values * spread[..., None] + shift[..., None], 1e-9),
        "the values of a rescaled output are not the rescaled values",
    )
