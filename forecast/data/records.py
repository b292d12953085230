"""Records: the rows of a CSV text, with the lines on which they begin."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import NamedTuple


class Record(NamedTuple):
    """A record and the line on which it begins, counted from 1."""

    line: int
    cells: list[str]


def records_of(stream: Iterator[str], separator: str, line: int = 1, strict: bool = False) -> Iterator[Record]:
    """Records of a text with the lines on which they begin; blank lines are none.

    Args:
        line: number of the first line.
        strict: refuse quotation marks that do not close, or do so within a field.
    """
    if separator == " ":
        for place, text in enumerate(stream, start=line):
            if text.strip():
                yield Record(place, text.split())
        return
    first, records = line, csv.reader(stream, delimiter=separator, strict=strict)
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            raise csv.Error(f"row {line}: {error}") from None
        if record:
            yield Record(line, record)
        line = first + records.line_num
