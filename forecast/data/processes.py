"""Processes whose optimal error is known in closed form, beyond pure autoregressions (`forecast.data.synthetic`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import lfilter

from forecast.data.panel import Panel
from forecast.data.synthetic import BURN_IN, panel_of
from forecast.errors import SettingsError


def arma(
    ar: Sequence[float] = (0.75, -0.25),
    ma: Sequence[float] = (0.65,),
    series: int = 1,
    rows: int = 500,
    noise: float = 1.0,
    missing: float = 0.0,
    seed: int = 0,
) -> Panel:
    """Gaussian ARMA on days: y(t) = sum a_i y(t - i) + e(t) + sum m_j e(t - j).

    The innovations e are functions of the past, as the process is invertible, so the optimal mean squared error one
    step ahead is noise ** 2; `arma_errors` gives those further ahead.

    Args:
        ar: a_1, a_2 ...
        ma: m_1, m_2 ...
        series: number of series.
        rows: rows of each.
        noise: standard deviation of the innovations.
        missing: share of target cells that are missing.
        seed: of the random numbers.

    Raises:
        SettingsError: the process is not stationary, or not invertible.

    Source:
        Box, Jenkins, Reinsel & Ljung (2015), Time Series Analysis, chapters 3 and 5.

    Example:
        >>> arma(rows=50).values.shape
        (50, 1)
    """
    _require_stable(ar, ma)
    random = np.random.default_rng(seed)
    shocks = random.normal(0, noise, (series, BURN_IN + rows))
    values = np.asarray(lfilter([1.0, *ma], [1.0, *(-a for a in ar)], shocks, axis=1))[:, BURN_IN:]
    return panel_of(values, np.zeros((series, rows, 0)), missing, "D", random)


def arma_errors(ar: Sequence[float], ma: Sequence[float], noise: float = 1.0, horizon: int = 1) -> np.ndarray:
    """Optimal mean squared errors of `arma`, one for each step ahead: noise ** 2 times the sum of psi_i ** 2, i < h.

    Raises:
        SettingsError: as `arma`.

    Example:
        >>> arma_errors([0.8], [], horizon=3).round(4).tolist()
        [1.0, 1.64, 2.0496]
    """
    _require_stable(ar, ma)
    impulse = np.zeros(horizon)
    impulse[0] = 1.0
    weights = np.asarray(lfilter([1.0, *ma], [1.0, *(-a for a in ar)], impulse))
    return noise**2 * np.cumsum(weights**2)


def regime_switch(
    coefficients: Sequence[float] = (0.8, -0.8),
    every: int = 500,
    series: int = 1,
    rows: int = 2000,
    noise: float = 1.0,
    told: bool = False,
    seed: int = 0,
) -> Panel:
    """Autoregressions of order 1 on days that change their coefficient every so many rows, in turn, over and over.

    The optimal mean squared error one step ahead, for who knows the coefficient, is noise ** 2. One frozen coefficient
    f costs, far from the changes, noise ** 2 times the mean over the regimes of 1 + (c - f) ** 2 / (1 - c ** 2); for
    the two of the defaults that is least at f = 0, where it is 2.78 noise ** 2. What lies between is what learning
    online can gain.

    Args:
        coefficients: of each regime, in turn.
        every: rows of a regime.
        series: number of series; all change at the same rows.
        rows: rows of each.
        noise: standard deviation of the innovations.
        told: add the number of the regime of each row as a past covariate.
        seed: of the random numbers.

    Raises:
        SettingsError: fewer than two regimes, one that is not stationary, or regimes without rows.

    Example:
        >>> panel = regime_switch(every=2, rows=6, told=True)
        >>> panel.values[:, 1].tolist()
        [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    """
    if len(coefficients) < 2 or max(map(abs, coefficients)) >= 1:
        raise SettingsError(f"coefficients {list(coefficients)}: two or more, each between -1 and 1")
    if every < 1:
        raise SettingsError(f"every={every}: a regime has 1 row or more")
    random = np.random.default_rng(seed)
    regime = np.arange(rows) // every % len(coefficients)
    values = np.zeros((series, rows))
    value = random.normal(0, noise / np.sqrt(1 - coefficients[0] ** 2), series)
    for row, shock in enumerate(random.normal(0, noise, (rows, series))):
        value = coefficients[regime[row]] * value + shock
        values[:, row] = value
    past = np.broadcast_to(regime[None, :, None], (series, rows, 1))[..., : int(told)]
    return panel_of(values, past.astype(np.float64), 0.0, "D", random)


def _require_stable(ar: Sequence[float], ma: Sequence[float]) -> None:
    for name, word, roots in (("ar", "stationary", [1.0, *(-a for a in ar)]), ("ma", "invertible", [1.0, *ma])):
        if len(roots) > 1 and np.abs(np.roots(roots)).max(initial=0.0) >= 1:
            raise SettingsError(f"{name}={roots[1:] if name == 'ma' else list(ar)} is not {word}: a root is too large")
