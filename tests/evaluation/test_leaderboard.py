"""The leaderboard: its columns, its tests against the baseline, and what it says in words."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecast.data.panel import Panel
from forecast.errors import SettingsError
from forecast.evaluation.backtest import backtest
from forecast.evaluation.leaderboard import leaderboard
from forecast.evaluation.metrics import mae
from forecast.evaluation.per_series import count_outcomes, per_series_tests
from forecast.evaluation.significance import diebold_mariano, pool_by_time
from forecast.evaluation.verdict import Evidence, verdict

COLUMNS = ["model", "mae", "rmse", "smape", "mase", "rmsse", "bias", "relmae", "direction", "skill", "dm_p"]
COLUMNS += ["fit_seconds", "predict_ms", "parameters"]


@pytest.fixture
def contest(walks, make):
    """Four contestants, of which one fails, on three random walks."""
    contestants = {
        "naive": make.repeat_last(),
        "gru": make.oracle(2, noise=0.3),
        "ridge": make.oracle(2, noise=0.8, seed=1),
        "worse": make.repeat_last(plus=3.0),
        "broken": make.quitter(2),
    }
    return backtest(contestants, walks, since=0.5, season=1)


def test_the_columns_are_these_and_the_best_comes_first(contest):
    frame = leaderboard(contest).frame
    assert list(frame.columns) == COLUMNS
    assert frame["model"].tolist() == ["gru", "ridge", "naive", "worse"]
    assert frame["mae"].is_monotonic_increasing


def test_skill_and_significance_refer_to_the_named_baseline(contest):
    for baseline in ("naive", "ridge"):
        table = leaderboard(contest, baseline).frame.set_index("model")
        assert table.loc[baseline, "skill"] == 0.0
        assert np.isnan(table.loc[baseline, "dm_p"])
        assert table.loc["gru", "skill"] == pytest.approx(1 - table.loc["gru", "mae"] / table.loc[baseline, "mae"])
        assert table["dm_p"].drop(baseline).between(0, 1).all()


def test_p_values_are_holms_of_tests_on_losses_pooled_by_date(contest):
    table = leaderboard(contest).frame.set_index("model")
    loss = {name: pool_by_time(contest.losses[name], contest.known) for name in contest.models}
    assert len(loss["naive"]) < len(contest.losses["naive"])
    raw = {n: diebold_mariano(loss[n], loss["naive"], 2).p_value for n in ("gru", "ridge", "worse")}
    assert table["dm_p"].max() == pytest.approx(max(max(raw.values()), 2 * sorted(raw.values())[1]), rel=1e-9)
    assert table["dm_p"].min() == pytest.approx(3 * min(raw.values()), rel=1e-9)


def test_series_out_of_step_overlap_by_more_than_their_own_stride(make):
    steps = np.random.default_rng(0).standard_normal((2, 600)).cumsum(axis=1)
    days = np.datetime64("2024-01-01", "D") + np.arange(600)
    holiday = np.arange(600) != 305
    values, times = np.concatenate([steps[0], steps[1][holiday]]), np.concatenate([days, days[holiday]])
    panel = Panel.from_arrays(values, times, [600, 599])
    scores = backtest(
        {"naive": make.repeat_last(horizon=4), "other": make.oracle(4, noise=2.0)}, panel, since=days[300], stride=4
    )
    losses = [pool_by_time(scores.losses[name], scores.known) for name in ("other", "naive")]
    assert len(losses[0]) > 1.9 * len(scores.losses["naive"]) / 2
    found = leaderboard(scores).frame.set_index("model").loc["other", "dm_p"]
    assert found == pytest.approx(diebold_mariano(*losses, horizon=4, stride=2).p_value, rel=1e-9)
    assert found != pytest.approx(diebold_mariano(*losses, horizon=4, stride=4).p_value, rel=1e-3)


def test_metrics_that_were_not_asked_for_are_there_all_the_same(walks, make):
    rules = {"naive": make.repeat_last(), "up": make.repeat_last(plus=0.1)}
    few = leaderboard(backtest(rules, walks, since=0.5, season=1, metrics=[mae]))
    every = leaderboard(backtest(rules, walks, since=0.5, season=1))
    pd.testing.assert_frame_equal(few.frame.iloc[:, :11], every.frame.iloc[:, :11])


def test_a_missing_baseline_is_named_with_the_nearest(contest):
    with pytest.raises(SettingsError, match="no contestant 'naiv'; did you mean 'naive'"):
        leaderboard(contest, "naiv")
    with pytest.raises(SettingsError, match="'broken' was not judged"):
        leaderboard(contest, "broken")


def test_the_text_says_what_everything_means_and_fits(contest):
    board = leaderboard(contest)
    for width in (60, 100, 140):
        text = board.to_text(width)
        assert max(map(len, text.splitlines())) <= width
        flat = re.sub(r"\s+", " ", text)
        for said in ("naive (baseline)", "3 series of y0", "347 origins (every row)", "2 steps ahead", "the row before",
                     "200 |actual - forecast|", "always saying the more frequent one", "Failed: broken: no windows",
                     "Worse than repeating the last value: worse", "Holm over contestants"):  # fmt: skip
            assert said in flat
    assert "Left out at this width" in board.to_text(60)
    assert "Left out" not in board.to_text(160)


def test_a_baseline_whose_rivals_all_failed_is_not_called_unbeaten(walks, make):
    board = leaderboard(backtest({"naive": make.repeat_last(), "bad": make.quitter(2)}, walks, since=0.5, season=1))
    assert board.verdict == "naive was compared with nobody: bad failed, as is said below"


def test_a_narrow_table_keeps_the_accuracy_of_classes_longest(contest):
    board = leaderboard(contest)
    frame = board.frame.assign(accuracy=0.8, brier=0.2)
    text = replace(board, frame=frame).to_text(90)
    assert "accuracy" in text.split("Left out")[0]
    assert "rmsse" in text.split("Left out")[1]


def test_the_notebook_table_escapes_names(walks, make):
    rules = {"naive": make.repeat_last(), "<b>gru</b>": make.repeat_last(plus=1.0)}
    html = leaderboard(backtest(rules, walks, since=0.5, season=1))._repr_html_()
    assert "&lt;b&gt;gru" in html
    assert "<b>gru" not in html
    assert html.count("<tr>") == 3


def test_the_majority_rate_stands_beside_direction(contest):
    ups = np.sign(contest.actual.values - contest.actual.last[:, None])
    share = (ups > 0).sum() / (ups != 0).sum()
    assert leaderboard(contest).majority == pytest.approx(max(share, 1 - share))


def test_series_are_counted_as_better_worse_or_undecided(contest):
    tests = per_series_tests(contest, "naive")
    assert len(tests) == 3 * 3
    assert tests["p_holm"].min() == pytest.approx(9 * tests["p_value"].min())
    assert count_outcomes(tests).set_index("model").loc["gru"].tolist() == [3, 0, 0]
    assert count_outcomes(tests).set_index("model").loc["worse"].tolist() == [0, 3, 0]
    assert tests.query("model == 'gru' and series == 's0'")["skill"].item() > 0.5


def test_equal_forecasts_are_undecided(walks, make):
    scores = backtest({"naive": make.repeat_last(), "twin": make.repeat_last()}, walks, since=0.5, season=1)
    assert set(per_series_tests(scores)["outcome"]) == {"undecided"}
    assert leaderboard(scores).verdict == "nothing beats repeating the last value"


def test_the_sentence_and_the_table_say_the_same_chance(walks, make):
    """Against the rule itself as the baseline: that the rule is as good as itself is no test to correct for."""

    def nearly(gain: float, noise: float):
        ahead, last = make.oracle(2), make.repeat_last()
        draws = np.random.default_rng(int(100 * noise))

        def say(panel, origins, steps):
            best, rule = (each.say(panel, origins, steps) for each in (ahead, last))
            return rule + gain * (best - rule) + noise * draws.standard_normal(rule.shape)

        return make.Rule(make.Frame(1, 2), say)

    contestants = {"naive": make.repeat_last(), "a": nearly(0.02, 0.2), "b": nearly(0.02, 0.3), "c": nearly(0, 0.4)}
    board = leaderboard(backtest(contestants, walks, since=0.5, season=1))
    best = board.frame.iloc[0]
    assert best["model"] != "naive"
    assert board.verdict.endswith(f"p = {best['dm_p']:.2f})")


def test_too_few_origins_are_admitted(walks, make):
    scores = backtest({"naive": make.repeat_last(), "gru": make.oracle(2)}, walks, since=-3, season=1)
    board = leaderboard(scores)
    assert "on too few origins to rule out chance" in board.verdict
    assert "No tests: 4 origin dates; at least 10 are needed" in re.sub(r"\s+", " ", board.to_text())
    assert np.isnan(board.frame["dm_p"]).all()


def test_a_real_contest_ends_in_a_sentence(contest):
    assert re.match(r"gru beats naive by \d\d % \(p < 0.001\)", leaderboard(contest).verdict)


def words(mae, p=None, naive=None, baseline="naive", cost=None, rule_p=0.5, pair=0.5):
    """Verdict for a table of mae by model; `naive` is the mae of repeating the last value."""
    frame = pd.DataFrame({"model": list(mae), "mae": list(mae.values())})
    naive = naive or mae["naive"]
    frame["relmae"] = frame["mae"] / naive
    frame["skill"] = 1 - frame["mae"] / mae[baseline]
    frame["dm_p"] = [np.nan if model == baseline else p for model in mae]
    seconds = dict.fromkeys(mae, 1.0) | (cost or {})
    evidence = Evidence(dict.fromkeys(mae, rule_p), lambda a, b: pair, seconds)
    return verdict(frame.sort_values("mae", ignore_index=True), baseline, evidence)


def test_nothing_beats_repeating_the_last_value():
    best = words({"naive": 1.0, "linear": 1.01, "gru": 1.015})
    assert best == "nothing beats repeating the last value"
    assert words({"linear": 0.985, "naive": 1.0}, p=0.31, rule_p=0.31) == (
        "nothing beats repeating the last value (the best, linear, is 1.5 % better, but chance explains it: p = 0.31)"
    )
    assert "1.5 % better, too little to count: p = 0.003" in words({"linear": 0.985, "naive": 1.0}, rule_p=0.003)
    far = words({"seasonal": 1.3, "gru": 1.5}, naive=1.0, baseline="seasonal")
    assert far.startswith("nothing beats repeating the last value (the best, seasonal, is 30 % worse)")


def test_a_recurrent_network_worse_than_the_last_value_is_told_so():
    assert words({"naive": 1.0, "lstm": 1.05, "gru": 1.2}).endswith("; lstm is 5 % worse than that")


def test_nothing_beats_a_baseline_that_itself_beats_the_last_value():
    assert words({"seasonal": 0.7, "linear": 0.8}, naive=1.0, baseline="seasonal", p=0.01) == (
        "nothing beats seasonal, which is 30 % better than repeating the last value"
    )


def test_the_best_beats_the_baseline():
    assert words({"gru": 0.86, "naive": 1.0}, p=0.003) == "gru beats naive by 14 % (p = 0.003)"
    assert words({"gru": 0.86, "naive": 1.0}, p=1e-9) == "gru beats naive by 14 % (p < 0.001)"


def test_chance_explains_a_difference():
    said = words({"gru": 0.686, "seasonal": 0.7}, naive=1.0, baseline="seasonal", p=0.31)
    assert said == "gru is 2 % better than seasonal, but chance explains it (p = 0.31)"


def test_a_cheaper_contestant_that_is_nearly_as_good_is_named():
    close = {"gru": 0.86, "linear": 0.8686, "naive": 1.0}
    assert words(close, p=0.003, cost={"gru": 40.0}) == (
        "gru beats naive by 14 % (p = 0.003); linear is 1 % worse and 40x cheaper"
    )
    assert "cheaper" not in words(close, p=0.003, cost={"gru": 4.0})
    assert "cheaper" not in words(close, p=0.003, cost={"gru": 0.01, "linear": 0.0001})


def test_a_difference_that_chance_explains_counts_as_nearly_as_good_up_to_a_tenth():
    table = {"gru": 0.80, "linear": 0.84, "naive": 1.0}
    assert words(table, p=0.01, cost={"gru": 100.0}, pair=0.4).endswith("linear is 5 % worse and 100x cheaper")
    assert "cheaper" not in words(table, p=0.01, cost={"gru": 100.0}, pair=0.01)
    assert "cheaper" not in words(table | {"linear": 0.9}, p=0.01, cost={"gru": 100.0}, pair=0.4)


def test_the_best_recurrent_network_is_compared_with_a_winner_of_another_kind():
    table = {"linear": 0.80, "gru": 0.824, "lstm": 0.9, "naive": 1.0}
    assert words(table, p=0.01).endswith("; gru is 3 % worse than linear")
    assert words(table, p=0.01, cost={"gru": 40.0}).endswith("; gru is 3 % worse than linear, which is 40x cheaper")
    assert "lstm" not in words(table | {"gru, streamed": 0.79}, p=0.01)


def test_an_infinite_score_of_a_distribution_is_explained(contest):
    board = leaderboard(contest)
    assert "no finite score" not in board.to_text(160)
    endless = replace(board, frame=board.frame.assign(crps=np.inf))
    flat = re.sub(r"\s+", " ", endless.to_text(160))
    assert "inf (crps): the distribution has no finite score" in flat
