"""Pictures of sweeps."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from forecast.errors import SettingsError
from forecast.plotting.sweeps import plot_cells, plot_costs, plot_history, plot_importances


@pytest.fixture(autouse=True)
def tidy():
    yield
    plt.close("all")


@pytest.fixture
def trials():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": range(20),
            "state": ["complete"] * 14 + ["pruned"] * 5 + ["failed"],
            "mae": [*np.round(rng.uniform(2, 3, 13), 3), 90.0, *[np.nan] * 6],
            "cell": rng.choice(["gru", "lstm"], 20),
            "feed": rng.choice(["windowed", "streamed"], 20),
            "hidden_size": rng.integers(8, 100, 20),
            "seconds": rng.uniform(1, 100, 20),
        }
    )
    return frame


def test_the_history_shows_every_trial_and_the_best_so_far(trials):
    ax = plot_history(trials, "mae")
    ax.figure.canvas.draw()
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines["complete"].get_ydata()) == list(trials["mae"][:14])
    assert list(lines["best so far"].get_ydata()) == list(trials["mae"][:14].cummin())
    assert len(lines["pruned"].get_xdata()) == 5
    assert len(lines["failed"].get_xdata()) == 1
    assert ax.get_ylim()[1] < 10  # one absurd trial does not squeeze the others


def test_a_share_of_right_directions_is_better_when_higher(trials):
    ax = plot_history(trials.rename(columns={"mae": "direction"}), "direction")
    best = next(line for line in ax.lines if line.get_label() == "best so far")
    assert list(best.get_ydata()) == list(trials["mae"][:14].cummax())


def test_costs_tell_cells_and_feeds_apart(trials):
    ax = plot_costs(trials, "mae")
    ax.figure.canvas.draw()
    assert {"gru", "lstm", "gru, streamed", "lstm, streamed"} == set(ax.get_legend_handles_labels()[1])
    assert sum(len(line.get_xdata()) for line in ax.lines) == 14
    plot_costs(trials[["number", "state", "mae", "seconds"]], "mae").figure.canvas.draw()  # scikit-learn has no cells


def test_the_map_of_cells_and_sizes_holds_the_best_of_each_box(trials):
    ax = plot_cells(trials, "mae")
    ax.figure.canvas.draw()
    done = trials[trials["state"] == "complete"]
    said = [text.get_text().split("\n") for text in ax.texts]
    assert sum(int(count.rstrip("×")) for _, count in said) == len(done)
    assert min(float(value) for value, _ in said) == pytest.approx(done["mae"].min(), rel=1e-3)


def test_importances_are_drawn_largest_on_top():
    ax = plot_importances(pd.Series({"a": 0.2, "b": 0.7, "c": 0.1}), "mae")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["c", "a", "b"]


def test_nothing_to_draw_is_said(trials):
    with pytest.raises(SettingsError, match="no column 'rmse'"):
        plot_history(trials, "rmse")
    with pytest.raises(SettingsError, match="no trial was completed"):
        plot_costs(trials[trials["state"] == "pruned"], "mae")
