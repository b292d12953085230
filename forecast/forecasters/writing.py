"""Writing: sets of files that change together, or not at all.

Members are written as drafts beside those that are there, named after their SHA-256. Then the manifest is replaced:
that instant decides. Then the drafts get their plain names. Whoever reads takes, for every member, the file whose
bytes the manifest names (`verified.py`), so a crash anywhere leaves the old set or the new one. What a killed save
left behind is put in order by the next.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from forecast.errors import SettingsError
from forecast.forecasters.manifest import MANIFEST, MOST, MOST_MANIFEST, Manifest, Member, digest, versions

DRAFT = re.compile(r"\.(?P<name>{})\.[0-9a-f]{{16}}".format("|".join(map(re.escape, (MANIFEST, *MOST)))))
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
PLAIN = os.O_RDONLY | NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
PIECE = 1 << 20


def replace_set(directory: Path, contents: Mapping[str, bytes], fingerprints: Mapping[str, str]) -> Manifest:
    """Write the members of a set and its manifest as a whole; members of the old set that the new one lacks go.

    Whoever calls holds the lock of the directory (`lock.py`), which has made it.

    Args:
        contents: by name; only names in `MOST`. Files that hold their content already are left alone.
        fingerprints: of data and settings.

    Raises:
        SettingsError: it cannot be written there, or a member is larger than any that is read.
    """
    for name, content in contents.items():
        if len(content) > MOST[name]:
            raise SettingsError(f"{directory}: {name} would have {len(content):,} bytes, {MOST[name]:,} is the most")
    manifest = Manifest({name: Member.of(content) for name, content in contents.items()}, versions(), fingerprints)
    try:
        _tidy(directory)
        _commit(directory, contents, manifest)
        _tidy(directory)
    except OSError as error:
        reason = error.strerror or error
        raise SettingsError(f"{directory}: the model cannot be written here ({reason})") from error
    return manifest


def draft(name: str, sha256: str) -> str:
    """Name of a member until it gets its plain one."""
    return f".{name}.{sha256[:16]}"


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


def _commit(directory: Path, contents: Mapping[str, bytes], manifest: Manifest) -> None:
    """Write what is not there yet; then, in one instant, the new set is the set."""
    first, sealed = not (directory / MANIFEST).exists(), manifest.content()
    try:
        for name, content in contents.items():
            if not _holds(directory / name, manifest.members[name]):
                _write(directory / draft(name, manifest.members[name].sha256), content)
        fresh = directory / draft(MANIFEST, digest(sealed))
        _write(fresh, sealed)
        _sync(directory)
        os.replace(fresh, directory / MANIFEST)
        _sync(directory)
        if first:
            _sync(directory.parent)
    except BaseException:
        # Which set is the set is what the manifest on the disk says now; drafts of the other one go. The first error
        # is the one to be told, and what cannot be put in order now is by the next save.
        with contextlib.suppress(OSError):
            _tidy(directory)
        raise


def _tidy(directory: Path) -> None:
    """Give drafts that the manifest names their plain names, remove all others, and members that it does not name."""
    known, changed = _current(directory), False
    for path in sorted(directory.iterdir()):
        found = DRAFT.fullmatch(path.name)
        if found:
            changed, name = True, found["name"]
            member = known.members.get(name) if known else None
            if member and path.name == draft(name, member.sha256) and _holds(path, member):
                os.replace(path, directory / name)
            else:
                os.unlink(path)
        elif known and path.name in MOST and path.name not in known.members:
            changed = True
            os.unlink(path)
    if changed:
        _sync(directory)


def _current(directory: Path) -> Manifest | None:
    """The set that is there, if there is a whole one."""
    try:
        return Manifest.parse(read_plain(directory / MANIFEST, MOST_MANIFEST))
    except (FileNotFoundError, ValueError):
        return None


def _holds(path: Path, member: Member) -> bool:
    """Whether a file is there and holds the bytes of a member."""
    try:
        return os.lstat(path).st_size == member.size and member.is_of(read_plain(path, member.size))
    except (FileNotFoundError, ValueError):
        return False


def _write(path: Path, content: bytes) -> None:
    """A new file, on the disk when this returns."""
    handle = os.open(path, NEW, 0o666)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync(directory: Path) -> None:
    """Names in a directory are on the disk when this returns; Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
