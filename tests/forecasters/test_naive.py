"""Naive rules against values computed by hand."""

import numpy as np
import pytest

from forecast.data.panel import Origins, Panel
from forecast.errors import NotFittedError, SettingsError
from forecast.forecasters.naive import Drift, Mean, Naive, SeasonalNaive
from forecast.windows.window import Window

nan = np.nan
WINDOW = Window(context=1, horizon=4)


def panel_of(*series: list[float]) -> Panel:
    lengths = [len(values) for values in series]
    days = np.concatenate([np.arange(n) for n in lengths]).astype("M8[D]")
    return Panel.from_arrays(np.concatenate([np.array(values) for values in series]), days, lengths)


def said(rule, panel: Panel, series: int = 0, step: int | None = None) -> list[float]:
    origins = None if step is None else Origins(np.array([series]), np.array([step]))
    return rule.fit(panel).predict(panel, origins).point[series if step is None else 0, :, 0].tolist()


def test_naive_repeats_the_last_observed_value():
    panel = panel_of([1.0, 5.0, nan, 7.0], [2.0, 3.0])
    assert said(Naive(WINDOW), panel) == [7.0] * 4
    assert said(Naive(WINDOW), panel, 1) == [3.0] * 4
    assert said(Naive(WINDOW), panel, 0, 3) == [5.0] * 4


def test_seasonal_naive_repeats_the_last_season_over_and_over():
    panel = panel_of([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    assert said(SeasonalNaive(WINDOW, 3), panel) == [5.0, 6.0, 7.0, 5.0]
    assert said(SeasonalNaive(WINDOW, 3), panel, 0, 4) == [2.0, 3.0, 4.0, 2.0]
    assert said(SeasonalNaive(WINDOW, 6), panel) == [2.0, 3.0, 4.0, 5.0]


def test_seasonal_naive_repeats_the_last_value_where_a_season_ago_there_was_none():
    panel = panel_of([1.0, 2.0, 3.0, 4.0])
    assert said(SeasonalNaive(WINDOW, 3), panel, 0, 2) == [2.0, 1.0, 2.0, 2.0]
    assert said(SeasonalNaive(WINDOW, 4), panel_of([nan, nan, 3.0, 4.0])) == [4.0, 4.0, 3.0, 4.0]


def test_a_season_that_was_not_given_is_measured():
    values = np.tile([0.0, 1.0, 5.0, 2.0, 7.0, 3.0, 9.0], 30) + np.random.default_rng(0).normal(0, 0.1, 210)
    model = SeasonalNaive(WINDOW)
    with pytest.raises(NotFittedError, match="season"):
        model.predict(panel_of(values))
    assert model.fit(panel_of(values)).fitted_season == 7


def test_drift_goes_on_along_the_line_from_the_first_to_the_last_observed_value():
    assert said(Drift(WINDOW), panel_of([1.0, 9.0, 2.0, 7.0])) == [9.0, 11.0, 13.0, 15.0]
    assert said(Drift(WINDOW), panel_of([nan, 2.0, 0.0, 8.0])) == [11.0, 14.0, 17.0, 20.0]
    assert said(Drift(WINDOW), panel_of([3.0, 5.0]), 0, 1) == [3.0] * 4


def test_mean_is_that_of_all_observed_values_up_to_the_origin():
    panel = panel_of([1.0, nan, 3.0, 8.0], [10.0, 20.0])
    assert said(Mean(WINDOW), panel) == [4.0] * 4
    assert said(Mean(WINDOW), panel, 0, 2) == [1.0] * 4
    assert said(Mean(WINDOW), panel, 1) == [15.0] * 4


def test_mean_loses_no_digits_to_a_large_level():
    deviations = np.random.default_rng(0).normal(size=1000) * 1e-3
    assert said(Mean(WINDOW), panel_of(1e6 + deviations))[0] - 1e6 == pytest.approx(deviations.mean(), abs=1e-9)


def test_a_season_has_at_least_one_step():
    with pytest.raises(SettingsError, match="season=0"):
        SeasonalNaive(WINDOW, 0)


def test_no_origins_are_no_forecasts():
    panel = panel_of([1.0, 2.0, 3.0])
    nothing = Origins(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    for rule in (Naive(WINDOW), SeasonalNaive(WINDOW, 2), Drift(WINDOW), Mean(WINDOW)):
        assert rule.predict(panel, nothing).values.shape == (0, 4, 1, 1)
