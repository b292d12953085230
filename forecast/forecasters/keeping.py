"""Keeping: where the fits of a recurrent network keep their checkpoints while a run goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Protocol

from forecast.data.fingerprint import fingerprints
from forecast.data.panel import Panel
from forecast.forecasters.start import Start
from forecast.nets.decoders import to_table
from forecast.nets.heads import Head
from forecast.nets.network import Architecture
from forecast.training.fit import Training
from forecast.training.saving import Slot
from forecast.windows.feeds import Feed
from forecast.windows.window import Window
from forecast.work.folder import RunFolder


class Keeps(Protocol):
    """What is read of a recurrent network."""

    window: Window
    architecture: Architecture
    head: Head
    feed: Feed
    training: Training
    transform: str
    calendar: bool | None
    gaps: bool
    start: Start | None
    keeping: tuple[RunFolder, str] | None


def settings_of(model: Keeps) -> dict[str, Any]:
    """All that decides what a fit on given rows comes to, in plain values."""
    architecture = {name: getattr(model.architecture, name) for name in model.architecture.__dataclass_fields__}
    architecture["cell"] = cell_name(model)
    architecture["decoder"] = to_table(model.architecture.decoder)
    return {
        "window": asdict(model.window),
        "architecture": architecture,
        "head": {"kind": type(model.head).__name__, **asdict(model.head)},  # type: ignore[arg-type]
        "feed": {"kind": type(model.feed).__name__, **asdict(model.feed)},
        "training": asdict(model.training),
        "transform": model.transform,
        "calendar": model.calendar,
        "gaps": model.gaps,
        "start": None if model.start is None else digest_of(model.start),
    }


def cell_name(model: Keeps) -> str:
    """The name of its cell; of one of the user's own, that of its class."""
    cell = model.architecture.cell
    return cell if isinstance(cell, str) else getattr(cell, "__qualname__", repr(cell))


def traits_of(model: Keeps) -> tuple[str, ...]:
    """What tells a network from others, in words: cell, units, feed, head."""
    units = f"{model.architecture.hidden_size} units"
    return (cell_name(model), units, type(model.feed).__name__, type(model.head).__name__)


def digest_of(start: Start) -> str:
    """SHA-256 of the weights that a fit begins with, and of what is taken of them."""
    found = hashlib.sha256(repr((start.whole, start.partial)).encode())
    for name, weight in start.weights.items():
        found.update(name.encode() + weight.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def slot_of(model: Keeps, panel: Panel) -> Slot | None:
    """The place for a fit's checkpoint, None where nothing is kept; other settings or rows have another place.

    A calibrated network is fitted twice in one run, on some rows and on all of them.
    """
    if model.keeping is None:
        return None
    folder, name = model.keeping
    part = json.dumps([settings_of(model), fingerprints(panel)], default=str, sort_keys=True)
    return Slot(folder, folder.kept(name, part), name)


@contextmanager
def keeping(model: Keeps, folder: RunFolder, name: str) -> Iterator[None]:
    """Let the fits of a network keep checkpoints inside."""
    model.keeping = (folder, name)
    try:
        yield
    finally:
        model.keeping = None
