"""Overview: a panel and a forecast at a glance, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from forecast.data.markup import block, counted, notes, pairs, significant, table
from forecast.data.rows import absent, day
from forecast.distributions import Categories

if TYPE_CHECKING:
    from forecast.data.forecast import Forecast
    from forecast.data.panel import Panel

SERIES, COLUMNS, LINES = 5, 12, 8
"""Most series, columns and sentences of a report that are shown."""
ORIGINS, ROWS = 4, 12
"""Most origins of a forecast that are shown, and most rows of all of them."""
INTERVALS = 2
DIGITS = 4
DASH = "–"


def panel_html(panel: Panel) -> str:
    """Series, rows, span and step of a panel, its columns by role, what is missing, and what its reader reported."""
    gone = _absent(panel)
    cells = panel.observed[:, : panel.layout.targets]
    missing = int(cells.size - cells.sum())
    share = f" ({missing / cells.size:.1%})" if missing else ""
    known = {
        "time": f"{day(panel.times.min())} to {day(panel.times.max())}" if len(panel.times) else "",
        "step": str(panel.calendar),
        "targets": _names(panel.targets),
        "past": _names(panel.schema.past),
        "known ahead": _names((*panel.schema.future, *panel.schema.computed)),
        "static": _names(panel.schema.static),
        "categorical": _names(panel.schema.categorical),
        "missing": f"{counted(missing, 'target cell')}{share}" if missing else "no target cell",
        "absent": f"{counted(int(gone.sum()), _stamp(panel))} that the calendar expects" if gone.any() else "no stamp",
    }
    head = ("series", "rows", "from", "to", "missing", "absent")
    more = len(panel.series) - SERIES
    said = [f"and {counted(more, 'more series', 'more series')}"] if more > 0 else []
    said += panel.report[:LINES]
    said += [f"and {len(panel.report) - LINES} more notes"] if len(panel.report) > LINES else []
    title = f"Panel: {counted(len(panel.series), 'series', 'series')}, {counted(len(panel.times), 'row')}"
    several = table(head, _series(panel, gone)) if len(panel.series) > 1 else ""
    return block(title, pairs(known), several, notes(said))


def _stamp(panel: Panel) -> str:
    return "weekday" if panel.calendar.kind == "business" and panel.calendar.exchange is None else "stamp"


def _absent(panel: Panel) -> np.ndarray:
    """Stamps that the calendar expects before each row and its series lacks, int64 [row]."""
    gone = np.zeros(len(panel.times), dtype=np.int64)
    gone[1:] = absent(panel.times, panel.calendar)
    gone[panel.offsets[:-1][panel.lengths > 0]] = 0
    return gone


def _series(panel: Panel, gone: np.ndarray) -> Iterator[tuple[str, ...]]:
    for place in range(min(len(panel.series), SERIES)):
        rows = slice(panel.offsets[place], panel.offsets[place + 1])
        times, seen = panel.times[rows], panel.observed[rows, : panel.layout.targets]
        span = (day(times[0]), day(times[-1])) if len(times) else (DASH, DASH)
        missing = int(seen.size - seen.sum())
        yield panel.series[place], f"{len(times):,}", *span, f"{missing:,}", f"{int(gone[rows].sum()):,}"


def _names(names: tuple[str, ...]) -> str:
    """A list of columns; each name as code, cut where there are many."""
    more = f" and {len(names) - COLUMNS} more" if len(names) > COLUMNS else ""
    return ", ".join(name[:30] for name in names[:COLUMNS]) + more


def forecast_html(forecast: Forecast) -> str:
    """Origins and horizon of a forecast, and the first values with their intervals."""
    origins, steps, targets, _ = forecast.values.shape
    title = f"Forecast: {counted(origins, 'origin')}, {counted(steps, 'step')} ahead"
    if not origins:
        return block(title)
    shown = min(origins, ORIGINS)
    each = max(min(steps * targets, ROWS // shown), 1)
    made = {day(forecast.known.min()), day(forecast.known.max())}
    intervals = _intervals(forecast)
    known = {
        "made at": " to ".join(sorted(made)),
        "targets": _names(forecast.targets),
        "says": "classes" if isinstance(forecast.distribution, Categories) else _says(forecast),
    }
    texts = (*(("series",) if any(forecast.series) else ()), "made at", "time", *(("target",) if targets > 1 else ()))
    head = (*texts, "forecast", *(f"{share:.0%} interval".replace("%", " %") for share in intervals))
    left = origins * steps * targets - shown * each
    said = [f"and {counted(left, 'more value')}; to_frame() has them all"] if left else []
    return block(title, pairs(known), table(head, _values(forecast, shown, each, intervals), len(texts)), notes(said))


def _says(forecast: Forecast) -> str:
    if forecast.distribution is not None:
        return "a distribution"
    return f"quantiles {', '.join(f'{level:g}' for level in forecast.levels)}" if forecast.levels else "points"


def _intervals(forecast: Forecast) -> dict[float, tuple[int, int]]:
    """Central intervals by what they cover, widest first, with the places of their edges among the levels."""
    levels = np.asarray(forecast.levels)
    pairs_of = {}
    for low in sorted(level for level in forecast.levels if level < 0.5):
        if np.isclose(levels, 1 - low).any():
            pairs_of[1 - 2 * low] = (int(np.abs(levels - low).argmin()), int(np.abs(levels - 1 + low).argmin()))
    return dict(list(pairs_of.items())[:INTERVALS])


def _values(
    forecast: Forecast, shown: int, each: int, intervals: dict[float, tuple[int, int]]
) -> Iterator[tuple[str, ...]]:
    targets = len(forecast.targets)
    said = forecast.distribution
    labels = said.labels if isinstance(said, Categories) and not said.directional else None
    modes = said.mode() if isinstance(said, Categories) and labels else None
    for origin in range(shown):
        name = forecast.series[int(forecast.origins.series[origin])]
        for cell in range(each):
            step, target = divmod(cell, targets)
            texts = (*((name,) if any(forecast.series) else ()), day(forecast.known[origin]))
            texts += (day(forecast.times[origin, step]), *((forecast.targets[target],) if targets > 1 else ()))
            point = significant(float(forecast.point[origin, step, target]), DIGITS)
            if labels and modes is not None:
                point = str(labels[int(modes[origin, step, target])])
            edges = (forecast.values[origin, step, target, [*places]] for places in intervals.values())
            yield *texts, point, *(f"{significant(low, DIGITS)} to {significant(high, DIGITS)}" for low, high in edges)
