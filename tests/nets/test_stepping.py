"""Steps in numpy: what torch says of the same weights, state and inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from forecast.nets.cells import CELLS, Fused
from forecast.nets.heads import Point
from forecast.nets.memory import Stand
from forecast.nets.network import Architecture, Network, Sizes
from forecast.nets.stepping import Answer, Called, Stacked, held, stepper


def scrambled(module: nn.Module, width: float = 0.3) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.normal_(0, width, generator=generator)
    return module.eval()


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", list(CELLS))
def test_steps_in_numpy_are_those_of_torch(name: str, layers: int, rows: int):
    cell = scrambled(CELLS[name](3, 8, layers=layers), 0.2)
    step, state, x = stepper(cell), held(cell.initial(rows)), numbers(20, rows, 3)
    assert isinstance(step, Stacked)
    with torch.no_grad():
        whole, last = cell(torch.from_numpy(x).transpose(0, 1).contiguous(), cell.initial(rows))
    for time in range(20):
        hidden, state = step(x[time], state)
        np.testing.assert_allclose(hidden, whole[:, time].numpy(), rtol=0, atol=1e-6)
    for mine, theirs in zip(state, held(last), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6)


class Leaky(nn.Module):
    """A cell of somebody's own: two tensors of different width."""

    hidden_size = 4

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs + 4, 4)

    def initial(self, batch: int) -> tuple[Tensor, ...]:
        return torch.zeros(1, batch, 4), torch.zeros(2, batch, 1)

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        hidden, count = state[0][0], state[1]
        said = []
        for step in x.unbind(1):
            hidden = torch.tanh(self.layer(torch.cat([step, hidden], dim=1))) / (1 + count[0])
            count = count + 1
            said.append(hidden)
        return torch.stack(said, dim=1), (hidden[None], count)


@pytest.mark.parametrize(
    "cell",
    [Leaky(3), Fused(nn.GRU(3, 4, bias=False)), CELLS["lstm"](3, 4).double()],
    ids=["own", "no bias", "float64"],
)
def test_any_other_cell_is_called(cell: nn.Module):
    step, state, x = stepper(cell), held(cell.initial(2)), numbers(6, 2, 3)
    x = x.astype(np.float64) if next(cell.parameters()).dtype == torch.float64 else x
    assert isinstance(step, Called)
    with torch.no_grad():
        whole, _ = cell(torch.from_numpy(x).transpose(0, 1).contiguous(), cell.initial(2))
    for time in range(6):
        hidden, state = step(x[time], state)
    np.testing.assert_allclose(hidden, whole[:, -1].numpy(), rtol=0, atol=1e-6)


@dataclass(frozen=True)
class Same(Point):
    """The point head, as somebody else's."""


@pytest.mark.parametrize("head", [Point(), Same()])
@pytest.mark.parametrize("future", [0, 2])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("channels", ["independent", "joint"])
def test_answers_in_numpy_are_those_of_the_network(channels: str, skip: bool, future: int, head: Point):
    sizes = Sizes(context=6, horizon=4, targets=3, past=1, future=future)
    network = scrambled(Network(Architecture("gru", 5, scaling="running", skip=skip, channels=channels), sizes, head))
    fold = 1 if channels == "joint" else 3
    hidden, context, shift = numbers(2, fold, 5), numbers(2, 3, 6), numbers(2, 3)
    spread, ahead = np.abs(numbers(2, 3)) + 0.1, numbers(2, 4, future)
    stand = Stand(*(torch.from_numpy(part) for part in (hidden, context, shift[:, None], spread[:, None])))
    with torch.no_grad():
        expected = network.answer(stand, torch.from_numpy(ahead)).numpy()
    got = Answer(network)(hidden, context, shift, spread, ahead)
    assert got.shape == (2, 4, 3, 1)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


def test_training_on_leaves_a_stepper_as_it_was():
    cell = scrambled(CELLS["gru"](2, 4))
    step, x, state = stepper(cell), numbers(1, 2), held(cell.initial(1))
    before, _ = step(x, state)
    scrambled(cell, 3.0)
    np.testing.assert_array_equal(before, step(x, state)[0])
