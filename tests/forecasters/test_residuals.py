"""Ranks of residuals, and which of them are known at an origin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data.panel import Origins, Panel
from forecast.forecasters.residuals import Recent, behind, needed, ranked
from forecast.forecasters.sizes import Sizes

LEVELS = st.lists(st.floats(0.02, 0.98), min_size=1, max_size=5, unique=True).map(lambda v: np.array(sorted(v)))


@given(st.integers(1, 120), LEVELS)
def test_the_chance_that_the_next_of_exchangeable_scores_lies_below_is_on_the_safe_side(count: int, levels: np.ndarray):
    found = ranked(np.arange(1.0, count + 1)[:, None], levels)
    below = found / (count + 1)  # of count + 1 exchangeable scores, the share below the one of that rank
    safe = np.where(levels < 0.5, below <= levels + 1e-9, below >= levels - 1e-9)
    near = np.abs(below - levels) <= 1 / (count + 1) + 1e-9
    assert (np.isnan(found) | (safe | (levels == 0.5)) & near).all()
    assert np.isnan(found).any() == (count < needed(levels))


@given(st.integers(5, 40), st.integers(0, 2**31))
def test_missing_scores_do_not_count(count: int, seed: int):
    random = np.random.default_rng(seed)
    scores = random.normal(size=(count, 3, 1))
    gaps = scores.copy()
    gaps[random.random(scores.shape) < 0.3] = np.nan
    levels = np.array([0.25, 0.5, 0.75])
    for place in range(3):
        kept = gaps[np.isfinite(gaps[:, place]).ravel(), place]
        np.testing.assert_array_equal(ranked(gaps, levels)[place], ranked(kept, levels))


def test_one_set_of_scores_a_level_is_ranked_level_by_level():
    scores = np.random.default_rng(0).normal(size=(99, 2, 3))
    levels = np.array([0.1, 0.5, 0.9])
    found = ranked(scores, levels)
    for place in range(3):
        np.testing.assert_array_equal(found[:, place], ranked(scores[..., place : place + 1], levels)[:, place])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(2, 12), st.integers(0, 2**31))
def test_only_scores_whose_outcome_is_known_enter_and_only_the_newest(steps: int, memory: int, seed: int):
    random = np.random.default_rng(seed)
    first, levels = int(random.integers(0, 9)), np.array([0.3, 0.5, 0.7])
    scores = random.normal(size=(30, steps, 2, 1))
    asked = random.permutation(np.arange(first, first + 40))[:7]
    found = Recent(first, scores).quantiles(asked, levels, memory, least=2)
    for place, origin in enumerate(asked):
        for step in range(1, steps + 1):
            known = [o for o in range(origin - step - memory + 1, origin - step + 1) if first <= o < first + 30]
            window = scores[[o - first for o in known], step - 1]
            expected = ranked(window, levels) if len(known) >= 2 else np.full((2, 3), np.nan)
            np.testing.assert_array_equal(found[place, step - 1], expected)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 40)), min_size=1, max_size=9), st.integers(1, 9))
def test_the_origins_behind_are_those_in_reach(asked: list[tuple[int, int]], memory: int):
    first, horizon = np.array([0, 7, 30]), 3
    origins = Origins(np.array([s for s, _ in asked]), np.array([step for _, step in asked]))
    back = behind(origins, first, memory, horizon)
    reach = {(s, o) for s, step in asked for o in range(max(step - memory - horizon + 1, first[s]), step)}
    assert sorted(zip(back.series.tolist(), back.step.tolist(), strict=True)) == sorted(reach)


def test_the_size_of_a_series_is_that_of_its_observed_steps():
    values = np.array([1.0, 2.0, np.nan, 5.0, 0.0, 0.0, 0.0, 10.0, 30.0])
    panel = Panel.from_arrays(values, np.arange(9).astype("M8[D]"), [4, 3, 2], ["a", "still", "b"])
    found = Sizes.fit(panel)
    assert found.width[:, 0].tolist() == [2.0, 11.0, 20.0]  # (1 + 3) / 2; nothing moves: the mean of the others; 20
    strange = Panel.from_arrays(np.array([0.0, 4.0, 0.0, 100.0]), np.arange(4).astype("M8[D]"), series=["new"])
    assert found.of(strange, context=3).tolist() == [[4.0]]
    assert found.of(strange, context=1).tolist() == [pytest.approx([11.0])]
