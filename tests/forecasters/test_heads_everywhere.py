"""Heads and transforms in forecasters: windows and streams, one pass, live, saved, in settings; or a reason why not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecast.data.panel import Origins, Panel, carry_forward
from forecast.data.schema import Schema
from forecast.errors import DataError, SettingsError
from forecast.experiment.contestants import RecurrentSettings, from_table, to_table
from forecast.forecasters.artifacts.artifact import load
from forecast.forecasters.live.files import load_live
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.heads import (
    Direction,
    Gaussian,
    GaussianMixture,
    NegativeBinomialCount,
    Point,
    PoissonCount,
    Quantiles,
    Student,
)
from forecast.testing import check_forecaster, sample_panel
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window

WINDOW = Window(context=8, horizon=4)
QUICK = Training(epochs=2, learning_rate=1e-2, device="cpu")
FEEDS = {"windowed": Windowed(), "streamed": Streamed(lanes=4, chunk=12)}
HEADS = {
    "quantiles": Quantiles((0.1, 0.5, 0.9)),
    "gaussian": Gaussian(),
    "student": Student(),
    "mixture": GaussianMixture(components=2),
    "poisson": PoissonCount(),
    "negative binomial": NegativeBinomialCount(),
    "direction": Direction(0.3),
}
PANEL = sample_panel(8, 4, targets=2, past=1, future=1, static=1)


def counting(panel: Panel) -> Panel:
    """The panel with whole numbers for targets."""
    values = panel.values.copy()
    values[:, :2] = np.round(values[:, :2] / 10)
    return replace(panel, values=values)


def recurrent(feed: str = "streamed", **settings) -> Recurrent:
    return Recurrent(WINDOW, "gru", 5, feed=FEEDS[feed], training=QUICK, **settings)


def said(forecast):
    """Everything that a forecast says, as one array."""
    parts = [forecast.values.reshape(len(forecast), -1)]
    if hasattr(forecast.distribution, "probabilities"):
        parts.append(forecast.distribution.probabilities.reshape(len(forecast), -1))
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
def test_heads_keep_the_promise_of_a_forecaster(head, feed):
    check_forecaster(lambda: recurrent(feed, head=head), counting(PANEL))


@pytest.mark.parametrize("transform", ["log", "log1p", "box-cox", "difference", "log-return"])
@pytest.mark.parametrize("feed", FEEDS)
def test_transforms_keep_the_promise_of_a_forecaster(transform, feed):
    check_forecaster(lambda: recurrent(feed, transform=transform), PANEL)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
def test_the_probabilities_of_an_origin_do_not_hear_of_what_comes_after(head):
    panel = counting(sample_panel(8, 4, targets=2, past=1))
    model, origin = recurrent(head=head).fit(panel.until(60)), Origins(np.array([0, 1]), np.array([70, 66]))
    before = model.predict(panel, origin).distribution
    values = panel.values.copy()
    values[70 : panel.offsets[1]] *= 3
    after = model.predict(replace(panel, values=values), origin).distribution
    here = np.full((2, 4, 2), 6.0)
    np.testing.assert_array_equal(before.cdf(here), after.cdf(here))


@pytest.mark.parametrize("transform", ["none", "log", "box-cox", "log-return"])
@pytest.mark.parametrize("head", [Point(), Quantiles(), Student()], ids=str)
def test_live_and_saved_models_say_what_the_model_says(head, transform, tmp_path):
    panel = sample_panel(8, 4, targets=2, past=1, static=1)
    model = recurrent(head=head, transform=transform).fit(panel.until(90))
    expected = said(model.predict(panel))
    model.save(tmp_path / "model")
    np.testing.assert_allclose(said(load(tmp_path / "model").model.predict(panel)), expected, rtol=1e-7)
    live = model.live(panel)
    np.testing.assert_allclose(said(live.forecast()), expected, rtol=1e-5)
    live.save(tmp_path / "live")
    again = load_live(tmp_path / "live")
    np.testing.assert_array_equal(said(again.forecast()), said(live.forecast()))


@pytest.mark.parametrize("settings", [{"transform": "log"}, {"transform": "box-cox"}, {"transform": "log-return"}])
def test_live_rows_go_through_the_transform_one_by_one(settings):
    panel = sample_panel(8, 4, past=0, missing=0.1).select(["long"])
    schema = Schema(time="day", targets=("y0",))
    panel = replace(panel, schema=schema)
    model = recurrent(head=Gaussian(), **settings).fit(panel.until(90))
    live = model.live(panel.until(95))
    for row in range(95, 110):
        value = panel.values[row, 0] if panel.observed[row, 0] else None
        live.update({"day": panel.times[row], "y0": -1.0 if row == 100 else value})
    values, observed = panel.values[:110].copy(), panel.observed[:110].copy()
    values[100], observed[100] = np.nan, False  # a logarithm takes no negative number: it counts as missing
    known = Panel.from_arrays(np.where(observed, values, np.nan), panel.times[:110], series=["long"], schema=schema)
    asked = Origins(np.array([0]), np.array([110]))
    np.testing.assert_allclose(said(live.forecast()), said(model.predict(known, asked)), rtol=1e-5)


def test_a_log_forecast_of_the_mean_is_a_mean():
    """Of lognormal noise around a level: the exponential of the mean logarithm is its median, well below the mean."""
    y = np.exp(np.random.default_rng(0).normal(1.0, 0.8, size=3000))
    panel = Panel.from_arrays(y, np.arange(3000).astype("M8[h]"))
    origins = WINDOW.origins(panel, since=np.array([2000]))
    settings = {"scaling": "none", "skip": False, "cell": "rnn", "hidden_size": 2}
    means = {}
    for criterion in ("mse", "mae"):
        model = Recurrent(WINDOW, **settings, transform="log", head=Point(criterion), training=QUICK)
        means[criterion] = model.fit(panel.until(2000)).predict(panel, origins).point.mean()
    assert means["mse"] == pytest.approx(np.exp(1 + 0.32), rel=0.06)
    assert means["mae"] == pytest.approx(np.exp(1), rel=0.06)


def test_quantiles_go_through_a_transform_as_they_are():
    panel = sample_panel(8, 4, past=0)
    model = recurrent(head=Gaussian((0.1, 0.5, 0.9)), transform="box-cox").fit(panel)
    forecast = model.predict(panel)
    inside = forecast.distribution.cdf(forecast.values[..., 2])
    np.testing.assert_allclose(inside, 0.9, atol=1e-9)


def test_a_log_of_what_has_none_is_refused_with_series_count_and_remedy():
    panel = sample_panel(8, 4, past=0)
    values = panel.values.copy()
    values[[2, 6]] = -2.0
    observed = panel.observed.copy()
    observed[[2, 6]] = True
    with pytest.raises(DataError, match=r"'y0' in series 'long': 2 of \d+ values are not above 0(.|\n)*log1p"):
        recurrent(transform="log").fit(replace(panel, values=values, observed=observed))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"transform": "logg"}, "did you mean 'log'"),
        ({"transform": "log", "head": PoissonCount()}, "counts stay counts"),
        ({"transform": "log", "head": Direction(0.5)}, "dead band"),
        ({"transform": "log-return", "scaling": "running"}, "leave scaling='running' out"),
    ],
)
def test_transforms_that_do_not_go_with_the_rest_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        recurrent(**settings)


def test_settings_files_name_heads_and_transforms():
    table = {"kind": "recurrent", "head": "student", "levels": [0.1, 0.5, 0.9], "transform": "log-return"}
    made = from_table("mine", table)
    assert isinstance(made, RecurrentSettings)
    model = made.make(WINDOW, QUICK)
    assert (model.head, model.architecture.scaling) == (Student((0.1, 0.5, 0.9)), "difference")
    assert from_table("mine", to_table(made)) == made
    with pytest.raises(SettingsError, match="band means nothing to a student head"):
        from_table("mine", table | {"band": 0.5})


@pytest.mark.parametrize("head", [Point(), Direction(0.0)], ids=str)
def test_a_series_without_any_value_that_the_transform_takes_is_refused_not_guessed(head):
    panel = sample_panel(8, 4, past=0).select(["long"])
    model = recurrent(head=head, transform="log").fit(panel)
    zeros = replace(panel, values=np.zeros_like(panel.values), observed=np.ones_like(panel.observed), series=("new",))
    with pytest.raises(DataError, match=r"'y0' in series 'new': no value up to row .* is above 0"):
        model.predict(zeros)
    live = model.live(zeros)
    assert live.ready == ()
    with pytest.raises(DataError, match="'new' forecasts once 'y0' has a value above 0"):
        live.forecast()


def test_what_a_transform_does_not_take_is_missing_for_heads_of_changes():
    panel = sample_panel(8, 4, past=0).select(["long"])
    model = recurrent(head=Direction(0.0), transform="log").fit(panel.until(60))
    values = panel.values.copy()
    values[70:75] = 0.0
    spoilt = replace(panel, values=values, observed=np.ones_like(panel.observed))
    values = np.where(values == 0, values[69], values)
    observed = np.ones_like(panel.observed)
    observed[70:75] = False
    missing = replace(panel, values=values, observed=observed)
    np.testing.assert_array_equal(said(model.predict(spoilt)), said(model.predict(missing)))


def test_zeros_behind_the_training_rows_are_missing_to_box_cox_at_any_power():
    """A power above 0 gives a zero a number of its own, -1 / power, far below all others."""
    counts = 1.0 + np.random.default_rng(0).poisson(3, size=120)
    counts[[100, 104, 119]] = 0.0  # in the rows that choose the epoch, and at the end
    schema = Schema(time="time", targets=("count",))
    panel = Panel.from_arrays(counts, np.arange(120).astype("M8[h]"), series=["long"], schema=schema)
    model = recurrent(transform="box-cox").fit(panel)
    assert model.scale.power.item() > 0
    assert np.isfinite(model.noise).all()
    observed = np.ones_like(panel.observed)
    observed[counts == 0] = False
    gone = replace(panel, values=carry_forward(panel.values, observed, panel.offsets), observed=observed)
    origin = panel.end_origins()
    expected = said(model.predict(gone, origin))
    np.testing.assert_array_equal(said(model.predict(panel, origin)), expected)
    live = model.live(panel.until(119))
    live.update({"time": panel.times[119], "count": 0.0})
    np.testing.assert_allclose(said(live.forecast()), expected, rtol=1e-5)
