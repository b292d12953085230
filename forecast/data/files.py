"""CSV files: found, opened whatever they are compressed with, and understood from their first lines."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import itertools
import lzma
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pandas as pd

from forecast.errors import DataError, did_you_mean

MISSING = (
    *(
        "",
        "NA",
        "N/A",
        "n/a",
        "<NA>",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "NaN",
        "nan",
        "-NaN",
        "-nan",
        "NULL",
        "null",
        "None",
    ),
    *("1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)  # the defaults of pandas
HEAD = 1 << 18
SAMPLE = 200


@dataclass(frozen=True)
class Outline:
    """What the first lines of a CSV file tell.

    Args:
        path: the file.
        separator: comma, semicolon or tab.
        header: names of the columns; a column without a name is called "Unnamed: <position>".
        skip: lines up to and including the header.
        quoted: whether the first lines contain quotation marks.
        sample: the first rows, as text.
    """

    path: Path
    separator: str
    header: tuple[str, ...]
    skip: int
    quoted: bool
    sample: pd.DataFrame


def sniff(path: str | Path) -> Outline:
    """Open a file and understand its first lines.

    Raises:
        DataError: missing, a folder, empty, not text, a web page, a workbook, without header or rows, or
            with two columns of one name.
    """
    path = Path(path)
    _require_file(path)
    try:
        with open_text(path) as stream:
            head = stream.read(HEAD)
    except UnicodeDecodeError as error:
        raise DataError(str(path), [encoding_problem(path, error)]) from None
    except (OSError, EOFError, zipfile.BadZipFile, lzma.LZMAError) as error:
        raise DataError(str(path), [f"the file cannot be opened: {error}"]) from None
    if not head.strip():
        raise DataError(str(path), ["the file is empty" if not head else "the file holds blank lines only"])
    if head.lstrip()[:5].lower() in ("<!doc", "<html", "<?xml"):
        raise DataError(str(path), ["this is a web page, not a CSV file; download the data itself"])
    try:
        return _outline(path, head)
    except csv.Error as error:
        raise DataError(str(path), [f"the file cannot be read as CSV: {error}"]) from None


def _outline(path: Path, head: str) -> Outline:
    separator = _separator(head)
    records = csv.reader(io.StringIO(head), delimiter=separator)
    header = next(record for record in records if record)
    skip = records.line_num
    rows = [record for record in itertools.islice(records, SAMPLE + 1) if record]
    _check_header(path, header, rows)
    rows = rows[:-1] if len(head) == HEAD else rows
    names = tuple(name or f"Unnamed: {i}" for i, name in enumerate(header))
    cells = [(row + [""] * len(names))[: len(names)] for row in rows[:SAMPLE]]
    return Outline(path, separator, names, skip, '"' in head, pd.DataFrame(cells, columns=list(names), dtype=str))


def _require_file(path: Path) -> None:
    if path.is_dir():
        inside = sorted(entry.name for entry in path.iterdir() if entry.suffix in (".csv", ".gz", ".tsv", ".txt"))
        raise DataError(
            str(path),
            ["this is a folder, not a file" + (f"; it holds {', '.join(inside[:5])}" if inside else "")],
        )
    if not path.exists():
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, beside)
        raise DataError(str(path), ["there is no such file" + (hint if "did you mean" in hint else "")])


def open_text(path: Path) -> IO[str]:
    """Open a file as UTF-8 text; what it is compressed with is read from its first bytes."""
    return io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="")


def open_bytes(path: Path) -> IO[bytes]:
    """Open a plain, gzip, bzip2, xz or (single-file) zip file as bytes."""
    with path.open("rb") as stream:
        magic = stream.read(6)
    if magic.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(str(path), ["the text is UTF-16; save it as UTF-8 (in Excel: 'CSV UTF-8')"])
    if magic.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(str(path), ["this is an Excel workbook; save the sheet as CSV"])
    if magic.startswith(b"PK"):
        return _open_zip(path)
    for start, opener in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open)):
        if magic.startswith(start):
            return cast(IO[bytes], opener(path, "rb"))
    return path.open("rb")


def _open_zip(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    names = archive.namelist()
    if any(name.startswith("xl/") for name in names):
        raise DataError(str(path), ["this is an Excel workbook; save the sheet as CSV"])
    if len(names) != 1:
        raise DataError(
            str(path), [f"the archive holds {len(names)} files; one is needed. Unpack it and name the file"]
        )
    return archive.open(names[0])


def encoding_problem(path: Path, error: UnicodeDecodeError) -> str:
    line = 1
    with open_bytes(path) as stream:
        for line, text in enumerate(stream, start=1):
            try:
                text.decode("utf-8-sig" if line == 1 else "utf-8")
            except UnicodeDecodeError as found:
                error = found
                break
    byte = error.object[error.start]
    return (
        f"the text is not UTF-8 (byte 0x{byte:02x} in row {line}); it may be Latin-1 or Windows-1252. "
        "Save it as UTF-8, or read it with pandas.read_csv(..., encoding='latin-1') and hand the frame over"
    )


def _separator(head: str) -> str:
    lines = [line for line in head.splitlines()[:20] if line.strip()]
    widths = {}
    for separator in ",;\t":
        counts = [len(record) for record in csv.reader(lines, delimiter=separator)]
        widths[separator] = (counts[0] > 1 and len(set(counts)) == 1, counts[0])
    return max(widths, key=lambda separator: widths[separator])


def _check_header(path: Path, header: list[str], rows: list[list[str]]) -> None:
    if all(_is_number(name) for name in header if name) or _is_date(header[0]):
        shown = ", ".join(header[:4])
        raise DataError(str(path), [f"row 1 is data ({shown}), not column names; add a first line such as time,value"])
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise DataError(
            str(path), [f"{header.count(name)} columns are called {name!r}; rename them" for name in doubled]
        )
    if not rows:
        raise DataError(str(path), ["the file has a header but no rows"])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_date(text: str) -> bool:
    return text[:1].isdigit() and bool(pd.notna(pd.to_datetime(text, errors="coerce", format="ISO8601")))
