"""A categorical target is judged by its error rate: between codes there are no distances."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, zero_one_loss

from forecast.cli import main
from forecast.data.forecast import Forecast
from forecast.data.panel import Panel
from forecast.data.readers import from_frame
from forecast.data.schema import Schema
from forecast.distributions import Categories
from forecast.errors import SettingsError
from forecast.evaluation.backtest import backtest
from forecast.evaluation.classes import brier, error_rate
from forecast.evaluation.leaderboard import leaderboard
from forecast.evaluation.scores import Scores
from forecast.evaluation.tally import overall
from forecast.forecasters.naive import Naive, SeasonalNaive
from forecast.plotting import plot_errors, plot_scores, plot_steps
from forecast.report.material import read_material
from forecast.report.page import render
from forecast.sweeps.sweep import sweep
from forecast.windows.window import Window

NAMES = ("sun", "cloud", "rain")
NAMES_IN_ORDER = tuple(sorted(NAMES))
WINDOW = Window(4, 2)
SINCE = "2024-07-01"


class Climate:
    """States the shares of the training rows."""

    window = WINDOW

    def fit(self, panel: Panel):
        self.labels = panel.categories["sky"]
        self.shares = np.bincount(panel.values[:, 0].astype(int), minlength=len(self.labels)) / len(panel.values)
        return self

    def predict(self, panel, origins=None):
        shape = (len(origins), self.window.horizon, 1)
        said = Categories(self.labels, np.broadcast_to(self.shares, (*shape, len(self.labels))).copy())
        codes = np.full(shape, float(self.shares.argmax()))
        return Forecast.at(panel, origins, codes, distribution=said)


def frame_of(names: tuple[str, ...] = NAMES, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    chance = np.array([[0.8, 0.15, 0.05], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])
    codes = [0]
    for _ in range(299):
        codes.append(rng.choice(3, p=chance[codes[-1]]))
    days = pd.date_range("2024-01-01", periods=300)
    return pd.DataFrame({"day": days, "sky": [names[code] for code in codes], "wind": rng.normal(size=300)})


def judged(names: tuple[str, ...] = NAMES) -> Scores:
    panel = from_frame(frame_of(names), Schema("day", ("sky",), categorical=("sky",)))
    return backtest({"naive": Naive(WINDOW), "weekly": SeasonalNaive(WINDOW, 7), "climate": Climate()}, panel, SINCE)


def test_the_board_counts_wrong_categories_as_scikit_learn_does():
    scores = judged()
    board = leaderboard(scores)
    assert (board.error, scores.error) == ("error_rate", "error_rate")
    metrics = ["error_rate", "rel_error_rate", "balanced_accuracy", "brier"]
    assert list(board.frame.columns[:7]) == ["model", *metrics, "skill", "dm_p"]
    happened = scores.actual.values.ravel()
    for row in board.frame.itertuples():
        said = scores.forecasts[row.model].point.ravel()
        assert row.error_rate == pytest.approx(zero_one_loss(happened, said))
        assert row.balanced_accuracy == pytest.approx(balanced_accuracy_score(happened, said))
        assert row.error_rate == pytest.approx(np.mean(scores.losses[row.model]))
        assert row.rel_error_rate == pytest.approx(row.error_rate / scores.terms.naive_error)
    assert board.frame["error_rate"].is_monotonic_increasing
    assert board.frame.set_index("model").loc["naive", "rel_error_rate"] == 1.0
    text = board.to_text()
    assert "mae" not in text
    assert "direction" not in text
    assert "error_rate: share of steps where another category happened" in text


def test_what_categories_are_called_changes_nothing():
    """Their codes are in the order of their names: an error that depended on codes would see it."""
    boards = [leaderboard(judged(names)) for names in (NAMES, ("c", "a", "b"), ("b", "c", "a"))]
    for other in boards[1:]:
        assert other.verdict == boards[0].verdict
        columns = ["model", "error_rate", "rel_error_rate", "balanced_accuracy", "brier", "skill", "dm_p"]
        pd.testing.assert_frame_equal(other.frame[columns], boards[0].frame[columns])


def test_a_category_that_was_not_observed_is_not_judged():
    frame = frame_of()
    frame.loc[250, "sky"] = None
    panel = from_frame(frame, Schema("day", ("sky",), categorical=("sky",)))
    scores = backtest({"naive": Naive(WINDOW)}, panel, SINCE)
    assert not scores.actual.seen.all()
    said, seen = scores.forecasts["naive"].point, scores.actual.seen
    expected = (said != scores.actual.values)[seen].mean()
    assert leaderboard(scores).frame["error_rate"].item() == pytest.approx(expected)


def test_a_category_that_a_forecast_does_not_know_and_a_code_of_none_are_wrong():
    scores = judged()
    shape = scores.actual.values.shape
    rain = NAMES_IN_ORDER.index("rain")
    two = tuple(name for name in NAMES_IN_ORDER if name != "sun")  # the last code is one that they lack
    shares = np.broadcast_to(np.array([0.2, 0.8]), (*shape, 2)).copy()
    naive = scores.forecasts["naive"]
    lacking = replace(naive, values=np.full((*shape, 1), float(rain)), distribution=Categories(two, shares))
    happened = scores.actual.values
    assert overall(error_rate, lacking, scores.actual) == pytest.approx((happened != rain).mean())
    each = np.where(happened == 0, 0.64 + 0.64, np.where(happened == 1, 0.04 + 0.04, 0.04 + 0.64 + 1.0)) / 2
    assert overall(brier, lacking, scores.actual) == pytest.approx(each.mean())
    between = replace(naive, values=np.full((*shape, 1), 0.6))
    assert overall(error_rate, between, scores.actual) == 1.0


def test_where_nobody_is_ever_wrong_nobody_is_worse():
    frame = frame_of()
    frame.loc[frame["day"] >= "2024-06-01", "sky"] = "sun"
    panel = from_frame(frame, Schema("day", ("sky",), categorical=("sky",)))
    scores = backtest({"naive": Naive(WINDOW), "gru": SeasonalNaive(WINDOW, 7)}, panel, SINCE)
    board = leaderboard(scores)
    assert board.verdict == "nothing beats naive; gru is as good as naive"
    for by in ("error_rate", "skill"):
        assert not any("nan" in text.get_text() for text in plot_scores(board, by).texts)


def test_categories_among_several_targets_are_refused():
    panel = from_frame(frame_of(), Schema("day", ("wind", "sky"), categorical=("sky",)))
    with pytest.raises(SettingsError, match="target 'sky' holds categories, which are judged alone"):
        backtest({"naive": Naive(WINDOW)}, panel, SINCE)


def test_a_sweep_by_an_error_of_numbers_is_refused_and_one_by_the_error_rate_is_not():
    panel = from_frame(frame_of(), Schema("day", ("sky",), categorical=("sky",)))

    def space(trial):
        return SeasonalNaive(WINDOW, trial.suggest_int("season", 1, 9))

    with pytest.raises(SettingsError, match="metric 'mae' needs numbers, and the target 'sky' holds categories: use"):
        sweep(space, panel, SINCE, trials=1, metric="mae")
    plain = sweep(space, panel, SINCE, trials=2)
    assert plain.best_value == sweep(space, panel, SINCE, trials=2, metric="error_rate").best_value <= 1


def test_the_verb_sweeps_networks_that_say_categories_beside_the_settings_nobody_tuned(tmp_path, capsys):
    frame = frame_of()
    frame.loc[frame["day"] >= "2024-08-01", "sky"] = "sun"  # repeating it is never wrong in the test
    path, out = tmp_path / "sky.csv", tmp_path / "run"
    frame.to_csv(path, index=False)
    settings = tmp_path / "sweep.toml"
    settings.write_text(
        f'data = "{path.as_posix()}"\n[schema]\ntargets = ["sky"]\ncategorical = ["sky"]\n'
        '[window]\ncontext = 4\nhorizon = 2\n[split]\nsince = "2024-08-15"\n[training]\nepochs = 1\n'
        "[sweep]\ntrials = 2\nfolds = 1\n[space]\nhidden_size = [4, 8]\n"
    )
    assert main(["sweep", str(settings), "--out", str(out)]) == 0
    board = pd.read_csv(out / "leaderboard.csv")
    assert {"naive", "default-gru", "winner-gru"} <= set(board["model"])
    assert board["error_rate"].notna().all()
    assert "Failed" not in capsys.readouterr().out
    assert 'head = "category"' in (out / "settings.toml").read_text()


def test_plots_name_the_error_rate():
    scores = judged()
    assert plot_scores(leaderboard(scores)).get_xlabel() == "error rate; shorter is better"
    assert plot_steps(scores).get_ylabel() == "error rate"
    assert plot_errors(scores).get_ylabel() == "error rate"


def test_the_page_of_a_run_speaks_of_wrong_categories(tmp_path, capsys):
    pytest.importorskip("plotly", reason="the page of a run needs plotly")
    path, out = tmp_path / "sky.csv", tmp_path / "run"
    frame_of().to_csv(path, index=False)
    asked = ["--target", "sky", "--categorical", "sky", "--horizon", "2", "--context", "4", "--models"]
    assert main(["compare", str(path), *asked, "naive,seasonal-naive", "--out", str(out)]) == 0
    page = render(read_material(out))
    rate = float(pd.read_csv(out / "leaderboard.csv")["error_rate"].iloc[0])
    assert f"was wrong about the category at {100 * rate:.1f} % of the steps" in page
    assert "bsolute error" not in page.partition("<h2")[2].partition("<script")[0]
