"""Naive rules: what every forecaster must beat before it is worth its cost.

They read the rows up to the origin only, on the original scale and in float64.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from forecast.data.categories import require_numbers
from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.data.season import season_of
from forecast.errors import NotFittedError, SettingsError
from forecast.forecasters.provenance import Provenance, Savable
from forecast.windows.window import Window


class Naive(Savable):
    """Repeat the last value (the forecast of a random walk).

    Example:
        >>> panel = Panel.from_arrays(np.array([1.0, 2.0, 4.0]), np.arange("2024-01", "2024-04", dtype="M8[M]"))
        >>> Naive(Window(1, 2)).fit(panel).predict(panel).point[0, :, 0].tolist()
        [4.0, 4.0]
    """

    parameters = 0

    def __init__(self, window: Window) -> None:
        self.window = window

    def fit(self, panel: Panel) -> Self:
        """Nothing to learn."""
        self.fitted_on = Provenance.of(panel)
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        """Forecast at origins, by default at the end of every series."""
        origins = panel.end_origins() if origins is None else origins
        values = np.repeat(_at(panel, origins, origins.step - 1)[:, None], self.window.horizon, axis=1)
        return Forecast.at(panel, origins, values)


class SeasonalNaive(Savable):
    """Repeat the value of one season ago.

    Args:
        window: horizon used; the rule looks one season back whatever the context.
        season: steps of a season; None measures it on the training rows.

    Where a series is shorter than a season at the origin, its last value is repeated.
    """

    parameters = 0

    def __init__(self, window: Window, season: int | None = None) -> None:
        if season is not None and season < 1:
            raise SettingsError(f"season={season}: at least 1 step")
        self.window, self.season = window, season
        self.fitted_season: int | None = season

    def fit(self, panel: Panel) -> Self:
        """Measure the season where none was given."""
        self.fitted_season = season_of(panel) if self.season is None else self.season
        self.fitted_on = Provenance.of(panel)
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        """Forecast at origins, by default at the end of every series."""
        if self.fitted_season is None:
            raise NotFittedError("SeasonalNaive measures its season in fit; call fit first or give season=")
        origins = panel.end_origins() if origins is None else origins
        season, ahead = self.fitted_season, np.arange(self.window.horizon)
        position = origins.step[:, None] - season + ahead % season
        position = np.where(position >= 0, position, origins.step[:, None] - 1)
        values = _at(panel, origins, position)
        last = _at(panel, origins, origins.step - 1)[:, None]
        return Forecast.at(panel, origins, np.where(np.isfinite(values), values, last))


class Drift(Savable):
    """Go on along the line from the first observed value of a series to its last."""

    parameters = 0

    def __init__(self, window: Window) -> None:
        self.window = window

    def fit(self, panel: Panel) -> Self:
        """Nothing to learn."""
        require_numbers(panel.schema, type(self).__name__)
        self.fitted_on = Provenance.of(panel)
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        """Forecast at origins, by default at the end of every series."""
        origins = panel.end_origins() if origins is None else origins
        targets = panel.layout.targets
        begin = np.stack([_first_seen(panel, channel) for channel in range(targets)], axis=1)[origins.series]
        first = np.stack([_at(panel, origins, begin[:, channel])[:, channel] for channel in range(targets)], axis=1)
        last = _at(panel, origins, origins.step - 1)
        slope = (last - first) / np.maximum(origins.step[:, None] - 1 - begin, 1)
        ahead = np.arange(1, self.window.horizon + 1)[None, :, None]
        return Forecast.at(panel, origins, last[:, None] + ahead * slope[:, None])


class Mean(Savable):
    """The mean of all values observed up to the origin."""

    parameters = 0

    def __init__(self, window: Window) -> None:
        self.window = window

    def fit(self, panel: Panel) -> Self:
        """Nothing to learn."""
        require_numbers(panel.schema, type(self).__name__)
        self.fitted_on = Provenance.of(panel)
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        """Forecast at origins, by default at the end of every series."""
        origins = panel.end_origins() if origins is None else origins
        values = np.empty((len(origins), panel.layout.targets))
        for series in np.unique(origins.series):
            here = origins.series == series
            values[here] = self._means(panel, series)[origins.step[here] - 1]
        return Forecast.at(panel, origins, np.repeat(values[:, None], self.window.horizon, axis=1))

    @staticmethod
    def _means(panel: Panel, series: int) -> np.ndarray:
        """Mean up to each row of one series; summed from its first value on, so that a large level costs no digits."""
        rows = slice(panel.offsets[series], panel.offsets[series + 1])
        seen = panel.observed[rows, : panel.layout.targets]
        values = panel.values[rows, : panel.layout.targets]
        base = np.where(seen.any(axis=0), values[seen.argmax(axis=0), np.arange(values.shape[1])], 0.0)
        total = np.cumsum(np.where(seen, values - base, 0.0), axis=0)
        return base + total / np.maximum(np.cumsum(seen, axis=0), 1)


def _at(panel: Panel, origins: Origins, position: np.ndarray) -> np.ndarray:
    """Target values at positions of the series of each origin: [origin, ..., target]."""
    shape = (-1,) + (1,) * (position.ndim - 1)
    return panel.values[panel.offsets[origins.series].reshape(shape) + position, : panel.layout.targets]


def _first_seen(panel: Panel, channel: int) -> np.ndarray:
    """Position of the first observed value of each series (0 where there is none), int64 [series]."""
    return np.array(
        [
            int(panel.observed[a:b, channel].argmax()) if b > a else 0
            for a, b in zip(panel.offsets[:-1], panel.offsets[1:], strict=True)
        ]
    )
