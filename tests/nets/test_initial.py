"""How cells start: memories of the length that was asked for, states that learn."""

import math

import pytest
import torch

from forecast.errors import SettingsError
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import NAMED, build_cell, gru, lstm, rnn
from forecast.nets.initial import LearnedStart, chrono
from forecast.testing import check_cell, sample_panel
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window


@pytest.mark.parametrize("name", ["lstm", "gru", "equation-lstm", "peephole-lstm", "residual-gru", "projected-lstm"])
def test_gates_begin_with_memories_of_every_length_up_to_the_longest(name):
    cell = chrono(build_cell(name, 3, 200, layers=2, dropout=0.0), 96)
    size = 400 if name == "projected-lstm" else 200
    biases = [(key, part) for key, part in cell.named_parameters() if "bias_ih" in key]
    assert len(biases) == 2
    for _, bias in biases:
        kept = bias[size : 2 * size].exp()
        assert 1 <= kept.min() < 5
        assert 90 < kept.max() <= 95
        assert torch.equal(bias[:size], torch.zeros(size) if "gru" in name else -bias[size : 2 * size])
    for key, bias in cell.named_parameters():
        assert "bias_hh" not in key or not bias.any()


def test_chrono_lets_a_memory_last():
    torch.manual_seed(0)
    left = {}
    for longest in (2, 400):
        cell = chrono(lstm(1, 64), longest).double()
        _, (_, memory) = cell(torch.zeros(1, 50, 1, dtype=torch.float64), _filled(cell))
        left[longest] = memory.abs().mean().item()
    assert left[400] > 10 * left[2]


def _filled(cell):
    hidden, memory = cell.initial(1)
    return hidden, torch.ones_like(memory)


def test_chrono_refuses_what_has_no_gates_and_no_length():
    with pytest.raises(SettingsError, match="no LSTM or GRU"):
        chrono(rnn(3, 4), 10)
    with pytest.raises(SettingsError, match="longest=1"):
        chrono(lstm(3, 4), 1)


@pytest.mark.parametrize("name", ["gru", "slstm"])
def test_a_learned_start_keeps_the_promise_and_learns(name):
    check_cell(lambda inputs, size: LearnedStart(build_cell(name, inputs, size, 1, 0.0)))
    cell = LearnedStart(NAMED[name](2, 3))
    x, target = torch.zeros(4, 1, 2), torch.full((4, 1, 3), 0.4)
    optimizer, first = torch.optim.Adam(cell.start.parameters(), 0.1), math.inf
    for _ in range(60):
        optimizer.zero_grad()
        error = (cell(x, cell.initial(4))[0] - target).square().mean()
        error.backward()
        optimizer.step()
        first = min(first, error.item()) if first == math.inf else first
    assert error.item() < 0.5 * first


def test_a_start_is_learned_on_windows_and_on_streams():
    panel = sample_panel(8, 4)
    for feed in (Windowed(16), Streamed(lanes=2, chunk=12)):
        training = Training(epochs=2, learning_rate=1e-2, device="cpu")
        model = Recurrent(Window(8, 4), _started, 4, feed=feed, training=training).fit(panel)
        assert model.network.cell.start[0].abs().sum() > 0, feed
        if isinstance(feed, Streamed):
            live = model.live(panel).forecast()
            assert abs(live.values - model.predict(panel).values).max() < 1e-4


def _started(inputs, hidden_size):
    return LearnedStart(gru(inputs, hidden_size))
