"""Describe: says what was understood, also of a file that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.data import synthetic
from forecast.data.describe import describe
from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import DataError


def frame_of(panel: Panel) -> pd.DataFrame:
    names = np.asarray(panel.series, dtype=object)[panel.row_series]
    return pd.DataFrame({"when": panel.times, "name": names, "load": panel.values[:, 0]})


def test_a_clean_file_is_described_with_a_command_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "my load.csv"
    frame_of(synthetic.seasonal(rows=500)).drop(columns="name").to_csv(path, index=False)
    found = describe(path)
    assert (found.time, found.frequency, found.season, found.context, found.horizon) == ("when", "h", 24, 72, 24)
    assert found.candidates == ("load",)
    assert found.problems == ()
    text = found.to_text()
    assert text.endswith(f"next:\n  forecast compare '{path}' --target load --horizon 24")
    for words in (
        "500 in 2 columns: when, load",
        "2020-01-01 to 2020-01-21 19:00",
        "h: one row every hour",
        "24 steps",
    ):
        assert words in text


def test_the_series_column_is_guessed_and_said_to_be() -> None:
    found = describe(frame_of(synthetic.random_walk(series=4, rows=60)))
    assert (found.series_column, found.series_guessed, found.series, found.duplicates) == ("name", True, 4, 0)
    assert "4 in column name (guessed; say --series name), 60 rows each" in found.to_text()
    assert "--series name" in found.command
    assert not describe(frame_of(synthetic.random_walk(series=4, rows=60)), Schema(series="name")).series_guessed


def test_a_file_that_would_be_refused_is_still_described() -> None:
    frame = frame_of(synthetic.seasonal(rows=200)).drop(columns="name")
    doubled = pd.concat([frame, frame.iloc[10:13]])
    found = describe(doubled)
    assert (found.duplicates, found.season, found.frequency) == (3, 24, "h")
    assert "forecast compare would refuse this:\n  - 3 times occur more than once" in found.to_text()
    untimed = describe(pd.DataFrame({"a": ["x", "y"], "b": [1.0, 2.5]}))
    assert (untimed.time, untimed.season, untimed.frequency) == (None, None, None)
    assert "no column holds timestamps" in untimed.problems[0]


def test_gaps_missing_cells_and_constant_columns_are_counted() -> None:
    frame = (
        frame_of(synthetic.random_walk(rows=100)).drop(columns="name").drop(index=[20, 21, 50]).assign(flat=1, word="x")
    )
    frame.loc[[3, 4], "load"] = np.nan
    found = describe(frame)
    assert (found.gaps, found.longest_gap) == (3, 2)
    assert found.missing == {"load": 2}
    assert found.constant == ("flat", "word")
    assert found.candidates == ("load",)


def test_columns_of_text_are_named_as_covariates_with_their_missing_cells(tmp_path: Path) -> None:
    frame = frame_of(synthetic.seasonal(rows=300)).drop(columns="name")
    frame["wind"], frame["note"] = np.resize(["N", "SW", "NA"], 300), "same"
    frame.to_csv(tmp_path / "wind.csv", index=False)
    found = describe(tmp_path / "wind.csv", Schema(targets=("load",)))
    assert found.texts == {"wind": 2}
    assert found.missing == {"wind": 100}
    assert "wind (2 names): covariates for --past" in found.to_text()
    asked = Schema(targets=("load",), past=("wind", "note"), categorical=("wind", "note"))
    assert "--past wind,note --categorical wind,note --horizon" in describe(frame, asked).command


def test_a_target_of_names_with_gaps_is_asked_to_be_declared_categorical() -> None:
    frame = frame_of(synthetic.seasonal(rows=90)).assign(rain=np.resize(["No", "Yes", None], 90))
    found = describe(frame, Schema(targets=("rain",), series="name"))
    assert any("holds text" in problem and "named as categorical" in problem for problem in found.problems)


def test_a_description_is_plain_json() -> None:
    found = json.loads(json.dumps(describe(frame_of(synthetic.random_walk(series=2, rows=60))).to_json()))
    assert found["series"] == 2
    assert found["candidates"] == ["load"]


def test_text_in_a_column_is_told_before_it_hurts(tmp_path: Path) -> None:
    path = tmp_path / "vix.csv"
    path.write_text("date,vix\n2024-01-01,1\n2024-01-02,.\n2024-01-03,3\n")
    assert "'.' in row 3" in describe(path).to_text()
    assert "--target COLUMN --horizon STEPS" in describe(path).command


def test_what_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        describe(tmp_path / "none.csv")


def test_real_files_are_described(shared_data: Path) -> None:
    stocks = describe(shared_data / "sp500_yahoo" / "panel_dev.csv.gz")
    assert (stocks.series_column, stocks.series, stocks.frequency, stocks.season, stocks.gaps) == (
        "Name",
        38,
        "B",
        1,
        1748,
    )
    taxi = describe(shared_data / "nab" / "nyc_taxi.csv")
    assert (taxi.season, taxi.horizon, taxi.problems) == (48, 48, ())
    power = describe(shared_data / "pjm_hourly" / "PJME_hourly.csv.gz")
    assert (power.duplicates, power.gaps, power.season) == (4, 30, 24)
    assert len(power.problems) == 1
