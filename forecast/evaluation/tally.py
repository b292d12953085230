"""From errors of cells to scores: overall, per series, per horizon step, per target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from forecast.data.forecast import Actual, Forecast
from forecast.data.panel import Origins
from forecast.errors import SettingsError
from forecast.evaluation.metrics import Metric

Axis = Literal["series", "step", "target"]
AXES: tuple[Axis, ...] = ("series", "step", "target")
ALL = "*"


@dataclass(frozen=True, eq=False)
class Tally:
    """Sums of errors over the origins of each series.

    Args:
        total: float64 [series, step, target], sum of the judged errors.
        count: int64 [series, step, target], how many were judged.
    """

    total: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, errors: np.ndarray, origins: Origins, n_series: int) -> Tally:
        """Add up errors [origin, step, target] over the origins of each series; NaN is not judged."""
        order = slice(None)
        if (np.diff(origins.series) < 0).any():
            order = np.argsort(origins.series, kind="stable")
        series, errors = origins.series[order], errors[order]
        judged = ~np.isnan(errors)
        names, starts = np.unique(series, return_index=True)
        total = np.zeros((n_series, *errors.shape[1:]))
        count = np.zeros((n_series, *errors.shape[1:]), dtype=np.int64)
        if len(series):
            total[names] = np.add.reduceat(np.where(judged, errors, 0.0), starts, axis=0)
            count[names] = np.add.reduceat(judged.astype(np.int64), starts, axis=0)
        return cls(total, count)

    def mean(self, by: tuple[Axis, ...] = ()) -> np.ndarray:
        """Mean error over all axes that are not in `by`; those are kept with length 1, NaN where nothing was judged."""
        axes = tuple(i for i, axis in enumerate(AXES) if axis not in by)
        return _divide(self.total.sum(axis=axes, keepdims=True), self.count.sum(axis=axes, keepdims=True))


def aggregate(metric: Metric, forecast: Forecast, actual: Actual, by: tuple[Axis, ...] = ()) -> pd.DataFrame:
    """Scores of one metric, as a long frame with the columns series, step, target and value.

    A score is the mean over all judged cells of origins, steps and targets (of every series, unless `by` has
    "series"), then `metric.finish`. A balanced metric (sMAPE, MASE, RMSSE) makes one such score per series and
    target first and averages those. "*" stands for all. Targets on different scales are pooled as they are.

    Args:
        by: what to keep apart; empty for the overall score.

    Example:
        >>> from forecast.data.panel import Origins, Panel
        >>> from forecast.evaluation.metrics import rmse
        >>> panel = Panel.from_arrays(np.arange(4.0), np.arange("2024-01", "2024-05", dtype="M8[M]"))
        >>> said = Forecast.at(panel, Origins(np.array([0]), np.array([1])), np.zeros((1, 2, 1)))
        >>> one = np.ones((1, 1))
        >>> actual = Actual(np.array([[[3.0], [4.0]]]), np.ones((1, 2, 1), bool), one, one, one, season=1)
        >>> aggregate(rmse, said, actual, by=("step",))
          series step target  value
        0      *    1      *    3.0
        1      *    2      *    4.0
    """
    unknown = [axis for axis in by if axis not in AXES]
    if unknown:
        raise SettingsError(f"cannot aggregate by {unknown[0]!r}; by takes series, step and target")
    return _frame(score_array(tallies(metric, forecast, actual), metric, by), forecast, by)


def overall(metric: Metric, forecast: Forecast, actual: Actual) -> float:
    """The one overall score; see `aggregate`."""
    return float(score_array(tallies(metric, forecast, actual), metric, ()).item())


def tallies(metric: Metric, forecast: Forecast, actual: Actual) -> tuple[Tally, Tally | None]:
    """Tally of the metric, and of the rule it is divided by (None without one)."""
    errors = np.asarray(metric(forecast, actual), dtype=np.float64)
    if errors.shape != actual.values.shape:
        raise SettingsError(
            f"metric {metric.name!r} returned an array of shape {errors.shape}; "
            f"[origin, step, target] is {actual.values.shape}"
        )
    errors = np.where(actual.seen, errors, np.nan)
    n = len(forecast.series)
    if metric.against is None:
        return Tally.of(errors, forecast.origins, n), None
    rule = np.where(np.isnan(errors), np.nan, metric.against(actual))
    return Tally.of(errors, forecast.origins, n), Tally.of(rule, forecast.origins, n)


def score_array(pair: tuple[Tally, Tally | None], metric: Metric, by: tuple[Axis, ...]) -> np.ndarray:
    """Scores [series, step, target], with length 1 where an axis is not in `by`."""
    errors, rule = pair
    if not metric.balanced:
        return _score(errors, rule, metric, by)
    units = ("series", "target")
    scores = _score(errors, rule, metric, (*by, *(axis for axis in units if axis not in by)))
    axes = tuple(AXES.index(axis) for axis in units if axis not in by)
    known = ~np.isnan(scores)
    return _divide(np.where(known, scores, 0.0).sum(axis=axes, keepdims=True), known.sum(axis=axes, keepdims=True))


def _score(errors: Tally, rule: Tally | None, metric: Metric, by: tuple[Axis, ...]) -> np.ndarray:
    score = errors.mean(by)
    if rule is not None:
        score = _divide(score, rule.mean(by))
    return score if metric.finish is None else metric.finish(score)


def _divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _frame(scores: np.ndarray, forecast: Forecast, by: tuple[Axis, ...]) -> pd.DataFrame:
    steps = list(range(1, forecast.values.shape[1] + 1))
    names: dict[Axis, list[object]] = {
        "series": list(forecast.series),
        "step": list(steps),
        "target": list(forecast.targets),
    }
    labels = [np.array(names[axis] if axis in by else [ALL], dtype=object) for axis in AXES]
    grid = np.meshgrid(*labels, indexing="ij")
    columns = {axis: cells.ravel() for axis, cells in zip(AXES, grid, strict=True)}
    return pd.DataFrame(columns | {"value": scores.ravel()})
