"""Scans: side by side equals step after step, over any length and whatever the gates."""

import math

import pytest
import torch
from torch import nn

from forecast.nets.cells import OWN
from forecast.nets.scans import LRU, MinGRU, MinLSTM, decay_scan, log_scan

DOUBLE = torch.float64


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(3))


def g(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x >= 0, x + 0.5, torch.sigmoid(x))


def by_hand(cell: MinGRU | MinLSTM | LRU, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
    """Step after step, from the published equations."""
    said = []
    for now in x.unbind(1):
        if isinstance(cell, LRU):
            decay = torch.exp(torch.complex(-torch.exp(cell.log_rate), cell.angle))
            into = torch.complex(*cell.into(now).chunk(2, dim=1))
            h = decay * h + torch.sqrt(1 - decay.abs() ** 2) * into
            said.append(nn.functional.gelu(cell.out(torch.cat([h.real, h.imag], dim=1)) + cell.past(now)))
            continue
        *gates, new = cell.layer(now).chunk(len(cell.layer.weight) // cell.hidden_size, dim=1)
        if isinstance(cell, MinGRU):
            z = 1 - torch.sigmoid(gates[0])
            h = (1 - z) * h + z * g(new)
        else:
            f, i = torch.sigmoid(gates[0]), torch.sigmoid(gates[1])
            h = (f * h + i * g(new)) / (f + i)
        said.append(h)
    return torch.stack(said, dim=1)


@pytest.mark.parametrize(
    ("kind", "precision", "near"),
    [(k, p, n) for k in (MinGRU, MinLSTM, LRU) for p, n in ((DOUBLE, 1e-10), (torch.float32, 1e-4))],
)
@pytest.mark.parametrize("time", [1, 2, 7, 64, 301])
def test_side_by_side_equals_step_after_step(kind, precision, near, time):
    torch.manual_seed(0)
    cell = kind(3, 6).to(precision)
    x = draw(2, time, 3).to(precision)
    start = tuple(draw(*part.shape).to(precision) for part in cell.initial(2))
    before = torch.complex(start[0][0], start[1][0]) if kind is LRU else start[0][0]
    both = []
    for said in (cell(x, start)[0], by_hand(cell, x, before)):
        cell.zero_grad()
        said.square().mean().backward()
        both.append([said, *(weight.grad for weight in cell.parameters())])
    for mine, other in zip(*both, strict=True):
        assert torch.allclose(mine, other, rtol=near, atol=near)


@pytest.mark.parametrize("name", ["mingru", "minlstm", "lru"])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_long_sequences_neither_overflow_nor_lose_digits(name, size):
    torch.manual_seed(0)
    cell = OWN[name](2, 4)
    x = (size * draw(1, 20_000, 2)).float().requires_grad_()
    hidden, (end, *_) = cell(x, cell.initial(1))
    hidden.mean().backward()
    assert hidden.isfinite().all()
    assert all(part.isfinite().all() for part in (end, x.grad, *(weight.grad for weight in cell.parameters())))
    exact, _ = cell.double()(x.detach().double(), cell.initial(1))
    assert ((hidden - exact).abs() / (size + exact.abs())).max() < 1e-4


def test_a_scan_in_logarithms_keeps_digits_where_a_division_would_underflow():
    keep, add = torch.full((1, 4000, 1), 1e-3, dtype=DOUBLE), torch.ones(1, 4000, 1, dtype=DOUBLE)
    kept, said = log_scan(keep.log(), add.log())
    assert kept[0, -1, 0].item() == pytest.approx(4000 * math.log(1e-3))
    assert said[0, -1, 0].exp().item() == pytest.approx(1 / (1 - 1e-3), rel=1e-14)


def test_a_decay_of_one_sums():
    x = draw(2, 37, 3).to(torch.complex128)
    assert torch.allclose(decay_scan(torch.zeros(3, dtype=torch.complex128), x), x.cumsum(1))


def test_an_lru_stays_stable_whatever_its_weights_become():
    cell = LRU(1, 4).double()
    with torch.no_grad():
        for rate in (-8.0, 0.0, 5.0):
            cell.log_rate.fill_(rate)
            hidden, (real, imag) = cell(torch.ones(1, 50_000, 1, dtype=DOUBLE), cell.initial(1))
            assert hidden.isfinite().all()
            assert (real.square() + imag.square()).max() < 1e8


def test_an_lru_keeps_the_variance_of_white_noise():
    torch.manual_seed(0)
    cell = LRU(1, 64, slowest=0.95).double()
    with torch.no_grad():
        cell.into.weight.copy_(torch.cat([torch.ones(64, 1), torch.zeros(64, 1)]))
        _, (real, imag) = cell(draw(100, 150, 1), cell.initial(100))
    assert (real.square() + imag.square()).mean().item() == pytest.approx(1, rel=0.1)
