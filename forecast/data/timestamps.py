"""Timestamps: one explicit format for a whole column, or an error that quotes what does not fit."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format  # pyrefly: ignore[missing-module-attribute]

from forecast.data.calendar import infer
from forecast.data.files import MISSING

REMEDY = "write timestamps like 2024-01-31 or 2024-01-31 18:00"
OFFSET = r"\d{1,2}:\d\d.*(?:[zZ]|[+-]\d\d:?\d\d)$"
TAIL = r"\s*(?:[zZ]|[+-]\d\d:?\d\d)$"
NUMERIC = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)(.*)")
NAMES = ("time", "date", "ds", "timestamp", "datetime", "day", "week", "month", "quarter", "year", "period")
GRID = 0.95  # share of equal steps that makes a grid
MIXED = 0.05  # share of dates of the rarer order from which the order counts as mixed
SHAPES = 200


@dataclass(frozen=True, eq=False)
class Stamps:
    """A parsed column.

    Args:
        values: datetime64[us] [row]; NaT where there is none or it cannot be read.
        missing: bool [row], nothing stands there.
        notes: what the user should know, one phrase each ("read as day/month/year").
        problem: why the column as a whole cannot be read; None when it can.
        day_first: how 03/04/2024 was read; None where nothing like it stands there.
        whole_days: whether stamps with an offset from UTC are days of their own clock; None where none has one.
    """

    values: np.ndarray
    missing: np.ndarray
    notes: tuple[str, ...] = ()
    problem: str | None = None
    day_first: bool | None = None
    whole_days: bool | None = None

    @property
    def bad(self) -> np.ndarray:
        """Positions of the rows that hold something which is no timestamp."""
        return np.flatnonzero(np.isnat(self.values) & ~self.missing)


@dataclass(frozen=True, eq=False)
class _Parsed:
    """Distinct texts, parsed: values datetime64[us] [text]."""

    values: np.ndarray
    notes: tuple[str, ...] = ()
    problem: str | None = None
    day_first: bool | None = None
    whole_days: bool | None = None


def parse(column: pd.Series, day_first: bool | None = None, whole_days: bool | None = None) -> Stamps:
    """Parse a column of text, whole numbers or dates.

    Offsets from UTC are applied and then dropped; where all stamps are midnights of their own clock they are days, and
    the days stay what they are. 03/04/2024 is read as day/month or month/day by the values
    that allow one reading only, else by the reading that gives a regular grid.

    Args:
        day_first: which of them it is, where that is known.
        whole_days: whether stamps with an offset are days, where that is known.

    Example:
        >>> parse(pd.Series(["13/02/2024", "14/02/2024", "x"])).values.astype("M8[D]").tolist()
        [datetime.date(2024, 2, 13), datetime.date(2024, 2, 14), None]
        >>> parse(pd.Series(["2024-01-01 00:00+01:00"])).notes
        ('converted to UTC, offsets dropped',)
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        dates = _from_dates(pd.DatetimeIndex(column), whole_days)
        return Stamps(dates.values, np.isnat(dates.values), dates.notes, whole_days=dates.whole_days)
    codes, distinct = pd.factorize(column)
    distinct = pd.Index(distinct)
    if isinstance(distinct, pd.PeriodIndex):
        parsed = _Parsed(_microseconds(distinct.to_timestamp()))
    elif pd.api.types.infer_dtype(distinct) in ("date", "datetime"):
        parsed = _from_objects(distinct, whole_days)
    else:
        texts = _texts(distinct)
        known = ~texts.isin(MISSING)
        codes = np.where(codes >= 0, np.append(np.where(known, np.cumsum(known) - 1, -1), -1)[codes], -1)
        parsed = _from_texts(texts[known], day_first, whole_days)
    values = np.append(parsed.values, np.datetime64("NaT", "us"))[codes]
    return Stamps(values, codes < 0, parsed.notes, parsed.problem, parsed.day_first, parsed.whole_days)


def is_time(column: pd.Series, name: str) -> bool:
    """Whether a sample of a column holds timestamps; 20240131 counts only under a name such as "date".

    Example:
        >>> is_time(pd.Series(["Jan 1 2000", "Feb 1 2000"]), "x"), is_time(pd.Series(["1.5", "2"]), "date")
        (True, False)
    """
    if pd.api.types.is_datetime64_any_dtype(column) or isinstance(column.dtype, pd.PeriodDtype):
        return True
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_float_dtype(column):
        return False
    dates = name_rank(name) is not None
    if not dates and pd.to_numeric(column, errors="coerce").notna().any():
        return False
    stamps = parse(column)
    known = (~stamps.missing).sum()
    read = known - len(stamps.bad)
    ambiguous = stamps.problem is not None and "day first" in stamps.problem
    return bool(known and (ambiguous or (read > known / 2 if dates else read == known)))


def name_rank(name: str) -> int | None:
    """How much a name sounds like a time column (0 is most); None when it does not.

    Example:
        >>> name_rank("ds"), name_rank("Formatted Date"), name_rank("close")
        (2, 11, None)
    """
    lowered = name.strip().lower()
    if lowered in NAMES:
        return NAMES.index(lowered)
    words = re.split(r"[^a-z]+", lowered)
    return len(NAMES) if "date" in lowered or "time" in lowered or set(words) & set(NAMES) else None


def _texts(distinct: pd.Index) -> pd.Index:
    if pd.api.types.is_float_dtype(distinct) and (distinct == np.floor(distinct)).all():
        distinct = distinct.astype("int64")
    return distinct.astype(str).str.strip()


def _microseconds(stamps: pd.DatetimeIndex) -> np.ndarray:
    return stamps.as_unit("us").to_numpy()


def _from_dates(stamps: pd.DatetimeIndex, whole_days: bool | None) -> _Parsed:
    if stamps.tz is None:
        return _Parsed(_microseconds(stamps))
    return _with_offsets(_microseconds(stamps.tz_convert(None)), _microseconds(stamps.tz_localize(None)), whole_days)


def _from_objects(distinct: pd.Index, whole_days: bool | None) -> _Parsed:
    if not any(getattr(stamp, "tzinfo", None) is not None for stamp in distinct):
        return _Parsed(_microseconds(pd.DatetimeIndex(pd.to_datetime(distinct, errors="coerce"))))
    walls = [stamp.replace(tzinfo=None) if hasattr(stamp, "tzinfo") else stamp for stamp in distinct]
    own, utc = pd.to_datetime(walls, errors="coerce"), pd.to_datetime(distinct, errors="coerce", utc=True)
    return _with_offsets(_microseconds(pd.DatetimeIndex(utc.tz_convert(None))), _microseconds(own), whole_days)


def _with_offsets(utc: np.ndarray, own: np.ndarray, whole_days: bool | None) -> _Parsed:
    """Stamps that carry an offset: in UTC, or as the days they stand for.

    A day of a zone begins at another hour of UTC, of the day before even, and twice a year that hour changes.

    Args:
        own: what their own clocks show.
        whole_days: None: days, if there are two at least and all of them begin at midnight.
    """
    if whole_days is None:
        known = np.unique(own[~np.isnat(own)])
        whole_days = bool((known == known.astype("M8[D]")).all()) if len(known) > 1 else None
    if whole_days and not np.array_equal(own, utc, equal_nan=True):
        return _Parsed(own, ("read as days of their own clock, offsets dropped",), whole_days=True)
    return _Parsed(utc, ("converted to UTC, offsets dropped",), whole_days=whole_days)


def _none(texts: pd.Index, problem: str) -> _Parsed:
    return _Parsed(np.full(len(texts), np.datetime64("NaT", "us")), problem=problem)


def _from_texts(texts: pd.Index, day_first: bool | None, whole_days: bool | None) -> _Parsed:
    if not len(texts):
        return _none(texts, "every timestamp is missing")
    example = _usual(texts)
    if example.isdigit():
        return _from_digits(texts, example)
    if NUMERIC.fullmatch(example):
        return _from_numeric(texts, example, day_first)
    aware = np.asarray(texts.str.contains(OFFSET), dtype=bool) if ":" in example else np.zeros(len(texts), dtype=bool)
    if aware.any() and not aware.all():
        plain, offset = texts[~aware][0], texts[aware][0]
        return _none(texts, f"some timestamps carry an offset from UTC ({offset!r}), others do not ({plain!r})")
    parsed = _from_format(texts, example, bool(aware.any()))
    if parsed.problem or not aware.any():
        return parsed
    own = _from_format(texts.str.replace(TAIL, "", regex=True), re.sub(TAIL, "", example), aware=False)
    return _with_offsets(parsed.values, parsed.values if own.problem else own.values, whole_days)


def _usual(texts: pd.Index) -> str:
    """The first text of the most frequent shape among a sample: one broken row does not decide the format."""
    sample = [str(text) for text in texts[:: max(len(texts) // SHAPES, 1)][:SHAPES]]
    shapes = [re.sub(r"[A-Za-z]+", "a", re.sub(r"\d", "0", text)) for text in sample]
    return sample[shapes.index(Counter(shapes).most_common(1)[0][0])]


def _from_digits(texts: pd.Index, example: str) -> _Parsed:
    if len(example) == 8:
        values = _read(texts.where(texts.str.len() == 8), "%Y%m%d")
        if np.isnat(values).mean() < 0.5:
            return _Parsed(values, ("whole numbers read as year-month-day (YYYYMMDD)",))
    return _none(
        texts,
        f"whole numbers are not timestamps (they may count steps, seconds or the days of Excel); {REMEDY}",
    )


def _from_format(texts: pd.Index, example: str, aware: bool) -> _Parsed:
    year_first = re.match(r"\d{4}[-/.]\d{1,2}", example)
    formats = ["ISO8601"] if year_first else []
    guessed = guess_datetime_format(example)
    formats += [guessed] if guessed and "%d" in guessed and "%Y" in guessed else []
    formats += [] if year_first else _month_names(example)
    best: np.ndarray | None = None
    for style in formats:
        values = _read(texts, style, aware)
        best = values if best is None or np.isnat(values).sum() < np.isnat(best).sum() else best
        if not np.isnat(best).any():
            break
    if best is None or np.isnat(best).all():
        return _none(texts, f"this is no timestamp; {REMEDY}")
    return _Parsed(best)


def _month_names(example: str) -> list[str]:
    shape = re.sub(r"\d+", "0", re.sub(r"[A-Za-z]+", "a", example))
    return {"a-0": ["%b-%Y", "%B-%Y"], "a 0": ["%b %Y", "%B %Y"], "0-a": ["%Y-%b"], "0 a": ["%Y %b"]}.get(shape, [])


def _read(texts: pd.Index, style: str, utc: bool = False) -> np.ndarray:
    try:
        stamps = pd.to_datetime(texts, format=style, errors="coerce", utc=utc)
    except ValueError:
        return np.full(len(texts), np.datetime64("NaT", "us"))
    return _microseconds(stamps.tz_convert(None) if stamps.tz is not None else stamps)


def _from_numeric(texts: pd.Index, example: str, day_first: bool | None) -> _Parsed:
    """Texts such as 03/04/2024: which of the two is the day?"""
    parts = NUMERIC.fullmatch(example)
    assert parts is not None  # the caller has seen it match
    _, separator, _, year, rest = parts.groups()
    if len(year) == 2:
        return _none(texts, f"the year of {example!r} has two digits, which may mean two centuries; {REMEDY}")
    numbers = texts.str.extract(r"^(\d{1,2})[/.-](\d{1,2})[/.-]").apply(pd.to_numeric).to_numpy(dtype=float)
    over = [(numbers[:, place] > 12) for place in (0, 1)]
    counts = [int(which.sum()) for which in over]
    styles = [_style(order, separator, rest) for order in ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y")]
    words = ("day/month/year", "month/day/year")
    if day_first is not None:
        return _Parsed(_read(texts, styles[not day_first]), (f"read as {words[not day_first]}",), day_first=day_first)
    if min(counts) > MIXED * len(texts):
        return _none(texts, f"{texts[over[0]][0]!r} is day first and {texts[over[1]][0]!r} month first; {REMEDY}")
    if max(counts):
        place = int(counts[1] > counts[0])
        return _Parsed(_read(texts, styles[place]), (f"read as {words[place]}",), day_first=place == 0)
    return _by_grid(texts, example, styles, words)


def _by_grid(texts: pd.Index, example: str, styles: list[str], words: tuple[str, str]) -> _Parsed:
    readings = [_read(texts, style) for style in styles]
    regular = [_regularity(values) >= GRID for values in readings]
    if regular[0] == regular[1]:
        reason = "both are regular" if regular[0] else "neither is regular"
        return _none(texts, f"{example!r} may be day first or month first ({reason}), no day is above 12; {REMEDY}")
    place = regular.index(True)
    return _Parsed(
        readings[place], (f"read as {words[place]}, the reading that gives regular steps",), day_first=place == 0
    )


def _regularity(values: np.ndarray) -> float:
    stamps = np.unique(values[~np.isnat(values)])
    return infer(stamps, np.array([0, len(stamps)])).regular if len(stamps) > 2 and len(stamps) == len(values) else 0.0


def _style(order: str, separator: str, rest: str) -> str:
    clock = guess_datetime_format(f"2000-01-01{rest}") if rest.strip() else "%Y-%m-%d"
    half = re.fullmatch(r"(\s+)\d{1,2}:\d\d(:\d\d)?\s*[AaPp][Mm]", rest)
    if half:
        clock = f"%Y-%m-%d{half[1]}%I:%M{':%S' if half[2] else ''}{' ' if ' ' in rest.strip() else ''}%p"
    return order.format(separator) + (clock or "%Y-%m-%d" + rest).removeprefix("%Y-%m-%d")
