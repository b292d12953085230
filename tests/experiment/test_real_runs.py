"""The scripts that run on real data measure as publications do, and do not look at what they forecast."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from forecast.forecasters.naive import Naive, SeasonalNaive

FOLDER = Path(__file__).resolve().parents[2] / "experiments"


@pytest.fixture
def script(shared_data, monkeypatch):
    """The names of a script of experiments/."""
    monkeypatch.setenv("FORECAST_DATA", str(shared_data))
    return lambda name: runpy.run_path(str(FOLDER / name))


@pytest.mark.data
def test_m4_hourly_is_judged_as_in_the_competition(script):
    m4 = script("m4-hourly.py")
    panel = m4["read"]("test")
    for rule, name in ((Naive(m4["WINDOW"]), "Naive"), (SeasonalNaive(m4["WINDOW"], 24), "seasonal naive")):
        found = m4["judged"](m4["asked"](rule, panel), panel)
        assert found == pytest.approx(m4["PUBLISHED"][name], abs=6e-4)


@pytest.mark.data
def test_recipes_for_m4_hourly_are_chosen_before_the_test_rows(script):
    m4 = script("m4-hourly.py")
    chosen, tested = m4["read"]("validation"), m4["read"]("test")
    assert (tested.lengths - chosen.lengths == 48).all()
    assert np.array_equal(m4["known"](tested).values, chosen.values)


@pytest.mark.data
def test_nn5_is_judged_at_one_origin_a_series_before_its_last_56_days(script):
    nn5 = script("nn5.py")
    panel, scores = nn5["judged"](["seasonal naive", "naive"], "test", 1)
    assert len(scores.origins) == 111
    assert (scores.origins.step == panel.lengths - 56).all()
    overall = scores.frame.query("series == '*' and step == '*'").set_index(["model", "metric"])["value"]
    assert overall["seasonal naive", "mase"] == pytest.approx(1.030, abs=5e-4)  # missing days count nowhere
    before, _ = nn5["judged"](["seasonal naive"], "validation", 1)
    assert (before.lengths == panel.lengths - 56).all()
