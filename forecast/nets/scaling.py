"""Scaling: which level and width the network sees at a step, and how its forecast is brought back.

All of it is causal: the forecast at an origin is scaled by what was known there. "last" and "standard" look at a whole
window, so they need one that ends at the origin; "running", "difference" and "none" go step by step and can be carried
on a stream.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from forecast.errors import SettingsError

Scaling = Literal["last", "standard", "running", "difference", "none"]
SCALINGS: tuple[Scaling, ...] = ("last", "standard", "running", "difference", "none")
CAUSAL: tuple[Scaling, ...] = ("running", "difference", "none")
BLOCK = 256
FLOOR = 1e-30
"""Weight below which the past decays no further in a gap: float32 still holds it, and a new value outweighs it."""


def require_causal(scaling: Scaling) -> None:
    """Raise SettingsError for a scaling that looks at a whole window, where there is a stream."""
    if scaling not in CAUSAL:
        known = " or ".join(map(repr, CAUSAL))
        raise SettingsError(f"scaling={scaling!r} scales a window by its end, and a stream has none; use {known}")


class Scaled(NamedTuple):
    """Scaled targets, and the affine map at each step that leads from their units back to those of the series.

    `shift` and `spread` have one step where the whole window shares them. `moments` is what "running" and "difference"
    carry on.
    """

    past: Float[Tensor, "batch time target"]
    shift: Float[Tensor, "batch _ target"]
    spread: Float[Tensor, "batch _ target"]
    moments: Moments | None = None


def scale(
    past: Float[Tensor, "batch time target"],
    seen: Bool[Tensor, "batch time target"] | None,
    scaling: Scaling,
    time_constant: float,
    start: Moments | None = None,
    before: Float[Tensor, "batch 1 target"] | None = None,
) -> Scaled:
    """Scale the targets of a window, or of a piece of a stream.

    Args:
        past: targets, missing cells carried forward.
        seen: which cells were observed; None: all.
        scaling: "last" subtracts the newest value; "standard" uses the mean and standard deviation of the window;
            "running" an exponential mean and standard deviation up to each step; "difference" the newest value and
            the exponential root mean square of the changes up to each step, its logarithm is then the scaled value
            (changes are inputs of their own); "none" leaves the units alone.
        time_constant: steps after which a value's weight in "running" or "difference" has fallen to 1/e.
        start: the moments that go on.
        before: the row before the first one, for "difference"; None: there was none.

    Example:
        >>> scale(torch.tensor([[[1.0], [3.0]]]), None, "last", 10.0).past.flatten().tolist()
        [-2.0, 0.0]
    """
    newest = past[:, -1:]
    if scaling == "last":
        return Scaled(past - newest, newest, torch.ones_like(newest))
    if scaling == "none":
        return Scaled(past, torch.zeros_like(newest), torch.ones_like(newest))
    weight = None if seen is None else seen.to(past.dtype)
    if scaling == "standard":
        weight = torch.ones_like(past) if weight is None else weight
        count = weight.sum(dim=1, keepdim=True).clamp(min=1)
        mean = (past * weight).sum(dim=1, keepdim=True) / count
        spread = _positive(_root(((past - mean) ** 2 * weight).sum(dim=1, keepdim=True) / count))
        return Scaled((past - mean) / spread, mean, spread)
    if scaling == "difference":
        return _by_changes(past, weight, time_constant, start, before)
    mean, width, moments = running_moments(past, weight, time_constant, start)
    spread = _positive(width)
    return Scaled((past - mean) / spread, mean, spread, moments)


def _by_changes(
    past: Tensor, weight: Tensor | None, time_constant: float, start: Moments | None, before: Tensor | None
) -> Scaled:
    moments, spread = change_moments(past, weight, time_constant, start, before)
    return Scaled(spread.log(), past, spread, moments)


def change_moments(
    past: Float[Tensor, "batch time target"],
    weight: Float[Tensor, "batch time target"] | None,
    time_constant: float,
    start: Moments | None = None,
    before: Float[Tensor, "batch 1 target"] | None = None,
) -> tuple[Moments, Float[Tensor, "batch time target"]]:
    """Moments of the changes from row to row, and their root mean square up to each step.

    The first row of all counts as one that did not change.
    """
    changes = torch.diff(past, dim=1, prepend=past[:, :1] if before is None else before)
    mean, width, moments = running_moments(changes, weight, time_constant, start)
    return moments, _positive(torch.sqrt(mean * mean + width * width))


class Moments(NamedTuple):
    """What "running" scaling remembers between two pieces of a sequence, each [batch, target].

    Args:
        weight: exponentially weighted number of observed steps.
        mean: exponentially weighted mean.
        squares: exponentially weighted sum of squared deviations.
    """

    weight: Float[Tensor, "batch target"]
    mean: Float[Tensor, "batch target"]
    squares: Float[Tensor, "batch target"]


def running_moments(
    x: Float[Tensor, "batch time target"],
    weight: Float[Tensor, "batch time target"] | None,
    time_constant: float,
    start: Moments | None = None,
) -> tuple[Float[Tensor, "batch time target"], Float[Tensor, "batch time target"], Moments]:
    """Exponential mean and standard deviation up to and including each step, corrected for the short start.

    With decay d = exp(-1/time_constant) the mean at t weighs step i <= t by d^(t-i); the variance weighs
    (x_i - mean_{i-1})(x_i - mean_i), which is never negative and loses no digits to a large level.
    Steps of weight 0 are skipped but time goes on: mean and deviation stand still through a gap, of any length, and
    count the less the longer it was (down to `FLOOR`). A sequence may be read in pieces.

    Args:
        x: finite, and so are the squares of differences; a panel's rows are (`forecast.data.scale.LIMIT`).
        weight: 1 where a value was seen, 0 elsewhere; None: all were.
        start: the moments after the piece before; None starts afresh.

    Example:
        >>> x = torch.randn(1, 9, 1, dtype=torch.float64)
        >>> whole, _, _ = running_moments(x, None, 5.0)
        >>> _, _, moments = running_moments(x[:, :4], None, 5.0)
        >>> rest, _, _ = running_moments(x[:, 4:], None, 5.0, moments)
        >>> torch.allclose(rest, whole[:, 4:])
        True
    """
    if start is None:
        zeros = torch.zeros_like(x[:, 0])
        start = Moments(zeros, zeros, zeros)
    parts = []
    for piece in range(0, x.shape[1], BLOCK):
        block = slice(piece, piece + BLOCK)
        with torch.autocast(x.device.type, enabled=False):  # half precision would keep three digits of a level
            seen = None if weight is None else weight[:, block]
            mean, variance, start = _block_moments(x[:, block], seen, time_constant, start)
        parts.append((mean, _root(variance)))
    if len(parts) == 1:
        return *parts[0], start
    return torch.cat([mean for mean, _ in parts], dim=1), torch.cat([width for _, width in parts], dim=1), start


def _block_moments(
    x: Tensor, weight: Tensor | None, time_constant: float, start: Moments
) -> tuple[Tensor, Tensor, Moments]:
    """Mean and variance at each step of a short piece, as products with a matrix, and the moments after it.

    The matrix holds a 0 for every later step, so later values are multiplied, by 0: that they are finite, and their
    squares too, is what `forecast.data.scale.LIMIT` is for.
    """
    decay, since = _decay(x.shape[1], time_constant, x.dtype, x.device)
    begun = start.weight[:, None] > 0
    level = torch.where(begun, start.mean[:, None], x[:, :1])
    # Ones where all was seen, summed like any weights: a gap that is still to come must not move a sum by a bit.
    ones = torch.ones_like(x) if weight is None else weight
    carried = _product(decay, ones) + since * start.weight[:, None]
    total = carried + ones
    away = x - level if weight is None else weight * (x - level)
    mean = level + (_product(decay, away) + away) / _held(total)
    last = None if weight is None else _last_seen(weight)
    mean = _at(last, mean, level)
    away = x - torch.cat([level, mean[:, :-1]], dim=1)
    # (x - before)(x - mean) without the second difference, which would be rounding alone after a long gap.
    spare = away * away * (carried / _held(total))
    spare = spare if weight is None else weight * spare
    squares = _product(decay, spare) + spare + since * start.squares[:, None]
    total, squares = _at(last, total, start.weight[:, None]), _at(last, squares, start.squares[:, None])
    end = Moments(total[:, -1], mean[:, -1], squares[:, -1])
    if last is not None:
        end = _faded(end, (x.shape[1] - 1 - last[:, -1]).to(x.dtype) / time_constant)
    return mean, squares / _held(total), end


def _faded(moments: Moments, gap: Tensor) -> Moments:
    """Moments after a gap, in time constants: both sums decay alike, and not below what can be held."""
    kept = torch.maximum(moments.weight * torch.exp(-gap), moments.weight.clamp(max=FLOOR))
    return Moments(kept, moments.mean, moments.squares * (kept / _held(moments.weight)))


def _product(decay: Tensor, values: Tensor) -> Tensor:
    return torch.einsum("ti,bic->btc", decay, values)


def _last_seen(weight: Tensor) -> Tensor:
    """At each step the last one up to it that was seen, -1 before the first; int64 [batch, time, target]."""
    steps = torch.arange(weight.shape[1], device=weight.device)[None, :, None]
    return torch.where(weight > 0, steps, -1).cummax(dim=1).values


def _at(last: Tensor | None, values: Tensor, before: Tensor) -> Tensor:
    """Values at the last step that was seen: through a gap they stand still. `before` is what held before the piece."""
    return values if last is None else torch.cat([before, values], dim=1).gather(1, last + 1)


@lru_cache(maxsize=64)
def _decay(steps: int, time_constant: float, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Weight of an earlier step i at step t [t, i], and of everything before the piece [1, t, 1]."""
    with torch.inference_mode(mode=False):
        age = torch.arange(steps, device=device, dtype=dtype)
        lag = age[:, None] - age[None, :]
        decay = torch.where(lag > 0, torch.exp(-lag.clamp(min=0) / time_constant), 0.0)
        return decay, torch.exp(-(age + 1) / time_constant)[None, :, None]


def _held(total: Tensor) -> Tensor:
    """A sum of weights to divide by, 0 where nothing was seen."""
    return total.clamp(min=torch.finfo(total.dtype).tiny)


def _root(variance: Tensor) -> Tensor:
    """Square root that stays a hair above 0, where its slope would turn every gradient behind it into NaN."""
    return variance.clamp(min=1e-18).sqrt()


def _positive(width: Tensor) -> Tensor:
    """A width to divide by: windows that hardly move keep the units of the series instead of exploding."""
    return torch.where(width > 1e-4, width, 1.0)
