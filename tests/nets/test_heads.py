"""Heads: the losses they are trained by and the cells that do not count."""

import pytest
import torch
from torch.nn import functional

from forecast.errors import SettingsError
from forecast.nets.heads import LOSSES, Point
from forecast.testing import check_head

TORCH = {"mse": functional.mse_loss, "mae": functional.l1_loss, "huber": functional.huber_loss}


@pytest.mark.parametrize("criterion", LOSSES)
def test_a_head_keeps_its_promise(criterion):
    check_head(Point(criterion))


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


def test_nothing_observed_is_a_loss_of_zero():
    assert Point().loss(torch.ones(2, 2, 1, 1), torch.zeros(2, 2, 1), torch.zeros(2, 2, 1, dtype=torch.bool)) == 0


@pytest.mark.usefixtures("unchecked_annotations")
def test_an_unknown_criterion_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="did you mean 'huber'"):
        Point("hubert")
