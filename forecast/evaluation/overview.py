"""Overview: what a backtest found at a glance, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from forecast.data.markup import block, counted, notes, significant, table
from forecast.data.rows import day
from forecast.evaluation.tally import ALL, AXES

if TYPE_CHECKING:
    from forecast.evaluation.scores import Scores

MODELS = 20


def scores_html(scores: Scores) -> str:
    """The overall figures of each model, the best first, and who failed."""
    terms = scores.terms
    title = (
        f"Scores: {counted(len(scores.models), 'model')}, {counted(terms.judged, 'series', 'series')}, "
        f"{counted(terms.origins, 'origin')}, {counted(terms.horizon, 'step')} ahead"
    )
    metrics = tuple(dict.fromkeys(scores.frame["metric"]))
    said = [f"and {len(scores.models) - MODELS} more models"] if len(scores.models) > MODELS else []
    said += [f"failed: {name}: {reason}" for name, reason in scores.failed.items()]
    said += [f"forecast rows from {day(terms.since)} to {day(terms.until)}; leaderboard(scores) ranks and tests them"]
    return block(title, table(("model", *metrics, "fit_seconds"), _rows(scores, metrics)), notes(said))


def _rows(scores: Scores, metrics: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    frame = scores.frame
    for axis in AXES:
        frame = frame[frame[axis] == ALL]
    figures = frame.set_index(["model", "metric"])["value"]
    for name in sorted(scores.models, key=lambda name: float(np.nanmean(scores.losses[name])))[:MODELS]:
        cells = (float(figures.get((name, metric), np.nan)) for metric in metrics)
        yield name, *("–" if np.isnan(x) else significant(x) for x in cells), significant(scores.fit_seconds[name])
