"""Workers in processes of their own: one that dies is replaced, and large arrays are mapped, not copied."""

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from pickle import loads
from types import ModuleType

import numpy as np
import optuna
import pytest
from joblib.externals.loky.backend.reduction import dumps
from quick import Damped

from forecast.data.panel import Panel
from forecast.errors import ForecastError
from forecast.sweeps.launch import run
from forecast.sweeps.search import Search
from forecast.sweeps.sharing import SHARED_BYTES, Sharing
from forecast.sweeps.slots import Slots, is_lost
from forecast.sweeps.storage import open_storage
from forecast.sweeps.sweep import sweep
from forecast.sweeps.trial import Task
from forecast.sweeps.worker import Job
from forecast.windows.window import Window

ROWS = SHARED_BYTES // 8


class Mortal(Damped):
    """The second trial's worker dies while its neighbour is at work."""

    def __init__(self, share: float, number: int, marks: Path) -> None:
        super().__init__(share, seconds=1.0)
        self.number, self.marks = number, marks

    def fit(self, panel: Panel):
        mapped = isinstance(panel.values, np.memmap) or isinstance(panel.values.base, np.memmap)
        (self.marks / f"{self.number} {'mapped' if mapped else 'copied'}").touch()
        if self.number == 1 and not (self.marks / "died").exists():
            (self.marks / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(panel)


def mortal(trial, marks: Path) -> Mortal:
    return Mortal(trial.suggest_float("share", 0.0, 1.5), trial.number, marks)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_worker_that_dies_leaves_its_neighbours_alone_and_its_trial_is_done_again(tmp_path):
    panel = Panel.from_arrays(np.sin(np.arange(ROWS + 100.0) / 5), np.arange(ROWS + 100).astype("M8[m]"))
    search = Search(pruner="none", folds=1, stride=50)
    study = sweep(partial(mortal, marks=tmp_path), panel, ROWS + 50, 4, search=search, workers=2)
    lost = [trial for trial in study.trials if is_lost(trial)]
    assert [trial.number for trial in lost] == [1]
    assert sorted(trial.state.name for trial in study.trials) == ["COMPLETE"] * 4 + ["FAIL"]
    assert {path.name for path in tmp_path.iterdir() if path.name.endswith("copied")} == set()
    assert len([path for path in tmp_path.iterdir() if path.name.endswith("mapped")]) == 5


def test_arrays_travel_as_they_are_and_large_ones_by_one_file():
    large, small = np.arange(ROWS + 1.0).reshape(-1, 1), np.arange(3.0)
    share = Sharing()
    try:
        for array in (large, np.asfortranarray(np.ones((ROWS, 2))), large.astype("M8[us]"), small):
            for make, arguments, *state in (share(array), share(array)):
                made = make(*arguments)
                if state:
                    made.__setstate__(state[0])
                np.testing.assert_array_equal(made, array)
                assert made.dtype == array.dtype
        files = list(Path(share.folder).iterdir())
        assert len(files) == 3
        assert large[::2].flags.writeable
    finally:
        share.close()
    assert not files[0].exists()


def test_arrays_of_workers_that_begin_at_once_are_written_once_and_do_not_travel_with_the_way_to_share_them(
    monkeypatch,
):
    arrays, share, written = [np.full(ROWS + 1, place + 1.0) for place in range(3)], Sharing(), []
    save = np.save

    def slowly(path: str, array: np.ndarray) -> None:
        written.append(path)
        time.sleep(0.05)
        save(path, array)

    monkeypatch.setattr(np, "save", slowly)

    def travel(place: int) -> list[bool]:
        return [
            bool((there == n + 1).all()) for n, there in enumerate(loads(dumps(arrays, reducers={np.ndarray: share})))
        ]

    try:
        with ThreadPoolExecutor(4) as travellers:
            assert list(travellers.map(travel, range(4))) == [[True] * 3] * 4
        assert sorted(written) == sorted({str(path) for path in Path(share.folder).iterdir()})
        assert len(written) == len(arrays)
        assert len(dumps(share)) < 1000
    finally:
        share.close()


def test_a_space_that_workers_cannot_read_is_named_as_that(tmp_path):
    """Not as a death of workers: there is memory enough."""
    module = ModuleType("nowhere_to_be_found")
    exec("def space(trial):\n    raise AssertionError", module.__dict__)
    module.space.__module__ = module.__name__
    sys.modules[module.__name__] = module
    panel = Panel.from_arrays(np.sin(np.arange(60) / 5), np.arange(60).astype("M8[h]"))
    slots = Slots("sweep", open_storage(f"sqlite:///{tmp_path}/s.db"), 1, Search(), optuna.pruners.NopPruner())
    optuna.create_study(storage=slots.storage, study_name="sweep")
    task = Task(module.space, (panel,), (), Window(4, 2), 1, 1)
    try:
        with pytest.raises(ForecastError, match=r"a worker cannot read the space or the data it was sent.*nowhere_to"):
            run(Job(task, Search(), "sweep", f"sqlite:///{tmp_path}/s.db", 1), 2, slots)
    finally:
        del sys.modules[module.__name__]
