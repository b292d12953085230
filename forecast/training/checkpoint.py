"""Checkpoints: everything a fit goes on from, in one file of plain values and tensors with the SHA-256 of its bytes.

Lightning's own files can hold programs, are copied across file systems, which a kill can tear, and notice no flipped
bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as undump
from safetensors.torch import save as dump
from torch import Tensor

from forecast.errors import RunError, SettingsError
from forecast.work.folder import RunFolder
from forecast.work.writing import replace_file

MAGIC = b"forecast checkpoint 1 "
KEY = "tree"
DIGEST = 64


@dataclass(frozen=True, eq=False)
class Slot:
    """Where one fit of a run keeps its checkpoint.

    Args:
        folder: of the run.
        path: the file; there only while, or after, this very fit was at work in this run.
        name: in words, for the log.
    """

    folder: RunFolder
    path: Path
    name: str


def to_bytes(value: Any) -> bytes:
    """A tree of plain values and tensors as bytes.

    Raises:
        TypeError: something else is in it.

    Example:
        >>> import torch
        >>> state = {"step": 3, "rates": (1e-3, None), 0: torch.arange(2.0)}
        >>> found = from_bytes(to_bytes(state))
        >>> found["step"], found["rates"], found[0].tolist()
        (3, (0.001, None), [0.0, 1.0])
    """
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_plain(value, tensors))
    content = dump(tensors, metadata={KEY: tree})
    return MAGIC + hashlib.sha256(content).hexdigest().encode() + content


def from_bytes(content: bytes) -> Any:
    """What `to_bytes` was given.

    Raises:
        ValueError: the bytes are not those that were written.
    """
    head = len(MAGIC) + DIGEST
    if not content.startswith(MAGIC):
        raise ValueError("this is no checkpoint of ours, or of another version")
    if hashlib.sha256(content[head:]).hexdigest().encode() != content[len(MAGIC) : head]:
        raise ValueError("its bytes are not those that were written (SHA-256)")
    try:
        tensors = undump(content[head:])
        header = json.loads(content[head + 8 : head + 8 + int.from_bytes(content[head : head + 8], "little")])
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return _back(json.loads(header["__metadata__"][KEY]), tensors)


def write_checkpoint(path: Path, value: Any) -> None:
    """Write a tree as a whole or not at all.

    Raises:
        RunError: it cannot be written; the checkpoint that was there before is untouched.
    """
    try:
        replace_file(path, to_bytes(value), "a checkpoint")
    except SettingsError as error:
        raise RunError(f"{error}. What was kept before is untouched: go on with --resume (resume=True)") from error


def read_checkpoint(path: Path) -> Any:
    """Read a tree back.

    Raises:
        RunError: the file is damaged.
    """
    try:
        return from_bytes(path.read_bytes())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: a damaged checkpoint ({error}); begin again by --anew (anew=True)") from error


def _plain(value: Any, tensors: dict[str, Tensor]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {"table": [[_key(key), _plain(part, tensors)] for key, part in value.items()]}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_plain(part, tensors) for part in value]}
    raise TypeError(f"a checkpoint holds plain values and tensors, not {type(value).__name__}")


def _key(key: Any) -> Any:
    if not isinstance(key, str | int) or isinstance(key, bool):
        raise TypeError(f"a name in a checkpoint is a text or a whole number, not {key!r}")
    return key


def _back(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, parts),) = tree.items()
    if kind == "tensor":
        return tensors[parts]
    if kind == "table":
        return {key: _back(part, tensors) for key, part in parts}
    found = [_back(part, tensors) for part in parts]
    return tuple(found) if kind == "tuple" else found
