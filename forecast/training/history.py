"""History: what happened in a fit, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """One epoch of a fit; losses in the units of the head, `validation` is NaN without a validation span."""

    number: int
    training: float
    validation: float
    seconds: float


@dataclass(frozen=True)
class History:
    """What happened in a fit.

    Args:
        epochs: one entry an epoch.
        best: the number of the epoch whose weights were kept, from 1.
        stopped: why training ended.
    """

    epochs: tuple[Epoch, ...]
    best: int
    stopped: str
