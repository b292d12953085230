"""A fault at the n-th file operation of a save, for every n: the old model is there afterwards, or the new one.

Four kinds of fault, before each operation that touches files (open, write, fsync, close, replace, unlink, mkdir, stat,
list): a full disk (ENOSPC; a write leaves half of its bytes), a device error (EIO), a process that is killed (SIGKILL),
and a power cut, which is a kill that also cuts in half whatever was written and not synced. Afterwards the folder is
loaded and compared with the old and the new model bit by bit, saved to once more, and searched for leftovers.

    python experiments/reliability/faults.py --out faults.json
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import forecast as fc
from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import ForecastError

OPERATIONS = ("open", "write", "fsync", "close", "replace", "rename", "unlink", "mkdir", "lstat", "fstat", "listdir")
OPERATIONS += ("scandir", "stat")
KINDS = ("full", "error", "kill", "power")
NUMBERS = {"full": errno.ENOSPC, "error": errno.EIO}


class Faulty:
    """The file operations of `os`, the n-th of which goes wrong; counts those that touch a folder or an open file."""

    def __init__(self, kind: str | None, nth: int) -> None:
        self.kind, self.nth, self.done = kind, nth, 0
        self.real = {name: getattr(os, name) for name in OPERATIONS}
        self.unsynced: dict[int, str] = {}  # files that were opened for writing, by handle
        self.cut: set[str] = set()  # their names, until they are synced

    def __enter__(self) -> Faulty:
        for name in OPERATIONS:
            setattr(os, name, self._wrapped(name))
        return self

    def __exit__(self, *error: object) -> None:
        for name, real in self.real.items():
            setattr(os, name, real)

    def _wrapped(self, name: str) -> Callable:
        def call(*args, **options):
            self.done += 1
            if self.kind is not None and self.done == self.nth:
                self._fail(name, args)
            result = self.real[name](*args, **options)
            self._note(name, args, result)
            return result

        return call

    def _note(self, name: str, args: tuple, result: object) -> None:
        if name == "open" and isinstance(result, int) and len(args) > 1 and args[1] & os.O_WRONLY:
            self.unsynced[result] = os.fspath(args[0])
        elif name == "write" and args[0] in self.unsynced:
            self.cut.add(self.unsynced[args[0]])
        elif name == "fsync" and args[0] in self.unsynced:
            self.cut.discard(self.unsynced[args[0]])
        elif name == "close":
            self.unsynced.pop(args[0], None)
        elif name in ("replace", "rename") and os.fspath(args[0]) in self.cut:
            self.cut = (self.cut - {os.fspath(args[0])}) | {os.fspath(args[1])}

    def _fail(self, name: str, args: tuple) -> None:
        if name == "write":  # some of it arrives
            self.real["write"](args[0], bytes(args[1])[: len(args[1]) // 2])
            self._note("write", args, None)
        if name == "close":  # a handle is gone whatever closing it says
            self.real["close"](args[0])
        if self.kind in NUMBERS:
            raise OSError(NUMBERS[self.kind], os.strerror(NUMBERS[self.kind]))
        for path in self.cut if self.kind == "power" else ():
            if os.path.exists(path):
                os.truncate(path, os.path.getsize(path) // 2)
        os.kill(os.getpid(), signal.SIGKILL)


def rows(count: int) -> Panel:
    """A noisy wave."""
    times = np.arange("2024-01-01", np.datetime64("2024-01-01") + count, dtype="M8[D]")
    values = np.sin(np.arange(count) / 3) + np.random.default_rng(0).normal(0, 0.1, count)
    return Panel.from_arrays(values, times, schema=Schema("day", ("y",)))


class Model:
    """A saved network, replaced by one that was fitted longer."""

    def __init__(self) -> None:
        window, training = fc.Window(8, 2), [fc.Training(epochs=n, device="cpu") for n in (1, 2)]
        self.panel = rows(120)
        self.old, self.new = (fc.Recurrent(window, hidden_size=4, training=each).fit(self.panel) for each in training)

    def save(self, place: Path, new: bool) -> None:
        (self.new if new else self.old).save(place)

    def said(self, place: Path) -> bytes:
        return fc.load(place).model.predict(self.panel).values.tobytes()


class Live:
    """A live folder, whose state goes on by some rows."""

    def __init__(self) -> None:
        window, training = fc.Window(8, 2), fc.Training(epochs=1, device="cpu")
        panel = rows(130)
        self.model = fc.Recurrent(window, hidden_size=4, training=training, feed=fc.Streamed(lanes=1))
        self.model.fit(panel.until(120))
        self.old, self.new = self.model.live(panel.until(120)), self.model.live(panel)

    def save(self, place: Path, new: bool) -> None:
        (self.new if new else self.old).save(place)

    def said(self, place: Path) -> bytes:
        return fc.load_live(place).forecast().values.tobytes()


@contextmanager
def _scratch(folder: str | None) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        yield place
    finally:
        shutil.rmtree(place)


def attempt(kind: str, nth: int, subject: Model | Live, place: Path) -> None:
    """Save the new model with a fault; a kill takes place in a child process."""
    if kind in NUMBERS:
        with Faulty(kind, nth):
            try:
                subject.save(place, new=True)
            except ForecastError:
                return
        return
    child = os.fork()
    if not child:
        with Faulty(kind, nth):
            subject.save(place, new=True)
        os._exit(0)
    os.waitpid(child, 0)


def outcome(subject: Model | Live, place: Path, known: dict[bytes, str]) -> str:
    """old, new, or what else the folder holds."""
    try:
        return known.get(subject.said(place), "a mixture")
    except ForecastError as error:
        return f"neither: {error}"


def operations(subject: Model | Live, folder: str | None, first: bool) -> int:
    """How many file operations a save takes."""
    with _scratch(folder) as place:
        if not first:
            subject.save(place / "model", new=False)
        with Faulty(None, 0) as count:
            subject.save(place / "model", new=True)
        return count.done


def sweep(subject: Model | Live, folder: str | None, every: int, first: bool) -> dict[str, object]:
    """All faults at all operations of one kind of save.

    Args:
        every: try each so many-th operation only.
        first: there is no old model.
    """
    with _scratch(folder) as place:
        subject.save(place / "old", new=False)
        subject.save(place / "new", new=True)
        known = {subject.said(place / "old"): "old", subject.said(place / "new"): "new"}
        kept = {path.name for path in (place / "new").iterdir()}
    assert len(known) == 2, "the old and the new model say the same"
    count, seen, wrong, left = operations(subject, folder, first), Counter(), [], 0
    for kind in KINDS:
        for nth in range(1, count + 1, every):
            with _scratch(folder) as place:
                model = place / "model"
                if not first:
                    subject.save(model, new=False)
                attempt(kind, nth, subject, model)
                found = outcome(subject, model, known)
                if first and found.startswith("neither") and "there is no manifest" in found:
                    found = "nothing"
                seen[found] += 1
                if found not in ("old", "new", "nothing"):
                    wrong.append({"fault": kind, "operation": nth, "found": found})
                fresh = type(subject).__new__(type(subject))
                fresh.__dict__.update(subject.__dict__)
                again(fresh, model)
                left += {path.name for path in model.iterdir()} != kept or outcome(subject, model, known) != "new"
    return {"operations": count, "faults": sum(seen.values()), "found": dict(seen), "wrong": wrong, "leftovers": left}


def again(subject: Model | Live, place: Path) -> None:
    """Save once more, as a process would that comes after the one that failed."""
    if isinstance(subject, Live):
        subject.new.written.clear()
    subject.save(place, new=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="try each so many-th operation only (default: all)")
    parser.add_argument("--folder", help="where to save, such as a folder on another file system (default: /tmp)")
    parser.add_argument("--out", help="JSON to write (default: print)")
    args = parser.parse_args(arguments)
    began, results = time.monotonic(), {}
    for name, make in {"model": Model, "live folder": Live}.items():
        subject = make()
        results[name] = sweep(subject, args.folder, args.every, first=False)
        results[f"{name}, the first"] = sweep(subject, args.folder, args.every, first=True)
    bad = sum(len(result["wrong"]) + result["leftovers"] for result in results.values())
    faults = sum(result["faults"] for result in results.values())
    report = {"faults": faults, "wrong": bad, "seconds": round(time.monotonic() - began, 1), "saves": results}
    text = json.dumps(report, indent=2)
    if args.out:
        Path(args.out).write_text(text + "\n", encoding="utf-8")
    print(text)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
