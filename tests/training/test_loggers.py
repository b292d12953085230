"""Logs of fits: read back with the tools they are written for, the same whether or not a fit was stopped."""

import importlib.util
import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import forecast
from forecast.data.panel import Panel
from forecast.errors import RunError, SettingsError
from forecast.experiment.settings import from_tables
from forecast.forecasters.artifacts.artifact import load
from forecast.forecasters.recurrent import Recurrent
from forecast.training import logs, saving
from forecast.training.logs import plain_name
from forecast.training.settings import Training
from forecast.training.sinks import COLUMNS, Table
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window
from forecast.work.folder import Run

FEEDS = {"windowed": Windowed(16), "streamed": Streamed(lanes=4, chunk=8, burn_in=4)}
TENSORBOARD = pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed")


class Crash(BaseException):
    """Stands for a kill."""


@pytest.fixture
def panel() -> Panel:
    time = np.arange(120)
    return Panel.from_arrays(np.sin(time / 3) + 0.1 * np.cos(time * time), time.astype("M8[h]"))


def model_of(feed: str = "windowed", **training) -> Recurrent:
    settings = {"epochs": 3, "learning_rate": 1e-2, "schedule": "cosine"} | training
    return Recurrent(Window(8, 3), "gru", 4, feed=FEEDS[feed], training=Training(**settings))


def table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "metrics.csv")


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder)).Reload()
    return {tag: {event.step: event.value for event in read.Scalars(tag)} for tag in read.Tags()["scalars"]}


def crash_after_epoch(number: int, monkeypatch) -> None:
    """The process ends after an entry was written and before the checkpoint of its epoch was."""

    def save(self, trainer, stop):
        if trainer.current_epoch + 1 == number:
            raise Crash
        trainer.save_checkpoint(self.slot.path)

    monkeypatch.setattr(saving.Saver, "_save", save)


@pytest.mark.parametrize("feed", FEEDS)
def test_a_table_holds_what_the_history_holds_a_row_an_epoch(tmp_path, panel, feed):
    model = model_of(feed, log="csv", log_folder=str(tmp_path), seed=7).fit(panel)
    found = table(tmp_path / "gru" / "seed-7")
    assert tuple(found.columns) == COLUMNS
    assert found["epoch"].tolist() == [1, 2, 3]
    assert found["train_loss"].tolist() == [epoch.training for epoch in model.history.epochs]
    assert found["val_loss"].tolist() == [epoch.validation for epoch in model.history.epochs]
    assert found["learning_rate"].is_monotonic_decreasing
    assert found["learning_rate"].iloc[-1] == pytest.approx(0.0)
    assert (found["gradient_norm"] > 0).all()
    about = json.loads((tmp_path / "gru" / "seed-7" / "settings.json").read_text())
    assert about["settings"]["training"]["learning_rate"] == 1e-2
    assert "log" not in about["settings"]["training"]


def test_logging_changes_no_bit_of_a_fit(tmp_path, panel):
    plain, logged = model_of().fit(panel), model_of(log="csv", log_folder=str(tmp_path)).fit(panel)
    for mine, other in zip(plain.network.parameters(), logged.network.parameters(), strict=True):
        assert mine.detach().numpy().tobytes() == other.detach().numpy().tobytes()


def test_the_norm_of_the_gradient_is_that_before_clipping(tmp_path, panel):
    model_of(log="csv", log_folder=str(tmp_path), clip=1e-6, epochs=1).fit(panel)
    assert table(tmp_path / "gru" / "seed-0")["gradient_norm"].iloc[0] > 1e-3


def test_without_validation_its_cells_are_empty(tmp_path, panel):
    model_of(log="csv", log_folder=str(tmp_path), validation=0.0).fit(panel)
    assert table(tmp_path / "gru" / "seed-0")["val_loss"].isna().all()


@TENSORBOARD
def test_event_files_hold_the_same_numbers_as_the_table_and_the_settings(tmp_path, panel):
    model = model_of(log=("csv", "tensorboard"), log_folder=str(tmp_path)).fit(panel)
    folder = tmp_path / "gru" / "seed-0"
    read, rows = scalars(folder), table(folder).set_index("epoch")
    assert {*COLUMNS} - {"epoch"} <= read.keys()
    for name in rows:
        assert read[name] == pytest.approx(rows[name].to_dict(), rel=1e-6)
    best = min(epoch.validation for epoch in model.history.epochs)
    assert list(read["best_val_loss"].values()) == pytest.approx([best])
    assert len(list(folder.glob("events.out.tfevents.*"))) == len(list(tmp_path.rglob("events.out.tfevents.*"))) == 1


@TENSORBOARD
def test_a_fit_that_was_killed_and_goes_on_leaves_the_log_of_one_that_was_not(tmp_path, panel, monkeypatch):
    asked = {"epochs": 4, "log": ("csv", "tensorboard")}
    model_of(**asked).fit(panel, Run(tmp_path / "whole"))
    run = Run(tmp_path / "cut", resume=True)
    with monkeypatch.context() as patch:
        crash_after_epoch(3, patch)
        with pytest.raises(Crash):
            model_of(**asked).fit(panel, run)
    whole, cut = (tmp_path / name / "logs" / "fit" / "seed-0" for name in ("whole", "cut"))
    assert table(cut)["epoch"].tolist() == [1, 2, 3]  # the third was written, and will be trained again
    model_of(**asked).fit(panel, run)
    pd.testing.assert_frame_equal(table(cut).drop(columns="seconds"), table(whole).drop(columns="seconds"))
    before, after = scalars(whole), scalars(cut)
    for name in ("train_loss", "val_loss", "learning_rate"):
        assert after[name] == pytest.approx(before[name])
    assert [path.name for path in (tmp_path / "cut" / "logs").iterdir()] == ["fit"]


def test_a_log_may_begin_or_end_where_a_fit_goes_on(tmp_path, panel, monkeypatch):
    whole, run = model_of().fit(panel), Run(tmp_path, resume=True)
    with monkeypatch.context() as patch:
        crash_after_epoch(2, patch)
        with pytest.raises(Crash):
            model_of().fit(panel, run)
    model = model_of(log="csv").fit(panel, run)
    assert [epoch.training for epoch in model.history.epochs] == [epoch.training for epoch in whole.history.epochs]
    assert table(tmp_path / "logs" / "fit" / "seed-0")["epoch"].tolist() == [2, 3]


def test_the_same_fit_writes_to_the_same_folder_and_another_one_beside_it(tmp_path, panel):
    asked = {"log": "csv", "log_folder": str(tmp_path)}
    model_of(**asked).fit(panel)
    model_of(**asked).fit(panel)
    model_of(**asked).fit(panel.until(100))
    model_of(**asked, epochs=1).fit(panel)
    assert sorted(path.name for path in (tmp_path / "gru").iterdir()) == ["seed-0", "seed-0-2", "seed-0-3"]
    assert len(table(tmp_path / "gru" / "seed-0")) == 3
    assert len(table(tmp_path / "gru" / "seed-0-3")) == 1


@pytest.mark.parametrize("name", ["../../away", "/etc/x", "..", "a/b", "", "a\nb", "-"])
def test_no_name_leaves_the_folder_of_the_logs(tmp_path, panel, name):
    model = model_of(log="csv", log_folder=str(tmp_path / "logs"), epochs=1)
    model.called = name or None
    model.fit(panel)
    (folder,) = (tmp_path / "logs").iterdir()
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
    assert re.fullmatch(r"[A-Za-z0-9._-]+", folder.name)


def test_names_that_look_alike_as_folders_stay_apart():
    names = ["a b", "a-b", "a/b", "A B", "..", "", "a" * 80, "a" * 81]
    assert len({plain_name(name) for name in names}) == len(names)


def test_nothing_is_written_by_default(tmp_path, panel, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model_of().fit(panel)
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_saved_without_where_its_fit_was_logged(tmp_path, panel):
    model_of(log="csv", log_folder=str(tmp_path / "logs")).fit(panel).save(tmp_path / "model")
    assert load(tmp_path / "model").model.training == model_of().training


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_of_several_processes_the_first_writes_for_all(tmp_path, panel):
    asked = {"log": "csv", "log_folder": str(tmp_path), "devices": 2, "device": "cpu", "epochs": 2}
    model = model_of(**asked).fit(panel)
    found = table(tmp_path / "gru" / "seed-0")
    assert found["train_loss"].tolist() == pytest.approx([epoch.training for epoch in model.history.epochs])
    assert [path.name for path in (tmp_path / "gru").iterdir()] == ["seed-0"]


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_logger_that_is_not_installed_is_named_with_its_remedy_before_any_work(monkeypatch, name):
    monkeypatch.setattr(logs, "find_spec", lambda package: None)
    with pytest.raises(SettingsError, match=rf"pip install 'forecast-recurrent\[{name}\]'"):
        model_of(log=name)
    assert Training(log=name).log == (name,)  # a settings file of another machine can be read


def test_an_unknown_logger_is_refused_with_the_nearest_one():
    with pytest.raises(SettingsError, match="no logger 'tensorbord'; did you mean 'tensorboard'"):
        Training(log="tensorbord")


def test_settings_files_take_one_or_several_loggers():
    base = {"data": "x.csv", "window": {"context": 8, "horizon": 3}, "forecasters": {"naive": {}}}
    for said in ("csv", ["csv", "tensorboard"]):
        experiment = from_tables(base | {"training": {"log": said, "log_folder": "logs"}}, "x.toml")
        assert experiment.training.log == ((said,) if isinstance(said, str) else tuple(said))
        assert "log" not in experiment.deciding()["training"]
        assert from_tables(experiment.to_tables(), "x.toml").training == experiment.training


def test_a_log_that_cannot_be_written_ends_the_fit_and_says_where(tmp_path, panel, monkeypatch):
    monkeypatch.setattr(Table, "add", lambda self, *rest: (_ for _ in ()).throw(OSError("the disk is full")))
    with pytest.raises(RunError, match=r"metrics\.csv: the log cannot be written \(the disk is full\)"):
        model_of(log="csv", log_folder=str(tmp_path)).fit(panel)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="logs cannot be written here"):
        model_of(log="csv", log_folder=str(tmp_path / "file")).fit(panel)


def test_mlflow_keeps_a_run_with_metrics_and_settings_in_a_file_of_its_own(tmp_path, panel, monkeypatch):
    pytest.importorskip("mlflow", reason="mlflow is not installed (pip install 'forecast-recurrent[mlflow]')")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    run = Run(tmp_path / "run", resume=True)
    with monkeypatch.context() as patch:
        crash_after_epoch(2, patch)
        with pytest.raises(Crash):
            model_of(log="mlflow").fit(panel, run)
    model = model_of(log="mlflow").fit(panel, run)
    from mlflow.tracking import MlflowClient

    about = json.loads((tmp_path / "run" / "logs" / "fit" / "seed-0" / "mlflow.json").read_text())
    client = MlflowClient(about["uri"])
    (found,) = client.search_runs([client.get_experiment_by_name("forecast").experiment_id])
    assert found.info.run_id == about["run"]
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "fit/seed-0"
    assert found.data.params["architecture/hidden_size"] == "4"
    losses = {metric.step: metric.value for metric in client.get_metric_history(about["run"], "train_loss")}
    assert losses == pytest.approx({epoch.number: epoch.training for epoch in model.history.epochs})
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_libraries_of_loggers_are_named_in_one_file_alone():
    package = Path(forecast.__file__).parent
    words = ("pytorch_lightning.loggers", "torch.utils.tensorboard", "import mlflow", "import tensorboard")
    found = {path.name for path in package.rglob("*.py") if any(word in path.read_text("utf-8") for word in words)}
    assert found == {"sinks.py"}
