"""Calibration: whether what was said with a probability happens that often."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from forecast.data.forecast import Actual, Forecast
from forecast.distributions import Categories, Samples
from forecast.errors import SettingsError
from forecast.evaluation.classes import class_forecast
from forecast.evaluation.probabilistic import distribution_of, quantile

LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # of forecasts that state none


def wilson(hits: np.ndarray, count: np.ndarray, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's (1927) interval for a share of independent trials; NaN where there is none.

    Args:
        hits: successes.
        count: trials, same shape.
        confidence: probability that the interval holds the true share.

    Example:
        >>> low, high = wilson(np.array([8.0]), np.array([10.0]))
        >>> low.round(3).item(), high.round(3).item()
        (0.49, 0.943)
    """
    count = np.where(np.asarray(count) > 0, count, np.nan).astype(np.float64)
    z = special.ndtri(0.5 + confidence / 2)
    share = hits / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    # Rounding would leave the ends of no or only hits next to 0 and 1.
    return np.where(hits == 0, 0.0 * count, middle - half), np.where(hits == count, count / count, middle + half)


def pit(forecast: Forecast, actual: Actual, seed: int = 0) -> np.ndarray:
    """Probability integral transform: the level at which each actual lies; uniform if the forecast is calibrated.

    Where a value has a probability of its own (counts, draws), the level is drawn evenly from those it covers
    (Czado, Gneiting & Held 2009). Of m draws the actual is ranked among m + 1.

    Args:
        seed: of those draws.

    Returns:
        float64 [origin, step, target]; NaN where nothing was observed.

    Raises:
        SettingsError: the forecast states no distribution of values.
    """
    said = distribution_of(forecast)
    if said is None or isinstance(said, Categories):
        raise SettingsError("PIT: this forecast is of points or classes; it needs two levels or a distribution")
    high, low = said.cdf(actual.values), said.cdf(np.nextafter(actual.values, -np.inf))
    if isinstance(said, Samples):
        count = len(said.paths)
        high, low = (high * count + 1) / (count + 1), low * count / (count + 1)
    drawn = np.random.default_rng(seed).random(high.shape)
    return np.where(actual.seen, low + drawn * (high - low), np.nan)


def calibration_frame(forecast: Forecast, actual: Actual) -> pd.DataFrame:
    """How often actuals lay at or below each quantile, beside how often they should.

    Steps and targets of an origin, and overlapping horizons, are not independent: the interval is too narrow for them
    together. Take one step and distant origins where that matters.

    Returns:
        One row a level (of the forecast, or of a grid where it has none): level; nominal, the probability that the
        forecast gives to values at or below its quantile (the level itself, more for counts); observed, the share of
        actuals there; low and high, its 95 % interval (Wilson); width, mean distance to the quantile of 1 - level;
        count.

    Raises:
        SettingsError: the forecast states no quantiles of values.
    """
    said = distribution_of(forecast)
    if said is None or isinstance(said, Categories):
        raise SettingsError("calibration: this forecast is of points or classes; it needs two levels or a distribution")
    judged = actual.seen & ~np.isnan(actual.values)
    count = int(judged.sum())
    rows = []
    for level in sorted(forecast.levels) or LEVELS:
        found, mirror = quantile(forecast, level), said.quantiles((1.0 - level,))[..., 0]
        at = said.quantiles((level,))[..., 0] if found is None else found
        # Of counts more than the level lies at or below a quantile, and of nothing else.
        nominal = said.cdf(at)[judged].mean() if _is_count(at) else level
        hits = int((actual.values[judged] <= at[judged]).sum())
        gap = np.abs(mirror - at)[judged].mean() if count else np.nan
        rows.append((level, nominal, hits / count if count else np.nan, hits, gap))
    frame = pd.DataFrame(rows, columns=["level", "nominal", "observed", "hits", "width"])
    low, high = wilson(frame["hits"].to_numpy(), np.full(len(frame), count))
    frame = frame.assign(low=low, high=high, count=count)
    return frame[["level", "nominal", "observed", "low", "high", "width", "count"]]


def reliability_frame(forecast: Forecast, actual: Actual, label: str = "up", bins: int = 10) -> pd.DataFrame:
    """How often a class happened where its probability was about so much.

    Args:
        label: name of the class: "up", "down", "flat", or a label of a categorical target.
        bins: cells are sorted by probability into that many equally large groups.

    Returns:
        One row a group: said (mean probability), observed (share of cells where it happened), low and high (Wilson's
        95 % interval) and count.

    Raises:
        SettingsError: the forecast states no probabilities, or none of that class.
    """
    view = class_forecast(forecast, actual)
    if view is None or label not in view.labels:
        known = "no probabilities of classes" if view is None else f"the classes {', '.join(view.labels)}"
        raise SettingsError(f"reliability of {label!r}: the forecast states {known}")
    if bins < 1:
        raise SettingsError(f"bins={bins}: there is at least one group")
    which = view.labels.index(label)
    judged = ~np.isnan(view.codes)
    said, happened = view.probabilities[judged][:, which], (view.codes[judged] == which).astype(np.float64)
    order = np.argsort(said, kind="stable")
    groups = [group for group in np.array_split(order, bins) if len(group)]
    count = np.array([len(group) for group in groups])
    hits = np.array([happened[group].sum() for group in groups])
    low, high = wilson(hits, count)
    columns = {"said": [said[group].mean() for group in groups], "observed": hits / count, "low": low, "high": high}
    return pd.DataFrame(columns | {"count": count})


def _is_count(values: np.ndarray) -> bool:
    return bool((values == np.floor(values)).all())
