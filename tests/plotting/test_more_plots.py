"""Pictures of panels, training, live forecasters, several models and errors over time."""

from itertools import pairwise
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.data.schema import Schema
from forecast.errors import SettingsError
from forecast.plotting import plot, plot_errors, plot_live, plot_panel, plot_training
from forecast.plotting.observed import holes
from forecast.plotting.style import DASHES, MARKERS, PALETTE, stroke


@pytest.fixture(autouse=True)
def tidy():
    """Close all figures; warnings of matplotlib are errors here as everywhere."""
    yield
    plt.close("all")


def draw(ax):
    ax.figure.canvas.draw()
    return ax


def line(ax, label):
    return next(drawn for drawn in ax.lines if drawn.get_label() == label)


def days_without(*gone, rows=60, start="2024-01-01"):
    days = np.datetime64(start) + np.arange(rows).astype("m8[D]")
    return np.delete(days, gone)


def panel_on(days, series=("",), schema=None):
    count = len(series)
    values = np.tile(np.arange(float(len(days))), count)
    return Panel.from_arrays(values, np.tile(days, count), [len(days)] * count, series, schema)


def forecast_of(panel, horizon=3, levels=(), at=None):
    origins = panel.end_origins() if at is None else Origins(np.zeros(1, int), np.array([at]))
    values = np.full((len(origins), horizon, 1, max(len(levels), 1)), 4.0) + np.asarray(levels or (0.5,))
    return Forecast.at(panel, origins, values, levels)


# gaps


@pytest.mark.parametrize("gone", [(20,), (20, 21, 22), (5, 30, 31)])
def test_an_absent_stamp_breaks_the_line(gone):
    days = days_without(*gone)
    panel = panel_on(days)
    (ax,) = plot_panel(panel).values()
    drawn = line(draw(ax), "observed")
    assert np.isnan(drawn.get_ydata()).sum() == len(np.flatnonzero(np.diff(days).astype(int) > 1))
    spans = np.diff(drawn.get_xdata().astype("M8[D]")).astype(int)
    for at in np.flatnonzero(spans > 1):  # nothing is drawn from one side of a gap to the other
        assert np.isnan(drawn.get_ydata()[at : at + 2]).any()


def test_weekends_and_single_holidays_are_no_gaps_of_business_days_and_a_lost_week_is_one():
    weekdays = pd.bdate_range("2024-01-01", periods=80).to_numpy().astype("M8[D]")
    panel = panel_on(np.delete(weekdays, [10, 30, 31, 32]))
    assert np.flatnonzero(holes(panel.times, panel.calendar)).tolist() == [28]


def test_rows_that_keep_no_calendar_have_gaps_where_they_are_far_apart():
    rng = np.random.default_rng(0)
    times = np.datetime64("2024-01-01T00:00:00") + np.cumsum(rng.integers(1, 60, 200)).astype("m8[m]")
    times[100:] += np.timedelta64(3, "D")
    panel = panel_on(times)
    assert panel.calendar.regular < 0.5
    assert np.flatnonzero(holes(panel.times, panel.calendar)).tolist() == [99]


# panels


def test_series_stand_below_each_other_and_the_title_says_how_many_are_left_out():
    panel = panel_on(days_without(), [f"s{i}" for i in range(9)])
    drawn = plot_panel(panel)
    assert list(drawn) == [f"s{i}" for i in range(6)]
    assert "6 of 9 series" in drawn["s0"].figure.get_suptitle()
    assert [ax.get_title(loc="left") for ax in drawn.values()] == list(drawn)
    assert list(plot_panel(panel, ["s8", "s1"])) == ["s8", "s1"]


def test_the_test_rows_are_shaded_from_the_first_one_on():
    panel = panel_on(days_without(), ["a", "b"])
    for ax in plot_panel(panel, since="2024-02-01").values():
        (border,) = [
            drawn
            for drawn in ax.lines
            if len(set(map(float, np.ravel(drawn.get_ydata())))) == 2 == len(drawn.get_xdata())
        ]
        assert matplotlib.dates.num2date(ax.convert_xunits(border.get_xdata()[0])).date().isoformat() == "2024-02-01"
        assert [text.get_text() for text in ax.texts] == ["test"]


def test_covariates_and_axes_of_ones_own_are_drawn_too():
    values = np.stack([np.arange(60.0), np.arange(60.0) * 2], axis=1)
    panel = Panel.from_arrays(values, days_without(), schema=Schema(targets=("y",), past=("x",)))
    _, mine = plt.subplots()
    (ax,) = plot_panel(panel, column="x", history=10, ax=mine).values()
    assert ax is mine
    assert line(ax, "observed").get_ydata()[-1] == 118.0
    assert len(line(ax, "observed").get_ydata()) == 10
    with pytest.raises(SettingsError, match="no column 'z'"):
        plot_panel(panel, column="z")


def test_fewer_axes_than_series_are_refused_and_unknown_series_named():
    panel = panel_on(days_without(), ["a", "b", "c"])
    _, both = plt.subplots(2)
    assert list(plot_panel(panel, ax=both)) == ["a", "b"]
    with pytest.raises(SettingsError, match="3 series and 2 axes"):
        plot_panel(panel, ["a", "b", "c"], ax=both)
    with pytest.raises(SettingsError, match="no series 'd'"):
        plot_panel(panel, "d")
    with pytest.raises(SettingsError, match="no rows"):
        plot_panel(panel.until(np.array([0, 60, 60])), "a")


# several models


def test_models_are_told_apart_by_colour_dash_and_marker():
    looks = [stroke(rank) for rank in range(24)]
    assert len({(look["color"], look["ls"]) for look in looks}) == 24
    for one, other in pairwise(looks):
        assert all(one[part] != other[part] for part in ("color", "ls", "marker"))
    assert len(set(PALETTE)) == len(set(MARKERS)) == 8
    assert len(DASHES) == 4


def test_forecasts_of_several_models_stand_side_by_side_with_their_widest_intervals():
    panel = panel_on(days_without())
    said = {"gru": forecast_of(panel, levels=(0.05, 0.25, 0.5, 0.75, 0.95), at=40), "naive": forecast_of(panel, at=40)}
    ax = draw(plot(said, panel))
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["observed", "gru", "naive", "gru, 90 % interval"]
    assert line(ax, "gru").get_xdata()[0] == np.datetime64("2024-02-10")
    other = said | {"late": forecast_of(panel, at=41)}
    with pytest.raises(SettingsError, match="'late' has no forecast of 'y0' of series '' made at 2024-02-09"):
        plot(other, panel)


def test_history_is_found_by_time_so_a_panel_of_the_newest_rows_is_enough():
    days = days_without()
    said = forecast_of(panel_on(days))
    ax = draw(plot(said, panel_on(days[-9:])))
    assert line(ax, "observed").get_xdata().tolist() == days[-9:].astype("M8[us]").tolist()
    with pytest.raises(SettingsError, match="no row of the series lies at or before 2024-02-29"):
        plot(said, panel_on(days + np.timedelta64(90, "D")))


# training


def fitted(*validation, best=1):
    epochs = [SimpleNamespace(number=n, training=1 / n, validation=v) for n, v in enumerate(validation, start=1)]
    return SimpleNamespace(history=SimpleNamespace(epochs=epochs, best=best, stopped=f"all {len(epochs)} epochs"))


def test_both_losses_are_drawn_with_a_ring_around_the_epoch_that_was_kept():
    ax = draw(plot_training(fitted(3.0, 1.0, 2.0, best=2)))
    assert line(ax, "training").get_ydata().tolist() == [1, 1 / 2, 1 / 3]
    ring = line(ax, "epoch that was kept")
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (2, 1.0)
    assert "epoch 2 of 3 kept" in ax.get_title(loc="left").replace("\n", " ")
    assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_without_validation_only_training_is_drawn_and_others_than_networks_are_left_out():
    ax = draw(plot_training({"gru": fitted(np.nan, np.nan), "naive": object(), "new": SimpleNamespace(history=None)}))
    assert [drawn.get_label() for drawn in ax.lines] == ["gru, training"]
    for nothing in ({}, {"naive": object()}, SimpleNamespace(history=None)):
        with pytest.raises(SettingsError, match="no training to draw"):
            plot_training(nothing)


@pytest.mark.parametrize("epochs", [1, 3, 200])
def test_any_number_of_epochs_can_be_drawn(epochs):
    draw(plot_training(fitted(*np.linspace(2, 1, epochs), best=epochs)))


# errors over time


def scores_of(**losses):
    known = days_without(*range(20, 50), rows=90)
    return SimpleNamespace(losses={n: np.full(len(known), v) for n, v in losses.items()}, known=known, error="mae")


def test_errors_stand_at_the_time_of_their_origins_and_no_line_crosses_a_long_silence():
    ax = draw(plot_errors(scores_of(gru=1.0, naive=2.0), over=1))
    drawn = line(ax, "gru")
    assert [each.get_label() for each in ax.lines] == ["gru", "naive"]
    assert np.isnan(drawn.get_ydata()).sum() == 1
    assert np.nanmax(np.abs(drawn.get_ydata() - 1.0)) == 0


def test_series_of_one_time_are_averaged_and_means_move():
    known = np.repeat(days_without(rows=10), 2)
    scores = SimpleNamespace(
        losses={"m": np.tile([1.0, 3.0], 10) + np.repeat(np.arange(10.0), 2)}, known=known, error="mae"
    )
    assert line(plot_errors(scores), "m").get_ydata().tolist() == [2.0 + step for step in range(10)]
    assert line(plot_errors(scores, over=2), "m").get_ydata()[-1] == 10.5
    for asked, said in ({"over": 0}, "over=0"), ({"models": ["x"]}, "no contestant 'x'"):
        with pytest.raises(SettingsError, match=said):
            plot_errors(scores, **asked)


# live


class Standing:
    """A live forecaster as it is drawn."""

    def __init__(self, panel, ready=("a",)):
        self.panel, self.ready = panel, ready

    def recent(self, series=None):
        return pd.DataFrame({"y0": [1.0, 2.0, 3.0]}, index=pd.RangeIndex(-2, 1))

    def forecast(self, horizon=None, series=None, future=None):
        return forecast_of(self.panel.select([series]), levels=(0.1, 0.5, 0.9))


def test_a_live_forecaster_is_drawn_over_the_rows_it_carries_or_over_the_dates_of_a_panel():
    panel = panel_on(days_without(), ["a", "b"])
    ax = draw(plot_live(Standing(panel)))
    assert line(ax, "rows it carries").get_xdata().tolist() == [-2, -1, 0]
    assert line(ax, "forecast").get_xdata().tolist() == [1, 2, 3]
    dated = draw(plot_live(Standing(panel), panel))
    assert line(dated, "forecast").get_xdata()[0] == np.datetime64("2024-03-01")
    with pytest.raises(SettingsError, match="no series is ready"):
        plot_live(Standing(panel, ()))
    with pytest.raises(SettingsError, match="no series 'b' is ready"):
        plot_live(Standing(panel), series="b")


# words


@pytest.mark.parametrize("width", [2.5, 5.0, 9.0])
def test_ticks_title_and_legend_keep_to_the_axes_they_are_given(width):
    figure, ax = plt.subplots(figsize=(width, 3.0), layout="constrained")
    panel = panel_on(days_without(rows=400))
    draw(plot(forecast_of(panel, levels=(0.05, 0.5, 0.95)), panel, ax=ax))
    boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
    inside = figure.bbox
    for part in (ax.title if ax.get_title() else ax._left_title, ax.get_legend()):
        box = part.get_window_extent()
        assert box.x1 <= inside.x1 + 1
    legend, offset = ax.get_legend().get_window_extent(), ax.xaxis.get_offset_text().get_window_extent()
    assert not legend.overlaps(offset)
