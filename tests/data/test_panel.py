"""Panel, Origins, Forecast: cut by date, row or share, never filled backward, dated beyond the end."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from forecast.data import synthetic
from forecast.data.forecast import Forecast, forecast_times, truth
from forecast.data.panel import Origins, Panel, carry_forward
from forecast.data.schema import Schema
from forecast.distributions import Categories
from forecast.errors import DataError, SettingsError


@pytest.fixture
def panel() -> Panel:
    """Two series of 10 and 6 days, of which the second begins four days later."""
    days = pd.date_range("2024-01-01", periods=10).to_numpy()
    return Panel.from_arrays(np.arange(16.0), np.concatenate([days, days[4:]]), [10, 6], ["a", "b"])


@pytest.mark.parametrize("seed", range(20))
def test_a_missing_cell_holds_the_last_value_of_its_series_and_never_a_later_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 12, size=5)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = random.normal(size=(offsets[-1], 3))
    observed = random.random(values.shape) < 0.5
    filled = carry_forward(np.where(observed, values, np.nan), observed, offsets)
    for first, end in itertools.pairwise(offsets):
        expected = pd.DataFrame(np.where(observed, values, np.nan)[first:end]).ffill().to_numpy()
        np.testing.assert_array_equal(filled[first:end], expected)


def test_what_comes_later_never_changes_an_earlier_cell() -> None:
    values = np.array([np.nan, 1, np.nan, np.nan, 5, np.nan])
    later = values.copy()
    later[3:] = [7, np.nan, 9]
    days = np.arange("2024-01-01", "2024-01-07", dtype="M8[D]")
    first, second = (Panel.from_arrays(cells, days).values[:3] for cells in (values, later))
    np.testing.assert_array_equal(first, second)


def test_a_panel_may_be_cut_by_date_row_or_share(panel: Panel) -> None:
    assert panel.cut("2024-01-06").tolist() == [5, 1]
    assert panel.cut(pd.Timestamp("2024-01-06")).tolist() == [5, 1]
    assert panel.cut(-2).tolist() == [8, 4]
    assert panel.cut(5).tolist() == [5, 5]
    assert panel.cut(0.8).tolist() == [8, 4]
    assert panel.cut("2024-01-06T01:00+02:00").tolist() == [5, 1]  # 2024-01-05 23:00 in UTC, as readers keep it


@pytest.mark.parametrize("since", ["2020-01-01", "2030-01-01", 0, 10, 1.5, True, "soon"])
def test_a_cut_that_makes_no_sense_is_refused(panel: Panel, since: object) -> None:
    with pytest.raises(SettingsError, match="since="):
        panel.cut(since)  # type: ignore[arg-type]


def test_until_knows_nothing_of_what_follows(panel: Panel) -> None:
    early = panel.until("2024-01-04")
    assert early.times.max() < np.datetime64("2024-01-04")
    assert early.series == panel.series
    assert early.lengths.tolist() == [3, 0]
    assert early.calendar == panel.calendar
    assert early.end_origins().series.tolist() == [0]
    assert panel.until(np.array([4, 2])).values[:, 0].tolist() == [0, 1, 2, 3, 10, 11]


def test_select_takes_series_in_the_order_asked_for(panel: Panel) -> None:
    swapped = panel.select(["b", "a"])
    assert swapped.series == ("b", "a")
    assert swapped.values[:, 0].tolist() == [*range(10, 16), *range(10)]
    assert swapped.lengths.tolist() == [6, 10]
    with pytest.raises(SettingsError, match="no series 'A'; did you mean 'a'"):
        panel.select(["A"])
    with pytest.raises(SettingsError, match="no series is named; name one or more of a, b"):
        panel.select([])


def test_a_forecast_starts_after_the_last_observed_target() -> None:
    schema = Schema(targets=["y"], future=["holiday"])
    values = np.array([[np.nan, 0], [1, 0], [2, 1], [np.nan, 1], [np.nan, 0]])
    panel = Panel.from_arrays(values, np.arange("2024-01-01", "2024-01-06", dtype="M8[D]"), schema=schema)
    assert panel.ends().tolist() == [3]
    assert panel.begun().tolist() == [1]
    assert panel.end_origins().step.tolist() == [3]


def test_times_are_those_of_the_rows_and_beyond_them_those_of_the_calendar() -> None:
    days = pd.bdate_range("2024-01-01", periods=12).delete(10).to_numpy()
    panel = Panel.from_arrays(np.arange(11.0), days)
    known, times = forecast_times(panel, Origins(np.array([0, 0]), np.array([9, 11])), 4)
    assert known.astype("M8[D]").astype(str).tolist() == ["2024-01-11", "2024-01-16"]
    dates = times.astype("M8[D]").astype(str).tolist()
    assert dates[0] == ["2024-01-12", "2024-01-16", "2024-01-17", "2024-01-18"]
    assert dates[1] == ["2024-01-17", "2024-01-18", "2024-01-19", "2024-01-22"]


def test_the_truth_ahead_is_masked_where_it_is_missing_or_not_there(panel: Panel) -> None:
    values, seen = truth(panel, Origins(np.array([0, 1]), np.array([9, 4])), 3)
    assert seen[..., 0].tolist() == [[True, False, False], [True, True, False]]
    np.testing.assert_array_equal(values[..., 0], [[9, np.nan, np.nan], [14, 15, np.nan]])


def test_a_forecast_becomes_a_long_frame(panel: Panel) -> None:
    values = np.arange(12.0).reshape(2, 2, 1, 3)
    forecast = Forecast.at(panel, panel.end_origins(), values, (0.1, 0.5, 0.9))
    frame = forecast.to_frame()
    assert frame.columns.tolist() == ["series", "origin", "time", "step", "target", "0.1", "0.5", "0.9"]
    assert frame["series"].tolist() == ["a", "a", "b", "b"]
    assert frame["0.5"].tolist() == [1, 4, 7, 10] == forecast.point[..., 0].ravel().tolist()
    assert (frame["time"] - frame["origin"]).dt.days.tolist() == [1, 2, 1, 2]
    mean = Forecast.at(panel, panel.end_origins(), np.zeros((2, 3, 1)))
    assert mean.to_frame().columns[-1] == "mean"
    assert len(mean) == 2


def test_a_frame_of_classes_names_the_category_and_the_probability_of_each(panel: Panel) -> None:
    shares = np.array([[[[0.2, 0.8]]], [[[0.7, 0.3]]]])
    rain = Forecast.at(panel, panel.end_origins(), np.zeros((2, 1, 1)), (), Categories(("no", "yes"), shares))
    frame = rain.to_frame()
    assert frame["category"].tolist() == ["yes", "no"]
    assert frame["P(yes)"].tolist() == [0.8, 0.3]
    moves = Categories(("down", "flat", "up"), np.full((2, 1, 1, 3), 1 / 3), last=np.zeros((2, 1)))
    frame = Forecast.at(panel, panel.end_origins(), np.zeros((2, 1, 1)), (), moves).to_frame()
    assert frame.columns.tolist()[-4:] == ["mean", "P(down)", "P(flat)", "P(up)"]


def test_origins_are_indexed_like_arrays() -> None:
    origins = Origins(np.arange(5), np.arange(5) * 10)
    assert len(origins[1:3]) == 2
    assert origins[np.array([4, 0])].step.tolist() == [40, 0]


def test_a_model_refuses_a_panel_with_other_channels(panel: Panel) -> None:
    panel.require_channels(panel.schema)
    with pytest.raises(DataError, match="the model was fitted on"):
        panel.require_channels(Schema(targets=["other"]))


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(SettingsError, match="3 rows, 2 times"):
        Panel.from_arrays(np.zeros(3), np.arange("2024-01-01", "2024-01-03", dtype="M8[D]"))


# Synthetic panels, whose answers are known


@pytest.mark.parametrize("make", [synthetic.random_walk, synthetic.seasonal, synthetic.autoregressive])
def test_synthetic_panels_are_reproducible_and_have_what_was_asked_for(make: Callable[..., Panel]) -> None:
    panel, again, other = (make(series=3, rows=50, past=2, missing=0.2, seed=seed) for seed in (1, 1, 2))
    assert panel.schema.past == ("x0", "x1")
    assert panel.lengths.tolist() == [50, 50, 50]
    assert 0.05 < 1 - panel.observed[:, 0].mean() < 0.35
    assert panel.observed[:, 1:].all()
    np.testing.assert_array_equal(panel.values, again.values)
    assert not np.array_equal(panel.values, other.values, equal_nan=True)


def test_the_best_forecast_of_an_autoregression_has_the_error_it_states() -> None:
    values = synthetic.autoregressive([0.8], rows=40_000, seed=3).values[:, 0]
    for ahead in (1, 2, 3):
        error = np.mean((values[ahead:] - 0.8**ahead * values[:-ahead]) ** 2)
        assert error == pytest.approx((1 - 0.8 ** (2 * ahead)) / (1 - 0.8**2), rel=0.05)


def test_the_covariate_of_an_autoregression_acts_one_step_later() -> None:
    panel = synthetic.autoregressive([0.5], rows=20_000, past=1, effect=2.0)
    y, x = panel.values.T
    assert np.var(y[1:] - 0.5 * y[:-1] - 2 * x[:-1]) == pytest.approx(1, rel=0.05)
    assert np.var(y[1:] - 0.5 * y[:-1]) == pytest.approx(5, rel=0.05)


def test_a_random_walk_has_the_error_it_states() -> None:
    values = synthetic.random_walk(series=50, rows=400, noise=2.0).values[:, 0].reshape(50, 400)
    assert np.mean((values[:, 5:] - values[:, :-5]) ** 2) == pytest.approx(5 * 4, rel=0.1)


def test_synthetic_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SettingsError, match="not stationary"):
        synthetic.autoregressive([1.1])
    with pytest.raises(SettingsError, match="past=1"):
        synthetic.autoregressive(effect=1.0)
    with pytest.raises(SettingsError, match="between 0 and 1"):
        synthetic.random_walk(missing=1.5)


def test_a_cut_that_could_be_two_dates_is_refused():
    panel = Panel.from_arrays(np.arange(400.0), np.arange("2023-01-01", "2024-02-05", dtype="M8[D]"))
    with pytest.raises(SettingsError, match="day or month first"):
        panel.cut("06/07/2023")
