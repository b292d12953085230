"""Cells from their equations: torch's layers where torch has them, the published equations where it has not."""

from functools import partial

import pytest
import torch
from torch import nn

from forecast.errors import SettingsError
from forecast.nets.cells import BOTH_WAYS, NAMED, OWN, Fused, build_cell, gru, lstm, require_one_way
from forecast.nets.stacked import Bidirectional, Stack
from forecast.nets.stepped import GRU, LSTM, SLSTM, Elman, LayerNormLSTM, PeepholeLSTM
from forecast.testing import check_cell

DOUBLE = torch.float64


def scrambled(cell: nn.Module, width: float = 0.5) -> nn.Module:
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.copy_(width * torch.randn(weight.shape))
    return cell.double().eval()


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("name", OWN)
def test_a_scan_of_an_own_cell_may_be_cut_anywhere(name, layers):
    check_cell(partial(OWN[name], layers=layers), inputs=3, hidden_size=5, seed=layers)


@pytest.mark.parametrize("name", [name for name in NAMED if name != "none"])
def test_gradients_of_a_cell_are_those_of_central_differences(name):
    cell = build_cell(name, 2, 3, layers=2, dropout=0.0)
    assert isinstance(cell, nn.Module)
    start = tuple(0.3 * draw(*part.shape).abs() for part in cell.double().eval().initial(2))
    weights = dict(cell.named_parameters())

    def said(x, *rest):
        state, values = rest[: len(start)], dict(zip(weights, rest[len(start) :], strict=True))
        hidden, end = torch.func.functional_call(cell, values, (x, state))
        return (hidden, *end)

    inputs = [draw(2, 4, 2), *start, *(weight.detach() for weight in weights.values())]
    assert torch.autograd.gradcheck(said, [part.clone().requires_grad_() for part in inputs], fast_mode=True)


@pytest.mark.parametrize(
    ("own", "layer"),
    [
        (Elman, partial(nn.RNN, nonlinearity="tanh")),
        (partial(Elman, activation="relu"), partial(nn.RNN, nonlinearity="relu")),
        (LSTM, nn.LSTM),
        (GRU, nn.GRU),
    ],
    ids=["tanh", "relu", "lstm", "gru"],
)
def test_equation_cells_equal_the_layers_of_torch_and_so_do_all_gradients(own, layer):
    cell, theirs = scrambled(own(3, 5)), Fused(layer(3, 5)).double()
    theirs.layer.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
    x = draw(2, 9, 3)
    results = []
    for each in (cell, theirs):
        read = x.clone().requires_grad_()
        start = tuple(draw(*part.shape).requires_grad_() for part in each.initial(2))
        hidden, end = each(read, start)
        (hidden.square().sum() + sum(part.sin().sum() for part in end)).backward()
        weights = each.parameters() if each is cell else each.layer.parameters()
        results.append([hidden, *end, read.grad, *(p.grad for p in start), *(weight.grad for weight in weights)])
    for mine, other in zip(*results, strict=True):
        assert torch.allclose(mine, other, rtol=1e-12, atol=1e-12)


def gates(cell, x, h, count):
    return (x @ cell.weight_ih.T + cell.bias_ih + h @ cell.weight_hh.T + cell.bias_hh).chunk(count, dim=1)


def test_the_reset_gate_of_cho_comes_before_the_product_and_the_other_one_is_another_function():
    before, after = scrambled(GRU(3, 5, reset="before")), scrambled(GRU(3, 5))
    x, h = draw(2, 3), draw(2, 5)
    r, z, _ = gates(before, x, h, 3)
    r, z, u = torch.sigmoid(r), torch.sigmoid(z), before.weight_hh[10:]
    n = torch.tanh(x @ before.weight_ih[10:].T + before.bias_ih[10:] + (r * h) @ u.T + before.bias_hh[10:])
    said = before(x[:, None], (h[None],))[0][:, 0]
    assert torch.allclose(said, (1 - z) * n + z * h, atol=1e-12)
    assert (said - after(x[:, None], (h[None],))[0][:, 0]).abs().max() > 1e-2


def test_peepholes_show_the_gates_the_memory():
    cell = scrambled(PeepholeLSTM(3, 5))
    x, h, c = draw(2, 3), draw(2, 5), draw(2, 5) * 2
    i, f, g, o = gates(cell, x, h, 4)
    into, keep, out = cell.peepholes
    new = torch.sigmoid(f + keep * c) * c + torch.sigmoid(i + into * c) * torch.tanh(g)
    hidden, state = cell(x[:, None], (h[None], c[None]))
    assert torch.allclose(state[1][0], new, atol=1e-12)
    assert torch.allclose(hidden[:, 0], torch.sigmoid(o + out * new) * torch.tanh(new), atol=1e-12)


def test_layer_normalisation_makes_gates_deaf_to_the_measure_of_inputs():
    cell, plain = scrambled(LayerNormLSTM(3, 16)), scrambled(LSTM(3, 16), 0.1)
    x = draw(2, 6, 3)
    for each, same in ((cell, True), (plain, False)):
        apart = (each(30 * x, each.initial(2))[0] - each(3 * x, each.initial(2))[0]).abs().max()
        assert (apart < 1e-4).item() is same


def test_an_slstm_computes_the_published_equations():
    cell = scrambled(SLSTM(3, 5))
    x = draw(2, 9, 3)
    hidden, (_, ratio, weight) = cell(x, cell.initial(2))
    h = c = n = torch.zeros(2, 5, dtype=DOUBLE)
    for t in range(9):
        i, f, z, o = gates(cell, x[:, t], h, 4)
        c = torch.sigmoid(f) * c + torch.exp(i) * torch.tanh(z)
        n = torch.sigmoid(f) * n + torch.exp(i)
        h = torch.sigmoid(o) * c / n
        assert torch.allclose(hidden[:, t], h, atol=1e-12)
    assert torch.allclose(ratio[0], c / n, atol=1e-12)
    assert torch.allclose(weight[0], n.log(), atol=1e-12)


def test_exponential_gates_do_not_overflow():
    cell = scrambled(SLSTM(3, 5)).float()
    x = (1e4 * draw(2, 50, 3)).float().requires_grad_()
    hidden, state = cell(x, cell.initial(2))
    hidden.sum().backward()
    assert all(part.isfinite().all() for part in (hidden, *state, x.grad))
    assert hidden.abs().max() <= 1


def test_a_projected_lstm_is_that_of_torch_with_a_wider_memory():
    cell = OWN["projected-lstm"](3, 4)
    hidden, memory = cell.initial(2)
    assert (hidden.shape, memory.shape) == ((1, 2, 4), (1, 2, 8))
    with pytest.raises(SettingsError, match="memory=1"):
        OWN["projected-lstm"](3, 4, memory=1)


def test_zoneout_keeps_the_old_state_in_training_and_mixes_outside_of_it():
    cell = scrambled(LSTM(3, 400, zoneout=0.25), 0.1)
    x, start = draw(1, 1, 3), (draw(1, 1, 400), draw(1, 1, 400))
    mixed, _ = cell(x, start)
    kept = (cell.train()(x, start)[0][0, 0] == start[0][0, 0]).double().mean()
    assert 0.15 < kept < 0.35
    cell.zoneout = 0.0
    new, _ = cell(x, start)
    assert torch.allclose(mixed[0, 0], 0.25 * start[0][0, 0] + 0.75 * new[0, 0], atol=1e-12)
    with pytest.raises(SettingsError, match="zoneout=1"):
        LSTM(3, 4, zoneout=1.0)


def test_a_residual_stack_adds_what_each_layer_reads():
    cell = scrambled(Stack([gru(3, 4), gru(4, 4)], residual=True))
    x, start = draw(2, 6, 3), cell.initial(2)
    below, _ = cell.cells[0](x, (start[0][:1],))
    above, _ = cell.cells[1](below, (start[0][1:],))
    assert torch.equal(cell(x, start)[0], below + above)
    with pytest.raises(SettingsError, match="make them equal"):
        Stack([gru(3, 4), gru(4, 5)], residual=True)
    with pytest.raises(SettingsError, match="at least one"):
        Stack([])


def test_a_stack_of_torch_layers_is_a_layer_of_torch_with_as_many():
    whole = scrambled(lstm(3, 4, layers=2))
    parts = Stack([lstm(3, 4), lstm(4, 4)]).double()
    for place, cell in enumerate(parts.cells):
        names = [f"{name}_l" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        cell.layer.load_state_dict({f"{name}0": getattr(whole.layer, f"{name}{place}") for name in names})
    x, start = draw(2, 6, 3), tuple(draw(2, 2, 4) for _ in range(2))
    (mine, end), (other, last) = parts(x, start), whole(x, start)
    assert torch.allclose(mine, other, atol=1e-12)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(end, last, strict=True))


def test_a_bidirectional_cell_is_that_of_torch_and_no_stream_takes_it():
    layer = scrambled(nn.GRU(3, 4, batch_first=True, bidirectional=True))
    cell = Bidirectional(gru(3, 4), gru(3, 4)).double()
    for each, end in zip(cell.cells, ("", "_reverse"), strict=True):
        each.layer.load_state_dict({name: layer.state_dict()[name + end] for name in each.layer.state_dict()})
    x, start = draw(2, 6, 3), draw(2, 2, 4)
    hidden, (state,) = cell(x, (start,))
    theirs, last = layer(x, start)
    assert torch.allclose(hidden, theirs, atol=1e-12)
    assert torch.allclose(state, last, atol=1e-12)
    with pytest.raises(SettingsError, match="Windowed"):
        require_one_way(cell)


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_a_named_bidirectional_cell_hears_the_start_and_the_end_at_every_step(name):
    cell = build_cell(name, 3, 4, layers=1, dropout=0.0)
    assert isinstance(cell, nn.Module)
    x = draw(1, 7, 3).requires_grad_()
    hidden, _ = scrambled(cell)(x, cell.initial(1))
    assert hidden.shape == (1, 7, 4)
    for step in (0, 6):
        (heard,) = torch.autograd.grad(hidden[0, step].sum(), x, retain_graph=True)
        assert (heard[0].abs().sum(dim=1) > 0).all()
    with pytest.raises(SettingsError, match="Windowed"):
        require_one_way(cell)


def test_an_irnn_starts_as_the_identity():
    assert torch.equal(OWN["irnn"](3, 4, layers=2).layer.weight_hh_l1, torch.eye(4))


@pytest.mark.parametrize(
    ("make", "word"), [(partial(Elman, activation="tan"), "tanh"), (partial(GRU, reset="befor"), "before")]
)
def test_unknown_choices_are_named_with_what_was_meant(make, word):
    with pytest.raises(SettingsError, match=f"did you mean '{word}'"):
        make(3, 4)
