"""The reference by hand is the oracle of others; autograd and central differences are those of the reference."""

import numpy as np
import pytest
import torch

from forecast.errors import SettingsError
from forecast.nets.reference import EQUATIONS, Readout, Weights, backward, clipped, forward, loss
from forecast.nets.stepped import GRU, LSTM, Elman, Stepped

GATES = {"rnn": 1, "lstm": 4, "gru-after": 3, "gru-before": 3}
BATCH, TIME, INPUT, HIDDEN, OUTPUT = 2, 7, 3, 4, 2


def drawn(kind: str, every_step: bool):
    random = np.random.default_rng(4)
    wide = GATES[kind] * HIDDEN
    shapes = ((wide, INPUT), (wide, HIDDEN), (wide,), (wide,))
    weights = Weights(*(random.normal(size=shape, scale=0.7) for shape in shapes))
    readout = Readout(random.normal(size=(OUTPUT, HIDDEN)), random.normal(size=OUTPUT))
    x, hidden, memory = (random.normal(size=s) for s in ((BATCH, TIME, INPUT), (BATCH, HIDDEN), (BATCH, HIDDEN)))
    return weights, readout, x, hidden, memory, random.normal(size=(BATCH, TIME if every_step else 1, OUTPUT))


def by_hand(kind: str, every_step: bool, drawn):
    """The loss, and its derivatives in the order of what was drawn."""
    weights, readout, x, hidden, memory, target = drawn
    trace = forward(kind, weights, x, hidden, memory)
    value, by_readout, said = loss(readout, trace, target, every_step)
    found = backward(kind, weights, trace, said)
    return value, [*found.weights, *by_readout, found.x, found.hidden, found.memory]


def same_cell(kind: str, weights: list[torch.Tensor]) -> Stepped:
    kinds = {"rnn": Elman, "lstm": LSTM, "gru-after": GRU}
    cell = kinds[kind](INPUT, HIDDEN) if kind in kinds else GRU(INPUT, HIDDEN, reset="before")
    for name, weight in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), weights, strict=True):
        setattr(cell, name, torch.nn.Parameter(weight))
    return cell


@pytest.mark.parametrize("every_step", [True, False])
@pytest.mark.parametrize("kind", EQUATIONS)
def test_backpropagation_by_hand_is_that_of_autograd(kind, every_step):
    parts = drawn(kind, every_step)
    value, found = by_hand(kind, every_step, parts)
    weights, readout, *rest = parts
    cell = same_cell(kind, [torch.from_numpy(part) for part in weights])
    v, a, x, hidden, memory = (torch.from_numpy(part).requires_grad_() for part in (*readout, *rest[:3]))
    said, _ = cell(x, (hidden[None], memory[None])[: cell.tensors])
    said = said if every_step else said[:, -1:]
    theirs = (said @ v.T + a - torch.from_numpy(rest[3])).square().mean()
    assert value == pytest.approx(theirs.item(), rel=1e-12)
    asked = [*cell.parameters(), v, a, x, hidden, memory]
    expected = torch.autograd.grad(theirs, asked, materialize_grads=True)
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, other.numpy(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", EQUATIONS)
def test_backpropagation_by_hand_is_that_of_central_differences(kind):
    weights, readout, x, hidden, memory, target = drawn(kind, True)
    parts, step = [*weights, *readout, x, hidden, memory], 1e-6

    def at(parts: list[np.ndarray]) -> float:
        trace = forward(kind, Weights(*parts[:4]), *parts[6:])
        return loss(Readout(*parts[4:6]), trace, target)[0]

    _, found = by_hand(kind, True, (weights, readout, x, hidden, memory, target))
    for place, part in enumerate(parts):
        for index in ((0,) * part.ndim, (-1,) * part.ndim):
            shift = np.zeros_like(part)
            shift[index] = step
            above, below = ([*parts[:place], part + s, *parts[place + 1 :]] for s in (shift, -shift))
            assert found[place][index] == pytest.approx((at(above) - at(below)) / (2 * step), abs=1e-8)


def test_the_two_reset_gates_differ_and_agree_where_nothing_is_reset():
    weights, _, x, hidden, _, _ = drawn("gru-after", True)
    after, before = (forward(kind, weights, x, hidden).hidden for kind in ("gru-after", "gru-before"))
    assert np.abs(after - before).max() > 1e-2
    weights.b[:HIDDEN] = 50.0
    after, before = (forward(kind, weights, x, hidden).hidden for kind in ("gru-after", "gru-before"))
    np.testing.assert_allclose(after, before, atol=1e-10)


def test_derivatives_are_cut_off_by_value():
    weights = Weights(*(np.array([[-9.0, 2.0, 7.0]]),) * 2, *(np.array([4.0, 6.0]),) * 2)
    assert [part.tolist() for part in clipped(weights)] == [[[-5.0, 2.0, 5.0]]] * 2 + [[4.0, 5.0]] * 2
    assert clipped(weights, 1.0).b.tolist() == [1.0, 1.0]
    with pytest.raises(SettingsError, match="limit=0"):
        clipped(weights, 0.0)


def test_unknown_kinds_and_targets_that_do_not_fit_are_refused():
    weights, readout, x, _, _, target = drawn("rnn", False)
    with pytest.raises(SettingsError, match="gru-after"):
        forward("gru-aftr", weights, x)
    with pytest.raises(SettingsError, match="1 steps where the loss counts 7"):
        loss(readout, forward("rnn", weights, x), target)
