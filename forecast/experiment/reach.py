"""Reach: are there rows enough for a context and a horizon? Asked before anything is fitted."""

from __future__ import annotations

import numpy as np

from forecast.data.panel import Origins, Panel
from forecast.data.season import suggest
from forecast.errors import DataError, SettingsError
from forecast.evaluation.scores import Scores
from forecast.experiment.contestants import LinearSettings, RecurrentSettings, Rule, Seasonal
from forecast.experiment.making import stands_on
from forecast.experiment.settings import Experiment
from forecast.windows.window import Window, split

SHOWN = 5


def require_rows(experiment: Experiment, panel: Panel, train: Panel) -> None:
    """Refuse data that is too short for the window, rather than let every contestant fail alike.

    Args:
        train: the rows before the test span.

    Raises:
        DataError: no series has context + horizon rows.
        SettingsError: the rows before the test span hold no training window.
        TrainingError: nor do they after the validation span is cut off.
    """
    window = experiment.window
    need = f"context {window.context} + horizon {window.horizon} need {window.length} rows"
    if panel.lengths.max() < window.length:
        problem = f"too short: {need}, {_lengths(panel, panel.lengths)}; use a shorter context or horizon"
        raise DataError(experiment.data, [problem])
    made = [base for name in experiment.forecasters for base in stands_on(name, experiment.forecasters)]
    learners = [base for base in made if not isinstance(base, Rule | Seasonal)]
    if learners and not len(window.origins(train)):
        raise SettingsError(
            f"no training window before the test span (since {experiment.split.since}): {need} with observed targets, "
            f"there {_lengths(panel, train.lengths)}; begin the test later, or use a shorter context or horizon"
        )
    if any(isinstance(base, LinearSettings | RecurrentSettings) for base in learners):
        split(train, window, experiment.training.validation)


def complete(train: Panel, season: int | None, validation: float, context: int | None, horizon: int | None) -> Window:
    """The window asked for, completed by what the training rows suggest.

    A suggested horizon is shortened until rows are left that choose the epoch.

    Args:
        season: None measures it.
        validation: share of the training rows that is held back.
    """
    advice = suggest(train, season)
    ahead = range(advice.horizon, 0, -1) if horizon is None else (horizon,)
    windows = [Window(advice.context if context is None else context, steps) for steps in ahead]
    return next((window for window in windows if _fits(train, window, validation)), windows[0])


def _fits(train: Panel, window: Window, validation: float) -> bool:
    cut = np.round((1.0 - validation) * train.lengths).astype(np.int64)
    held = train.lengths - cut
    return bool((cut >= window.length).any() and (held >= window.horizon if validation else held >= 0).any())


def not_judged(scores: Scores, panel: Panel, window: Window) -> list[str]:
    """A sentence about series without an origin, if there are any."""
    left = np.setdiff1d(np.arange(len(panel.series)), scores.origins.series)
    if not len(left):
        return []
    return [f"not judged, too short for {_asked(window)} or without a target in the test span: {_some(panel, left)}"]


def ends(panel: Panel, window: Window) -> tuple[Origins, list[str]]:
    """The last row of every series that has a context behind it, and a sentence about the others."""
    origins = panel.end_origins()
    reaches = origins.step >= np.maximum(window.context, panel.begun()[origins.series] + 1)
    left = np.setdiff1d(np.arange(len(panel.series)), origins.series[reaches])
    why = f"not forecast, fewer rows than a context of {window.context} or a target that was never seen"
    notes = [f"{why}: {_some(panel, left)}"] if len(left) else []
    return origins[np.flatnonzero(reaches)], notes


def too_short(panel: Panel, context: int) -> str:
    """What to say when no series holds a context."""
    return f"too short: the model's context of {context} needs {context} rows, {_lengths(panel, panel.lengths)}"


def _asked(window: Window) -> str:
    return f"context {window.context} + horizon {window.horizon}"


def _lengths(panel: Panel, rows: np.ndarray) -> str:
    if len(panel.series) == 1:
        return f"the series has {rows[0]}"
    longest = np.argsort(-rows, kind="stable")
    shown = ", ".join(f"{panel.named(i)} has {rows[i]}" for i in longest[:SHOWN])
    return shown + (f" and {len(rows) - SHOWN} more have no more" if len(rows) > SHOWN else "")


def _some(panel: Panel, index: np.ndarray) -> str:
    named = [f"{panel.named(i)} ({panel.lengths[i]} rows)" for i in index[:SHOWN]]
    return ", ".join(named) + (f" and {len(index) - SHOWN} more" if len(index) > SHOWN else "")
