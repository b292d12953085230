"""A file that is larger than memory is described by its first rows."""

import gzip
import shutil

import pandas as pd
import pytest

from forecast.data import sampled as sampling
from forecast.data.schema import Schema
from forecast.experiment.cards import described


@pytest.fixture
def table(tmp_path):
    frame = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=5000, freq="h"), "y": range(5000)})
    path = tmp_path / "y.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_a_large_file_is_described_by_whole_first_rows_and_says_so(table, monkeypatch, packed):
    if packed:
        path = table.with_name("y.csv.gz")
        with table.open("rb") as source, gzip.open(path, "wb") as target:
            shutil.copyfileobj(source, target)
        table = path
    monkeypatch.setattr(sampling, "free_memory", lambda: 6 * 10_000.0)
    found = described(str(table), Schema())
    assert 300 < found.rows < 500
    assert found.frequency == "h"
    assert found.gaps == 0
    assert found.source == str(table)
    assert str(table) in found.command
    assert found.report[0].startswith("sampled: the file has ")
    assert ("of some 5,000" in found.report[0] or "of some 4," in found.report[0]) != packed


def test_a_file_that_fits_is_described_whole(table):
    found = described(str(table), Schema())
    assert found.rows == 5000
    assert not any(note.startswith("sampled") for note in found.report)
