"""A file that is larger than memory is described by blocks that are spread over it."""

import gzip
import shutil

import numpy as np
import pandas as pd
import pytest

from forecast.data import sampled as sampling
from forecast.data.describe import describe
from forecast.data.format import Format
from forecast.data.schema import Schema
from forecast.errors import DataError
from forecast.experiment.cards import described

ROWS = 5000


@pytest.fixture
def frame():
    wave = 10 + np.sin(np.arange(ROWS) * np.pi / 12).round(3)
    return pd.DataFrame({"time": pd.date_range("2024-01-01", periods=ROWS, freq="h"), "y": wave, "unit": "kW"})


@pytest.fixture
def little(monkeypatch):
    monkeypatch.setattr(sampling, "free_memory", lambda: 6 * 40_000.0)


def written(frame, tmp_path, name="y.csv"):
    path = tmp_path / name
    frame.to_csv(path, index=False)
    return path


def test_a_large_file_is_described_from_its_first_row_to_its_last_and_says_so(frame, tmp_path, little):
    path = written(frame, tmp_path)
    found = described(str(path), Schema())
    assert 1000 < found.rows < 1400
    assert (found.first, found.last) == ("2024-01-01", "2024-07-27 07:00")
    assert (found.frequency, found.gaps, found.duplicates, found.season) == ("h", 0, 0, 24)
    assert found.constant == ("unit",)
    assert found.source == str(path)
    assert str(path) in found.command
    assert found.report[0].startswith("sampled: the file has ")
    assert f"describes {found.rows:,} rows of some 5,000, in 8 blocks spread over it." in found.report[0]


def test_between_blocks_nothing_is_suspicious(frame, tmp_path, little):
    frame["y"] = 10.0 * 2.0 ** (np.arange(ROWS) // 625)  # doubles from block to block and never within one
    frame["y"] += np.sin(np.arange(ROWS) / 5).round(3) / 50
    path = written(frame, tmp_path)
    assert any(note.startswith("SPLIT?") for note in describe(path).report)
    found = described(str(path), Schema())
    assert not [note for note in found.report if "?" in note]
    assert found.problems == ()


@pytest.mark.parametrize("share", [0.43, 0.9999])
def test_a_fault_far_down_is_seen_and_its_place_said(frame, tmp_path, little, share):
    frame["y"] = frame["y"].astype(object)
    frame.loc[int(share * ROWS), "y"] = "broken"
    found = described(str(written(frame, tmp_path)), Schema(targets=["y"]))
    (problem,) = found.problems
    assert "'broken' in row" in problem
    block = 4 if share < 0.5 else 8
    assert f"[block {block} of 8, from byte " in problem
    assert "rows are counted within it]" in problem


def test_a_file_that_was_cut_off_is_noticed(frame, tmp_path, little):
    path = written(frame, tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    (problem,) = described(str(path), Schema()).problems
    assert "was the file cut off?" in problem
    assert "block 8 of 8" in problem


def test_what_is_suspicious_is_said_once_with_its_block(frame, tmp_path, little):
    frame.loc[2150, "y"] = -9999.0
    frame.loc[2160, "y"] = -9999.0
    frame.loc[2170, "y"] = -9999.0
    shouts = [note for note in described(str(written(frame, tmp_path)), Schema()).report if "-9999" in note]
    assert len(shouts) == 1
    assert "[block 4 of 8" in shouts[0]


def test_another_calendar_further_down_is_said(frame, tmp_path, little):
    frame.loc[3200:, "time"] = frame["time"][3200] + pd.to_timedelta(np.arange(ROWS - 3200), unit="D")
    notes = [note for note in described(str(written(frame, tmp_path)), Schema()).report if "FREQUENCY?" in note]
    assert len(notes) == 1
    assert "every day" in notes[0]


def test_series_one_after_the_other_are_counted_where_most_are_seen_and_none_is_a_typo(frame, tmp_path, little):
    frame.insert(1, "name", [f"station {i}" for i in np.arange(ROWS) // 25])
    found = described(str(written(frame, tmp_path)), Schema(series="name"))
    assert 3 < found.series < 10
    assert not any("TYPO?" in note for note in found.report)
    assert found.constant == ("unit",)


def test_a_footer_that_is_named_stands_below_the_last_block_alone(frame, tmp_path, little):
    path = written(frame, tmp_path)
    with path.open("a") as file:
        file.write("source: a station\nno warranty\n")
    assert "--skip-footer 2" in described(str(path), Schema()).problems[0]
    found = described(str(path), Schema(format=Format(skip_footer=2)))
    assert found.problems == ()
    assert found.last == "2024-07-27 07:00"


@pytest.mark.parametrize("kind", ["packed", "line breaks"])
def test_where_rows_cannot_be_found_the_first_ones_are_described_and_the_reason_said(frame, tmp_path, little, kind):
    if kind == "line breaks":
        frame["unit"] = "kilo\nwatt"
    path = written(frame.assign(noise=np.random.default_rng(0).random(ROWS)), tmp_path)
    if kind == "packed":
        plain, path = path, tmp_path / "y.csv.gz"
        with plain.open("rb") as source, gzip.open(path, "wb") as target:
            shutil.copyfileobj(source, target)
    found = described(str(path), Schema())
    assert 500 < found.rows < 1500
    assert found.gaps == 0
    assert found.problems == ()
    assert "the first ones alone, because" in found.report[0]
    assert ("it is packed" in found.report[0]) == (kind == "packed")
    assert ("of some" in found.report[0]) == (kind != "packed")


def test_a_text_that_cannot_be_cut_into_lines_is_refused_with_the_remedy(frame, tmp_path, little):
    path = tmp_path / "wide.csv"
    frame.to_csv(path, index=False, encoding="utf-16")
    with pytest.raises(DataError, match="save it as UTF-8"):
        described(str(path), Schema())


def test_a_file_that_fits_is_described_whole(frame, tmp_path):
    found = described(str(written(frame, tmp_path)), Schema())
    assert found.rows == ROWS
    assert not any(note.startswith("sampled") for note in found.report)
