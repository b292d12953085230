"""Workers in processes of their own: one that dies is replaced, and large arrays are mapped, not copied."""

import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from quick import Damped

from forecast.data.panel import Panel
from forecast.sweeps.launch import SHARED_BYTES, Sharing
from forecast.sweeps.search import Search
from forecast.sweeps.slots import is_lost
from forecast.sweeps.sweep import sweep

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
        files = list(Path(share.folder.name).iterdir())
        assert len(files) == 3
        assert large[::2].flags.writeable
    finally:
        share.close()
    assert not files[0].exists()
