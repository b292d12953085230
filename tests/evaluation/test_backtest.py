"""The judge: which origins, who sees what, and what happens to contestants that fail."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecast.data.forecast import Forecast
from forecast.data.panel import Panel
from forecast.errors import ForecastError, SettingsError
from forecast.evaluation.backtest import backtest, rolling_origins
from forecast.evaluation.metrics import DEFAULT, mae, relmae
from forecast.evaluation.scores import cell_mean


def value(scores, model, metric="mae", series="*", step="*", target="*"):
    frame = scores.frame
    keep = (frame.model == model) & (frame.metric == metric) & (frame.series == series)
    return frame[keep & (frame.step == step) & (frame.target == target)]["value"].item()


def test_contestants_are_fitted_on_the_rows_before_the_cut_only(walks, make):
    naive = make.repeat_last()
    backtest({"naive": naive}, walks, since="2024-06-01", season=1)
    assert naive.trained.times.max() == np.datetime64("2024-05-31")
    assert len(naive.trained.times) == 3 * 152


def test_the_first_forecast_row_is_the_first_row_after_the_cut(walks, make):
    scores = backtest({"naive": make.repeat_last()}, walks, since="2024-06-01", season=1)
    assert scores.terms.since == np.datetime64("2024-06-01")
    np.testing.assert_array_equal(np.bincount(scores.origins.series), [147, 147, 47])
    assert scores.times[:, -1].max() == walks.times.max()
    assert scores.terms.until == walks.times.max()


def test_everyone_is_judged_where_the_longest_context_fits(panel_from, make):
    panel = panel_from(np.arange(30.0), np.arange(12.0))
    scores = backtest(
        {"short": make.repeat_last(), "long": make.repeat_last(context=11)},
        panel,
        since=5,
        stride=4,
        season=1,
    )
    assert scores.origins.series.tolist() == [0] * 4
    assert scores.origins.step.tolist() == [13, 17, 21, 25]
    assert scores.losses["short"].shape == scores.losses["long"].shape == (len(scores.origins),)


def test_origins_wait_for_the_first_value_and_skip_futures_nobody_saw(panel_from):
    values = np.array([np.nan, np.nan, 1.0, 2.0, np.nan, np.nan, 3.0, 4.0])
    origins = rolling_origins(panel_from(values), np.array([1]), context=1, horizon=2)
    assert origins.step.tolist() == [3, 5, 6]


def test_cells_that_were_not_observed_do_not_count(panel_from, make):
    panel = panel_from(np.array([0.0, 0.0, 0.0, 1.0, np.nan, 5.0]))
    scores = backtest({"naive": make.repeat_last()}, panel, since=2, stride=2, season=1)
    np.testing.assert_array_equal(scores.origins.step, [2, 4])
    np.testing.assert_array_equal(scores.losses["naive"], [0.5, 4.0])
    assert value(scores, "naive") == pytest.approx((0 + 1 + 4) / 3)


def test_scores_say_what_they_are_of(panel_from, make):
    panel = panel_from(np.arange(10.0), 10 * np.arange(10.0))
    scores = backtest({"naive": make.repeat_last()}, panel, since=6, season=1)
    assert [value(scores, "naive", step=step) for step in (1, 2)] == pytest.approx([5.5, 11.0])
    assert [value(scores, "naive", series=name) for name in ("s0", "s1")] == pytest.approx([1.5, 15.0])
    assert value(scores, "naive") == pytest.approx(8.25)
    assert value(scores, "naive", "mase") == pytest.approx(1.5)
    assert value(scores, "naive", "relmae") == 1.0
    assert scores.terms.naive_error == pytest.approx(8.25)
    assert set(scores.frame.columns) == {"model", "series", "step", "metric", "value", "target"}
    assert len(scores.frame) == len(DEFAULT) * (1 + 2 + 2)


def test_several_targets_are_told_apart(panel_from, make):
    panel = panel_from(np.stack([np.arange(10.0), 10 * np.arange(10.0)], axis=1))
    scores = backtest({"naive": make.repeat_last()}, panel, since=6, metrics=[mae], season=1)
    assert [value(scores, "naive", target=name) for name in ("y0", "y1")] == pytest.approx([1.5, 15.0])
    assert value(scores, "naive", step=2, target="y1") == pytest.approx(20.0)
    assert value(scores, "naive") == pytest.approx(8.25)


def test_a_better_forecaster_scores_better_in_every_metric_of_size(walks, make):
    contestants = {"sharp": make.oracle(2, noise=0.1), "dull": make.oracle(2, noise=5.0)}
    scores = backtest(contestants, walks, since=0.5, season=1)
    for metric in ("mae", "rmse", "smape", "mase", "rmsse", "relmae"):
        assert value(scores, "sharp", metric) < value(scores, "dull", metric)
    assert value(scores, "sharp", "direction") > value(scores, "dull", "direction")


def test_the_scale_of_mase_comes_from_training_rows_of_the_named_season(panel_from, make):
    panel = panel_from(np.array([0.0, 1.0, 0.0, 5.0, 100.0, 300.0]))
    scores = backtest({"naive": make.repeat_last(horizon=1)}, panel, since=4, season=2)
    assert scores.actual.scale.item() == 2.0
    assert value(scores, "naive", "mase") == pytest.approx((95 + 200) / 2 / 2.0)


def test_a_contestant_that_raises_is_reported_and_the_others_go_on(walks, make):
    scores = backtest({"net": make.quitter(2), "naive": make.repeat_last()}, walks, since=0.5, season=1)
    assert scores.failed == {"net": "no windows to train on"}
    assert scores.models == ("naive",)
    with pytest.raises(SettingsError, match="'net' was not judged, it failed: no windows"):
        scores.require("net")


def test_a_mistake_in_a_program_is_not_hidden(walks, make):
    with pytest.raises(ZeroDivisionError):
        backtest({"net": make.quitter(2, ZeroDivisionError())}, walks, since=0.5, season=1)


def test_when_everyone_fails_the_reasons_are_listed(walks, make):
    with pytest.raises(ForecastError, match=r"every contestant failed:\n  - net: no windows to train on"):
        backtest({"net": make.quitter(2)}, walks, since=0.5, season=1)


def test_a_forecast_that_is_not_finite_names_series_and_date(walks, make):
    def say(panel, origins, steps):
        values = np.zeros((len(origins), steps, 1))
        values[(origins.series == 1) & (origins.step == 290)] = np.nan
        return values

    nan = make.Rule(make.Frame(1, 2), say)
    scores = backtest({"nan": nan, "naive": make.repeat_last()}, walks, since=0.5, season=1)
    assert "not finite at 1 of 347 origins, first of series 's1' at 2024-10-16" in scores.failed["nan"]


def test_forecasts_of_the_wrong_shape_or_place_are_failures(walks, make):
    class Elsewhere(make.Rule):
        def predict(self, panel, origins=None):
            moved = type(origins)(origins.series, origins.step - 1)
            return Forecast.at(panel, moved, np.zeros((len(moved), 2, 1)))

    contestants = {
        "long": make.Rule(make.Frame(1, 2), lambda p, o, h: np.zeros((len(o), 3, 1))),
        "elsewhere": Elsewhere(make.Frame(1, 2), None),
        "naive": make.repeat_last(),
    }
    failed = backtest(contestants, walks, since=0.5, season=1).failed
    assert "has the shape (347, 3, 1); [origin, step, target] is (347, 2, 1)" in failed["long"]
    assert "other origins" in failed["elsewhere"]


def test_different_horizons_cannot_be_compared(walks, make):
    with pytest.raises(SettingsError, match="a: 1, b: 2"):
        backtest({"a": make.repeat_last(horizon=1), "b": make.repeat_last(horizon=2)}, walks, since=0.5)


@pytest.mark.parametrize(("since", "said"), [(-1, "needs 5 rows of context.*2 rows"), ("2030-01-01", "at or after")])
def test_nothing_to_judge_is_an_error_that_counts_rows(walks, make, since, said):
    with pytest.raises(SettingsError, match=said):
        backtest({"naive": make.repeat_last(context=5)}, walks, since=since, season=1)


@pytest.mark.parametrize("name", ["series", "targets"])
def test_a_name_that_stands_for_all_in_tables_of_scores_is_refused(walks, make, name):
    panel = walks
    if name == "series":
        named = replace(panel, series=("*", *panel.series[1:]))
    else:
        named = replace(panel, schema=replace(panel.schema, targets=("*", *panel.targets[1:])))
    with pytest.raises(SettingsError, match="stands for all"):
        backtest({"naive": make.repeat_last()}, named, since=0.8)


def test_no_contestants_is_an_error(walks):
    with pytest.raises(SettingsError, match="no contestants"):
        backtest({}, walks, since=0.5, season=1)


def test_costs_are_kept_and_a_parameters_method_is_no_count(walks, make):
    def method():
        return []

    contestants = {"counted": make.repeat_last(), "module": make.repeat_last()}
    contestants["counted"].parameters, contestants["module"].parameters = 42, method
    heard = []
    scores = backtest(contestants, walks, since=0.5, season=1, progress=heard.append)
    assert scores.parameters == {"counted": 42, "module": 0}
    assert min(*scores.fit_seconds.values(), *scores.predict_ms.values()) > 0
    assert heard[:2] == ["counted: fitting", "counted: predicting at 347 origins"]


def test_the_season_is_asked_of_the_training_rows_when_not_given(make):
    rng = np.random.default_rng(0)
    weekly = np.tile([0.0, 1.0, 5.0, 2.0, 8.0, 3.0, 4.0], 40) + 0.01 * rng.standard_normal(280)
    panel = Panel.from_arrays(weekly, np.arange(280).astype("M8[D]"))
    assert backtest({"naive": make.repeat_last()}, panel, since=0.5).terms.season == 7


def test_the_forecasts_frame_holds_what_was_said_beside_what_happened(walks, make):
    scores = backtest({"naive": make.repeat_last(), "up": make.repeat_last(plus=1.0)}, walks, since=0.9, season=1)
    frame = scores.forecasts_frame()
    assert list(frame.columns) == ["model", "series", "origin", "time", "step", "target", "mean", "actual"]
    assert len(frame) == 2 * len(scores.origins) * 2
    row = frame[(frame.model == "up") & (frame.series == "s1") & (frame.step == 2)].iloc[0]
    values = pd.Series(walks.values[300:600, 0], index=walks.times[300:600])
    assert row["mean"] == pytest.approx(values[row["origin"]] + 1.0)
    assert row["actual"] == values[row["time"]]
    assert row["time"] - row["origin"] == pd.Timedelta(days=2)
    error = (frame["mean"] - frame["actual"]).abs().groupby(frame["model"], observed=True).mean()
    assert error["up"] == pytest.approx(value(scores, "up"))


def test_the_forecasts_frame_names_every_cell_of_several_series_and_targets(panel_from, make):
    both = [np.stack([start + np.arange(9.0), 100 * (start + np.arange(9.0))], axis=1) for start in (0, 50)]
    scores = backtest(
        {"naive": make.repeat_last(horizon=3), "up": make.repeat_last(horizon=3, plus=7.0)},
        panel_from(*both),
        since=5,
        metrics=[mae],
        season=1,
    )
    frame, day = scores.forecasts_frame(), np.datetime64("2024-01-01")
    assert len(frame) == 2 * len(scores.origins) * 3 * 2
    assert not frame.duplicated(["model", "series", "origin", "step", "target"]).any()
    for row in frame.itertuples():
        last = (row.origin - pd.Timestamp(day)).days + (50 if row.series == "s1" else 0)
        factor = 100 if row.target == "y1" else 1
        assert row.mean == factor * last + (7.0 if row.model == "up" else 0.0)
        assert row.actual == factor * (last + row.step)
        assert (row.time - row.origin).days == row.step


def test_an_origin_at_which_a_model_was_not_judged_has_no_loss(panel_from, make):
    errors = np.array([[[1.0, np.nan], [3.0, 5.0]], [[np.nan, np.nan], [np.nan, np.nan]]])
    np.testing.assert_array_equal(cell_mean(errors), [3.0, np.nan])
    scores = backtest({"up": make.repeat_last(plus=1.0)}, panel_from(np.arange(10.0)), since=6, season=1)
    np.testing.assert_array_equal(scores.losses["up"], [0.5] * 3)
    np.testing.assert_array_equal(scores.naive_losses, [1.5] * 3)


def test_the_scores_of_a_step_are_named_by_it_and_nothing_is_told_of_series_that_were_not_judged(panel_from, make):
    panel = panel_from(np.arange(10.0), np.arange(3.0), np.arange(10.0))
    scores = backtest({"naive": make.repeat_last()}, panel, since=6, season=1, metrics=[mae])
    assert scores.frame["series"].tolist() == ["*", "s0", "s2", "*", "*"]
    assert scores.frame["step"].tolist() == ["*", "*", "*", 1, 2]
    assert scores.frame["target"].tolist() == ["*"] * 5
    assert scores.terms.judged == 2


def test_a_score_that_is_known_is_not_computed_again_and_another_one_is(walks, make):
    scores = backtest({"naive": make.repeat_last()}, walks, since=0.5, season=1, metrics=[mae])
    known = replace(scores, frame=scores.frame.assign(value=np.arange(len(scores.frame)) + 7.0))
    assert known.overall(mae) == {"naive": 7.0}
    assert known.overall(relmae) == {"naive": pytest.approx(1.0)}


def test_scores_say_in_a_line_what_they_are_and_who_failed(walks, make):
    rules = {"naive": make.repeat_last(), "net": make.quitter(2)}
    said = repr(backtest(rules, walks, since=0.5, season=1))
    assert said == "Scores(1 models, 3 series, 347 origins, horizon 2, failed: net)"
    del rules["net"]
    assert repr(backtest(rules, walks, since=0.5, season=1)).endswith("horizon 2)")
