"""Verified reading of a set of files: sizes, then sums, before anything is made of a byte."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from forecast.errors import DataError
from forecast.forecasters.artifacts.manifest import CONFIG, MANIFEST, MOST_MANIFEST, Manifest, Member
from forecast.forecasters.artifacts.writing import draft
from forecast.work.plain import read_plain

TRIES = 20
REMEDY = "copy the whole folder again, or save the model again"
OLDER = "numbers.safetensors"


def read_set(directory: Path) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest of a saved forecaster and the bytes of its members, all of which are those that were written.

    A set that is replaced while it is read is read again.

    Raises:
        DataError: no model there, files that are missing or damaged (every one is named), or a newer format.
    """
    for _ in range(TRIES):
        before = _manifest_bytes(directory)
        manifest = _parsed(directory, before)
        found = {name: _member(directory, name, member) for name, member in manifest.members.items()}
        problems = [what for what in found.values() if isinstance(what, str)]
        contents = {name: what for name, what in found.items() if isinstance(what, bytes)}
        if not problems:
            return manifest, contents
        if _manifest_bytes(directory) == before:
            break
    raise DataError(str(directory), [f"{problem}; {REMEDY}" for problem in problems])


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest that is there, None where there is none.

    Raises:
        DataError: it is damaged.
    """
    if not os.path.lexists(directory / MANIFEST):
        return None
    return _parsed(directory, _manifest_bytes(directory))


def _manifest_bytes(directory: Path) -> bytes:
    try:
        return read_plain(directory / MANIFEST, MOST_MANIFEST)
    except FileNotFoundError as error:
        problem = f"no readable model: there is no {MANIFEST}"
        if (directory / CONFIG).exists() and (directory / OLDER).exists():
            problem = f"a model without {MANIFEST}, of format 3 or older: fit the model again and save it"
        raise DataError(str(directory), [problem]) from error
    except (OSError, ValueError) as error:
        raise DataError(str(directory), [f"no readable model: {MANIFEST}: {_words(error)}"]) from error


def _parsed(directory: Path, content: bytes) -> Manifest:
    try:
        return Manifest.parse(content)
    except ValueError as error:
        raise DataError(str(directory), [f"no readable model: {MANIFEST}: {error}"]) from error


def _member(directory: Path, name: str, member: Member) -> bytes | str:
    """The bytes of a member, under its plain name or that of its draft; else what is wrong with it."""
    problem = ""
    for path in (directory / name, directory / draft(name, member.sha256)):
        try:
            size = os.lstat(path).st_size
            if size != member.size:
                problem = problem or f"{name} has {size:,} bytes, {member.size:,} were written"
                continue
            content = read_plain(path, member.size)
        except (OSError, ValueError) as error:
            problem = problem or f"{name}: {_words(error)}"
            continue
        if member.is_of(content):
            return content
        problem = problem or f"{name}: its bytes are not those that were written (SHA-256)"
    return problem


def _words(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "it is missing"
    if isinstance(error, OSError):
        return "it is a link" if error.errno == errno.ELOOP else str(error.strerror or error)
    return str(error)
