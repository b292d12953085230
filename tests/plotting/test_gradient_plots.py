"""Pictures of gradient flow: what they show of frames that are known."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

from forecast.errors import SettingsError
from forecast.plotting import plot_gradient_flow


@dataclass
class Known:
    lags: pd.DataFrame


@pytest.fixture(autouse=True)
def tidy():
    yield
    plt.close("all")


def falling(weight: float, part: str = "state", scale: float = 4.0) -> Known:
    norm = scale * weight ** np.arange(5.0)
    columns = {"mean": norm, "q10": norm / 2, "q50": norm, "q90": 2 * norm, "origins": 7}
    return Known(pd.DataFrame({"part": part, "lag": np.arange(5), **columns}))


def test_the_lines_are_medians_with_the_largest_at_one():
    ax = plot_gradient_flow({"short": falling(0.5), "exploding": falling(2.0)})
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 0.5 ** np.arange(5))
    np.testing.assert_allclose(ax.lines[1].get_ydata(), 2.0 ** np.arange(-4, 1))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["short", "exploding"]
    assert ax.get_yscale() == "log"
    band = ax.collections[0].get_paths()[0].vertices
    assert band[np.isclose(band[:, 0], 0), 1].min() == pytest.approx(0.5)
    assert band[np.isclose(band[:, 0], 0), 1].max() == pytest.approx(2.0)
    ax.figure.canvas.draw()


def test_the_legend_of_one_flow_says_what_line_and_band_are_and_it_may_keep_its_units():
    _, mine = plt.subplots()
    ax = plot_gradient_flow(falling(0.5), relative=False, ax=mine)
    assert ax is mine
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["10 % to 90 % of the origins", "median"]
    assert ax.lines[0].get_ydata()[0] == pytest.approx(4.0)


def test_a_gradient_of_zero_leaves_a_gap_and_none_at_all_is_refused():
    flow = falling(0.5, part="c")
    flow.lags.loc[0, ["q10", "q50", "q90"]] = 0.0
    ax = plot_gradient_flow(flow, part="c")
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [np.nan, 1, 0.5, 0.25, 0.125])
    ax.figure.canvas.draw()
    flow.lags[["q10", "q50", "q90"]] = 0.0
    with pytest.raises(SettingsError, match="no gradient reaches 'c'"):
        plot_gradient_flow(flow, part="c")


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(SettingsError, match="no flows"):
        plot_gradient_flow({})
    with pytest.raises(SettingsError, match="lstm has state"):
        plot_gradient_flow({"lstm": falling(0.5)}, part="c")
    with pytest.raises(SettingsError, match="columns part"):
        plot_gradient_flow(Known(pd.DataFrame({"lag": [0]})))
