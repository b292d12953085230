"""Day order: is 03/04/2024 in March or in April? Decided by the whole column, or asked."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format  # pyrefly: ignore[missing-module-attribute]

from forecast.data.calendar import infer
from forecast.data.format import advice, flag
from forecast.data.stamps import Parsed, no_stamps, read_as

NUMERIC = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)(.*)")
GRID = 0.95  # share of equal steps that makes a grid
MIXED = 0.05  # share of dates of the rarer order from which the order counts as mixed


def from_numeric(texts: pd.Index, example: str, day_first: bool | None) -> Parsed:
    """Texts such as 03/04/2024: which of the two is the day?"""
    parts = NUMERIC.fullmatch(example)
    assert parts is not None  # the caller has seen it match
    _, separator, _, year, rest = parts.groups()
    if len(year) == 2:
        order = f"%d{separator}%m{separator}%y"
        remedy = f"say how to read it, such as {advice('date_format', order)}"
        return no_stamps(texts, f"the year of {example!r} has two digits, which may mean two centuries; {remedy}")
    numbers = texts.str.extract(r"^(\d{1,2})[/.-](\d{1,2})[/.-]").apply(pd.to_numeric).to_numpy(dtype=float)
    over = [(numbers[:, place] > 12) for place in (0, 1)]
    counts = [int(which.sum()) for which in over]
    styles = [_style(order, separator, rest) for order in ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y")]
    words = ("day/month/year", "month/day/year")
    if day_first is not None:
        return Parsed(read_as(texts, styles[not day_first]), (f"read as {words[not day_first]}",), day_first=day_first)
    if min(counts) > MIXED * len(texts):
        both = f"{texts[over[0]][0]!r} is day first and {texts[over[1]][0]!r} month first"
        return no_stamps(texts, f"{both}: the column mixes two formats; write all timestamps in one of them")
    if max(counts):
        place = int(counts[1] > counts[0])
        return Parsed(read_as(texts, styles[place]), (f"read as {words[place]}",), day_first=place == 0)
    return _by_grid(texts, example, styles, words)


def _by_grid(texts: pd.Index, example: str, styles: list[str], words: tuple[str, str]) -> Parsed:
    readings = [read_as(texts, style) for style in styles]
    regular = [_regularity(values) >= GRID for values in readings]
    if regular[0] == regular[1]:
        reason = "both are regular" if regular[0] else "neither is regular"
        either = " or ".join(flag("date_format", style) for style in styles)
        why = f"{example!r} may be day first or month first ({reason}), no day is above 12"
        return no_stamps(texts, f"{why}; say which: {either}, or write timestamps like 2024-01-31")
    place = regular.index(True)
    said = (f"read as {words[place]}, the reading that gives regular steps",)
    return Parsed(readings[place], said, said, day_first=place == 0)


def _regularity(values: np.ndarray) -> float:
    stamps = np.unique(values[~np.isnat(values)])
    return infer(stamps, np.array([0, len(stamps)])).regular if len(stamps) > 2 and len(stamps) == len(values) else 0.0


def _style(order: str, separator: str, rest: str) -> str:
    clock = guess_datetime_format(f"2000-01-01{rest}") if rest.strip() else "%Y-%m-%d"
    half = re.fullmatch(r"(\s+)\d{1,2}:\d\d(:\d\d)?\s*[AaPp][Mm]", rest)
    if half:
        clock = f"%Y-%m-%d{half[1]}%I:%M{':%S' if half[2] else ''}{' ' if ' ' in rest.strip() else ''}%p"
    return order.format(separator) + (clock or "%Y-%m-%d" + rest).removeprefix("%Y-%m-%d")
