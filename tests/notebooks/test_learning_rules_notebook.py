"""The notebook on learning rules: what it says came out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from played import played


@pytest.fixture
def learning_rules() -> dict[str, Any]:
    return played("learning_rules")


def test_a_small_recurrent_matrix_lets_gradients_vanish_and_a_large_one_explode(learning_rules):
    small, large = (flow.lags["q50"] for flow in learning_rules["flows"].values())
    assert small.iloc[-1] < 1e-3 * small.iloc[0]
    assert large.iloc[-1] > 3 * large.iloc[0]


def test_remedies_reach_further_back_than_the_starts_without_them(learning_rules):
    def left(name: str) -> float:
        lags = learning_rules["remedied"][name].lags
        norms = lags.loc[lags["part"] == "state", "q50"]
        return float(norms.iloc[-1] / norms.max())

    assert left("RNN, orthogonal") > left("RNN, uniform")
    assert left("LSTM, chrono") > left("LSTM, forget bias 1") > left("LSTM, forget bias 0")


def test_clipping_shortens_gradients_to_its_limit_and_nothing_else_does(learning_rules):
    table = learning_rules["clipping"]
    without = table["limit"] == "none"
    assert (table["largest after"] == table["largest before"])[without].all()
    assert table["largest before"][~without].max() > 1
    assert table["largest after"][~without].max() <= 1 + 1e-5


def test_real_time_recurrent_learning_is_backpropagation_through_time_on_the_weather(learning_rules):
    assert len(learning_rules["side_by_side"]) == 4
    assert learning_rules["side_by_side"]["relative difference"].max() < 1e-11
    rules = learning_rules["rules"]
    assert list(rules.index) == ["bptt", "tbptt", "rtrl", "snap1", "uoro", "uoro, mean of 2"]
    assert rules["off by"]["rtrl"] < 1e-11
    assert rules.loc[["snap1", "uoro"], "off by"].min() > 1e-3
    assert rules["kB carried"]["snap1"] < rules["kB carried"]["rtrl"]


def test_a_gradient_by_rule_is_that_of_autograd(learning_rules):
    names, cell = learning_rules, learning_rules["cell"]
    hidden, _ = cell(names["inputs"][None], cell.initial(1))
    loss = ((hidden[0] @ names["readout"] - names["tomorrow"]) ** 2).sum() / 2
    expected = torch.autograd.grad(loss, list(cell.parameters()))
    for gradient, other in zip(names["gradients"]["rtrl"].values(), expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-11, atol=1e-12)


def test_everybody_is_on_the_board_and_the_last_sentence_is_read_off_it(learning_rules):
    board = learning_rules["board"]
    assert set(board.frame["model"]) == {"naive", "linear", "gru-windowed", "gru-streamed"}
    assert not board.failed
    error = board.frame.set_index("model")["mae"]
    assert learning_rules["change"] == pytest.approx(error["gru-streamed"] / error["gru-windowed"] - 1)
    assert 0 <= learning_rules["p"] <= 1
