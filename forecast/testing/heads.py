"""The contract test of heads."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from forecast.distributions import QuantileTable
from forecast.errors import SettingsError
from forecast.nets.heads import Category, Head
from forecast.testing.claims import near, require


def check_head(head: Head, seed: int = 0) -> None:
    """Check that a head keeps the promise of `forecast.nets.heads.Head`.

    The loss is a finite number, masked cells take no part in it (whatever they hold, NaN included) nor in its
    gradients; a located head moves its point along when it is rescaled; draws repeat with their generator; the
    distribution, where there is one, has quantiles in order, and its likelihood is the loss where that is one.

    Raises:
        AssertionError: a promise is broken.

    Example:
        >>> from forecast.nets.heads import Gaussian, Point
        >>> check_head(Point("huber"))
        >>> check_head(Gaussian())
    """
    random = torch.Generator().manual_seed(seed)
    origins, steps, targets = 6, 4, 2
    raw = torch.randn(origins, steps, targets, head.width, generator=random, dtype=torch.float64)
    zero, one = torch.zeros(origins, 1, targets, dtype=raw.dtype), torch.ones(origins, 1, targets, dtype=raw.dtype)
    target, last = _targets(head, raw.shape[:3], random)
    seen = torch.rand(origins, steps, targets, generator=random) < 0.6
    full, none = torch.ones_like(seen), torch.zeros_like(seen)
    said = head.rescale(raw, zero, one)

    loss = head.loss(said, target, None, last)
    require(loss.ndim == 0 and loss.isfinite(), f"the loss is one finite number, got {loss}")
    require(
        near(head.loss(said, target, full, last), loss, 1e-9),
        "a mask that hides nothing changes the loss (None means the same)",
    )
    require(head.loss(said, target, none, last).isfinite(), "the loss is not finite where every cell is masked")
    part, half = full.clone(), origins // 2
    part[half:] = False
    require(
        near(head.loss(said, target, part, last), head.loss(said[:half], target[:half], None, last[:half]), 1e-9),
        "masking half of the origins differs from leaving them out: masked cells count, at least in the denominator",
    )
    _check_mask(head, raw, (target, seen, last))
    _check_point(head, raw, last, random)
    _check_sample(head, said, last)
    _check_distribution(head, said, target, last)


def _targets(head: Head, shape: torch.Size, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Targets and newest values that the head may meet."""
    if isinstance(head, Category):
        target = torch.randint(0, head.width, shape, generator=random).double()
    elif head.units == "count":
        target = torch.randint(0, 9, shape, generator=random).double()
    else:
        target = torch.randn(shape, generator=random, dtype=torch.float64)
    return target, torch.zeros(shape[0], 1, shape[2], dtype=torch.float64)


def _check_mask(head: Head, raw: Tensor, about: tuple[Tensor, Tensor, Tensor]) -> None:
    target, seen, last = about
    plain, gradient = _gradient(head, raw, target, seen, last)
    for filler in (1e6, float("nan")):
        loss, slope = _gradient(head, raw, target.masked_fill(~seen, filler), seen, last)
        require(near(loss, plain, 1e-9), f"a masked target cell that holds {filler} reaches the loss")
        require(near(slope, gradient, 1e-9), f"a masked target cell that holds {filler} reaches the gradients")
    require((gradient[~seen] == 0).all(), "the loss has gradients at masked cells")


def _gradient(head: Head, raw: Tensor, target: Tensor, seen: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    raw = raw.clone().requires_grad_()
    loss = head.loss(head.rescale(raw, last, torch.ones_like(last)), target, seen, last)
    loss.backward()
    require(raw.grad is not None, "the loss does not depend on the network's output")
    return loss.detach(), raw.grad  # type: ignore[return-value]


def _check_point(head: Head, raw: Tensor, last: Tensor, random: torch.Generator) -> None:
    shift = torch.randn(last.shape, generator=random, dtype=raw.dtype)
    spread = 0.5 + torch.rand(last.shape, generator=random, dtype=raw.dtype)
    plain = head.rescale(raw, torch.zeros_like(shift), torch.ones_like(spread))
    point = head.point(plain, last)
    require(point.shape == raw.shape[:3], f"the point has the shape {tuple(point.shape)}, not [origin, step, target]")
    require(point.isfinite().all(), "the point is not finite")
    moved = head.rescale(raw, shift, spread)
    if head.located and head.units != "count":
        require(near(head.point(moved, last), point * spread + shift, 1e-9), "rescaling does not move the point along")
    if not head.located:
        require(near(moved, plain, 1e-9), "classes have no units, but rescaling changes them")


def _check_sample(head: Head, said: Tensor, last: Tensor) -> None:
    try:
        first, second = (head.sample(said, last, torch.Generator().manual_seed(1)) for _ in range(2))
    except SettingsError:  # it says that it cannot be drawn from
        return
    require(first.shape == said.shape[:3], "a draw is [origin, step, target]")
    require(torch.equal(first, second) and first.isfinite().all(), "draws differ with the same generator")


def _check_distribution(head: Head, said: Tensor, target: Tensor, last: Tensor) -> None:
    found = head.distribution(said.numpy(), last[:, 0].numpy())
    require(found is not None or not head.levels, "levels without a distribution that has quantiles")
    if found is None:
        return
    require(tuple(found.shape) == tuple(said.shape[:3]), f"the distribution has the shape {tuple(found.shape)}")
    if not head.levels:
        return
    require(0.5 in head.levels, "0.5, the point forecast, is not among the levels")
    quantiles = found.quantiles(head.levels)
    require(bool((np.diff(quantiles, axis=-1) >= 0).all()), "quantiles cross")
    likelihood = found.log_likelihood(target.numpy())
    if np.isfinite(likelihood).all() and not isinstance(found, QuantileTable):  # which is trained by the pinball loss
        loss = head.loss(said, target, None, last)
        require(
            near(loss, torch.tensor(-likelihood.mean()), 1e-6), "the loss is not the likelihood of the distribution"
        )
