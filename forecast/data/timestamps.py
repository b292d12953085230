"""Timestamps: one explicit format for a whole column, or an error that quotes what does not fit."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format  # pyrefly: ignore[missing-module-attribute]

from forecast.data.clocks import counted, readings
from forecast.data.dayorder import NUMERIC, from_numeric
from forecast.data.files import MISSING
from forecast.data.format import Format, advice, flag
from forecast.data.stamps import REMEDY, Parsed, microseconds_of, no_stamps, read_as

PLAIN = Format()
OFFSET = r"\d{1,2}:\d\d.*(?:[zZ]|[+-]\d\d:?\d\d)$"
TAIL = r"\s*(?:[zZ]|[+-]\d\d:?\d\d)$"
NAMES = ("time", "date", "ds", "timestamp", "datetime", "day", "week", "month", "quarter", "year", "period")
YEARS = ("year", "jahr", "annee", "année", "ano", "año", "anno")
LEAP = r":6\d(?:\D|$)"
LATE = r"[ T]24:00(?::00(?:\.0+)?)?(?:$|[^\d:])"
CLOCK = re.compile(r"(?:\d{1,2}[:.]\d\d(?:[:.]\d\d)?)?")
MIDNIGHT = r"([ T])24:00(:00(?:\.0+)?)?(?=$|[^\d:])"
SHAPES = 200


@dataclass(frozen=True, eq=False)
class Stamps:
    """A parsed column.

    Args:
        values: datetime64[us] [row]; NaT where there is none or it cannot be read.
        missing: bool [row], nothing stands there.
        notes: what the user should know, one phrase each ("read as day/month/year").
        repairs: those of the notes that tell of a guess, or of something that was mended.
        problem: why the column as a whole cannot be read; None when it can.
        day_first: how 03/04/2024 was read; None where nothing like it stands there.
        whole_days: whether stamps with an offset from UTC are days of their own clock; None where none has one.
    """

    values: np.ndarray
    missing: np.ndarray
    notes: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    problem: str | None = None
    day_first: bool | None = None
    whole_days: bool | None = None

    @property
    def bad(self) -> np.ndarray:
        """Positions of the rows that hold something which is no timestamp."""
        return np.flatnonzero(np.isnat(self.values) & ~self.missing)


def parse(
    column: pd.Series,
    day_first: bool | None = None,
    whole_days: bool | None = None,
    form: Format = PLAIN,
    name: str = "",
) -> Stamps:
    """Parse a column of text, whole numbers or dates.

    Offsets from UTC are applied and then dropped; where all stamps are midnights of their own clock they are days, and
    the days stay what they are. 03/04/2024 is read as day/month or month/day by the values
    that allow one reading only, else by the reading that gives a regular grid.

    Args:
        day_first: which of them it is, where that is known.
        whole_days: whether stamps with an offset are days, where that is known.
        form: what was told of the timestamps.
        name: of the column; under "year" whole numbers of four digits are years.

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
        parsed = Parsed(microseconds_of(distinct.to_timestamp()))
    elif pd.api.types.infer_dtype(distinct) in ("date", "datetime"):
        parsed = _from_objects(distinct, whole_days)
    else:
        texts = _texts(distinct)
        known = ~texts.isin([*MISSING, *form.missing])
        codes = np.where(codes >= 0, np.append(np.where(known, np.cumsum(known) - 1, -1), -1)[codes], -1)
        parsed = _told(texts[known], form, name) or _from_texts(texts[known], day_first, whole_days)
    values = np.append(parsed.values, np.datetime64("NaT", "us"))[codes]
    return Stamps(values, codes < 0, parsed.notes, parsed.repairs, parsed.problem, parsed.day_first, parsed.whole_days)


def is_time(column: pd.Series, name: str, form: Format = PLAIN) -> bool:
    """Whether a sample of a column holds timestamps; 20240131 counts only under a name such as "date".

    Example:
        >>> is_time(pd.Series(["Jan 1 2000", "Feb 1 2000"]), "x"), is_time(pd.Series(["1.5", "2"]), "date")
        (True, False)
    """
    if pd.api.types.is_datetime64_any_dtype(column) or isinstance(column.dtype, pd.PeriodDtype):
        return True
    if pd.api.types.is_bool_dtype(column) or (pd.api.types.is_float_dtype(column) and form.date_unit is None):
        return False
    dates = name_rank(name) is not None
    if not dates and pd.to_numeric(column, errors="coerce").notna().any():
        return False
    if "dat" not in name.lower() and all(CLOCK.fullmatch(str(cell).strip()) for cell in column.dropna()):
        return False  # a time of the day, for some date beside it
    stamps = parse(column, form=form, name=name)
    known = (~stamps.missing).sum()
    read = known - len(stamps.bad)
    ambiguous = stamps.problem is not None and ("day first" in stamps.problem or "two digits" in stamps.problem)
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
    if (
        pd.api.types.is_float_dtype(distinct)
        and (distinct == np.floor(distinct)).all()
        and (np.abs(distinct.to_numpy()) < 2**62).all()
    ):
        distinct = distinct.astype("int64")
    return distinct.astype(str).str.strip()


def _from_dates(stamps: pd.DatetimeIndex, whole_days: bool | None) -> Parsed:
    if stamps.tz is None:
        return Parsed(microseconds_of(stamps))
    return _with_offsets(
        microseconds_of(stamps.tz_convert(None)), microseconds_of(stamps.tz_localize(None)), whole_days
    )


def _from_objects(distinct: pd.Index, whole_days: bool | None) -> Parsed:
    if not any(getattr(stamp, "tzinfo", None) is not None for stamp in distinct):
        return Parsed(microseconds_of(pd.DatetimeIndex(pd.to_datetime(distinct, errors="coerce"))))
    walls = [stamp.replace(tzinfo=None) if hasattr(stamp, "tzinfo") else stamp for stamp in distinct]
    own, utc = pd.to_datetime(walls, errors="coerce"), pd.to_datetime(distinct, errors="coerce", utc=True)
    return _with_offsets(microseconds_of(pd.DatetimeIndex(utc.tz_convert(None))), microseconds_of(own), whole_days)


def _with_offsets(utc: np.ndarray, own: np.ndarray, whole_days: bool | None) -> Parsed:
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
        return Parsed(own, ("read as days of their own clock, offsets dropped",), whole_days=True)
    return Parsed(utc, ("converted to UTC, offsets dropped",), whole_days=whole_days)


def _told(texts: pd.Index, form: Format, name: str) -> Parsed | None:
    """Texts read as it was told; None where nothing was told."""
    if form.date_format is not None:
        values = read_as(texts, form.date_format)
        problem = f"not one timestamp is written as {form.date_format!r}" if np.isnat(values).all() else None
        return Parsed(values, problem=problem)
    unit = form.date_unit
    if unit is None and set(re.split(r"[^a-zà-ÿ]+", name.strip().lower())) & set(YEARS):
        years = len(texts) > 0 and bool(texts.str.fullmatch(r"(?:1[6-9]|2[012])\d\d").all())
        return (
            Parsed(counted(texts.astype(float).to_numpy(), "year"), ("whole numbers read as years",)) if years else None
        )
    if unit is None:
        return None
    if unit == "YYYYMMDD":
        values = read_as(texts.where(texts.str.len() == 8), "%Y%m%d")
    else:
        values = counted(pd.to_numeric(texts.to_series(), errors="coerce").to_numpy(dtype=float), unit)
    problem = f"not one number is a plausible time with {advice('date_unit', unit)}" if np.isnat(values).all() else None
    return Parsed(values, problem=problem)


def _from_texts(texts: pd.Index, day_first: bool | None, whole_days: bool | None) -> Parsed:
    if not len(texts):
        return no_stamps(texts, "every timestamp is missing")
    late = np.asarray(texts.str.contains("24:00", regex=False), dtype=bool)
    late = late & np.asarray(texts.str.contains(LATE), dtype=bool) if late.any() else late
    if late.any():
        parsed = _from_texts(texts.str.replace(MIDNIGHT, r"\g<1>00:00\g<2>", regex=True), day_first, whole_days)
        said = (*parsed.repairs, "24:00 was read as midnight of the next day")
        values = parsed.values + late * np.timedelta64(1, "D")
        return replace(parsed, values=values, notes=(*parsed.notes, said[-1]), repairs=said)
    example = _usual(texts)
    if example.isdigit():
        return _from_digits(texts, example)
    if NUMERIC.fullmatch(example):
        return from_numeric(texts, example, day_first)
    aware = np.asarray(texts.str.contains(OFFSET), dtype=bool) if ":" in example else np.zeros(len(texts), dtype=bool)
    if aware.any() and not aware.all():
        plain, offset = texts[~aware][0], texts[aware][0]
        return no_stamps(texts, f"some timestamps carry an offset from UTC ({offset!r}), others do not ({plain!r})")
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


def _from_digits(texts: pd.Index, example: str) -> Parsed:
    if len(example) == 8:
        values = read_as(texts.where(texts.str.len() == 8), "%Y%m%d")
        if np.isnat(values).mean() < 0.5:
            return Parsed(values, ("whole numbers read as year-month-day (YYYYMMDD)",))
    likely = [f"{flag('date_unit', unit)} makes it {date}" for unit, date in readings(float(example))]
    ask = f"say what {example} means: {', '.join(likely)}" if likely else REMEDY
    return no_stamps(
        texts, f"whole numbers are not timestamps (they may count steps, seconds or the days of Excel); {ask}"
    )


def _from_format(texts: pd.Index, example: str, aware: bool) -> Parsed:
    year_first = re.match(r"\d{4}[-/.]\d{1,2}", example)
    formats = ["ISO8601"] if year_first else []
    guessed = guess_datetime_format(example)
    formats += [guessed] if guessed and "%d" in guessed and "%Y" in guessed else []
    formats += [] if year_first else _month_names(example)
    best: np.ndarray | None = None
    for style in formats:
        values = read_as(texts, style, aware)
        values = (
            values if style == "ISO8601" else np.where(texts.str.contains(LEAP), np.datetime64("NaT", "us"), values)
        )
        best = values if best is None or np.isnat(values).sum() < np.isnat(best).sum() else best
        if not np.isnat(best).any():
            break
    if best is None or np.isnat(best).all():
        return no_stamps(texts, f"this is no timestamp; {REMEDY}")
    return Parsed(best)


def _month_names(example: str) -> list[str]:
    shape = re.sub(r"\d+", "0", re.sub(r"[A-Za-z]+", "a", example))
    return {"a-0": ["%b-%Y", "%B-%Y"], "a 0": ["%b %Y", "%B %Y"], "0-a": ["%Y-%b"], "0 a": ["%Y %b"]}.get(shape, [])
