"""Tables: a frame, where it came from, and the way back from its rows to the lines of the file.

Ids and timestamps arrive as the text that stands in the file, other columns as numbers where they are.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.data.files import MISSING, Outline, encoding_problem, open_bytes, open_text
from forecast.errors import DataError

ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?")


@dataclass(frozen=True, eq=False)
class Table:
    """A frame and where it came from.

    Args:
        frame: the columns that were read.
        source: name for messages.
        outline: the file; None for a frame of the caller.

    Example:
        >>> table = Table(pd.DataFrame({"y": ["1", "x", "3"]}), "the frame")
        >>> table.quote("y", np.array([1]))
        "'x' in row 1"
    """

    frame: pd.DataFrame
    source: str
    outline: Outline | None = None

    def numbers(self, positions: np.ndarray) -> list[int]:
        """Rows as a person finds them: lines of the file (header: 1), or positions in the frame (from 0)."""
        if self.outline is None:
            return [int(position) for position in positions]
        starts = _record_lines(self.outline, int(positions.max()) + 1 if len(positions) else 0)
        return [starts[position] for position in positions]

    def rows(self, positions: np.ndarray, most: int = 5) -> str:
        """Name rows: "row 7", "rows 7 and 9", "rows 7, 8, 9, 10, 11 and 34 more"."""
        named = [str(number) for number in self.numbers(positions[:most])]
        return ("row " if len(positions) == 1 else "rows ") + _and_more(named, len(positions))

    def quote(self, column: str, positions: np.ndarray, most: int = 5) -> str:
        """Quote cells: "'1,234' in row 7, 'x' in row 9 and 3 more"."""
        cells = self.frame[column].iloc[positions[:most]]
        lines = self.numbers(positions[:most])
        quoted = [f"{_cell(cell)} in row {line}" for cell, line in zip(cells, lines, strict=True)]
        return _and_more(quoted, len(positions))

    def whole(self) -> pd.DataFrame:
        """The frame with all columns of the file."""
        if self.outline is None or len(self.frame.columns) == len(self.outline.header):
            return self.frame
        return read(self.outline, self.outline.header, text=()).frame


def _cell(value: object) -> str:
    return repr(value) if isinstance(value, str) else f"'{value}'"


def _and_more(words: Sequence[str], total: int) -> str:
    if total > len(words):
        return f"{', '.join(words)} and {total - len(words):,} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def read(outline: Outline, columns: Sequence[str], text: Sequence[str], time: str | None = None) -> Table:
    """Read columns of a file.

    Args:
        outline: the file, as `files.sniff` understood it.
        columns: the columns wanted.
        text: columns that stay text, whatever they look like ("NA" and "007" are ids).
        time: the column of the timestamps; text too, unless all of it can be read as ISO 8601 on the way.

    Raises:
        DataError: rows with too many or too few fields, an open quotation mark, text that is not UTF-8.
    """
    texts = [*text, time] if time is not None else [*text]
    frame = None
    if importlib.util.find_spec("pyarrow"):
        if time is not None and ISO.fullmatch(str(outline.sample[time].iloc[0])):
            frame = _read_arrow(outline, columns, text, time)
        frame = _read_arrow(outline, columns, texts, None) if frame is None else frame
    frame = _read_pandas(outline, columns, texts) if frame is None else frame
    return Table(frame, str(outline.path), outline)


def _read_arrow(outline: Outline, columns: Sequence[str], text: Sequence[str], time: str | None) -> pd.DataFrame | None:
    """Read with pyarrow (fast); None when it objects to anything, so that pandas reads and explains."""
    import pyarrow
    from pyarrow import csv as arrow

    types = dict.fromkeys(text, pyarrow.string())
    convert = arrow.ConvertOptions(
        column_types=types if time is None else types | {time: pyarrow.timestamp("us")},
        include_columns=list(columns),
        null_values=list(MISSING),
        strings_can_be_null=False,
    )
    reading = arrow.ReadOptions(column_names=list(outline.header), skip_rows=outline.skip)
    parsing = arrow.ParseOptions(delimiter=outline.separator, newlines_in_values=outline.quoted)
    try:
        with open_bytes(outline.path) as stream:
            file = str(outline.path) if isinstance(stream, io.BufferedReader) else stream
            table = arrow.read_csv(file, reading, parsing, convert)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError):
        return None
    return table.to_pandas()


def _read_pandas(outline: Outline, columns: Sequence[str], text: Sequence[str]) -> pd.DataFrame:
    try:
        _check_widths(outline)
        with open_bytes(outline.path) as stream:
            return pd.read_csv(  # pyrefly: ignore[no-matching-overload]
                stream,
                sep=outline.separator,
                names=list(outline.header),
                header=None,
                skiprows=outline.skip,
                usecols=list(columns),
                index_col=False,
                dtype=dict.fromkeys(text, str),
                keep_default_na=False,
                na_values={name: list(MISSING) for name in columns if name not in text},
                low_memory=False,
            )[list(columns)]
    except UnicodeDecodeError as error:
        raise DataError(str(outline.path), [encoding_problem(outline.path, error)]) from None
    except pd.errors.ParserError as error:
        raise DataError(str(outline.path), [f"the file cannot be read as CSV: {error}"]) from None


def _records(outline: Outline) -> Iterator[tuple[int, list[str]]]:
    """Line on which each row begins, and its fields; blank lines are no rows."""
    with open_text(outline.path) as stream:
        for _ in range(outline.skip):
            next(stream)
        records = csv.reader(stream, delimiter=outline.separator)
        line = outline.skip + 1
        for record in records:
            if record:
                yield line, record
            line = outline.skip + records.line_num + 1


def _record_lines(outline: Outline, count: int) -> list[int]:
    return [line for line, _ in itertools.islice(_records(outline), count)]


def _check_widths(outline: Outline) -> None:
    width = len(outline.header)
    wrong: list[str] = []
    try:
        for line, record in _records(outline):
            if len(record) < width or any(record[width:]):
                wrong.append(f"row {line} has {len(record)} fields")
    except csv.Error as error:
        raise DataError(
            str(outline.path), [f"the file cannot be read as CSV: {error}; is a quotation mark open?"]
        ) from None
    if wrong:
        shown = _and_more(wrong[:5], len(wrong))
        raise DataError(str(outline.path), [f"the header has {width} columns, but {shown}; mend or remove these rows"])
