"""forecast sweep: from a table to a winner that was judged once, and back again from its files."""

import json
import tomllib

import optuna
import pandas as pd
import pytest

import forecast as fc
from forecast.cli import main
from forecast.errors import SettingsError
from forecast.experiment.settings import read_experiment
from forecast.experiment.spaces import Range, network_space, space_of, to_table
from forecast.experiment.sweep_tables import read_sweep
from forecast.training.settings import Training
from forecast.windows.window import Window

SETTINGS = """
data = "table.csv"

[window]
context = 8
horizon = 2

[training]
epochs = 2
device = "cpu"

[sweep]
trials = 3
folds = 2

[space]
cell = ["rnn", "gru"]
hidden_size = {low = 2, high = 6}
feed = "streamed"
context = [8, 12]
"""


@pytest.fixture
def folder(tmp_path):
    values = pd.Series(range(240)).mul(0.2).map(lambda x: round(x % 5 + (x % 1), 3))
    times = pd.date_range("2024-01-01", periods=len(values), freq="h")
    pd.DataFrame({"time": times, "load": values}).to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "sweep.toml").write_text(SETTINGS)
    return tmp_path


def test_a_settings_file_is_swept_and_what_it_leaves_can_be_run_fitted_and_swept_again(folder, capsys):
    out = folder / "out"
    assert main(["sweep", str(folder / "sweep.toml"), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "3 trials" in said
    assert "against repeating the last value" in said
    frame = pd.read_csv(out / "trials.csv")
    assert list(frame["number"]) == [0, 1, 2]
    assert set(frame["cell"]) <= {"rnn", "gru"}
    board = pd.read_csv(out / "leaderboard.csv")
    winner = next(name for name in board["model"] if name.startswith("winner-"))
    assert {"naive", "linear"} < set(board["model"])
    assert {"sweep-history.png", "sweep-costs.png", "sweep-cells.png"} <= {
        file.name for file in (out / "plots").iterdir()
    }
    written = tomllib.loads((out / "settings.toml").read_text())
    assert written["space"]["hidden_size"] == {"low": 2, "high": 6}
    assert written["sweep"]["trials"] == 3

    assert main(["fit", str(out / "settings.toml"), "--model", winner, "--out", str(folder / "model")]) == 0
    assert fc.load(folder / "model").model.window.horizon == 2
    assert main(["run", str(out / "settings.toml"), "--out", str(folder / "again"), "--json"]) == 0
    again = json.loads(capsys.readouterr().out.split("\n", 2)[-1])
    first = board.set_index("model")["mae"]
    assert {row["model"]: row["mae"] for row in again["leaderboard"]} == pytest.approx(first.to_dict())

    assert main(["sweep", str(folder / "sweep.toml"), "--trials", "5", "--out", str(out), "--json"]) == 0
    more = json.loads(capsys.readouterr().out)
    assert [trial["number"] for trial in more["trials"]] == [0, 1, 2, 3, 4]
    assert more["trials"][1]["mae"] == pytest.approx(frame["mae"][1])


def test_flags_sweep_a_file_without_settings(folder, capsys):
    asked = [
        "sweep",
        str(folder / "table.csv"),
        "--target",
        "load",
        "--context",
        "8",
        "--horizon",
        "2",
        "--trials",
        "2",
    ]
    more = [
        "--folds",
        "1",
        "--model",
        "ridge",
        "--metric",
        "rmse",
        "--seed",
        "7",
        "--storage",
        f"journal:{folder}/s.log",
    ]
    assert main([*asked, *more, "--out", str(folder / "out")]) == 0
    assert "ridge" in capsys.readouterr().out
    assert (folder / "s.log").is_file()
    assert not (folder / "out" / "study.db").exists()
    assert tomllib.loads((folder / "out" / "settings.toml").read_text())["sweep"]["seed"] == 7
    assert "rmse" in pd.read_csv(folder / "out" / "trials.csv")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--context", "9"], "--context: .* is a settings file"),
        (["--epochs", "9"], "--epochs: .* is a settings file"),
        (["--trials", "0"], "trials=0"),
        (["--pruner", "rival"], "sweep.pruner"),
        (["--set", "space.cel=gru"], "no setting 'cel'"),
        (["--set", "sweep.trails=3"], "no setting 'trails'"),
        (["--set", "space.hidden_size=[]"], "space.hidden_size"),
        (["--set", "space.cell=none", "--set", "space.skip=false"], "leaves the linear skip alone"),
    ],
)
def test_what_cannot_be_swept_is_refused_with_a_reason(folder, capsys, asked, words):
    assert main(["sweep", str(folder / "sweep.toml"), *asked, "--out", str(folder / "out")]) == 2
    assert pd.Series([capsys.readouterr().err]).str.contains(words).all()


def test_tables_of_a_sweep_are_read_back():
    plan = read_sweep({"trials": 7, "metric": ["mae", "parameters"], "pruner": "asha"}, {"cell": ["gru"], "layers": 2})
    again = read_sweep(plan.to_tables()["sweep"] | {"storage": "s.db"}, plan.to_tables()["space"])
    assert again.search == plan.search
    assert again.settings.metric == ("mae", "parameters")


def test_spaces_are_read_back_from_their_tables():
    for model in ("recurrent", "boosting", "ridge"):
        space = space_of(model, {}, Window(12, 3), Training())
        assert space_of(model, to_table(space), Window(12, 3), Training()) == space
    assert space_of("recurrent", {"layers": 2}, Window(12, 3), Training()).choices == {"layers": 2}


def test_the_feed_decides_what_is_drawn_wherever_it_stands_in_the_table():
    table = {"lanes": [4, 8], "batch_size": [32, 64], "feed": ["windowed", "streamed"]}
    space = space_of("recurrent", table, Window(12, 3), Training())
    streamed = space.settings(optuna.trial.FixedTrial({"feed": "streamed", "lanes": 8}))
    windowed = space.settings(optuna.trial.FixedTrial({"feed": "windowed", "batch_size": 32}))
    assert (streamed.lanes, streamed.batch_size) == (8, None)
    assert (windowed.lanes, windowed.batch_size) == (None, 32)


def test_options_of_a_regressor_may_stand_in_a_table_of_their_own():
    nested = space_of("ridge", {"options": {"alpha": {"low": 0.1, "high": 10.0}}}, Window(12, 3), Training())
    assert nested == space_of("ridge", {"options.alpha": {"low": 0.1, "high": 10.0}}, Window(12, 3), Training())
    with pytest.raises(SettingsError, match=r"space\.options"):
        space_of("ridge", {"options": 3}, Window(12, 3), Training())


def test_the_experiment_keeps_its_sweep_in_its_settings(folder):
    experiment = read_experiment(folder / "sweep.toml")
    (folder / "again.toml").write_text(experiment.to_toml())
    again = read_experiment(folder / "again.toml")
    assert again.sweep == experiment.sweep
    assert experiment.sweep.search.folds == 2


@pytest.mark.parametrize(("low", "high", "log"), [(4, 4, False), (5, 4, False), (0, 4, True)])
def test_ranges_that_hold_nothing_are_refused(low, high, log):
    with pytest.raises(SettingsError, match="low lies below high"):
        Range(low, high, log=log)


def test_unknown_settings_of_a_space_are_named():
    with pytest.raises(SettingsError, match="did you mean 'hidden_size'"):
        network_space(Window(8, 2), choices={"hidden": (2, 4)})
    with pytest.raises(SettingsError, match="not a scikit-learn preset"):
        fc.tabular_space(Window(8, 2), "gru")
