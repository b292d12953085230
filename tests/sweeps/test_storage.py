"""Storages: opened together, mended when torn, named in errors."""

import shutil
import subprocess
import sys
import time

import optuna
import pytest
from optuna.trial import TrialState

from forecast.errors import SettingsError
from forecast.sweeps.storage import address_of, mend, open_storage


def study_of(journal, trials: int) -> optuna.Study:
    study = optuna.create_study(storage=open_storage(f"journal:{journal}"), study_name="s")
    for number in range(trials):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        study.tell(trial, float(number))
    return study


def test_a_journal_torn_at_any_byte_keeps_every_trial_whose_record_is_whole(tmp_path):
    whole = tmp_path / "whole.log"
    study_of(whole, 3)
    text = whole.read_bytes()
    last = len(text.splitlines(keepends=True)[-1])
    for cut in range(1, last + 1, 7):
        torn = tmp_path / f"torn{cut}.log"
        torn.write_bytes(text[:-cut])
        study = optuna.load_study(storage=open_storage(f"journal:{torn}"), study_name="s")
        states = [trial.state for trial in study.trials]
        assert states == [TrialState.COMPLETE] * 2 + [TrialState.RUNNING]
        trial = study.ask()
        study.tell(trial, 9.0)  # and writing goes on
        again = optuna.load_study(storage=open_storage(f"journal:{torn}"), study_name="s")
        assert again.trials[-1].value == 9.0
    assert len(list(tmp_path.glob("torn8.log.torn-*"))) == 1  # what was there is kept


def test_a_record_written_behind_half_a_line_is_saved(tmp_path):
    journal = tmp_path / "s.log"
    study_of(journal, 2)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:20] + lines[-1])
    assert mend(journal) == 1
    assert journal.read_bytes() == b"".join(lines)
    assert mend(journal) == 0


def test_without_mending_a_torn_journal_is_lost(tmp_path):
    """Why `mend` is needed: should Optuna learn it one day, this test says so."""
    journal = tmp_path / "s.log"
    study_of(journal, 2)
    journal.write_bytes(journal.read_bytes()[:-20])

    def go_on():
        for _ in range(3):
            backend = optuna.storages.journal.JournalFileBackend(str(journal))
            study = optuna.load_study(storage=optuna.storages.JournalStorage(backend), study_name="s")
            study.tell(study.ask(), 1.0)

    with pytest.raises((ValueError, AttributeError, KeyError)):
        go_on()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite:///", "journal:"])
def test_four_processes_may_begin_on_an_empty_storage_at_once(tmp_path, kind):
    script = (
        "import sys, time, optuna\n"
        "from forecast.sweeps.storage import open_storage\n"
        "time.sleep(max(0, float(sys.argv[2]) - time.time()))\n"
        "storage = open_storage(sys.argv[1])\n"
        "optuna.create_study(storage=storage, study_name='s', load_if_exists=True).enqueue_trial({})\n"
    )
    command = [sys.executable, "-c", script, f"{kind}{tmp_path}/empty", str(time.time() + 4)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    errors = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, errors
    assert len(optuna.load_study(storage=open_storage(f"{kind}{tmp_path}/empty"), study_name="s").trials) == 4


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nosuch://somewhere", "nosuch"),
        ("postgresql+psycopg://nobody@127.0.0.1:1/none", "postgresql"),
        ("sqlite:////proc/nowhere/study.db", "proc"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_named(monkeypatch, place, words):
    monkeypatch.setattr("forecast.sweeps.storage.TRIES", 1)
    with pytest.raises(SettingsError, match=words):
        open_storage(address_of(place))


def test_a_file_that_is_no_database_is_refused(tmp_path):
    place = tmp_path / "study.db"
    shutil.copy(__file__, place)
    with pytest.raises(SettingsError, match=r"study\.db"):
        open_storage(address_of(place))
