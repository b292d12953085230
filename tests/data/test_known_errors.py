"""Synthetic panels have the best errors that their docstrings state, and the costs of forgetting."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.data.long_lags import adding_problem, copy_memory, delayed_impulse
from forecast.data.processes import arma, arma_errors, regime_switch
from forecast.errors import SettingsError

MAKERS = [arma, regime_switch, copy_memory, adding_problem, delayed_impulse]


@pytest.mark.parametrize("maker", MAKERS)
def test_a_seed_decides_every_number(maker):
    one, same, other = maker(series=2, seed=1), maker(series=2, seed=1), maker(series=2, seed=2)
    np.testing.assert_array_equal(one.values, same.values)
    assert (one.values[:, 0] != other.values[:, 0]).any()
    first, second = np.split(one.values, 2)
    assert (first[:, 0] != second[:, 0]).any()


def test_the_innovations_filter_reaches_the_optimal_errors_of_an_arma_at_every_step():
    ar, ma, noise, rows = (0.75, -0.25), (0.65,), 0.5, 60_000
    y = arma(ar, ma, rows=rows, noise=noise, seed=4).values[:, 0]
    shock, errors, best = 0.0, [], arma_errors(ar, ma, noise, horizon=3)
    for t in range(2, rows - 2):
        ahead = ar[0] * y[t - 1] + ar[1] * y[t - 2] + ma[0] * shock
        two = ar[0] * ahead + ar[1] * y[t - 1]
        errors.append([y[t] - ahead, y[t + 1] - two, y[t + 2] - ar[0] * two - ar[1] * ahead])
        shock = y[t] - ahead
    np.testing.assert_allclose(np.square(errors[100:]).mean(axis=0), best, rtol=0.03)
    assert best[0] == noise**2
    assert best[1] == pytest.approx(noise**2 * (1 + (0.75 + 0.65) ** 2))


def test_who_knows_the_regime_has_the_noise_and_a_frozen_coefficient_what_is_stated():
    panel = regime_switch(every=400, rows=80_000, told=True, noise=2.0, seed=1)
    y, regime = panel.values.T
    known = y[1:] - np.where(regime[1:] == 0, 0.8, -0.8) * y[:-1]
    assert np.mean(known**2) == pytest.approx(4.0, rel=0.02)
    assert np.mean(y[1:] ** 2) == pytest.approx(4.0 / (1 - 0.64), rel=0.03)  # f = 0: 2.78 noise ** 2
    frozen = {f: np.mean((y[1:] - f * y[:-1]) ** 2) for f in (-0.3, 0.0, 0.3)}
    assert min(frozen, key=frozen.__getitem__) == 0.0
    costs = [1 + (c - 0.3) ** 2 / (1 - c**2) for c in (0.8, -0.8)]
    assert frozen[0.3] == pytest.approx(4.0 * np.mean(costs), rel=0.03)


def test_copying_is_exact_with_memory_and_costs_the_variance_of_the_symbols_without():
    delay, length, symbols = 20, 5, 8
    panel = copy_memory(delay, symbols, length, blocks=2000)
    y, shown, cue = panel.values.T
    speaks = y > 0
    np.testing.assert_array_equal(np.flatnonzero(speaks)[::length], np.flatnonzero(cue) + 1)
    np.testing.assert_array_equal(y[speaks], np.roll(shown, delay + length)[speaks])
    assert speaks.mean() == length / (2 * length + delay)
    assert np.mean((y[speaks] - (symbols + 1) / 2) ** 2) == pytest.approx((symbols**2 - 1) / 12, rel=0.03)


def test_adding_is_exact_with_memory_and_costs_a_sixth_without():
    panel = adding_problem(length=50, series=3, blocks=2000)
    for y, number, mark in (part.T for part in np.split(panel.values, 3)):
        sums = (number * mark)[:-1].reshape(-1, 50).sum(axis=1)
        np.testing.assert_allclose(y[50::50], sums)
        assert np.count_nonzero(y) == len(sums)
        halves = mark[:-1].reshape(-1, 2, 25).sum(axis=2)
        assert (halves == 1).all()
        assert np.mean((y[50::50] - 1) ** 2) == pytest.approx(1 / 6, rel=0.08)


def test_impulses_cost_their_variance_when_they_are_forgotten():
    delay, rate, effect, noise = 30, 0.2, 1.5, 0.3
    panel = delayed_impulse(delay, 24, rate, effect, noise, rows=40_000)
    y, x = panel.values.T
    away = y - np.sin(2 * np.pi * np.arange(len(y)) / 24)
    assert np.mean((away[delay:] - effect * x[:-delay]) ** 2) == pytest.approx(noise**2, rel=0.03)
    assert np.mean(away**2) == pytest.approx(noise**2 + rate * effect**2, rel=0.05)
    assert abs(np.corrcoef(away[1:], x[:-1])[0, 1]) < 0.02  # nothing is told in time for a short memory


def test_what_has_no_known_optimum_is_refused():
    with pytest.raises(SettingsError, match="not stationary"):
        arma([1.0], [])
    with pytest.raises(SettingsError, match="not invertible"):
        arma([0.5], [2.0])
    with pytest.raises(SettingsError, match="not invertible"):
        arma_errors([0.5], [-1.0])
    with pytest.raises(SettingsError, match="two or more"):
        regime_switch([0.5])
    with pytest.raises(SettingsError, match="every=0"):
        regime_switch(every=0)
    with pytest.raises(SettingsError, match="length=1"):
        adding_problem(length=1)
    with pytest.raises(SettingsError, match="delay=0"):
        copy_memory(delay=0)
    with pytest.raises(SettingsError, match="rate=2"):
        delayed_impulse(rate=2.0)
