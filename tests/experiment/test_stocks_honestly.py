"""On real prices a network is no better than the random walk, and the package says so."""

from pathlib import Path

import numpy as np
import pytest

from forecast.data.embedded import read_dataset
from forecast.data.schema import Schema
from forecast.evaluation.backtest import backtest
from forecast.evaluation.directions import MAJORITY, direction_table
from forecast.evaluation.leaderboard import leaderboard
from forecast.evaluation.probabilistic import coverage
from forecast.experiment.settings import read_experiment
from forecast.forecasters.naive import Naive
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.heads import Direction, Student
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window

WINDOW = Window(context=10, horizon=2)
TICKERS = 6
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def scores(shared_data):
    """A Student-t and a direction network on log returns of some stocks, judged on the second half of 2019."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECAST_DATA", str(shared_data))
        panel = read_dataset("sp500-panel", Schema("Date", ("Adj Close",), "Name"))
    panel = panel.select(panel.series[:TICKERS])
    training = Training(epochs=3, learning_rate=2e-3, validation=0.11, device="cpu")
    heads = {"student": Student(), "direction": Direction(band=0.0)}
    networks = {
        name: Recurrent(WINDOW, "gru", 8, head=head, transform="log-return", feed=Streamed(lanes=8), training=training)
        for name, head in heads.items()
    }
    return backtest({"naive": Naive(WINDOW)} | networks, panel, "2019-07-01", season=1)


@pytest.mark.data
def test_log_returns_are_forecast_no_better_than_by_the_random_walk(scores):
    said = leaderboard(scores, "naive")
    student = said.frame.set_index("model").loc["student"]
    assert 0.97 < student["relmae"] < 1.03  # a gain of more than that on prices is a leak, a loss a bug
    assert said.verdict.startswith("nothing beats repeating the last value")


@pytest.mark.data
def test_directions_are_forecast_no_better_than_by_the_majority(scores):
    table = direction_table(scores, step=1).set_index("model")
    chance = table.loc[MAJORITY, "accuracy"]
    for model in ("student", "direction"):
        assert table.loc[model, "low"] < chance  # the interval of its accuracy reaches down to knowing nothing
        assert table.loc[model, "p_value"] > 0.001
        assert 0.24 < table.loc[model, "brier"] < 0.27  # a coin's is 0.25


@pytest.mark.data
def test_intervals_of_log_returns_cover_what_they_promise(scores):
    covered = coverage(0.9)(scores.forecasts["student"], scores.actual)
    assert np.nanmean(covered) == pytest.approx(0.9, abs=0.04)


def test_the_settings_of_the_run_on_stocks_make_their_contestants():
    experiment = read_experiment(ROOT / "experiments" / "stocks" / "sp500-panel.toml")
    made = experiment.contestants()
    heads = {name: type(model.head) for name, model in made.items() if isinstance(model, Recurrent)}
    assert heads == {"volatility": Student, "student-gru": Student, "student-lstm": Student, "direction-gru": Direction}
    assert experiment.schema.past == ()  # volume of the same day would be no leak, but no part of the question
