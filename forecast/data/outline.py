"""Outline: what the first lines of a text file tell about how it is written, and what of that is a repair."""

from __future__ import annotations

import csv
import io
import itertools
import lzma
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from forecast.data.files import MISSING, UTF8, encoding_of, encoding_problem, open_text, require_file
from forecast.data.format import Format, advice, flag
from forecast.data.headers import Header, header_of, is_date, is_number
from forecast.data.records import Record, records_of
from forecast.data.separators import separator_of
from forecast.errors import DataError

HEAD = 1 << 18
SAMPLE = 200
LINES = 2000
PLAIN = Format()
COMMENTS = ("#", "%", "//")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
MARKUP = re.compile(r"<(?:!doctype|!--|\?xml|html|head|body|table|div|script|p\b)", re.IGNORECASE)
COMMA_NUMBER = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:[. ]\d{3})+)?(?:,\d+)?(?:[eE][+-]?\d+)?")
ONLY_DECIMAL = re.compile(r"[+-]?(?:\d{4,}|0?),\d+|[+-]?\d{1,3},(?:\d{1,2}|\d{4,})")
POINT_NUMBER = re.compile(r"[+-]?\d*\.(?:\d{1,2}|\d{4,})")


@dataclass(frozen=True)
class Outline:
    """What the first lines of a text file tell.

    Args:
        path: the file.
        separator: one character; " " stands for runs of blanks.
        header: names of the columns; a column without a name is called "Unnamed: <position>".
        skip: lines up to and including the header (and what stands below it).
        quoted: whether the first lines contain quotation marks.
        sample: the first rows, as text.
        format: as it was told, with the decimal sign filled in where the first rows leave one reading only.
        encoding: of the text.
        comment: what lines without data begin with; None where there are none.
        repairs: what had to be done to understand the file, in words.
        notes: what else should be known.
    """

    path: Path
    separator: str
    header: tuple[str, ...]
    skip: int
    quoted: bool
    sample: pd.DataFrame
    format: Format = PLAIN
    encoding: str = UTF8
    comment: str | None = None
    repairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether the file can be read as it stands."""
        return self.encoding == UTF8 and self.comment is None and self.separator != " " and not self.format.skip_footer


def sniff(path: str | Path, form: Format = PLAIN) -> Outline:
    """Open a file and understand its first lines.

    Args:
        form: what was told about the file.

    Raises:
        DataError: missing, a folder, empty, not text, a web page, a workbook, without header or rows, or
            with two columns of one name.
    """
    path = Path(path)
    require_file(path)
    encoding = UTF8
    try:
        encoding = encoding_of(path, form.encoding)
        with open_text(path, encoding) as stream:
            head = stream.read(HEAD)
    except UnicodeError as error:
        raise DataError(str(path), [encoding_problem(path, error, encoding)]) from None
    except (OSError, EOFError, zipfile.BadZipFile, lzma.LZMAError) as error:
        raise DataError(str(path), [f"the file cannot be opened: {error}"]) from None
    _require_text(path, head)
    try:
        found = _outline(path, head, form)
    except csv.Error as error:
        raise DataError(str(path), [f"the file cannot be read as CSV: {error}"]) from None
    if encoding != UTF8 and form.encoding is None:
        marked = f"the text was read as {encoding.upper()}, as its first bytes say"
        return replace(found, encoding=encoding, repairs=(marked, *found.repairs))
    return replace(found, encoding=encoding)


def _require_text(path: Path, head: str) -> None:
    if not head.strip():
        raise DataError(str(path), ["the file is empty (0 bytes)" if not head else "the file holds blank lines only"])
    start = head.lstrip()
    if MARKUP.match(start):
        raise DataError(str(path), ["this is a web page, not a CSV file; download the data itself"])
    if start[0] in "{[":
        raise DataError(
            str(path), ["this is JSON, not a CSV file; read it with pandas.read_json and hand the frame over"]
        )
    strange = CONTROL.search(head)
    if strange:
        row = head.count("\n", 0, strange.start()) + 1
        code = ord(strange[0])
        wide = head.count("\0") > len(head) // 4
        remedy = f"it may be UTF-16 without a mark: {advice('encoding', 'utf-16-le')}" if wide else "get it again"
        raise DataError(str(path), [f"binary bytes (0x{code:02x}) in row {row}: the file is damaged; {remedy}"])


def _outline(path: Path, head: str, form: Format) -> Outline:
    lines = list(itertools.islice(io.StringIO(head, newline=""), LINES))
    comment = form.comment or _comment(lines)
    first = next((i for i, line in enumerate(lines) if line.strip() and not _commented(line, comment)), None)
    if first is None:
        raise DataError(str(path), ["the file holds nothing but comments"])
    plain = [line for line in lines[first : first + 400] if not _commented(line, comment)]
    separator, before = separator_of(path, plain, form)
    repairs = [] if form.comment or not first or not comment else [_comments_skipped(first, comment)]
    if before:
        repairs.append(f"{_lines(before)} before the header left out: {_start(plain[0])}")
    place = _skip_plain(lines, first, before, comment)
    rows = [record for record in _rows(lines, place, separator, comment)]
    header = _named(path, rows, lines[:first], separator, comment, form)
    sample = header.rows[:-1] if len(head) == HEAD and len(header.rows) > 1 else header.rows
    cells = [(row.cells + [""] * len(header.names))[: len(header.names)] for row in sample[:SAMPLE]]
    table = pd.DataFrame(cells, columns=list(header.names), dtype=str)
    decimal = form.decimal or ("," if separator != "," and comma_is_decimal(table) else None)
    found = replace(form, decimal=decimal, comment=comment)
    if decimal != form.decimal:
        repairs.append(f"numbers such as {_comma_example(table)!r} were read with a decimal comma")
    repairs += header.repairs
    return Outline(
        path,
        separator,
        header.names,
        header.skip,
        '"' in head,
        table,
        found,
        comment=comment,
        repairs=tuple(repairs),
        notes=header.notes,
    )


def _rows(lines: list[str], place: int, separator: str, comment: str | None) -> list[Record]:
    records = records_of(iter(lines[place:]), separator, place + 1)
    kept = (record for record in records if not (comment and record.cells[0].lstrip().startswith(comment)))
    return list(itertools.islice(kept, SAMPLE + 6))


def _named(
    path: Path, rows: list[Record], above: list[str], separator: str, comment: str | None, form: Format
) -> Header:
    """The header of some records: told, or found in them, or in the last comment above them."""
    try:
        if form.columns or not above or not any(is_number(cell) or is_date(cell) for cell in rows[0].cells):
            return header_of(rows, form)
        names = next(csv.reader([above[-1].strip().removeprefix(comment or "").strip()], delimiter=separator))
        if len(names) != len(rows[0].cells):
            return header_of(rows, form)
        found = header_of(rows, replace(form, columns=tuple(names)))
        said = f"the names of the columns were taken from the last comment: {', '.join(names[:4])}"
        return found._replace(repairs=(said, *found.repairs))
    except ValueError as problem:
        raise DataError(str(path), problem.args) from None


def _comment(lines: list[str]) -> str | None:
    first = next(line for line in lines if line.strip()).lstrip()
    return next((mark for mark in COMMENTS if first.startswith(mark)), None)


def _commented(line: str, comment: str | None) -> bool:
    return comment is not None and line.lstrip().startswith(comment)


def _skip_plain(lines: list[str], first: int, before: int, comment: str | None) -> int:
    """The place of the header: behind so many plain lines from the first one."""
    for place in range(first, len(lines)):
        if lines[place].strip() and not _commented(lines[place], comment):
            if not before:
                return place
            before -= 1
    return first


def _comments_skipped(count: int, comment: str) -> str:
    return f"{_lines(count)} at the top left out: they begin with {comment!r} ({flag('comment', comment)})"


def _lines(count: int) -> str:
    return f"{count} line" if count == 1 else f"{count} lines"


def _start(line: str) -> str:
    return repr(line.strip()[:40])


def comma_is_decimal(table: pd.DataFrame) -> bool:
    """Whether some column of a sample of text can only be read with a decimal comma, and none with a point.

    Example:
        >>> comma_is_decimal(pd.DataFrame({"y": ["1,5", "2"]})), comma_is_decimal(pd.DataFrame({"y": ["1,234"]}))
        (True, False)
    """
    return _comma_example(table) is not None


def _comma_example(table: pd.DataFrame) -> str | None:
    found = None
    for name in table.columns:
        cells = [cell.strip() for cell in table[name]]
        cells = [cell for cell in cells if cell not in MISSING]
        if any(POINT_NUMBER.fullmatch(cell) for cell in cells):
            return None
        if found is None and all(COMMA_NUMBER.fullmatch(cell) for cell in cells):
            found = next((cell for cell in cells if ONLY_DECIMAL.fullmatch(cell)), None)
    return found
