"""Notebooks: well formed, without outputs, and what they say comes out when they are run."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
import torch

mpl.use("Agg")

from matplotlib import pyplot as plt

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LEARNING_RULES = FOLDER / "learning_rules.ipynb"
REDUCED: dict[str, dict[str, Any]] = {
    LEARNING_RULES.name: {
        "EPOCHS": 1,
        "LAGS": 12,
        "HIDDEN": 16,
        "RADII": (0.5, 3.0),
        "UNITS": 3,
        "ROWS": 20,
        "DRAWS": 2,
        "FIT_EPOCHS": 1,
    }
}
"""What stands in for the settings of a notebook, so that it runs in seconds."""

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def is_settings(cell: dict[str, Any]) -> bool:
    return "parameters" in cell["metadata"].get("tags", [])


@cache
def run(path: Path) -> dict[str, Any]:
    """The namespace after all code cells, one after the other; the reduced settings follow those they stand in for."""
    names: dict[str, Any] = {"__name__": path.stem}
    reduced = REDUCED.get(path.name, {})
    with torch.random.fork_rng(devices=[]):  # what a notebook draws is its own affair
        for cell in code_cells(path):
            exec(compile("".join(cell["source"]), f"{path.name}, cell {cell['id']!r}", "exec"), names)
            if is_settings(cell):
                assert reduced.keys() <= names.keys(), f"{path.name} has no settings {reduced.keys() - names.keys()}"
                names |= reduced
            plt.close("all")  # shown, and done with
    return names


@pytest.fixture
def learning_rules() -> dict[str, Any]:
    return run(LEARNING_RULES)


def test_there_are_notebooks():
    assert LEARNING_RULES in NOTEBOOKS
    assert REDUCED.keys() <= {path.name for path in NOTEBOOKS}


@each_notebook
def test_a_notebook_is_kept_without_what_running_it_leaves(path):
    for cell in code_cells(path):
        assert cell["outputs"] == [], cell["id"]
        assert cell["execution_count"] is None, cell["id"]


@each_notebook
def test_a_notebook_is_json_of_format_4_5_a_line_of_code_a_line(path):
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    assert notebook.keys() == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in notebook["cells"]:
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell["id"])
        shared = {"cell_type", "id", "metadata", "source"}
        assert cell.keys() == (shared | {"execution_count", "outputs"} if cell["cell_type"] == "code" else shared)
        assert cell["cell_type"] in ("code", "markdown")
        assert all(line.endswith("\n") for line in cell["source"][:-1]), cell["id"]
        assert all("\n" not in line[:-1] for line in cell["source"]), cell["id"]
        assert cell["source"], cell["id"]
        assert not cell["source"][-1].endswith("\n"), cell["id"]


@each_notebook
def test_a_notebook_is_plain_python_whose_first_cell_holds_its_settings(path):
    cells = code_cells(path)
    trees = [ast.parse("".join(cell["source"])) for cell in cells]  # a magic is no Python
    assert [is_settings(cell) for cell in cells] == [True] + [False] * (len(cells) - 1)
    for line in trees[0].body:
        assert isinstance(line, ast.Assign), ast.unparse(line)
        ast.literal_eval(line.value)


@each_notebook
def test_a_notebook_runs(path):
    run(path)


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
