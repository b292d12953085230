"""Metrics of distributions, intervals and classes, against closed forms and scikit-learn's."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

import forecast as fc
from forecast.data.forecast import Actual, Forecast
from forecast.data.panel import Origins, Panel
from forecast.distributions import Categories, Distribution, Normal, Poisson, Samples
from forecast.errors import SettingsError
from forecast.evaluation.backtest import backtest
from forecast.evaluation.calibration import calibration_frame, pit, reliability_frame, wilson
from forecast.evaluation.classes import accuracy, balance, balanced_accuracy, brier, log_loss
from forecast.evaluation.directions import direction_table
from forecast.evaluation.leaderboard import leaderboard
from forecast.evaluation.metrics import direction
from forecast.evaluation.moves import last_move
from forecast.evaluation.named import CLASSES, DISTRIBUTIONAL, METRICS, as_metrics
from forecast.evaluation.probabilistic import (
    coverage,
    crps,
    distribution_of,
    interval_score,
    log_score,
    pinball,
    quantile,
    width,
    wql,
)
from forecast.evaluation.tally import overall
from forecast.forecasters.naive import Naive
from forecast.sweeps.goals import goals
from forecast.windows.window import Window

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
PHI, NOISE = 0.7, 1.5


@dataclass
class Autoregression:
    """Knows the process x[t + 1] = PHI x[t] + noise, and so the best distribution of each step."""

    window: Window
    wider: float = 1.0
    shift: float = 0.0
    levels: tuple[float, ...] = LEVELS

    def fit(self, panel: Panel) -> Autoregression:
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        origins = panel.end_origins() if origins is None else origins
        last = panel.values[panel.offsets[origins.series] + origins.step - 1, :1]
        steps = np.arange(1, self.window.horizon + 1)
        loc = last[:, None] * (PHI**steps)[None, :, None] + self.shift
        scale = self.wider * NOISE * np.sqrt((1 - PHI ** (2 * steps)) / (1 - PHI**2))
        said = Normal(loc, np.broadcast_to(scale[None, :, None], loc.shape))
        values = said.quantiles(self.levels) if self.levels else loc
        return Forecast.at(panel, origins, values, self.levels, said)


@dataclass
class Directions:
    """States the probabilities of directions that the process has."""

    window: Window

    def fit(self, panel: Panel) -> Directions:
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        known = Autoregression(self.window).predict(panel, origins)
        said = known.distribution
        assert said is not None
        last = panel.values[panel.offsets[known.origins.series] + known.origins.step - 1, :1]
        rise = said.above(last[:, None])
        shares = np.stack([1 - rise, 0 * rise, rise], axis=-1)
        classes = Categories(("down", "flat", "up"), shares, last)
        return replace(
            known,
            values=np.repeat(last[:, None], known.values.shape[1], axis=1)[..., None],
            levels=(),
            distribution=classes,
        )


@pytest.fixture(scope="module")
def series() -> Panel:
    noise = NOISE * np.random.default_rng(5).standard_normal(21_000)
    values = np.zeros(21_000)
    for i in range(1, 21_000):
        values[i] = PHI * values[i - 1] + noise[i]
    return Panel.from_arrays(values, np.datetime64("1960-01-01") + np.arange(21_000))


@pytest.fixture(scope="module")
def scores(series: Panel):
    window = Window(1, 2)
    contestants = {
        "true": Autoregression(window),
        "narrow": Autoregression(window, wider=0.6),
        "shifted": Autoregression(window, shift=1.0),
        "levels": Autoregression(window),
        "directions": Directions(window),
        "naive": Naive(window),
    }
    names = [*METRICS, "coverage_50"]
    return backtest(contestants, series, since=1000, metrics=names, stride=2)


def test_the_crps_of_the_true_distribution_is_its_closed_form(scores):
    deviation = NOISE * np.array([1.0, np.sqrt(1 + PHI**2)])
    got = scores.overall(crps)
    np.testing.assert_allclose(got["true"], (deviation / np.sqrt(np.pi)).mean(), rtol=0.01)
    assert got["narrow"] > 1.02 * got["true"]
    assert got["shifted"] > 1.02 * got["true"]


def test_the_log_score_of_the_true_distribution_is_its_entropy(scores):
    deviation = NOISE * np.array([1.0, np.sqrt(1 + PHI**2)])
    entropy = 0.5 * np.log(2 * np.pi * np.e * deviation**2)
    got = scores.overall(log_score)
    assert abs(got["true"] - entropy.mean()) < 0.01
    assert got["narrow"] > got["true"] + 0.1


def test_coverage_and_width_are_those_of_the_true_intervals(scores):
    deviation = NOISE * np.array([1.0, np.sqrt(1 + PHI**2)])
    assert abs(scores.overall(coverage())["true"] - 0.9) < 0.006
    assert abs(scores.overall(coverage(0.5))["true"] - 0.5) < 0.01
    assert scores.overall(coverage())["narrow"] < 0.72
    np.testing.assert_allclose(scores.overall(width())["true"], (2 * 1.6449 * deviation).mean(), rtol=1e-3)
    assert scores.overall(interval_score())["true"] < scores.overall(interval_score())["narrow"]


def test_pit_of_the_true_distribution_is_uniform_and_that_of_a_wrong_one_is_not(scores):
    def p_value(model):
        return stats.kstest(pit(scores.forecasts[model], scores.actual)[:, 0].ravel(), "uniform").pvalue

    assert p_value("true") > 0.01
    assert p_value("narrow") < 1e-6
    assert p_value("shifted") < 1e-6


@pytest.mark.parametrize("rate", [0.4, 3.0])
def test_pit_of_counts_is_uniform_because_it_is_drawn_within_each_count(judged, rate):
    said = Poisson(np.full((4000, 1, 1), rate))
    forecast, actual = judged(said.samples(1, seed=4)[0], said)
    levels = pit(forecast, actual)
    assert stats.kstest(levels.ravel(), "uniform").pvalue > 0.01
    np.testing.assert_array_equal(levels, pit(forecast, actual))
    assert (levels != pit(forecast, actual, seed=1)).any()


def test_pit_of_a_few_draws_is_uniform_because_the_actual_is_ranked_among_them(judged):
    source = Normal(np.zeros((4000, 1, 1)), np.ones((4000, 1, 1)))
    forecast, actual = judged(source.samples(1, seed=4)[0], Samples(source.samples(5, seed=8)))
    assert stats.kstest(pit(forecast, actual).ravel(), "uniform").pvalue > 0.01


def test_pinball_and_wql_are_scikit_learns(scores):
    said, actual = scores.forecasts["true"], scores.actual.values.ravel()
    losses = [
        reference.mean_pinball_loss(actual, said.values[..., i].ravel(), alpha=level) for i, level in enumerate(LEVELS)
    ]
    np.testing.assert_allclose(scores.overall(pinball)["true"], np.mean(losses))
    np.testing.assert_allclose(scores.overall(wql)["true"], 2 * np.mean(losses) / np.abs(actual).mean())


def test_class_metrics_are_scikit_learns(scores):
    said, actual = scores.forecasts["directions"], scores.actual
    up = (actual.values > actual.last[:, None]).ravel()
    rise = said.distribution.probabilities[..., 2].ravel()
    np.testing.assert_allclose(scores.overall(log_loss)["directions"], reference.log_loss(up, rise))
    np.testing.assert_allclose(scores.overall(brier)["directions"], reference.brier_score_loss(up, rise))
    np.testing.assert_allclose(scores.overall(accuracy)["directions"], reference.accuracy_score(up, rise > 0.5))
    expected = reference.balanced_accuracy_score(up, rise > 0.5)
    np.testing.assert_allclose(scores.overall(balanced_accuracy)["directions"], expected)


def test_a_distribution_states_the_same_directions_as_its_probability_of_a_rise(scores):
    for metric in (brier, log_loss, accuracy, balanced_accuracy):
        np.testing.assert_allclose(scores.overall(metric)["true"], scores.overall(metric)["directions"], rtol=1e-9)


def test_a_forecast_of_directions_has_the_direction_score_of_its_classes_and_not_of_its_points(scores):
    got = scores.overall(direction)
    np.testing.assert_allclose(got["directions"], got["true"])


def test_a_forecast_of_points_has_no_score_beyond_points_and_a_dash_on_the_board(scores):
    for metric in (*DISTRIBUTIONAL, *CLASSES):
        assert np.isnan(scores.overall(metric)["naive"])
        assert np.isfinite(scores.overall(metric)["true"])
    text = leaderboard(scores).to_text(400)
    head, naive = (next(line for line in text.splitlines() if line.startswith(word)) for word in ("model", "naive"))
    cells = dict(zip(head.split(), naive.replace(" (baseline)", "").split(), strict=True))
    assert {cells[metric.name] for metric in (*DISTRIBUTIONAL, *CLASSES)} == {"-"}
    assert cells["mae"] != "-"
    assert "crps: continuous ranked probability score" in text


def test_the_default_board_gains_crps_and_coverage_only_where_somebody_states_more_than_points(series):
    window = Window(1, 2)
    points = {"naive": Naive(window)}
    plain = leaderboard(backtest(points, series, since=20_000))
    both = leaderboard(backtest({**points, "true": Autoregression(window)}, series, since=20_000))
    assert "crps" not in plain.frame
    assert set(both.frame) - set(plain.frame) == {"crps", "coverage_90"}
    assert "coverage_90" in both.to_text(200)
    classes = leaderboard(backtest({**points, "directions": Directions(window)}, series, since=20_000))
    assert set(classes.frame) - set(plain.frame) == {"accuracy", "brier"}
    assert all(len(line) <= 80 for line in both.to_text(80).splitlines())


@pytest.fixture
def judged():
    """Make a forecast of one step at many series and what happened."""

    def make(values: np.ndarray, said: Distribution | None, last: np.ndarray | None = None, edges=None):
        count = len(values)
        panel = Panel.from_arrays(np.zeros(2 * count), np.tile(np.arange(2).astype("M8[D]"), count), [2] * count)
        origins = Origins(np.arange(count), np.ones(count, dtype=int))
        forecast = Forecast.at(panel, origins, np.zeros(values.shape), distribution=said)
        one = np.ones((count, 1))
        return forecast, Actual(values, ~np.isnan(values), 0 * one if last is None else last, one, one, 1, edges)

    return make


def test_a_dead_band_makes_a_third_class_of_every_distribution(judged):
    values = np.array([-3.0, -1.0, 0.0, 1.0, 3.0, np.nan]).reshape(6, 1, 1)
    said = Normal(np.full((6, 1, 1), 0.5), np.ones((6, 1, 1)))
    forecast, actual = judged(values, said, edges=np.full((6, 1, 1), 2.0))
    shares = stats.norm(0.5).cdf(-2), stats.norm(0.5).cdf(2) - stats.norm(0.5).cdf(-2), stats.norm(0.5).sf(2)
    expected = -np.log([shares[i] for i in (0, 1, 1, 1, 2)])
    np.testing.assert_allclose(log_loss(forecast, actual).ravel(), [*expected, np.nan])
    assert overall(accuracy, forecast, actual) == 0.6
    assert overall(balanced_accuracy, forecast, actual) == pytest.approx(1 / 3)


def test_without_a_band_steps_that_end_at_the_newest_value_are_left_out(judged):
    values = np.array([-1.0, 0.0, 1.0]).reshape(3, 1, 1)
    forecast, actual = judged(values, Poisson(np.full((3, 1, 1), 2.0)), last=np.zeros((3, 1)))
    np.testing.assert_array_equal(np.isnan(brier(forecast, actual)).ravel(), [False, True, False])


def test_classes_of_a_categorical_target_are_judged_as_scikit_learn_does(judged):
    random = np.random.default_rng(0)
    shares = random.dirichlet(np.ones(4), (500, 1, 1))
    codes = random.integers(0, 4, (500, 1, 1)).astype(float)
    forecast, actual = judged(codes, Categories(("n", "e", "s", "w"), shares))
    flat, said = codes.ravel(), shares.reshape(500, 4)
    np.testing.assert_allclose(overall(log_loss, forecast, actual), reference.log_loss(flat, said))
    np.testing.assert_allclose(
        overall(brier, forecast, actual), reference.brier_score_loss(flat, said, labels=[0, 1, 2, 3])
    )
    np.testing.assert_allclose(
        overall(balanced_accuracy, forecast, actual), reference.balanced_accuracy_score(flat, said.argmax(axis=1))
    )
    assert np.isnan(overall(crps, forecast, actual))


def test_calibration_finds_the_levels_where_they_should_be(scores):
    good = calibration_frame(scores.forecasts["true"], scores.actual)
    assert good["level"].tolist() == list(LEVELS)
    assert (abs(good["observed"] - good["level"]) < 0.015).all()
    assert good["width"][2] == 0
    assert (good["low"] < good["observed"]).all()
    narrow = calibration_frame(scores.forecasts["narrow"], scores.actual)
    assert narrow["low"][0] > 0.1
    assert narrow["high"][4] < 0.9


def test_calibration_of_counts_expects_what_their_quantiles_hold(judged):
    said = Poisson(np.full((4000, 1, 1), 1.3))
    frame = calibration_frame(*judged(said.samples(1, seed=4)[0], said))
    assert (frame["nominal"] >= frame["level"]).all()
    assert (abs(frame["observed"] - frame["nominal"]) < 0.03).all()


def test_reliability_of_directions_lies_on_the_diagonal_for_the_true_probabilities(scores):
    frame = reliability_frame(scores.forecasts["directions"], scores.actual)
    assert len(frame) == 10
    assert (abs(frame["said"] - frame["observed"]) < 0.05).all()
    assert frame["count"].sum() == np.isfinite(scores.actual.values).sum()


def test_the_direction_table_stands_beside_majority_and_last_sign(scores):
    table = direction_table(scores).set_index("model")
    assert set(table.index) == {"true", "narrow", "shifted", "levels", "directions", "majority", "last sign"}
    assert table.loc["true", "p_value"] < 1e-6
    assert table.loc["true", "low"] < table.loc["true", "accuracy"] < table.loc["true", "high"]
    assert abs(table.loc["majority", "accuracy"] - 0.5) < 0.02
    assert table.loc["last sign", "accuracy"] < 0.5  # the process returns to its mean
    assert table.loc["majority", "balanced_accuracy"] == 0.5
    assert np.isnan(table.loc["last sign", "brier"])
    with pytest.raises(SettingsError, match="step=3"):
        direction_table(scores, step=3)


def test_the_last_sign_is_the_same_rule_at_every_step(scores):
    first, second, both = (direction_table(scores, step).set_index("model") for step in (1, 2, None))
    assert second.loc["last sign", "accuracy"] < 0.5
    total = sum(table.loc["last sign", "accuracy"] * table.loc["last sign", "count"] for table in (first, second))
    assert both.loc["last sign", "accuracy"] * both.loc["last sign", "count"] == pytest.approx(total)


def test_a_coin_is_not_called_better_than_the_majority():
    values = np.random.default_rng(3).standard_normal(400).cumsum()
    panel = Panel.from_arrays(values, np.datetime64("2000-01-01") + np.arange(400))
    scores = backtest({"true": Autoregression(Window(1, 1))}, panel, since=20)
    table = direction_table(scores).set_index("model")
    assert table.loc["true", "p_value"] > 0.05
    assert not {"brier", "log_loss"} & set(table.columns[table.loc["true"].isna()])


def test_a_backtest_with_a_band_knows_flat_steps(series):
    scores = backtest(
        {"true": Autoregression(Window(1, 2))}, series, since=20_000, metrics=["mae", "accuracy"], band=0.5
    )
    edges = scores.actual.edges
    step = np.diff(series.values[:20_000, 0])
    np.testing.assert_allclose(edges[0, :, 0], 0.5 * np.sqrt((step**2).mean()) * np.sqrt([1, 2]))
    assert direction_table(scores).iloc[0]["accuracy"] > 0.3
    with pytest.raises(SettingsError, match="band=-1"):
        backtest({"true": Autoregression(Window(1, 2))}, series, since=20_000, band=-1.0)


def test_wilsons_interval_holds_the_share_as_often_as_it_says():
    hits = np.random.default_rng(0).binomial(200, 0.1, 4000).astype(float)
    low, high = wilson(hits, np.full(4000, 200))
    assert abs(((low <= 0.1) & (high >= 0.1)).mean() - 0.95) < 0.015
    assert np.isnan(wilson(np.zeros(1), np.zeros(1))[0]).all()


def test_metrics_of_intervals_are_named_by_their_level():
    assert [metric.name for metric in as_metrics(["coverage", "coverage_80", "width_99.5"])] == [
        "coverage_90",
        "coverage_80",
        "width_99.5",
    ]
    with pytest.raises(SettingsError, match="did you mean 'crps'"):
        as_metrics(["crsp"])
    for level in (90, 1, 1.5, 0, -0.5):
        with pytest.raises(SettingsError, match="between 0 and 1"):
            coverage(level)
    with pytest.raises(SettingsError, match="between 0 and 1"):
        as_metrics(["coverage_0"])


def test_points_have_no_calibration(scores):
    for judge in (pit, calibration_frame, reliability_frame):
        with pytest.raises(SettingsError, match=r"points|no probabilities"):
            judge(scores.forecasts["naive"], scores.actual)


def test_bare_levels_are_judged_by_the_line_between_them(judged):
    values = np.array([[[0.3]]])
    panel = Panel.from_arrays(np.zeros(2), np.arange(2).astype("M8[D]"))
    said = Forecast.at(panel, Origins(np.array([0]), np.array([1])), np.array([[[[1.0, 0.0]]]]), (0.9, 0.1))
    actual = judged(values, None)[1]
    assert coverage(0.8)(said, actual).item() == 1.0
    assert np.isnan(coverage(0.9)(said, actual)).all()
    assert 0 < crps(said, actual).item() < 0.3
    np.testing.assert_allclose(pit(said, actual).item(), 0.1 + 0.3 * 0.8)


def bare(levels: tuple[float, ...], *quantiles: float) -> Forecast:
    """One step of one series, said by its quantiles."""
    panel = Panel.from_arrays(np.zeros(2), np.arange(2).astype("M8[D]"))
    return Forecast.at(panel, Origins(np.array([0]), np.array([1])), np.array([[[quantiles]]], dtype=float), levels)


@pytest.mark.parametrize(
    ("actual", "inside", "outside"),
    [(2.0, 1, 0.0), (6.0, 1, 0.0), (3.0, 1, 0.0), (1.5, 0, 0.5), (9.0, 0, 3.0), (np.nan, np.nan, np.nan)],
)
def test_an_interval_holds_its_ends_and_costs_its_width_and_what_lies_outside(judged, actual, inside, outside):
    said, truth = bare((0.1, 0.5, 0.9), 2.0, 3.0, 6.0), judged(np.array([[[actual]]]), None)[1]
    np.testing.assert_equal(coverage(0.8)(said, truth).item(), inside)
    np.testing.assert_equal(width(0.8)(said, truth).item(), 4.0)
    np.testing.assert_allclose(interval_score(0.8)(said, truth).item(), 4.0 + 2 / 0.2 * outside)


@pytest.mark.parametrize(("actual", "loss"), [(5.0, (0.1 * 3 + 0.9 * 1) / 2), (1.0, (0.9 * 1 + 0.1 * 5) / 2)])
def test_the_pinball_loss_weighs_a_miss_by_the_level_on_its_side(judged, actual, loss):
    said = bare((0.1, 0.9), 2.0, 4.0 if actual == 5.0 else 6.0)
    truth = judged(np.array([[[actual]]]), None)[1]
    np.testing.assert_allclose(pinball(said, truth).item(), loss)
    np.testing.assert_allclose(wql(said, truth).item(), 2 * loss)


def test_a_level_that_was_forecast_is_taken_as_it_was_said_and_another_one_only_of_a_distribution(judged):
    said = Normal(np.full((1, 1, 1), 3.0), np.ones((1, 1, 1)))
    both = replace(bare((0.25, 0.5), 7.0, 8.0), distribution=said)
    for level, expected in ((0.25, 7.0), (0.25 + 1e-9, 7.0), (0.5, 8.0), (0.75, stats.norm(3).ppf(0.75))):
        np.testing.assert_allclose(quantile(both, level), expected)
    assert quantile(bare((0.25, 0.5), 7.0, 8.0), 0.251) is None
    actual = judged(np.array([[[1.0]]]), None)[1]
    for upper_only in (bare((0.5, 0.9), 2.0, 3.0), bare((0.1, 0.5), 2.0, 3.0)):
        assert np.isnan(width(0.8)(upper_only, actual)).all()


def test_two_levels_make_a_distribution_and_one_does_not():
    assert distribution_of(bare((0.5,), 1.0)) is None
    two = distribution_of(bare((0.9, 0.1), 5.0, 1.0))
    np.testing.assert_allclose(two.quantiles((0.1, 0.5, 0.9)).ravel(), [1.0, 3.0, 5.0])
    np.testing.assert_allclose(distribution_of(bare((0.1, 0.9), 5.0, 1.0)).quantiles((0.1, 0.9)).ravel(), [1.0, 5.0])


@dataclass
class Misshapen(Autoregression):
    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        said = super().predict(panel, origins)
        assert said.distribution is not None
        return replace(said, distribution=said.distribution.steps(1))


def test_a_distribution_of_another_shape_than_the_forecast_is_a_fault(series):
    window = Window(1, 2)
    scores = backtest({"naive": Naive(window), "odd": Misshapen(window)}, series, since=20_000)
    assert "its distribution has the shape" in scores.failed["odd"]


def test_a_sweep_may_aim_at_metrics_beyond_points_but_not_at_coverage():
    assert [(goal.name, goal.way) for goal in goals(("crps", "balanced_accuracy"))] == [
        ("crps", "minimize"),
        ("balanced_accuracy", "maximize"),
    ]
    with pytest.raises(SettingsError, match="coverage_90"):
        goals("coverage_90")


def test_the_names_are_on_the_face_of_the_package():
    for name in ("crps", "pinball", "coverage", "brier", "direction_table", "calibration_frame", "pit"):
        assert callable(getattr(fc, name))


def test_classes_that_never_happened_weigh_nothing_in_the_balance():
    happened = np.array([0.0, 0.0, 0.0, 2.0])
    said = np.array([0.0, 0.0, 2.0, 2.0])
    found = ((said == happened) * balance(happened, 3)).mean()
    assert found == pytest.approx(reference.balanced_accuracy_score(happened, said))


def test_the_last_move_of_a_series_begins_in_that_series():
    """The first row of the second series was not observed, so its second one has moved from nowhere."""
    times = np.array([0, 1, 0, 1, 2]).astype("M8[h]")
    panel = Panel.from_arrays(np.array([1.0, 5.0, np.nan, 7.0, 4.0]), times, [2, 3], series=["a", "b"])
    moved = last_move(panel, Origins(np.array([1, 1]), np.array([2, 3])))
    np.testing.assert_array_equal(moved.ravel(), [np.nan, -3.0])
