"""Stopping: what Ctrl-C and SIGTERM do. They are let wait while work can be saved first; a second one kills at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

HEEDED = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """Somebody stopped the work, by Ctrl-C or SIGTERM.

    Args:
        number: of the signal.

    Attributes:
        kept: where the work is kept that can be gone on with (a folder, a storage); None where it was not yet.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.kept: str | None = None
        super().__init__(f"stopped by {signal.Signals(number).name}")

    @property
    def code(self) -> int:
        """The exit code that shells give to it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number


def stopped_by(error: BaseException | None) -> Stopped | None:
    """The signal that has stopped some work, behind whatever a library made of it; None where none is known."""
    while error is not None and not isinstance(error, Stopped):
        error = error.__context__
    return error


@contextmanager
def keeping_work(where: str | None) -> Iterator[None]:
    """Work that is stopped inside can be gone on with from there: whoever stopped it gets to know."""
    try:
        yield
    except BaseException as error:
        if (stopped := stopped_by(error)) is not None:
            stopped.kept = where
        raise


class _Wishes:
    """What this process was asked to do: signals belong to a process, so there is one of these."""

    def __init__(self) -> None:
        self.asked: int | None = None
        self.holders = 0


_wishes = _Wishes()


@contextmanager
def heeding() -> Iterator[None]:
    """Both signals raise Stopped inside, or wait where `held` work saves itself first; as before afterwards.

    Python lets only the main thread take signals: elsewhere nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in HEEDED}
    try:
        take_signals()
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        _wishes.asked = None


def take_signals() -> None:
    """Take both signals (again: a library may have put its own handlers there since)."""
    if threading.current_thread() is threading.main_thread():
        for number in HEEDED:
            signal.signal(number, _heard)


@contextmanager
def held() -> Iterator[Callable[[], int | None]]:
    """Let signals wait inside, for work that looks for them often and ends itself; yields how to look.

    One that nobody looked for is raised at the end.
    """
    _wishes.holders += 1
    try:
        yield lambda: _wishes.asked
    finally:
        _wishes.holders -= 1
    if _wishes.asked is not None and not _wishes.holders:
        raise Stopped(_wishes.asked)


def _heard(number: int, frame: FrameType | None) -> None:
    if _wishes.asked is not None:  # the second one
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        return
    _wishes.asked = number
    if not _wishes.holders:
        raise Stopped(number)
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"\nforecast: saving; once more ends it at once\n")
