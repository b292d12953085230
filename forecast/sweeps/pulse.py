"""Pulse: a sign of life beside every running trial, and how its absence is told."""

from __future__ import annotations

import os
import socket
import time
import warnings
from functools import cache
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

import optuna
from optuna.trial import FrozenTrial

WORKER, BEAT = "worker", "heartbeat"
BEAT_SECONDS, GRACE_SECONDS = 10.0, 60.0


class Pulse:
    """Writes the time into a trial every ten seconds, from a thread of its own, as long as the block runs."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial, self.over = trial, Event()
        self.thread = Thread(target=self._beat, daemon=True)

    def _beat(self) -> None:
        while not self.over.wait(BEAT_SECONDS):
            try:
                self.trial.storage.set_trial_user_attr(self.trial._trial_id, BEAT, time.time())
            except optuna.exceptions.UpdateFinishedTrialError:
                return
            except optuna.exceptions.StorageInternalError as error:  # the next beat may pass; six in a row must fail
                warnings.warn(f"no sign of life could be written ({error})", RuntimeWarning, stacklevel=1)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self.thread.join()


def me() -> dict[str, str | int | float]:
    """Name this process, so that others can tell whether it is still there."""
    return {"host": _host(), "pid": os.getpid(), "born": _born(os.getpid()), "since": time.time()}


def is_gone(trial: FrozenTrial) -> bool:
    """Whether nobody works on a running trial any more.

    On its own machine a process is looked for; from another machine it is gone after a minute without a sign of life
    (clocks are taken to agree to some ten seconds).
    """
    worker = trial.user_attrs.get(WORKER)
    if worker is None:  # taken, but its taker has not yet said who it is, or never will
        began = trial.datetime_start
        return began is not None and time.time() - began.timestamp() > GRACE_SECONDS
    if worker["host"] == _host():
        return _born(worker["pid"]) != worker["born"]
    return time.time() - trial.user_attrs.get(BEAT, worker["since"]) > GRACE_SECONDS


@cache
def _host() -> str:
    """Name the machine and which of its lives: two containers may share a name, and a machine may start again."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    life = boot.read_text().strip() if boot.is_file() else ""
    return f"{socket.gethostname()} {life}"


def _born(pid: int) -> str:
    """When a process began, in the kernel's words; "" if there is none. A number may serve again, a birth does not."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return "" if stat.parent.parent.joinpath("self").exists() else _alive(pid)
    return "" if fields[0] == "Z" else fields[19]


def _alive(pid: int) -> str:
    """Without /proc: whether there is a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "alive"
    return "alive"
