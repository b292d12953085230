"""What the notebooks say is read off what came out, and came out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from played import played

from forecast.testing import check_cell


def test_in_the_first_forecast_everybody_is_on_the_board_and_the_sentence_compares_the_right_ones():
    names = played("first_forecast")
    errors = names["board"].frame.set_index("model")["mae"]
    assert set(errors.index) == {"naive", "last year", "linear", "gru", "gru-stateful"} == set(names["contestants"])
    assert not names["board"].failed
    assert errors[names["best"]] == min(errors["gru"], errors["gru-stateful"])
    assert errors[names["rival"]] == min(errors["naive"], errors["last year"], errors["linear"])
    assert names["gain"] == pytest.approx(1 - errors[names["best"]] / errors[names["rival"]])


def test_the_first_forecast_reaches_beyond_the_last_row_in_intervals_and_is_the_same_from_a_file():
    names = played("first_forecast")
    ahead, horizon = names["ahead"], names["HORIZON"]
    assert ahead.times.shape == (1, horizon)
    assert ahead.times.min() > names["panel"].times.max()
    assert (np.diff(ahead.values, axis=3) >= 0).all()
    np.testing.assert_allclose(names["again"].values, ahead.values, atol=1e-4)  # it reads from the first row again


def test_prices_look_predictable_and_their_changes_do_not():
    names = played("stocks_honestly")
    assert names["share"]["ridge"] > 0.5
    assert names["share"]["naive"] > 0.5
    assert names["of_change"] < 0.1
    change = names["change"]
    assert (change["naive"] == 0).all()
    np.testing.assert_allclose(change["price"] - change["ridge"], names["lines"]["price"] - names["lines"]["ridge"])


def test_who_is_better_than_the_last_price_is_read_off_the_tests_of_the_board():
    names = played("stocks_honestly")
    table = names["board"].frame.set_index("model")
    assert set(table.index) == set(names["contestants"])
    assert table["relmae"]["naive"] == 1
    said = {model for model in table.index if table["dm_p"][model] < 0.05}
    assert {*names["better"], *names["worse"]} == said
    assert all(table["mae"][model] < table["mae"]["naive"] for model in names["better"])
    assert names["majority"]["accuracy"] >= 0.5
    assert len(names["board"].counts) == len(names["contestants"]) - 1


def test_the_winner_of_the_sweep_is_the_best_completed_trial_and_was_judged_on_rows_no_trial_saw():
    names = played("sweep_analysis")
    trials, study = names["trials"], names["study"]
    assert len(trials) == names["TRIALS"]
    done = trials[trials["state"] == "complete"].set_index("number")["relmae"]
    assert done[names["best"].number] == done.min() == names["best"].value
    assert study.user_attrs["terms"]["metric"] == "relmae"
    assert names["scores"].terms.since >= np.datetime64(names["SINCE"])
    assert names["looked"] == pytest.approx(1 - done.min())
    judged = names["board"].frame.set_index("model")
    assert set(judged.index) == {"naive", "linear", "default", "random search", "winner"}
    assert names["worth"] == pytest.approx(1 - judged["mae"]["winner"] / judged["mae"]["naive"])


def test_the_winner_on_the_board_is_made_of_the_settings_of_its_trial():
    names = played("sweep_analysis")
    winner, drawn = names["contestants"]["winner"], names["best"].params
    assert winner.architecture.cell == drawn["cell"]
    assert winner.architecture.hidden_size == drawn["hidden_size"]
    assert winner.training.learning_rate == drawn["learning_rate"]
    assert type(winner.feed).__name__.lower() == drawn["feed"]


def test_live_answers_are_those_of_reading_everything_again_and_of_a_forecaster_from_a_file():
    names = played("live_and_learning")
    assert len(names["said"]) == len(names["rows"])
    assert names["apart"] < 1e-4
    live, restored = names["live"], names["restored"]
    assert live.last == restored.last == {"": np.datetime64(names["UNTIL"], "us")}
    np.testing.assert_array_equal(restored.forecast().values, live.forecast().values)


def test_after_a_change_the_adapted_weights_learn_and_the_table_says_what_was_counted():
    names = played("live_and_learning")
    table, errors = names["comparison"], names["errors"]
    assert table.index.tolist() == ["changed", "as it was"]
    assert table["adapted alone"]["changed"] < -0.01
    assert names["learner"].learning["scored"][0] == len(names["rows"])
    said = errors["guarded"].sum() / errors["frozen"].sum() - 1  # in degrees; the learner counts in units of its scale
    assert table["guarded"]["changed"] == pytest.approx(said, abs=0.02)
    assert table["guarded"].max() < 0.05
    assert names["usual_errors"]["frozen"].to_numpy() == pytest.approx(
        np.abs(np.array(names["said"]) - names["rows"]["temp_max"].to_numpy()), abs=1e-9
    )


def test_the_cell_of_the_notebook_keeps_the_promise_and_the_broken_one_does_not():
    names = played("your_own_cell")
    check_cell(names["MinimalGatedUnit"], inputs=2, hidden_size=7, seed=1)
    assert "cut at" in names["finding"]
    with pytest.raises(AssertionError, match="cut at"):
        check_cell(names["Peeking"])
    np.testing.assert_allclose(names["by_hand"], names["hidden"].detach().numpy()[0, 0], atol=1e-6)


def test_the_own_cell_is_on_the_board_beside_the_gru_forecasts_live_and_comes_back_from_a_file():
    names = played("your_own_cell")
    assert not names["board"].failed
    assert set(names["board"].frame["model"]) == {"naive", "linear", "gru", "gru-stateful", "own", "own-stateful"}
    assert isinstance(names["loaded"].network.cell, names["MinimalGatedUnit"])
    np.testing.assert_allclose(names["stepped"], names["asked"], atol=1e-4)
    np.testing.assert_allclose(names["read"], names["asked"], atol=1e-4)


def test_two_processes_end_with_the_weights_of_one_and_a_stopped_fit_with_its_bits():
    names = played("from_notebook_to_many_gpus")
    one, two, resumed = names["one"], names["two"], names["resumed"]
    assert two.training.devices == 2
    assert [epoch.number for epoch in two.history.epochs] == list(range(1, names["EPOCHS"] + 1))
    assert names["apart"] < 1e-5
    assert "SIGINT" in names["ended"]
    assert torch.equal(names["weights"](resumed), names["weights"](one))
    assert names["model"].network is None  # it was stopped


def test_the_script_for_torchrun_is_python_and_fits_what_the_notebook_fits():
    names = played("from_notebook_to_many_gpus")
    asked = {"fc": names["fc"], "__name__": "train"}
    source = names["SCRIPT"].replace("devices=2", "devices=1").partition("model.fit")[0]
    exec(compile(source, "train.py", "exec"), asked)
    model, one = asked["model"], names["one"]
    assert repr(model).startswith("Recurrent(gru, ")
    assert (model.window, model.architecture, model.feed) == (one.window, one.architecture, one.feed)
    assert model.training == one.training
