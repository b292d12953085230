"""Writing: files that are there as a whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

from forecast.errors import SettingsError

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DRAFT = re.compile(r"\.(.+)\.\d+\.draft")


def replace_file(path: Path, content: bytes, what: str = "the model") -> None:
    """Write a file as a whole or not at all: a reader, or a crash, meets the old one or the new one.

    The draft lies in the same folder, since a rename across file systems is a copy, which can be torn. File and folder
    are synchronised, so that a power cut too leaves the one or the other.

    Args:
        what: is written, in words, for the error.

    Raises:
        SettingsError: it cannot be written there; what was there before is untouched.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.unlink(missing_ok=True)  # of an older process of that number
            write_new(draft, content)
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        keep_names(path.parent)
    except OSError as error:
        raise SettingsError(f"{path.parent}: {what} cannot be written here ({_why(error, path, content)})") from error


def write_new(path: Path, content: bytes) -> None:
    """A file that was not there, on the disk when this returns."""
    handle = os.open(path, NEW, 0o666)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def clear_drafts(directory: Path) -> None:
    """Remove what writers left that were killed. Only for who holds the lock of a folder."""
    for path in directory.iterdir():
        if DRAFT.fullmatch(path.name):
            path.unlink(missing_ok=True)


def keep_names(directory: Path) -> None:
    """The names in a folder are on the disk when this returns, where the system knows that (Windows does not)."""
    if os.name != "posix":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _why(error: OSError, path: Path, content: bytes) -> str:
    reason = str(error.strerror or error)
    if error.errno not in FULL:
        return reason
    free = shutil.disk_usage(path.parent).free
    return f"{reason}: {size(len(content))} are needed, {size(free)} are free; make room"


def disk_failed(error: BaseException | None) -> bool:
    """Whether an error came of a disk that is full or fails, behind whatever was made of it.

    Example:
        >>> disk_failed(OSError(errno.ENOSPC, "No space left on device")), disk_failed(OSError(errno.ENOENT, "no file"))
        (True, False)
    """
    while error is not None:
        full = isinstance(error, OSError) and error.errno in (errno.EIO, *FULL)
        if full or "database or disk is full" in str(error):  # SQLite's words
            return True
        error = error.__cause__ or error.__context__
    return False


def size(count: int | float) -> str:
    """A number of bytes in words.

    Example:
        >>> size(512), size(31_400_000), size(4e12)
        ('512 bytes', '31.4 MB', '4 TB')
    """
    value, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g} {units[0]}" if value < 999.5 or len(units) == 1 else f"1 {units[1]}"
