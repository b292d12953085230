"""Numerals: numbers as people write them: 1.234,56  1'234  $12  12.3 °C  (12)  − 5. Read where one reading is left."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from forecast.data.files import MISSING
from forecast.data.format import Format

PLACEHOLDERS = (".", "..", "...", "?", "-", "--", "---", "–", "—", "M", "n.a.", "N.A.", "na", "n.d.", "missing", "*")
REPEATED = 3
"""Cells of one kind from which a repair is taken for a habit of the file, and not for damage."""
BLANKS = "\u00a0\u2007\u2009\u202f"
CELL = re.compile(
    r"(?P<open>\()?(?P<sign>[+-]?)\s*(?P<before>[^\d.,+\-()'\s][^\d.,+\-()']*?)?\s*(?P<inner>[+-]?)"
    r"(?P<core>\d[\d.,' ]*|[.,]\d+)(?P<power>[eE][+-]?\d+)?\s*(?P<unit>[^\d.,()+\-'\s][^\d()]*)?(?P<close>\))?"
)
TIMES = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "bn": 1e9, "Mio": 1e6, "Mrd": 1e9, "mn": 1e6}
CURRENCIES = "$ € £ ¥ ₹ US$ R$ A$ C$ HK$ kr zł USD EUR GBP CHF JPY INR CNY SEK NOK DKK PLN CAD AUD BRL Rs"
MEASURES = (
    "% ‰ pct percent ° °C °F C F K degC degF kW MW GW W kWh MWh GWh Wh V A mA Hz kHz MHz m km cm mm mi ft in m/s km/h "
    "mph kn kts hPa mbar bar Pa kPa psi kg g mg t lb l L ml m² m³ m2 m3 µg/m³ µg/m3 ug/m3 mg/m3 W/m² W/m2 ppm ppb "
    "h min s ms bps bp x pcs units"
)
PREFIXES, SUFFIXES = frozenset(CURRENCIES.split()), frozenset((CURRENCIES + " " + MEASURES).split())
HEAD = 100  # cells by which a column of words is told from one of numbers
TO_ASCII = str.maketrans({"\u2212": "-", **dict.fromkeys(BLANKS, " ")})
EASTERN = re.compile("[^\x00-\x7f]")


@dataclass(frozen=True, eq=False)
class Numerals:
    """A column of text read as numbers.

    Args:
        values: float64 [row], NaN where missing.
        repairs: what was done, in words.
        format: with what was found out.
    """

    values: np.ndarray
    repairs: tuple[str, ...]
    format: Format


@dataclass(frozen=True, eq=False)
class _Parts:
    """Cells taken apart: arrays of text [cell]."""

    negative: np.ndarray
    core: np.ndarray
    power: np.ndarray
    unit: np.ndarray


def read(column: pd.Series, form: Format, name: str) -> Numerals | None:
    """Read a column of text as numbers, where all of it can be read in one way; None where it cannot.

    Args:
        form: what is known of the file.
        name: of the column.

    Example:
        >>> found = read(pd.Series(["1.234,5", "NA", "12,25"]), Format(), "y")
        >>> found.values.tolist(), found.format.decimal, found.format.thousands
        ([1234.5, nan, 12.25], ',', '.')
        >>> read(pd.Series(["1,234", "5"]), Format(), "y") is None  # 1.234, or a thousand?
        True
        >>> read(pd.Series(["$1", "$2", "$3"]), Format(), "y").repairs
        ("the unit '$' was taken off",)
    """
    if not _promising(column):
        return None
    texts = column.astype(object).map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    absent = (texts.isna() | texts.isin([*MISSING, *form.missing])).to_numpy()
    if absent.all() or not any(isinstance(cell, str) for cell in texts[~absent]):
        return None
    cells = texts[~absent].astype(str)
    holders, form, repairs = _placeholders(cells, form)
    cells, said = _ascii(cells[~holders])
    if not len(cells):
        return None
    parts = _taken_apart(cells)
    if parts is None:
        return None
    united = _units(parts, form, name)
    sized = _sizes(parts.core, form)
    if united is None or sized is None:
        return None
    factors, form, unit_said = united
    numbers, form, size_said = sized[0], replace(form, decimal=sized[1], thousands=sized[2]), sized[3]
    values = np.full(len(column), np.nan)
    places = np.flatnonzero(~absent)[~holders]
    values[places] = _assembled(numbers, parts) * factors
    if np.isnan(values[places]).any():
        return None
    return Numerals(values, (*repairs, *said, *unit_said, *size_said, *_brackets(cells)), form)


def _promising(column: pd.Series) -> bool:
    """Whether some of the first cells look like numbers."""
    head = [cell for cell in column.head(HEAD).tolist() if isinstance(cell, str)]
    return not head or any(CELL.fullmatch(cell.strip().translate(TO_ASCII)) for cell in head)


def _placeholders(cells: pd.Series, form: Format) -> tuple[np.ndarray, Format, list[str]]:
    """Which cells say in the usual ways that nothing is there, again and again."""
    counts = cells[cells.isin(PLACEHOLDERS)].value_counts()
    usual = [str(word) for word, count in counts.items() if count >= REPEATED]
    which = cells.isin(usual).to_numpy()
    said = [f"{counts[word]:,} cells with {word!r} were taken for missing" for word in usual]
    return which, replace(form, missing=(*form.missing, *usual)) if usual else form, said


def _ascii(cells: pd.Series) -> tuple[pd.Series, list[str]]:
    if not cells.str.contains(EASTERN).any():
        return cells, []
    said = ["signs '−' (U+2212) were read as minus"] if cells.str.contains("\u2212").any() else []
    return cells.str.translate(TO_ASCII).str.strip(), said


def _taken_apart(cells: pd.Series) -> _Parts | None:
    found = []
    for text in cells:
        found.append(CELL.fullmatch(text))
        if found[-1] is None:
            return None
    if any(bool(match["open"]) != bool(match["close"]) for match in found if match):
        return None
    groups = [match.groupdict("") for match in found if match]
    if any(group["sign"] and group["inner"] for group in groups):
        return None
    if not {group["before"].strip() for group in groups} <= PREFIXES | {""}:
        return None
    if not {group["unit"].strip() for group in groups} <= SUFFIXES | set(TIMES) | {""}:
        return None
    minus = [(bool(group["open"])) != ("-" in (group["sign"] + group["inner"])) for group in groups]
    units = [(group["before"].strip() + " " + group["unit"].strip()).strip() for group in groups]
    return _Parts(
        np.array(minus),
        np.array([group["core"].strip() for group in groups], dtype=object),
        np.array([group["power"] for group in groups], dtype=object),
        np.array(units, dtype=object),
    )


def _units(parts: _Parts, form: Format, name: str) -> tuple[np.ndarray, Format, list[str]] | None:
    """Factors of the cells, [cell]; None where units differ, or differ from those that are known."""
    known = dict(entry.rsplit("=", 1) for entry in form.units).get(name)
    units = set(parts.unit)
    ones = np.ones(len(parts.core))
    if units == {""}:
        return (ones, form, []) if known is None else None
    if all(unit in TIMES or unit == "" for unit in units):
        if (parts.unit != "").sum() < min(REPEATED, len(parts.unit)):
            return None
        factors = np.array([TIMES.get(unit, 1.0) for unit in parts.unit])
        shown = ", ".join(sorted(unit for unit in units if unit))
        return factors, form, [f"numbers with {shown} were multiplied out"]
    unit = next(iter(units))
    if len(units) > 1 or len(unit) > 12 or known not in (None, unit) or len(parts.unit) < 2:
        return None
    form = form if known else replace(form, units=(*form.units, f"{name}={unit}"))
    return ones, form, [] if known else [f"the unit {unit!r} was taken off"]


def _sizes(cores: np.ndarray, form: Format) -> tuple[np.ndarray, str | None, str | None, list[str]] | None:
    """Numbers of the digits with what stands between them, decimal sign, sign of thousands, and what was found out."""
    marks = _marks(cores, form)
    if marks is None:
        return None
    decimal, thousands = marks
    point = decimal or "."
    between = f"[{re.escape(thousands)}]" if thousands else None
    shape = rf"\d{{1,3}}(?:{between}\d{{3}})+|\d+|" if between else r"\d+|"
    number = re.compile(rf"(?:{shape})(?:{re.escape(point)}\d*)?")
    texts = [str(core) for core in cores]
    if not all(number.fullmatch(text) for text in texts):
        return None
    plain = [text.replace(thousands, "") if thousands else text for text in texts]
    values = pd.to_numeric(pd.Series([text.replace(point, ".") for text in plain]), errors="coerce").to_numpy(float)
    said = []
    example = next((text for text in texts if "," in text), None)
    if decimal != form.decimal and decimal == "," and example:
        said.append(f"numbers such as {example!r} were read with a decimal comma")
    if thousands != form.thousands and thousands:
        example = next(text for text in texts if thousands in text)
        said.append(f"numbers such as {example!r} were read with separators of thousands")
    return values, decimal, thousands, said


def _marks(cores: np.ndarray, form: Format) -> tuple[str | None, str | None] | None:
    """The decimal sign and that of thousands; None where the cells leave it open or contradict each other."""
    if form.decimal is not None and form.thousands is not None:
        return form.decimal, form.thousands
    spaced = [mark for mark in ("'", " ") if any(mark in core for core in cores)]
    if len(spaced) > 1:
        return None
    decimal = form.decimal or _decimal(_uses(cores, ","), _uses(cores, "."), form.thousands)
    if decimal == "?":
        return None
    thousands = form.thousands or (spaced[0] if spaced else None)
    point, other = (".", ",") if (decimal or ".") == "." else (",", ".")
    if thousands is None and _uses(cores, other).cells:
        thousands = other
    if thousands is not None and form.thousands is None:
        grouped = [core for core in cores if thousands in core]
        sure = any(core.count(thousands) > 1 or point in core for core in grouped)
        if len(grouped) < min(REPEATED, len(cores)) and not sure:
            return None
    return decimal, thousands


@dataclass(frozen=True)
class _Use:
    """How a mark is used: cells that have it, and whether it can, or must, be decimal or stand for thousands."""

    cells: int
    groups: bool
    several: bool


def _uses(cores: np.ndarray, mark: str) -> _Use:
    having = [str(core) for core in cores if mark in core]
    group = re.compile(rf"\d{{1,3}}(?:{re.escape(mark)}\d{{3}})+(?:[^{re.escape(mark)}]\d*)?")
    return _Use(
        len(having),
        all(group.fullmatch(core) for core in having),
        any(core.count(mark) > 1 for core in having),
    )


def _decimal(comma: _Use, point: _Use, thousands: str | None) -> str | None:
    """The decimal sign: None where there is none or it is a point, "?" where nobody can know."""
    if not comma.cells:
        return "," if point.several and point.groups and thousands is None else None
    if thousands == ",":
        return None
    if comma.several:
        return None
    if not comma.groups:
        return "," if not point.cells or point.groups else "?"
    if point.cells:
        return None if not point.several else ","
    return "?"  # 1,234 may be either


def _assembled(numbers: np.ndarray, parts: _Parts) -> np.ndarray:
    powers = pd.to_numeric(pd.Series([f"1{power}" for power in parts.power]), errors="coerce").to_numpy(float)
    return np.where(parts.negative, -numbers, numbers) * powers


def _brackets(cells: pd.Series) -> list[str]:
    return ["numbers in brackets were read as negative"] if cells.str.startswith("(").any() else []
