"""Cells: reading in pieces equals reading at once, and they compute what torch's layers compute."""

from functools import partial

import numpy as np
import pytest
import torch

from forecast.errors import SettingsError
from forecast.nets.cells import CELLS, build_cell, cell_factory
from forecast.testing import check_cell


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", CELLS)
def test_a_scan_may_be_cut_anywhere(name, layers):
    for seed in range(3):
        check_cell(partial(CELLS[name], layers=layers), inputs=1 + seed, hidden_size=4 + seed, seed=seed)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def by_hand(name: str, w: dict[str, np.ndarray], x: np.ndarray, h: np.ndarray, c: np.ndarray):
    """One step of one layer, from the published equations."""
    a = x @ w["weight_ih_l0"].T + w["bias_ih_l0"]
    b = h @ w["weight_hh_l0"].T + w["bias_hh_l0"]
    if name == "rnn":
        return np.tanh(a + b), c
    if name == "rnn-relu":
        return np.maximum(a + b, 0), c
    if name == "lstm":
        i, f, g, o = np.split(a + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    (ar, az, an), (br, bz, bn) = np.split(a, 3, axis=1), np.split(b, 3, axis=1)
    z = sigmoid(az + bz)
    return (1 - z) * np.tanh(an + sigmoid(ar + br) * bn) + z * h, c


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_computes_the_published_equations(name):
    cell = CELLS[name](3, 5).double()
    weights = {key: value.detach().numpy() for key, value in cell.layer.named_parameters()}
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    hidden, _ = cell(x, cell.initial(2))
    h = c = np.zeros((2, 5))
    for t in range(6):
        h, c = by_hand(name, weights, x[:, t].numpy(), h, c)
        assert np.abs(hidden[:, t].detach().numpy() - h).max() < 1e-12


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_equals_its_torch_layer(name):
    kind = {"rnn": torch.nn.RNN, "rnn-relu": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[name]
    extra = {"nonlinearity": "relu"} if name == "rnn-relu" else {}
    cell = CELLS[name](3, 5, layers=2)
    layer = kind(3, 5, 2, batch_first=True, **extra)
    layer.load_state_dict(cell.layer.state_dict())
    x = torch.randn(4, 7, 3)
    assert torch.allclose(cell(x, cell.initial(4))[0], layer(x)[0], atol=1e-6)


def test_gates_start_open_to_remember_and_recurrent_matrices_orthogonal():
    cell = CELLS["lstm"](3, 4)
    assert cell.layer.bias_ih_l0.tolist() == [0] * 4 + [1] * 4 + [0] * 8
    assert cell.layer.bias_hh_l0.tolist() == [0] * 16
    for gate in cell.layer.weight_hh_l0.split(4):
        assert torch.allclose(gate @ gate.T, torch.eye(4), atol=1e-5)


def test_dropout_is_refused_where_it_would_do_nothing():
    with pytest.raises(SettingsError, match="does nothing with one layer"):
        build_cell("gru", 3, 4, layers=1, dropout=0.2)
    with pytest.raises(SettingsError, match="does nothing with one layer"):
        CELLS["lstm"](3, 4, dropout=0.2)
    assert build_cell("gru", 3, 4, layers=2, dropout=0.2).layer.dropout == 0.2


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"hidden_size": 0}, "hidden_size=0"), ({"layers": 0}, "layers=0"), ({"dropout": 1.0}, "dropout")],
)
def test_sizes_that_make_no_sense_are_refused(settings, word):
    with pytest.raises(SettingsError, match=word):
        build_cell("gru", 3, **({"hidden_size": 4, "layers": 2, "dropout": 0.0} | settings))


def test_a_cell_is_named_imported_or_given():
    assert cell_factory("gru") is CELLS["gru"]
    assert cell_factory("forecast.nets.cells:lstm") is CELLS["lstm"]
    assert cell_factory(CELLS["rnn"]) is CELLS["rnn"]
    with pytest.raises(SettingsError, match="did you mean 'lstm'"):
        cell_factory("lsmt")
    with pytest.raises(SettingsError, match="cannot be imported"):
        cell_factory("no.such.module:Cell")


def test_a_cell_of_ones_own_needs_no_layers_or_dropout_until_they_are_asked_for():
    def own(inputs, hidden_size):
        return CELLS["rnn"](inputs, hidden_size)

    assert build_cell(own, 3, 4, layers=1, dropout=0.0).hidden_size == 4
    with pytest.raises(TypeError, match="layers"):
        build_cell(own, 3, 4, layers=2, dropout=0.0)
