"""Details of a comparison, beside its tables: what a report shows and no table of scores holds.

DIR/details/outcome.json      verdict, notes, failures, what the reader reported, facts about the data
DIR/details/observed.csv      series, time, target, value: rows of the test span and some before it
DIR/details/quantiles.csv     forecasts of those who state quantiles: a column for each level
DIR/details/calibration.csv   how often actuals lay at or below each quantile
DIR/details/pit.csv           where actuals lay in their distributions, in bars
DIR/details/reliability.csv   how often a class happened where its probability was about so much
DIR/details/training.csv      losses of networks by epoch
DIR/details/gradients.csv     norms of gradients by the state so many steps before the origin
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.data.forecast import Forecast
from forecast.data.panel import Panel
from forecast.data.rows import day
from forecast.distributions import Categories
from forecast.evaluation.calibration import calibration_frame, pit, reliability_frame
from forecast.evaluation.classes import class_forecast
from forecast.evaluation.probabilistic import distribution_of, quantile
from forecast.evaluation.scores import Scores
from forecast.evaluation.table import caption
from forecast.experiment.compare import Outcome
from forecast.experiment.spreadsheets import guarded
from forecast.work.folder import DETAILS, OUTCOME
from forecast.work.writing import replace_file

TABLES = ("observed", "quantiles", "calibration", "pit", "reliability", "training", "gradients")
FORMAT = 1
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)  # of distributions that state no levels
BARS = 20
LEAST_BEFORE, HORIZONS_BEFORE = 60, 3


def write_details(outcome: Outcome, directory: Path) -> list[Path]:
    """Write what there is of the details; files of an earlier comparison are replaced or removed.

    Args:
        directory: of the comparison; the details lie in a folder there.

    Returns:
        The files, in the order written.

    Raises:
        SettingsError: they cannot be written there.
    """
    folder = directory / DETAILS
    for name in TABLES:
        (folder / f"{name}.csv").unlink(missing_ok=True)
    scores, panel = outcome.scores, outcome.panel
    tables = {
        "observed": observed_frame(scores, panel),
        "quantiles": quantiles_frame(scores),
        **calibrations(scores),
        "training": outcome.learned.training,
        "gradients": outcome.learned.gradients,
    }
    about = json.dumps(outcome_table(outcome), indent=2, ensure_ascii=False, default=str)
    written = [write_detail(directory, OUTCOME, f"{about}\n")]
    return written + [write_table(directory, name, tables[name]) for name in TABLES if len(tables[name])]


def write_table(directory: Path, name: str, frame: pd.DataFrame) -> Path:
    """Write one table of the details as a whole."""
    return write_detail(directory, f"{name}.csv", guarded(frame).to_csv(index=False))


def write_detail(directory: Path, name: str, text: str) -> Path:
    """Write one file of the details as a whole."""
    path = directory / DETAILS / name
    replace_file(path, text.encode(), "the details of a comparison")
    return path


def outcome_table(outcome: Outcome) -> dict[str, Any]:
    """The outcome in plain values, for JSON."""
    board, panel, schema = outcome.board, outcome.panel, outcome.panel.schema
    said = [text for text in panel.report if not text.startswith("the calendar:")]
    return {
        "format": FORMAT,
        "verdict": board.verdict,
        "baseline": board.baseline,
        "best": outcome.best,
        "caption": caption(board),
        "families": board.families,
        "failed": dict(board.failed),
        "notes": list(outcome.notes),
        "report": said,
        "unmeasured": dict(outcome.learned.unmeasured),
        "data": {
            "name": outcome.experiment.data,
            "rows": len(panel.times),
            "series": len(panel.series),
            "first": day(panel.times.min()),
            "last": day(panel.times.max()),
            "calendar": str(panel.calendar),
            "alias": panel.calendar.alias,
            "targets": list(panel.targets),
            "past": list(schema.past),
            "future": [*schema.future, *schema.computed],
            "static": list(schema.static),
            "categories": {name: list(found) for name, found in panel.categories.items() if name in panel.targets},
        },
        "terms": {
            "origins": board.terms.origins,
            "judged": board.terms.judged,
            "since": day(board.terms.since),
            "until": day(board.terms.until),
            "naive_error": board.terms.naive_error,
        },
    }


def observed_frame(scores: Scores, panel: Panel) -> pd.DataFrame:
    """What was observed from some rows before the first origin of each judged series on: series, time, target, value.

    Series that were not judged are there with their last rows, for forecasts after them. A missing cell has no value.
    """
    before = max(LEAST_BEFORE, HORIZONS_BEFORE * scores.terms.horizon)
    first = panel.lengths.copy()
    np.minimum.at(first, scores.origins.series, scores.origins.step)
    begin = panel.offsets[:-1] + np.maximum(first - before, 0)
    rows = np.concatenate([np.arange(a, b) for a, b in zip(begin, panel.offsets[1:], strict=True)])
    seen, values = panel.observed[rows], panel.values[rows]
    names = pd.Categorical.from_codes(panel.row_series[rows].tolist(), dtype=pd.CategoricalDtype(list(panel.series)))
    parts = [
        pd.DataFrame(
            {
                "series": names,
                "time": panel.times[rows],
                "target": target,
                "value": np.where(seen[:, column], values[:, column], np.nan),
            }
        )
        for column, target in enumerate(panel.targets)
    ]
    return pd.concat(parts, ignore_index=True)


def quantiles_frame(scores: Scores) -> pd.DataFrame:
    """Quantiles of every forecast of those who state any: model, series, origin, time, step, target, levels.

    Their own levels, or a few of their distribution; where another contestant states a level, they leave it open.
    """
    parts = [
        _with_levels(forecast).to_frame().drop(columns="mean", errors="ignore").assign(model=name)
        for name, forecast in _distributions(scores)
    ]
    if not parts:
        return pd.DataFrame()
    frame = pd.concat(parts, ignore_index=True)
    levels = sorted((str(name) for name in frame if _is_level(name)), key=float)
    return frame[["model", "series", "origin", "time", "step", "target", *levels]]


def _is_level(name: object) -> bool:
    return str(name).replace(".", "", 1).isdigit()


def _with_levels(forecast: Forecast) -> Forecast:
    if len(forecast.levels) > 1:
        return forecast
    found = [quantile(forecast, level) for level in LEVELS]
    values = np.stack([each for each in found if each is not None], axis=-1)
    return Forecast(forecast.origins, values, LEVELS, forecast.targets, forecast.series, forecast.known, forecast.times)


def _distributions(scores: Scores) -> Iterator[tuple[str, Forecast]]:
    """Those who state distributions or quantiles of values."""
    for name, forecast in scores.forecasts.items():
        said = distribution_of(forecast)
        if said is not None and not isinstance(said, Categories):
            yield name, forecast


def calibrations(scores: Scores) -> Mapping[str, pd.DataFrame]:
    """The tables calibration, pit and reliability; empty where nobody states what they take."""
    levels, bars, classes = [], [], []
    for name, forecast in _distributions(scores):
        levels.append(calibration_frame(forecast, scores.actual).assign(model=name))
        bars.append(_bars(pit(forecast, scores.actual)).assign(model=name))
    for name, forecast in scores.forecasts.items():
        view = class_forecast(forecast, scores.actual)
        labels = () if view is None else view.labels[-1:] if len(view.labels) == 2 else view.labels
        for label in labels:
            frame = reliability_frame(forecast, scores.actual, label)
            classes.append(frame.assign(model=name, label=label))
    found = {"calibration": levels, "pit": bars, "reliability": classes}
    return {name: _named(parts) for name, parts in found.items()}


def _bars(levels: np.ndarray) -> pd.DataFrame:
    known = levels[~np.isnan(levels)]
    count, edges = np.histogram(known, bins=BARS, range=(0.0, 1.0))
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "count": count})


def _named(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Tables below each other, the model's name first."""
    if not parts:
        return pd.DataFrame()
    frame = pd.concat(parts, ignore_index=True)
    return frame[["model", *(name for name in frame if name != "model")]]
