"""Every contestant keeps the promise of a forecaster: the future never moves a forecast, and the rest of it."""

import pytest
from sklearn.linear_model import Lasso

from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Drift, Mean, Naive, SeasonalNaive
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.tabular import PRESETS, Tabular
from forecast.nets.cells import CELLS
from forecast.nets.heads import Point
from forecast.nets.scaling import CAUSAL, SCALINGS
from forecast.testing import check_forecaster, sample_panel
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window

WINDOW = Window(context=8, horizon=4)
QUICK = Training(epochs=2, learning_rate=1e-2)
PANELS = {
    "past": sample_panel(8, 4),
    "all roles": sample_panel(8, 4, targets=2, past=1, future=2, static=2),
    "nothing missing": sample_panel(8, 4, past=0, missing=0),
}


def recurrent(cell: str = "gru", **settings) -> Recurrent:
    return Recurrent(WINDOW, cell, hidden_size=6, training=QUICK, **settings)


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS.keys())
@pytest.mark.parametrize("rule", [Naive, Drift, Mean, Linear, lambda window: SeasonalNaive(window, season=4)])
def test_rules_and_the_linear_model_keep_the_promise_exactly(rule, panel):
    agreement = check_forecaster(lambda: rule(WINDOW), panel)
    assert agreement.origins >= 30
    assert max(agreement.subset, agreement.order, agreement.alone, agreement.refit) < 1e-12


@pytest.mark.parametrize("preset", PRESETS)
def test_tabular_presets_keep_the_promise(preset):
    check_forecaster(lambda: Tabular(WINDOW, preset, windows=100), PANELS["all roles"])


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS.keys())
def test_a_regressor_of_ones_own_keeps_the_promise(panel):
    check_forecaster(lambda: Tabular(WINDOW, Lasso(alpha=0.01)), panel)


@pytest.mark.parametrize("channels", ["independent", "joint"])
@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_networks_keep_the_promise_with_covariates_of_every_role(cell, channels):
    check_forecaster(lambda: recurrent(cell, channels=channels), PANELS["all roles"])


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("panel", [PANELS["past"], PANELS["nothing missing"]], ids=["past", "nothing missing"])
def test_recurrent_networks_keep_the_promise_with_every_scaling(scaling, skip, panel):
    check_forecaster(lambda: recurrent(scaling=scaling, skip=skip), panel)


def test_deep_recurrent_networks_with_dropout_and_another_loss_keep_the_promise():
    check_forecaster(lambda: recurrent("lstm", layers=2, dropout=0.2, head=Point("mae")))


STREAM = Streamed(lanes=4, chunk=12)


@pytest.mark.parametrize(
    ("cell", "channels"), [("rnn", "independent"), ("lstm", "independent"), ("lstm", "joint"), ("gru", "joint")]
)
def test_streamed_networks_keep_the_promise_with_covariates_of_every_role(cell, channels):
    check_forecaster(lambda: recurrent(cell, channels=channels, feed=STREAM), PANELS["all roles"])


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("scaling", CAUSAL)
def test_streamed_networks_keep_the_promise_with_every_causal_scaling(scaling, skip):
    check_forecaster(lambda: recurrent(scaling=scaling, skip=skip, feed=STREAM), PANELS["past"])


def test_streamed_networks_keep_the_promise_where_nothing_is_missing():
    check_forecaster(lambda: recurrent(feed=STREAM), PANELS["nothing missing"])


def test_deep_streamed_networks_with_dropout_and_another_loss_keep_the_promise():
    settings = {"layers": 2, "dropout": 0.2, "head": Point("mae"), "calendar": False}
    check_forecaster(lambda: recurrent("lstm", feed=Streamed(chunk="season", burn_in=0), **settings))
