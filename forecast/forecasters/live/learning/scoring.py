"""Scoring: how far off a forecast was, for every head in a way that is never negative."""

from __future__ import annotations

import math

import numpy as np
import torch

from forecast.nets.heads import Head


def error_of(head: Head, parameters: np.ndarray, last: np.ndarray, target: np.ndarray, seen: np.ndarray) -> float:
    """Mean error over the observed cells, in units of the scale; infinite for a forecast that is not finite, or whose
    quantiles are not.

    The absolute error of heads that say one number, the mean pinball loss of the quantiles of those that say a
    distribution, the cross-entropy of classes. Likelihoods are not compared: they have no share that could be allowed.

    Args:
        parameters: float64 [step, target, width].
        last: float64 [target], the newest value at the origin.
        target: float64 [step, target].
        seen: bool [step, target], one cell at least.
    """
    if not np.isfinite(parameters).all():
        return math.inf
    if head.levels:
        said = head.distribution(parameters[None], last[None])
        assert said is not None  # a head with quantiles says a distribution
        levels = np.array(head.levels)
        away = target[..., None] - said.quantiles(head.levels)[0]
        loss = float(np.maximum(levels * away, (levels - 1) * away).mean(axis=-1)[seen].mean())
        return math.inf if math.isnan(loss) else loss
    one, newest = torch.from_numpy(parameters)[None], torch.from_numpy(last)[None, None]
    if head.located:
        return float(np.abs(head.point(one, newest)[0].numpy() - target)[seen].mean())
    return float(head.loss(one, torch.from_numpy(target)[None], torch.from_numpy(seen)[None], newest))
