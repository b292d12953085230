"""Pictures of calibration: what they show of frames that are known."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from forecast.errors import SettingsError
from forecast.evaluation.calibration import wilson
from forecast.plotting import plot_calibration, plot_pit, plot_reliability


@pytest.fixture(autouse=True)
def tidy():
    yield
    plt.close("all")


def calibration(observed):
    level = np.array([0.1, 0.5, 0.9])
    return pd.DataFrame({"level": level, "nominal": level, "observed": observed, "width": 1.0, "count": 400})


def reliability(said, hits, count):
    low, high = wilson(hits, count)
    return pd.DataFrame({"said": said, "observed": hits / count, "low": low, "high": high, "count": count})


def test_calibration_is_drawn_in_percent_over_a_band_of_chance():
    ax = plot_calibration(calibration([0.2, 0.5, 0.8]))
    line = next(drawn for drawn in ax.lines if drawn.get_label() == "forecast")
    np.testing.assert_allclose(line.get_xdata(), [10, 50, 90])
    np.testing.assert_allclose(line.get_ydata(), [20, 50, 80])
    band = ax.collections[0].get_paths()[0].vertices
    middle = band[np.isclose(band[:, 0], 50), 1]
    np.testing.assert_allclose([middle.min(), middle.max()], [45.1, 54.9], atol=0.01)
    ax.figure.canvas.draw()


def test_the_bars_of_a_pit_histogram_are_frequencies_against_even_ones():
    levels = np.concatenate([np.full(30, 0.05), np.linspace(0.1001, 0.9999, 70), [np.nan]])
    ax = plot_pit(levels, bins=10)
    heights = [bar.get_height() for bar in ax.patches[:10]]
    assert heights[0] == pytest.approx(3.0)
    assert sum(heights) == pytest.approx(10.0)
    ax.figure.canvas.draw()


def test_reliability_shows_the_share_of_every_group_with_its_interval():
    frame = reliability(np.array([0.3, 0.5, 0.7]), np.array([20.0, 50.0, 90.0]), np.full(3, 100))
    ax = plot_reliability(frame, "rain")
    assert "rain" in ax.get_xlabel()
    points = ax.containers[0].lines[0]
    np.testing.assert_allclose(points.get_ydata(), [20, 50, 90])
    ax.figure.canvas.draw()


def test_the_axes_given_are_the_ones_drawn_on():
    _, ax = plt.subplots()
    assert plot_calibration(calibration([0.1, 0.5, 0.9]), ax) is ax
    assert plot_pit(np.linspace(0, 1, 50), ax=ax) is ax


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_pit(np.array([np.nan])),
        lambda: plot_pit(np.array([0.5]), bins=0),
        lambda: plot_calibration(pd.DataFrame({"level": [0.5]})),
        lambda: plot_reliability(pd.DataFrame({"said": [0.5]})),
    ],
)
def test_nothing_to_draw_is_refused(draw):
    with pytest.raises(SettingsError, match=r"takes one"):
        draw()
