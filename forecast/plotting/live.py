"""Where a live forecaster stands: the newest rows, and what it says comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from forecast.data.forecast import Forecast
from forecast.data.panel import Panel
from forecast.data.rows import day
from forecast.errors import SettingsError, did_you_mean
from forecast.plotting.forecasts import Shown, draw_forecast, plot
from forecast.plotting.style import BORDER, INK, SOFT, XLABEL, Axes, axes, legend_below, look, titled


class Standing(Protocol):
    """A live forecaster, as far as it is drawn: `Recurrent.live`."""

    @property
    def ready(self) -> tuple[str, ...]: ...

    def recent(self, series: str | None = None) -> pd.DataFrame: ...

    def forecast(
        self, horizon: int | None = None, series: str | None = None, future: Mapping[str, np.ndarray] | None = None
    ) -> Forecast: ...


def plot_live(
    live: Standing,
    panel: Panel | None = None,
    series: str | None = None,
    target: str | None = None,
    future: Mapping[str, np.ndarray] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the newest rows of a live forecaster and its forecast after them.

    A live forecaster keeps one context of rows, without their dates and with the last value where one was missing: this
    is drawn over the number of rows, unless a panel with the rows is given; then it is `plot` of its forecast.

    Args:
        live: what `Recurrent.live` returned.
        panel: rows that it has read, the newest ones at least.
        series: name of the series; the first one that is ready by default.
        target: name of the target; the first one by default.
        future: known-ahead covariates, as in `Live.forecast`.
        ax: where to draw; a new figure by default.

    Raises:
        SettingsError: no series is ready, or there is no such series or target.
        DataError: see `Live.forecast`.
    """
    if not live.ready:
        raise SettingsError("no series is ready to be forecast; update the live forecaster with more rows")
    name = live.ready[0] if series is None else series
    if name not in live.ready:
        raise SettingsError(f"no series {name!r} is ready{did_you_mean(name, live.ready)}")
    said = live.forecast(series=name, future=future)
    if panel is not None:
        return plot(said, panel, name, target, ax=ax)
    column = said.targets[0] if target is None else target
    if column not in said.targets:
        raise SettingsError(f"no target {column!r} in this forecast{did_you_mean(column, said.targets)}")
    with look():
        return _over_rows(axes(ax, 9.0, 4.0), said, name, column, live.recent(name))


def _over_rows(ax: Axes, said: Forecast, series: str, target: str, recent: pd.DataFrame) -> Axes:
    shown = Shown(series, target, said.targets.index(target), 0, said.known[0])
    rows = recent.index.to_numpy()
    ax.plot(rows, recent[target].to_numpy(dtype=np.float64), color=INK, lw=1.3, label="rows it carries", zorder=3)
    draw_forecast(ax, said, shown, "forecast", None, np.arange(1, said.values.shape[1] + 1))
    ax.axvline(0, color=SOFT, lw=1.0, ls=BORDER, zorder=1)  # pyrefly: ignore[bad-argument-type]
    steps = said.values.shape[1]
    of = f"{target} of {series}" if len(said.series) > 1 else target
    titled(ax, f"{of}: live forecast after {day(said.known[0])}, {steps} step{'s' if steps > 1 else ''} ahead")
    ax.set_xlabel("rows from the newest one")
    ax.set_ylabel(target)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.margins(x=0.02)
    legend_below(ax, down=XLABEL)
    return ax
