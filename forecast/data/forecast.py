"""Forecast and Actual: what was said and what happened. Forecaster: the promise both sides keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd

from forecast.data.outlook import forecast_html
from forecast.data.panel import Origins, Panel
from forecast.distributions import Categories, Distribution


class HasWindow(Protocol):
    """Anything that says how many steps it sees and how many it forecasts."""

    @property
    def context(self) -> int: ...
    @property
    def horizon(self) -> int: ...


@runtime_checkable
class Forecaster(Protocol):
    """What a contestant promises: to learn from a panel, and to forecast at origins of a panel.

    `predict` may read rows before each origin and known-ahead covariates after it, nothing else
    (`forecast.testing.check_forecaster` tests that). Without origins it forecasts from the end of every series.
    """

    @property
    def window(self) -> HasWindow: ...

    def fit(self, panel: Panel) -> Self: ...
    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast: ...


@dataclass(frozen=True, eq=False)
class Forecast:
    """Forecasts on the original scale.

    Args:
        origins: where they stand.
        values: float64 [origin, step, target, level].
        levels: quantile levels; empty when the one value is the point forecast ("mean").
        targets: names of the targets.
        series: names of the panel's series (`origins.series` indexes them).
        known: datetime64[us] [origin], time of the last known row.
        times: datetime64[us] [origin, step], time of each forecast.
        distribution: what is said of every cell, in the units of the series; None for points and bare quantiles.
    """

    origins: Origins
    values: np.ndarray
    levels: tuple[float, ...]
    targets: tuple[str, ...]
    series: tuple[str, ...]
    known: np.ndarray
    times: np.ndarray
    distribution: Distribution | None = None

    @classmethod
    def at(
        cls,
        panel: Panel,
        origins: Origins,
        values: np.ndarray,
        levels: tuple[float, ...] = (),
        distribution: Distribution | None = None,
    ) -> Forecast:
        """Attach names and dates: rows of the panel where they exist, its calendar beyond its end.

        Args:
            values: [origin, step, target] for a point forecast, or [origin, step, target, level].
            distribution: of every cell, where the forecaster knows one.
        """
        values = np.asarray(values, dtype=np.float64)
        values = values[..., None] if values.ndim == 3 else values
        known, times = forecast_times(panel, origins, values.shape[1])
        return cls(origins, values, levels, panel.targets, panel.series, known, times, distribution)

    @property
    def point(self) -> np.ndarray:
        """Point forecast [origin, step, target]: the mean, or the middle level."""
        if not self.levels:
            return self.values[..., 0]
        return self.values[..., int(np.abs(np.asarray(self.levels) - 0.5).argmin())]

    def __len__(self) -> int:
        return len(self.origins)

    def to_frame(self) -> pd.DataFrame:
        """Long frame: series, origin, time, step, target and one column per level, or `mean`.

        Where classes are forecast, also the probability of each, `P(up)`; for a categorical target `mean` is a code,
        and `category` the name of the most probable one.
        """
        origins, steps, targets, _ = self.values.shape
        names = np.asarray(self.series, dtype=object)[self.origins.series]
        frame = {
            "series": np.repeat(names, steps * targets),
            "origin": np.repeat(self.known, steps * targets),
            "time": np.repeat(self.times.reshape(-1), targets),
            "step": np.tile(np.repeat(np.arange(1, steps + 1), targets), origins),
            "target": np.tile(np.asarray(self.targets, dtype=object), origins * steps),
        }
        labels = [f"{level:g}" for level in self.levels] or ["mean"]
        columns = {label: self.values[..., i].reshape(-1) for i, label in enumerate(labels)}
        return pd.DataFrame(frame | columns | self._classes())

    def _classes(self) -> dict[str, np.ndarray]:
        said = self.distribution
        if not isinstance(said, Categories):
            return {}
        shares = {f"P({label})": said.probabilities[..., i].reshape(-1) for i, label in enumerate(said.labels)}
        if said.directional:
            return shares
        names = np.asarray(said.labels, dtype=object)[said.mode().astype(np.int64)]
        return {"category": names.reshape(-1)} | shares

    def __repr__(self) -> str:
        return (
            f"Forecast({len(self)} origins, {self.values.shape[1]} steps, targets {list(self.targets)}, "
            f"{'levels ' + str(list(self.levels)) if self.levels else 'mean'})"
        )

    def _repr_html_(self) -> str:
        return forecast_html(self)


@dataclass(frozen=True, eq=False)
class Actual:
    """What happened at the origins of a forecast, and what metrics need to judge it.

    Args:
        values: float64 [origin, step, target].
        seen: bool [origin, step, target]; False where the truth is missing.
        last: float64 [origin, target], the last known value at each origin.
        scale: float64 [series, target], mean absolute seasonal difference of the training rows (for MASE).
        scale2: float64 [series, target], mean squared seasonal difference of the training rows (for RMSSE).
        season: the lag of those differences.
        edges: float64 [origin, step, target], how far a value must lie from the last one to be a move; None for 0.
        move: float64 [origin, target], the last observed change of the target, NaN where there was none yet; None
            where nobody asked.
        labels: what the codes of a categorical target stand for; none for a target of numbers.
    """

    values: np.ndarray
    seen: np.ndarray
    last: np.ndarray
    scale: np.ndarray
    scale2: np.ndarray
    season: int
    edges: np.ndarray | None = None
    move: np.ndarray | None = None
    labels: tuple[str, ...] = ()


def forecast_times(panel: Panel, origins: Origins, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Times of the last known row [origin] and of the rows ahead [origin, step], datetime64[us]."""
    first = panel.offsets[origins.series]
    known = panel.times[first + origins.step - 1]
    position = origins.step[:, None] + np.arange(horizon)
    length = panel.lengths[origins.series]
    inside = position < length[:, None]
    times = panel.times[np.where(inside, first[:, None] + position, 0)]
    if not inside.all():
        beyond = np.flatnonzero(~inside.all(axis=1))
        end = panel.times[first[beyond] + length[beyond] - 1]
        ahead = panel.calendar.after(end, horizon)
        overshoot = position[beyond] - length[beyond][:, None]
        fill = np.take_along_axis(ahead, np.maximum(overshoot, 0), axis=1)
        times[beyond] = np.where(inside[beyond], times[beyond], fill)
    return known, times


def truth(panel: Panel, origins: Origins, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Observed targets ahead of each origin and whether they were observed, [origin, step, target]."""
    targets = panel.layout.targets
    position = origins.step[:, None] + np.arange(horizon)
    inside = position < panel.lengths[origins.series][:, None]
    rows = np.where(inside, panel.offsets[origins.series][:, None] + position, 0)
    seen = panel.observed[:, :targets][rows] & inside[..., None]
    return np.where(seen, panel.values[:, :targets][rows], np.nan), seen
