"""Spreadsheets: tables whose texts no spreadsheet takes for formulas, and back.

A text cell that begins with one of = + - @, their full-width forms, a tab or a line break is a formula, or becomes one,
where a CSV is opened in a spreadsheet, and formulas can fetch and run things. Such a cell gets an apostrophe in front,
the sign spreadsheets know for "this is text"; so does one that begins with apostrophes before such a sign, so that
taking one apostrophe off gives back every text. Numbers are left as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

SIGNS = "=+\\-@\t\r\n＝＋－＠"
GUARDED = re.compile(f"'*[{SIGNS}]")


def guarded(frame: pd.DataFrame) -> pd.DataFrame:
    """A table with harmless texts, in its cells and in the names of its columns.

    Example:
        >>> table = pd.DataFrame({"series": ["AAPL", "=1+1", "'=1"], "mean": [-1.0, 2.0, 3.0]})
        >>> guarded(table)["series"].tolist()
        ['AAPL', "'=1+1", "''=1"]
    """
    return _changed(frame, lambda text: f"'{text}" if GUARDED.match(text) else text)


def unguarded(frame: pd.DataFrame) -> pd.DataFrame:
    """The table that was guarded, once it has been read back as text where it was text.

    Example:
        >>> unguarded(pd.DataFrame({"series": ["AAPL", "'=1+1", "''=1"]}))["series"].tolist()
        ['AAPL', '=1+1', "'=1"]
    """
    return _changed(frame, lambda text: text[1:] if text.startswith("'") and GUARDED.match(text) else text)


def _changed(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    def cell(value: object) -> object:
        return change(value) if isinstance(value, str) else value

    texts = [not is_numeric_dtype(kind) and not is_datetime64_any_dtype(kind) for kind in frame.dtypes]
    columns = [frame.iloc[:, place].map(cell) if text else frame.iloc[:, place] for place, text in enumerate(texts)]
    if not columns:
        return frame
    return pd.concat(columns, axis=1).set_axis([cell(name) for name in frame.columns], axis=1)
