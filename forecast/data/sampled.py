"""Sampled: a file that is larger than memory is read in blocks that are spread over it."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, NamedTuple

from forecast.data.files import encoding_of, is_parquet, open_bytes
from forecast.data.format import Format
from forecast.data.outline import sniff
from forecast.errors import DataError
from forecast.work.memory import free_memory
from forecast.work.writing import size

GROWTH = 6
"""Bytes of memory a byte of a CSV file may take while it is read."""
SAMPLE = 64 << 20
BLOCKS = 8
PLAIN = Format()


class Block(NamedTuple):
    """Neighbouring rows of a large file, in a file of their own below the header of the whole.

    Args:
        path: the copy.
        start: the byte of the large file at which its rows begin.
        row: about how many rows stand before it.
        last: it holds the end of the file.
    """

    path: Path
    start: int
    row: int
    last: bool


class Sample(NamedTuple):
    """Blocks of a file in order, and a sentence on what they are."""

    blocks: tuple[Block, ...]
    note: str


@contextmanager
def sampled(path: Path, form: Format = PLAIN, most: float | None = None) -> Iterator[Sample | None]:
    """Blocks of a file that cannot be held whole; None for one that can.

    Rows within a block are neighbours in the file, rows of two blocks are not. Where the beginning of a row cannot be
    told from the middle of the file (packed files, line breaks within quotation marks) there is one block, the first
    rows, and the note says so.

    Args:
        path: a CSV file, compressed or not.
        form: how it is written.
        most: bytes that may be read whole; None takes what the free memory allows.

    Raises:
        DataError: UTF-16 and UTF-32, which cannot be cut into lines unread.
    """
    most = free_memory() / GROWTH if most is None else most
    if not path.is_file() or os.path.getsize(path) <= most or is_parquet(path):
        yield None
        return
    if not "a\n".encode(encoding_of(path, form.encoding)).endswith(b"a\n"):
        raise DataError(str(path), [f"the file has {size(os.path.getsize(path))}, too much to read; save it as UTF-8"])
    pieces, hindrance = _pieces(path, int(min(SAMPLE, most)))
    skip = sniff(path, form).skip
    head = b"".join(itertools.islice(io.BytesIO(pieces[0].lines), skip))
    rows = sum(piece.rows for piece in pieces) - skip
    density = rows / sum(len(piece.lines) for piece in pieces)
    with TemporaryDirectory(prefix="forecast-") as folder:
        blocks = []
        for number, piece in enumerate(pieces):
            copy = Path(folder) / str(number) / (path.name if path.suffix == ".csv" else f"{path.stem}.csv")
            copy.parent.mkdir()
            copy.write_bytes(head + piece.lines if number else piece.lines)
            blocks.append(Block(copy, piece.start, round(piece.start * density), 0 < number == len(pieces) - 1))
        yield Sample(tuple(blocks), _said(path, most, hindrance, rows, density))


class _Piece(NamedTuple):
    """Whole lines, and the byte of the file at which they begin."""

    start: int
    lines: bytes

    @property
    def rows(self) -> int:
        return self.lines.count(b"\n") + (not self.lines.endswith(b"\n"))

    @property
    def torn(self) -> bool:
        """Whether a cell with a line break begins or ends in some line."""
        return b'"' in self.lines and any(line.count(b'"') % 2 for line in io.BytesIO(self.lines))


def _pieces(path: Path, room: int) -> tuple[list[_Piece], str]:
    """Lines of a file, and the reason where it is the first ones alone."""
    length = room // BLOCKS
    starts = [number * (os.path.getsize(path) - length) // (BLOCKS - 1) for number in range(BLOCKS)]
    with open_bytes(path) as file, path.open("rb") as plain:
        if file.read(64) != plain.read(64):
            return [_first(path, room)], "it is packed, and can be read from its beginning only"
        pieces = [_from_the_middle(plain, start, length) for start in starts]
    if any(piece.torn for piece in pieces):
        return [_first(path, room)], "cells with line breaks hide where rows begin further down"
    if not all(piece.lines for piece in pieces):
        return [_first(path, room)], "its rows are long"
    return pieces, ""


def _from_the_middle(file: IO[bytes], start: int, length: int) -> _Piece:
    """The lines that lie within a stretch of a file; the last one of the file needs no line break."""
    file.seek(max(start - 1, 0))
    before = len(file.readline(length)) - 1 if start else 0
    lines = file.read(max(length - before, 0))
    return _Piece(start + before, lines[: lines.rfind(b"\n") + 1] if file.read(1) else lines)


def _first(path: Path, room: int) -> _Piece:
    with open_bytes(path) as file:
        lines = file.read(room)
    lines = lines[: lines.rfind(b"\n") + 1]
    while lines.count(b'"') % 2:  # not within a cell
        lines = lines[: lines.rfind(b"\n", 0, -1) + 1]
    if not lines:
        raise DataError(str(path), [f"there is no end of a row within its first {size(room)}"])
    return _Piece(0, lines)


def _said(path: Path, most: float, hindrance: str, rows: int, density: float) -> str:
    whole = os.path.getsize(path)
    where = f"the first ones alone, because {hindrance}" if hindrance else f"in {BLOCKS} blocks spread over it"
    among = "" if "packed" in hindrance else f" of some {int(round(whole * density, -3)):,}"
    return (
        f"sampled: the file has {size(whole)} and memory has room for {size(most)}; this describes {rows:,} "
        f"rows{among}, {where}. To compare or fit, cut it to fewer series or columns"
    )
