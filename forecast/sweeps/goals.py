"""Goals: what a sweep makes small (or large), and how a trial's figure is read off its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from forecast.data.panel import Panel
from forecast.errors import SettingsError, did_you_mean
from forecast.evaluation.classes import accuracy, balanced_accuracy, brier, error_rate, log_loss
from forecast.evaluation.metrics import DEFAULT, Metric
from forecast.evaluation.probabilistic import crps, interval_score, log_score, pinball, wql
from forecast.evaluation.scores import Scores

COSTS = {"parameters": "numbers learned", "predict_ms": "milliseconds a forecast", "fit_seconds": "seconds of a fit"}
UPWARD = ("direction", "accuracy", "balanced_accuracy")
# Not bias, coverage and width, which have no better end.
OF_CLASSES = (error_rate, accuracy, balanced_accuracy, brier, log_loss)
BEYOND_POINTS = (crps, pinball, wql, log_score, interval_score(), *OF_CLASSES)
NAMED = {metric.name: metric for metric in (*DEFAULT, *BEYOND_POINTS) if metric.name != "bias"}


@dataclass(frozen=True)
class Goal:
    """One thing to optimise.

    Args:
        name: a metric of the leaderboard, or a cost: parameters, predict_ms, fit_seconds.

    Example:
        >>> [goal.way for goal in goals(("mae", "parameters"))], goals("direction")[0].way
        (['minimize', 'minimize'], 'maximize')
    """

    name: str

    def __post_init__(self) -> None:
        if self.name not in NAMED and self.name not in COSTS:
            raise SettingsError(f"metric {self.name!r}{did_you_mean(self.name, (*NAMED, *COSTS))}")

    @property
    def way(self) -> Literal["minimize", "maximize"]:
        """In Optuna's words."""
        return "maximize" if self.name in UPWARD else "minimize"

    @property
    def metric(self) -> Metric | None:
        """The metric that the judge is asked for; None for a cost."""
        return NAMED.get(self.name)

    def read(self, scores: Scores, model: str) -> float:
        """The figure of a model."""
        if self.name in COSTS:
            return float(getattr(scores, self.name)[model])
        return scores.overall(NAMED[self.name])[model]


def goals(metric: str | Sequence[str]) -> tuple[Goal, ...]:
    """The goals of one metric, or of several; the first one is an error metric.

    Raises:
        SettingsError: an unknown name, none at all, or a cost in the first place.
    """
    names = (metric,) if isinstance(metric, str) else tuple(metric)
    found = tuple(Goal(name) for name in names)
    if not found or found[0].metric is None or len(set(names)) < len(names):
        raise SettingsError(
            f"metric {', '.join(names) or '(none)'}: name an error first ({', '.join(NAMED)}), once each"
        )
    return found


def goals_for(panel: Panel, metric: str | Sequence[str] | None) -> tuple[Goal, ...]:
    """The goals of a sweep over a panel; None takes the error of its leaderboard.

    Raises:
        SettingsError: as `goals`, or an error of numbers where the target is a category, whose codes have no distances.
    """
    names, classes = [name for name in panel.targets if name in panel.categories], [each.name for each in OF_CLASSES]
    chosen = goals(metric if metric is not None else "error_rate" if names else "mae")
    for goal in chosen:
        if names and goal.name in NAMED and goal.name not in classes:
            raise SettingsError(
                f"metric {goal.name!r} needs numbers, and the target {names[0]!r} holds categories: use "
                f"{', '.join(classes[:-1])} or {classes[-1]}"
            )
    return chosen
