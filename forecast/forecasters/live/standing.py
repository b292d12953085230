"""Where a live forecaster stands: what it carries and says of each series, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from forecast.data.markup import block, counted, notes, pairs, significant, table
from forecast.data.rows import day
from forecast.forecasters.live.waiting import chosen_of

if TYPE_CHECKING:
    from forecast.forecasters.live.forecaster import Live

SERIES, DIGITS = 5, 4
NEWEST = 3
"""Newest values, and steps ahead, that are shown of a series."""


def in_words(live: Live) -> str:
    """One line: the model, how many series are ready, and how far it has read."""
    ready = len(live.ready)
    until = f", up to {day(max(live.last.values()))}" if live.last else ""
    cold = f", {len(live.names) - ready} more not ready" if ready < len(live.names) else ""
    return (
        f"Live({live.model.architecture.cell}, {ready} series{cold}{until}, targets {list(live.schema.targets)}, "
        f"horizon {live.window.horizon})"
    )


def recent(live: Live, series: str | None) -> pd.DataFrame:
    """The newest targets that are carried of a series; see `Live.recent`."""
    place = chosen_of(live, series)[0]
    track, power = live.carried.tracks[place], None
    if live.scale.power is not None:
        power = np.array([track.power])
    scale = replace(live.scale, center=np.array([track.center]), spread=np.array([track.width]), power=power)
    scaled = track.window().T[None].astype(np.float64)
    values = scale.invert(scaled, np.zeros(1, dtype=np.int64))[0]
    rows = pd.RangeIndex(1 - len(values), 1, name="row")
    return pd.DataFrame(values, columns=list(live.schema.targets), index=rows)


def live_html(live: Live) -> str:
    """How far each series was read, its newest values and the forecast after them, and how learning goes."""
    ready, names = live.ready, live.names
    until = f"{day(min(live.last.values()))} to {day(max(live.last.values()))}" if live.last else "no row yet"
    known = {
        "model": f"{live.model.architecture.cell}, horizon {live.window.horizon}",
        "series": f"{len(ready)} of {len(names)} ready",
        "last rows": until,
        "learning": _learning(live),
    }
    shown = [*ready, *(name for name in names if name not in set(ready))][:SERIES]
    first = 0 if any(names) else 1  # a single series may have no name
    head = ("series", "target", "last row", "rows", "newest values", "forecast")[first:]
    more = len(names) - len(shown)
    said = [f"and {counted(more, 'more series', 'more series')}"] if more > 0 else []
    said += ["known-ahead columns are needed for a forecast: live.forecast(future=...)"] if live.schema.future else []
    return block(
        "Live", pairs(known), table(head, (row[first:] for row in _series(live, shown)), 3 - first), notes(said)
    )


def _series(live: Live, names: list[str]) -> Iterator[tuple[str, ...]]:
    last = live.last
    for name in names:
        when, rows = day(last[name]) if name in last else "–", live.carried.tracks[live.place[name]].rows
        if name not in live.ready:
            yield name, "", when, f"{rows:,}", "not ready", "–"
            continue
        newest = recent(live, name).tail(NEWEST)
        ahead = None if live.schema.future else live.forecast(series=name).point[0, :NEWEST]
        for place, target in enumerate(live.schema.targets):
            said = "–" if ahead is None else _numbers(ahead[:, place], live.window.horizon)
            yield name, target, when, f"{rows:,}", _numbers(newest[target].to_numpy(), 0), said


def _numbers(values: np.ndarray, steps: int) -> str:
    return ", ".join(significant(float(value), DIGITS) for value in values) + (" …" if steps > len(values) else "")


def _learning(live: Live) -> str:
    if live.learner is None:
        return "off"
    frame = live.learning
    adapted, updates = int((frame["in_use"] == "adapted").sum()), int(frame["updates"].sum())
    return (
        f"by {live.learner.settings.rule}, {counted(updates, 'update')}; adapted weights speak for "
        f"{adapted} of {counted(len(frame), 'series', 'series')}"
    )
