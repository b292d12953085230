"""Scaling inside a window."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.errors import SettingsError
from forecast.nets.scaling import CAUSAL, FLOOR, SCALINGS, require_causal, running_moments, scale


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


def column(values) -> torch.Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float64)[None, :, None]


@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize("rows", [255, 256, 257, 700])
def test_running_moments_of_long_sequences_with_gaps_are_those_of_pandas(rows, missing):
    rng = np.random.default_rng(rows)
    x = pd.Series(30 + rng.normal(size=rows).cumsum())
    seen = rng.random(rows) >= missing
    seen[0], seen[100:140] = True, missing == 0
    mean, width, _ = running_moments(column(x), column(seen.astype(float)) if missing else None, 9.0)
    known = x.where(seen).ewm(alpha=1 - np.exp(-1 / 9.0), adjust=True, ignore_na=False)
    np.testing.assert_allclose(mean[0, :, 0], known.mean(), rtol=1e-10)
    np.testing.assert_allclose(width[0, 1:, 0], known.std(bias=True)[1:], rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("factor", [2e-4, 0.01, 1.0, 1e3])
def test_a_window_is_standardised_by_the_mean_and_deviation_of_what_was_seen_of_it(factor):
    rng = np.random.default_rng(0)
    past, seen = 5 + factor * rng.normal(size=(3, 12, 2)), rng.random((3, 12, 2)) > 0.3
    known = np.ma.array(past, mask=~seen)
    scaled = scale(torch.tensor(past), torch.tensor(seen), "standard", 5.0)
    np.testing.assert_allclose(scaled.shift[:, 0], known.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(scaled.spread[:, 0], known.std(axis=1), rtol=1e-9)
    np.testing.assert_allclose(
        scaled.past, (past - known.mean(axis=1)[:, None]) / known.std(axis=1)[:, None], rtol=1e-6
    )
    whole = scale(torch.tensor(past), None, "standard", 5.0)
    np.testing.assert_allclose(whole.spread[:, 0], past.std(axis=1), rtol=1e-9)


@pytest.mark.parametrize("scaling", ["standard", "running", "difference"])
def test_a_width_is_kept_down_to_a_ten_thousandth_and_is_one_below(scaling):
    """Of a saw, whose deviation and changes settle at half its height and at its height."""
    for height, kept in ((1.0, True), (5e-4, True), (5e-5, False)):
        spread = scale(column(height * (np.arange(200) % 2)), None, scaling, 30.0).spread[0, -1, 0]
        expected = height * (1.0 if scaling == "difference" else 0.5)
        assert float(spread) == pytest.approx(expected if kept else 1.0, rel=0.01)


@pytest.mark.parametrize("scaling", ["last", "none"])
def test_a_shift_alone_leaves_the_units_alone(scaling):
    past = torch.randn(2, 5, 3)
    scaled = scale(past, None, scaling, 5.0)
    assert torch.equal(scaled.shift, past[:, -1:] if scaling == "last" else torch.zeros(2, 1, 3))
    assert torch.equal(scaled.spread, torch.ones(2, 1, 3))
    assert torch.equal(scaled.past, past - scaled.shift)
    assert scaled.moments is None


def test_a_window_of_which_nothing_was_seen_keeps_its_units():
    past = torch.randn(1, 6, 2)
    scaled = scale(past, torch.zeros(1, 6, 2, dtype=torch.bool), "standard", 5.0)
    assert torch.equal(scaled.past, past)
    assert torch.equal(scaled.spread, torch.ones(1, 1, 2))
    mean, width, moments = running_moments(past, torch.zeros(1, 6, 2), 5.0)
    assert torch.equal(mean, past[:, :1].expand(-1, 6, -1))
    assert width.max() <= 1e-8
    assert not torch.cat(list(moments)[::2]).any()


def test_the_first_change_is_counted_from_the_row_before_and_is_none_without_one():
    past = column([3.0, 5.0, 4.0])
    alone = scale(past, None, "difference", 6.0)
    after = scale(past, None, "difference", 6.0, before=column([1.0]))
    assert alone.spread[0, 0].item() == 1.0
    assert after.spread[0, 0].item() == pytest.approx(2.0)
    d = math.exp(-1 / 6.0)
    assert alone.spread[0, 1].item() == pytest.approx(math.sqrt(4 / (1 + d)))
    assert after.spread[0, 2].item() == pytest.approx(math.sqrt((4 * d * d + 4 * d + 1) / (1 + d + d * d)))
    assert torch.equal(alone.shift, past)


@pytest.mark.parametrize("gap", [1, 7, 40, 10_000])
def test_what_was_seen_before_a_gap_weighs_less_by_its_length_when_the_next_value_comes(gap):
    start = column([2.0, 4.0, 3.0])
    whole = torch.cat([start, start[:, -1:].expand(-1, gap, -1), column([10.0])], dim=1)
    weight = torch.ones_like(whole)
    weight[:, 3 : 3 + gap] = 0
    mean, width, moments = running_moments(whole, weight, 5.0)
    w = np.exp(-(gap + 1 + np.arange(2, -1, -1)) / 5.0) if gap < 1000 else np.zeros(3)
    x, w = np.array([2.0, 4.0, 3.0, 10.0]), np.append(w, 1.0)
    expected = (w * x).sum() / w.sum()
    assert mean[0, -1].item() == pytest.approx(expected, rel=1e-9)
    assert width[0, -1].item() == pytest.approx(
        math.sqrt((w * (x - expected) ** 2).sum() / w.sum()), rel=1e-6, abs=1e-8
    )
    assert moments.weight.item() == pytest.approx(w.sum(), rel=1e-9)
    _, _, through = running_moments(whole[:, :-1], weight[:, :-1], 5.0)
    assert through.weight.item() == pytest.approx(max(w[:3].sum() * math.exp(1 / 5.0), FLOOR), rel=1e-9)
    assert through.squares.item() / through.weight.item() == pytest.approx(width[0, 2].item() ** 2, rel=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_only_scalings_that_go_step_by_step_may_be_streamed(scaling):
    if scaling in ("running", "difference", "none"):
        require_causal(scaling)
        return
    with pytest.raises(SettingsError, match=f"scaling='{scaling}'.*use 'running' or 'difference' or 'none'"):
        require_causal(scaling)
