"""Joined times: year, month, day and hour, or a date and a time of the day, that stand in columns of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from forecast.data.schema import Schema
from forecast.data.tables import Table

PARTS = ("year", "month", "day", "hour", "minute")
CLOCKS = ("time", "hour", "zeit", "uhrzeit", "stunde", "heure", "hora", "ora", "clock", "time of day", "hr")
CLOCK = re.compile(r"(\d{1,2})[:.h](\d\d)(?:[:.](\d\d)(?:\.\d+)?)?(\s*[aApP]\.?[mM]\.?)?")
SPAN = re.compile(r"(\d{1,2}[:.]\d\d(?:[:.]\d\d)?)\s*(?:-|–|to|bis)\s*\d{1,2}[:.]\d\d(?:[:.]\d\d)?")
HOUR = re.compile(r"\d{1,2}(?:\.0+)?")
PLUS = "+"
SHOWN = 200


def parts_of(time: str | None, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that a time is read from: itself, those that are joined by +, or none that are known.

    Example:
        >>> parts_of("date+time", ["date", "time", "y"]), parts_of("a+b", ["a+b"]), parts_of("when", ["y"])
        (('date', 'time'), ('a+b',), ())
    """
    if time is None or time in columns:
        return () if time is None else (time,)
    parts = tuple(part.strip() for part in time.split(PLUS))
    return parts if all(part in columns for part in parts) else ()


def calendar_parts(frame: pd.DataFrame, free: Sequence[str]) -> tuple[str, ...]:
    """Columns that hold the parts of a date as numbers: year and month at least, and those that go on from there."""
    names = {name.strip().lower(): name for name in reversed(free)}
    found = [names[part] for part in PARTS if part in names]
    while len(found) > 1 and not _whole(frame[found[-1]]):
        found.pop()
    levels = [name.strip().lower() for name in found]
    return tuple(found) if levels == list(PARTS[: len(levels)]) and len(levels) > 1 else ()


def clock_beside(frame: pd.DataFrame, date: str, free: Sequence[str]) -> str | None:
    """The column with the time of the day for dates that repeat and have none themselves."""
    head = frame.head(SHOWN)
    dates = head[date].astype(str)
    if dates.str.contains(":").any() or not dates[dates != ""].duplicated().any():
        return None
    return next((name for name in free if name != date and _is_clock(head[name], name)), None)


def _is_clock(column: pd.Series, name: str) -> bool:
    texts = [str(cell).strip() for cell in column.dropna()]
    texts = [text for text in texts if text]
    if not texts or len(set(texts)) < 2:
        return False
    if all(CLOCK.fullmatch(text) or SPAN.fullmatch(text) for text in texts):
        return True
    named = name.strip().lower() in CLOCKS
    return named and all(HOUR.fullmatch(text) and float(text) <= 24 for text in texts)


def _whole(column: pd.Series) -> bool:
    values = pd.to_numeric(column[column.astype(str).str.strip() != ""], errors="coerce").to_numpy(dtype=float)
    return bool(len(values)) and bool((values == np.floor(values)).all())


def join(table: Table, schema: Schema) -> tuple[Table, str | None]:
    """The table with one column of times in place of those that `schema.time` joins by +, and what was done.

    Hour 24 is left for who parses the times; a span such as 00:00 - 01:00 counts as its begin.
    """
    columns = list(table.frame.columns)
    parts = parts_of(schema.time, columns)
    if len(parts) < 2 or schema.time is None:
        return table, None
    texts = [_texts(table.frame[name]) for name in parts]
    lowered = [name.strip().lower() for name in parts]
    if lowered == list(PARTS[: len(parts)]):
        joined, spans = _of_parts(texts), False
    else:
        spans = any(column.str.fullmatch(SPAN).any() for column in texts[1:])
        joined = texts[0]
        for column in texts[1:]:
            joined = joined + " " + column.map(_clock)
    joined = joined.where(~np.logical_or.reduce([column == "" for column in texts]), "").str.strip()
    place = columns.index(parts[0])
    frame = table.frame.drop(columns=list(parts))
    frame.insert(place, schema.time, joined)
    said = f"the times were joined from the columns {' and '.join(parts)}"
    return replace(table, frame=frame), said + (", each span by its begin" if spans else "")


def _texts(column: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.dt.strftime("%Y-%m-%d").fillna("")
    if pd.api.types.is_float_dtype(column) and _whole(column.dropna()):
        column = column.astype("Int64")
    texts = column.astype(object).map(lambda cell: "" if pd.isna(cell) else str(cell).strip())
    return texts.astype(object)


def _of_parts(texts: list[pd.Series]) -> pd.Series:
    filled = [column.str.removesuffix(".0").str.zfill(4 if place == 0 else 2) for place, column in enumerate(texts)]
    joined = filled[0]
    for column, mark in zip(filled[1:], "-- :", strict=False):
        joined = joined + mark + column
    return joined + ":00" if len(filled) == 4 else joined


def _clock(text: str) -> str:
    span = SPAN.fullmatch(text)
    text = span[1] if span else text
    if HOUR.fullmatch(text):
        return f"{int(float(text)):02d}:00"
    match = CLOCK.fullmatch(text)
    if match is None:
        return text
    hour, minute, second, half = match.groups()
    return f"{int(hour):02d}:{minute}" + (f":{second}" if second else "") + (f" {half.strip()}" if half else "")
