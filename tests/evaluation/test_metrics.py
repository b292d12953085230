"""Metrics against scikit-learn, hand computations and published figures."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle

from forecast.data.forecast import Actual, Forecast
from forecast.data.panel import Origins, Panel
from forecast.errors import SettingsError
from forecast.evaluation.backtest import backtest
from forecast.evaluation.leaderboard import leaderboard
from forecast.evaluation.metrics import (
    DEFAULT,
    bias,
    direction,
    direction_majority,
    in_sample_scale,
    mae,
    mase,
    relmae,
    rmse,
    rmsse,
    smape,
)
from forecast.evaluation.named import as_metrics
from forecast.evaluation.tally import aggregate, overall


@pytest.fixture
def judged():
    """Forecasts at 30 origins of 2 series, 3 steps, 2 targets, with a fifth of the truth missing."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((40, 2))
    panel = Panel.from_arrays(values, np.arange(40).astype("M8[D]"), [25, 15], ["a", "b"])
    origins = Origins(np.repeat([0, 1], [20, 10]), np.concatenate([np.arange(1, 21), np.arange(1, 11)]))
    forecast = Forecast.at(panel, origins, rng.standard_normal((30, 3, 2)))
    seen = rng.random((30, 3, 2)) > 0.2
    truth = np.where(seen, rng.standard_normal((30, 3, 2)), np.nan)
    scale = np.array([[0.5, 2.0], [1.5, 3.0]])
    return forecast, Actual(truth, seen, rng.standard_normal((30, 2)), scale, scale**2, season=1)


@pytest.mark.parametrize(
    ("metric", "reference"),
    [(mae, oracle.mean_absolute_error), (rmse, oracle.root_mean_squared_error)],
    ids=["mae", "rmse"],
)
@pytest.mark.parametrize("by", [(), ("series",), ("step",), ("target",), ("step", "target")], ids=str)
def test_errors_agree_with_scikit_learn_on_the_seen_cells(judged, metric, reference, by):
    forecast, actual = judged
    for row in aggregate(metric, forecast, actual, by=by).itertuples():
        keep = actual.seen.copy()
        keep &= (np.array(["a", "b"])[forecast.origins.series] == row.series)[:, None, None] | (row.series == "*")
        keep &= (np.arange(1, 4) == row.step)[:, None] | (row.step == "*")
        keep &= (np.array(["y0", "y1"]) == row.target) | (row.target == "*")
        assert row.value == pytest.approx(reference(actual.values[keep], forecast.point[keep]), abs=1e-12)


def test_the_order_of_the_origins_does_not_matter(judged):
    forecast, actual = judged
    mixed = np.random.default_rng(1).permutation(30)
    other = Forecast(
        forecast.origins[mixed], forecast.values[mixed], (), forecast.targets, forecast.series,
        forecast.known[mixed], forecast.times[mixed],
    )  # fmt: skip
    moved = Actual(actual.values[mixed], actual.seen[mixed], actual.last[mixed], actual.scale, actual.scale2, 1)
    one, two = (aggregate(mase, *pair, by=("series", "step")) for pair in ((forecast, actual), (other, moved)))
    pd.testing.assert_frame_equal(one, two)


def test_a_balanced_metric_is_the_mean_over_series_and_targets_of_their_scores(judged):
    forecast, actual = judged
    each = aggregate(rmsse, forecast, actual, by=("series", "target"))
    assert len(each) == 4
    assert overall(rmsse, forecast, actual) == pytest.approx(each["value"].mean(), abs=1e-12)
    error = (forecast.point - actual.values)[forecast.origins.series == 1][:, :, 1]
    by_hand = np.sqrt(np.nanmean(error**2) / 9.0)
    assert each.query("series == 'b' and target == 'y1'")["value"].item() == pytest.approx(by_hand, abs=1e-12)


def small(said, truth, last, scale=1.0):
    """One series, one target: said and truth are [origin][step]."""
    said, truth = np.array(said, dtype=float)[..., None], np.array(truth, dtype=float)[..., None]
    n = len(said)
    panel = Panel.from_arrays(np.arange(50.0), np.arange(50).astype("M8[D]"))
    forecast = Forecast.at(panel, Origins(np.zeros(n, dtype=int), np.arange(1, n + 1)), said)
    one = np.array([[scale]])
    return forecast, Actual(truth, np.isfinite(truth), np.array(last, dtype=float)[:, None], one, one, season=1)


def test_smape_is_m4s_and_zero_over_zero_is_zero():
    assert overall(smape, *small([[1.0, 0.0]], [[3.0, 0.0]], [1.0])) == pytest.approx((200 * 2 / 4 + 0) / 2)
    assert overall(smape, *small([[-1.0]], [[1.0]], [1.0])) == pytest.approx(200.0)


def test_smape_of_small_numbers_is_that_of_large_ones():
    """Also where forecast and actual add up to one, and to less."""
    for size in (0.25, 0.5, 1e-9, 1e9):
        assert overall(smape, *small([[size]], [[3 * size]], [1.0])) == pytest.approx(100.0)


@pytest.mark.parametrize("metric", DEFAULT, ids=lambda metric: metric.name)
def test_only_relative_errors_of_cells_weigh_every_series_alike(metric):
    """The second series has one judged cell, the first nine."""
    panel = Panel.from_arrays(np.arange(40.0), np.tile(np.arange(20), 2).astype("M8[D]"), [20, 20])
    origins = Origins(np.repeat([0, 1], [9, 1]), np.append(np.arange(1, 10), 1))
    said = Forecast.at(panel, origins, np.append(np.full(9, 12.0), 7.0)[:, None, None])
    truth, last = np.append(np.full(9, 10.0), 5.5)[:, None, None], np.append(np.full(9, 9.0), 5.9)[:, None]
    scale = np.array([[2.0], [3.0]])
    actual = Actual(truth, np.isfinite(truth), last, scale, scale**2, season=1)
    a, b = np.array([2.0, 1.5])
    smaller, larger = 200 * a / 22, 200 * b / 12.5
    expected = {
        "mae": (9 * a + b) / 10,
        "rmse": np.sqrt((9 * a**2 + b**2) / 10),
        "smape": (smaller + larger) / 2,
        "mase": (a / 2 + b / 3) / 2,
        "rmsse": (a / 2 + b / 3) / 2,
        "bias": (9 * a + b) / 10,
        "relmae": (9 * a + b) / (9 * 1.0 + 0.4),
        "direction": 0.9,
    }
    assert overall(metric, said, actual) == pytest.approx(expected[metric.name])


def test_bias_is_positive_where_the_forecast_is_too_high():
    assert overall(bias, *small([[3.0, 1.0]], [[1.0, 2.0]], [0.0])) == pytest.approx(0.5)


def test_relmae_of_repeating_the_last_value_is_one_and_uses_the_same_cells():
    assert overall(relmae, *small([[5.0, 5.0]], [[6.0, np.nan]], [5.0])) == 1.0
    assert overall(relmae, *small([[5.5, 99.0]], [[6.0, np.nan]], [5.0])) == 0.5
    assert np.isnan(overall(relmae, *small([[5.5]], [[5.0]], [5.0])))


def test_direction_leaves_flat_actuals_out_and_counts_a_flat_forecast_as_wrong():
    forecast, actual = small([[2.0, 0.0, 1.0, 2.0]], [[3.0, 2.0, 2.0, 1.0]], [1.0])
    assert overall(direction, forecast, actual) == pytest.approx(1 / 3)


def test_a_forecaster_that_never_names_a_direction_has_none():
    assert np.isnan(overall(direction, *small([[1.0, 1.0 + 1e-15]], [[3.0, 0.0]], [1.0])))


def test_the_majority_rate_is_that_of_the_more_frequent_direction():
    assert overall(direction_majority, *small([[9.0] * 4], [[0.0, 0.5, 2.0, 1.0]], [1.0])) == pytest.approx(2 / 3)


def test_the_scale_uses_only_pairs_of_observed_rows_of_one_series(panel_from):
    gap = np.array([1.0, np.nan, 4.0, 6.0])
    panel = panel_from(gap, np.array([100.0, 101.0]), np.array([5.0, 5.0, 5.0]), np.array([7.0]))
    scale, scale2 = in_sample_scale(panel, season=1)
    np.testing.assert_array_equal(scale[:, 0], [2.0, 1.0, np.nan, np.nan])
    np.testing.assert_array_equal(scale2[:, 0], [4.0, 1.0, np.nan, np.nan])
    assert in_sample_scale(panel, season=2)[0][0, 0] == 3.0
    assert np.isnan(in_sample_scale(panel, season=99)[0]).all()


def test_a_series_without_a_scale_is_left_out_of_mase(judged):
    forecast, actual = judged
    without = Actual(
        actual.values,
        actual.seen,
        actual.last,
        np.where([[True], [False]], actual.scale, np.nan),
        actual.scale2,
        1,
    )
    only_a = aggregate(mase, forecast, without, by=("series", "target")).query("series == 'a'")["value"]
    assert overall(mase, forecast, without) == pytest.approx(only_a.mean())


def test_a_plain_function_is_a_metric_named_after_itself(judged):
    def worst_miss(forecast, actual):
        return np.abs(forecast.point - actual.values) ** 3

    (metric,) = as_metrics([worst_miss])
    forecast, actual = judged
    assert metric.name == "worst_miss"
    assert overall(metric, forecast, actual) == pytest.approx(np.nanmean(worst_miss(forecast, actual)))


def test_a_metric_that_already_averaged_is_refused(judged):
    def one_number(forecast, actual):
        return np.nanmean(forecast.point - actual.values)

    with pytest.raises(SettingsError, match=r"'one_number' returned an array of shape \(\).*is \(30, 3, 2\)"):
        overall(as_metrics([one_number])[0], *judged)


@pytest.mark.parametrize(("asked", "said"), [(["maee"], "did you mean 'mae'"), ([mae, "mae"], "two metrics")])
def test_wrong_metrics_are_named(asked, said):
    with pytest.raises(SettingsError, match=said):
        as_metrics(asked)


@pytest.mark.data
def test_published_m4_hourly_figures_are_reproduced(shared_data, make):
    train = pd.read_csv(shared_data / "m4" / "Hourly-train.csv.gz").iloc[:, 1:].to_numpy(dtype=float)
    ahead = pd.read_csv(shared_data / "m4" / "Hourly-test.csv").iloc[:, 1:].to_numpy(dtype=float)
    series = [np.concatenate([row[np.isfinite(row)], rest]) for row, rest in zip(train, ahead, strict=True)]
    lengths = [len(values) for values in series]
    hours = np.concatenate([np.arange(n) for n in lengths]).astype("M8[h]")
    panel = Panel.from_arrays(np.concatenate(series), hours, lengths)
    rules = {"naive": make.repeat_last(horizon=48), "snaive": make.repeat_season(24, 48)}
    table = leaderboard(backtest(rules, panel, since=-48, season=24)).frame.set_index("model").round(3)
    assert len(series) == 414
    assert table.loc["naive", ["smape", "mase"]].tolist() == [43.003, 11.608]
    assert table.loc["snaive", ["smape", "mase"]].tolist() == [13.912, 1.193]
