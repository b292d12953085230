"""Worker: takes trials out of the queue and judges them until all of a sweep's trials are finished."""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

import optuna
import torch
from optuna.trial import TrialState

from forecast.errors import ForecastError
from forecast.sweeps.pulse import Pulse
from forecast.sweeps.search import Search
from forecast.sweeps.slots import ERROR, STOPPED, Slots
from forecast.sweeps.storage import open_storage
from forecast.sweeps.trial import Task, judge

LOOK_SECONDS = 0.5


@dataclass(frozen=True, eq=False)
class Job:
    """Everything a worker needs to know; it travels to processes and machines.

    Args:
        task: what every trial is asked to do.
        search: how samples are drawn.
        name: of the study.
        address: of its storage.
        trials: how many are asked for.
        deadline: time after which no trial begins, in seconds since 1970.
        threads: of torch; None leaves them alone.
        gpus: devices of this machine to be shared out, one a worker; none where there is one worker or an engine that
            gives out devices itself.
        launcher: the process that started the workers, and whose end they follow; 0 where an engine has workers of
            its own, on other machines perhaps.
    """

    task: Task
    search: Search
    name: str
    address: str | None
    trials: int
    deadline: float | None = None
    threads: int | None = None
    gpus: tuple[str, ...] = ()
    launcher: int = 0


def work(job: Job, rank: int = 0, storage: optuna.storages.BaseStorage | None = None) -> None:
    """Judge trials until the sweep is over, those of workers that died among them.

    Args:
        rank: which worker this is.
        storage: an open one, for a worker in the process that opened it.
    """
    if job.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = job.gpus[rank % len(job.gpus)]
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    task = job.task
    pruner = job.search.make_pruner(task.epochs, len(task.goals))
    with quiet_optuna():
        slots = Slots(job.name, storage or open_storage(job.address), job.trials, job.search, pruner)
        while len(slots.finished()) < job.trials and not _over(job.deadline):
            if job.launcher and os.getppid() != job.launcher:
                return  # whoever wanted the result is gone, perhaps before this worker had come so far
            slots.requeue()
            trial = slots.claim()
            if trial is None:
                time.sleep(LOOK_SECONDS)
            else:
                attend(trial, task, slots)


def _over(deadline: float | None) -> bool:
    return deadline is not None and time.time() >= deadline


def attend(trial: optuna.Trial, task: Task, slots: Slots) -> None:
    """Judge one trial and write down what came out; a trial that fails says why, and the sweep goes on."""
    try:
        with Pulse(trial):
            figures = judge(trial, task)
    except optuna.TrialPruned:
        _tell(trial, TrialState.PRUNED)
    except ForecastError as error:
        _tell(trial, TrialState.FAIL, str(error))
    except (KeyboardInterrupt, SystemExit):
        slots.give_up(slots.storage.get_trial(trial._trial_id), STOPPED)
        raise
    except Exception as error:  # whatever it is, it is this trial's, and is kept with it
        last = traceback.extract_tb(error.__traceback__)[-1]
        _tell(trial, TrialState.FAIL, f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})")
    else:
        _tell(trial, TrialState.COMPLETE, figures=figures)


def _tell(trial: optuna.Trial, state: TrialState, error: str | None = None, figures: list[float] | None = None) -> None:
    """End a trial; nothing happens if others have meanwhile taken it for lost and given it to somebody else."""
    with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
        if error is not None:
            trial.set_user_attr(ERROR, error)
        trial.study.tell(trial, figures, state, skip_if_finished=True)


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna's line a trial to itself."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
