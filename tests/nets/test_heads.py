"""Heads: the losses they are trained by, the distributions they say, and the cells that do not count."""

import math

import numpy as np
import pytest
import torch
from torch import distributions as torchs
from torch.nn import functional

from forecast.errors import SettingsError
from forecast.nets.heads import (
    HEADS,
    LOSSES,
    Category,
    Direction,
    Gaussian,
    GaussianMixture,
    NegativeBinomialCount,
    Point,
    PoissonCount,
    Quantiles,
    Student,
)
from forecast.testing import check_head

TORCH = {"mse": functional.mse_loss, "mae": functional.l1_loss, "huber": functional.huber_loss}
PROBABILISTIC = [Quantiles(), Gaussian(), Student(), GaussianMixture(), PoissonCount(), NegativeBinomialCount()]
CLASSES = [Direction(), Direction(0.0), Category(("rain", "snow", "sun"))]
CELL = (5, 3, 2)


def scale(*values):
    return [torch.full((CELL[0], 1, CELL[2]), value, dtype=torch.float64) for value in values]


def raw(head, seed=0):
    return torch.randn(*CELL, head.width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def counts(seed=0):
    return torch.randint(0, 9, CELL, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("head", [*map(Point, LOSSES), *PROBABILISTIC, *CLASSES], ids=str)
def test_a_head_keeps_its_promise(head):
    check_head(head)


def test_every_head_has_a_name_for_settings_files():
    assert {type(head) for head in [Point(), *PROBABILISTIC, *CLASSES]} == set(HEADS.values())


@pytest.mark.parametrize("criterion", LOSSES)
def test_the_loss_is_torchs_own_over_the_observed_cells(criterion):
    raw, target = torch.randn(5, 3, 2, 1) * 2, torch.randn(5, 3, 2)
    seen = torch.rand(5, 3, 2) < 0.5
    loss = Point(criterion).loss
    assert torch.allclose(loss(raw, target, None), TORCH[criterion](raw[..., 0], target))
    assert torch.allclose(loss(raw, target, seen), TORCH[criterion](raw[..., 0][seen], target[seen]))


@pytest.mark.parametrize("criterion", LOSSES)
def test_nan_behind_the_mask_reaches_neither_loss_nor_gradient(criterion):
    raw = torch.zeros(1, 2, 1, 1, requires_grad=True)
    loss = Point(criterion).loss(raw, torch.tensor([[[2.0], [float("nan")]]]), torch.tensor([[[True], [False]]]))
    loss.backward()
    assert loss.isfinite()
    assert raw.grad[0, 0, 0, 0] < 0
    assert raw.grad[0, 1, 0, 0] == 0


@pytest.mark.parametrize("head", [Point(), *PROBABILISTIC], ids=str)
def test_nothing_observed_is_a_loss_of_zero(head):
    nothing = torch.zeros(CELL, dtype=torch.bool)
    assert head.loss(head.rescale(raw(head), *scale(1.0, 2.0)), counts(), nothing) == 0


@pytest.mark.usefixtures("unchecked_annotations")
def test_an_unknown_criterion_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="did you mean 'huber'"):
        Point("hubert")


def test_losses_are_the_likelihoods_of_torchs_distributions():
    target, (shift, spread) = torch.randn(CELL, dtype=torch.float64), scale(0.5, 2.0)
    for head, make in (
        (Gaussian(), lambda p: torchs.Normal(p[..., 0], p[..., 1])),
        (Student(), lambda p: torchs.StudentT(p[..., 2], p[..., 0], p[..., 1])),
        (
            GaussianMixture(components=2),
            lambda p: torchs.MixtureSameFamily(
                torchs.Categorical(logits=p[..., :2]), torchs.Normal(p[..., 2:4], p[..., 4:])
            ),
        ),
    ):
        said = head.rescale(raw(head), shift, spread)
        assert torch.allclose(head.loss(said, target, None), -make(said).log_prob(target).mean(), rtol=1e-10)
    for head, make in (
        (PoissonCount(), lambda p: torchs.Poisson(p[..., 0])),
        (NegativeBinomialCount(), lambda p: torchs.NegativeBinomial(p[..., 1], logits=(p[..., 0] / p[..., 1]).log())),
    ):
        said = head.rescale(raw(head), *scale(4.0, 2.0))
        assert torch.allclose(head.loss(said, counts(), None), -make(said).log_prob(counts()).mean(), rtol=1e-9)


@pytest.mark.parametrize("size", [0.1, 10.0, 300.0])
def test_quantiles_never_cross_at_any_weights(size):
    head = Quantiles((0.9, 0.01, 0.5, 0.3, 0.99))
    said = head.rescale(size * raw(head), *scale(-3.0, 0.01))
    assert head.levels == (0.01, 0.3, 0.5, 0.9, 0.99)
    assert (said.diff(dim=-1) >= 0).all()


def test_untrained_quantiles_are_those_of_a_normal_distribution():
    head = Quantiles((0.05, 0.5, 0.95))
    said = head.rescale(torch.zeros(*CELL, 3, dtype=torch.float64), *scale(1.0, 2.0))
    expected = torchs.Normal(1.0, 2.0).icdf(torch.tensor(head.levels)).double()
    assert torch.allclose(said[0, 0, 0], expected, atol=1e-5)


def test_the_quantile_loss_is_the_pinball_loss_of_scikit_learn():
    from sklearn.metrics import mean_pinball_loss

    head, target = Quantiles((0.1, 0.5, 0.8)), torch.randn(CELL, dtype=torch.float64)
    said = head.rescale(raw(head), *scale(0.0, 1.0))
    each = [mean_pinball_loss(target.ravel(), said[..., i].ravel(), alpha=a) for i, a in enumerate(head.levels)]
    assert head.loss(said, target, None).item() == pytest.approx(2 * np.mean(each), rel=1e-12)


@pytest.mark.parametrize("head", [PoissonCount(), NegativeBinomialCount()], ids=str)
def test_rates_are_positive_everywhere_and_straight_lines_for_large_counts(head):
    steep = head.rescale(100 * raw(head), *scale(3.0, 2.0))[..., 0]
    assert (steep > 0).all()
    line = torch.zeros(*CELL, head.width, dtype=torch.float64)
    line[..., 0] = torch.linspace(-2, 2, CELL[0], dtype=torch.float64)[:, None, None]
    rate = head.rescale(line, *scale(500.0, 20.0))[:, 0, 0, 0]
    assert torch.allclose(rate, 500 + 20 * line[:, 0, 0, 0], rtol=1e-6)


@pytest.mark.parametrize("head", PROBABILISTIC, ids=str)
def test_draws_have_the_quantiles_of_the_distribution(head):
    said = head.rescale(raw(head)[:1, :1, :1], *[part[:1, :, :1] for part in scale(5.0, 2.0)])
    wide = said.expand(20000, 1, 1, head.width)
    draws = head.sample(wide, torch.zeros(20000, 1, 1), torch.Generator().manual_seed(0)).ravel().numpy()
    distribution = head.distribution(said.numpy(), np.zeros((1, 1)))
    for level in (0.1, 0.25, 0.5, 0.75, 0.9):
        value = distribution.quantiles([level]).item()
        below = distribution.cdf(np.full((1, 1, 1), value)).item()
        assert (draws <= value).mean() == pytest.approx(below, abs=4 * math.sqrt(0.25 / 20000))


def test_directions_lie_beyond_a_band_that_widens_with_the_root_of_the_steps():
    head, last = Direction(band=0.5), torch.full((1, 1, 1), 2.0)
    target = 2.0 + torch.tensor([[[0.51], [0.69], [-0.88]]])
    assert [head.labels[i] for i in head.classes(target, last).ravel()] == ["up", "flat", "down"]
    edges = head.distribution(np.zeros((1, 3, 1, 3)), np.full((1, 1), 2.0)).edges
    np.testing.assert_allclose(edges.ravel(), 0.5 * np.sqrt([1, 2, 3]))


def test_the_loss_of_classes_is_torchs_cross_entropy():
    head, last = Category(("a", "b", "c")), torch.zeros(CELL[0], 1, CELL[2])
    code = torch.randint(0, 3, CELL, generator=torch.Generator().manual_seed(1))
    said = raw(head)
    expected = functional.cross_entropy(said.flatten(0, 2), code.flatten())
    assert torch.allclose(head.loss(said, code.double(), None, last), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Quantiles((0.1, 0.9)), "0.5 among them"),
        (lambda: Gaussian((0.5, 1.0)), "between 0 and 1"),
        (lambda: Student((0.5, 0.5)), "each once"),
        (lambda: GaussianMixture(components=1), "at least 2"),
        (lambda: Direction(-1.0), "0 or above"),
        (lambda: Category(("only",)), "two classes"),
    ],
)
def test_settings_without_sense_are_refused(make, message):
    with pytest.raises(SettingsError, match=message):
        make()
