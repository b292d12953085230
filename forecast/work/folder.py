"""The folder of a run: what is run on what, what happened, and what is kept to go on from after it was stopped.

DIR/run.json   settings as resolved, fingerprint of the data, environment, state; replaced as a whole
DIR/run.log    what happened, a line each with its time (UTC)
DIR/run.lock   who is at work; the system lets go of it when that process ends, however it ends
DIR/kept/      checkpoints of fits and results of contestants, until the run has finished
DIR/details/   what a report shows beside the tables of results (`experiment/details.py`)
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forecast.errors import SettingsError
from forecast.work.environment import environment
from forecast.work.lock import locked
from forecast.work.stopping import Stopped, keeping_work
from forecast.work.writing import clear_drafts, replace_file, size

FORMAT = 1
ABOUT, LOG, LOCK, KEPT = "run.json", "run.log", "run.lock", "kept"
DETAILS, OUTCOME = "details", "outcome.json"
RUNNING, STOPPED, FAILED, FINISHED = "running", "stopped", "failed", "finished"
MOST_NAMED = 10
SPARE = 1 << 20


@dataclass(frozen=True)
class Run:
    """Where work is kept while it goes on, so that it can be stopped at any moment and gone on with.

    Args:
        directory: of the run; made where missing. It may be the one that results are written to.
        resume: go on with the work that was stopped there; begin where there is none.
        anew: give up the work that was stopped there.
        seconds: between two checkpoints in the middle of an epoch; there is one at the end of every epoch too.
        steps: of the optimizer between two checkpoints in the middle of an epoch; None leaves it to `seconds`.

    Raises:
        SettingsError: values that make no sense.

    Example:
        >>> Run("runs/gru", resume=True).seconds
        60.0
    """

    directory: str | Path
    resume: bool = False
    anew: bool = False
    seconds: float = 60.0
    steps: int | None = None

    def __post_init__(self) -> None:
        if self.resume and self.anew:
            raise SettingsError("resume and anew: either go on with what was stopped, or give it up")
        if not self.seconds > 0 or (self.steps is not None and self.steps < 1):
            raise SettingsError(f"checkpoints every {self.seconds} seconds or {self.steps} steps: above 0, at least 1")


@dataclass(frozen=True, eq=False)
class RunFolder:
    """The folder of a run that this process holds the lock of.

    Args:
        run: its settings.
        about: what stands in run.json.
        notes: what the reader of the results should know.
    """

    run: Run
    about: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        """Where it is."""
        return Path(self.run.directory)

    def kept(self, name: str, part: object = "") -> Path:
        """The file for what is kept of a name; others get others, whatever characters the names have."""
        digest = hashlib.sha256(repr((name, part)).encode()).hexdigest()[:16]
        return self.directory / KEPT / f"{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-')[:40]}-{digest}"

    def log(self, text: str) -> None:
        """Add a line to run.log."""
        _append(self.directory / LOG, text)

    def finish(self) -> None:
        """The work is done and its results are written: let go of what was kept for going on."""
        self._say(FINISHED)
        clear(self.directory)
        self.log(FINISHED)

    def _say(self, state: str, why: str | None = None) -> None:
        self.about.update(state=state, ended=_now(), **({} if why is None else {"why": why}))
        _write(self.directory, self.about)


@contextmanager
def opened(run: Run, settings: Mapping[str, Any], data: Mapping[str, Any], need: int = 0) -> Iterator[RunFolder]:
    """Hold the folder of a run; what is stopped or fails inside can be gone on with, until `finish`.

    Args:
        settings: as resolved, in plain values; tables may hold tables.
        data: the fingerprint of the panel; a `name` may differ.
        need: bytes that the run will write, at least.

    Raises:
        SettingsError: another process is at work there; it cannot be written, or not that much; work was stopped there
            and neither going on nor giving up was asked for; or it was stopped with other settings or on other data.
    """
    directory = Path(run.directory)
    with locked(directory, patience=0, name=LOCK):
        _require_room(directory, need)
        clear_drafts(directory)
        about: dict[str, Any] = {"format": FORMAT, "state": RUNNING, "began": _now()}
        about |= {"settings": settings, "data": data, "environment": environment()}
        about = json.loads(json.dumps(about, default=str))
        notes = _joined(run, directory, about)
        _write(directory, about)
        folder = RunFolder(run, about, notes)
        folder.log(f"began, {len(list(kept_files(directory)))} files were kept")
        try:
            with keeping_work(str(directory)):
                yield folder
        except Stopped as stop:
            folder._say(STOPPED, str(stop))
            folder.log(str(stop))
            raise
        except BaseException as error:
            folder._say(FAILED, f"{type(error).__name__}: {error}")
            folder.log(f"failed: {type(error).__name__}: {error}")
            raise


def holds(directory: str | Path, settings: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether work of this very run was stopped in a folder, and is kept there."""
    directory = Path(directory)
    if not ((directory / ABOUT).exists() and any(kept_files(directory))):
        return False
    before, now = _read(directory), json.loads(json.dumps({"settings": settings, "data": data}, default=str))
    return before["state"] != FINISHED and not _changes(before, now)


def kept_files(directory: Path) -> Iterator[Path]:
    """What is kept for going on."""
    yield from (directory / KEPT).glob("*-????????????????")


def clear(directory: Path) -> None:
    """Remove what is kept, and nothing else."""
    if not (directory / KEPT).is_dir():
        return
    clear_drafts(directory / KEPT)
    for path in kept_files(directory):
        path.unlink()
    if not any((directory / KEPT).iterdir()):
        (directory / KEPT).rmdir()


def _joined(run: Run, directory: Path, about: Mapping[str, Any]) -> tuple[str, ...]:
    """Decide what becomes of an earlier run there; what should be read when it is gone on with."""
    for part in (KEPT, DETAILS):
        if (directory / part).is_dir():
            clear_drafts(directory / part)
    waiting = any(kept_files(directory))
    if run.anew or not (directory / ABOUT).exists():
        clear(directory)
        return ()
    before = _read(directory)
    if before["state"] == FINISHED and run.resume:
        raise SettingsError(
            f"{directory}: this run finished at {before.get('ended')}: there is nothing to go on with; leave out "
            "--resume (resume=True) to run it again"
        )
    other = _changes(before, about)
    if not waiting or before["state"] == FINISHED or (before["state"] == FAILED and other and not run.resume):
        clear(directory)
        return ()
    if not run.resume:
        raise SettingsError(
            f"{directory}: a run that began at {before.get('began')} was stopped here, and its work is kept; go on "
            "with it by --resume (resume=True), give it up by --anew (anew=True), or take another folder"
        )
    _require_same(directory, before, about)
    changed = differences(before["environment"], about["environment"])
    return tuple(f"not as before it was stopped, so the last digits may differ: {line}" for line in changed)


def _require_same(directory: Path, before: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    if found := _changes(before, about):
        more = f"\n  - and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        raise SettingsError(
            f"{directory}: what was stopped here was another run:"
            + "".join(f"\n  - {line}" for line in found[:MOST_NAMED])
            + f"{more}\nrun it as it was, give it up by --anew (anew=True), or take another folder"
        )


def _changes(before: Mapping[str, Any], about: Mapping[str, Any]) -> list[str]:
    found, now = ({part: value for part, value in each["data"].items() if part != "name"} for each in (before, about))
    return differences(before["settings"], about["settings"]) + [
        f"the data's {line}" for line in differences(found, now)
    ]


def differences(before: Mapping[str, Any], now: Mapping[str, Any], path: str = "") -> list[str]:
    """Where two tables differ, by dotted name.

    Example:
        >>> differences({"training": {"epochs": 30, "seed": 0}}, {"training": {"epochs": 40, "seed": 0}})
        ['training.epochs: 30 then, 40 now']
    """
    found = []
    for name in dict.fromkeys((*before, *now)):
        old, new, dotted = before.get(name), now.get(name), f"{path}{name}"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{dotted}.")
        elif old != new:
            found.append(f"{dotted}: {_short(old)} then, {_short(new)} now")
    return found


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:12]}..."


def _require_room(directory: Path, need: int) -> None:
    free = shutil.disk_usage(directory).free
    if free < need + SPARE:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        text = f"{directory}: about {size(need + SPARE)} will be written here, {size(free)} are free; make room"
        raise SettingsError(text) from full
    replace_file(directory / ".probe", b"\0" * 4096, "a run")
    (directory / ".probe").unlink()


def _read(directory: Path) -> dict[str, Any]:
    try:
        found = json.loads((directory / ABOUT).read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise ValueError(f"its format is {found['format']!r}, this version reads {FORMAT}")
        return {"environment": {}, "settings": {}, "data": {}} | found | {"state": found["state"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{directory / ABOUT}: not what a run left there ({error}); give up what is kept by --anew (anew=True)"
        ) from error


def _write(directory: Path, about: Mapping[str, Any]) -> None:
    replace_file(directory / ABOUT, (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode(), "the run")


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{_now()} {text}\n")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written ({error.strerror or error})") from error


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
