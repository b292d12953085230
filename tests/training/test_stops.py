"""A fit that keeps its work: stopped, killed or crashed anywhere it ends with the bits it would have ended with."""

import json
import os
import signal
import threading

import numpy as np
import pytest
import torch

from forecast.data.panel import Panel
from forecast.errors import RunError, SettingsError, TrainingError
from forecast.forecasters.recurrent import Recurrent
from forecast.training import saving
from forecast.training.checkpoint import from_bytes, to_bytes
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window
from forecast.work.folder import Run, kept_files
from forecast.work.stopping import Stopped

WINDOW = Window(context=8, horizon=3)
FEEDS = {"windowed": Windowed(16), "streamed": Streamed(lanes=4, chunk=8, burn_in=4)}


class Crash(BaseException):
    """Stands for a kill: nothing of ours catches it."""


def panel_of(rows: int = 90, late: float = 0.0) -> Panel:
    random = np.random.default_rng(0)
    time = np.concatenate([np.arange(n) for n in (rows, 41)])
    values = np.sin(time / 3) + 0.2 * random.normal(size=len(time))
    values[-1] += late
    values[random.random(len(values)) < 0.1] = np.nan
    return Panel.from_arrays(values, time.astype("M8[h]"), (rows, 41), ("a", "b"))


def model_of(feed: str = "windowed", **training) -> Recurrent:
    settings = {"epochs": 3, "learning_rate": 1e-2, "weight_decay": 0.01, "schedule": "cosine"} | training
    return Recurrent(WINDOW, "lstm", 4, dropout=0.3, feed=FEEDS[feed], training=Training(**settings))


def end_of(model: Recurrent) -> tuple:
    """Weights and history, without the seconds."""
    history = [(epoch.number, epoch.training, epoch.validation) for epoch in model.history.epochs]
    weights = [weight.numpy().tobytes() for weight in model.network.state_dict().values()]
    return weights, history, model.history.best, model.history.stopped


def crash_after(saves: int, monkeypatch) -> None:
    """The process ends right after this many checkpoints were written."""
    write, count = saving.Saver._save, [0]

    def counted(self, trainer, stop):
        write(self, trainer, stop)
        count[0] += 1
        if count[0] == saves:
            raise Crash

    monkeypatch.setattr(saving.Saver, "_save", counted)


@pytest.mark.parametrize(
    ("feed", "settings"),
    [("windowed", {"epochs": 6, "patience": 2, "learning_rate": 0.05}), ("streamed", {"epochs": 3})],
)
def test_a_fit_that_crashed_at_any_step_ends_with_the_same_bits_when_it_goes_on(tmp_path, monkeypatch, feed, settings):
    whole = end_of(model_of(feed, **settings).fit(panel_of()))
    stops, ended = 0, False
    while not ended:
        directory = tmp_path / str(stops)
        run = Run(directory, resume=True, steps=1)
        with monkeypatch.context() as patch:
            crash_after(1 + 4 * stops, patch)
            try:
                model_of(feed, **settings).fit(panel_of(), run)
            except Crash:
                stops += 1
            else:
                ended = True
        torch.manual_seed(stops)  # another process has drawn other numbers
        if not ended:
            assert end_of(model_of(feed, **settings).fit(panel_of(), run)) == whole, f"stop {stops}"
        assert sorted(path.name for path in directory.iterdir()) == ["run.json", "run.lock", "run.log"]
    assert stops >= 3


def test_keeping_checkpoints_changes_no_bit_and_the_folder_says_what_was_run(tmp_path):
    assert end_of(model_of().fit(panel_of(), Run(tmp_path, steps=2))) == end_of(model_of().fit(panel_of()))
    about = json.loads((tmp_path / "run.json").read_text())
    assert about["state"] == "finished"
    assert about["settings"]["training"]["seed"] == 0
    assert len(about["data"]["values"]) == 64
    assert about["environment"]["torch"] == torch.__version__.partition("+")[0] or about["environment"]["torch"]
    assert "finished" in (tmp_path / "run.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_first_and_the_fit_goes_on_from_that_very_step(tmp_path, monkeypatch, number):
    whole = end_of(model_of().fit(panel_of()))
    run, before = Run(tmp_path, resume=True), [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    step = saving.Saver.on_train_batch_end

    def signalled(self, trainer, *args):
        if trainer.global_step == 5:
            os.kill(os.getpid(), number)
        step(self, trainer, *args)

    with monkeypatch.context() as patch:
        patch.setattr(saving.Saver, "on_train_batch_end", signalled)
        with pytest.raises(Stopped) as stop:
            model_of().fit(panel_of(), run)
    assert stop.value.code == 128 + number
    assert before == [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    (kept,) = kept_files(tmp_path)
    assert from_bytes(kept.read_bytes())["global_step"] == 5
    assert json.loads((tmp_path / "run.json").read_text())["state"] == "stopped"
    assert end_of(model_of().fit(panel_of(), run)) == whole


def stopped_run(directory, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        crash_after(2, patch)
        with pytest.raises(Crash):
            model_of().fit(panel_of(), Run(directory, steps=1))


def test_work_that_was_stopped_is_neither_overwritten_nor_mixed_with_other_work(tmp_path, monkeypatch):
    stopped_run(tmp_path, monkeypatch)
    with pytest.raises(SettingsError, match=r"was stopped here, and its work is kept; go on with it by --resume"):
        model_of().fit(panel_of(), Run(tmp_path))
    with pytest.raises(SettingsError, match=r"training\.epochs: 3 then, 4 now"):
        model_of(epochs=4).fit(panel_of(), Run(tmp_path, resume=True))
    with pytest.raises(SettingsError, match=r"the data's values: .* then, .* now"):
        model_of().fit(panel_of(late=1e-9), Run(tmp_path, resume=True))
    assert len(list(kept_files(tmp_path))) == 1
    model_of(epochs=1).fit(panel_of(), Run(tmp_path, anew=True))
    assert not list(kept_files(tmp_path))
    with pytest.raises(SettingsError, match=r"this run finished at .*nothing to go on with"):
        model_of(epochs=1).fit(panel_of(), Run(tmp_path, resume=True))


@pytest.mark.parametrize("place", [10, 100, -5])
def test_a_checkpoint_with_one_wrong_bit_is_refused(tmp_path, monkeypatch, place):
    stopped_run(tmp_path, monkeypatch)
    (kept,) = kept_files(tmp_path)
    content = bytearray(kept.read_bytes())
    content[place] ^= 1
    kept.write_bytes(bytes(content))
    with pytest.raises(RunError, match="a damaged checkpoint"):
        model_of().fit(panel_of(), Run(tmp_path, resume=True))


def test_two_processes_in_one_run_folder_are_refused_by_number_and_host(tmp_path, monkeypatch):
    step, second = saving.Saver.on_train_epoch_end, []

    def meanwhile(self, *args):
        def fit() -> None:
            try:
                model_of().fit(panel_of(), Run(tmp_path))
            except SettingsError as error:
                second.append(str(error))

        thread = threading.Thread(target=fit)
        thread.start()
        thread.join()
        step(self, *args)

    monkeypatch.setattr(saving.Saver, "on_train_epoch_end", meanwhile)
    model_of(epochs=1).fit(panel_of(), Run(tmp_path))
    assert f"process {os.getpid()} on " in second[0]


def test_a_loss_that_is_not_finite_stops_before_the_step_and_names_batch_and_series():
    panel = panel_of()
    model = model_of(epochs=2, validation=0)
    data_scale = saving.RecurrentModule.training_step
    seen = []

    def broken(self, batch, batch_idx):
        said = data_scale(self, batch, batch_idx)
        if batch_idx == 2:
            seen.append([weight.detach().clone() for weight in self.parameters()])
            seen.append(self)
            said["loss"] = said["loss"] * float("inf")
        return said

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saving.RecurrentModule, "training_step", broken)
        with pytest.raises(
            TrainingError, match=r"epoch 1, batch 3; the norm of the gradient is \w+, and the step was not"
        ) as e:
            model.fit(panel)
    assert "'a'" in str(e.value) or "'b'" in str(e.value)
    assert all(map(torch.equal, seen[0], seen[1].parameters()))


def test_trees_of_plain_values_and_tensors_come_back_as_they_were():
    tree = {"a": [1, 2.5, None, True, "x"], 3: (torch.arange(3), {"nan": float("nan")}), "e": {}, "l": []}
    back = from_bytes(to_bytes(tree))
    assert back["a"] == tree["a"]
    assert torch.equal(back[3][0], tree[3][0])
    assert np.isnan(back[3][1]["nan"])
    assert (back["e"], back["l"], type(back[3])) == ({}, [], tuple)
    with pytest.raises(TypeError, match="not set"):
        to_bytes({"a": {1, 2}})


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a_fit_of_two_processes_goes_on_where_it_was_stopped(tmp_path):
    both = {"devices": 2, "strategy": "ddp_fork", "device": "cpu"}
    whole = end_of(model_of(**both).fit(panel_of()))
    crash = saving.Saver.on_train_batch_end

    def broken(self, trainer, *args):
        crash(self, trainer, *args)
        if trainer.global_step == 5:
            raise TrainingError("stop")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saving.Saver, "on_train_batch_end", broken)
        with pytest.raises(TrainingError, match="stop"):
            model_of(**both).fit(panel_of(), Run(tmp_path, steps=2))
    (kept,) = kept_files(tmp_path)
    assert from_bytes(kept.read_bytes())["global_step"] == 4
    assert end_of(model_of(**both).fit(panel_of(), Run(tmp_path, resume=True))) == whole
