"""Pictures: what they show, what they say, and what they leave alone."""

import subprocess
import sys
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.data.readers import from_frame
from forecast.data.schema import Schema
from forecast.errors import SettingsError
from forecast.plotting import plot, plot_scores, plot_steps


@pytest.fixture(autouse=True)
def tidy():
    """Close all figures; warnings of matplotlib are errors here as everywhere."""
    yield
    plt.close("all")


@pytest.fixture
def panel():
    values = np.arange(200.0) % 9
    values[[120, 122, 130]] = np.nan
    days = np.concatenate([np.arange(100), np.arange(60), np.arange(100, 140)]).astype("M8[D]")
    return Panel.from_arrays(values, days, [100, 100], ["a", "b"])


def forecast_of(panel, origins, horizon, levels=()):
    shape = (len(origins), horizon, 1, max(len(levels), 1))
    values = np.full(shape, 4.0) + np.asarray(levels or (0.5,)) - 0.5
    return Forecast.at(panel, origins, values, levels)


def line(ax, label):
    return next(drawn for drawn in ax.lines if drawn.get_label() == label)


def draw(ax):
    ax.figure.canvas.draw()
    return ax


def test_codes_of_a_categorical_target_are_drawn_under_their_names():
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=80), "rain": np.resize(["no", "yes"], 80)})
    rain = from_frame(frame, Schema("day", ("rain",), categorical=("rain",)))
    ax = draw(plot(forecast_of(rain, rain.end_origins(), 2), rain))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["no", "yes"]


@pytest.mark.parametrize("horizon", [1, 7, 96])
def test_a_forecast_starts_after_the_last_known_row(panel, horizon):
    ahead = forecast_of(panel, panel.end_origins(), horizon)
    ax = draw(plot(ahead, panel))
    assert len(line(ax, "forecast").get_xdata()) == horizon
    assert line(ax, "forecast").get_xdata()[0] > line(ax, "observed").get_xdata()[-1]
    assert ax.get_title(loc="left").startswith("y0 of a: forecast made at 1970-04-10")


def test_what_happened_is_drawn_where_it_is_known(panel):
    ax = draw(plot(forecast_of(panel, Origins(np.array([0, 0]), np.array([80, 90])), 5), panel, origin=0))
    assert line(ax, "observed").get_xdata()[-1] == np.datetime64(84, "D")
    assert len(line(ax, "observed").get_xdata()) == 65
    assert len(draw(plot(forecast_of(panel, panel.end_origins(), 5), panel, history=7)).lines[0].get_xdata()) == 7


def test_gaps_stay_gaps_and_lonely_points_are_marked(panel):
    ax = draw(plot(forecast_of(panel, panel.end_origins(), 5), panel, series="b", history=100))
    assert np.isnan(line(ax, "observed").get_ydata()).sum() == 3 + 1  # three missing values, one missing month
    lonely = ax.lines[1]
    assert lonely.get_marker() == "o"
    assert lonely.get_xdata().astype("M8[D]") == [np.datetime64(21, "D")]


def test_levels_become_bands_named_by_coverage(panel):
    ax = draw(plot(forecast_of(panel, panel.end_origins(), 5, (0.05, 0.25, 0.5, 0.75, 0.95)), panel))
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said == ["observed", "90 % interval", "50 % interval", "forecast"]
    assert len(ax.collections) == 2
    assert len(draw(plot(forecast_of(panel, panel.end_origins(), 1, (0.1, 0.5, 0.9)), panel)).collections) == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"series": "c"}, "no series 'c'"), ({"target": "z"}, "no target 'z'"), ({"origin": 3}, "has 1 forecasts")],
)
def test_what_was_not_forecast_cannot_be_drawn(panel, asked, said):
    with pytest.raises(SettingsError, match=said):
        plot(forecast_of(panel, panel.end_origins(), 5), panel, **asked)


def board(mae, baseline="naive"):
    frame = pd.DataFrame({"model": list(mae), "mae": list(mae.values())}).sort_values("mae", ignore_index=True)
    frame["skill"] = 1 - frame["mae"] / mae[baseline]
    kinds = {model: "recurrent" if model == "gru" else "other" for model in mae} | {baseline: "rule"}
    return SimpleNamespace(frame=frame, error="mae", baseline=baseline, families=kinds)


def test_the_best_contestant_is_on_top_and_values_are_written():
    ax = draw(plot_scores(board({"naive": 2.0, "gru": 1.5, "linear": 3.0})))
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["linear", "naive", "gru"]
    assert [bar.get_width() for bar in ax.patches] == [3.0, 2.0, 1.5]
    assert [text.get_text() for text in ax.texts] == ["3 (+50.0 %)", "2 baseline", "1.5 (−25.0 %)"]
    assert ax.lines[0].get_xdata()[0] == 2.0
    assert all(text.get_bbox_patch() and text.zorder > ax.lines[0].zorder for text in ax.texts)  # legible on the line


def test_families_have_colours_of_their_own():
    ax = draw(plot_scores(board({"naive": 2.0, "gru": 1.5, "linear": 3.0}), by="skill"))
    assert len({bar.get_facecolor() for bar in ax.patches}) == 3
    assert [text.get_text() for text in ax.texts] == ["−50.0 %", "baseline", "+25.0 %"]


def test_a_contestant_that_exploded_does_not_hide_the_others():
    ax = draw(plot_scores(board({"naive": 2.0, "gru": 1.0, "linear": 4e9})))
    assert max(bar.get_width() for bar in ax.patches) == 8.0
    assert "(bar cut)" in ax.texts[0].get_text()


def long_scores(models, horizon):
    rows = [(m, "*", s, "mae", 1.0 + i + s / 10, "*") for i, m in enumerate(models) for s in range(1, horizon + 1)]
    rows += [(m, "*", "*", "mae", 1.0 + i, "*") for i, m in enumerate(models)]
    rows += [(m, "a", "*", "mae", 99.0, "*") for m in models]
    frame = pd.DataFrame(rows, columns=["model", "series", "step", "metric", "value", "target"])
    return SimpleNamespace(frame=frame, error="mae")


@pytest.mark.parametrize("horizon", [1, 5, 96])
def test_errors_are_drawn_by_step(horizon):
    ax = draw(plot_steps(long_scores(["b", "a"], horizon)))
    assert [drawn.get_label() for drawn in ax.lines] == ["b", "a"]
    np.testing.assert_allclose(line(ax, "a").get_ydata(), 2.0 + np.arange(1, horizon + 1) / 10)
    assert ax.get_ylabel() == "mean absolute error"


def test_of_many_contestants_the_best_are_drawn_and_the_title_says_so():
    models = [f"m{i}" for i in range(13)]
    ax = draw(plot_steps(long_scores(models, 5)))
    assert [drawn.get_label() for drawn in ax.lines] == models[:8]
    assert "(best 8 of 13)" in ax.get_title(loc="left")
    every = draw(plot_steps(long_scores(models, 5), models=models))
    assert len({(drawn.get_color(), drawn.get_linestyle()) for drawn in every.lines}) == 13


@pytest.mark.parametrize(
    ("metric", "models", "said"), [("mea", None, "did you mean 'mae'"), ("mae", ["z"], "no contestant 'z'")]
)
def test_unknown_metrics_and_contestants_are_named(metric, models, said):
    with pytest.raises(SettingsError, match=said):
        plot_steps(long_scores(["a", "b"], 3), metric, models)


def test_drawing_uses_the_axes_given_and_leaves_global_settings_alone(panel):
    before = dict(matplotlib.rcParams)
    _, ax = plt.subplots()
    assert plot(forecast_of(panel, panel.end_origins(), 5), panel, ax=ax) is ax
    assert plot_scores(board({"naive": 1.0, "gru": 2.0}), ax=ax) is ax
    assert dict(matplotlib.rcParams) == before


def test_without_matplotlib_the_remedy_is_named():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from forecast.errors import SettingsError\n"
        "try:\n    import forecast.plotting\n"
        "except SettingsError as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'forecast-recurrent[plot]'" in said
