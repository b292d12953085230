"""Leaks: copies of a later target are shouted about, whatever their units; honest columns are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.data.describe import describe
from forecast.data.leaks import leaks
from forecast.data.readers import from_frame
from forecast.data.schema import Schema


def target(rows: int = 400, seed: int = 0) -> np.ndarray:
    return 50 + np.cumsum(np.random.default_rng(seed).normal(size=rows))


def shifted(y: np.ndarray, shift: int) -> np.ndarray:
    """At row t the value of row t + shift; noise where there is none."""
    x = np.random.default_rng(9).normal(size=len(y))
    first, end = max(0, -shift), min(len(y), len(y) - shift)
    x[first:end] = y[first + shift : end + shift]
    return x


def said(y: np.ndarray, x: np.ndarray, role: str) -> list[str]:
    return leaks(np.column_stack([y, x]), np.array([0, len(y)]), Schema(targets=["y"], **{role: ["x"]}))


@pytest.mark.parametrize("units", [lambda x: x, lambda x: 1.8 * x + 32, lambda x: -0.001 * x])
@pytest.mark.parametrize(("role", "shift"), [("past", 1), ("past", 7), ("past", 20), ("future", 0), ("future", 5)])
def test_a_copy_of_a_later_target_is_a_leak_in_any_units(role: str, shift: int, units) -> None:
    y = target()
    (sentence,) = said(y, units(shifted(y, shift)), role)
    assert sentence.startswith("LEAK?")
    assert (f"{shift} row" if shift else "same row") in sentence


@pytest.mark.parametrize("shift", [0, -1, -3, -20])
def test_a_past_column_that_lags_or_goes_along_is_fine(shift: int) -> None:
    y = target()
    assert not said(y, shifted(y, shift), "past")


@pytest.mark.parametrize("shift", [-1, -4])
def test_a_lagged_column_declared_known_ahead_is_told_how_far_it_is_known(shift: int) -> None:
    y = target()
    (sentence,) = said(y, shifted(y, shift), "future")
    assert "LEAK?" not in sentence
    assert f"for {-shift} step" in sentence


@pytest.mark.parametrize("role", ["past", "future"])
def test_related_columns_are_no_copies(role: str) -> None:
    y = target(3000)
    noise = np.random.default_rng(1).normal(size=len(y))
    for x in (y + 0.05 * noise, shifted(y, 1) + 0.05 * noise, np.cumsum(noise), np.arange(3000.0), noise > 0):
        assert not said(y, np.asarray(x, dtype=float), role)


def test_a_spike_that_both_share_is_no_copy() -> None:
    random = np.random.default_rng(2)
    y, x = random.normal(size=(2, 2000))
    y[701], x[700] = 1e6, 1e6
    assert not said(y, x, "past")


def test_a_periodic_target_and_its_own_past_are_fine() -> None:
    y = np.tile(np.random.default_rng(3).normal(size=7), 60)
    assert not said(y, shifted(y, -1), "past")


def test_a_target_that_rarely_moves_is_not_mistaken_for_its_past() -> None:
    y = np.repeat(np.random.default_rng(4).normal(size=60), 50)
    assert not said(y, shifted(y, -1), "past")
    assert said(y, shifted(y, 1), "past")


def test_missing_cells_and_a_few_other_values_hide_nothing() -> None:
    y, random = target(1000), np.random.default_rng(5)
    x = shifted(y, 2)
    x[random.random(1000) < 0.02] = 0.0
    x[random.random(1000) < 0.3] = np.nan
    y[random.random(1000) < 0.2] = np.nan
    assert said(y, x, "past")


def test_series_do_not_run_into_each_other() -> None:
    parts = [target(60, seed) for seed in range(10)]
    y, x = np.concatenate(parts), np.concatenate([shifted(part, 3) for part in parts])
    offsets = np.arange(11) * 60
    (sentence,) = leaks(np.column_stack([y, x]), offsets, Schema(targets=["y"], past=["x"]))
    assert "of 3 rows later" in sentence


def test_reports_of_readers_and_descriptions_begin_with_it() -> None:
    y = target()
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=400), "y": y, "tomorrow": shifted(y, 1)})
    roles = Schema("day", ("y",), past=("tomorrow",))
    assert from_frame(frame, roles).report[0].startswith("LEAK? the past column 'tomorrow'")
    assert "LEAK?" in describe(frame, roles).to_text()


def test_the_category_of_the_next_day_is_a_leak_too() -> None:
    rain = np.random.default_rng(6).choice(["Yes", "No"], 400).astype(object)
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=400), "rain": rain, "wind": rain[::-1]})
    frame["tomorrow"] = frame["rain"].shift(-1)
    roles = Schema("day", ("rain",), past=("tomorrow", "wind"), categorical=("rain",))
    assert [note[:33] for note in from_frame(frame, roles).report if "LEAK" in note] == [
        "LEAK? the past column 'tomorrow' "
    ]


def test_a_leak_is_found_among_a_million_rows() -> None:
    y = target(1_000_000)
    table = np.column_stack([y, shifted(y, 2), *np.random.default_rng(0).normal(size=(8, len(y)))])
    roles = Schema(targets=["y"], past=[f"x{i}" for i in range(9)])
    assert len(leaks(table, np.array([0, len(y)]), roles)) == 1
