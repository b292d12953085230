"""Launch: the workers of a sweep, in this process or in others. joblib is the engine, whichever of its back ends."""

from __future__ import annotations

import os
from dataclasses import replace

import torch
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import get_active_backend

from forecast.errors import ForecastError
from forecast.sweeps.slots import Slots
from forecast.sweeps.worker import Job, work

DEATHS = 3


def run(job: Job, workers: int, slots: Slots) -> None:
    """Let workers judge trials until there are enough.

    A worker process that dies takes its neighbours with it (joblib ends them all); their trials go back into the queue
    and new workers begin.

    Raises:
        ForecastError: workers die again and again without finishing a trial.
    """
    if workers == 1:
        work(job, storage=slots.storage)
        return
    job = replace(job, threads=max(1, (os.cpu_count() or 1) // workers))
    if _makes_processes():
        job = replace(job, gpus=_gpus(), launcher=os.getpid())
    left = DEATHS
    while True:
        before = len(slots.finished())
        try:
            Parallel(n_jobs=workers, batch_size=1, pre_dispatch="all")(delayed(_work)(job, n) for n in range(workers))
            return
        except TerminatedWorkerError as error:
            left = DEATHS if len(slots.finished()) > before else left - 1
            if not left:
                raise ForecastError(
                    f"worker processes were killed {DEATHS} times before any finished a trial; was there memory for "
                    f"{workers} of them? What was finished is kept: the same call goes on"
                ) from error


def _work(job: Job, rank: int) -> None:
    """Work, and leave with whoever asked for it: joblib's processes stay some minutes, with all their memory."""
    try:
        work(job, rank)
    finally:
        if job.launcher and os.getppid() != job.launcher:
            os._exit(1)


def _makes_processes() -> bool:
    """Whether workers are processes of this machine that are started for the sweep, as children of this one."""
    return type(get_active_backend()[0]).__name__ in ("LokyBackend", "MultiprocessingBackend")


def _gpus() -> tuple[str, ...]:
    """Devices to be shared out among processes of this machine; other engines share out theirs themselves."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return tuple(part.strip() for part in named.split(",") if part.strip())
    return tuple(map(str, range(torch.cuda.device_count())))
