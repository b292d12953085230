"""Sampled: a file that is larger than memory is described by its first rows, and says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from forecast.data.files import open_bytes
from forecast.work.memory import free_memory
from forecast.work.writing import size

GROWTH = 6
"""Bytes of memory a byte of a CSV file may take while it is read."""
SAMPLE = 64 << 20


@contextmanager
def sampled(path: Path, most: float | None = None) -> Iterator[tuple[Path, str | None]]:
    """A file, or a copy of its first rows where it cannot be held whole, with a sentence that says so.

    The first rows are a piece without gaps of its own making, so what is said of calendar, season and types holds of
    the piece; how many rows there are is reckoned from the size.

    Args:
        path: a CSV file, compressed or not.
        most: bytes that may be read whole; None takes what the free memory allows.
    """
    most = free_memory() / GROWTH if most is None else most
    if not path.is_file() or os.path.getsize(path) <= most:
        yield path, None
        return
    with TemporaryDirectory(prefix="forecast-") as folder, open_bytes(path) as file:
        piece = file.read(int(min(SAMPLE, most)))
        piece = piece[: piece.rfind(b"\n") + 1]
        copy = Path(folder) / (path.name if path.suffix == ".csv" else f"{path.stem}.csv")
        copy.write_bytes(piece)
        yield copy, _said(path, piece, most)


def _said(path: Path, piece: bytes, most: float) -> str:
    whole, rows = os.path.getsize(path), piece.count(b"\n") - 1
    packed = path.suffix in (".gz", ".bz2", ".xz", ".zip")
    all_rows = "" if packed or not piece else f", of some {round(rows * whole / len(piece), -3):,}"
    return (
        f"sampled: the file has {size(whole)} and memory has room for {size(most)}; this describes its first {rows:,} "
        f"rows{all_rows}. To compare or fit, cut it to fewer series or columns"
    )
