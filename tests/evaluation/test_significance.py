"""Tests of significance against statsmodels and hand computations."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests

from forecast.errors import SettingsError
from forecast.evaluation.significance import diebold_mariano, holm, pool_by_time, spacing


def overlapping(n, horizon, seed=0):
    """Losses whose differences are correlated up to horizon - 1 steps."""
    noise = np.random.default_rng(seed).standard_normal(n + horizon - 1)
    return 3.0 + np.convolve(noise, np.ones(horizon) / horizon, "valid") + 0.1, np.full(n, 3.0)


@pytest.mark.parametrize(("horizon", "stride", "lag"), [(1, 1, 0), (4, 1, 3), (7, 2, 3), (24, 5, 4), (5, 5, 0)])
def test_the_statistic_is_statsmodels_hac_with_harveys_correction(horizon, stride, lag):
    a, b = overlapping(90, horizon)
    hac = {"maxlags": lag, "kernel": "uniform", "use_correction": False}
    fit = sm.OLS(a - b, np.ones(90)).fit(cov_type="HAC", cov_kwds=hac)
    h = lag + 1
    expected = fit.tvalues[0] * np.sqrt((90 + 1 - 2 * h + h * (h - 1) / 90) / 90)
    result = diebold_mariano(a, b, horizon, stride)
    assert result.statistic == pytest.approx(expected, rel=1e-9)
    assert result.p_value == pytest.approx(2 * stats.t.sf(abs(expected), 89), rel=1e-9)
    assert result.n == 90


def test_one_step_ahead_is_the_paired_t_test():
    rng = np.random.default_rng(3)
    a, b = rng.random(40), rng.random(40)
    assert diebold_mariano(a, b, 1).p_value == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-9)


def test_bartlett_weights_stand_in_where_the_variance_is_not_positive():
    a = np.tile([1.0, -1.0, 1.0, -1.0, 1.2], 8)
    d = a - a.mean()
    gammas = [d[k:] @ d[: 40 - k] / 40 for k in range(2)]
    assert gammas[0] + 2 * gammas[1] < 0
    bartlett = gammas[0] + 2 * 0.5 * gammas[1]
    expected = a.mean() / np.sqrt(bartlett / 40) * np.sqrt((40 + 1 - 4 + 2 / 40) / 40)
    assert diebold_mariano(a, np.zeros(40), horizon=2).statistic == pytest.approx(expected, rel=1e-9)


def test_swapping_the_contestants_turns_the_sign():
    a, b = overlapping(60, 3)
    assert diebold_mariano(a, b, 3).statistic == -diebold_mariano(b, a, 3).statistic


def test_equal_losses_are_not_different():
    a, _ = overlapping(60, 3)
    assert diebold_mariano(a, a, 3)[:2] == (0.0, 1.0)


def test_a_loss_that_is_always_larger_by_the_same_amount_is_certainly_larger():
    result = diebold_mariano(np.full(20, 0.3), np.full(20, 0.1), 2)
    assert (result.statistic, result.p_value) == (np.inf, 0.0)


@pytest.mark.parametrize(("n", "horizon", "needed"), [(7, 1, 8), (24, 5, 25)])
def test_too_few_origins_are_not_tested_and_it_says_why(n, horizon, needed):
    result = diebold_mariano(np.arange(n, dtype=float), np.zeros(n), horizon)
    assert np.isnan(result.statistic)
    assert np.isnan(result.p_value)
    assert result.reason == f"{n} origin dates; at least {needed} are needed"
    assert not diebold_mariano(np.arange(n + 1.0), np.zeros(n + 1), horizon).reason


def test_losses_of_different_lengths_or_of_more_than_one_value_a_date_are_refused():
    for a, b in ((np.zeros(10), np.zeros(11)), (np.zeros((10, 2)), np.zeros((10, 2)))):
        with pytest.raises(SettingsError, match="two equally long"):
            diebold_mariano(a, b, 1)


def test_a_forecast_is_at_least_one_step_long_and_origins_lie_at_least_one_row_apart():
    assert np.isfinite(diebold_mariano(*overlapping(60, 1), horizon=1, stride=1).statistic)
    for horizon, stride in ((0, 1), (1, 0)):
        with pytest.raises(SettingsError, match=f"horizon={horizon}, stride={stride}"):
            diebold_mariano(*overlapping(60, 1), horizon, stride)


def test_losses_that_were_not_judged_are_left_out_of_the_test():
    a, b = overlapping(60, 2)
    holes = np.insert(a, [3, 40], [np.nan, np.inf]), np.insert(b, [3, 40], 0.0)
    assert diebold_mariano(*holes, horizon=2) == diebold_mariano(a, b, horizon=2)


def test_a_difference_that_hardly_varies_is_still_tested_and_one_that_never_does_is_certain():
    wiggle = 1e-6 * np.tile([1.0, -1.0, 0.5], 20)
    almost = diebold_mariano(1.0 + wiggle, np.zeros(60), 1)
    assert np.isfinite(almost.statistic)
    assert almost.statistic == pytest.approx(stats.ttest_1samp(1.0 + wiggle, 0.0).statistic, rel=1e-6)
    below = diebold_mariano(np.zeros(20), np.full(20, 0.1), 1)
    assert (below.statistic, below.p_value) == (-np.inf, 0.0)


def days(*numbers):
    return np.array(numbers).astype("M8[D]")


def test_dates_lie_a_stride_apart_where_series_keep_step_and_closer_where_they_do_not():
    assert spacing(days(0, 6, 12, 0, 6, 12), np.array([0, 0, 0, 1, 1, 1]), 6) == 6
    assert spacing(days(0, 6, 12, 2, 4, 8, 10), np.array([0, 0, 0, 1, 1, 2, 2]), 6) == 2
    assert spacing(days(0, 2, 4, 6, 1, 3, 5), np.array([0, 0, 0, 0, 1, 1, 1]), 2) == 1
    assert spacing(days(0, 1, 2, 3, 4), np.array([0, 1, 1, 1, 0]), 1) == 1


def test_dates_before_and_behind_those_of_the_longest_series_do_not_count():
    assert spacing(days(1, 2, 14, 4, 8, 12, 15), np.array([0, 0, 0, 1, 1, 1, 1]), 4) == 3
    assert spacing(days(1, 2, 14, 4, 8, 12), np.array([0, 2, 2, 1, 1, 1]), 4) == 4


def test_a_single_date_leaves_the_stride():
    assert spacing(days(3), np.array([0]), 5) == 5
    assert spacing(days(3, 8), np.array([0, 0]), 5) == 5


@pytest.mark.parametrize("horizon", [1, 4])
def test_equally_good_contestants_are_rarely_called_different(horizon):
    p = np.array([diebold_mariano(*overlapping_zero(200, horizon, seed), horizon).p_value for seed in range(400)])
    assert 0.02 < (p < 0.05).mean() < 0.10


def overlapping_zero(n, horizon, seed):
    a, b = overlapping(n, horizon, seed)
    return a - 0.1, b


def test_series_of_one_date_are_pooled_before_testing():
    dates = np.array(["2024-01-03", "2024-01-01", "2024-01-03", "2024-01-02", "2024-01-02"], dtype="M8[D]")
    assert pool_by_time(np.array([1.0, 5.0, 3.0, np.nan, 7.0]), dates).tolist() == [5.0, 7.0, 2.0]


def test_holm_agrees_with_statsmodels_and_lets_missing_tests_be():
    p = np.random.default_rng(0).random(12) ** 3
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)
    holes = np.insert(p, [0, 5], np.nan)
    np.testing.assert_allclose(holm(holes)[~np.isnan(holes)], holm(p))
    assert np.isnan(holm(holes)[[0, 6]]).all()
