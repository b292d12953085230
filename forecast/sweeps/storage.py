"""Storage: where a study is kept. A database, a journal file, or memory; made once, however many begin at once."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import optuna
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage, get_storage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalFileSymlinkLock
from sqlalchemy.exc import (
    ArgumentError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from forecast.errors import SettingsError

T = TypeVar("T")
JOURNAL, SQLITE = "journal:", "sqlite:///"
LOCK_SECONDS = 60
TRIES = 8
RACES = (OperationalError, IntegrityError, ProgrammingError, FileExistsError)
"""What somebody gets to see whose tables others are making, or whose server is not yet up."""
FORMS = 'a file such as "study.db", "journal:FILE", or an address such as "postgresql+psycopg://user@host/database"'


def address_of(storage: str | os.PathLike[str] | None) -> str | None:
    """The address of a storage, from wherever a worker stands; a bare file name means SQLite.

    Example:
        >>> address_of("/runs/study.db"), address_of("journal:/shared/study.log"), address_of(None)
        ('sqlite:////runs/study.db', 'journal:/shared/study.log', None)
    """
    if storage is None:
        return None
    text = os.fspath(storage)
    for kind in (JOURNAL, SQLITE):
        if text.startswith(kind):
            return kind + os.path.abspath(text.removeprefix(kind))
    return text if "://" in text else SQLITE + os.path.abspath(text)


def open_storage(address: str | None) -> BaseStorage:
    """Open a storage, make it if there is none, and mend a journal whose last line was torn.

    Raises:
        SettingsError: it cannot be opened.
    """
    if address is None:
        return InMemoryStorage()
    if address.startswith(JOURNAL):
        return _patient(lambda: _journal(Path(address.removeprefix(JOURNAL))), address)
    if address.startswith(SQLITE):
        return _patient(lambda: _sqlite(address), address)
    return _patient(lambda: get_storage(RDBStorage(address, {"pool_pre_ping": True})), address)


def _patient(make: Callable[[], T], address: str) -> T:
    """Try again while others make the same tables: Optuna looks first and makes then, so somebody loses the race."""
    for left in reversed(range(TRIES)):
        try:
            return make()
        except (ImportError, NoSuchModuleError, ArgumentError) as error:
            raise SettingsError(f"storage {address}: {error}; name {FORMS}") from error
        except (SQLAlchemyError, OSError, optuna.exceptions.OptunaError) as error:
            if not left or not (isinstance(error, RACES) or isinstance(error.__cause__, RACES)):
                cause = str(error.__cause__ or error).splitlines()[0]
                raise SettingsError(f"storage {address}: cannot be opened ({cause})") from error
            time.sleep(0.05 * 2 ** (TRIES - left - 1))
    raise AssertionError("the last try raises")


def _sqlite(address: str) -> BaseStorage:
    Path(address.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
    # Writers wait for each other; each writes for milliseconds.
    return get_storage(RDBStorage(address, {"connect_args": {"timeout": LOCK_SECONDS}}))


def _journal(file: Path) -> JournalStorage:
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = JournalFileOpenLock(str(file)) if os.name == "nt" else JournalFileSymlinkLock(str(file))
    lock.acquire()
    try:
        mend(file)
    finally:
        lock.release()
    return JournalStorage(JournalFileBackend(str(file), lock))


def mend(file: Path) -> int:
    """Take lines out of a journal that are no records; the journal as it was is kept beside it.

    A full disk or a power cut leaves half a line, and the next writer appends to it: what follows the half is saved.

    Returns:
        How many lines were mended.

    Example:
        >>> import tempfile
        >>> journal = Path(tempfile.mkdtemp(), "study.log")
        >>> _ = journal.write_text('{"op_code":0}' + chr(10) + '{"op_co{"op_code":4}' + chr(10) + '{"op_')
        >>> mend(journal), journal.read_text().split()
        (2, ['{"op_code":0}', '{"op_code":4}'])
    """
    if not file.is_file():
        return 0
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    kept = [_record(line) for line in lines]
    torn = [place for place, (line, record) in enumerate(zip(lines, kept, strict=True)) if line != record]
    if not torn:
        return 0
    shutil.copy2(file, file.with_name(f"{file.name}.torn-{time.strftime('%Y%m%d-%H%M%S')}"))
    fresh = file.with_name(f"{file.name}.mended")
    with open(fresh, "wb") as handle:
        handle.write(b"".join(kept))
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(fresh, file)
    return len(torn)


def _record(line: bytes) -> bytes:
    """The line itself, or what of its end is a record; nothing where there is none."""
    if not line.endswith(b"\n"):
        return b""
    at = -1
    while (at := line.find(b"{", at + 1)) >= 0:
        try:
            found = json.loads(line[at:])
        except ValueError:
            continue
        if "op_code" in found:
            return line[at:]
    return b""
