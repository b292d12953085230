"""Slots: which trials of a study count, which are lost, and who works on what.

A sweep of n trials keeps n slots in its storage as waiting trials; workers, on one machine or many, take them one by
one. A trial whose worker died is marked as lost and put back into the queue with its parameters. Everything is
decided by looking at the list of trials, in the order of their numbers: no lock is held, and workers that look at the
same moment come to the same result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from forecast.sweeps.pulse import WORKER, is_gone, me
from forecast.sweeps.search import Search

LOST, RETRY, SLOT, ERROR = "lost", "retry of", "slot", "error"
RETRIES = 4
"""Deaths of its worker that a trial is forgiven: machines are taken away, and a fifth death is no accident."""
GONE, STOPPED = "its worker ended without a word", "the sweep was stopped"


@dataclass(frozen=True)
class Slots:
    """The slots of a study.

    Args:
        name: of the study, which exists.
        storage: where it is kept.
        wanted: how many trials the sweep asks for.
        search: makes the sampler of each trial.
        pruner: of every trial.
    """

    name: str
    storage: BaseStorage
    wanted: int
    search: Search
    pruner: optuna.pruners.BasePruner

    def study(self, number: int = 0) -> optuna.Study:
        """The study as it is now, with the sampler of a slot."""
        return optuna.load_study(
            study_name=self.name, storage=self.storage, sampler=self.search.make_sampler(number), pruner=self.pruner
        )

    def trials(self) -> list[FrozenTrial]:
        """All trials of the study, by number."""
        found = self.storage.get_all_trials(self.storage.get_study_id_from_name(self.name), deepcopy=False)
        return sorted(found, key=lambda trial: trial.number)

    def fill(self, first: Sequence[Mapping[str, Any]] = ()) -> None:
        """Put as many trials into the queue as are missing, the first ones of a new study with given parameters.

        Two machines that fill at once put too many there; those that are too many are never taken.
        """
        self.requeue()  # before counting, since lost trials do not count
        study = self.study()
        for number in range(len(counted(self.trials())), self.wanted):
            study.enqueue_trial(dict(first[number]) if number < len(first) else {})

    def claim(self) -> optuna.Trial | None:
        """Take the next waiting trial; None where none is left. The storage sees to it that nobody else gets it too."""
        for waiting in sorted(counted(self.trials())[: self.wanted], key=slot):
            if waiting.state is TrialState.WAITING and self._become(waiting, TrialState.RUNNING):
                trial = optuna.Trial(self.study(slot(waiting)), waiting._trial_id)
                trial.set_user_attr(WORKER, me())
                return trial
        return None

    def finished(self) -> list[FrozenTrial]:
        """Those of the counted trials that have ended: complete, pruned, or failed."""
        return [trial for trial in counted(self.trials())[: self.wanted] if trial.state.is_finished()]

    def survived(self) -> int:
        """How many trials have ended while their worker lived, well or not."""
        return sum(not str(trial.user_attrs.get(ERROR, "")).startswith(GONE) for trial in self.finished())

    def requeue(self) -> None:
        """Put trials back into the queue whose workers are gone."""
        for trial in self.trials():
            if trial.state is TrialState.RUNNING and is_gone(trial):
                self.give_up(trial, GONE)
        trials = self.trials()
        again = {trial.user_attrs.get(RETRY) for trial in trials}
        lost = [trial for trial in trials if is_lost(trial) and trial.number not in again]
        if lost:
            study = self.study()
            for trial in lost:
                parameters = trial.system_attrs.get("fixed_params", {}) | trial.params
                tries = trial.user_attrs.get("tries", 1) + (trial.user_attrs[LOST] != STOPPED)
                study.enqueue_trial(parameters, {RETRY: trial.number, SLOT: slot(trial), "tries": tries})

    def let_go(self) -> None:
        """Put trials back whose workers were ended by whoever stopped the sweep: that is no fault of theirs."""
        for trial in self.trials():
            if trial.state is TrialState.RUNNING and is_gone(trial):
                self.give_up(trial, STOPPED)

    def give_up(self, trial: FrozenTrial, why: str) -> None:
        """End a running trial as lost, so that `requeue` puts it back; as failed, when it was lost too often."""
        tries = trial.user_attrs.get("tries", 1)
        note = (
            (LOST, why)
            if tries <= RETRIES or why == STOPPED
            else (ERROR, f"{why}, {tries} times; was there enough memory?")
        )
        try:
            self.storage.set_trial_user_attr(trial._trial_id, *note)
        except UpdateFinishedTrialError:  # it has just ended, or somebody else was quicker
            return
        self._become(trial, TrialState.FAIL)

    def _become(self, trial: FrozenTrial, state: TrialState) -> bool:
        try:
            return self.storage.set_trial_state_values(trial._trial_id, state=state)
        except UpdateFinishedTrialError:
            return False


def slot(trial: FrozenTrial) -> int:
    """The number of the first try of a trial: what its parameters are drawn by, and its turn in the queue."""
    return trial.user_attrs.get(SLOT, trial.number)


def is_lost(trial: FrozenTrial) -> bool:
    """Whether a trial's worker died and the trial goes, or went, back into the queue."""
    return trial.state is TrialState.FAIL and LOST in trial.user_attrs


def counted(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that count, in their order: not those that were lost, nor a second retry of the same one."""
    kept, retried = [], set()
    for trial in trials:
        again = trial.user_attrs.get(RETRY)
        if again in retried:
            continue
        if again is not None:
            retried.add(again)
        if not is_lost(trial):
            kept.append(trial)
    return kept
