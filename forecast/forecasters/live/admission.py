"""Admission: what is asked of models, rows and known-ahead values before a live forecaster takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from forecast.data.codes import code_of
from forecast.data.panel import Panel
from forecast.data.rows import day
from forecast.data.scale import LIMIT, Scale
from forecast.data.schema import Schema
from forecast.errors import DataError, NotFittedError, SettingsError, did_you_mean
from forecast.forecasters.live.carried import News
from forecast.forecasters.live.rows import SOURCE, Arrival
from forecast.nets.network import Network
from forecast.windows.feeds import Streamed

if TYPE_CHECKING:
    from forecast.forecasters.recurrent import Recurrent

SHOWN = 20
REMEDY = "send every row once, oldest first (to correct rows of the past, begin again with model.live(panel))"


def named(series: str) -> str:
    """A series in words."""
    return f"series {series!r}" if series else "the series"


def in_words(news: Sequence[News], series: Sequence[str], channels: Sequence[str]) -> list[str]:
    """What came of rows: cells that count as missing, states that begin anew."""
    said = []
    for place, cells in news:
        which = " and ".join(repr(channels[cell]) for cell in cells)
        what = f"{which} is more than {LIMIT:.0e} standard deviations away and counts as missing"
        renewed = "its state was not finite any more, so it begins anew"
        said.append(f"{named(series[place])}: {what if cells else renewed}")
    return said


def wanted(series: str | Iterable[str], known: Mapping[str, int]) -> tuple[str, ...]:
    """Names of the series that are asked for; raises DataError for what is no name, or not known."""
    if not isinstance(series, Iterable):
        raise DataError("forecast", [f"series={series!r}: one name or several, as text"])
    names = (series,) if isinstance(series, str) else tuple(series)
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise DataError("forecast", [f"no series {name!r}{did_you_mean(str(name), tuple(known))}"])
    return names


def require_live(model: Recurrent) -> tuple[Network, Scale]:
    """The network and scale of a model that can go on live.

    Raises:
        SettingsError: it reads windows.
        NotFittedError: before fit.
    """
    if not isinstance(model.feed, Streamed):
        raise SettingsError(
            "a windowed model reads its whole context for every forecast and carries no state; live forecasting needs "
            "one fitted with feed=Streamed() (on the command line: --model gru-stateful)"
        )
    if model.network is None or model.scale is None:
        raise NotFittedError("this Recurrent has not been fitted; call fit before live")
    return model.network, model.scale


def last_time(panel: Panel, ends: np.ndarray) -> np.datetime64:
    """Time of the last row with a target."""
    filled = ends > 0
    if not filled.any():
        raise DataError("panel", ["no row has a target; a live forecaster begins with what has happened so far"])
    return panel.times[panel.offsets[:-1][filled] + ends[filled] - 1].max()


def require_order(arrivals: Sequence[Arrival], last: Callable[[str], int | None]) -> None:
    """Raise DataError unless every row is later than the one before of its series.

    Args:
        last: microseconds of the last row of a series; None where there is none.
    """
    latest: dict[str, int] = {}
    late: dict[str, list[int]] = {}
    before: dict[str, int] = {}
    for arrival in arrivals:
        series, time = arrival.series, arrival.time
        known = latest[series] if series in latest else last(series)
        if known is not None and time <= known:
            late.setdefault(series, []).append(time)
            before.setdefault(series, known)
        latest[series] = time if known is None else max(time, known)
    if late:
        problems = [_late(series, times, before[series]) for series, times in late.items()]
        more = [f"and {len(problems) - SHOWN:,} more series like these"] if len(problems) > SHOWN else []
        raise DataError(SOURCE, problems[:SHOWN] + more)


def _late(series: str, times: list[int], before: int) -> str:
    first, end, last = (day(np.datetime64(stamp, "us")) for stamp in (times[0], times[-1], before))
    if len(times) > 1:
        what = f"{len(times):,} rows ({first} to {end}) are not later than the last one, of {last}"
    else:
        what = f"the row of {first} {'is there already' if first == last else 'is late'}, the last row is of {last}"
    return f"{named(series)}: {what}; {REMEDY}"


def require_static(
    arrivals: Sequence[Arrival], columns: Sequence[str], known: Callable[[str], Mapping[str, float] | None]
) -> None:
    """Raise DataError where a new series lacks static covariates, or one has other values than before.

    Args:
        columns: the static covariates.
        known: those of a series by name; None of a new one.
    """
    if not columns:
        return
    brought: dict[str, Mapping[str, float]] = {}
    for arrival in arrivals:
        kept = brought.get(arrival.series) or known(arrival.series)
        if kept is None:
            lacking = [column for column in columns if not _is_number(arrival.static.get(column))]
            if lacking:
                problem = f"{named(arrival.series)} is new: its first row has to bring the static columns {lacking}"
                raise DataError(SOURCE, [problem])
            kept = brought[arrival.series] = arrival.static
        for column, value in arrival.static.items():
            if _is_number(value) and value != kept[column]:
                problem = f"static column {column!r} is {value:g} and was {kept[column]:g}; it cannot change"
                raise DataError(SOURCE, [f"{named(arrival.series)}: {problem}"])


def _is_number(value: float | None) -> bool:
    return value is not None and value == value


def known_ahead(
    schema: Schema, horizon: int, series: Sequence[str], future: Mapping[str, np.ndarray] | None
) -> np.ndarray:
    """Known-ahead values of some series, float64 [series, horizon, future covariate].

    Raises:
        DataError: some lack or are no finite numbers.
        SettingsError: they are given and nobody asked.
    """
    if not schema.future:
        if future:
            raise SettingsError("future=...: the model was fitted without known-ahead columns; leave it out")
        return np.zeros((len(series), horizon, 0))
    shape, parts = (horizon, len(schema.future)), []
    for name in series:
        if future is None or name not in future:
            raise DataError(
                "forecast",
                [
                    f"{named(name)}: the known-ahead columns {list(schema.future)} are needed for {horizon} steps; "
                    f"give future={{{name!r}: array of shape {shape}}}, or ask for other series only"
                ],
            )
        part = _codes(np.asarray(future[name]), schema)
        if part.shape != shape or not np.isfinite(part).all():
            lack = f"the shape {part.shape}" if part.shape != shape else "cells that are no finite numbers"
            problem = f"{named(name)}: future has {lack}; {shape} numbers are needed, for {list(schema.future)}"
            raise DataError("forecast", [problem])
        parts.append(part)
    return np.stack(parts)


def _codes(part: np.ndarray, schema: Schema) -> np.ndarray:
    """Known-ahead values as numbers; names of categories as codes."""
    if part.dtype.kind not in "OUS" or part.ndim != 2 or part.shape[1] != len(schema.future):
        return np.asarray(part, dtype=np.float64)
    part = part.astype(object)
    for name, names in schema.known_categories.items():
        if name in schema.future:
            codes = {text: code for code, text in enumerate(names)}
            column = part[:, schema.future.index(name)]
            column[:] = [code_of(value, names, codes) if isinstance(value, str) else value for value in column]
    return part.astype(np.float64)


def turns(arrivals: Sequence[Arrival], alone: bool = False) -> list[list[Arrival]]:
    """Rows that may be read together: the first one of every series, then every second one ...

    Args:
        alone: each by itself, in the order of time, for weights that learn from one series what they say of another.

    Example:
        >>> rows = [Arrival(name, time, []) for name, time in (("a", 1), ("a", 2), ("b", 1))]
        >>> [[row.series for row in turn] for turn in turns(rows)]
        [['a', 'b'], ['a']]
    """
    if alone:
        return [[arrival] for arrival in sorted(arrivals, key=lambda arrival: arrival.time)]
    count: dict[str, int] = {}
    found: list[list[Arrival]] = []
    for arrival in arrivals:
        turn = count.get(arrival.series, 0)
        count[arrival.series] = turn + 1
        if turn == len(found):
            found.append([])
        found[turn].append(arrival)
    return found
