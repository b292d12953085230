"""Sweeps: honest, repeatable, resumable, and clear about what does not fit."""

import math

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from quick import ROWS, Damped, damped, panel, slow

from forecast.errors import ForecastError, SettingsError, TrainingError
from forecast.experiment.spaces import Range, network_space, tabular_space
from forecast.forecasters.recurrent import Recurrent
from forecast.sweeps.folds import rolling_folds
from forecast.sweeps.reading import best_trial, importances, trials_frame
from forecast.sweeps.search import Search
from forecast.sweeps.slots import ERROR, LOST, counted, slot
from forecast.sweeps.sweep import sweep
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window

SINCE = 200


def said(study: optuna.Study) -> list:
    return [(trial.number, trial.state, trial.params, trial.values) for trial in study.trials]


@pytest.mark.parametrize("place", ["s.db", "journal:{}/s.log"])
def test_the_same_seed_gives_the_same_study_whatever_keeps_it(tmp_path, place):
    kept = sweep(
        damped, panel(), SINCE, trials=14, storage=place.format(tmp_path) if ":" in place else tmp_path / place
    )
    assert said(kept) == said(sweep(damped, panel(), SINCE, trials=14))
    assert said(kept) != said(sweep(damped, panel(), SINCE, trials=14, search=Search(seed=1)))
    assert 0.7 < best_trial(kept).params["share"] < 1.1


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_sweep_that_was_stopped_goes_on_as_it_would_have_gone(tmp_path, sampler):
    whole = sweep(damped, panel(), SINCE, trials=16, search=Search(sampler=sampler, pruner="none"))
    calls = 0

    def stopping(trial):
        nonlocal calls
        calls += 1
        if calls == 24:
            raise KeyboardInterrupt
        return damped(trial)

    stopping.__qualname__ = "damped"
    with pytest.raises(KeyboardInterrupt):
        sweep(
            stopping,
            panel(),
            SINCE,
            trials=16,
            search=Search(sampler=sampler, pruner="none"),
            storage=tmp_path / "s.db",
        )
    after = sweep(
        damped, panel(), SINCE, trials=16, search=Search(sampler=sampler, pruner="none"), storage=tmp_path / "s.db"
    )
    lost = [trial for trial in after.trials if LOST in trial.user_attrs]
    assert len(lost) == 1
    ended = {slot(trial): (trial.params, trial.values) for trial in counted(after.trials)}
    assert ended == {trial.number: (trial.params, trial.values) for trial in whole.trials}


def test_a_sweep_is_extended_and_otherwise_done_again_at_no_cost(tmp_path):
    five = sweep(damped, panel(), SINCE, trials=5, storage=tmp_path / "s.db")
    same = sweep(damped, panel(), SINCE, trials=5, storage=tmp_path / "s.db")
    assert (before := said(five)) == said(same)
    eight = sweep(damped, panel(), SINCE, trials=8, storage=tmp_path / "s.db")
    assert said(eight)[:5] == before
    assert said(eight) == said(sweep(damped, panel(), SINCE, trials=8))


def test_no_row_at_or_after_the_test_enters_a_trial():
    whole = panel()
    values = whole.values.copy()
    values[SINCE:] = 1e6 * np.random.default_rng(1).normal(size=values[SINCE:].shape)
    rewritten = type(whole).from_arrays(values[:, 0], whole.times)
    assert said(sweep(damped, whole, SINCE, trials=4)) == said(sweep(damped, rewritten, SINCE, trials=4))
    for fold in rolling_folds(whole, SINCE, 3, 0.2):
        assert len(fold.panel.times) <= SINCE


def test_folds_roll_on_and_meet_the_test():
    folds = rolling_folds(panel(), SINCE, 3, 0.2)
    assert [len(fold.panel.times) for fold in folds] == [120, 160, 200]
    assert [int(fold.since.astype("M8[h]").astype(int)) for fold in folds] == [80, 120, 160]


def test_a_figure_is_the_mean_of_what_the_folds_say():
    study = sweep(damped, panel(), SINCE, trials=3, search=Search(folds=3, pruner="none"))
    for trial in study.trials:
        assert len(trial.user_attrs["folds"]) == 3
        assert trial.value == pytest.approx(np.mean(trial.user_attrs["folds"]), rel=1e-12)


def test_a_trial_that_fails_says_why_and_the_others_go_on():
    def space(trial):
        share = trial.suggest_float("share", 0.0, 1.5)
        if trial.number == 1:
            raise TrainingError("out of luck")
        if trial.number == 2:
            raise ZeroDivisionError("a slip")
        if trial.number == 3:
            return Damped(math.nan)
        return Damped(share)

    study = sweep(space, panel(), SINCE, trials=6, search=Search(pruner="none"))
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "FAIL", "FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    reasons = trials_frame(study, ("mae",))["reason"]
    assert reasons[1] == "out of luck"
    assert reasons[2].startswith("ZeroDivisionError: a slip")
    assert "test_sweep.py:" in reasons[2]
    assert "not finite" in reasons[3]


def test_when_every_trial_fails_the_reasons_are_told():
    def space(trial):
        if trial.study.study_name == "sweep":
            raise TrainingError("out of luck")
        return damped(trial)

    with pytest.raises(ForecastError, match=r"no trial .* completed:\n  - out of luck"):
        sweep(space, panel(), SINCE, trials=3)


def test_a_study_on_other_terms_is_not_gone_on_with(tmp_path):
    sweep(damped, panel(), SINCE, trials=2, storage=tmp_path / "s.db")
    others = {
        "metric": {"metric": "rmse"},
        "search": {"search": Search(folds=3)},
        "data before the test": {"panel": panel(ROWS + 1), "since": SINCE + 1},
        "space": {"space": slow},
    }
    for word, other in others.items():
        asked = {"space": damped, "panel": panel(), "since": SINCE, "trials": 2, "storage": tmp_path / "s.db"} | other
        with pytest.raises(SettingsError, match=f"other terms.*\n  - {word}"):
            sweep(**asked)
    with pytest.raises(SettingsError, match="maximize"):
        sweep(damped, panel(), SINCE, trials=2, metric="direction", storage=tmp_path / "s.db")
    assert (
        len(sweep(damped, panel(), SINCE, trials=2, name="other", metric="rmse", storage=tmp_path / "s.db").trials) == 2
    )


def test_several_goals_give_a_front_and_the_first_goal_leads():
    space = network_space(
        Window(8, 2),
        Training(epochs=2),
        {"hidden_size": (4, 16), "feed": "streamed", "learning_rate": Range(1e-3, 1e-2)},
    )
    study = sweep(space, panel(), SINCE, trials=4, metric=("mae", "parameters"))
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MINIMIZE"]
    assert all(trial.state is TrialState.COMPLETE for trial in study.trials)
    frame = trials_frame(study, ("mae", "parameters"))
    assert best_trial(study).number == frame["mae"].idxmin()
    assert (frame["parameters"] == np.where(frame["hidden_size"] == 4, 126, 1086)).all() or frame[
        "parameters"
    ].nunique() == 2


@pytest.mark.parametrize("pruner", ["rivals", "asha", "hyperband"])
def test_hopeless_networks_are_given_up_and_epochs_are_saved(pruner):
    space = network_space(
        Window(8, 2),
        Training(epochs=2),
        {"learning_rate": Range(1e-6, 3e-2, log=True), "hidden_size": 4, "skip": False, "batch_size": 64},
    )
    pruned = sweep(space, panel(), SINCE, trials=16, search=Search(sampler="random", pruner=pruner))
    whole = sweep(space, panel(), SINCE, trials=16, search=Search(sampler="random", pruner="none"))
    counts = trials_frame(pruned)["state"].value_counts()
    assert counts["pruned"] >= 2
    assert trials_frame(pruned)["epochs"].sum() < trials_frame(whole)["epochs"].sum()
    assert all(trial.state is TrialState.COMPLETE for trial in whole.trials)
    given_up = next(trial for trial in pruned.trials if trial.state is TrialState.PRUNED)
    assert given_up.user_attrs["epochs"] == len(given_up.intermediate_values)


def test_only_losses_of_one_kind_are_compared():
    from forecast.nets.heads import Point

    def space(trial):
        head = Point("mae") if trial.number % 2 else Point("mse")
        return Recurrent(
            Window(8, 2), hidden_size=trial.suggest_int("size", 2, 4), head=head, training=Training(epochs=2)
        )

    study = sweep(space, panel(), SINCE, trials=4)
    assert [bool(trial.intermediate_values) for trial in study.trials] == [True, False, True, False]


def test_settings_that_mean_nothing_beside_others_are_not_drawn():
    space = network_space(Window(8, 2), Training(epochs=1))
    for number in range(12):
        trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(number)).ask()
        made = space(trial)
        if isinstance(made.feed, Streamed):
            assert not {"batch_size", "scaling"} & set(trial.params)
            assert made.feed.lanes == trial.params["lanes"]
        else:
            assert isinstance(made.feed, Windowed)
            assert not {"lanes", "chunk"} & set(trial.params)
        assert made.window == Window(trial.params["context"], 2)
        assert made.training.learning_rate == trial.params["learning_rate"]


def test_the_first_trial_has_the_settings_that_need_no_sweep():
    space = network_space(Window(8, 2), Training(epochs=1))
    first = optuna.trial.FixedTrial(space.first[0])
    made, usual = space(first), space.base.make(Window(8, 2), Training(epochs=1))
    assert made.architecture == usual.architecture
    assert (made.feed, made.training, made.window) == (usual.feed, usual.training, usual.window)


@pytest.mark.parametrize("regressor", ["ridge", "boosting", "forest", "knn", "mlp"])
def test_scikit_learn_contestants_are_swept_by_the_same_call(regressor):
    study = sweep(tabular_space(Window(8, 2), regressor), panel(120), 100, trials=2, search=Search(folds=1))
    assert any(name.startswith("options.") for name in study.trials[1].params)
    assert all(trial.state is TrialState.COMPLETE for trial in study.trials)


def test_importances_name_what_matters():
    def space(trial):
        trial.suggest_float("idle", 0, 1)
        return damped(trial)

    weights = importances(sweep(space, panel(), SINCE, trials=60, search=Search(sampler="random", pruner="none")))
    assert weights.index[0] == "share"
    assert weights["share"] > 2 * weights["idle"]
    assert not len(importances(sweep(space, panel(), SINCE, trials=3)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"trials": 0}, "trials=0"),
        ({"workers": 0}, "workers=0"),
        ({"metric": "maee"}, "did you mean 'mae'"),
        ({"metric": "parameters"}, "name an error first"),
        ({"metric": ()}, "name an error first"),
        ({"metric": "bias"}, "metric 'bias'"),
        ({"since": 12}, "fold 1 of 2"),
        ({"space": lambda trial: damped(trial) if trial.number else Damped(1.0, context=900)}, "fold 1 of 2"),
    ],
)
def test_what_does_not_fit_is_said_at_once(wrong, words):
    asked = {"space": damped, "panel": panel(), "since": SINCE, "trials": 2} | wrong
    with pytest.raises(SettingsError, match=words):
        sweep(**asked)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"folds": 0}, "folds=0"),
        ({"folds": 5, "span": 0.2}, "100%"),
        ({"pruner": "rival"}, "did you mean 'rivals'"),
        ({"sampler": "tpee"}, "did you mean 'tpe'"),
        ({"seconds": 0.0}, "seconds=0"),
    ],
)
def test_searches_that_make_no_sense_are_refused(wrong, words):
    with pytest.raises(SettingsError, match=words):
        Search(**wrong)


def test_under_torchrun_a_sweep_says_what_to_do_instead(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingsError, match="torchrun"):
        sweep(damped, panel(), SINCE, trials=1)


def test_no_trial_begins_after_the_limit():
    study = sweep(slow, panel(), SINCE, trials=1000, search=Search(seconds=1.0))
    done = [trial for trial in study.trials if trial.state is TrialState.COMPLETE]
    assert 1 <= len(done) < 40
    assert all(ERROR not in trial.user_attrs for trial in done)
