"""Keeping: where the fits of a recurrent network keep their checkpoints while a run goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from forecast.data.fingerprint import fingerprints
from forecast.data.panel import Panel
from forecast.forecasters.start import Start
from forecast.nets.decoders import to_table
from forecast.nets.heads import Head
from forecast.nets.network import Architecture
from forecast.training.checkpoint import Slot
from forecast.training.logs import FitLog, logger_names
from forecast.training.settings import Training
from forecast.windows.feeds import Feed
from forecast.windows.window import Window
from forecast.work.folder import RunFolder

LOGS = "logs"


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
    called: str | None


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
        "training": model.training.deciding(),
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
    return Slot(folder, folder.kept(name, _identity(model, panel)), name)


def _identity(model: Keeps, panel: Panel) -> str:
    """Settings and rows of a fit, as text."""
    return json.dumps([settings_of(model), fingerprints(panel)], default=str, sort_keys=True)


def log_of(model: Keeps, panel: Panel) -> FitLog | None:
    """What a fit writes while it goes on, None where nothing is logged.

    It lies in `Training.log_folder`, else in `logs` of the run's folder, else in `logs` here; under `Recurrent.called`,
    else the name that the run has for the model, else that of its cell.
    """
    training, cell = model.training, model.architecture.cell
    names = logger_names(training.log)
    if not names:
        return None
    kept = None if model.keeping is None else model.keeping[0].directory
    root = Path(training.log_folder) if training.log_folder is not None else (kept or Path()) / LOGS
    named = model.called or (model.keeping[1] if model.keeping is not None else None)
    name = named or (cell if isinstance(cell, str) else getattr(cell, "__name__", type(cell).__name__))
    digest = hashlib.sha256(_identity(model, panel).encode()).hexdigest()
    return FitLog(names, root, name, training.seed, digest, settings_of(model))


@contextmanager
def keeping(model: Keeps, folder: RunFolder, name: str) -> Iterator[None]:
    """Let the fits of a network keep checkpoints inside."""
    model.keeping = (folder, name)
    try:
        yield
    finally:
        model.keeping = None
