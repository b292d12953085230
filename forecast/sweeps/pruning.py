"""Pruning: a trial is given up when it is among the worst of all that came as far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import optuna
from optuna.pruners import BasePruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

FOLDS = "folds"
"""Attribute of a trial: its figures of the first goal in the folds it has finished."""


@dataclass(frozen=True)
class Rivals(BasePruner):
    """Compares a trial with all others, those given up later included, by two things it knows of them.

    After a fold: by the mean figure of the folds so far, which tells most of the final figure. Within a fit: by the
    best validation loss so far, which tells less (cells, feeds and learning rates learn at paces of their own), so only
    the worst go, and none before half the epochs. A fit that ended early keeps its best loss for the epochs it did not
    need.

    Args:
        epochs: at most, of a fit; reports of fold k have the steps k epochs + 1 to (k + 1) epochs.
        worst: share of trials that is given up within a fit.
        worse: share that is given up after a fold.
        least: trials that must have come as far before anybody is judged.
    """

    epochs: int
    worst: float = 0.25
    worse: float = 0.6
    least: int = 5

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial is to be given up, after what it reported last."""
        others = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
        done, step = len(trial.user_attrs.get(FOLDS, ())), trial.last_step or 0
        if done and step <= done * self.epochs:
            sign = -1 if study.directions[0] is StudyDirection.MAXIMIZE else 1
            figures = [sign * figure for other in others if (figure := after(other, done)) is not None]
            return self._among(sign * float(np.mean(trial.user_attrs[FOLDS])), figures, self.worse)
        if not step or (step - 1) % self.epochs + 1 < max(1, self.epochs // 2):
            return False
        losses = [loss for other in others if (loss := self._at(other, step)) is not None]
        return self._among(trial.intermediate_values[step], losses, self.worst)

    def _among(self, value: float, others: list[float], share: float) -> bool:
        return len(others) >= self.least and value > float(np.quantile(others, 1 - share))

    def _at(self, other: FrozenTrial, step: int) -> float | None:
        """The best loss of a trial at a step; None if it did not come as far."""
        fold = (step - 1) // self.epochs
        told = [each for each in other.intermediate_values if fold * self.epochs < each <= step]
        through = len(other.user_attrs.get(FOLDS, ())) > fold
        if not told or not (through or max(other.intermediate_values) >= step):
            return None
        return other.intermediate_values[max(told)]


def after(trial: FrozenTrial, folds: int) -> float | None:
    """The mean figure of a trial's first folds; None if it has not finished as many."""
    figures = trial.user_attrs.get(FOLDS, ())
    return float(np.mean(figures[:folds])) if len(figures) >= folds else None
