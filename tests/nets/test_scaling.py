"""Scaling inside a window."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.nets.scaling import CAUSAL, SCALINGS, running_moments, scale


def slow_moments(x: list[float], weight: list[float], time_constant: float):
    """Weighted mean and variance of the steps so far, written out step by step."""
    means, widths = [], []
    for t in range(len(x)):
        w = [weight[i] * math.exp(-(t - i) / time_constant) for i in range(t + 1)]
        total = sum(w)
        mean = sum(a * b for a, b in zip(w, x, strict=False)) / total if total else None
        variance = sum(a * (b - mean) ** 2 for a, b in zip(w, x, strict=False)) / total if total else None
        means.append(mean)
        widths.append(None if variance is None else math.sqrt(max(variance, 0)))
    return means, widths


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=1, max_size=15),
    st.floats(1, 30),
    st.floats(-1e3, 1e3),
)
@settings(max_examples=100, deadline=None)
def test_running_moments_equal_a_slow_loop_and_skip_masked_steps(steps, time_constant, level):
    x = [value + level for value, _ in steps]
    weight = [float(seen) for _, seen in steps]
    fast = running_moments(
        torch.tensor(x, dtype=torch.float64)[None, :, None],
        torch.tensor(weight, dtype=torch.float64)[None, :, None],
        time_constant,
    )
    mean, width = slow_moments(x, weight, time_constant)
    for t in range(len(x)):
        if mean[t] is None:
            continue  # nothing seen yet: any finite number will do
        assert float(fast[0][0, t, 0]) == pytest.approx(mean[t], abs=1e-8)
        assert float(fast[1][0, t, 0]) == pytest.approx(width[t], abs=1e-5)
    assert torch.isfinite(torch.cat(fast[:2])).all()


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_scaled_context_leads_back_to_the_newest_value(scaling):
    past = torch.randn(4, 9, 2, dtype=torch.float64) * 3 + 7
    scaled = scale(past, None, scaling, 5.0)
    inside = (
        torch.zeros_like(past[:, -1:]) if scaling == "difference" else scaled.past[:, -1:]
    )  # its shift is the value
    assert torch.allclose(inside * scaled.spread[:, -1:] + scaled.shift[:, -1:], past[:, -1:])


def test_changes_are_scaled_by_their_exponential_root_mean_square():
    past = torch.randn(1, 40, 1, dtype=torch.float64).cumsum(dim=1)
    scaled = scale(past, None, "difference", 7.0)
    changes = pd.Series(past[0, :, 0].numpy()).diff().fillna(0.0)
    expected = np.sqrt((changes**2).ewm(alpha=1 - np.exp(-1 / 7.0)).mean())
    np.testing.assert_allclose(scaled.spread[0, 1:, 0], expected[1:], rtol=1e-9)
    np.testing.assert_allclose(scaled.past[0, 1:, 0], np.log(expected[1:]), rtol=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_scaling_a_step_uses_nothing_later_than_it_or_the_whole_window_only(scaling):
    """Causal scales are causal inside the window too; the others use the window, which ends at the origin."""
    past = torch.randn(1, 9, 1, dtype=torch.float64)
    other = past.clone()
    other[:, 6:] += 5
    early = [scale(each, None, scaling, 5.0).past[:, :6] for each in (past, other)]
    assert torch.equal(*early) == (scaling in CAUSAL)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_window_that_does_not_move_stays_finite_and_so_do_its_gradients(scaling):
    past = torch.full((1, 6, 1), 3.0, requires_grad=True)
    scaled = scale(past, None, scaling, 5.0)
    (scaled.past.sum() + scaled.shift.sum() + scaled.spread.sum()).backward()
    assert scaled.past.isfinite().all()
    assert past.grad.isfinite().all()
    assert (scaled.spread == 1.0).all()


@pytest.mark.parametrize("scaling", ["standard", "running"])
def test_cells_that_were_not_observed_do_not_count(scaling):
    past = torch.randn(1, 9, 1, dtype=torch.float64)
    seen = torch.ones_like(past, dtype=torch.bool)
    seen[:, [2, 5]] = False
    other = past.clone()
    other[:, [2, 5]] = 100.0
    a, b = (scale(each, seen, scaling, 5.0) for each in (past, other))
    assert torch.allclose(a.shift[:, -1], b.shift[:, -1])
    assert torch.allclose(a.spread[:, -1], b.spread[:, -1])


def test_moments_keep_their_digits_under_mixed_precision():
    x = 100 + torch.randn(2, 40, 3)
    plain = running_moments(x, torch.ones_like(x), 5.0)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = running_moments(x, torch.ones_like(x), 5.0)
    assert all(map(torch.equal, [*plain[:2], *plain[2]], [*mixed[:2], *mixed[2]]))
