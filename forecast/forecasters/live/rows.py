"""New rows for live forecasters: mappings are read one by one without a table, tables as a reader reads them."""

from __future__ import annotations

import datetime
import math
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from forecast.data.almanac import computed_at
from forecast.data.categories import recoded
from forecast.data.checks import LARGEST, NUMBER_REMEDY, Findings, check_targets
from forecast.data.codes import code_of
from forecast.data.mended import sentinels
from forecast.data.panel import Panel
from forecast.data.readers import analyse, frame_table, open_table, panel_of
from forecast.data.schema import Schema
from forecast.data.tables import Table
from forecast.data.timestamps import REMEDY
from forecast.errors import DataError, did_you_mean

SOURCE = "new rows"
SHOWN = 20
EPOCH = datetime.datetime(1970, 1, 1)
MICROSECOND = datetime.timedelta(microseconds=1)
YEARS = (datetime.MINYEAR, datetime.MAXYEAR)
FAR = "lies outside of the years 1 to 9999"
NewRows = Mapping[str, Any] | Sequence[Mapping[str, Any]] | Panel | pd.DataFrame
NUMBERS = (int, float, np.integer, np.floating, np.bool_, Decimal)


class Arrival(NamedTuple):
    """One row, checked.

    Args:
        series: its name.
        time: microseconds since 1970.
        values: of every channel, NaN where missing.
        static: by name, as far as the row brings them.
    """

    series: str
    time: int
    values: list[float]
    static: Mapping[str, float] = {}


class RowReader:
    """Reads mappings from column names to values.

    Args:
        schema: roles of the columns.
        alone: name of the only series, where rows need not say theirs.

    Example:
        >>> read = RowReader(Schema("day", ("y",), "shop", ("x",)))
        >>> read({"day": "2024-01-01", "shop": "A", "y": 1.5})
        Arrival(series='A', time=1704067200000000, values=[1.5, nan], static={})
    """

    def __init__(self, schema: Schema, alone: str | None = None) -> None:
        self.time, self.static = schema.time or "time", schema.static
        self.column, self.alone = schema.series or "series", alone
        self.schema, self.given = schema, schema.given
        self.whole_days, form = bool(schema.whole_days), schema.format
        self.words, self.sentinels = frozenset(form.missing), frozenset(sentinels(form))
        self.zone = None if form.timezone is None else zoneinfo.ZoneInfo(form.timezone)
        self.codes = {
            name: (names, {name: code for code, name in enumerate(names)})
            for name, names in schema.known_categories.items()
        }
        self.columns = {self.time, *self.given, *self.static} | ({self.column} if alone is None else set())

    def __call__(self, row: Mapping[str, Any]) -> Arrival:
        """Read a row.

        Raises:
            DataError: with all that is wrong with it.
        """
        if not row.keys() <= self.columns:
            self._unknown(row)
        get, values = row.get, []
        for name in self.given:
            value = get(name)
            if name in self.codes:
                values.append(code_of(value, *self.codes[name]))
                continue
            if type(value) is not float:
                value = math.nan if type(value) is str and value.strip() in self.words else _number(value, name)
            if value in self.sentinels:
                value = math.nan
            if not -LARGEST <= value <= LARGEST and value == value:
                raise DataError(SOURCE, [f"column {name!r}: {value} is infinite or beyond {LARGEST:g}; leave it empty"])
            values.append(value)
        series = self.alone if self.alone is not None else self._series(get(self.column))
        static = self._static(row) if self.static else {}
        time = microseconds(get(self.time), self.time, self.whole_days, self.zone)
        if self.schema.computed:
            values += computed_at(time, self.schema)
        return Arrival(series, time, values, static)

    def many(self, rows: Iterable[Mapping[str, Any]]) -> list[Arrival]:
        """Read rows; problems of all of them are collected, rows are counted from 0."""
        read, problems = [], []
        if not isinstance(rows, Iterable):
            raise DataError(SOURCE, [f"{rows!r} is no row; give mappings from column to value, a panel or a frame"])
        for place, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise DataError(SOURCE, [f"row {place} is a {type(row).__name__}; give mappings from column to value"])
            try:
                read.append(self(row))
            except DataError as error:
                problems += [f"row {place}: {problem}" for problem in error.problems]
        if problems:
            raise DataError(SOURCE, problems[:SHOWN])
        return read

    def _series(self, value: object) -> str:
        if type(value) is str and value.strip():
            return value
        if value is None or value is pd.NA or value != value or not str(value).strip():
            raise DataError(SOURCE, [f"no series in column {self.column!r}; every row needs one"])
        return str(value)

    def _static(self, row: Mapping[str, Any]) -> dict[str, float]:
        brought = [name for name in self.static if row.get(name) is not None]
        found = {
            name: code_of(row[name], *self.codes[name]) if name in self.codes else _number(row[name], name)
            for name in brought
        }
        endless = [name for name, value in found.items() if not abs(value) <= LARGEST]
        if endless:
            raise DataError(SOURCE, [f"static column {endless[0]!r}: {found[endless[0]]} is no usable number"])
        return found

    def _unknown(self, row: Mapping[str, Any]) -> None:
        known = [self.time, *([] if self.alone is not None else [self.column]), *self.given, *self.static]
        strange = [name for name in row if name not in self.columns]
        raise DataError(SOURCE, [f"no column {name!r} is known{did_you_mean(str(name), known)}" for name in strange])


def _number(value: object, name: str) -> float:
    if value is None or value is pd.NA:
        return math.nan
    if isinstance(value, NUMBERS):
        try:
            return float(value)
        except OverflowError:  # of a whole number with hundreds of digits
            return math.inf
    problem = f"column {name!r}: {value!r} is {'text' if isinstance(value, str) else 'no number'}; {NUMBER_REMEDY}"
    raise DataError(SOURCE, [problem])


def microseconds(time: object, name: str, whole_days: bool = False, zone: datetime.tzinfo | None = None) -> int:
    """A time as microseconds since 1970; offsets from UTC are applied and dropped, as readers do.

    Args:
        name: of the column.
        whole_days: drop offsets without applying them: rows are days of their own clock.
        zone: of the clock that shows times without an offset; None takes them as they stand.

    Example:
        >>> microseconds(np.datetime64("1970-01-02"), "day"), microseconds("1970-01-01T01:00+01:00", "day")
        (86400000000, 0)
    """
    if zone is not None:
        time = _of_zone(time, zone)
    if type(time) is datetime.datetime and time.tzinfo is None:  # most of all
        return (time - EPOCH) // MICROSECOND
    if isinstance(time, str):
        try:
            time = datetime.datetime.fromisoformat(time.strip())
        except ValueError as error:
            raise DataError(SOURCE, [f"time column {name!r}: {time!r} is no timestamp; {REMEDY}"]) from error
    if time is None or time is pd.NaT or (isinstance(time, np.datetime64) and np.isnat(time)):
        raise DataError(SOURCE, [f"no time in column {name!r}; every row needs one"])
    if isinstance(time, pd.Timestamp):  # of any unit; one with an offset in UTC
        time = (time.tz_localize(None) if whole_days else time).to_datetime64()
    if isinstance(time, np.datetime64):
        if not YEARS[0] <= time.astype("M8[Y]").astype(np.int64) + 1970 <= YEARS[1]:
            raise DataError(SOURCE, [f"time column {name!r}: {time} {FAR}"])
        return int(time.astype("M8[us]").astype(np.int64))
    if isinstance(time, datetime.date):
        return (_plain(time, name, whole_days) - EPOCH) // MICROSECOND
    raise DataError(SOURCE, [f"time column {name!r}: {time!r} is no timestamp; {REMEDY}"])


def _of_zone(time: object, zone: datetime.tzinfo) -> object:
    """A time without an offset, text too, with that of a zone; anything else as it is."""
    if isinstance(time, str):
        try:
            time = datetime.datetime.fromisoformat(time.strip())
        except ValueError:
            return time  # whoever reads it says so
    if isinstance(time, np.datetime64) and not np.isnat(time):
        time = pd.Timestamp(time).to_pydatetime()
    if isinstance(time, datetime.datetime) and time.tzinfo is None:
        return time.replace(tzinfo=zone)
    return time


def _plain(time: datetime.date, name: str, whole_days: bool) -> datetime.datetime:
    """A day as its first moment, a time with an offset in UTC, or as its own clock shows it."""
    if not isinstance(time, datetime.datetime):
        return datetime.datetime(time.year, time.month, time.day)
    if whole_days:
        return time.replace(tzinfo=None)
    try:
        return time if time.tzinfo is None else time.astimezone(datetime.UTC).replace(tzinfo=None)
    except OverflowError as error:
        raise DataError(SOURCE, [f"time column {name!r}: {time} {FAR}"]) from error


def new_rows(path: str, schema: Schema) -> Panel:
    """Read a file of new rows; unlike in a file to learn from, targets may stand still or be missing.

    Raises:
        DataError: with all that is wrong with it.
    """
    return _lenient(open_table(path, schema), schema)


def arrivals_of(rows: NewRows, reader: RowReader, schema: Schema) -> list[Arrival]:
    """Rows of any of the kinds that are taken, checked."""
    if type(rows) is dict:  # most of all
        return [reader(rows)]
    if isinstance(rows, pd.DataFrame):
        rows = of_frame(rows, schema)
    if isinstance(rows, Panel):
        rows.require_channels(schema)
        rows = recoded(rows, schema)
        return of_panel(rows, reader.alone if len(rows.series) == 1 else None)
    return [reader(rows)] if isinstance(rows, Mapping) else reader.many(rows)


def of_frame(frame: pd.DataFrame, schema: Schema) -> Panel:
    """Read a frame of new rows, like `new_rows`."""
    return _lenient(frame_table(frame, SOURCE), schema)


def _lenient(table: Table, schema: Schema) -> Panel:
    found = analyse(table, schema)
    if found.rows is None:
        raise DataError(table.source, found.problems)
    targets = found.values[:, : len(found.schema.targets)]
    still = Findings()  # what only somebody who learns from the table has to mind
    check_targets(np.where(np.isinf(targets), np.nan, targets), found.schema.targets, found.rows, still)
    problems = [problem for problem in found.problems if problem not in still.problems]
    if problems:
        raise DataError(table.source, problems)
    panel = panel_of(found.rows, found.values, found.static, found.schema, ())
    return replace(panel, report=found.report)  # the calendar of some rows is no news: the model has one


def of_panel(panel: Panel, alone: str | None) -> list[Arrival]:
    """The rows of a panel, up to the last one of each series that has a target.

    Args:
        alone: name of the only series, whatever the panel calls its own.
    """
    values = np.where(panel.observed, panel.values, np.nan)
    times = panel.times.astype(np.int64).tolist()
    arrivals = []
    for place, (first, rows) in enumerate(zip(panel.offsets[:-1].tolist(), panel.ends().tolist(), strict=True)):
        name = panel.series[place] if alone is None else alone
        static = dict(zip(panel.schema.static, panel.static[place].tolist(), strict=True))
        block = values[first : first + rows].tolist()
        arrivals += [Arrival(name, times[first + i], row, static) for i, row in enumerate(block)]
    return arrivals


def known_after(panel: Panel, horizon: int, alone: str | None) -> dict[str, np.ndarray]:
    """Known-ahead values [horizon, future covariate] behind the rows that `of_panel` gives, of series that have all."""
    first_known = panel.values.shape[1] - panel.layout.future
    known, ends, found = slice(first_known, first_known + len(panel.schema.future)), panel.ends(), {}
    for place, name in enumerate(panel.series):
        first = panel.offsets[place] + ends[place]
        if panel.schema.future and first + horizon <= panel.offsets[place + 1]:
            found[name if alone is None else alone] = panel.values[first : first + horizon, known]
    return found
