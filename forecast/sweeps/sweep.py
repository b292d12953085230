"""Sweep: many trials over a space of forecasters, one `optuna.Study`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass, replace

import numpy as np
import optuna
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import TrialState

from forecast.data.panel import Panel, Since
from forecast.errors import ForecastError, SettingsError
from forecast.forecasters.recurrent import Recurrent
from forecast.sweeps.folds import require_judged, rolling_folds
from forecast.sweeps.goals import Goal, goals_for
from forecast.sweeps.launch import run
from forecast.sweeps.progress import Watching
from forecast.sweeps.search import Search
from forecast.sweeps.slots import ERROR, Slots
from forecast.sweeps.storage import address_of, open_storage
from forecast.sweeps.trial import Space, Task
from forecast.sweeps.worker import Job, quiet_optuna
from forecast.windows.window import Window
from forecast.work.stopping import keeping_work

TERMS = "terms"


def sweep(
    space: Space,
    panel: Panel,
    since: Since,
    trials: int = 40,
    metric: str | tuple[str, ...] | None = None,
    search: Search = Search(),  # noqa: B008 - a frozen value
    storage: str | os.PathLike[str] | None = None,
    name: str = "sweep",
    workers: int = 1,
    progress: bool = False,
) -> optuna.Study:
    """Look for a better forecaster among those of a space, without a look at the test span.

    Every trial is fitted and judged on rolling-origin folds of the rows before `since`; hopeless ones are given up on
    the way. Failed trials say why in their attributes and the sweep goes on. A sweep in a storage can be stopped at
    any moment, killed too, and goes on when it is called again; with more `trials` it is extended. The same call on
    another machine that reaches the storage helps.

    With one worker, trials run in this process, and the same seed gives the same study. More workers are processes
    of joblib's (`joblib.parallel_config(backend="dask")`, "ray" and others lead them to other machines).

    Args:
        space: makes a forecaster from a trial: a plain function, or one of `forecast.experiment.spaces`. Its attribute
            `first`, if there is one, holds parameters of trials to begin with.
        panel: all rows; those at or after `since` are put away at once.
        since: where the test span begins; see `Panel.cut`.
        trials: how many are to be finished in all.
        metric: an error of the leaderboard, by default "mae" ("error_rate" of categories), or several goals such as
            ("mae", "parameters"); then nothing is pruned and `study.best_trials` is the Pareto front.
        search: folds, pruner, sampler and seed.
        storage: a file for SQLite, "journal:FILE", or a database's address; None keeps the study in memory (in a
            temporary file with several workers).
        name: of the study in the storage.
        workers: processes.
        progress: show a bar with the best figure so far and the remaining time, in a terminal or a notebook.

    Raises:
        SettingsError: something does not fit, or the storage holds a study of this name on other terms.
        ForecastError: no trial was completed.

    Example:
        >>> from forecast.forecasters.tabular import Tabular
        >>> panel = Panel.from_arrays(np.sin(np.arange(400.0)), np.arange(400).astype("M8[h]"))
        >>> def space(trial):
        ...     return Tabular(Window(trial.suggest_int("context", 2, 8), 1), "ridge")
        >>> study = sweep(space, panel, since=300, trials=3)
        >>> len(study.trials), 2 <= study.best_params["context"] <= 8
        (3, True)
    """
    _require(trials, workers)
    chosen = goals_for(panel, metric)
    with quiet_optuna(), _place(storage, workers) as address:
        task = _task(space, panel, since, chosen, search)
        store = open_storage(address)
        slots = _slots(store, name, trials, search, task)
        _agree(slots.study(), _terms(space, task, search))
        slots.fill(getattr(space, "first", ()))
        deadline = None if search.seconds is None else time.time() + search.seconds
        with keeping_work(address), Watching(slots, chosen[0], progress):
            run(Job(task, search, name, address, trials, deadline), workers, slots)
        return _completed(slots, keep=address == address_of(storage))


def _require(trials: int, workers: int) -> None:
    for name, value in (("trials", trials), ("workers", workers)):
        if value < 1:
            raise SettingsError(f"{name}={value}: at least 1")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise SettingsError(
            "a sweep under torchrun would make every rank draw its own trials; start the same command on each machine "
            "with one storage instead, and let `devices` spread a single fit"
        )


@contextlib.contextmanager
def _place(storage: str | os.PathLike[str] | None, workers: int) -> Iterator[str | None]:
    """The storage's address, from anywhere on this machine; a passing one where several workers have none."""
    if storage is not None or workers == 1:
        yield address_of(storage)
        return
    with tempfile.TemporaryDirectory(prefix="forecast-sweep-") as folder:
        yield address_of(os.path.join(folder, "study.db"))


def _task(space: Space, panel: Panel, since: Since, chosen: tuple[Goal, ...], search: Search) -> Task:
    """Folds, and what a first forecaster of the space says of its window and epochs."""
    folds = rolling_folds(panel, since, search.folds, search.span)
    trial = optuna.create_study(sampler=search.make_sampler(0)).ask()
    forecaster = space(trial)
    context = max(int(getattr(space, "longest", 1)), forecaster.window.context)
    window = Window(context, forecaster.window.horizon)
    require_judged(folds, window, search.stride)
    epochs = forecaster.training.epochs if isinstance(forecaster, Recurrent) else 1
    return Task(space, tuple(folds), chosen, window, search.stride, epochs)


def _slots(store: BaseStorage, name: str, trials: int, search: Search, task: Task) -> Slots:
    """The slots of the study, which is made if there is none of the name."""
    ways = [goal.way for goal in task.goals]
    pruner = search.make_pruner(task.epochs, len(task.goals))
    study = optuna.create_study(storage=store, study_name=name, directions=ways, load_if_exists=True)
    kept = [direction.name.lower() for direction in study.directions]
    if kept != ways:
        raise SettingsError(f"the study {name!r} in this storage is to {kept}, not to {ways}; choose another name")
    return Slots(name, store, trials, search, pruner)


def _terms(space: Space, task: Task, search: Search) -> dict[str, str]:
    """What makes two sweeps the same one, in words; the number of trials and the time do not."""
    digest = hashlib.sha256()
    panel = task.folds[-1].panel
    for part in (panel.values, panel.observed, panel.offsets, panel.times):
        digest.update(np.ascontiguousarray(part).tobytes())
    plain = {key: value for key, value in asdict(search).items() if key != "seconds"}
    return {
        "data before the test": digest.hexdigest()[:16],
        "metric": ", ".join(goal.name for goal in task.goals),
        "window": f"context {task.window.context}, horizon {task.window.horizon}",
        "search": ", ".join(f"{key}={value}" for key, value in plain.items()),
        "space": repr(space) if is_dataclass(space) else str(getattr(space, "__qualname__", type(space).__qualname__)),
    }


def _agree(study: optuna.Study, terms: dict[str, str]) -> None:
    """Write down the terms of a new study; refuse to go on with one on other terms."""
    kept = study.user_attrs.get(TERMS)
    if kept is None:
        study.set_user_attr(TERMS, terms)
        return
    apart = [f"{key}: {kept.get(key)} there, {value} here" for key, value in terms.items() if kept.get(key) != value]
    if apart:
        raise SettingsError(
            f"the study {study.study_name!r} in this storage was made on other terms; choose another name or storage:"
            + "".join(f"\n  - {line}" for line in apart)
        )


def _completed(slots: Slots, keep: bool) -> optuna.Study:
    """The study, moved into memory where its storage is about to go."""
    trials = slots.trials()
    if not any(trial.state is TrialState.COMPLETE for trial in trials):
        reasons = dict.fromkeys(str(trial.user_attrs[ERROR]) for trial in trials if ERROR in trial.user_attrs)
        listed = "".join(f"\n  - {reason}" for reason in list(reasons)[:5])
        raise ForecastError("no trial of the sweep was completed" + (f":{listed}" if listed else "; give it more time"))
    if keep:
        return slots.study()
    memory = InMemoryStorage()
    optuna.copy_study(from_study_name=slots.name, from_storage=slots.storage, to_storage=memory)
    return replace(slots, storage=memory).study()
