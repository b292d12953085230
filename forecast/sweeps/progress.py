"""Progress of a sweep: one line with the best figure so far and the remaining time."""

from __future__ import annotations

import sys
from threading import Event, Thread
from types import TracebackType
from typing import Self

from optuna.trial import FrozenTrial, TrialState
from tqdm import tqdm

from forecast.sweeps.goals import Goal
from forecast.sweeps.slots import Slots

FORMAT = "|{bar:24}| {n_fmt}/{total_fmt} trials, {elapsed} gone, {remaining} left{postfix}"
LOOK_SECONDS = 1.0


class Watching:
    """Looks at the storage every second, from a thread of its own; silent where stderr is no terminal."""

    def __init__(self, slots: Slots, goal: Goal, show: bool) -> None:
        self.slots, self.goal, self.over = slots, goal, Event()
        self.thread = Thread(target=self._watch, daemon=True) if show and sys.stderr.isatty() else None

    def _watch(self) -> None:
        with tqdm(total=self.slots.wanted, initial=len(self.slots.finished()), bar_format=FORMAT, leave=False) as bar:
            while not self.over.wait(LOOK_SECONDS):
                done = self.slots.finished()
                bar.set_postfix_str(best(done, self.goal), refresh=False)
                bar.update(len(done) - bar.n)

    def __enter__(self) -> Self:
        if self.thread is not None:
            self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        if self.thread is not None:
            self.thread.join()


def best(trials: list[FrozenTrial], goal: Goal) -> str:
    """The best figure so far, in words."""
    figures = [trial.values[0] for trial in trials if trial.state is TrialState.COMPLETE and trial.values]
    if not figures:
        return ""
    return f"best {goal.name} {min(figures) if goal.way == 'minimize' else max(figures):.4g}"
