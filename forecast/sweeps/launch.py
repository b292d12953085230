"""Launch: the workers of a sweep, in this process or in others."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor
from joblib.parallel import get_active_backend

from forecast.errors import ForecastError
from forecast.sweeps.sharing import Sharing
from forecast.sweeps.slots import RETRIES, Slots
from forecast.sweeps.worker import Job, work

DEATHS = RETRIES + 2
"""Of each worker, and no trial survived: more than trials take that kill everybody until they are given up."""
IDLE_SECONDS = 60.0
"""How long a process waits for work that nobody may be left to give it."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def run(job: Job, workers: int, slots: Slots) -> None:
    """Let workers judge trials until there are enough.

    A worker process that dies leaves its neighbours alone; its trial goes back into the queue and a new one begins.
    Where joblib was told to use an engine of another kind, the workers are that engine's.

    Raises:
        ForecastError: workers die again and again, and none comes through a trial; or cannot read the space.
    """
    if workers == 1:
        work(job, storage=slots.storage)
        return
    job = replace(job, threads=max(1, (os.cpu_count() or 1) // workers))
    engine = type(get_active_backend()[0]).__name__
    if engine in ("LokyBackend", "MultiprocessingBackend"):  # processes of this machine, children of this one
        job = replace(job, gpus=_gpus(), launcher=os.getpid())
    if engine == "LokyBackend":
        _each_alone(job, workers, slots)
    else:
        Parallel(n_jobs=workers, batch_size=1, pre_dispatch="all")(delayed(_work)(job, n) for n in range(workers))


def _each_alone(job: Job, workers: int, slots: Slots) -> None:
    """A pool of one process for every worker: joblib's one pool ends all of its processes when one dies."""
    pools: dict[int, ProcessPoolExecutor] = {}
    with closing(Sharing()) as share:
        try:
            _attended(job, range(workers), slots, lambda: _pool(job, share), pools)
        except BaseException:
            for pool in pools.values():
                pool.shutdown(kill_workers=True)
            slots.let_go()
            raise
        for pool in pools.values():
            pool.shutdown()


def _attended(
    job: Job, ranks: range, slots: Slots, make: Callable[[], ProcessPoolExecutor], pools: dict[int, ProcessPoolExecutor]
) -> None:
    """Wait for the workers, and put a new one in the place of each that dies."""

    def began(rank: int) -> Any:
        pools[rank] = make()
        return pools[rank].submit(_work, job, rank)

    at_work = {began(rank): rank for rank in ranks}
    most, before = DEATHS * len(ranks), slots.survived()
    left = most
    while at_work:
        for future in wait(at_work, return_when=FIRST_COMPLETED).done:
            rank = at_work.pop(future)
            try:
                future.result()
            except BrokenProcessPool as error:
                _require_read(error)
                now = slots.survived()
                left, before = left - 1 if now == before else most, now
                if not left:
                    slots.requeue()  # these deaths count
                    raise ForecastError(
                        f"worker processes were killed {most} times before any came through a trial; was there memory "
                        f"for {len(ranks)} of them? What was finished is kept: the same call goes on"
                    ) from error
                pools[rank].shutdown(kill_workers=True)
                at_work[began(rank)] = rank


def _require_read(error: BrokenProcessPool) -> None:
    """Raise ForecastError where no process died: it could not read what it was sent."""
    if "un-serialize" in str(error):
        why = [line for line in str(error.__cause__).splitlines() if line.strip(' "')][-1]
        raise ForecastError(
            f"a worker cannot read the space or the data it was sent ({why}); what they are made of has to be "
            "importable in other processes"
        ) from error


def _pool(job: Job, share: Sharing) -> ProcessPoolExecutor:
    threads = {name: os.environ.get(name, str(job.threads)) for name in THREADS}
    return ProcessPoolExecutor(
        1, job_reducers={np.ndarray: share}, result_reducers={}, timeout=IDLE_SECONDS, env=threads
    )


def _work(job: Job, rank: int) -> None:
    """Work, and leave with whoever asked for it: the process would wait for more, with all the memory that it has."""
    try:
        work(job, rank)
    finally:
        if job.launcher and os.getppid() != job.launcher:
            os._exit(1)


def _gpus() -> tuple[str, ...]:
    """Devices to be shared out among processes of this machine; other engines share out theirs themselves."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return tuple(part.strip() for part in named.split(",") if part.strip())
    return tuple(map(str, range(torch.cuda.device_count())))
