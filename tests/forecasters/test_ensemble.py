"""Ensembles: what several forecasters say together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecast.data.panel import Panel
from forecast.distributions import Categories
from forecast.errors import SettingsError
from forecast.forecasters.conformal import Conformal
from forecast.forecasters.ensemble import Ensemble
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Drift, Mean, Naive
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.heads import Direction
from forecast.testing import check_forecaster, sample_panel
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window

WINDOW = Window(8, 4)
PANEL = sample_panel(8, 4)
ORIGINS = WINDOW.origins(PANEL)


def gru(seed: int) -> Recurrent:
    return Recurrent(WINDOW, "gru", 4, training=Training(epochs=1, seed=seed, device="cpu"))


def test_points_are_averaged_or_the_median_is_taken():
    members = [Naive(WINDOW), Mean(WINDOW), Drift(WINDOW)]
    points = np.stack([member.fit(PANEL).predict(PANEL, ORIGINS).point for member in members])
    mean, median = (Ensemble(members, combine).fit(PANEL) for combine in ("mean", "median"))
    np.testing.assert_allclose(mean.predict(PANEL, ORIGINS).point, points.mean(axis=0))
    np.testing.assert_allclose(median.predict(PANEL, ORIGINS).point, np.median(points, axis=0))
    np.testing.assert_allclose(mean.spread(PANEL, ORIGINS), points.std(axis=0, ddof=1))
    assert mean.predict(PANEL, ORIGINS).levels == ()


def test_quantiles_are_averaged_level_by_level():
    members = {"a": Conformal(Naive(WINDOW), (0.1, 0.9)), "b": Conformal(Mean(WINDOW), (0.1, 0.9))}
    both = Ensemble(members).fit(PANEL)
    said = both.predict(PANEL, ORIGINS)
    a, b = (member.predict(PANEL, ORIGINS).values for member in members.values())
    assert said.levels == (0.1, 0.5, 0.9)
    np.testing.assert_allclose(said.values, (a + b) / 2)
    assert said.distribution is not None
    np.testing.assert_allclose(said.distribution.median(), said.point)


def test_members_of_other_levels_are_asked_for_those_of_the_first():
    said = Ensemble([Conformal(Naive(WINDOW), (0.1, 0.9)), Conformal(Mean(WINDOW))]).fit(PANEL).predict(PANEL, ORIGINS)
    assert said.levels == (0.1, 0.5, 0.9)
    assert (np.diff(said.values, axis=-1) >= 0).all()


def test_points_and_quantiles_are_not_mixed():
    both = Ensemble({"sure": Naive(WINDOW), "unsure": Conformal(Naive(WINDOW), (0.1, 0.9))}).fit(PANEL)
    with pytest.raises(SettingsError, match=r"\['sure'\] give points, the others quantiles"):
        both.predict(PANEL)


def test_an_ensemble_of_seeds_differs_from_each_and_counts_all_parameters():
    three = Ensemble.of_seeds(gru, seeds=(0, 1, 2)).fit(PANEL)
    assert (three.spread(PANEL, ORIGINS) > 0).all()
    assert three.parameters == 3 * gru(0).fit(PANEL).parameters > 0
    said = three.forecasts(PANEL, ORIGINS)
    assert list(said) == ["0", "1", "2"]
    np.testing.assert_allclose(
        three.predict(PANEL, ORIGINS).point, np.mean([each.point for each in said.values()], axis=0)
    )


def test_probabilities_of_classes_are_averaged():
    def make(seed: int, band: float = 0.5) -> Recurrent:
        training = Training(epochs=1, learning_rate=0.03, seed=seed, device="cpu")
        return Recurrent(WINDOW, "gru", 4, head=Direction(band), training=training)

    both = Ensemble.of_seeds(make, (0, 1)).fit(PANEL)
    said, parts = both.predict(PANEL, ORIGINS), both.forecasts(PANEL, ORIGINS).values()
    assert isinstance(said.distribution, Categories)
    mean = np.mean([part.distribution.probabilities for part in parts], axis=0)
    np.testing.assert_allclose(said.distribution.probabilities, mean)
    np.testing.assert_array_equal(said.point, next(iter(parts)).point)
    for other in (make(0, 2.0), Naive(WINDOW)):
        with pytest.raises(SettingsError, match="do not forecast the same classes"):
            Ensemble([make(0), other]).fit(PANEL).predict(PANEL)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Ensemble([Naive(WINDOW), Linear(Window(6, 4))], "median"),
        lambda: Ensemble({"gru": gru(0), "stream": Recurrent(WINDOW, "lstm", 4, training=ONE, feed=Streamed(4))}),
        lambda: Conformal(Ensemble([Linear(WINDOW), Naive(WINDOW)]), (0.1, 0.9), method="rolling", memory=16),
        lambda: Ensemble([Conformal(Linear(WINDOW), (0.1, 0.9)), Conformal(Naive(WINDOW), (0.1, 0.9))]),
    ],
    ids=["rules", "networks", "calibrated", "of calibrated ones"],
)
def test_an_ensemble_keeps_the_promise_of_a_forecaster(make):
    check_forecaster(make)


ONE = Training(epochs=1, device="cpu")


def test_the_longest_context_counts():
    window = Ensemble([Naive(Window(3, 2)), Naive(Window(9, 2))]).window
    assert (window.context, window.horizon) == (9, 2)


def test_members_that_do_not_go_together_are_refused():
    with pytest.raises(SettingsError, match="horizons are a: 2, b: 3"):
        Ensemble({"a": Naive(Window(3, 2)), "b": Naive(Window(3, 3))})
    with pytest.raises(SettingsError, match="needs members"):
        Ensemble([])
    same = Naive(WINDOW)
    with pytest.raises(SettingsError, match="the same forecaster twice"):
        Ensemble([same, same])
    with pytest.raises(SettingsError, match="'mean' or 'median'"):
        Ensemble([same], "mode")


def test_the_mean_of_many_noisy_forecasters_is_nearer_to_the_truth_than_each_of_them():
    random = np.random.default_rng(0)
    values = np.cumsum(random.normal(size=400))

    class Noisy(Naive):
        def __init__(self, window: Window, seed: int) -> None:
            super().__init__(window)
            self.seed = seed

        def predict(self, panel, origins=None):
            said = super().predict(panel, origins)
            said.values[...] += np.random.default_rng(self.seed).normal(0, 3, said.values.shape)
            return said

    panel = Panel.from_arrays(values, np.arange(400).astype("M8[h]"))
    many = Ensemble.of_seeds(lambda seed: Noisy(WINDOW, seed), range(9))
    ahead = WINDOW.origins(panel)
    errors = [np.abs(said.point[:, 0, 0] - values[ahead.step]).mean() for said in many.forecasts(panel, ahead).values()]
    assert np.abs(many.predict(panel, ahead).point[:, 0, 0] - values[ahead.step]).mean() < 0.7 * min(errors)


def test_the_median_of_members_sure_of_different_classes_is_no_division_by_zero():
    class Sure(Naive):
        def __init__(self, code):
            super().__init__(WINDOW)
            self.code = code

        def predict(self, panel, origins=None):
            said = super().predict(panel, origins)
            shares = np.zeros((*said.values.shape[:3], 3))
            shares[..., self.code] = 1.0
            last = np.zeros((len(said), said.values.shape[2]))
            return replace(said, distribution=Categories(("down", "flat", "up"), shares, last))

    told = Ensemble([Sure(0), Sure(1), Sure(2)], "median").fit(PANEL).predict(PANEL, ORIGINS).distribution
    np.testing.assert_allclose(told.probabilities, 1 / 3)
