"""Suspicions: clean data is left in peace, whatever it looks like; damaged data is shouted about."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from forecast.data import synthetic
from forecast.data.panel import Panel
from forecast.data.readers import from_frame
from forecast.data.schema import Schema


def shouted(frame: pd.DataFrame, schema: Schema | None = None) -> list[str]:
    return [sentence for sentence in from_frame(frame, schema or Schema()).report if re.match(r"[A-Z]+\?", sentence)]


def frame_of(panel: Panel) -> pd.DataFrame:
    names = np.asarray(panel.series, dtype=object)[panel.row_series]
    return pd.DataFrame({"time": panel.times, "id": names, "y": panel.values[:, 0]})


def daily(y: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"time": pd.date_range("2020-01-01", periods=len(y)), "y": y})


@pytest.mark.parametrize("seed", range(5))
def test_clean_series_of_many_kinds_are_left_in_peace(seed: int) -> None:
    random = np.random.default_rng(seed)
    walk = np.exp(0.02 * random.normal(size=800).cumsum())
    kinds = {
        "prices": 100 * walk,
        "heavy tails": random.standard_t(3, size=800).cumsum(),
        "counts": random.poisson(0.3, size=800).astype(float),
        "rain": np.where(random.random(800) < 0.7, 0.0, random.gamma(0.7, 8.0, size=800)),
        "a switch": (random.random(800) < 0.1).astype(float),
        "a trend": np.arange(800.0) + random.normal(size=800),
        "temperatures": (10 + 12 * np.sin(np.arange(800) / 58) + random.normal(size=800)).round(1),
        "percent": random.random(800).round(2) * 100,
        "wild": np.exp(random.normal(size=800)),
    }
    assert {name: said for name, y in kinds.items() if (said := shouted(daily(y)))} == {}


def test_panels_whose_series_differ_are_left_in_peace() -> None:
    for panel in (synthetic.random_walk(series=5, rows=200), synthetic.seasonal(series=3, rows=300)):
        assert shouted(frame_of(panel), Schema(series="id", targets=["y"])) == []


def test_business_days_months_and_weeks_are_left_in_peace() -> None:
    y = np.random.default_rng(0).normal(size=300).cumsum()
    for frequency in ("B", "MS", "ME", "W", "QS", "h", "15min"):
        times = pd.date_range("1940-01-01", periods=300, freq=frequency)
        assert shouted(pd.DataFrame({"time": times, "y": y})) == []


def test_a_jump_that_does_not_last_or_is_usual_is_no_split() -> None:
    y = 100 + np.random.default_rng(0).normal(size=200).cumsum() / 10
    jump = y.copy()
    jump[120:] /= 2
    assert [said[:27] for said in shouted(daily(jump))] == ["SPLIT? 'y' falls to 1/2 fro"]
    spike = y.copy()
    spike[120] /= 2
    assert not any(said.startswith("SPLIT") for said in shouted(daily(spike)))
    often = np.where(np.arange(200) // 2 % 2, 100.0, 200.0)
    assert shouted(daily(often)) == []


def test_a_sentinel_is_named_once_for_all_its_columns() -> None:
    frame = daily(np.random.default_rng(0).normal(size=100).cumsum())
    frame["z"] = frame["y"] * 2 + np.random.default_rng(1).normal(size=100)
    frame.loc[[3, 9], ["y", "z"]] = -9999.0
    (sentence,) = shouted(frame)
    assert "in 'y' (2) and 'z' (2)" in sentence


def test_ranges_are_kept_and_rows_far_outside_are_shouted_about_only_then() -> None:
    y = 20 + 5 * np.sin(np.arange(100.0))
    panel = from_frame(daily(y))
    ((low, high, spread),) = panel.schema.ranges
    assert (low, high) == (y.min(), y.max())
    assert spread == pytest.approx(y.std())
    assert shouted(daily(y + 7 * spread), panel.schema) == []
    (sentence,) = shouted(daily(y + (high - low) + 9 * spread), panel.schema)
    assert sentence.startswith("UNITS? 100 of 100 values of 'y' lie more than 8 standard deviations outside of 15")
    assert from_frame(daily(y + 7 * spread), panel.schema).schema.ranges == panel.schema.ranges
