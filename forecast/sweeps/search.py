"""Search: how a sweep goes about it, as a frozen value; the samplers and pruners it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from forecast.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

Pruner = Literal["rivals", "asha", "hyperband", "none"]
Sampler = Literal["tpe", "random"]
RANDOM = 10
"""Trials that are drawn at random before the sampler follows what it has seen."""
FACTOR = 3


@dataclass(frozen=True)
class Search:
    """How a sweep searches.

    Args:
        folds: validation folds before the test span; the origin rolls on from each to the next.
        span: share of the time before the test span that each fold judges.
        stride: rows between validation origins.
        pruner: which trials are given up early. "rivals" (the worse 60 % after a fold by their error, the worst quarter
            within a fit by validation loss; `forecast.sweeps.pruning.Rivals`), Optuna's "asha" (asynchronous
            successive halving) or "hyperband" by validation loss, or "none".
        sampler: "tpe" (tree-structured Parzen estimator) or "random".
        seed: of the sampler.
        seconds: begin no trial after this time; None for no limit.

    Raises:
        SettingsError: a value that makes no sense.
    """

    folds: int = 2
    span: float = 0.1
    stride: int = 1
    pruner: Pruner = "rivals"
    sampler: Sampler = "tpe"
    seed: int = 0
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("folds", "stride"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name}={getattr(self, name)}: at least 1")
        if not 0 < self.span * self.folds < 1:
            raise SettingsError(
                f"folds={self.folds} of span={self.span:g} take {self.folds * self.span:.0%} of the time before the "
                "test: leave some to train on"
            )
        for name, known in (("pruner", get_args(Pruner)), ("sampler", get_args(Sampler))):
            value = getattr(self, name)
            if value not in known:
                raise SettingsError(f"{name}={value!r}{did_you_mean(str(value), known)}")
        if self.seed < 0:
            raise SettingsError(f"seed={self.seed}: at least 0")
        if self.seconds is not None and not self.seconds > 0:
            raise SettingsError(f"seconds={self.seconds:g}: above 0; leave it out for no limit")

    def make_sampler(self, number: int) -> BaseSampler:
        """The sampler of one slot.

        Its randomness follows from the seed and the slot's number alone, so that a sweep that was stopped goes on
        as it would have gone, and workers never draw the same trial twice.
        """
        from optuna.samplers import RandomSampler, TPESampler

        seed = int(np.random.SeedSequence((self.seed, number)).generate_state(1)[0])
        if self.sampler == "random":
            return RandomSampler(seed)
        return TPESampler(n_startup_trials=RANDOM, seed=seed, constant_liar=True)

    def make_pruner(self, epochs: int, goals: int) -> BasePruner:
        """The pruner for trials of at most `epochs` epochs a fold; Optuna prunes nothing where there are several goals.

        Learning rates, cells and feeds learn at paces of their own, so nothing is judged before half the first fold.
        """
        from optuna.pruners import HyperbandPruner, NopPruner, SuccessiveHalvingPruner

        from forecast.sweeps.pruning import Rivals

        if self.pruner == "none" or goals > 1:
            return NopPruner()
        half = max(1, epochs // 2)
        if self.pruner == "rivals":
            return Rivals(epochs)
        if self.pruner == "hyperband":
            longest = max(half, epochs * self.folds)
            return HyperbandPruner(min_resource=half, max_resource=longest, reduction_factor=FACTOR)
        return SuccessiveHalvingPruner(min_resource=half, reduction_factor=FACTOR)
