"""Metrics by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from forecast.data.forecast import Actual, Forecast
from forecast.distributions import Categories
from forecast.errors import SettingsError, did_you_mean
from forecast.evaluation.classes import accuracy, balanced_accuracy, brier, error_rate, log_loss, rel_error_rate
from forecast.evaluation.metrics import DEFAULT, Metric, MetricLike, direction_majority
from forecast.evaluation.probabilistic import (
    coverage,
    crps,
    distribution_of,
    interval_score,
    log_score,
    pinball,
    width,
    wql,
)

INTERVALS = {"coverage": coverage, "width": width, "interval_score": interval_score}
OF_INTERVAL = re.compile(rf"({'|'.join(INTERVALS)})(?:_(\d{{1,2}}(?:\.\d+)?))?")

DISTRIBUTIONAL: tuple[Metric, ...] = (crps, pinball, wql, log_score, coverage(), width(), interval_score())
CLASSES: tuple[Metric, ...] = (accuracy, balanced_accuracy, brier, log_loss)
OF_CATEGORIES: tuple[Metric, ...] = (error_rate, rel_error_rate)
"""Of a categorical target: between codes there are no distances."""
METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (*DEFAULT, *OF_CATEGORIES, direction_majority, *DISTRIBUTIONAL, *CLASSES)
}


def standard(actual: Actual) -> tuple[Metric, ...]:
    """The metrics of every leaderboard; the first one is the error by which contestants are ranked."""
    return OF_CATEGORIES if actual.labels else DEFAULT


def added(forecasts: Iterable[Forecast]) -> tuple[Metric, ...]:
    """What a backtest adds to its default metrics, by what its contestants state beyond points.

    Quantiles or distributions of values: crps and coverage_90. Probabilities of directions: accuracy and brier; of
    categories, whose error rate is there already: balanced_accuracy and brier.
    """
    said = [distribution_of(forecast) for forecast in forecasts]
    values = any(each is not None and not isinstance(each, Categories) for each in said)
    directional = {each.directional for each in said if isinstance(each, Categories)}
    classes = (accuracy if True in directional else balanced_accuracy, brier) if directional else ()
    return (*((crps, coverage()) if values else ()), *classes)


def is_beyond_points(name: str) -> bool:
    """Whether a metric of that name judges distributions, intervals or classes.

    Example:
        >>> [is_beyond_points(name) for name in ("crps", "coverage_80", "mae", "brier")]
        [True, True, False, True]
    """
    return any(metric.name == name for metric in (*DISTRIBUTIONAL, *CLASSES)) or OF_INTERVAL.fullmatch(name) is not None


def as_metrics(metrics: Sequence[MetricLike | str]) -> tuple[Metric, ...]:
    """Metrics of names, members and plain functions; a function is named after itself and averaged over all cells.

    The names of intervals end in their level: "coverage_80", "width_50", "interval_score_95"; without one it is 90.

    Raises:
        SettingsError: an unknown name, or two metrics with one name.

    Example:
        >>> from forecast.evaluation.metrics import rmse
        >>> def misses(forecast, actual):
        ...     return (abs(forecast.point - actual.values) > 1.0).astype(float)
        >>> [metric.name for metric in as_metrics(["mae", rmse, misses, "coverage_80"])]
        ['mae', 'rmse', 'misses', 'coverage_80']
    """
    members = tuple(_as_metric(metric) for metric in metrics)
    names = [metric.name for metric in members]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise SettingsError(f"two metrics are called {twice[0]!r}")
    return members


def _as_metric(metric: MetricLike | str) -> Metric:
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str):
        return _named(metric)
    if not callable(metric):
        raise SettingsError(f"{metric!r} is neither a metric, its name nor a function of forecast and actual")
    return Metric(getattr(metric, "__name__", type(metric).__name__), metric)


def _named(name: str) -> Metric:
    if name in METRICS:
        return METRICS[name]
    found = OF_INTERVAL.fullmatch(name)
    if found is None:
        raise SettingsError(f"no metric {name!r}{did_you_mean(name, tuple(METRICS))}")
    return INTERVALS[found[1]](float(found[2] or 90) / 100.0)
