"""Mended tables: text that holds numbers as people write them, numbers that stand for nothing, wide tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from forecast.data import numerals
from forecast.data.checks import Findings, is_number, numbers, read_numbers
from forecast.data.format import Format
from forecast.data.schema import Schema
from forecast.data.tables import Table

SERIES, VALUE = "series", "value"
MANY = 5
DECIMAL_COMMA = r"\d,\d+\s*$|\d\.\d{3}\.\d{3}\b"


def with_numbers(table: Table, schema: Schema, found: Findings) -> tuple[Table, Schema]:
    """The table with numbers where its text can be read as such in one way, and the schema with what was found out.

    What one column tells of the file (a decimal comma) is taken into account for all of them.
    """
    form = schema.format if table.outline is None else replace(schema.format, decimal=table.outline.format.decimal)
    left_out = {schema.time, schema.series, *schema.categorical}
    names = [name for name in table.frame.columns if name not in left_out and not is_number(table.frame[name])]
    names = [name for name in names if not pd.api.types.is_datetime64_any_dtype(table.frame[name])]
    guesses = not (schema.ranges and schema.format.decimal == "," and schema.format.thousands is None)
    guesses = guesses or _has_commas(table.frame, names)
    columns: dict[str, np.ndarray] = {}
    said: dict[str, list[str]] = {}
    for name in (*names, *names):  # twice: what a later column tells helps an earlier one
        if name in columns or (column := numerals.read(table.frame[name], form, name)) is None:
            continue
        if column.format.thousands == "." and not guesses:
            continue  # 1.015 in a later file is a thousand, or a number with a point: refused with the other text
        columns[name], form = column.values, column.format
        for sentence in column.repairs:
            said.setdefault(sentence, []).append(name)
    for sentence, where in said.items():
        found.repaired(f"{_columns(where)}: {sentence}")
    frame = table.frame.assign(**columns) if columns else table.frame
    table = replace(table, frame=_without(frame, form, left_out), decimal=form.decimal)
    return table, replace(schema, format=form)


def _has_commas(frame: pd.DataFrame, names: Sequence[str]) -> bool:
    """Whether a table itself shows that its decimal sign is the comma: in text, or in numbers read as such already."""
    shown = any(frame[name].astype(str).str.contains(DECIMAL_COMMA).any() for name in names)
    floats = (frame[name].dropna() for name in frame.columns if pd.api.types.is_float_dtype(frame[name]))
    return shown or any((column % 1 != 0).any() for column in floats)


def _columns(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:MANY]) + (f" and {len(names) - MANY} more" if names[MANY:] else "")
    return f"{'column' if len(names) == 1 else 'columns'} {shown}"


def _without(frame: pd.DataFrame, form: Format, left_out: set[str | None]) -> pd.DataFrame:
    """Numbers that stand for missing cells are taken out."""
    absent = sentinels(form)
    if not absent:
        return frame
    changed = {}
    for name in frame.columns:
        if name in left_out or not is_number(frame[name]) or pd.api.types.is_bool_dtype(frame[name]):
            continue
        values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        which = np.isin(values, absent)
        if which.any():
            changed[name] = np.where(which, np.nan, values)
    return frame.assign(**changed) if changed else frame


def sentinels(form: Format) -> list[float]:
    """The numbers that stand for missing cells.

    Example:
        >>> sentinels(Format(missing=["?", "-9999"]))
        [-9999.0]
    """
    return [value for text in form.missing if (value := _value(text)) is not None]


def _almost(column: pd.Series) -> bool:
    values, bad = numbers(column)
    return 0 < len(bad) < np.isfinite(values).sum()


def _value(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def folded(table: Table, schema: Schema, found: Findings) -> tuple[Table, Schema]:
    """A wide table as a long one: every numeric column (or every target) is a series of its own."""
    if not schema.format.wide or schema.time is None or schema.time not in table.frame.columns:
        return table, schema
    if schema.past or schema.future or schema.static or (schema.series not in (None, SERIES)):
        found.problems.append("a wide table has a time column and series, no other roles; leave them out, or --wide")
        return table, schema
    frame = table.frame
    wanted = schema.targets if schema.targets and schema.targets != (VALUE,) else frame.columns
    names = [name for name in wanted if name in frame.columns and name != schema.time and is_number(frame[name])]
    missing = [name for name in wanted if name not in frame.columns]
    found.problems.extend(f"there is no column {name!r} (series)" for name in missing)
    broken = [name for name in wanted if name in frame.columns and name not in names and name != schema.time]
    read_numbers(table, tuple(name for name in broken if schema.targets or _almost(frame[name])), "series", found)
    if not names:
        found.problems.append("no column holds numbers, and a wide table has one for each series")
    if missing or not names:
        return table, schema
    long = pd.DataFrame(
        {
            schema.time: pd.concat([frame[schema.time]] * len(names), ignore_index=True),
            SERIES: np.repeat(np.array(names, dtype=object), len(frame)),
            VALUE: np.concatenate([frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names]),
        }
    )
    found.notes.append(f"{len(names):,} columns were read as series: {', '.join(names[:MANY])}")
    return (
        replace(table, frame=long, rows_in_file=len(frame)),
        replace(schema, series=SERIES, targets=(VALUE,)),
    )
