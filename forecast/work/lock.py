"""A lock on a folder: one process at a time reads, changes and writes what is in it."""

from __future__ import annotations

import importlib.util
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forecast.errors import SettingsError

LOCK = ".lock"
PATIENCE, PAUSE = 60.0, 0.02
MOST = 256


@contextmanager
def locked(directory: str | Path, patience: float = PATIENCE, name: str = LOCK) -> Iterator[None]:
    """Hold the lock of a folder (made where missing), by a file in it that says who; waits for whoever holds it.

    The system lets go of it when the process ends, however it ends.

    Args:
        patience: seconds to wait.
        name: of the file.

    Raises:
        SettingsError: the folder cannot be written, or the lock is held for too long; says by whom.
    """
    path = Path(directory) / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise _unwritable(directory, error) from error
    try:
        until = time.monotonic() + patience
        while not _taken(handle):
            if time.monotonic() >= until:
                waited = f" for {patience:g} seconds" if patience else ""
                raise SettingsError(
                    f"{directory}: another process has been writing here{waited} ({_holder(handle)}); try again when "
                    "it has ended"
                )
            time.sleep(PAUSE)
        _sign(handle)
        yield
    finally:
        try:
            os.close(handle)
        except OSError as error:
            raise _unwritable(directory, error) from error


def _unwritable(directory: str | Path, error: OSError) -> SettingsError:
    return SettingsError(f"{directory}: files cannot be written here ({error.strerror or error})")


def _taken(handle: int) -> bool:
    """Take the lock, unless somebody has it."""
    try:
        if importlib.util.find_spec("fcntl") is not None:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:  # Windows
            import msvcrt

            os.lseek(handle, MOST, os.SEEK_SET)  # behind what is written, which others could not read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # pyrefly: ignore[missing-attribute]
    except (BlockingIOError, PermissionError):
        return False
    return True


def _sign(handle: int) -> None:
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode()[:MOST])


def _holder(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, MOST).decode(errors="replace") or "one that did not say its number"
