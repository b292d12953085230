"""Reading a study: its trials as a table, what mattered, who won."""

from __future__ import annotations

import math

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from forecast.errors import ForecastError
from forecast.sweeps.search import RANDOM
from forecast.sweeps.slots import ERROR, counted

NOTES = ("epochs", "seconds", "parameters", "predict_ms")
STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


def trials_frame(study: optuna.Study, names: tuple[str, ...] = ("error",)) -> pd.DataFrame:
    """One row a trial: number, state, the goals, every parameter, epochs, seconds, parameters, predict_ms, reason.

    Trials that were lost with their worker and done again are left out. A goal is NaN where a trial was not completed.

    Args:
        names: columns of the goals.

    Example:
        >>> study = optuna.create_study()
        >>> study.add_trial(optuna.create_trial(value=2.0, params={"x": 1.0},
        ...     distributions={"x": optuna.distributions.FloatDistribution(0, 1)}))
        >>> trials_frame(study, ("mae",))[["number", "state", "mae", "x"]].values.tolist()
        [[0, 'complete', 2.0, 1.0]]
    """
    trials = counted(sorted(study.get_trials(deepcopy=False), key=lambda trial: trial.number))
    parameters = list(dict.fromkeys(name for trial in trials for name in trial.params))
    return pd.DataFrame([_row(trial, names, parameters) for trial in trials])


def _row(trial: FrozenTrial, names: tuple[str, ...], parameters: list[str]) -> dict[str, object]:
    values = trial.values if trial.state is TrialState.COMPLETE and trial.values else [math.nan] * len(names)
    return {
        "number": trial.number,
        "state": STATES[trial.state],
        **dict(zip(names, values, strict=True)),
        **{name: trial.params.get(name) for name in parameters},
        **{name: trial.user_attrs.get(name) for name in NOTES if name not in names},
        "reason": trial.user_attrs.get(ERROR),
    }


def best_trial(study: optuna.Study, upto: int | None = None) -> FrozenTrial:
    """The completed trial with the best first goal; the earliest of equals.

    Args:
        upto: look only at the trials that were drawn at random: numbers below this, without number 0, whose settings
            are those without a sweep.

    Raises:
        ForecastError: none was completed.
    """
    upward = study.directions[0] is optuna.study.StudyDirection.MAXIMIZE
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state is TrialState.COMPLETE]
    trials = trials if upto is None else [trial for trial in trials if 0 < trial.number < upto]
    if not trials:
        raise ForecastError("no trial was completed")
    return min(trials, key=lambda trial: (-first_goal(trial) if upward else first_goal(trial), trial.number))


def first_goal(trial: FrozenTrial) -> float:
    """The first figure of a trial, NaN where it was not completed."""
    return trial.values[0] if trial.state is TrialState.COMPLETE and trial.values else math.nan


def importances(study: optuna.Study) -> pd.Series:
    """How much each parameter explains of the first goal's spread (fANOVA), largest first; empty when that is unknown.

    Only parameters that every completed trial has are weighed.
    """
    done = [trial for trial in study.get_trials(deepcopy=False) if trial.state is TrialState.COMPLETE]
    if len(done) < RANDOM or len({first_goal(trial) for trial in done}) < 2:
        return pd.Series(dtype=float)
    upon = first_goal if len(study.directions) > 1 else None
    return pd.Series(optuna.importance.get_param_importances(study, target=upon), dtype=float)
