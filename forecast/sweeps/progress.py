"""Progress of a sweep: one line with the best figure so far and the remaining time."""

from __future__ import annotations

from threading import Event, Thread
from types import TracebackType
from typing import Self

from optuna.trial import FrozenTrial, TrialState

from forecast.sweeps.goals import Goal
from forecast.sweeps.slots import Slots
from forecast.work.bars import bar, watched

FORMAT = "|{bar:24}| {n_fmt}/{total_fmt} trials, {elapsed} gone, {remaining} left{postfix}"
LOOK_SECONDS = 1.0


class Watching:
    """Looks at the storage every second, from a thread of its own; silent where nobody looks."""

    def __init__(self, slots: Slots, goal: Goal, show: bool) -> None:
        self.slots, self.goal, self.over = slots, goal, Event()
        self.thread = Thread(target=self._watch, daemon=True) if show and watched() else None

    def _watch(self) -> None:
        while not self.over.wait(LOOK_SECONDS):
            done = self.slots.finished()
            self.line.set_postfix_str(best(done, self.goal), refresh=False)
            self.line.update(len(done) - self.line.n)

    def __enter__(self) -> Self:
        if self.thread is not None:  # the line is made here: a notebook shows it under the cell that runs
            self.line = bar(self.slots.wanted, FORMAT, initial=len(self.slots.finished()))
            self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        if self.thread is not None:
            self.thread.join()
            self.line.close()


def best(trials: list[FrozenTrial], goal: Goal) -> str:
    """The best figure so far, in words."""
    figures = [trial.values[0] for trial in trials if trial.state is TrialState.COMPLETE and trial.values]
    if not figures:
        return ""
    return f"best {goal.name} {min(figures) if goal.way == 'minimize' else max(figures):.4g}"
