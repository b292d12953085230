"""Metrics of what a forecast says beyond its point: quantiles, intervals and whole distributions.

A forecast without levels or distribution has nothing to judge: its score is NaN, which a leaderboard shows as a dash.
"""

from __future__ import annotations

import numpy as np

from forecast.data.forecast import Actual, Forecast
from forecast.distributions import Distribution, QuantileTable
from forecast.errors import SettingsError
from forecast.evaluation.metrics import Metric

CLOSE = 1e-6  # levels nearer than that are one


def distribution_of(forecast: Forecast) -> Distribution | None:
    """The distribution a forecast carries, else the one its levels describe, if they are two or more.

    Quantiles that cross are sorted. Between levels the quantile function is straight, beyond them tails are
    exponential; see `forecast.distributions.QuantileTable`.
    """
    if forecast.distribution is not None:
        return forecast.distribution
    if len(forecast.levels) < 2:
        return None
    order = np.argsort(forecast.levels)
    return QuantileTable(tuple(np.asarray(forecast.levels)[order].tolist()), np.sort(forecast.values, axis=-1))


def quantile(forecast: Forecast, level: float) -> np.ndarray | None:
    """Quantiles of a level [origin, step, target]: those that were forecast, else the distribution's, else None."""
    near = np.flatnonzero(np.abs(np.asarray(forecast.levels) - level) < CLOSE)
    if len(near):
        return forecast.values[..., int(near[0])]
    return None if forecast.distribution is None else forecast.distribution.quantiles((level,))[..., 0]


def _nothing(actual: Actual) -> np.ndarray:
    return np.full(actual.values.shape, np.nan)


def _pinball(forecast: Forecast, actual: Actual) -> np.ndarray:
    if not forecast.levels:
        return _nothing(actual)
    total = np.zeros(actual.values.shape)
    for i, level in enumerate(forecast.levels):
        missed = actual.values - forecast.values[..., i]
        total += np.maximum(level * missed, (level - 1.0) * missed)
    return total / len(forecast.levels)


def _crps(forecast: Forecast, actual: Actual) -> np.ndarray:
    said = distribution_of(forecast)
    return _nothing(actual) if said is None else said.crps(actual.values)


def _surprise(forecast: Forecast, actual: Actual) -> np.ndarray:
    said = distribution_of(forecast)
    return _nothing(actual) if said is None else -said.log_likelihood(actual.values)


def _interval(forecast: Forecast, level: float) -> tuple[np.ndarray, np.ndarray] | None:
    ends = quantile(forecast, 0.5 - level / 2), quantile(forecast, 0.5 + level / 2)
    return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])


pinball = Metric("pinball", _pinball, description="pinball loss, mean over the levels of the forecast")
wql = Metric(
    "wql",
    lambda forecast, actual: 2.0 * _pinball(forecast, actual),
    against=lambda actual: np.abs(actual.values),
    description="weighted quantile loss: twice the pinball loss, mean over levels, divided by the mean of |actual|",
)
crps = Metric(
    "crps",
    _crps,
    description="continuous ranked probability score, in the unit of the target; the MAE of a forecast that is sure",
)
log_score = Metric("log_score", _surprise, description="negative log-likelihood of the actual, in nats")


def coverage(level: float = 0.9) -> Metric:
    """Share of actuals within the central interval of a level, its ends included.

    Args:
        level: of the interval: 0.9 lies between the quantiles 0.05 and 0.95, which the forecast must have among its
            levels unless it carries a distribution.

    Example:
        >>> coverage(0.8).name
        'coverage_80'
    """

    def errors(forecast: Forecast, actual: Actual) -> np.ndarray:
        ends = _interval(forecast, level)
        if ends is None or not np.isfinite(ends).all():
            return _nothing(actual)
        inside = (ends[0] <= actual.values) & (actual.values <= ends[1])
        return np.where(np.isnan(actual.values), np.nan, inside.astype(np.float64))

    return Metric(_name("coverage", level), errors, description=f"share of actuals in the central {level:.0%} interval")


def width(level: float = 0.9) -> Metric:
    """Width of the central interval of a level; see `coverage`."""

    def errors(forecast: Forecast, actual: Actual) -> np.ndarray:
        ends = _interval(forecast, level)
        return _nothing(actual) if ends is None else ends[1] - ends[0]

    return Metric(_name("width", level), errors, description=f"mean width of the central {level:.0%} interval")


def interval_score(level: float = 0.9) -> Metric:
    """Width of the central interval, plus 2 / (1 - level) times how far the actual lies outside (Winkler 1972).

    Gneiting & Raftery 2007, eq. 43. See `coverage`.
    """

    def errors(forecast: Forecast, actual: Actual) -> np.ndarray:
        ends = _interval(forecast, level)
        if ends is None:
            return _nothing(actual)
        outside = np.maximum(ends[0] - actual.values, 0.0) + np.maximum(actual.values - ends[1], 0.0)
        return ends[1] - ends[0] + 2.0 / (1.0 - level) * outside

    return Metric(_name("interval_score", level), errors, description=f"Winkler's score of the {level:.0%} interval")


def _name(kind: str, level: float) -> str:
    if not 0.0 < level < 1.0:
        raise SettingsError(f"{kind}({level:g}): the level of an interval lies between 0 and 1, such as 0.9")
    return f"{kind}_{100 * level:g}"
