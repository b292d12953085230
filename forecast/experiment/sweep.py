"""Sweep of an experiment: search before the test span, then judge the winner once on it, beside its rivals."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from optuna.trial import TrialState

from forecast.data.categories import require_numbers
from forecast.data.panel import Panel
from forecast.errors import ForecastError
from forecast.evaluation.backtest import backtest
from forecast.evaluation.metrics import Metric
from forecast.evaluation.ranked import ranked_by
from forecast.evaluation.scores import Scores
from forecast.evaluation.tally import overall
from forecast.experiment.compare import Outcome, compare, first_test, kept_in
from forecast.experiment.contestants import Contestant, LinearSettings, RecurrentSettings, TabularSettings
from forecast.experiment.making import needed_by
from forecast.experiment.reach import require_rows
from forecast.experiment.settings import Experiment
from forecast.experiment.spaces import ContestantSpace, space_of, to_table
from forecast.experiment.sweep_tables import SweepPlan
from forecast.forecasters.keeping import LOGS
from forecast.forecasters.naive import Naive
from forecast.sweeps.folds import Fold, rolling_folds
from forecast.sweeps.goals import Goal, goals_for
from forecast.sweeps.reading import best_trial, first_goal, trials_frame
from forecast.sweeps.search import RANDOM
from forecast.sweeps.slots import counted
from forecast.sweeps.sweep import sweep
from forecast.windows.window import Window

WINNER, DEFAULT, LUCKY, LINEAR = "winner", "default", "random", "linear"


@dataclass(frozen=True, eq=False)
class SweepOutcome:
    """What a sweep found.

    Args:
        study: Optuna's.
        goals: names of the goals.
        outcome: the winner on the untouched test span, beside the settings as they stand without a sweep, the best of
            the trials that were drawn at random, the linear forecaster and the baseline.
        notes: how much of the winner's advantage was luck, and what else should be read.
    """

    study: optuna.Study
    goals: tuple[str, ...]
    outcome: Outcome
    notes: tuple[str, ...]

    @property
    def trials(self) -> pd.DataFrame:
        """The trials as a table."""
        return trials_frame(self.study, self.goals)


def swept(
    experiment: Experiment, panel: Panel, storage: str | None, progress: bool = False, directory: Path | None = None
) -> SweepOutcome:
    """Search, then judge the winner once.

    Args:
        storage: as in `fc.sweep`; the plan's own comes first.
        directory: keeps what was judged, so that a stopped sweep goes on there too.

    Raises:
        ForecastError: no trial was completed.
    """
    plan, since = experiment.sweep or SweepPlan(), first_test(experiment.split, panel)
    require_rows(experiment, panel, panel.until(since))
    training = experiment.training
    if training.log and training.log_folder is None and directory is not None:
        training = replace(training, log_folder=str(directory / LOGS))
    own, chosen = plan.settings, goals_for(panel, plan.settings.metric)
    space = _saying(space_of(own.model, plan.space, experiment.window, training), panel)
    study = sweep(
        space,
        panel,
        since,
        own.trials,
        tuple(goal.name for goal in chosen),
        plan.search,
        own.storage or storage,
        own.name,
        own.workers,
        progress,
    )
    contestants = _contestants(experiment, space, study)
    if panel.targets[0] in panel.categories:
        del contestants[LINEAR]  # it says numbers
    plan = replace(plan, space=to_table(space))
    judged = replace(experiment, forecasters=contestants, sweep=plan)
    with nullcontext() if directory is None else kept_in(directory, judged, panel) as folder:
        outcome = compare(judged, panel, progress, folder)
        if folder is not None:
            folder.finish()
    window = replace(experiment.window, context=space.longest)
    folds = rolling_folds(panel, since, plan.search.folds, plan.search.span)
    notes = _notes(chosen[0], study, folds, window, outcome.scores)
    return SweepOutcome(study, tuple(goal.name for goal in chosen), outcome, notes)


def _saying(space: ContestantSpace, panel: Panel) -> ContestantSpace:
    """The space; where the target holds categories, with networks that say categories.

    Raises:
        SettingsError: its forecasters can say numbers alone.
    """
    base = space.base
    if not isinstance(base, RecurrentSettings):
        require_numbers(panel.schema, f"model {_kind(base)!r}")
        return space
    if panel.targets[0] not in panel.categories:
        return space
    return replace(space, base=replace(base, head="category"), choices={"head": "category", **space.choices})


def _contestants(experiment: Experiment, space: ContestantSpace, study: optuna.Study) -> dict[str, Contestant]:
    """Those who meet on the test span; each is named after its part in the sweep, and the kind of model."""
    best, baseline = best_trial(study), experiment.split.baseline
    try:
        lucky = best_trial(study, RANDOM)
    except ForecastError:
        lucky = best
    drawn = {WINNER: best, LUCKY: lucky} if lucky.params != best.params else {WINNER: best}
    made = {part: space.settings(optuna.trial.FixedTrial(trial.params)) for part, trial in drawn.items()}
    named = {f"{part}-{_kind(settings)}": settings for part, settings in {DEFAULT: space.base, **made}.items()}
    return {**needed_by(baseline, experiment.forecasters), LINEAR: LinearSettings(), **named}


def _kind(settings: Contestant) -> str:
    if isinstance(settings, RecurrentSettings):
        return settings.cell.rpartition(":")[2] + ("-stateful" if settings.feed == "streamed" else "")
    return settings.regressor if isinstance(settings, TabularSettings) else type(settings).__name__.lower()


def _notes(goal: Goal, study: optuna.Study, folds: list[Fold], window: Window, scores: Scores) -> tuple[str, ...]:
    """How good the winner looked before the test span and how good it is there, against repeating the last value."""
    winner = next((name for name in scores.models if name.startswith(WINNER)), None)
    best, trials = best_trial(study), counted(study.get_trials(deepcopy=False))
    states = Counter(trial.state for trial in trials)
    names = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
    ended = ", ".join(f"{states[state]} {word}" for state, word in names.items() if states[state])
    lines = [f"{len(trials)} trials: {ended}; the winner is number {best.number}"]
    if winner is None or goal.metric is None:
        return tuple(lines)
    seen, test = first_goal(best), scores.overall(goal.metric)[winner]
    if goal.way == "maximize":
        lines.append(f"its {goal.name}: {seen:.1%} in validation, {test:.1%} in the test")
        return tuple(lines)
    here = _naive(goal.metric, scores)
    naive = [backtest({"n": Naive(window)}, fold.panel, fold.since, metrics=[goal.metric]) for fold in folds]
    there = sum(_naive(goal.metric, each) for each in naive) / len(naive)
    if not (here > 0 and there > 0):  # NaN where the goal judges more than points, 0 where nothing ever changed
        lines.append(f"its {goal.name}: {seen:.4g} in validation, {test:.4g} in the test")
        return tuple(lines)
    lost = 100 * (test / here - seen / there)
    moral = (
        f"the best of {len(trials)} looked {lost:.1f} points better than it is"
        if lost > 0
        else "it is no worse than it looked"
    )
    last = ranked_by([scores.error]).last
    lines.append(
        f"its {goal.name} against repeating {last}: {_below(seen / there)} in validation ({seen:.4g}), "
        f"{_below(test / here)} in the test ({test:.4g}); {moral}"
    )
    return tuple(lines)


def _naive(metric: Metric, scores: Scores) -> float:
    """The figure of repeating the last value, at the origins of a backtest."""
    said = next(iter(scores.forecasts.values()))
    last = np.repeat(scores.actual.last[:, None], scores.actual.values.shape[1], axis=1)
    return overall(metric, replace(said, values=last[..., None], levels=(), distribution=None), scores.actual)


def _below(ratio: float) -> str:
    return f"{100 * (1 - ratio):.1f} % below" if ratio <= 1 else f"{100 * (ratio - 1):.1f} % above"
