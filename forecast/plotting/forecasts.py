"""A forecast, or those of several models, beside what came before it and what came after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from forecast.data.forecast import Forecast
from forecast.data.panel import Panel
from forecast.data.rows import day
from forecast.errors import SettingsError, did_you_mean
from forecast.plotting.observed import FEW, draw_observed
from forecast.plotting.style import (
    BORDER,
    FORECAST,
    SOFT,
    Axes,
    axes,
    concise_dates,
    legend_below,
    look,
    stroke,
    titled,
)

LEAST_HISTORY = 60
HORIZONS_BACK = 3


class Shown(NamedTuple):
    """Which forecast is shown.

    Args:
        series, target: names.
        column: of the target.
        where: among the origins of the forecast.
        known: time of the last known row.
    """

    series: str
    target: str
    column: int
    where: int
    known: np.datetime64


def plot(
    forecast: Forecast | Mapping[str, Forecast],
    panel: Panel,
    series: str | None = None,
    target: str | None = None,
    origin: int = -1,
    history: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one forecast with the rows before it and, where they exist, the rows it was about.

    Rows that were not observed, and holes in the record, interrupt the line. Quantile levels that lie symmetrically
    about the middle become bands, named by their coverage; of several models each has its widest one.

    Args:
        forecast: what was said; of several models, by name, for instance `Scores.forecasts`.
        panel: what was observed.
        series: name of the series; the first one forecast by default.
        target: name of the target; the first one by default.
        origin: which of the forecasts of that series: 0 is the earliest, -1 the latest. Of several models: of the
            first one; the others are shown at the same time.
        history: rows to show before the forecast; by default three horizons, at least 60.
        ax: where to draw; a new figure by default.

    Raises:
        SettingsError: the forecast has no such series, target or origin, the panel no row before it, or another model
            made no forecast there.

    Example:
        >>> from forecast.data.synthetic import autoregressive
        >>> from forecast.forecasters.naive import Drift, Naive
        >>> from forecast.windows.window import Window
        >>> panel = autoregressive([0.8], rows=90)
        >>> said = {"naive": Naive(Window(8, 4)).predict(panel), "drift": Drift(Window(8, 4)).predict(panel)}
        >>> plot(said, panel).get_ylabel()
        'y'
    """
    models = forecast if isinstance(forecast, Mapping) else {"forecast": forecast}
    if not models:
        raise SettingsError("no forecasts to draw; give one, or a mapping from names to such")
    name, first = next(iter(models.items()))
    shown = {name: _choose(first, series, target, origin)}
    shown |= {other: _same(other, said, shown[name]) for other, said in models.items() if other != name}
    begin, last = _rows(first, panel, shown[name], history)
    with look():
        ax = axes(ax, 9.0, 4.0)
        draw_observed(ax, panel, panel.targets.index(shown[name].target), begin, last)
        for rank, (model, said) in enumerate(models.items()):
            times = said.times[shown[model].where].astype("datetime64[us]")
            draw_forecast(ax, said, shown[model], model, rank if len(models) > 1 else None, times)
        ax.axvline(shown[name].known, color=SOFT, lw=1.0, ls=BORDER, zorder=1)  # pyrefly: ignore[bad-argument-type]
        _words(ax, models, shown[name], panel.categories.get(shown[name].target))
    return ax


def _rows(forecast: Forecast, panel: Panel, shown: Shown, history: int | None) -> tuple[int, int]:
    """The rows to show: those known at the origin, by its time, and those of the horizon."""
    horizon = forecast.values.shape[1]
    if shown.series not in panel.series:
        raise SettingsError(f"no series {shown.series!r} in this panel{did_you_mean(shown.series, panel.series)}")
    if shown.target not in panel.targets:
        raise SettingsError(f"no target {shown.target!r} in this panel{did_you_mean(shown.target, panel.targets)}")
    own = panel.series.index(shown.series)
    first, stop = int(panel.offsets[own]), int(panel.offsets[own + 1])
    end = first + int(np.searchsorted(panel.times[first:stop], shown.known, side="right"))
    if end == first:
        raise SettingsError(f"no row of {panel.named(own)} lies at or before {day(shown.known)}, where it was forecast")
    back = max(LEAST_HISTORY, HORIZONS_BACK * horizon) if history is None else max(history, 1)
    return max(first, end - back), min(end + horizon, stop)


def _choose(forecast: Forecast, series: str | None, target: str | None, origin: int) -> Shown:
    if not len(forecast):
        raise SettingsError("this forecast is empty: it has no origins")
    name = forecast.series[int(forecast.origins.series[0])] if series is None else series
    target = forecast.targets[0] if target is None else target
    for word, known, noun in ((name, forecast.series, "series"), (target, forecast.targets, "target")):
        if word not in known:
            raise SettingsError(f"no {noun} {word!r} in this forecast{did_you_mean(word, known)}")
    here = np.flatnonzero(forecast.origins.series == forecast.series.index(name))
    here = here[np.argsort(forecast.known[here], kind="stable")]
    if not -len(here) <= origin < len(here):
        raise SettingsError(f"origin={origin}: series {name!r} has {len(here)} forecasts")
    where = int(here[origin])
    return Shown(name, target, forecast.targets.index(target), where, forecast.known[where])


def _same(model: str, forecast: Forecast, shown: Shown) -> Shown:
    """The forecast of another model for the same series, target and time."""
    if shown.series in forecast.series and shown.target in forecast.targets:
        own = forecast.origins.series == forecast.series.index(shown.series)
        found = np.flatnonzero(own & (forecast.known == shown.known))
        if len(found):
            return shown._replace(column=forecast.targets.index(shown.target), where=int(found[0]))
    raise SettingsError(
        f"{model!r} has no forecast of {shown.target!r} of series {shown.series!r} made at {day(shown.known)}"
    )


def draw_forecast(ax: Axes, forecast: Forecast, shown: Shown, model: str, rank: int | None, times: np.ndarray) -> None:
    """Draw point forecasts and bands of a model.

    Args:
        rank: its place among several, None where it stands alone.
        times: where its steps stand on the axis.
    """
    few = len(times) <= FEW
    look_alike: dict[str, Any] = {"color": FORECAST, "ls": "-", "marker": "o"} if rank is None else stroke(rank)
    every = 1 if few else (rank or 0, max(len(times) // 6, 1))  # markers tell models apart also along long horizons
    if rank is None and not few:
        look_alike["marker"] = ""
    _bands(ax, forecast, shown, times, look_alike, None if rank is None else model)
    point = forecast.point[shown.where, :, shown.column]
    ax.plot(times, point, **look_alike, markevery=every, ms=4, label=model, zorder=4)


def _bands(
    ax: Axes, forecast: Forecast, shown: Shown, times: np.ndarray, alike: Mapping[str, Any], model: str | None
) -> None:
    color, dash = alike["color"], alike["ls"]
    levels = np.asarray(forecast.levels)
    low = [level for level in sorted(forecast.levels) if level < 0.5 and np.isclose(levels, 1 - level).any()]
    for rank, level in enumerate(low if model is None else low[:1]):
        edges = [int(np.abs(levels - edge).argmin()) for edge in (level, 1 - level)]
        lower, upper = (forecast.values[shown.where, :, shown.column, edge] for edge in edges)
        label = f"{100 * (1 - 2 * level):.0f} % interval"
        alpha = 0.16 + 0.16 * rank / max(len(low) - 1, 1)
        if model is not None:
            label, alpha = f"{model}, {label}", 0.12
            for edge in (lower, upper):
                ax.plot(times, edge, color=color, ls=dash, lw=0.8, alpha=0.7, zorder=2)
        if len(times) == 1:
            ax.vlines(times, lower, upper, color=color, alpha=2 * alpha, lw=6, label=label, zorder=2)
        else:
            ax.fill_between(times, lower, upper, color=color, alpha=alpha, lw=0, label=label, zorder=2)


def _words(ax: Axes, said: Mapping[str, Forecast], shown: Shown, categories: tuple[str, ...] | None) -> None:
    forecast = next(iter(said.values()))
    horizon = forecast.values.shape[1]
    of = f"{shown.target} of {shown.series}" if len(forecast.series) > 1 else shown.target
    titled(ax, f"{of}: forecast made at {day(shown.known)}, {horizon} step{'s' if horizon > 1 else ''} ahead")
    ax.set_ylabel(shown.target)
    if categories:
        ax.set_yticks(range(len(categories)), categories)
    ax.margins(x=0.02)
    concise_dates(ax)
    handles, names = ax.get_legend_handles_labels()
    order = sorted(range(len(names)), key=lambda place: len(said) > 1 and names[place].endswith("interval"))
    legend_below(ax, [handles[place] for place in order], [names[place] for place in order])
