"""Checks of columns: numbers that are numbers, targets that move, statics that stand still."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from forecast.data.codes import encode
from forecast.data.files import MISSING
from forecast.data.format import advice
from forecast.data.rows import Rows, day
from forecast.data.schema import Schema
from forecast.data.tables import Table

NUMBER_REMEDY = "write numbers like 1234.5, without thousands separators or units, and leave missing cells empty"
SHOWN = 20
POINTS = (
    "the decimal sign of this file, or of the one the model was fitted on, is a comma (--decimal ,); write it alike"
)
GROUPED = r"[+-]?\d{1,3}(?:[,.' \u00a0\u202f]\d{3})+(?:[.,]\d*)?"
MANY = 8
EXACT = 2.0**53  # whole numbers beyond this are rounded
WHOLE = 1e20  # larger ones are rather a sentinel, or no count
LARGEST = 1e100  # squares of larger values leave the range of a float64


@dataclass
class Findings:
    """What a reader collects: problems it cannot mend, notes for the report, and which of them are repairs."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)

    def repaired(self, text: str) -> None:
        """Note something that was mended, which strict readers refuse."""
        self.notes.append(text)
        self.repairs.append(text)


def is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers or True and False, and not dates or text."""
    kinds = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
    return kinds and not pd.api.types.is_complex_dtype(column)


def numbers(column: pd.Series, decimal: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Convert a column strictly.

    Args:
        decimal: sign of the file; where it is a comma text with a point is no number (1.234 may be a thousand).

    Returns:
        float64 [row] with NaN where missing, and the positions of cells that are neither number nor missing.

    Example:
        >>> numbers(pd.Series(["1", "NA", "1,234"]))[1].tolist()
        [2]
        >>> numbers(pd.Series([True, False, None], dtype=object))[0].tolist()
        [1.0, 0.0, nan]
    """
    if is_number(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan), np.array([], dtype=np.int64)
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        return np.full(len(column), np.nan), np.flatnonzero(column.notna())
    cells = column.astype(object)
    missing = (cells.isna() | cells.isin(MISSING)).to_numpy()
    truths = cells.map(
        {
            True: 1.0,
            False: 0.0,
            "True": 1.0,
            "False": 0.0,
            "true": 1.0,
            "false": 0.0,
            "TRUE": 1.0,
            "FALSE": 0.0,
        }
    )
    if truths.notna().sum() == (~missing).sum():
        return truths.to_numpy(dtype=np.float64), np.array([], dtype=np.int64)
    values = pd.to_numeric(cells.where(~missing), errors="coerce").to_numpy(dtype=np.float64)
    if decimal == ",":
        values = np.where([isinstance(cell, str) and "." in cell for cell in cells], np.nan, values)
    return values, np.flatnonzero(np.isnan(values) & ~missing)


def read_columns(
    table: Table, names: tuple[str, ...], role: str, found: Findings, known: dict[str, tuple[str, ...]]
) -> np.ndarray:
    """Columns as float64 [row, column], categorical ones as codes; what cannot be read becomes problems that quote it.

    Args:
        known: names of the categories of each categorical column so far; those that are met are added.
    """
    result = np.empty((len(table.frame), len(names)))
    for place, name in enumerate(names):
        if name in known:
            result[:, place], known[name] = encode(table.frame[name], known[name])
        else:
            result[:, [place]] = read_numbers(table, (name,), role, found)
    return result


def read_numbers(table: Table, names: tuple[str, ...], role: str, found: Findings) -> np.ndarray:
    """Columns as float64 [row, column]; text and infinite values become problems that quote them."""
    result = np.empty((len(table.frame), len(names)))
    for place, name in enumerate(names):
        values, bad = numbers(table.frame[name], table.decimal)
        result[:, place] = values
        if len(bad):
            rows = len(values)
            text = bool(np.isnan(values).all())  # not one number, whether or not cells are missing too
            share = "holds text" if text else f"{len(bad):,} of {rows:,} cells are not numbers"
            remedy = remedy_for(table.frame[name].iloc[bad], text)
            remedy = POINTS if table.decimal == "," and "." in str(table.frame[name].iloc[bad[0]]) else remedy
            remedy = remedy or (
                f"a {role} column must be numeric, or be named as categorical" if text else NUMBER_REMEDY
            )
            found.problems.append(f"{role} column {name!r}: {share}: {table.quote(name, bad)}; {remedy}")
        _check_size(values, table, name, role, found)
    return result


def _check_size(values: np.ndarray, table: Table, name: str, role: str, found: Findings) -> None:
    """Infinite values and immense ones are problems; whole numbers that a float64 rounds are noted."""
    if not len(values) or not max(np.fmax.reduce(values), -np.fmin.reduce(values)) >= EXACT:
        return
    largest = np.abs(values)
    endless = np.flatnonzero(np.isinf(values))
    if len(endless):
        found.problems.append(
            f"{role} column {name!r}: infinite values: {table.quote(name, endless)}; "
            "correct them or leave the cells empty"
        )
    immense = np.flatnonzero(np.isfinite(values) & (largest > LARGEST))
    if len(immense):
        found.problems.append(
            f"{role} column {name!r}: values beyond {LARGEST:g}: {table.quote(name, immense)}; use a larger unit, or "
            "--missing VALUE if it stands for a missing cell"
        )
    rounded = np.flatnonzero((largest >= EXACT) & (largest < WHOLE))
    if len(rounded) and not (len(endless) or len(immense)):
        count = f"{len(rounded):,} {'number' if len(rounded) == 1 else 'numbers'} beyond 2^53"
        found.notes.append(
            f"{role} column {name!r}: {count} may have lost their last digits, the first in {table.rows(rounded[:1])}"
        )


def remedy_for(cells: pd.Series, all_text: bool = False) -> str | None:
    """What to do about cells that are not numbers, told by what they look like; None where nothing is known.

    Example:
        >>> remedy_for(pd.Series(["-", "-"]))
        "if it stands for a missing cell use --missing=- (in Python Format(missing=('-',)))"
    """
    texts = sorted({str(cell).strip() for cell in cells})
    if all(re.fullmatch(GROUPED, text) for text in texts):
        mark = next((mark for mark in ",.'" if mark in texts[0]), "space")
        either = f", or {advice('decimal', ',')} if the comma is a decimal sign" if mark == "," else ""
        return f"if {texts[0]!r} has separators of thousands use {advice('thousands', mark)}{either}"
    if all(re.fullmatch(r"[+-]?\d*,\d+", text) for text in texts):
        return f"if the comma is a decimal sign use {advice('decimal', ',')}"
    if len(texts) <= 3 and not any(any(c.isdigit() for c in text) for text in texts) and not all_text:
        which = "it stands for a missing cell" if len(texts) == 1 else "they stand for missing cells"
        return f"if {which} use {advice('missing', tuple(texts))}"
    strange = next((c for text in texts for c in text if ord(c) > 127), None)
    if strange is not None and not all_text:
        code, called = f"U+{ord(strange):04X}", unicodedata.name(strange, "unknown")
        return f"the character {strange!r} is {code}, {called}; {NUMBER_REMEDY}"
    return None


def spread(values: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest value of each series, [series, column]; NaN where a series has none."""
    return np.fmin.reduceat(values, offsets[:-1], axis=0), np.fmax.reduceat(values, offsets[:-1], axis=0)


def check_targets(values: np.ndarray, names: tuple[str, ...], rows: Rows, found: Findings) -> None:
    """Targets that are missing or constant everywhere are problems, in some series they are notes.

    Args:
        values: float64 [row, target], in the order of `rows`.
    """
    least, most = spread(values, rows.offsets)
    lengths = np.diff(rows.offsets)
    broken = [problem for problem in found.problems if problem.startswith("target column")]
    for place, name in enumerate(names):
        if any(repr(name) in problem for problem in broken):
            continue
        empty = np.isnan(least[:, place])
        still = (least[:, place] == most[:, place]) | empty
        if empty.all():
            found.problems.append(f"target {name!r}: every value is missing; choose another column")
        elif still.all():
            each = "" if len(rows.series) == 1 else " in every series"
            value = f" ({least[0, place]:g})" if len(rows.series) == 1 else ""
            found.problems.append(
                f"target {name!r}: the value never changes{value}{each}; there is nothing to forecast"
            )
        else:
            _note_series(f"target {name!r} has no values in", empty, rows, found)
            _note_series(f"target {name!r} never changes in", still & ~empty & (lengths > 1), rows, found)


def _note_series(text: str, which: np.ndarray, rows: Rows, found: Findings) -> None:
    index = np.flatnonzero(which)
    if len(index):
        names = ", ".join(rows.series[i] for i in index[:5]) + (", ..." if len(index) > 5 else "")
        found.notes.append(f"{text} {len(index):,} series: {names}")


def note_missing(values: np.ndarray, names: tuple[str, ...], targets: int, found: Findings) -> None:
    """Say how many cells of each channel are missing."""
    absent = np.isnan(values).sum(axis=0)
    if (absent > 0).sum() > MANY:
        most = int(absent.argmax())
        found.notes.append(
            f"{absent.sum():,} of {values.size:,} values in {(absent > 0).sum()} columns are missing, "
            f"most in {names[most]!r} ({absent[most]:,} of {len(values):,})"
        )
        return
    for name, count in zip(names, absent, strict=True):
        if 0 < count < len(values):
            verb = "is" if count == 1 else "are"
            found.notes.append(f"{count:,} of {len(values):,} values of {name!r} {verb} missing")
        elif count and name in names[targets:]:
            found.notes.append(f"all values of {name!r} are missing")


def note_open_end(values: np.ndarray, schema: Schema, rows: Rows, found: Findings) -> None:
    """Say where a forecast would start when the last rows have no target, and nothing is known ahead."""
    if schema.future or not len(values) or not schema.targets:
        return
    targets = values[:, : len(schema.targets)]
    ends = rows.offsets[1:][np.diff(rows.offsets) > 0] - 1
    count = int((~np.isfinite(targets[ends]).any(axis=1)).sum())
    if not count:
        return
    if len(rows.series) > 1:
        found.notes.append(f"the last rows of {count:,} series have no target: forecasts start before them")
        return
    seen = np.flatnonzero(np.isfinite(targets).any(axis=1))
    if len(seen):
        left, last = len(targets) - 1 - int(seen[-1]), rows.times[seen[-1]]
        rows_have = "row has" if left == 1 else f"{left:,} rows have"
        found.notes.append(f"the last {rows_have} no target: a forecast starts after {day(last)}")


def static_values(values: np.ndarray, names: tuple[str, ...], rows: Rows, found: Findings) -> np.ndarray:
    """One value per series and static column, float64 [series, static]; anything else is a problem."""
    least, most = spread(values, rows.offsets)
    for place, name in enumerate(names):
        several = np.flatnonzero(least[:, place] < most[:, place])
        absent = np.flatnonzero(np.isnan(least[:, place]))
        if len(several):
            first = several[0]
            span = f"{least[first, place]:g} to {most[first, place]:g}"
            found.problems.append(
                f"static column {name!r}: series {rows.series[first]!r} has several values ({span})"
                f"{_others(several)}; give one value a series, or make it a past covariate"
            )
        if len(absent):
            found.problems.append(
                f"static column {name!r}: series {rows.series[absent[0]]!r} has no value{_others(absent)}; fill it in"
            )
    return least


def _others(index: np.ndarray) -> str:
    return f", as have {len(index) - 1:,} other series" if len(index) > 1 else ""


def check_doubled(table: Table, rows: Rows, hint: str, found: Findings, most: int = SHOWN) -> None:
    """Several rows of one series and time: name series, time and count, of at most so many."""
    if not rows.doubled.any():
        return
    again = np.flatnonzero(rows.doubled)
    first = again[~rows.doubled[again - 1]]
    ends = np.flatnonzero(~np.append(rows.doubled[1:], False))
    counts = ends[np.searchsorted(ends, first)] - first + 2
    belongs = rows.row_series
    named = len(rows.series) > 1
    shown = [
        (f"series {rows.series[belongs[row]]!r} " if named else "") + f"{day(rows.times[row])} ({count} rows)"
        for row, count in zip(first[:most], counts[:most], strict=True)
    ]
    more = f" and {len(first) - most:,} more" if len(first) > most else ""
    where = table.rows(np.sort(rows.positions(np.array([first[0] - 1, first[0]]))))
    found.problems.append(
        f"{len(first):,} {'times occur' if len(first) > 1 else 'time occurs'} more than once: "
        f"{', '.join(shown)}{more} "
        f"(the first in {where}); {hint}"
    )
