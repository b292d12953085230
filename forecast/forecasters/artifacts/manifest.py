"""The manifest of a saved forecaster: which members belong together, their sizes and sums, and who wrote them.

It is replaced last, so it decides which set of files is the model; it holds its own sum, so no byte of it can change
unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from forecast.forecasters.artifacts.strict import MOST_JSON, strict_json
from forecast.work.environment import versions_of

FORMAT = 4
MANIFEST, CONFIG, WEIGHTS, STATE, PAGE = (
    "manifest.json",
    "config.json",
    "weights.safetensors",
    "state.safetensors",
    "card.md",
)
MOST = {CONFIG: MOST_JSON, WEIGHTS: 2 << 30, STATE: 2 << 30, PAGE: 1 << 20}
"""The members there can be, and how many bytes each may have. A manifest cannot name any other file."""
MOST_MANIFEST = 64 << 10
LIBRARIES = ("forecast-recurrent", "torch", "pytorch-lightning", "numpy", "pandas", "safetensors")
SHA256 = re.compile(r"[0-9a-f]{64}")


class NewerFormatError(ValueError):
    """The files were written by a later version than this one."""


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@cache
def versions() -> dict[str, str]:
    """Versions of Python and the libraries that a model was made with."""
    return versions_of(LIBRARIES)


@dataclass(frozen=True)
class Member:
    """A file of a set: how many bytes it has, and their SHA-256."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> Member:
        """What is to be known of a content."""
        return cls(len(content), digest(content))

    def is_of(self, content: bytes) -> bool:
        """Whether these are the bytes that were written."""
        return len(content) == self.size and digest(content) == self.sha256


@dataclass(frozen=True)
class Manifest:
    """A set of files.

    Args:
        members: by name; only names in `MOST`.
        versions: of Python and libraries.
        fingerprints: of the data and of the settings.

    Example:
        >>> written = Manifest({"config.json": Member.of(b"{}")}, {"python": "3.11.9"}, {})
        >>> Manifest.parse(written.content()) == written
        True
        >>> Manifest.parse(written.content().replace(b"3.11.9", b"3.11.8"))
        Traceback (most recent call last):
        ...
        ValueError: its bytes are not those that were written (SHA-256)
    """

    members: Mapping[str, Member]
    versions: Mapping[str, str]
    fingerprints: Mapping[str, str]

    def content(self) -> bytes:
        """As a file, with its own sum."""
        return _sealed(
            {
                "format": FORMAT,
                "members": {name: asdict(member) for name, member in self.members.items()},
                "versions": dict(self.versions),
                "fingerprints": dict(self.fingerprints),
            }
        )

    @classmethod
    def parse(cls, content: bytes) -> Manifest:
        """What a file says.

        Raises:
            NewerFormatError: written by a later version.
            ValueError: no manifest, or one that is damaged.
        """
        table = strict_json(content, MOST_MANIFEST)
        known = table.get("format") if isinstance(table, dict) else None
        if type(known) is int and known > FORMAT:
            raise NewerFormatError(
                f"model format {known} was written by a newer version of forecast, this one reads {FORMAT}: "
                "pip install --upgrade forecast-recurrent"
            )
        if known != FORMAT:
            raise ValueError(f"model format {known!r}, this version reads {FORMAT}: fit the model again and save it")
        table.pop("sha256", None)
        if _sealed(table) != content:
            raise ValueError("its bytes are not those that were written (SHA-256)")
        if set(table) != {"format", "members", "versions", "fingerprints"} or not isinstance(table["members"], dict):
            raise ValueError("members, versions and fingerprints are needed, and nothing else")
        for part in ("versions", "fingerprints"):
            if not isinstance(table[part], dict) or not all(isinstance(text, str) for text in table[part].values()):
                raise ValueError(f"{part} are names and texts")
        members = {name: _member(name, entry) for name, entry in table["members"].items()}
        return cls(members, table["versions"], table["fingerprints"])


def _sealed(table: Mapping[str, Any]) -> bytes:
    """A table as text, with the SHA-256 of that text without it."""
    return _text({**table, "sha256": digest(_text(table))})


def _text(table: Mapping[str, Any]) -> bytes:
    return (json.dumps(table, indent=2) + "\n").encode()


def _member(name: str, entry: object) -> Member:
    if name not in MOST:
        raise ValueError(f"{name!r} is no member of a model; those are {', '.join(MOST)}")
    if not isinstance(entry, dict) or set(entry) != {"size", "sha256"}:
        raise ValueError(f"{name}: size and sha256 are needed")
    size, total = entry["size"], entry["sha256"]
    if type(size) is not int or not isinstance(total, str) or not SHA256.fullmatch(total):
        raise ValueError(f"{name}: a size in bytes and a SHA-256 are needed")
    if not 0 <= size <= MOST[name]:
        raise ValueError(f"{name}: {size:,} bytes are claimed, {MOST[name]:,} is the most")
    return Member(size, total)
