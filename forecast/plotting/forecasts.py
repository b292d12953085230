"""A forecast beside what came before it and what came after."""

from __future__ import annotations

import numpy as np

from forecast.data.forecast import Forecast
from forecast.data.panel import Panel
from forecast.errors import SettingsError, did_you_mean
from forecast.plotting.style import FORECAST, INK, SOFT, Axes, axes, concise_dates, look

LEAST_HISTORY = 60
HORIZONS_BACK = 3
LONG_STEP = 5  # times the usual distance between rows: a hole in the record, not a weekend
FEW = 16  # points that are marked one by one


def plot(
    forecast: Forecast,
    panel: Panel,
    series: str | None = None,
    target: str | None = None,
    origin: int = -1,
    history: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one forecast with the rows before it and, where they exist, the rows it was about.

    Rows that were not observed, and long holes in the record, interrupt the line. Quantile levels that lie
    symmetrically about the middle become bands, named by their coverage.

    Args:
        forecast: what was said.
        panel: what was observed.
        series: name of the series; the first one forecast by default.
        target: name of the target; the first one by default.
        origin: which of the forecasts of that series: 0 is the earliest, -1 the latest.
        history: rows to show before the forecast; by default three horizons, at least 60.
        ax: where to draw; a new figure by default.

    Raises:
        SettingsError: the forecast has no such series, target or origin.
    """
    index, column, where = _choose(forecast, series, target, origin)
    horizon = forecast.values.shape[1]
    begin, last = _rows(forecast, panel, index, where, history)
    with look():
        ax = axes(ax, 9.0, 4.0)
        _observed(ax, panel, column, begin, last)
        times = forecast.times[where].astype("datetime64[us]")
        _bands(ax, forecast, where, column, times)
        marker = "o" if horizon <= FEW else ""
        ax.plot(
            times, forecast.point[where, :, column], color=FORECAST, marker=marker, ms=4, label="forecast", zorder=4
        )
        ax.axvline(forecast.known[where], color=SOFT, lw=1.0, ls=(0, (3, 3)), zorder=1)
        _words(ax, forecast, index, column, where, panel.categories.get(forecast.targets[column]))
    return ax


def _rows(forecast: Forecast, panel: Panel, index: int, where: int, history: int | None) -> tuple[int, int]:
    name, horizon = forecast.series[index], forecast.values.shape[1]
    if name not in panel.series:
        raise SettingsError(f"no series {name!r} in this panel{did_you_mean(name, panel.series)}")
    own = panel.series.index(name)
    first, stop = int(panel.offsets[own]), int(panel.offsets[own + 1])
    end = first + int(forecast.origins.step[where])
    back = max(LEAST_HISTORY, HORIZONS_BACK * horizon) if history is None else max(history, 1)
    return max(first, end - back), min(end + horizon, stop)


def _choose(forecast: Forecast, series: str | None, target: str | None, origin: int) -> tuple[int, int, int]:
    if not len(forecast):
        raise SettingsError("this forecast is empty: it has no origins")
    name = forecast.series[int(forecast.origins.series[0])] if series is None else series
    target = forecast.targets[0] if target is None else target
    for word, known, noun in ((name, forecast.series, "series"), (target, forecast.targets, "target")):
        if word not in known:
            raise SettingsError(f"no {noun} {word!r} in this forecast{did_you_mean(word, known)}")
    index = forecast.series.index(name)
    here = np.flatnonzero(forecast.origins.series == index)
    here = here[np.argsort(forecast.origins.step[here], kind="stable")]
    if not -len(here) <= origin < len(here):
        raise SettingsError(f"origin={origin}: series {name!r} has {len(here)} forecasts")
    return index, forecast.targets.index(target), int(here[origin])


def _observed(ax: Axes, panel: Panel, column: int, begin: int, last: int) -> None:
    rows = slice(begin, last)
    times = panel.times[rows].astype("datetime64[us]")
    values = np.where(panel.observed[rows, column], panel.values[rows, column], np.nan)
    times, values = _with_holes(times, values)
    ax.plot(times, values, color=INK, lw=1.3, label="observed", zorder=3)
    alone = _alone(values) if len(values) > FEW else np.isfinite(values)
    ax.plot(times[alone], values[alone], color=INK, ls="", marker="o", ms=3, zorder=3)


def _with_holes(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put a NaN into every hole of the record, so that no line is drawn across it."""
    gaps = np.diff(times).astype(np.int64)
    if not len(gaps):
        return times, values
    before = np.flatnonzero(gaps > LONG_STEP * np.median(gaps)) + 1
    return np.insert(times, before, times[before - 1]), np.insert(values, before, np.nan)


def _alone(values: np.ndarray) -> np.ndarray:
    """Values without a neighbour, which a line alone would not show."""
    seen = np.isfinite(values)
    padded = np.concatenate([[False], seen, [False]])
    return seen & ~padded[:-2] & ~padded[2:]


def _bands(ax: Axes, forecast: Forecast, where: int, column: int, times: np.ndarray) -> None:
    levels = np.asarray(forecast.levels)
    low = [level for level in sorted(forecast.levels) if level < 0.5 and np.isclose(levels, 1 - level).any()]
    for rank, level in enumerate(low):
        edges = [int(np.abs(levels - edge).argmin()) for edge in (level, 1 - level)]
        lower, upper = (forecast.values[where, :, column, edge] for edge in edges)
        label = f"{100 * (1 - 2 * level):.0f} % interval"
        alpha = 0.16 + 0.16 * rank / max(len(low) - 1, 1)
        if len(times) == 1:
            ax.vlines(times, lower, upper, color=FORECAST, alpha=2 * alpha, lw=6, label=label, zorder=2)
        else:
            ax.fill_between(times, lower, upper, color=FORECAST, alpha=alpha, lw=0, label=label, zorder=2)


def _words(
    ax: Axes, forecast: Forecast, index: int, column: int, where: int, categories: tuple[str, ...] | None
) -> None:
    name, target, horizon = forecast.series[index], forecast.targets[column], forecast.values.shape[1]
    known = str(forecast.known[where].astype("datetime64[m]")).replace("T", " ").removesuffix(" 00:00")
    of = f"{target} of {name}" if len(forecast.series) > 1 else target
    ax.set_title(f"{of}: forecast made at {known}, {horizon} step{'s' if horizon > 1 else ''} ahead")
    ax.set_ylabel(target)
    if categories:
        ax.set_yticks(range(len(categories)), categories)
    ax.margins(x=0.02)
    concise_dates(ax)
    ax.legend(loc="upper left", bbox_to_anchor=(0.0, -0.12), ncols=5, borderaxespad=0.0)
