"""Slots: exactly the trials asked for, whoever dies and however many look at once."""

import os
import subprocess
import sys

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState
from quick import damped

from forecast.sweeps import launch, pulse
from forecast.sweeps.pulse import BEAT, GRACE_SECONDS, WORKER, is_gone, me
from forecast.sweeps.search import Search
from forecast.sweeps.slots import ERROR, LOST, RETRIES, RETRY, STOPPED, Slots, counted, is_lost
from forecast.sweeps.storage import open_storage
from forecast.sweeps.trial import Task
from forecast.sweeps.worker import Job, work
from forecast.windows.window import Window

PRUNER = optuna.pruners.NopPruner()


def slots_in(storage, wanted: int, name: str = "study") -> Slots:
    optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
    return Slots(name, storage, wanted, Search(), PRUNER)


@pytest.fixture(params=["memory", "sqlite", "journal"])
def storage(request, tmp_path):
    places = {"sqlite": f"sqlite:///{tmp_path}/s.db", "journal": f"journal:{tmp_path}/s.log", "memory": None}
    return open_storage(places[request.param])


def ends(slots: Slots) -> list[str]:
    return [trial.state.name for trial in slots.trials()]


def test_slots_are_filled_once_and_given_out_in_order(storage):
    slots = slots_in(storage, 3)
    slots.fill([{"x": 0.25}])
    slots.fill([{"x": 0.25}])
    assert ends(slots) == ["WAITING"] * 3
    taken = [slots.claim() for _ in range(4)]
    assert [trial and trial.number for trial in taken] == [0, 1, 2, None]
    assert taken[0].suggest_float("x", 0, 1) == 0.25
    assert taken[1].user_attrs[WORKER]["pid"] == os.getpid()
    for trial in taken[:3]:
        trial.study.tell(trial, 1.0)
    assert len(slots.finished()) == 3


def test_two_machines_that_fill_at_once_still_run_what_was_asked_for(storage):
    slots = slots_in(storage, 3)
    study = slots.study()
    for _ in range(6):  # as if each had found an empty study
        study.enqueue_trial({})
    taken = []
    while (trial := slots.claim()) is not None:
        trial.study.tell(trial, 0.0)
        taken.append(trial.number)
    assert taken == [0, 1, 2]
    assert len(slots.finished()) == 3


def test_a_sweep_is_extended_by_as_many_as_are_missing(storage):
    slots = slots_in(storage, 2)
    slots.fill()
    for _ in range(2):
        trial = slots.claim()
        trial.study.tell(trial, 0.0)
    more = slots_in(storage, 5)
    more.fill()
    assert ends(more) == ["COMPLETE"] * 2 + ["WAITING"] * 3


def test_a_lost_trial_goes_back_with_its_parameters_and_is_counted_once(storage):
    slots = slots_in(storage, 2)
    slots.fill()
    trial = slots.claim()
    value = trial.suggest_float("x", 0, 1)
    storage.set_trial_user_attr(trial._trial_id, WORKER, me() | {"born": "in another life"})
    slots.requeue()
    slots.requeue()
    assert [t.state.name for t in slots.trials()] == ["FAIL", "WAITING", "WAITING"]
    assert is_lost(slots.trials()[0])
    assert [t.number for t in counted(slots.trials())] == [1, 2]
    numbers = []
    while (trial := slots.claim()) is not None:  # the lost one first: it is its turn
        numbers.append(trial.number)
        if trial.number == 2:
            assert trial.user_attrs[RETRY] == 0
            assert trial.suggest_float("x", 0, 1) == value
        trial.study.tell(trial, 0.0)
    assert numbers == [2, 1]


def test_two_workers_that_find_the_same_lost_trial_retry_it_once(storage):
    slots = slots_in(storage, 1)
    slots.fill()
    lost = slots.claim()
    storage.set_trial_user_attr(lost._trial_id, WORKER, me() | {"born": "in another life"})
    slots.requeue()
    slots.study().enqueue_trial({}, {RETRY: lost.number})  # the other one's, at the same moment
    more = slots_in(storage, 2)
    assert [trial.number for trial in counted(more.trials())] == [1]
    more.fill()
    taken = []
    while (trial := more.claim()) is not None:
        trial.study.tell(trial, 0.0)
        taken.append(trial.number)
    assert sorted(taken) == [1, 3]


def test_a_trial_that_kills_its_worker_every_time_is_recorded_as_failed(storage):
    slots = slots_in(storage, 1)
    slots.fill()
    for _ in range(RETRIES + 1):
        trial = slots.claim()
        storage.set_trial_user_attr(trial._trial_id, WORKER, me() | {"born": "in another life"})
        slots.requeue()
    assert slots.claim() is None
    (last,) = slots.finished()
    assert f"{RETRIES + 1} times" in last.user_attrs[ERROR]
    assert last.state is TrialState.FAIL


def test_trials_that_were_stopped_by_the_user_do_not_use_up_their_tries(storage):
    slots = slots_in(storage, 1)
    slots.fill()
    for _ in range(6):
        trial = slots.claim()
        slots.give_up(storage.get_trial(trial._trial_id), STOPPED)
        slots.requeue()
    assert slots.claim() is not None
    assert not slots.finished()


def test_trials_whose_workers_were_ended_with_the_sweep_use_up_no_try_and_those_at_work_go_on(storage):
    slots = slots_in(storage, 2)
    slots.fill()
    ended, alive = slots.claim(), slots.claim()
    storage.set_trial_user_attr(ended._trial_id, WORKER, me() | {"born": "in another life"})
    slots.let_go()
    assert storage.get_trial(ended._trial_id).user_attrs[LOST] == STOPPED
    assert storage.get_trial(alive._trial_id).state is TrialState.RUNNING
    slots.requeue()
    assert slots.claim().user_attrs["tries"] == 1


def test_what_workers_come_through_counts_as_survived_and_their_deaths_do_not(storage):
    slots = slots_in(storage, 2)
    slots.fill()
    trial = slots.claim()
    trial.study.tell(trial, state=TrialState.FAIL)
    for _ in range(RETRIES + 1):
        storage.set_trial_user_attr(slots.claim()._trial_id, WORKER, me() | {"born": "in another life"})
        slots.requeue()
    assert (len(slots.finished()), slots.survived()) == (2, 1)


def test_a_worker_that_outlived_whoever_started_it_begins_no_trial(storage):
    """Also one that had not begun to work when its launcher was killed: its parent has been another from the start."""
    slots = slots_in(storage, 2)
    slots.fill()
    task = Task(damped, (), (), Window(4, 2), 1, 1)
    work(Job(task, slots.search, slots.name, None, slots.wanted, launcher=os.getpid()), storage=storage)
    assert ends(slots) == ["WAITING"] * 2


@pytest.mark.parametrize("there", [False, True])
def test_a_worker_leaves_with_whoever_started_it(tmp_path, monkeypatch, there):
    address = f"sqlite:///{tmp_path}/s.db"
    slots, left = slots_in(open_storage(address), 1), []
    monkeypatch.setattr(os, "_exit", left.append)
    launcher = os.getppid() if there else os.getpid()
    launch._work(Job(Task(damped, (), (), Window(4, 2), 1, 1), Search(), slots.name, address, 0, launcher=launcher), 0)
    assert left == ([] if there else [1])


def test_who_is_taken_for_lost_but_ends_well_counts(storage):
    slots = slots_in(storage, 1)
    slots.fill()
    trial = slots.claim()
    storage.set_trial_user_attr(trial._trial_id, LOST, "so it seemed")  # killed before it could say FAIL
    trial.study.tell(trial, 0.5)
    slots.requeue()
    assert ends(slots) == ["COMPLETE"]
    assert len(slots.finished()) == 1


@given(wanted=st.integers(1, 6), moves=st.lists(st.sampled_from(["claim", "finish", "kill", "requeue"]), max_size=30))
def test_however_trials_end_in_whatever_order_each_slot_is_finished_once(wanted, moves):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    slots = slots_in(optuna.storages.InMemoryStorage(), wanted)
    slots.fill()
    running, deaths = [], 0
    for move in moves:
        if move == "claim" and (trial := slots.claim()) is not None:
            running.append(trial)
        elif move == "finish" and running:
            trial = running.pop(0)
            trial.study.tell(trial, 1.0)
        elif move == "kill" and running and deaths < RETRIES:
            trial, deaths = running.pop(), deaths + 1
            slots.storage.set_trial_user_attr(trial._trial_id, WORKER, me() | {"born": "in another life"})
        elif move == "requeue":
            slots.requeue()
    for trial in running:
        trial.study.tell(trial, 1.0)
    slots.requeue()
    while (trial := slots.claim()) is not None:
        trial.study.tell(trial, 1.0)
    complete = [trial for trial in slots.trials() if trial.state is TrialState.COMPLETE]
    assert len(complete) == len(slots.finished()) == wanted
    assert len([trial for trial in slots.trials() if is_lost(trial)]) == deaths


def test_a_process_of_this_machine_is_looked_for_and_one_of_another_is_listened_for():
    study = optuna.create_study()
    trial = study.ask()

    def gone(worker, **notes):
        for name, value in {WORKER: worker, **notes}.items():
            study._storage.set_trial_user_attr(trial._trial_id, name, value)
        return is_gone(study.trials[0])

    here = me()
    assert not gone(here | {"since": 0.0})  # however long it has been silent
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        theirs = here | {"pid": child.pid, "born": pulse._born(child.pid)}
        assert theirs["born"]
        assert not gone(theirs)
        child.kill()
        child.wait()
        assert gone(theirs)
    away = here | {"host": "far away"}
    assert not gone(away)
    assert gone(away | {"since": here["since"] - GRACE_SECONDS - 1})
    assert not gone(away | {"since": 0.0}, **{BEAT: here["since"]})
