"""Metrics: how wrong a forecast was, cell by cell. `forecast.evaluation.tally` makes one number of the cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecast.data.forecast import Actual, Forecast
from forecast.data.panel import Panel
from forecast.distributions import Categories
from forecast.errors import SettingsError

CellErrors = Callable[[Forecast, Actual], np.ndarray]
FLAT = 1e-12  # relative change below which a forecast says "no change"


@dataclass(frozen=True)
class Metric:
    """A named error of every forecast cell, and how the mean of those errors becomes a score.

    Args:
        name: column of the leaderboard.
        errors: float64 [origin, step, target], NaN where there is nothing to judge.
        finish: applied to a mean of errors to make it a score (the square root of RMSE); None for the mean itself.
        balanced: the overall score is the mean over series of each series' score (as in the M4 and M5
            competitions) instead of one mean over all cells. Each target of each series counts as a series.
        against: errors of a rule that needs nothing but the truth; the score is then divided by that rule's.
        description: what the number means, in words.

    Example:
        >>> from forecast.data.panel import Origins
        >>> panel = Panel.from_arrays(np.array([1.0, 2.0, 4.0]), np.arange("2024-01", "2024-04", dtype="M8[M]"))
        >>> said = Forecast.at(panel, Origins(np.array([0]), np.array([1])), np.array([[[1.0], [1.0]]]))
        >>> one = np.ones((1, 1))
        >>> actual = Actual(np.array([[[2.0], [4.0]]]), np.ones((1, 2, 1), bool), one, one, one, season=1)
        >>> mae(said, actual).ravel().tolist()
        [1.0, 3.0]
    """

    name: str
    errors: CellErrors
    finish: Callable[[np.ndarray], np.ndarray] | None = None
    balanced: bool = False
    against: Callable[[Actual], np.ndarray] | None = None
    description: str = ""

    def __call__(self, forecast: Forecast, actual: Actual) -> np.ndarray:
        """Errors float64 [origin, step, target], NaN where there is nothing to judge."""
        return self.errors(forecast, actual)


MetricLike = Metric | CellErrors


def _difference(forecast: Forecast, actual: Actual) -> np.ndarray:
    return forecast.point - actual.values


def _absolute(forecast: Forecast, actual: Actual) -> np.ndarray:
    return np.abs(_difference(forecast, actual))


def _square(forecast: Forecast, actual: Actual) -> np.ndarray:
    return _difference(forecast, actual) ** 2


def _symmetric_percentage(forecast: Forecast, actual: Actual) -> np.ndarray:
    size = np.abs(forecast.point) + np.abs(actual.values)
    error = _absolute(forecast, actual)
    return np.where(size == 0, 0.0, 200.0 * error / np.where(size == 0, 1.0, size))


def _scaled(forecast: Forecast, actual: Actual) -> np.ndarray:
    return _absolute(forecast, actual) / actual.scale[forecast.origins.series][:, None]


def _scaled_square(forecast: Forecast, actual: Actual) -> np.ndarray:
    return _square(forecast, actual) / actual.scale2[forecast.origins.series][:, None]


def naive_errors(actual: Actual) -> np.ndarray:
    """Errors of repeating the last known value: absolute ones, or 1 for another category [origin, step, target]."""
    away = np.abs(actual.last[:, None] - actual.values)
    return np.where(np.isnan(away), np.nan, away > 0) if actual.labels else away


def _turns(actual: Actual) -> np.ndarray:
    """+1 where the truth lies above the last known value, -1 below, NaN where equal or not seen."""
    sign = np.sign(actual.values - actual.last[:, None])
    return np.where(sign == 0, np.nan, sign)


def _right_direction(forecast: Forecast, actual: Actual) -> np.ndarray:
    turns, said = _turns(actual), _said_direction(forecast, actual)
    if not said.any():
        return np.full(turns.shape, np.nan)
    return np.where(np.isnan(turns), np.nan, (said == turns).astype(np.float64))


def _said_direction(forecast: Forecast, actual: Actual) -> np.ndarray:
    """+1, 0 or -1 [origin, step, target]: by the point, or by the classes of a forecast that says nothing else."""
    said, last = forecast.distribution, actual.last[:, None]
    if isinstance(said, Categories) and said.directional:
        return np.sign(said.probabilities[..., 2] - said.probabilities[..., 0])
    return np.where(np.abs(forecast.point - last) <= FLAT * np.abs(last), 0.0, np.sign(forecast.point - last))


def _majority(mean: np.ndarray) -> np.ndarray:
    return (1.0 + np.abs(mean)) / 2.0


mae = Metric("mae", _absolute, description="mean absolute error, in the unit of the target")
rmse = Metric("rmse", _square, finish=np.sqrt, description="root of the mean squared error")
smape = Metric(
    "smape",
    _symmetric_percentage,
    balanced=True,
    description="mean of 200 |actual - forecast| / (|actual| + |forecast|), in percent, 0/0 = 0 (M4's definition)",
)
mase = Metric(
    "mase",
    _scaled,
    balanced=True,
    description="absolute error divided by the mean absolute seasonal difference of the training rows",
)
rmsse = Metric(
    "rmsse",
    _scaled_square,
    finish=np.sqrt,
    balanced=True,
    description="root of squared error divided by the mean squared seasonal difference of the training rows",
)
bias = Metric("bias", _difference, description="mean of forecast minus actual")
relmae = Metric(
    "relmae",
    _absolute,
    against=naive_errors,
    description="MAE divided by the MAE of repeating the last known value at the same cells",
)
direction = Metric(
    "direction",
    _right_direction,
    description="share of steps where forecast and actual lie on the same side of the last known value; steps where "
    "the actual equals it are left out, a forecast equal to it counts as wrong, and a forecaster that only ever "
    "repeats it has no score; a forecast of direction classes says the more probable side",
)
direction_majority = Metric(
    "direction_majority",
    lambda forecast, actual: _turns(actual),
    finish=_majority,
    description="the direction score of always saying the more frequent direction, known only with hindsight",
)

DEFAULT: tuple[Metric, ...] = (mae, rmse, smape, mase, rmsse, bias, relmae, direction)


def in_sample_scale(panel: Panel, season: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean absolute and mean squared seasonal difference of the training rows, each [series, target].

    These are the denominators of MASE (Hyndman & Koehler 2006, as used by M4) and RMSSE (M5): means of
    |y[t] - y[t - season]| and its square over the pairs of rows that were both observed. NaN where a series has no
    such pair or never changes: it has no scale, and the scaled metrics leave it out.

    Args:
        panel: training rows only.
        season: rows in a season; 1 for none.

    Example:
        >>> panel = Panel.from_arrays(np.array([1.0, 3.0, 2.0]), np.arange("2024-01", "2024-04", dtype="M8[M]"))
        >>> [scale.item() for scale in in_sample_scale(panel, season=1)]
        [1.5, 2.5]
    """
    if season < 1:
        raise SettingsError(f"season={season}: a season has at least one row")
    targets, n = panel.layout.targets, len(panel.series)
    values, seen = panel.values[:, :targets], panel.observed[:, :targets]
    owner = panel.row_series
    pair = seen[season:] & seen[:-season] & (owner[season:] == owner[:-season])[:, None]
    change = np.where(pair, values[season:] - values[:-season], 0.0)
    scale, scale2 = np.full((n, targets), np.nan), np.full((n, targets), np.nan)
    for target in range(targets):
        count = np.bincount(owner[season:], pair[:, target], n)
        for power, out in ((1, scale), (2, scale2)):
            total = np.bincount(owner[season:], np.abs(change[:, target]) ** power, n)
            np.divide(total, count, out=out[:, target], where=(count > 0) & (total > 0))
    return scale, scale2
