"""Readers: a CSV file or a frame becomes a panel, or an error that lists everything that is wrong with it.

This is the only place where data from outside is checked. What is repaired is reported; no row is invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from forecast.data import checks, clocks, files, joined, mended, roles, tables, timestamps
from forecast.data.checks import Findings
from forecast.data.doubled import settle
from forecast.data.drift import drifted, ranges
from forecast.data.format import Format, advice
from forecast.data.leaks import leaks
from forecast.data.look import Look
from forecast.data.outline import sniff
from forecast.data.panel import Panel
from forecast.data.rows import Rows, arrange, describe_gaps, gaps
from forecast.data.schema import Schema
from forecast.data.suspicions import suspicions
from forecast.data.tables import Table
from forecast.errors import DataError

ASK_SCHEMA = Schema()


@dataclass(frozen=True, eq=False)
class Analysis:
    """Everything a reader found out about a table, whether it can be used or not.

    Args:
        table: the columns that were read.
        schema: the roles, with time and targets filled in as far as they could be found.
        rows: their order; None when times or ids cannot be read.
        values: float64 [row, channel], in the order of `rows`.
        static: float64 [series, static covariate].
        problems: what keeps the table from being used.
        report: what was repaired or should be known.
    """

    table: Table
    schema: Schema
    rows: Rows | None
    values: np.ndarray
    static: np.ndarray
    problems: tuple[str, ...]
    report: tuple[str, ...]

    def panel(self) -> Panel:
        """The panel.

        Raises:
            DataError: with all problems.
        """
        if self.problems or self.rows is None:
            raise DataError(self.table.source, self.problems)
        return panel_of(self.rows, self.values, self.static, self.schema, self.report)


def read_csv(path: str | Path, schema: Schema = ASK_SCHEMA, form: Format | None = None) -> Panel:
    r"""Read a CSV file (plain or compressed; Parquet too) into a panel.

    What has to be repaired or guessed is reported (`Panel.report`) and kept in the schema of the panel, so that later
    files are read alike; what cannot be read in one way only is refused.

    Args:
        path: the file.
        schema: roles of the columns. Without a time column one is looked for; without targets every numeric
            column that has no other role is taken. Columns without a role are ignored.
        form: how the file is written, as far as it has to be told; None: `schema.format`.

    Raises:
        DataError: with every problem of the file: what, where, remedy. Rows are numbered as in an editor.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "prices.csv"
        ...     _ = file.write_text("date,ticker,close\n2024-01-01,NA,1\n2024-01-02,NA,2\n2024-01-01,007,5\n")
        ...     panel = read_csv(file, Schema(targets=["close"], series="ticker"))
        >>> panel.series, panel.lengths.tolist(), panel.schema.time
        (('NA', '007'), [2, 1], 'date')
    """
    schema = schema if form is None else replace(schema, format=form)
    return analyse(open_table(path, schema), schema).panel()


def from_frame(frame: pd.DataFrame, schema: Schema = ASK_SCHEMA, source: str = "the frame") -> Panel:
    """Read a pandas frame into a panel; an index of timestamps counts as a column.

    Args:
        frame: one row per time (and series).
        schema: roles of the columns, as for `read_csv`.
        source: what error messages call it. They count its rows from 0.

    Raises:
        DataError: with every problem of the frame.

    Example:
        >>> days = pd.date_range("2024-01-01", periods=3, name="day")
        >>> from_frame(pd.DataFrame({"y": [3, 1, 2]}, index=days)).report
        ('targets were not named: took y', 'the calendar: one row every day')
    """
    return analyse(frame_table(frame, source), schema).panel()


def open_table(path: str | Path, schema: Schema, whole: bool = False) -> Table:
    """Read the columns of a file that a schema needs (all when it names no targets, or when asked)."""
    path = Path(path)
    files.require_file(path)
    if files.is_parquet(path):
        return frame_table(files.read_parquet(path), str(path))
    outline = sniff(path, schema.format)
    time = schema.time if schema.time is not None else roles.find_time(outline.sample, schema)
    parts = joined.parts_of(time, outline.header)
    texts = [name for name in (schema.series, *schema.categorical) if name in outline.header]
    named = {name for role, names in schema.roles().items() if role != "time" for name in names} | set(parts)
    all_there = named <= set(outline.header) and (parts or time is None)
    if whole or schema.format.wide or not schema.targets or not all_there:
        return tables.read(outline, outline.header, texts, parts)
    return tables.read(outline, [name for name in outline.header if name in named], texts, parts)


def frame_table(frame: pd.DataFrame, source: str) -> Table:
    """Wrap a frame: names become text, an index of timestamps (or with names) becomes columns."""
    named = [name for name in frame.index.names if name is not None]
    if isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex) and not named:
        frame = frame.rename_axis("time")
        named = ["time"]
    frame = frame.reset_index(drop=not named or any(name in frame.columns for name in named))
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    doubled = frame.columns[frame.columns.duplicated()].unique()
    if len(doubled):
        raise DataError(source, [f"several columns are called {name!r}; rename them" for name in doubled])
    if not len(frame):
        raise DataError(source, ["it has no rows"])
    return Table(frame, source)


def analyse(table: Table, schema: Schema) -> Analysis:
    """Check a table against a schema; collects problems instead of stopping at the first."""
    found = Findings()
    table, schema = _prepared(table, schema, found)
    schema = roles.resolve(table, schema, found)
    rows, schema = _rows(table, schema, found)
    known = schema.known_categories  # filled in on the way
    values = checks.read_columns(table, schema.targets, "target", found, known)
    past = checks.read_columns(table, schema.past, "past", found, known)
    future = checks.read_columns(table, schema.future, "future", found, known)
    static = checks.read_columns(table, schema.static, "static", found, known)
    schema = replace(schema, categories=tuple(known[name] for name in schema.categorical))
    values = np.concatenate([values, past, future], axis=1) if past.size or future.size else values
    if rows is not None:
        rows, values = settle(table, schema, rows, rows.take(values), found)
        finite = np.where(np.isinf(values), np.nan, values)
        checks.check_targets(finite[:, : len(schema.targets)], schema.targets, rows, found)
        checks.note_missing(values, schema.given, len(schema.targets), found)
        checks.note_open_end(finite, schema, rows, found)
        static = checks.static_values(rows.take(static), schema.static, rows, found)
        schema = _looked_at(Look(rows, finite, schema), found)
    if schema.format.strict:
        found.problems += [f"--strict refuses repairs: {text}" for text in found.repairs]
    return Analysis(table, schema, rows, values, static, tuple(found.problems), tuple(found.notes))


def _prepared(table: Table, schema: Schema, found: Findings) -> tuple[Table, Schema]:
    """The table with one time column and numbers where it has them, and the schema with what that took."""
    if table.outline is not None:
        found.notes.extend(table.outline.notes)
        for sentence in (*table.outline.repairs, *table.repairs):
            found.repaired(sentence)
    asked = schema.time
    if asked is None:
        sample = table.outline.sample if table.outline else table.frame
        schema = replace(schema, time=roles.find_time(sample, schema))
    table, sentence = joined.join(table, schema)
    if sentence:
        (found.repaired if asked is None else found.notes.append)(sentence)
    table, schema = mended.with_numbers(table, schema, found)
    return mended.folded(table, schema, found)


def _looked_at(look: Look, found: Findings) -> Schema:
    """Shout about what is suspicious, and keep the ranges of the columns for later files."""
    schema = look.schema
    drift = drifted(look) if schema.ranges else []
    found.notes[:0] = [*leaks(look.values, look.rows.offsets, schema), *drift, *suspicions(look)]
    found.repairs.extend(drift)
    return schema if schema.ranges else replace(schema, ranges=ranges(look))


def panel_of(rows: Rows, values: np.ndarray, static: np.ndarray, schema: Schema, report: Sequence[str]) -> Panel:
    """Put a panel together and add to its report what its calendar is and which stamps are absent."""
    panel = Panel.from_arrays(values, rows.times, np.diff(rows.offsets).tolist(), rows.series, schema, static)
    absent = gaps(rows, panel.calendar)
    sentences = [*report, f"the calendar: {panel.calendar}"]
    sentences += [describe_gaps(absent, rows, panel.calendar)] if absent else []
    return replace(panel, report=tuple(sentences))


def _rows(table: Table, schema: Schema, found: Findings) -> tuple[Rows | None, Schema]:
    """The rows in order, and the schema with what was found out about how to read their times."""
    times, schema = (None, schema) if schema.time is None else _times(table, schema.time, schema, found)
    codes, series = None, ("",)
    if schema.series is not None:
        codes, series = _ids(table, schema.series, found)
    if times is None or (codes is not None and (codes < 0).any()):
        return None, schema
    if schema.format.timezone is not None and (times == times.astype("M8[D]")).all():  # days are no clocks
        schema = replace(schema, format=replace(schema.format, timezone=None))
    times = _in_utc(table, times, codes, schema, found)
    if times is None:
        return None, schema
    rows = arrange(times, codes, series)
    if rows.repair:
        found.repaired(rows.repair)
    return rows, schema


def _times(table: Table, name: str, schema: Schema, found: Findings) -> tuple[np.ndarray | None, Schema]:
    stamps = timestamps.parse(table.frame[name], schema.day_first, schema.whole_days, schema.format, name)
    schema = replace(
        schema,
        day_first=schema.day_first if stamps.day_first is None else stamps.day_first,
        whole_days=schema.whole_days if stamps.whole_days is None else stamps.whole_days,
    )
    for note in stamps.notes:
        (found.repaired if note in stamps.repairs else found.notes.append)(f"time column {name!r}: {note}")
    missing = np.flatnonzero(stamps.missing)
    if stamps.problem:
        where = f"{table.quote(name, stamps.bad[:1])}: " if len(stamps.bad) else ""
        found.problems.append(f"time column {name!r}: {where}{stamps.problem}")
        return None, schema
    if len(stamps.bad):
        quoted, remedy = table.quote(name, stamps.bad), _remedy(stamps.bad, table)
        found.problems.append(f"time column {name!r}: not a timestamp like the others: {quoted}; {remedy}")
    if len(missing):
        remedy = "fill it in or remove the rows"
        found.problems.append(f"time column {name!r}: no timestamp in {table.rows(missing)}; {remedy}")
    return None if len(stamps.bad) or len(missing) else stamps.values, schema


def _remedy(bad: np.ndarray, table: Table) -> str:
    """What to do about rows without a usable timestamp: those at the end may be a footer."""
    last = len(table.frame) - 1
    if table.outline is not None and bad[0] > 0 and np.array_equal(bad, np.arange(bad[0], last + 1)) and len(bad) < 20:
        return f"{timestamps.REMEDY}, or leave a footer out with {advice('skip_footer', len(bad))}"
    return timestamps.REMEDY


def _in_utc(
    table: Table, times: np.ndarray, codes: np.ndarray | None, schema: Schema, found: Findings
) -> np.ndarray | None:
    """Times of the wall clocks of `Format.timezone` in UTC; times with an offset are that already."""
    zone = schema.format.timezone
    aware = any("offsets dropped" in note for note in found.notes)
    if zone is None or aware:
        return times
    utc, skipped, twice = clocks.to_utc(times, codes, zone)
    if len(skipped):
        quoted = table.quote(str(schema.time), skipped)
        found.problems.append(
            f"time column {schema.time!r}: these times do not exist in {zone}, the clock was put forward: {quoted}; if "
            "the clock of the data is never changed leave --timezone out"
        )
        return None
    found.notes.append(f"time column {schema.time!r}: converted from {zone} to UTC")
    if twice:
        found.notes.append(f"{twice:,} rows lie in an hour that {zone} has twice: told apart by their order")
    return utc


def _ids(table: Table, name: str, found: Findings) -> tuple[np.ndarray, tuple[str, ...]]:
    column = table.frame[name]
    codes, distinct = pd.factorize(column)
    names = tuple(str(value) for value in distinct)
    blank = [place for place, text in enumerate(names) if not text.strip()]
    codes = np.where(np.isin(codes, blank), -1, codes) if blank else codes
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        found.problems.append(f"series column {name!r}: no id in {table.rows(missing)}; every row needs one")
    return codes, names
