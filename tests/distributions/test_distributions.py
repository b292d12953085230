"""Distributions against scipy.stats, numerical integration and draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import special, stats

from forecast.distributions import (
    Affine,
    Categories,
    Distribution,
    Mapped,
    Mixture,
    NegativeBinomial,
    Normal,
    Poisson,
    QuantileTable,
    Samples,
    StudentT,
)
from forecast.errors import SettingsError

SHAPE = (3, 2, 2)
LEVELS = (0.01, 0.05, 0.3, 0.5, 0.7, 0.95, 0.99)


def draws(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).random(shape or SHAPE)


@dataclass(frozen=True)
class LogLink:
    def to_base(self, values: np.ndarray) -> np.ndarray:
        return np.where(values > 0, np.log(np.maximum(values, 1e-300)), -np.inf)

    def from_base(self, values: np.ndarray) -> np.ndarray:
        return np.exp(values)

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        return -np.log(values)


@dataclass(frozen=True)
class SquareLink:
    """Of positive bases: value = base^2."""

    def to_base(self, values: np.ndarray) -> np.ndarray:
        return np.sign(values) * np.sqrt(np.abs(values))

    def from_base(self, values: np.ndarray) -> np.ndarray:
        return np.sign(values) * values**2

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        return -np.log(2) - 0.5 * np.log(np.abs(values))


def normal() -> Normal:
    return Normal(loc=10 * draws(0) - 5, scale=0.1 + 3 * draws(1))


def student() -> StudentT:
    return StudentT(loc=10 * draws(0) - 5, scale=0.1 + 3 * draws(1), df=1.5 + 6 * draws(2))


def mixture() -> Mixture:
    weight = special.softmax(4 * draws(3, *SHAPE, 3), axis=-1)
    return Mixture(weight=weight, loc=20 * draws(4, *SHAPE, 3) - 10, scale=0.05 + 3 * draws(5, *SHAPE, 3))


def poisson() -> Poisson:
    return Poisson(rate=np.exp(8 * draws(6) - 3))


def binomial() -> NegativeBinomial:
    return NegativeBinomial(mean=np.exp(8 * draws(7) - 3), shape=np.exp(6 * draws(8) - 2))


def table() -> QuantileTable:
    return QuantileTable((0.05, 0.2, 0.5, 0.8, 0.95), np.sort(10 * draws(9, *SHAPE, 5), axis=-1))


def affine() -> Mapped:
    center, spread = 100 * draws(10, 3, 1, 2), 1 + draws(11, 3, 1, 2)
    return Mapped(student(), Affine(center, spread))


def lognormal() -> Mapped:
    return Mapped(Normal(loc=2 * draws(0), scale=0.1 + 0.8 * draws(1)), LogLink())


def paths() -> Samples:
    return Samples(np.random.default_rng(0).normal(size=(101, *SHAPE)))


CONTINUOUS = [normal, student, mixture, table, affine, lognormal]
COUNTS = [poisson, binomial]
ALL = [*CONTINUOUS, *COUNTS, paths]


@pytest.mark.parametrize("make", ALL)
def test_every_family_answers_for_all_cells_in_the_promised_shapes(make):
    said = make()
    values = said.median()
    assert isinstance(said, Distribution)
    assert said.shape == SHAPE
    assert said.quantiles(LEVELS).shape == (*SHAPE, len(LEVELS))
    assert said.samples(7).shape == (7, *SHAPE)
    for answer in (said.mean(), said.log_likelihood(values), said.cdf(values), said.above(values), said.crps(values)):
        assert answer.shape == SHAPE
    assert said.cdf(np.zeros((3, 1, 2))).shape == SHAPE


@pytest.mark.parametrize("make", ALL)
def test_the_newest_value_of_each_origin_broadcasts_over_the_steps(make):
    said, last = make(), 3 * draws(20, 3, 2)
    every = np.repeat(last[:, None], 2, axis=1)
    for name in ("cdf", "above", "crps", "log_likelihood"):
        answer = getattr(said, name)
        np.testing.assert_array_equal(answer(last[:, None]), answer(every))


@pytest.mark.parametrize("make", ALL)
def test_a_missing_value_gives_a_missing_answer(make):
    said = make()
    values = said.median()
    values[1, 0, 1] = np.nan
    for answer in (said.cdf(values), said.above(values), said.crps(values)):
        assert np.isnan(answer[1, 0, 1])
        assert np.isfinite(np.delete(answer.ravel(), np.ravel_multi_index((1, 0, 1), SHAPE))).all()


@pytest.mark.parametrize("make", ALL)
def test_some_origins_and_some_steps_are_those_of_the_whole(make):
    said = make()
    values = said.median() + 1
    index = np.array([2, 0])
    np.testing.assert_array_equal(said.take(index).crps(values[index]), said.crps(values)[index])
    np.testing.assert_array_equal(said.steps(1).cdf(values[:, :1]), said.cdf(values)[:, :1])
    mask = np.array([True, False, True])
    np.testing.assert_array_equal(said.take(mask).quantiles(LEVELS), said.quantiles(LEVELS)[mask])


@pytest.mark.parametrize("make", CONTINUOUS)
def test_quantiles_invert_the_cdf(make):
    said = make()
    quantiles = said.quantiles(LEVELS)
    assert (np.diff(quantiles, axis=-1) > 0).all()
    for i, level in enumerate(LEVELS):
        np.testing.assert_allclose(said.cdf(quantiles[..., i]), level, rtol=1e-9)
        np.testing.assert_allclose(said.above(quantiles[..., i]), 1 - level, rtol=1e-9)


@pytest.mark.parametrize("make", COUNTS)
def test_quantiles_of_counts_are_the_smallest_counts_that_reach_the_level(make):
    said = make()
    quantiles = said.quantiles(LEVELS)
    assert (quantiles == np.round(quantiles)).all()
    for i, level in enumerate(LEVELS):
        assert (said.cdf(quantiles[..., i]) >= level).all()
        assert (said.cdf(quantiles[..., i] - 1) < level).all()


@pytest.mark.parametrize("make", CONTINUOUS)
def test_the_density_is_the_slope_of_the_cdf(make):
    said = make()
    values, step = said.quantiles((0.37,))[..., 0], 1e-5
    slope = (said.cdf(values + step) - said.cdf(values - step)) / (2 * step)
    np.testing.assert_allclose(np.exp(said.log_likelihood(values)), slope, rtol=1e-5)


@pytest.mark.parametrize("make", CONTINUOUS)
@pytest.mark.parametrize("at", [1e-6, 0.03, 0.4, 0.9, 1 - 1e-6])
def test_crps_is_the_integral_of_the_squared_distance_of_cdf_and_truth(make, at):
    said = make().take(np.array([0])).steps(1)
    values = said.quantiles((at,))[..., 0]
    expected = [integrated(said, values, target) for target in range(2)]
    np.testing.assert_allclose(said.crps(values)[0, 0], expected, rtol=2e-6)


def integrated(said: Distribution, values: np.ndarray, target: int) -> float:
    """Integral of the squared distance by Gauss's rule on thousands of pieces between quantiles."""
    truth = values[0, 0, target]
    levels = [10.0**-n for n in range(30, 1, -1)] + list(np.arange(1, 20) / 20) + [1 - 10.0**-n for n in range(2, 15)]
    knots = said.quantiles(levels)[0, 0, target]
    far = np.ptp(knots[29:]) * 4.0 ** np.arange(1, 16)
    edges = np.unique(np.concatenate([knots[0] - far, knots, knots[-1] + far, [truth]]))
    if isinstance(said, Mapped) and isinstance(said.link, LogLink):
        edges = edges[edges > 0]
    edges = np.unique(np.concatenate([edges[:-1] + np.diff(edges) * share for share in np.arange(40) / 40]))
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = 0.5 * np.diff(edges)[:, None]
    points = (edges[:-1, None] + half * (1 + nodes)).ravel()
    many, at = said.take(np.zeros(len(points), dtype=np.int64)), np.repeat(points[:, None, None], 2, axis=2)
    distance = np.where(at < truth, many.cdf(at), many.above(at))[:, 0, target] ** 2
    return float((distance * (half * weights).ravel()).sum())


@pytest.mark.parametrize("make", COUNTS)
def test_crps_of_counts_is_the_sum_over_all_counts_to_ten_digits(make):
    said = make()
    counts = np.arange(0.0, 60_000.0)
    for values in (np.zeros(SHAPE), said.median(), 3 * said.mean() + 2.5):
        got = said.crps(values)
        for cell in np.ndindex(SHAPE):
            if make is poisson:
                known = stats.poisson(said.rate[cell])
            else:
                size, mean = said.size[cell], said.expected[cell]
                known = stats.nbinom(size, size / (size + mean))
            below, above = known.cdf(counts) ** 2, known.sf(counts) ** 2
            edges = np.clip(values[cell] - counts, 0, 1)  # the share of [count, count + 1] below the truth
            np.testing.assert_allclose(got[cell], (below * edges + above * (1 - edges)).sum(), rtol=1e-8)


@pytest.mark.parametrize(
    ("mean", "size"), [(1e-3, 0.5), (0.1, 0.01), (1.0, 1e4), (40.0, 0.5), (40.0, 30.0), (300.0, 1e4)]
)
def test_crps_of_a_negative_binomial_holds_at_the_ends_of_its_parameters(mean, size):
    said, counts = NegativeBinomial(np.full((1, 1, 1), mean), np.full((1, 1, 1), size)), np.arange(0.0, 20_000.0)
    known = stats.nbinom(size, size / (size + mean))
    for truth in (0.0, np.round(2 * mean)):
        expected = np.where(counts < truth, known.cdf(counts) ** 2, known.sf(counts) ** 2).sum()
        np.testing.assert_allclose(said.crps(np.full((1, 1, 1), truth)).item(), expected, rtol=1e-8)


@pytest.mark.parametrize("mean", [1e-3, 1.0, 1e4])
def test_a_negative_binomial_of_very_many_successes_is_poissons_distribution(mean):
    cell = np.full((1, 1, 1), mean)
    said, limit = NegativeBinomial(cell, np.full((1, 1, 1), 1e12)), Poisson(cell)
    for values in (0 * cell, np.round(cell * 1.01)):
        for name in ("crps", "cdf", "above", "log_likelihood"):
            np.testing.assert_allclose(getattr(said, name)(values), getattr(limit, name)(values), rtol=1e-6)
    np.testing.assert_array_equal(said.quantiles(LEVELS), limit.quantiles(LEVELS))


def test_families_agree_with_scipy():
    values = 12 * draws(30) - 4
    one, two, three, four = normal(), student(), poisson(), binomial()
    known = [
        (one, stats.norm(one.loc, one.scale), values),
        (two, stats.t(two.df, two.loc, two.scale), values),
        (three, stats.poisson(three.rate), np.round(3 * three.rate)),
        (four, stats.nbinom(four.size, four.size / (four.size + four.expected)), np.round(2 * four.expected)),
    ]
    for said, oracle, at in known:
        log_density = oracle.logpmf if said in (three, four) else oracle.logpdf
        np.testing.assert_allclose(said.log_likelihood(at), log_density(at), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(said.cdf(at), oracle.cdf(at), rtol=1e-9)
        np.testing.assert_allclose(said.above(at), oracle.sf(at), rtol=1e-9)
        np.testing.assert_allclose(said.mean(), oracle.mean(), rtol=1e-12)
        for i, level in enumerate(LEVELS):
            np.testing.assert_allclose(said.quantiles(LEVELS)[..., i], oracle.ppf(level), rtol=1e-9)


@pytest.mark.parametrize("make", [normal, mixture, table, lognormal, *COUNTS])
def test_draws_have_the_mean_and_the_shares_that_the_family_states(make):
    said = make()
    count = 40_000
    drawn = said.samples(count, seed=3)
    error = drawn.std(axis=0) / np.sqrt(count)
    assert (np.abs(drawn.mean(axis=0) - said.mean()) < 5 * error + 1e-9).all()
    for level in (0.1, 0.5, 0.9):
        at = said.quantiles((level,))[..., 0]
        share = said.cdf(at)
        np.testing.assert_allclose((drawn <= at).mean(axis=0), share, atol=5 * 0.5 / np.sqrt(count))


@pytest.mark.parametrize("make", ALL)
def test_the_same_seed_draws_the_same_and_another_one_does_not(make):
    said = make()
    np.testing.assert_array_equal(said.samples(5, seed=1), said.samples(5, seed=1))
    assert (said.samples(5, seed=1) != said.samples(5, seed=2)).any()


def test_a_lognormal_has_its_textbook_mean_even_with_a_wide_scale():
    scale = np.array([0.1, 1.0, 3.0, 6.0]).reshape(1, 4, 1)
    said = Mapped(Normal(np.zeros_like(scale), scale), LogLink())
    np.testing.assert_allclose(said.mean(), np.exp(scale**2 / 2), rtol=1e-9)


def test_a_mean_that_does_not_exist_is_infinite_or_nan_and_no_number():
    cell = np.ones((1, 1, 1))
    assert np.isinf(Mapped(StudentT(0 * cell, cell, 4 * cell), LogLink()).mean()).all()
    assert np.isinf(Mapped(StudentT(0 * cell, cell, 4 * cell), LogLink()).crps(cell)).all()
    assert np.isnan(StudentT(cell, cell, cell).mean()).all()
    assert np.isnan(StudentT(cell, cell, cell).crps(cell)).all()
    assert np.isnan(Mapped(StudentT(0 * cell, cell, 1.5 * cell), SquareLink()).mean()).all()


def test_a_t_distribution_with_many_degrees_of_freedom_is_normal():
    loc, scale, values = draws(1), 0.1 + draws(2), 3 * draws(3)
    said, limit = StudentT(loc, scale, np.full(SHAPE, 1e8)), Normal(loc, scale)
    for name in ("crps", "log_likelihood", "cdf"):
        np.testing.assert_allclose(getattr(said, name)(values), getattr(limit, name)(values), rtol=1e-5)


def test_quantiles_of_a_mixture_with_components_far_apart_are_found_in_the_gap():
    weight = np.broadcast_to([0.5, 0.5], (1, 1, 1, 2))
    loc, scale = np.broadcast_to([-1e6, 1e6], (1, 1, 1, 2)), np.broadcast_to([1e-3, 1e3], (1, 1, 1, 2))
    said = Mixture(weight, loc, scale)
    for level in (1e-6, 0.25, 0.499, 0.501, 0.75, 1 - 1e-9):
        at = said.quantiles((level,))[..., 0]
        np.testing.assert_allclose(said.cdf(at), level, rtol=1e-5)


def test_the_score_of_draws_estimates_that_of_their_source_without_bias():
    source = Normal(np.zeros((4000, 1, 1)), np.ones((4000, 1, 1)))
    values = source.samples(1, seed=9)[0]
    few = Samples(source.samples(3, seed=1)).crps(values).mean()
    assert abs(few - source.crps(values).mean()) < 0.03


def test_the_score_of_draws_counts_every_pair_once():
    said = paths()
    values, drawn = 3 * draws(3), said.paths
    pairs = np.abs(drawn[:, None] - drawn[None]).sum(axis=(0, 1)) / (101 * 100)
    np.testing.assert_allclose(said.crps(values), np.abs(drawn - values).mean(axis=0) - pairs / 2)


def test_paths_that_are_drawn_again_stay_whole():
    drawn = np.arange(5.0)[:, None, None, None] + np.zeros((5, 3, 4, 2))
    again = Samples(drawn).samples(50, seed=0)
    assert (again == again[:, :, :1, :1]).all()
    assert len(np.unique(again)) == 5


def test_a_table_meets_its_quantiles_and_goes_on_beyond_them():
    said = table()
    np.testing.assert_allclose(said.quantiles(said.levels), said.values)
    low, high = np.moveaxis(said.quantiles((0.01, 0.99)), -1, 0)
    assert (low < said.values[..., 0]).all()
    assert (high > said.values[..., -1]).all()
    assert np.isfinite(said.log_likelihood(high + 5)).all()


def test_the_score_of_a_table_is_that_of_a_point_where_all_quantiles_are_one():
    said = QuantileTable((0.1, 0.5, 0.9), np.full((1, 2, 1, 3), 4.0))
    values = np.array([[[1.0], [6.0]]])
    np.testing.assert_allclose(said.crps(values), np.abs(values - 4))
    np.testing.assert_array_equal(said.cdf(np.array([[[3.9], [4.0]]])).ravel(), [0.0, 1.0])
    assert said.mean().ravel().tolist() == [4.0, 4.0]
    assert np.isnan(said.log_likelihood(np.full((1, 2, 1), 4.0))).all()


def test_a_table_of_one_level_is_a_point():
    said = QuantileTable((0.5,), np.full((1, 1, 1, 1), 4.0))
    assert said.crps(np.array([[[7.0]]])).item() == 3.0
    assert said.quantiles((0.1, 0.9)).ravel().tolist() == [4.0, 4.0]


def test_a_fine_table_scores_like_the_distribution_it_was_read_off():
    source = Normal(draws(1), 0.5 + draws(2))
    levels = tuple(np.arange(1, 200) / 200)
    said, values = QuantileTable(levels, source.quantiles(levels)), 4 * draws(3) - 1
    np.testing.assert_allclose(said.crps(values), source.crps(values), atol=1e-4)


def test_directions_answer_at_the_newest_value():
    shares = np.array([[[[0.2, 0.3, 0.5]]]])
    last, edges = np.array([[10.0]]), np.full((1, 1, 1), 2.0)
    said = Categories(("down", "flat", "up"), shares, last, edges)
    np.testing.assert_allclose(said.above(last[:, None]), 0.5)
    np.testing.assert_allclose(said.cdf(last[:, None] - 2), 0.2)
    np.testing.assert_allclose(said.above(last[:, None] + 2), 0.5)
    assert np.isnan(said.cdf(last[:, None] + 2.5)).all()
    assert [said.codes(np.full((1, 1, 1), v)).item() for v in (7.0, 8.0, 12.0, 12.5)] == [0, 1, 1, 2]
    np.testing.assert_allclose(np.exp(said.log_likelihood(np.full((1, 1, 1), 13.0))), 0.5)
    assert np.isnan(said.mean()).all()
    assert said.take(np.array([0])).directional
    assert said.steps(1).shape == (1, 1, 1)


def test_classes_of_a_target_are_its_codes():
    said = Categories(("dry", "rain", "snow"), np.array([[[[0.1, 0.6, 0.3]]]]))
    cell = np.ones((1, 1, 1))
    assert said.mode().item() == 1
    np.testing.assert_allclose(np.exp(said.log_likelihood(2 * cell)), 0.3)
    np.testing.assert_allclose(said.cdf(cell), 0.7)
    assert np.isnan(said.log_likelihood(7 * cell)).all()
    drawn = said.samples(20_000)
    np.testing.assert_allclose([(drawn == code).mean() for code in range(3)], [0.1, 0.6, 0.3], atol=0.02)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda one: Normal(one, 0 * one), "scale must be positive"),
        (lambda one: Normal(np.nan * one, one), "loc must be finite"),
        (lambda one: StudentT(one, one, -one), "df must be positive"),
        (lambda one: Poisson(0 * one), "rate must be positive"),
        (lambda one: NegativeBinomial(one, 0 * one), "size must be positive"),
        (lambda one: Mixture(one[..., None], one[..., None], -one[..., None]), "scale must be positive"),
        (lambda one: Mixture(0.5 * one[..., None], one[..., None], one[..., None]), "sum to 1"),
        (lambda one: QuantileTable((0.5, 0.1), np.ones((1, 1, 1, 2))), "levels increasing"),
        (lambda one: QuantileTable((0.1, 0.5), np.array([[[[2.0, 1.0]]]])), "sorted"),
        (lambda one: QuantileTable((0.0, 0.5), np.ones((1, 1, 1, 2))), "between 0 and 1"),
        (lambda one: Samples(np.ones((3, 1, 1))), r"\[sample, origin, step, target\]"),
        (lambda one: Categories(("a", "b"), np.array([[[[0.5, 0.6]]]])), "sum to 1"),
        (lambda one: Categories(("a",), np.array([[[[0.5, 0.5]]]])), "one probability for each label"),
        (lambda one: Categories(("a", "b"), np.array([[[[0.5, 0.5]]]]), last=one[0]), "directions"),
        (lambda one: Affine(one, 0 * one), "spread must be positive"),
        (lambda one: Mapped(Poisson(one), LogLink()), "no density"),
        (lambda one: Normal(one, one).quantiles((1.0,)), "between 0 and 1"),
    ],
)
def test_parameters_that_make_no_distribution_are_refused_by_name(make, said):
    with pytest.raises(SettingsError, match=said):
        make(np.ones((1, 1, 1)))
