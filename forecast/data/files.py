"""Files: found, opened whatever they are compressed with, and as text in whatever encoding they are."""

from __future__ import annotations

import bz2
import codecs
import gzip
import importlib.util
import io
import lzma
import stat
import zipfile
from pathlib import Path
from typing import IO, cast

import pandas as pd

from forecast.data.format import advice
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
PARQUET = b"PAR1"
UTF8 = "utf-8-sig"
WORKBOOK = "this is an Excel workbook; save the sheet as CSV"


def require_file(path: Path) -> None:
    """Raise DataError unless there is a file to open."""
    if path.is_dir():
        inside = sorted(
            entry.name for entry in path.iterdir() if entry.suffix in (".csv", ".gz", ".tsv", ".txt", ".parquet")
        )
        raise DataError(
            str(path),
            ["this is a folder, not a file" + (f"; it holds {', '.join(inside[:5])}" if inside else "")],
        )
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise DataError(str(path), ["this is no regular file (a pipe or a device); write the data to a file first"])
    if not path.exists():
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, beside)
        raise DataError(str(path), ["there is no such file" + (hint if "did you mean" in hint else "")])


def is_parquet(path: Path) -> bool:
    """Whether a file is one of Apache Parquet, whatever it is called."""
    try:
        with path.open("rb") as stream:
            return stream.read(4) == PARQUET
    except OSError as error:
        raise DataError(str(path), [f"the file cannot be opened: {error.strerror or error}"]) from None


def read_parquet(path: Path) -> pd.DataFrame:
    """A Parquet file as a frame."""
    if not importlib.util.find_spec("pyarrow"):
        raise DataError(str(path), ["Parquet needs pyarrow: pip install 'forecast-recurrent[parquet]'"])
    import pyarrow

    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(str(path), [f"the Parquet file is damaged: {error}"]) from None


def encoding_of(path: Path, told: str | None) -> str:
    """The encoding of a text: what was told, what its byte order mark says, or UTF-8."""
    with open_bytes(path) as stream:
        start = stream.read(4)
    if start.startswith(codecs.BOM_UTF8) and told is None:
        return UTF8
    if start in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        return told or "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return told or "utf-16"
    return UTF8 if told is None or codecs.lookup(told).name in ("utf-8", "ascii") else told


def open_text(path: Path, encoding: str = UTF8) -> IO[str]:
    """Open a file as text; what it is compressed with is read from its first bytes."""
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, newline="")


def open_bytes(path: Path) -> IO[bytes]:
    """Open a plain, gzip, bzip2, xz or (single-file) zip file as bytes."""
    with path.open("rb") as stream:
        magic = stream.read(6)
    if magic.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(str(path), [WORKBOOK])
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
        raise DataError(str(path), [WORKBOOK])
    if len(names) != 1:
        raise DataError(
            str(path), [f"the archive holds {len(names)} files; one is needed. Unpack it and name the file"]
        )
    return archive.open(names[0])


def encoding_problem(path: Path, error: UnicodeError, encoding: str = UTF8) -> str:
    """Where a text is not in the encoding it was taken for, and what to try."""
    if encoding != UTF8 or not isinstance(error, UnicodeDecodeError):
        return f"the text is not {encoding} ({error}); name another encoding with --encoding, or save it as UTF-8"
    line = 1
    with open_bytes(path) as stream:
        for line, text in enumerate(stream, start=1):
            try:
                text.decode("utf-8-sig" if line == 1 else "utf-8")
            except UnicodeDecodeError as found:
                error = found
                break
    byte = error.object[error.start]
    around = error.object[max(error.start - 10, 0) : error.start + 6].decode("cp1252", errors="replace").strip()
    return (
        f"the text is not UTF-8 (byte 0x{byte:02x} in row {line}, {around!r} if it is Windows-1252); "
        f"name its encoding, such as {advice('encoding', 'cp1252')}, or save it as UTF-8"
    )
