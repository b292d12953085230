"""What a comparison keeps beside its tables: verdict, rows, quantiles, calibration, training curves, gradients."""

import json

import numpy as np
import pandas as pd
import pytest

from forecast.data.panel import Panel
from forecast.evaluation.results import Result
from forecast.experiment.compare import compare
from forecast.experiment.contestants import PRESETS, RecurrentSettings
from forecast.experiment.details import write_details
from forecast.experiment.kept import RESULT, KeptResults
from forecast.experiment.learned import EPOCHS, LAGS, Learned, learned
from forecast.experiment.settings import Experiment, Split
from forecast.forecasters.naive import Naive
from forecast.training.checkpoint import read_checkpoint, write_checkpoint
from forecast.training.settings import Training
from forecast.windows.window import Window
from forecast.work.folder import Run, opened

TWO = Training(epochs=2)


@pytest.fixture(scope="module")
def panel():
    values = 3 + np.sin(np.arange(300) / 4) + 0.3 * np.random.default_rng(0).normal(size=300)
    values[[140, 290]] = np.nan
    days = np.tile(np.arange(150), 2).astype("M8[D]")
    return Panel.from_arrays(values, days, [150, 150], ["a", "=b"], report=("2 cells were mended",))


@pytest.fixture(scope="module")
def outcome(panel):
    made = {"naive": PRESETS["naive"], "gru": RecurrentSettings("gru", hidden_size=4, head="gaussian")}
    return compare(Experiment("table.csv", panel.schema, Window(8, 3), made, Split(0.7), TWO), panel)


@pytest.fixture(scope="module")
def folder(outcome, tmp_path_factory):
    folder = tmp_path_factory.mktemp("details")
    (folder / "details").mkdir()
    (folder / "details" / "pit.csv").write_text("of an earlier run")
    written = write_details(outcome, folder)
    assert {path.name for path in written} == {path.name for path in (folder / "details").iterdir()}
    return folder / "details"


def test_the_outcome_is_the_one_that_was_printed(folder, outcome, panel):
    told = json.loads((folder / "outcome.json").read_text())
    assert told["verdict"] == outcome.board.verdict
    assert told["notes"] == list(outcome.notes)
    assert told["report"] == ["2 cells were mended"]
    assert told["data"]["rows"] == len(panel.times)
    assert told["terms"]["origins"] == outcome.board.terms.origins


def test_rows_are_those_of_the_test_and_some_before_and_missing_cells_stay_missing(folder, outcome, panel):
    frame = pd.read_csv(folder / "observed.csv", parse_dates=["time"])
    assert list(frame) == ["series", "time", "target", "value"]
    first = outcome.scores.known.min() - np.timedelta64(50, "D")
    for place, name in enumerate(["a", "'=b"]):
        here = frame[frame["series"] == name].set_index("time")["value"]
        rows = slice(panel.offsets[place], panel.offsets[place + 1])
        whole = pd.Series(np.where(panel.observed[rows, 0], panel.values[rows, 0], np.nan), panel.times[rows])
        assert here.index.min() <= first
        np.testing.assert_array_equal(here.to_numpy(), whole.loc[here.index].to_numpy())
    assert frame["value"].isna().sum() == 2


def test_quantiles_are_those_of_the_distribution_and_only_of_who_states_one(folder, outcome):
    frame = pd.read_csv(folder / "quantiles.csv")
    said = outcome.scores.forecasts["gru"]
    assert set(frame["model"]) == {"gru"}
    levels = [name for name in frame if name.startswith("0.")]
    assert levels == sorted(levels, key=float)
    for level in levels:
        np.testing.assert_allclose(frame[level], said.distribution.quantiles((float(level),)).ravel())


def test_calibration_counts_every_judged_cell_once(folder, outcome):
    cells = int(outcome.scores.actual.seen.sum())
    assert pd.read_csv(folder / "pit.csv")["count"].sum() == cells
    assert (pd.read_csv(folder / "calibration.csv")["count"] == cells).all()
    reliability = pd.read_csv(folder / "reliability.csv")
    assert set(reliability["label"]) == {"up"}
    assert reliability["count"].sum() == cells


def test_every_epoch_is_kept_and_one_of_them_is_the_one_that_was_taken(folder):
    frame = pd.read_csv(folder / "training.csv")
    assert list(frame) == list(EPOCHS)
    assert frame["epoch"].tolist() == [1, 2]
    assert frame["kept"].sum() == 1
    assert frame.loc[frame["kept"], "validation"].item() == frame["validation"].min()
    assert frame["train"].notna().all()


def test_gradients_have_a_row_for_each_step_of_the_context(folder):
    frame = pd.read_csv(folder / "gradients.csv")
    assert list(frame) == list(LAGS)
    assert frame[frame["part"] == "state"]["lag"].tolist() == list(range(8))
    assert (frame["q10"] <= frame["q90"]).all()


def test_what_a_network_went_through_comes_back_with_its_result(panel, tmp_path):
    made = {"gru": RecurrentSettings("gru", hidden_size=4).make(Window(8, 2), TWO).fit(panel)}
    with opened(Run(tmp_path), {}, {}) as folder:
        put = KeptResults(made, folder, panel)
        put.put("gru", Result(failed="for the test"))
        got = KeptResults(made, folder, panel)
        got.get("gru")
        assert got.learned.to_tree() == put.learned.to_tree()
        pd.testing.assert_frame_equal(got.learned.training, put.learned.training)
        assert len(got.learned.gradients) == 8
        path = folder.kept("gru", RESULT)  # as an older version left it
        write_checkpoint(path, {name: part for name, part in read_checkpoint(path).items() if name != "learned"})
        old = KeptResults(made, folder, panel)
        assert old.get("gru").failed == "for the test"
        assert old.learned.to_tree() == Learned().to_tree()


def test_a_network_whose_gradients_cannot_be_followed_is_named_and_a_rule_has_none(panel):
    both = RecurrentSettings("bidirectional-gru", hidden_size=4).make(Window(8, 2), Training(epochs=1)).fit(panel)
    found = learned("mine", both, panel)
    assert len(found.epochs) == 1
    assert list(found.unmeasured) == ["mine"]
    assert learned("naive", Naive(Window(8, 2)), panel).to_tree() == Learned().to_tree()


def test_a_run_without_networks_and_distributions_leaves_no_tables_of_them(panel, tmp_path):
    made = {"naive": PRESETS["naive"], "drift": PRESETS["drift"]}
    found = compare(Experiment("table.csv", panel.schema, Window(8, 3), made, Split(0.7), TWO), panel)
    assert {path.name for path in write_details(found, tmp_path)} == {"outcome.json", "observed.csv"}


def test_drafts_of_a_writer_that_was_killed_are_cleared_by_the_next_run(tmp_path):
    (tmp_path / "details").mkdir()
    (tmp_path / "details" / ".pit.csv.17.draft").write_text("half")
    (tmp_path / "details" / "pit.csv").write_text("whole")
    with opened(Run(tmp_path), {}, {}):
        assert [path.name for path in (tmp_path / "details").iterdir()] == ["pit.csv"]
