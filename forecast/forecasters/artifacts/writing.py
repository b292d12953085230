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
from collections.abc import Mapping
from pathlib import Path

from forecast.errors import SettingsError
from forecast.forecasters.artifacts.manifest import MANIFEST, MOST, MOST_MANIFEST, Manifest, Member, digest, versions
from forecast.work.plain import read_plain
from forecast.work.writing import keep_names, write_new

MEMBER_DRAFT = re.compile(r"\.(?P<name>{})\.[0-9a-f]{{16}}".format("|".join(map(re.escape, (MANIFEST, *MOST)))))


def replace_set(directory: Path, contents: Mapping[str, bytes], fingerprints: Mapping[str, str]) -> Manifest:
    """Write the members of a set and its manifest as a whole; members of the old set that the new one lacks go.

    Whoever calls holds the lock of the directory (`work/lock.py`), which has made it.

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


def _commit(directory: Path, contents: Mapping[str, bytes], manifest: Manifest) -> None:
    """Write what is not there yet; then, in one instant, the new set is the set."""
    first, sealed = not (directory / MANIFEST).exists(), manifest.content()
    try:
        for name, content in contents.items():
            if not _holds(directory / name, manifest.members[name]):
                write_new(directory / draft(name, manifest.members[name].sha256), content)
        fresh = directory / draft(MANIFEST, digest(sealed))
        write_new(fresh, sealed)
        keep_names(directory)
        os.replace(fresh, directory / MANIFEST)
        keep_names(directory)
        if first:
            keep_names(directory.parent)
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
        found = MEMBER_DRAFT.fullmatch(path.name)
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
        keep_names(directory)


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
