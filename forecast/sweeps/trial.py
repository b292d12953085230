"""Trial: one forecaster, fitted and judged on every fold; it may be given up on the way."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import optuna

from forecast.data.forecast import Forecast, Forecaster
from forecast.data.panel import Origins, Panel
from forecast.errors import ForecastError, SettingsError
from forecast.evaluation.backtest import backtest
from forecast.forecasters.naive import Naive
from forecast.forecasters.recurrent import Recurrent
from forecast.sweeps.folds import Fold
from forecast.sweeps.goals import Goal
from forecast.sweeps.pruning import FOLDS
from forecast.training.history import Epoch
from forecast.windows.window import Window

Space = Callable[[optuna.Trial], Forecaster]
"""What a sweep searches: a function that asks a trial for values and makes a forecaster of them."""

TRIAL, BASELINE = "trial", "naive"
KIND = "compared by"


@dataclass(frozen=True, eq=False)
class Task:
    """What every trial of a sweep is asked to do.

    Args:
        space: makes the forecaster.
        folds: where it is judged.
        goals: by what.
        window: the longest context of the space and the horizon: all trials are judged at the same origins.
        stride: rows between validation origins.
        epochs: most epochs of a fit; how far apart the reports of two folds are.
    """

    space: Space
    folds: tuple[Fold, ...]
    goals: tuple[Goal, ...]
    window: Window
    stride: int
    epochs: int


@dataclass
class Reports:
    """What a trial tells the pruner: the mean, over the folds begun, of the best validation loss so far.

    Steps count epochs, `Task.epochs` to a fold whether or not a fit ended early. Forecasters without epochs report
    their error after every fold. Only like is compared with like: a trial whose loss has another unit than that of the
    study's first reporting trial reports nothing.
    """

    trial: optuna.Trial
    epochs: int
    single: bool
    kind: str = ""
    done: list[float] = field(default_factory=list)
    best: float = math.inf
    trained: int = 0
    stopped: bool = False
    told: set[int] = field(default_factory=set)

    def begin(self, forecaster: Forecaster) -> None:
        """A fold begins; its fit is logged, if at all, under the number of the trial."""
        self.best = math.inf
        self.kind = "error"
        if isinstance(forecaster, Recurrent):
            forecaster.called = f"trial-{self.trial.number:04d}-fold-{len(self.done) + 1}"
        if isinstance(forecaster, Recurrent) and forecaster.training.processes == 1:
            self.kind = f"validation loss of {forecaster.head}"
            forecaster.watch = self.epoch

    def epoch(self, epoch: Epoch) -> bool:
        """Hear of an epoch; True gives the fit up."""
        self.trained += 1
        if math.isfinite(epoch.validation) and epoch.number <= self.epochs:
            self.best = min(self.best, epoch.validation)
            self.stopped = self._report(len(self.done) * self.epochs + epoch.number, self.best)
        return self.stopped

    def end(self, errors: list[float]) -> None:
        """A fold is over; `errors` are those of the folds so far."""
        self.trial.set_user_attr(FOLDS, errors)
        error = errors[-1]
        self.done.append(self.best if math.isfinite(self.best) else error)
        self.best, last = math.inf, len(self.done) * self.epochs
        if last not in self.told:
            self._report(last, None)
        if self.single and self.trial.should_prune():
            raise optuna.TrialPruned

    def _report(self, step: int, latest: float | None) -> bool:
        values = self.done if latest is None else [*self.done, latest]
        if not self.single or not self._comparable():
            return False
        self.told.add(step)
        self.trial.report(sum(values) / len(values), step)
        return self.trial.should_prune()

    def _comparable(self) -> bool:
        kind = self.trial.study.user_attrs.get(KIND)
        if kind is None:
            self.trial.study.set_user_attr(KIND, self.kind)
        return kind in (None, self.kind)


def judge(trial: optuna.Trial, task: Task) -> list[float]:
    """The trial's figures: the mean over the folds of each goal.

    Raises:
        optuna.TrialPruned: given up.
        ForecastError: the forecaster cannot be made or fitted.
    """
    started = time.perf_counter()
    reports = Reports(trial, task.epochs, single=len(task.goals) == 1)
    figures: list[list[float]] = []
    try:
        for number, fold in enumerate(task.folds):
            figures.append(_fold(trial, task, fold, reports))
            if number + 1 < len(task.folds):
                reports.end([figure[0] for figure in figures])
    finally:
        trial.set_user_attr("seconds", round(time.perf_counter() - started, 3))
        trial.set_user_attr("epochs", reports.trained)
        trial.set_user_attr(FOLDS, [figure[0] for figure in figures])
    means = [sum(column) / len(column) for column in zip(*figures, strict=True)]
    if not all(map(math.isfinite, means)):
        raise ForecastError(f"nothing could be measured in some fold: {[goal.name for goal in task.goals]} = {means}")
    return means


def _fold(trial: optuna.Trial, task: Task, fold: Fold, reports: Reports) -> list[float]:
    """Every fold has a forecaster of its own, made anew from the same values."""
    forecaster = task.space(trial)
    if forecaster.window.horizon != task.window.horizon:
        raise SettingsError(
            f"the space changes the horizon to {forecaster.window.horizon}: errors could not be compared"
        )
    reports.begin(forecaster)
    contestants: dict[str, Forecaster] = {TRIAL: _Given(forecaster, reports), BASELINE: Naive(task.window)}
    metrics = [goal.metric for goal in task.goals if goal.metric is not None]
    scores = backtest(contestants, fold.panel, fold.since, metrics=metrics, stride=task.stride)
    scores.require(TRIAL)
    for cost in ("parameters", "predict_ms"):
        trial.set_user_attr(cost, getattr(scores, cost)[TRIAL])
    return [goal.read(scores, TRIAL) for goal in task.goals]


class _Given:
    """A contestant whose fit ends the trial where the pruner has given it up."""

    def __init__(self, forecaster: Forecaster, reports: Reports) -> None:
        self.forecaster, self.reports, self.window = forecaster, reports, forecaster.window

    @property
    def parameters(self) -> int:
        return int(getattr(self.forecaster, "parameters", 0))

    def fit(self, panel: Panel) -> Self:
        self.forecaster.fit(panel)
        if self.reports.stopped:
            raise optuna.TrialPruned
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        return self.forecaster.predict(panel, origins)
