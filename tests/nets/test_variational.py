"""Variational dropout: one mask for all steps of a sequence, nothing outside of training, the same mean."""

from functools import partial

import pytest
import torch
from torch import nn

from forecast.errors import SettingsError
from forecast.nets.cells import build_cell, gru
from forecast.nets.stacked import Stack
from forecast.nets.stepped import GRU, LSTM, SLSTM, Elman, LayerNormLSTM, PeepholeLSTM
from forecast.nets.variational import VariationalDropout, held_mask, variational
from forecast.testing import check_cell

KINDS = [Elman, LSTM, PeepholeLSTM, LayerNormLSTM, GRU, partial(GRU, reset="before"), SLSTM]
NAMES = ["elman", "lstm", "peephole", "layer-norm", "gru", "gru-before", "slstm"]


class Echo(nn.Module):
    """A cell that says what it reads."""

    hidden_size = 6

    def initial(self, batch):
        return (torch.zeros(1, batch, 1),)

    def forward(self, x, state):
        return x, state


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("where", ["inputs", "outputs"])
def test_what_is_left_out_is_left_out_at_every_step_and_each_row_has_its_own_mask(where):
    torch.manual_seed(0)
    said, _ = VariationalDropout(Echo(), **{where: 0.5})(torch.ones(20, 7, 6), Echo().initial(20))
    assert torch.equal(said, said[:, :1].expand_as(said))
    assert set(said.unique().tolist()) == {0.0, 2.0}
    assert len(said[:, 0].unique(dim=0)) > 10


def test_every_reading_draws_a_mask_of_its_own():
    torch.manual_seed(0)
    cell = VariationalDropout(Echo(), outputs=0.5)
    first, second = (cell(torch.ones(20, 3, 6), Echo().initial(20))[0] for _ in range(2))
    assert not torch.equal(first, second)


def test_the_mean_of_a_mask_is_one():
    torch.manual_seed(0)
    mask = held_mask(torch.empty(200, 200), 0.3)
    assert mask.mean() == pytest.approx(1.0, abs=0.02)
    assert (mask == 0).float().mean() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_a_recurrent_matrix_reads_the_same_part_of_the_state_at_every_step(kind):
    torch.manual_seed(0)
    cell = kind(3, 5, recurrent_dropout=0.5).double().train()
    x, start = draw(4, 6, 3), tuple(0.3 * draw(*part.shape) for part in cell.initial(4))
    torch.manual_seed(1)
    hidden, end = cell(x, start)
    torch.manual_seed(1)
    mask = held_mask(start[0][0], 0.5)
    now = tuple(part[0] for part in start)
    for step, said in enumerate(cell.read(x).unbind(1)):
        now = cell.step(said, now, now[0] * mask)
        assert torch.equal(hidden[:, step], now[0])
    assert all(torch.equal(part[0], last) for part, last in zip(end, now, strict=True))
    plain = kind(3, 5).double()
    plain.load_state_dict(cell.state_dict())
    assert not torch.allclose(plain(x, start)[0], hidden)


def test_what_a_gru_carries_on_beside_its_matrices_is_not_touched():
    cell = GRU(3, 50, recurrent_dropout=0.5).double().train()
    with torch.no_grad():
        cell.bias_ih[50:100] = 40.0  # the update gate keeps everything
    x, start = draw(2, 9, 3), (draw(1, 2, 50),)
    assert torch.allclose(cell(x, start)[1][0], start[0], atol=1e-10)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_outside_of_training_it_is_the_cell_without_dropout(kind):
    cell, plain = kind(3, 5, recurrent_dropout=0.4).double().eval(), kind(3, 5).double()
    plain.load_state_dict(cell.state_dict())
    x = draw(4, 6, 3)
    whole = VariationalDropout(cell, 0.3, 0.4).eval()
    assert torch.equal(whole(x, whole.initial(4))[0], plain(x, plain.initial(4))[0])
    check_cell(lambda inputs, size: VariationalDropout(kind(inputs, size, recurrent_dropout=0.4), 0.3, 0.3))


def test_a_fused_cell_takes_masks_of_inputs_and_outputs_too():
    torch.manual_seed(0)
    hidden, _ = VariationalDropout(gru(3, 8), 0.2, 0.5)(torch.randn(4, 6, 3), gru(3, 8).initial(4))
    left_out = hidden == 0
    assert left_out.any()
    assert torch.equal(left_out, left_out[:, :1].expand_as(left_out))


@pytest.mark.parametrize("name", ["variational-lstm", "variational-gru"])
def test_named_cells_drop_their_state_between_their_layers_and_what_they_say(name):
    one, three = (build_cell(name, 2, 4, layers=layers, dropout=0.0) for layers in (1, 3))
    assert isinstance(one, VariationalDropout)
    assert (one.inputs, one.outputs) == (0.0, 0.2)
    assert isinstance(three, Stack)
    top = three.cells[2]
    assert (top.inputs, top.outputs, top.cell.recurrent_dropout) == (0.2, 0.2, 0.2)
    assert [three.cells[0].recurrent_dropout, three.cells[1].inputs, three.cells[1].outputs] == [0.2, 0.2, 0.0]
    assert variational(LSTM, 2, 4, layers=2, dropout=0.4).cells[1].inputs == 0.4


@pytest.mark.parametrize("share", [1.0, -0.1, float("nan")])
def test_a_share_that_is_no_probability_is_refused(share):
    for make in (
        lambda: VariationalDropout(Echo(), inputs=share),
        lambda: VariationalDropout(Echo(), outputs=share),
        lambda: LSTM(3, 4, recurrent_dropout=share),
    ):
        with pytest.raises(SettingsError, match="at least 0 and below 1"):
            make()
