"""Models that were stored once are read for ever: a folder of files for each format there has been."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import forecast as fc
from forecast.forecasters.artifacts.manifest import FORMAT

ASSETS = Path(__file__).resolve().parents[1] / "assets"
STORED = sorted(ASSETS.glob("model-format-*"))


def test_the_present_format_is_among_the_stored_ones():
    assert ASSETS / f"model-format-{FORMAT}" in STORED


@pytest.mark.parametrize("folder", STORED, ids=lambda folder: folder.name)
def test_a_stored_model_goes_on_and_says_what_it_said(folder: Path, tmp_path: Path):
    live = fc.load_live(shutil.copytree(folder, tmp_path / "model"))
    live.update(pd.read_csv(folder / "later.csv", keep_default_na=False, dtype={"shop": str}))
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    assert list(live.series) == expected["series"]
    np.testing.assert_allclose(live.forecast().values, expected["values"], rtol=1e-5)
    assert live.save(tmp_path / "model") == tmp_path / "model"
    assert fc.load(tmp_path / "model").last == "2024-04-19"
