"""Is one forecaster better than another, or lucky? Diebold–Mariano tests, and Holm's correction for many of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from forecast.errors import SettingsError

FEWEST = 8  # origins below which no test is made
PER_STEP = 5  # and below this many times the overlap of the forecasts


class DMResult(NamedTuple):
    """Outcome of a Diebold–Mariano test.

    Args:
        statistic: negative where the first forecaster has the smaller loss; NaN without a test.
        p_value: two-sided; NaN without a test.
        n: number of paired losses.
        reason: why there was no test; empty where there was one.
    """

    statistic: float
    p_value: float
    n: int
    reason: str = ""


def diebold_mariano(loss_a: np.ndarray, loss_b: np.ndarray, horizon: int, stride: int = 1) -> DMResult:
    """Test whether two forecasters have the same expected loss (Diebold & Mariano 1995).

    The variance of the mean difference allows for the overlap of forecasts from neighbouring origins: the
    autocovariances up to lag ceil(horizon / stride) - 1 are added with equal weights, or with Bartlett's where that
    is not positive. The statistic is corrected after Harvey, Leybourne & Newbold (1997, eq. 9) and compared with
    Student's t with n - 1 degrees of freedom.

    Fewer than max(8, 5 * overlap) losses are not tested, overlap being ceil(horizon / stride): the test rejects far
    too often there (in simulations 23–27 % instead of 5 % at twice the overlap, still about 13 % at five times).

    Args:
        loss_a, loss_b: loss at each origin, in order of time [origin]; one value a date (see `pool_by_time`).
        horizon: steps of each forecast.
        stride: steps between neighbouring origins.

    Example:
        >>> wiggle = np.tile([0.0, 0.1, -0.1], 10)
        >>> result = diebold_mariano(1.0 + wiggle, 2.0 - wiggle, horizon=1)
        >>> result.statistic < 0 and result.p_value < 0.001
        True
        >>> diebold_mariano(wiggle[:5], wiggle[:5], horizon=1).reason
        '5 origin dates; at least 8 are needed'
    """
    if np.shape(loss_a) != np.shape(loss_b) or np.ndim(loss_a) != 1:
        raise SettingsError(
            f"losses of shapes {np.shape(loss_a)} and {np.shape(loss_b)}; two equally long rows are needed"
        )
    if horizon < 1 or stride < 1:
        raise SettingsError(f"horizon={horizon}, stride={stride}: both are at least 1")
    difference = np.asarray(loss_a, dtype=np.float64) - np.asarray(loss_b, dtype=np.float64)
    difference = difference[np.isfinite(difference)]
    n, overlap = len(difference), -(-horizon // stride)
    needed = max(FEWEST, PER_STEP * overlap)
    if n < needed:
        return DMResult(np.nan, np.nan, n, f"{n} origin dates; at least {needed} are needed")
    mean = float(difference.mean())
    if not difference.any():
        return DMResult(0.0, 1.0, n)
    variance = _long_run_variance(difference - mean, overlap)
    if variance <= np.finfo(np.float64).eps * mean**2:  # always the same difference
        return DMResult(float(np.copysign(np.inf, mean)), 0.0, n)
    correction = (n + 1 - 2 * overlap + overlap * (overlap - 1) / n) / n
    statistic = float(mean / np.sqrt(variance / n) * np.sqrt(correction))
    return DMResult(statistic, float(2 * special.stdtr(n - 1, -abs(statistic))), n)


def _long_run_variance(centred: np.ndarray, overlap: int) -> float:
    n = len(centred)
    covariances = np.array([centred[lag:] @ centred[: n - lag] for lag in range(overlap)]) / n
    weights = np.full(overlap, 2.0)
    weights[0] = 1.0
    variance = float(weights @ covariances)
    if variance > np.finfo(np.float64).eps * covariances[0]:
        return variance
    return float((weights * (1 - np.arange(overlap) / overlap)) @ covariances)


def pool_by_time(loss: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Mean loss of the origins of each date, in order of time.

    Series move together: testing dates instead of (series, date) pairs does not count one event many times.

    Args:
        loss: [origin]; NaN where nothing was judged.
        time: datetime64 [origin], last known row.

    Example:
        >>> days = np.array(["2024-01-02", "2024-01-01", "2024-01-02"], dtype="M8[D]")
        >>> pool_by_time(np.array([1.0, 5.0, 3.0]), days).tolist()
        [5.0, 2.0]
    """
    judged = np.isfinite(loss)
    dates, index = np.unique(time[judged], return_inverse=True)
    return np.bincount(index, loss[judged], len(dates)) / np.maximum(np.bincount(index, minlength=len(dates)), 1)


def spacing(time: np.ndarray, series: np.ndarray, stride: int) -> int:
    """Rows between neighbouring dates of pooled origins: fewer than the stride where series are out of step.

    Series that begin at different rows, or keep different holidays, stand at different dates; their forecasts overlap
    more than those of one series do.

    Args:
        time: datetime64 [origin], last known row.
        series: int64 [origin], index of the series.
        stride: rows between the origins of one series.

    Example:
        >>> days = np.array(["2024-01-01", "2024-01-05", "2024-01-03", "2024-01-07"], dtype="M8[D]")
        >>> spacing(days, np.array([0, 0, 1, 1]), 4), spacing(days[[0, 1, 0, 1]], np.array([0, 0, 1, 1]), 4)
        (2, 4)
    """
    own = time[series == np.bincount(series).argmax()]
    among = np.unique(time[(time >= own.min()) & (time <= own.max())])
    return max(1, (stride * (len(own) - 1)) // max(len(among) - 1, 1)) if len(own) > 1 else stride


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values of several tests after Holm (1979); a NaN (no test) stays one and counts for nothing.

    Example:
        >>> holm(np.array([0.01, np.nan, 0.04])).round(3).tolist()
        [0.02, nan, 0.04]
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p_values.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1.0)
    return adjusted
