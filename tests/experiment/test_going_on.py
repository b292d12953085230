"""A comparison that was stopped goes on, and comes to the same bytes; so does one that is run twice."""

import dataclasses
import importlib.util
import random
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.cli import main
from forecast.data.panel import Panel
from forecast.errors import RunError, SettingsError
from forecast.evaluation.backtest import backtest
from forecast.evaluation.results import Result
from forecast.experiment.compare import compare, kept_in
from forecast.experiment.composed import ConformalSettings, EnsembleSettings
from forecast.experiment.contestants import PRESETS, RecurrentSettings
from forecast.experiment.kept import KeptResults, _made, _plain
from forecast.experiment.settings import Experiment, Split
from forecast.forecasters.naive import Naive
from forecast.forecasters.recurrent import Recurrent
from forecast.training.settings import Training
from forecast.windows.window import Window
from forecast.work.folder import Run, RunFolder, opened
from forecast.work.stopping import Stopped

SCRIPT = Path(__file__).resolve().parents[2] / "experiments" / "reliability" / "kills.py"
ONE = Training(epochs=1)


class Crash(BaseException):
    """Stands for a kill: nothing of ours catches it."""


def panel_of() -> Panel:
    values = 3 + np.sin(np.arange(160) / 4) + 0.3 * np.random.default_rng(0).normal(size=160)
    return Panel.from_arrays(values, np.arange(160).astype("M8[h]"))


HEADS = {
    "gaussian": {"head": "gaussian", "transform": "log"},
    "student": {"head": "student"},
    "mixture": {"head": "mixture"},
    "quantiles": {"head": "quantiles"},
    "negative-binomial": {"head": "negative-binomial"},
    "direction": {"head": "direction"},
    "recursive": {"head": "gaussian", "decoder": "recursive"},
}


@pytest.mark.parametrize("name", HEADS)
def test_what_a_contestant_said_comes_back_from_its_file_bit_for_bit(tmp_path, name):
    panel, window = panel_of(), Window(8, 2)
    if name == "negative-binomial":
        panel = Panel.from_arrays(np.round(panel.values), panel.times)
    made = RecurrentSettings("gru", hidden_size=4, **HEADS[name]).make(window, ONE)
    said = made.fit(panel).predict(panel, window.origins(panel)[::20])
    with opened(Run(tmp_path), {}, {}) as folder:
        put = KeptResults({"a": made}, folder).put("a", Result(said, None, 1.5, 0.25, 7))
        got = KeptResults({"a": made}, folder).get("a")
    assert (got.failed, got.fit_seconds, got.predict_ms, got.parameters) == (None, 1.5, 0.25, 7)
    for each in (put.forecast, got.forecast):
        assert each.values.tobytes() == said.values.tobytes()
        assert type(each.distribution) is type(said.distribution)
        assert (each.levels, each.series, each.targets) == (said.levels, said.series, said.targets)
        for part in ("known", "times"):
            assert getattr(each, part).dtype == getattr(said, part).dtype
            assert np.array_equal(getattr(each, part), getattr(said, part))
    if said.distribution is not None:
        assert repr(got.forecast.distribution) == repr(said.distribution)
        kept, came = put.forecast.distribution, got.forecast.distribution
        assert kept.mean().tobytes() == came.mean().tobytes()
        assert kept.samples(3).tobytes() == came.samples(3).tobytes()


def test_what_a_class_of_somebodys_own_says_is_not_kept_and_not_lost(tmp_path):
    class Own:
        pass

    panel = panel_of()
    said = dataclasses.replace(Naive(Window(8, 2)).fit(panel).predict(panel), distribution=Own())
    with opened(Run(tmp_path), {}, {}) as folder:
        results = KeptResults({"a": Naive(Window(8, 2))}, folder)
        assert results.put("a", Result(said)).forecast is said
        assert results.get("a") is None
    assert "not kept (it holds a Own)" in (tmp_path / "run.log").read_text()
    assert _made(_plain((1, "a", None, 2.5))) == (1, "a", None, 2.5)


def experiment() -> Experiment:
    gru = RecurrentSettings("gru", hidden_size=4, head="gaussian")
    contestants = {
        "naive": PRESETS["naive"],
        "gru": gru,
        "knn": PRESETS["knn"],
        "sure": ConformalSettings("gru", refit=True),
        "pair": EnsembleSettings(("gru",), seeds=(0, 1)),
    }
    return Experiment("made", panel_of().schema, Window(8, 2), contestants, Split(0.8), ONE)


def tables(outcome) -> list:
    scores, board = outcome.scores, outcome.board.frame.drop(columns=["fit_seconds", "predict_ms"])
    return [
        scores.frame.to_csv(),
        scores.forecasts_frame().to_csv(),
        board.to_csv(),
        outcome.ahead.to_frame().to_csv(),
        outcome.notes,
    ]


@pytest.mark.slow
def test_a_comparison_that_crashed_anywhere_goes_on_to_the_same_tables(tmp_path, monkeypatch):
    whole, fits, fit = tables(compare(experiment(), panel_of())), [], Recurrent._fitted
    for crash in (3, 5):
        run = Run(tmp_path / str(crash), resume=True)

        def fitted(self, panel, crash=crash):
            found = fit(self, panel)
            fits.append(1)
            if len(fits) == crash:
                raise Crash
            return found

        fits.clear()
        with monkeypatch.context() as patch, pytest.raises(Crash):  # noqa: PT012
            patch.setattr(Recurrent, "_fitted", fitted)
            with kept_in(run, experiment(), panel_of()) as folder:
                compare(experiment(), panel_of(), folder=folder)
        with kept_in(run, experiment(), panel_of()) as folder:
            assert tables(compare(experiment(), panel_of(), folder=folder)) == whole
            folder.finish()
        log = (tmp_path / str(crash) / "run.log").read_text()
        assert "naive: was judged before" in log
        assert "was finished before" in log


def test_a_disk_that_fills_up_is_no_fault_of_a_contestant():
    class Full(Naive):
        def fit(self, panel):
            raise RunError("no space")

    with pytest.raises(RunError, match="no space"):
        backtest({"full": Full(Window(8, 2))}, panel_of(), 0.8)


def test_a_settings_file_that_is_run_twice_leaves_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hours = pd.date_range("2024-01-01", periods=160, freq="h")
    pd.DataFrame({"time": hours, "y": panel_of().values[:, 0]}).to_csv("y.csv", index=False)
    Path("s.toml").write_text(
        'data = "y.csv"\n[schema]\ntargets = ["y"]\n[window]\ncontext = 8\nhorizon = 2\n[training]\nepochs = 2\n'
        "[forecasters.naive]\n[forecasters.knn]\n[forecasters.gru]\nhidden_size = 8\n"
        "[forecasters.gru-stateful]\nhidden_size = 8\n"
    )
    for out in ("one", "two"):
        assert main(["run", "s.toml", "--out", out]) == 0
    for name in ("scores.csv", "forecasts.csv", "next.csv", "settings.toml"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes(), name
    boards = [
        pd.read_csv(f"{out}/leaderboard.csv").drop(columns=["fit_seconds", "predict_ms"]) for out in ("one", "two")
    ]
    pd.testing.assert_frame_equal(*boards, check_exact=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked")
def test_killed_processes_go_on_to_the_same_bits(tmp_path):
    spec = importlib.util.spec_from_file_location("kills", SCRIPT)
    kills = importlib.util.module_from_spec(spec)
    sys.modules["kills"] = kills
    spec.loader.exec_module(kills)
    roots = [tmp_path / "a"]
    roots[0].mkdir()
    found = kills.shoot("fit", 2, roots, random.Random(0))
    assert found.kills == 2
    assert found.holds


def test_settings_of_another_comparison_are_refused_by_name(tmp_path):
    with pytest.raises(Crash), kept_in(Run(tmp_path), experiment(), panel_of()) as folder:  # noqa: PT012
        KeptResults({"naive": Naive(Window(8, 2))}, folder).put("naive", Result(failed="x"))
        raise Crash
    other = dataclasses.replace(experiment(), window=Window(9, 2))
    with (
        pytest.raises(SettingsError, match=r"window\.context: 8 then, 9 now"),
        kept_in(Run(tmp_path, resume=True), other, panel_of()),
    ):
        pytest.fail("it went on")


def test_work_that_never_began_or_has_finished_is_not_said_to_go_on(tmp_path, monkeypatch, capsys):
    days = pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d")
    pd.DataFrame({"day": days, "y": np.sin(np.arange(60))}).to_csv(tmp_path / "a.csv", index=False)
    command = ["fit", str(tmp_path / "a.csv"), "--model", "drift", "--context", "8", "--horizon", "2"]
    command += ["--out", str(tmp_path / "model")]

    def stopped(*asked):
        raise Stopped(signal.SIGINT)

    for finished in (False, True):
        if finished:
            assert main(command) == 0
        with monkeypatch.context() as patch:
            patch.setattr("forecast.experiment.saved.fit_and_save", stopped)
            assert main(command) == 130
        assert capsys.readouterr().err.endswith("forecast: stopped\n")


def test_a_fit_that_has_replaced_the_model_it_began_with_does_not_begin_with_itself(tmp_path, monkeypatch, capsys):
    days = pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d")
    pd.DataFrame({"day": days, "y": np.sin(np.arange(60))}).to_csv(tmp_path / "a.csv", index=False)
    model = str(tmp_path / "model")
    command = ["fit", str(tmp_path / "a.csv"), "--model", "gru", "--context", "8", "--horizon", "2", "--epochs", "1"]
    command += ["--network", "hidden_size=4", "--out", model]
    assert main(command) == 0

    def killed(folder):
        raise Stopped(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "finish", killed)
        assert main([*command, "--start", model]) == 143
    assert main([*command, "--start", model, "--resume"]) == 2
    assert "start: " in capsys.readouterr().err
