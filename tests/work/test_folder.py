"""The folder of a run, its lock, and files that are there as a whole or not at all."""

import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from forecast.errors import SettingsError
from forecast.work import folder as folders
from forecast.work.folder import Run, differences, holds, kept_files, opened
from forecast.work.lock import locked
from forecast.work.stopping import Stopped, heeding, held
from forecast.work.writing import clear_drafts, replace_file, size

SETTINGS, DATA = {"training": {"epochs": 3}}, {"values": "abc"}


def test_a_file_that_cannot_be_written_whole_leaves_the_old_one_and_no_draft(tmp_path, monkeypatch):
    path = tmp_path / "a"
    replace_file(path, b"old")
    for number, words in (
        (errno.ENOSPC, r"No space left.* 3 bytes are needed, .* are free"),
        (errno.EIO, "Input/output"),
    ):

        def fails(handle: int, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fails)
            with pytest.raises(SettingsError, match=words):
                replace_file(path, b"new")
        assert path.read_bytes() == b"old"
        assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_drafts_of_writers_that_were_killed_are_cleared_and_nothing_else(tmp_path):
    names = {".a.json.123.draft", ".hidden", "a.json", ".a.draft"}
    for name in names:
        (tmp_path / name).write_text("x")
    clear_drafts(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == names - {".a.json.123.draft"}


@pytest.mark.parametrize(("count", "words"), [(0, "0 bytes"), (999, "999 bytes"), (999_999, "1 MB"), (1.5e13, "15 TB")])
def test_sizes_in_words(count, words):
    assert size(count) == words


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused_before_the_work(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(SettingsError, match="cannot be written here"), opened(Run(tmp_path), SETTINGS, DATA):
        pytest.fail("the work began")
    tmp_path.chmod(0o700)


def test_a_disk_without_room_is_refused_before_the_work(tmp_path):
    words, run = r"TB will be written here, .* are free", Run(tmp_path)
    with pytest.raises(SettingsError, match=words), opened(run, SETTINGS, DATA, need=10**18):
        pytest.fail("the work began")


def test_a_lock_says_who_holds_it_and_is_let_go_of_when_its_holder_is_killed(tmp_path):
    code = (
        f"from forecast.work.lock import locked\nwith locked({str(tmp_path)!r}):\n"
        "    print('held', flush=True); import time; time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(SettingsError, match=rf"process {holder.pid} on "), locked(tmp_path, patience=0):
            pytest.fail("two hold it")
        holder.kill()
    with locked(tmp_path, patience=5):
        pass


def interrupted(directory, error: BaseException, settings=SETTINGS) -> None:
    with pytest.raises(type(error)), opened(Run(directory), settings, DATA) as folder:  # noqa: PT012
        path = folder.kept("a/b: c", 1)
        replace_file(path, b"work")
        raise error


def test_what_is_kept_belongs_to_its_settings_and_data(tmp_path):
    interrupted(tmp_path, Stopped(signal.SIGTERM))
    assert holds(tmp_path, SETTINGS, DATA)
    assert holds(tmp_path, SETTINGS, DATA | {"name": "elsewhere.csv"})
    assert not holds(tmp_path, {"training": {"epochs": 4}}, DATA)
    assert not holds(tmp_path, SETTINGS, {"values": "abd"})
    assert json.loads((tmp_path / "run.json").read_text())["why"] == "stopped by SIGTERM"
    with opened(Run(tmp_path, resume=True), SETTINGS, DATA) as folder:
        assert folder.kept("a/b: c", 1).read_bytes() == b"work"
        assert folder.kept("a/b: c", 2) != folder.kept("a/b: c", 1) != folder.kept("a/b; c", 1)
        folder.finish()
    assert not (tmp_path / "kept").exists()


def test_work_that_failed_by_itself_does_not_stand_in_the_way_of_other_settings(tmp_path):
    interrupted(tmp_path, SettingsError("no such thing"))
    with pytest.raises(SettingsError, match="was stopped here"), opened(Run(tmp_path), SETTINGS, DATA):
        pass
    with opened(Run(tmp_path), {"training": {"epochs": 4}}, DATA):
        assert not list(kept_files(tmp_path))


def test_a_finished_run_whose_clearing_was_cut_short_is_run_again(tmp_path):
    interrupted(tmp_path, Stopped(signal.SIGINT))
    about = json.loads((tmp_path / "run.json").read_text()) | {"state": "finished"}
    (tmp_path / "run.json").write_text(json.dumps(about))
    with opened(Run(tmp_path), SETTINGS, DATA):
        assert not list(kept_files(tmp_path))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 99, "state": "running"}', "\x00"])
def test_a_damaged_run_is_refused_with_the_way_out(tmp_path, content):
    interrupted(tmp_path, Stopped(signal.SIGINT))
    (tmp_path / "run.json").write_text(content)
    words, run = r"give up what is kept by --anew", Run(tmp_path, resume=True)
    with pytest.raises(SettingsError, match=words), opened(run, SETTINGS, DATA):
        pytest.fail("the work began")
    with opened(Run(tmp_path, anew=True), SETTINGS, DATA) as folder:
        folder.finish()


def test_another_environment_is_a_note_and_no_refusal(tmp_path, monkeypatch):
    interrupted(tmp_path, Stopped(signal.SIGINT))
    monkeypatch.setattr(folders, "environment", lambda: {"torch": "0.1"})
    with opened(Run(tmp_path, resume=True), SETTINGS, DATA) as folder:
        assert any("now" in note and "torch: " in note for note in folder.notes)


def test_runs_that_make_no_sense_are_refused():
    for settings in ({"resume": True, "anew": True}, {"seconds": 0.0}, {"steps": 0}):
        with pytest.raises(SettingsError):
            Run("x", **settings)


def test_differences_are_named_by_their_path():
    before, now = {"a": {"b": [1], "c": 2}, "d": None}, {"a": {"b": [1, 2], "c": 2}, "e": "x"}
    assert differences(before, now) == ["a.b: [1] then, [1, 2] now", 'e: null then, "x" now']


def test_a_signal_waits_for_work_that_saves_itself_and_ends_other_work_at_once():
    with pytest.raises(Stopped) as stop, heeding():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("nothing happened")
    assert stop.value.code == 143
    reached = []
    with pytest.raises(Stopped), heeding(), held() as asked:  # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        reached.append(asked())
    assert reached == [signal.SIGINT]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_second_signal_ends_the_process_at_once():
    code = (
        "import os, signal\nfrom forecast.work.stopping import heeding, held\nwith heeding(), held():\n"
        "    os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGINT); print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT
    assert "once more ends it at once" in done.stderr
    assert "still here" not in done.stdout
