"""Saved models with a change that somebody hides: every sum fits what is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.numpy import save as dump

from forecast.forecasters.artifacts.manifest import CONFIG, STATE, WEIGHTS
from forecast.forecasters.artifacts.verified import read_set
from forecast.forecasters.artifacts.writing import replace_set


def reseal(directory: Path, **contents: bytes) -> None:
    """Replace members, by the first part of their names."""
    manifest, known = read_set(directory)
    changed = {name: contents.get(name.partition(".")[0], content) for name, content in known.items()}
    replace_set(directory, changed, manifest.fingerprints)


def reconfigured(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change config.json."""
    config = json.loads((directory / CONFIG).read_text("utf-8"))
    reseal(directory, config=json.dumps(change(config) or config).encode())


def renumbered(directory: Path, change: Callable[[dict, dict], object], member: str = WEIGHTS) -> None:
    """Change the arrays of a member, and the settings in its header where it has any."""
    with safe_open(directory / member, framework="numpy") as file:
        settings = json.loads((file.metadata() or {}).get("live", "{}"))
        arrays = {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118
    change(settings, arrays)
    content = dump(arrays, metadata={"live": json.dumps(settings)} if member == STATE else None)
    reseal(directory, **{member.partition(".")[0]: content})
