"""Folds: the rows before the test span, cut again and again, each time a little later."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from forecast.data.panel import Panel, Since
from forecast.errors import SettingsError
from forecast.evaluation.backtest import rolling_origins
from forecast.windows.window import Window


@dataclass(frozen=True, eq=False)
class Fold:
    """A panel as it was known at some time, and the date from which on it is judged."""

    panel: Panel
    since: np.datetime64


def rolling_folds(panel: Panel, since: Since, folds: int, span: float) -> list[Fold]:
    """Folds of the rows before `since`; nothing at or after it enters any of them.

    Fold k is fitted on everything before its first date and judged up to the first date of fold k + 1.

    Args:
        span: share of the distinct times before `since` that each fold judges.

    Example:
        >>> panel = Panel.from_arrays(np.arange(100.0), np.arange(100).astype("M8[D]"))
        >>> for fold in rolling_folds(panel, 80, folds=2, span=0.25):
        ...     print(len(fold.panel.times), fold.since)
        60 1970-02-10T00:00:00.000000
        80 1970-03-02T00:00:00.000000
    """
    known = panel.until(since)
    times = np.unique(known.times)
    edges = [round(len(times) * (1 - span * left)) for left in range(folds, -1, -1)]
    if len(set(edges)) < len(edges) or not edges[0]:
        raise SettingsError(f"{len(times)} times before the test are too few for {folds} folds of {span:.0%} of them")
    made = []
    for first, stop in pairwise(edges):
        shown = known if stop == len(times) else known.until(_rows_before(known, times[stop]))
        made.append(Fold(shown, times[first]))
    return made


def _rows_before(panel: Panel, time: np.datetime64) -> np.ndarray:
    before = np.concatenate([[0], np.cumsum(panel.times < time)])
    return before[panel.offsets[1:]] - before[panel.offsets[:-1]]


def require_judged(folds: list[Fold], window: Window, stride: int) -> None:
    """Raise SettingsError unless every fold has an origin to judge and windows to train on."""
    for number, fold in enumerate(folds, start=1):
        cut = _rows_before(fold.panel, fold.since)
        judged = len(rolling_origins(fold.panel, cut, window.context, window.horizon, stride))
        if judged and len(window.origins(fold.panel.until(cut))):
            continue
        lacks = "no window to train on" if judged else "no origin to judge"
        raise SettingsError(
            f"validation fold {number} of {len(folds)} (from {np.datetime_as_string(fold.since, 'D')} on) has {lacks}: "
            f"context {window.context} and horizon {window.horizon} are too long for it; use fewer folds, a larger "
            "span, or a shorter context or horizon"
        )
