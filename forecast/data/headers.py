"""Headers: the names of the columns, from one row of names, several, or none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from forecast.data.files import MISSING
from forecast.data.format import Format, advice

MOST_ROWS = 4  # of a header
LEAST_BELOW = 2  # rows that have to differ from a row of units
SHARE = 0.5
ISO = re.compile(r"\d{4}-\d")
DIGITS = re.compile(r"\d{1,4}([/.-])\d{1,2}\1\d{1,4}(?:\D|$)")


class Header(NamedTuple):
    """Names of the columns, and what stands below them.

    Args:
        names: one for each column.
        skip: lines up to the first row.
        rows: records below, as far as they are known.
        repairs: what had to be done.
        notes: what else should be known.
    """

    names: tuple[str, ...]
    skip: int
    rows: list[Any]
    repairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def header_of(rows: Sequence[Any], form: Format) -> Header:
    """The header of some records.

    Args:
        rows: with the line on which each begins, and its cells.

    Raises:
        ValueError: no names, or no rows, or two columns of one name; with one sentence each.
    """
    if form.columns:
        return _told(rows, form.columns)
    first = rows[0].cells
    if looks_like_data(first):
        shown = ", ".join(first[:4])
        remedy = advice("columns", tuple(["time", *(f"column{i}" for i in range(1, len(first)))][:4]))
        raise ValueError(
            f"row {rows[0].line} is data ({shown}), not column names; add a first line such as time,value, or name "
            f"the columns with {remedy}"
        )
    names, body, repairs = _stacked(rows)
    names, changed = _stripped(names)
    _require_distinct(names)
    if not any(any(cell.strip() for cell in row.cells) for row in body):
        raise ValueError("the file has a header but no rows")
    return Header(_complete(names), body[0].line - 1, list(body), (*repairs, *changed))


def _told(rows: Sequence[Any], columns: tuple[str, ...]) -> Header:
    width = len(rows[0].cells)
    if width != len(columns):
        raise ValueError(f"row {rows[0].line} has {width} fields, --columns names {len(columns)}")
    _require_distinct(list(columns))
    return Header(_complete(columns), rows[0].line - 1, list(rows))


def _complete(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name or f"Unnamed: {place}" for place, name in enumerate(names))


def looks_like_data(cells: list[str]) -> bool:
    """Whether a row that should hold names holds numbers, or begins with a time."""
    return all(is_number(name) for name in cells if name) or is_date(cells[0].strip())


def _stacked(rows: Sequence[Any]) -> tuple[list[str], Sequence[Any], list[str]]:
    """Names from a first row, and from those below it that hold names or units and no data."""
    names, count = list(rows[0].cells), 1
    while count < min(MOST_ROWS, len(rows) - LEAST_BELOW) and _names_too(rows, count):
        count += 1
    repairs: list[str] = []
    for row in rows[1:count]:
        names, said = _with_row(names, [cell.strip() for cell in row.cells], row.line)
        repairs.append(said)
    return names, rows[count:], repairs


def _names_too(rows: Sequence[Any], place: int) -> bool:
    """Whether a row holds neither number nor time, in columns that do further down."""
    cells = [cell.strip() for cell in rows[place].cells]
    if _holds_data(cells) or any(cell in MISSING[1:] for cell in cells):
        return False
    below = [row.cells for row in rows[place + 1 :] if len(row.cells) == len(cells) and _holds_data(row.cells)][-20:]
    if len(cells) != len(rows[0].cells) or len(below) < LEAST_BELOW or not any(cells):
        return False
    data = [i for i in range(len(cells)) if all(is_number(row[i]) or is_date(row[i].strip()) for row in below)]
    return len(data) > SHARE * len(cells) and sum(bool(cells[i]) or i == 0 for i in data) > 0


def _holds_data(cells: list[str]) -> bool:
    return any(is_number(cell) or is_date(cell.strip()) for cell in cells)


def _with_row(names: list[str], cells: list[str], line: int) -> tuple[list[str], str]:
    """Names completed by another row of a header, and what was done."""
    lead, rest = cells[0], cells[1:]
    if lead and not any(rest):  # the name of an index, as yfinance and pandas write it
        return [lead, *names[1:]], f"row {line} names the first column {lead!r}"
    doubled = len(set(names[1:])) < len(names[1:])
    if doubled:
        joined = [f"{name} {cell}".strip() for name, cell in zip(names[1:], rest, strict=True)]
        return [names[0], *joined], f"row {line} was joined to the names of the columns, such as {joined[0]!r}"
    shown = ", ".join(dict.fromkeys(cell for cell in rest if cell)) or lead
    return names, f"row {line} holds no data, it was left out ({shown[:60]})"


def _stripped(names: list[str]) -> tuple[list[str], list[str]]:
    bare = [name.strip() for name in names]
    changed = [name for name, short in zip(names, bare, strict=True) if name != short]
    return bare, [f"blanks around the names of columns were taken off: {changed[0]!r}"] if changed else []


def _require_distinct(names: list[str]) -> None:
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    problems = []
    for name in doubled:
        places = [str(place) for place, other in enumerate(names, start=1) if other == name]
        where = ", ".join(places[:-1]) + f" and {places[-1]}"
        problems.append(f"{len(places)} columns are called {name!r} (columns {where}); rename them")
    if problems:
        raise ValueError(*problems)


def is_number(text: str) -> bool:
    """Whether a text is a number as Python reads one, or with a decimal comma."""
    text = text.strip()
    try:
        float(text)
    except ValueError:
        head, comma, tail = text.partition(",")
        return bool(comma) and tail.isdigit() and head.lstrip("+-").isdigit()
    return True


def is_date(text: str) -> bool:
    """Whether a text begins as a date of digits does, year first or last, and is one where it is ISO 8601."""
    if ISO.match(text):
        return bool(pd.notna(pd.to_datetime(text, errors="coerce", format="ISO8601")))
    return bool(DIGITS.match(text))
