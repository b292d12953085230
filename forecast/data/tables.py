"""Tables: a frame, where it came from, and the way back from its rows to the lines of the file.

Ids and timestamps arrive as the text that stands in the file, other columns as numbers where they are.
"""

from __future__ import annotations

import importlib.util
import io
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.data.cleaning import Cleaned, body, cleaned
from forecast.data.files import MISSING, encoding_problem, open_bytes
from forecast.data.outline import Outline
from forecast.data.wording import and_more
from forecast.errors import DataError

ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?")
SHOWN = 20


@dataclass(frozen=True, eq=False)
class Table:
    """A frame and where it came from.

    Args:
        frame: the columns that were read.
        source: name for messages.
        outline: the file; None for a frame of the caller.
        lines: on which each row of the file begins, int64 [row]; None counts them when they are asked for.
        repairs: what had to be done to read the file, in words.
        rows_in_file: how many; None: as many as the frame has. A wide table that was folded has several rows for each.
        decimal: sign of the numbers that are still text.

    Example:
        >>> table = Table(pd.DataFrame({"y": ["1", "x", "3"]}), "the frame")
        >>> table.quote("y", np.array([1]))
        "'x' in row 1"
    """

    frame: pd.DataFrame
    source: str
    outline: Outline | None = None
    lines: np.ndarray | None = None
    repairs: tuple[str, ...] = ()
    rows_in_file: int | None = None
    decimal: str | None = None

    def numbers(self, positions: np.ndarray) -> list[int]:
        """Rows as a person finds them: lines of the file (header: 1), or positions in the frame (from 0)."""
        places = [int(place) % self.rows_in_file if self.rows_in_file else int(place) for place in positions]
        if self.outline is None:
            return places
        if self.lines is not None:
            return [int(self.lines[place]) for place in places]
        starts = [
            record.line for record in itertools.islice(body(self.outline, strict=False), max(places, default=-1) + 1)
        ]
        return [starts[place] for place in places]

    def rows(self, positions: np.ndarray, most: int = SHOWN) -> str:
        """Name rows: "row 7", "rows 7 and 9", "rows 7, 8, 9 and 34 more"."""
        named = [str(number) for number in self.numbers(positions[:most])]
        return ("row " if len(positions) == 1 else "rows ") + and_more(named, len(positions))

    def quote(self, column: str, positions: np.ndarray, most: int = SHOWN) -> str:
        """Quote cells: "'1,234' in row 7, 'x' in row 9 and 3 more"."""
        cells = self.frame[column].iloc[positions[:most]]
        lines = self.numbers(positions[:most])
        quoted = [f"{_cell(cell)} in row {line}" for cell, line in zip(cells, lines, strict=True)]
        return and_more(quoted, len(positions))

    def whole(self) -> pd.DataFrame:
        """The frame with all columns of the file."""
        if self.outline is None or self.rows_in_file or len(self.frame.columns) >= len(self.outline.header):
            return self.frame
        return read(self.outline, self.outline.header, text=()).frame


def _cell(value: object) -> str:
    return repr(value[:80]) if isinstance(value, str) else f"'{value}'"


def read(outline: Outline, columns: Sequence[str], text: Sequence[str], time: Sequence[str] = ()) -> Table:
    """Read columns of a file.

    Args:
        outline: the file, as `outline.sniff` understood it.
        columns: the columns wanted.
        text: columns that stay text, whatever they look like ("NA" and "007" are ids).
        time: the columns of the timestamps; text too, unless one is all of it and can be read as ISO 8601 on the way.

    Raises:
        DataError: rows with too many or too few fields, an open quotation mark, text that is not in its encoding.
    """
    before = outline.path.stat()
    table = _read_plain(outline, columns, text, time) if outline.plain else None
    table = _read_cleaned(outline, columns, text, time) if table is None else table
    after = outline.path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise DataError(str(outline.path), ["the file changed while it was read; read it when it is complete"])
    return table


def _read_plain(outline: Outline, columns: Sequence[str], text: Sequence[str], time: Sequence[str]) -> Table | None:
    """The file as it stands; None where something is in the way of that."""
    if not importlib.util.find_spec("pyarrow"):
        return None
    frame = _parsed(outline, None, columns, text, time)
    if frame is None or any(_blank(frame[name]) for name in time if name in frame):
        return None  # rows without a time may be empty altogether
    if any(pd.api.types.is_integer_dtype(kind) for kind in frame.dtypes) and _hexadecimal(outline):
        return None  # pyarrow reads 0x10 as 16
    return Table(frame, str(outline.path), outline)


def _hexadecimal(outline: Outline) -> bool:
    with open_bytes(outline.path) as stream:
        return any(b"0x" in block or b"0X" in block for block in iter(lambda: stream.read(1 << 24), b""))


def _blank(column: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column):
        return bool(column.isna().any())
    return bool((column.isna() | (column == "")).any())


def _read_cleaned(outline: Outline, columns: Sequence[str], text: Sequence[str], time: Sequence[str]) -> Table:
    clean = cleaned(outline)
    frame = None
    if importlib.util.find_spec("pyarrow") and b"0x" not in clean.text.lower():
        frame = _parsed(outline, clean, columns, text, time)
    frame = _read_pandas(outline, clean, columns, [*text, *time]) if frame is None else frame
    if not len(frame):
        raise DataError(str(outline.path), ["the file has a header but no rows"])
    return Table(frame, str(outline.path), outline, clean.lines, clean.repairs)


def _parsed(
    outline: Outline, clean: Cleaned | None, columns: Sequence[str], text: Sequence[str], time: Sequence[str]
) -> pd.DataFrame | None:
    """Read with pyarrow, times in ISO 8601 on the way where there is one column of them; None where that fails."""
    frame = None
    if len(time) == 1 and time[0] not in text and ISO.fullmatch(str(outline.sample[time[0]].iloc[0])):
        frame = _read_arrow(outline, clean, columns, text, time[0])
    return _read_arrow(outline, clean, columns, [*text, *time], None) if frame is None else frame


def _read_arrow(
    outline: Outline, clean: Cleaned | None, columns: Sequence[str], text: Sequence[str], time: str | None
) -> pd.DataFrame | None:
    """Read with pyarrow (fast); None when it objects to anything, so that somebody else reads and explains."""
    import pyarrow
    from pyarrow import csv as arrow

    types = dict.fromkeys(text, pyarrow.string())
    convert = arrow.ConvertOptions(
        column_types=types if time is None else types | {time: pyarrow.timestamp("us")},
        include_columns=list(columns),
        null_values=[*MISSING, *outline.format.missing],
        strings_can_be_null=False,
        decimal_point=outline.format.decimal or ".",
    )
    separator, skip, several = (outline.separator, outline.skip, outline.quoted) if clean is None else (",", 0, True)
    reading = arrow.ReadOptions(column_names=list(outline.header), skip_rows=skip)
    parsing = arrow.ParseOptions(delimiter=separator, newlines_in_values=several)
    try:
        with open_bytes(outline.path) if clean is None else io.BytesIO(clean.text) as stream:
            file = str(outline.path) if isinstance(stream, io.BufferedReader) else stream
            return arrow.read_csv(file, reading, parsing, convert).to_pandas()
    except (pyarrow.ArrowException, OSError, EOFError, UnicodeDecodeError):
        return None


def _read_pandas(outline: Outline, clean: Cleaned, columns: Sequence[str], text: Sequence[str]) -> pd.DataFrame:
    absent = [*MISSING, *outline.format.missing]
    try:
        return pd.read_csv(  # pyrefly: ignore[no-matching-overload]
            io.BytesIO(clean.text),
            names=list(outline.header),
            header=None,
            usecols=list(columns),
            index_col=False,
            dtype=dict.fromkeys(text, str),
            decimal=outline.format.decimal or ".",
            keep_default_na=False,
            na_values={name: absent for name in columns if name not in text},
            low_memory=False,
        )[list(columns)]
    except UnicodeError as error:
        raise DataError(str(outline.path), [encoding_problem(outline.path, error)]) from None
    except pd.errors.ParserError as error:
        raise DataError(str(outline.path), [f"the file cannot be read as CSV: {error}"]) from None
