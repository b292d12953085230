"""Overview: a panel at a glance, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from forecast.data.markup import block, counted, notes, pairs, table
from forecast.data.rows import absent, day

if TYPE_CHECKING:
    from forecast.data.panel import Panel

SERIES, COLUMNS, LINES = 5, 12, 8
"""Most series, columns and sentences of a report that are shown."""
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
        "targets": column_names(panel.targets),
        "past": column_names(panel.schema.past),
        "known ahead": column_names((*panel.schema.future, *panel.schema.computed)),
        "static": column_names(panel.schema.static),
        "categorical": column_names(panel.schema.categorical),
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


def column_names(names: tuple[str, ...]) -> str:
    """A list of columns; each name as code, cut where there are many."""
    more = f" and {len(names) - COLUMNS} more" if len(names) > COLUMNS else ""
    return ", ".join(name[:30] for name in names[:COLUMNS]) + more
