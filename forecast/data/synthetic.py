"""Panels whose best forecast is known: for tests, documentation and first steps. More: `processes`, `long_lags`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import SettingsError

START = pd.Timestamp("2020-01-01")
BURN_IN = 1000


def random_walk(
    series: int = 1,
    rows: int = 500,
    drift: float = 0.0,
    noise: float = 1.0,
    past: int = 0,
    missing: float = 0.0,
    seed: int = 0,
) -> Panel:
    """Random walks on business days: the best forecast is the last value plus `drift` a step.

    The optimal mean squared error h steps ahead is h * noise ** 2.

    Args:
        series: number of series.
        rows: rows of each.
        drift: expected change a step.
        noise: standard deviation of a step.
        past: number of past covariates; white noise that tells nothing.
        missing: share of target cells that are missing.
        seed: of the random numbers.

    Example:
        >>> random_walk(series=2, rows=100).lengths.tolist()
        [100, 100]
    """
    random = np.random.default_rng(seed)
    values = 100 + np.cumsum(random.normal(drift, noise, (series, rows)), axis=1)
    return panel_of(values, random.normal(size=(series, rows, past)), missing, "B", random)


def seasonal(
    series: int = 1,
    rows: int = 500,
    season: int = 24,
    noise: float = 0.1,
    trend: float = 0.0,
    past: int = 0,
    missing: float = 0.0,
    seed: int = 0,
) -> Panel:
    """Hourly sine waves with a phase and level of their own: the best forecast is the wave itself.

    The optimal mean squared error is noise ** 2 at every step; repeating the last season has twice that
    (if there is no trend).

    Args:
        series: number of series.
        rows: rows of each.
        season: steps of a wave, whose amplitude is 1.
        noise: standard deviation of the white noise on top.
        trend: change of level a step.
        past: number of past covariates; white noise that tells nothing.
        missing: share of target cells that are missing.
        seed: of the random numbers.

    Example:
        >>> panel = seasonal(rows=96, noise=0.0)
        >>> bool(np.allclose(panel.values[24:], panel.values[:-24]))
        True
    """
    random = np.random.default_rng(seed)
    step = np.arange(rows)
    phase, level = random.uniform(0, season, (series, 1)), random.normal(10, 2, (series, 1))
    wave = level + trend * step + np.sin(2 * np.pi * (step + phase) / season)
    values = wave + random.normal(0, noise, (series, rows))
    return panel_of(values, random.normal(size=(series, rows, past)), missing, "h", random)


def autoregressive(
    coefficients: Sequence[float] = (0.8,),
    series: int = 1,
    rows: int = 500,
    noise: float = 1.0,
    past: int = 0,
    effect: float = 0.0,
    missing: float = 0.0,
    seed: int = 0,
) -> Panel:
    """Stationary Gaussian autoregression on days: y(t) = sum c_i y(t - i) + effect x(t - 1) + noise.

    Without covariates, AR(1) with coefficient c has the best forecast c ** h y(t), whose mean squared error h
    steps ahead, noise ** 2 (1 - c ** 2h) / (1 - c ** 2), is the optimum. With covariates (white noise of
    variance 1) the optimum one step ahead is noise ** 2 for who sees x, else noise ** 2 + effect ** 2.

    Args:
        coefficients: c_1, c_2 ...
        series: number of series.
        rows: rows of each.
        noise: standard deviation of the innovations.
        past: number of past covariates; the first acts one step later, the others tell nothing.
        effect: of the first past covariate.
        missing: share of target cells that are missing.
        seed: of the random numbers.

    Raises:
        SettingsError: the process is not stationary, or an effect without a covariate.

    Example:
        >>> panel = autoregressive([0.8], rows=20_000)
        >>> bool(abs(panel.values.var() - 1 / (1 - 0.8**2)) < 0.2)
        True
    """
    if len(coefficients) and np.abs(np.roots([1.0, *(-c for c in coefficients)])).max(initial=0) >= 1:
        raise SettingsError(
            f"coefficients {list(coefficients)} are not stationary: a root lies outside the unit circle"
        )
    if effect and not past:
        raise SettingsError("effect is that of the first past covariate; ask for past=1 or more")
    random = np.random.default_rng(seed)
    shocks = random.normal(0, noise, (series, BURN_IN + rows))
    covariates = random.normal(size=(series, BURN_IN + rows, past))
    if effect:
        shocks[:, 1:] += effect * covariates[:, :-1, 0]
    values = np.asarray(lfilter([1.0], [1.0, *(-c for c in coefficients)], shocks, axis=1))
    return panel_of(values[:, BURN_IN:], covariates[:, BURN_IN:], missing, "D", random)


def panel_of(
    values: np.ndarray, past: np.ndarray, missing: float, frequency: str, random: np.random.Generator
) -> Panel:
    """Put values [series, row] and past covariates [series, row, covariate] into a panel."""
    if not 0 <= missing < 1:
        raise SettingsError(f"missing={missing} is a share between 0 and 1")
    series, rows = values.shape
    target = np.where(random.random(values.shape) < missing, np.nan, values)
    channels = np.concatenate([target[..., None], past], axis=-1).reshape(series * rows, -1)
    times = pd.date_range(START, periods=rows, freq=frequency).to_numpy()
    schema = Schema(time="time", targets=("y",), series="series", past=tuple(f"x{i}" for i in range(past.shape[-1])))
    names = [f"s{i}" for i in range(series)]
    return Panel.from_arrays(channels, np.tile(times, series), [rows] * series, names, schema)
