"""Leaks as people make them, planted on purpose: what `forecast.testing.leakage` has to find.

Most prepare a whole panel before a forecaster cuts it at the origin; the rest look ahead when they forecast, or fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from forecast.data.forecast import Forecast, Forecaster
from forecast.data.panel import Origins, Panel
from forecast.forecasters.linear import Linear
from forecast.testing.panels import with_values
from forecast.windows.window import Window

Series = Callable[[np.ndarray], np.ndarray]
"""Changes the cells of one series, [row, channel] with NaN where missing."""


@dataclass
class Prepared:
    """A linear forecaster whose panel was prepared as a whole.

    Args:
        window: of the forecaster.
        prepare: applied to each series, of the panel that is fitted on and of the one that is forecast from.
    """

    window: Window
    prepare: Series

    def __post_init__(self) -> None:
        self.inner = Linear(self.window, validation=0.0)

    def fit(self, panel: Panel) -> Prepared:
        self.inner.fit(self.prepared(panel))
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        origins = panel.end_origins() if origins is None else origins
        return self.inner.predict(self.prepared(panel), origins)

    def prepared(self, panel: Panel) -> Panel:
        cells = np.where(panel.observed & (np.abs(panel.values) < 1e15), panel.values, np.nan)
        parts = [self.prepare(cells[a:b].copy()) for a, b in zip(panel.offsets[:-1], panel.offsets[1:], strict=True)]
        return with_values(panel, np.concatenate(parts))


def standardised(y: np.ndarray) -> np.ndarray:
    """By mean and deviation of the whole series."""
    return (y - np.nanmean(y, axis=0)) / np.nanstd(y, axis=0)


def to_unit(y: np.ndarray) -> np.ndarray:
    """Between 0 and 1 by the extremes of the whole series."""
    low, high = np.nanmin(y, axis=0), np.nanmax(y, axis=0)
    return (y - low) / (high - low)


def centred_average(y: np.ndarray) -> np.ndarray:
    """Smoothed by the row before, the row and the row after."""
    padded = np.concatenate([y[:1], y, y[-1:]])
    parts = np.stack([padded[:-2], padded[1:-1], padded[2:]])
    seen = np.isfinite(parts)
    count = np.maximum(seen.sum(axis=0), 1)
    return np.where(seen.any(axis=0), np.where(seen, parts, 0.0).sum(axis=0) / count, np.nan)


def filled_backward(y: np.ndarray) -> np.ndarray:
    """Gaps take the value after them."""
    for row in range(len(y) - 2, -1, -1):
        y[row] = np.where(np.isnan(y[row]), y[row + 1], y[row])
    return y


def interpolated(y: np.ndarray) -> np.ndarray:
    """Gaps lie on the line between their neighbours."""
    rows = np.arange(len(y))
    for channel in y.T:
        seen = np.isfinite(channel)
        channel[~seen] = np.interp(rows[~seen], rows[seen], channel[seen])
    return y


def filled_by_mean(y: np.ndarray) -> np.ndarray:
    """Gaps take the mean of the whole series."""
    return np.where(np.isnan(y), np.nanmean(y, axis=0), y)


def detrended(y: np.ndarray) -> np.ndarray:
    """Less a straight line through the whole series."""
    rows = np.arange(len(y))
    for channel in y.T:
        seen = np.isfinite(channel)
        channel -= np.polyval(np.polyfit(rows[seen], channel[seen], 1), rows)
    return y


def deseasoned(y: np.ndarray) -> np.ndarray:
    """Less the mean of each day of the week, over the whole series."""
    for day in range(7):
        y[day::7] -= np.nanmean(y[day::7], axis=0)
    return y


def winsorised(y: np.ndarray) -> np.ndarray:
    """Outliers cut at percentiles of the whole series."""
    return np.clip(y, *np.nanpercentile(y, [5, 95], axis=0))


def ranked(y: np.ndarray) -> np.ndarray:
    """Ranks within the whole series."""
    order = np.argsort(np.argsort(np.where(np.isnan(y), np.inf, y), axis=0), axis=0)
    return np.where(np.isnan(y), np.nan, order / len(y))


def low_pass(y: np.ndarray) -> np.ndarray:
    """The slow half of the whole series' spectrum."""
    waves = np.fft.rfft(filled_by_mean(y), axis=0)
    waves[len(waves) // 2 :] = 0
    return np.fft.irfft(waves, len(y), axis=0)


def smoothed_back(y: np.ndarray) -> np.ndarray:
    """Exponentially smoothed from the end to the beginning."""
    y = filled_by_mean(y)
    for row in range(len(y) - 2, -1, -1):
        y[row] = 0.8 * y[row] + 0.2 * y[row + 1]
    return y


def shifted(y: np.ndarray) -> np.ndarray:
    """Off by one: every row holds the value of the next."""
    return np.concatenate([y[1:], y[-1:]])


def centred_difference(y: np.ndarray) -> np.ndarray:
    """Half of what lies between the row before and the row after is added."""
    y = filled_by_mean(y)
    return y + np.gradient(y, axis=0)


def cumulated_backward(y: np.ndarray) -> np.ndarray:
    """Sums from the row to the end, as 'remaining demand' is made."""
    return np.cumsum(filled_by_mean(y)[::-1], axis=0)[::-1]


def first_component(y: np.ndarray) -> np.ndarray:
    """Reduced to the first principal component of the whole series."""
    y = filled_by_mean(y)
    middle = y.mean(axis=0)
    _, _, directions = np.linalg.svd(y - middle, full_matrices=False)
    return middle + (y - middle) @ directions[:1].T @ directions[:1]


PREPARED: tuple[Series, ...] = (
    standardised, to_unit, centred_average, filled_backward, interpolated, filled_by_mean, detrended, deseasoned,
    winsorised, ranked, low_pass, smoothed_back, shifted, centred_difference, cumulated_backward, first_component,
)  # fmt: skip


@dataclass
class Looking:
    """Repeats the newest value, and adds a little of something that nobody can know yet.

    Args:
        window: context and horizon.
        peek: what is added, [origin, target], from the panel and the origins.
    """

    window: Window
    peek: Callable[[Panel, Origins], np.ndarray]

    def fit(self, panel: Panel) -> Looking:
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        origins = panel.end_origins() if origins is None else origins
        newest = panel.values[panel.offsets[origins.series] + origins.step - 1, : panel.layout.targets]
        values = newest + 1e-9 * np.nan_to_num(self.peek(panel, origins))
        return Forecast.at(panel, origins, np.repeat(values[:, None], self.window.horizon, axis=1))


def next_value(panel: Panel, origins: Origins) -> np.ndarray:
    """Of the row after the origin."""
    row = np.minimum(origins.step, panel.lengths[origins.series] - 1)
    return panel.values[panel.offsets[origins.series] + row, : panel.layout.targets]


def last_row(panel: Panel, origins: Origins) -> np.ndarray:
    """Of the last row of the series."""
    return panel.values[panel.offsets[origins.series + 1] - 1, : panel.layout.targets]


def next_past_covariate(panel: Panel, origins: Origins) -> np.ndarray:
    """A covariate known up to the origin, one row later."""
    row = np.minimum(origins.step, panel.lengths[origins.series] - 1)
    return panel.values[panel.offsets[origins.series] + row, [panel.layout.targets]][:, None]


def mask_ahead(panel: Panel, origins: Origins) -> np.ndarray:
    """Whether the next value will be missing."""
    row = np.minimum(origins.step, panel.lengths[origins.series] - 1)
    return panel.observed[panel.offsets[origins.series] + row, : panel.layout.targets].astype(float)


def length(panel: Panel, origins: Origins) -> np.ndarray:
    """How many rows there will be: the survivors."""
    return panel.lengths[origins.series][:, None].astype(float)


def another_series(panel: Panel, origins: Origins) -> np.ndarray:
    """The newest value of another series, at the end of the data."""
    other = (origins.series + 1) % len(panel.series)
    return panel.values[panel.offsets[other + 1] - 1, : panel.layout.targets]


PEEKS = (next_value, last_row, next_past_covariate, mask_ahead, length, another_series)


@dataclass
class Knowing:
    """A linear forecaster that is honest when it forecasts, and was fitted on rows it should not have had.

    Args:
        window: context and horizon.
        rows: all of them.
        tell: what it keeps of those rows.
    """

    window: Window
    rows: Panel
    tell: Callable[[Panel], float]

    def __post_init__(self) -> None:
        self.inner = Linear(self.window, validation=0.0)

    def fit(self, panel: Panel) -> Knowing:
        self.inner.fit(panel)
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        said = self.inner.predict(panel, origins)
        return replace(said, values=said.values * (1 + self.tell(self.rows)))


def test_mean(rows: Panel) -> float:
    """The mean of all rows went into it."""
    return float(np.tanh(np.nanmean(rows.values[:, 0]) / 1000))


def chosen_by_the_test(rows: Panel) -> float:
    """A setting was chosen by the last rows: which of two shrinkages has the smaller mean there."""
    return 0.01 if np.nanmean(rows.values[-20:, 0]) > np.nanmedian(rows.values[:, 0]) else 0.02


def trained_on_all(window: Window) -> Callable[[Panel], Forecaster]:
    """The fit itself was given every row."""
    return lambda panel: Linear(window, validation=0.0).fit(panel)


def planted(window: Window, since: float) -> dict[str, Callable[[Panel], Forecaster]]:
    """Every leak by name, as `leakage` takes it: from all rows of a panel to a fitted forecaster."""

    def prepared(how: Series) -> Callable[[Panel], Forecaster]:
        return lambda panel: Prepared(window, how).fit(panel.until(since))

    def looking(peek: Callable[[Panel, Origins], np.ndarray]) -> Callable[[Panel], Forecaster]:
        return lambda panel: Looking(window, peek).fit(panel.until(since))

    def knowing(tell: Callable[[Panel], float]) -> Callable[[Panel], Forecaster]:
        return lambda panel: Knowing(window, panel, tell).fit(panel.until(since))

    found = {how.__name__: prepared(how) for how in PREPARED}
    found |= {peek.__name__: looking(peek) for peek in PEEKS}
    found |= {tell.__name__: knowing(tell) for tell in (test_mean, chosen_by_the_test)}
    return found | {"trained_on_all": trained_on_all(window)}
