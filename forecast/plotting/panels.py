"""The series of a panel, one small picture each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecast.data.panel import Panel, Since
from forecast.errors import SettingsError, did_you_mean
from forecast.plotting.observed import draw_observed
from forecast.plotting.style import BORDER, FORECAST, SOFT, Axes, concise_dates, look, plt, titled

MOST = 6
HEIGHT, ROOM = 1.45, 0.7


def plot_panel(
    panel: Panel,
    series: str | Sequence[str] | None = None,
    column: str | None = None,
    since: Since | None = None,
    history: int | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> dict[str, Axes]:
    """Draw series below each other, on one axis of time, with their gaps and where testing begins.

    Missing values and absent stamps break the lines; what lies between such is a point.

    Args:
        panel: what was observed.
        series: names; by default the first six, and the title says of how many (or as many as there are axes).
        column: target or covariate; the first target by default.
        since: where testing begins, as in `backtest`: a line, with the test rows shaded behind it.
        history: newest rows to show; all by default.
        ax: where to draw, one for each series; new ones by default.

    Returns:
        The axes, by the name of the series.

    Raises:
        SettingsError: no such series or column, nothing to draw, or fewer axes than series.

    Example:
        >>> from forecast.data.synthetic import seasonal
        >>> list(plot_panel(seasonal(series=3, rows=200, missing=0.05), since=0.8))
        ['s0', 's1', 's2']
    """
    given = None if ax is None else [ax] if isinstance(ax, Axes) else list(ax)
    names = _names(panel, series, MOST if given is None else len(given))
    place = _column(panel, column)
    cut = None if since is None else panel.cut(since)
    with look():
        drawn = _new(len(names)) if given is None else given
        for own, axis in zip(names, drawn, strict=False):
            _series(axis, panel, own, place, None if cut is None else int(cut[own]), history)
        _words(drawn[: len(names)], panel, names, place, given is None)
    return {panel.series[own]: axis for own, axis in zip(names, drawn, strict=False)}


def _names(panel: Panel, series: str | Sequence[str] | None, most: int) -> list[int]:
    """Indices of the series to draw, all of which have rows."""
    asked = [series] if isinstance(series, str) else panel.series if series is None else list(series)
    for name in asked:
        if name not in panel.series:
            raise SettingsError(f"no series {name!r} in this panel{did_you_mean(name, panel.series)}")
    places = {name: place for place, name in enumerate(panel.series)}
    found = [places[name] for name in asked if panel.lengths[places[name]]]
    if not found:
        raise SettingsError("nothing to draw: these series have no rows")
    if series is not None and len(found) > most and most != MOST:
        raise SettingsError(f"{len(found)} series and {most} axes: give each series one, or leave ax out")
    return found[:most] if series is None else found


def _column(panel: Panel, column: str | None) -> int:
    names = panel.schema.channels
    if column is None:
        return 0
    if column not in names:
        raise SettingsError(f"no column {column!r} in this panel{did_you_mean(column, names)}")
    return names.index(column)


def _new(count: int) -> list[Axes]:
    height = ROOM + (HEIGHT * count if count > 1 else 3.0)
    _, made = plt.subplots(count, 1, figsize=(9.0, height), layout="constrained", sharex=True, squeeze=False)
    return list(made[:, 0])


def _series(ax: Axes, panel: Panel, own: int, column: int, cut: int | None, history: int | None) -> None:
    first, stop = int(panel.offsets[own]), int(panel.offsets[own + 1])
    begin = first if history is None else max(first, stop - max(history, 1))
    draw_observed(ax, panel, column, begin, stop)
    if cut is not None and begin <= first + cut < stop:
        left, right = panel.times[[first + cut, stop - 1]]
        ax.axvspan(left, right, color=FORECAST, alpha=0.10, lw=0, zorder=0)
        ax.axvline(left, color=SOFT, lw=1.0, ls=BORDER, zorder=1)  # pyrefly: ignore[bad-argument-type]
        words = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": "top", "fontsize": 9}
        ax.annotate("test", (left, 1.0), (4, -3), color=SOFT, **words)  # pyrefly: ignore[bad-argument-type]
    ax.margins(x=0.01)


def _words(drawn: Sequence[Axes], panel: Panel, names: Sequence[int], column: int, shared: bool) -> None:
    what = panel.schema.channels[column]
    categories = panel.categories.get(what)
    few = f" ({len(names)} of {len(panel.series)} series)" if len(names) < len(panel.series) else ""
    single = len(drawn) == 1
    for axis, own in zip(drawn, names, strict=True):
        named = panel.series[own]
        if single:
            titled(axis, f"{what} of {named}" if len(panel.series) > 1 else what)
            axis.set_ylabel(what)
        else:
            axis.set_title(named[:60], fontsize=10, fontweight="normal", pad=3)
        if categories:
            axis.set_yticks(range(len(categories)), categories)
        if axis is drawn[-1] or not shared:
            concise_dates(axis)
    if not single and shared:
        figure = drawn[0].figure
        figure.suptitle(f"{what}{few}", x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    drawn[0].figure.align_ylabels(np.array(drawn))
