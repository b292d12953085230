"""Plain files: read as far as they are small enough; links, pipes and devices are not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

NO_LINK = getattr(os, "O_NOFOLLOW", 0)
PLAIN = os.O_RDONLY | NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
PIECE = 1 << 20


def read_plain(path: Path, most: int, links: bool = False) -> bytes:
    """The bytes of a plain file: not of a pipe or a device, which are not even opened.

    Args:
        links: follow a link to a plain file.

    Raises:
        OSError: it cannot be opened or read.
        ValueError: no plain file, or one of more than `most` bytes.
    """
    if not stat.S_ISREG(os.stat(path, follow_symlinks=links).st_mode):
        raise ValueError("it is not a plain file")
    handle = os.open(path, PLAIN & ~NO_LINK if links else PLAIN)
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise ValueError("it is not a plain file")
        if about.st_size > most:
            raise ValueError(f"it has {about.st_size:,} bytes, {most:,} is the most")
        pieces, left = [], about.st_size
        while left and (piece := os.read(handle, min(left, PIECE))):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(handle)
