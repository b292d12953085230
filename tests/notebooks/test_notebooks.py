"""Notebooks: well formed, without outputs, and running."""

from __future__ import annotations

import ast
import json
import re

import pytest
from played import FOLDER, NOTEBOOKS, REDUCED, code_cells, is_settings, played

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_every_notebook_is_played_with_reduced_settings_and_named_in_the_index():
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert NOTEBOOKS
    assert REDUCED.keys() == {path.stem for path in NOTEBOOKS}
    assert set(re.findall(r"\]\((\w+)\.ipynb\)", index)) == REDUCED.keys()


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
def test_a_notebook_starts_from_an_embedded_data_set_and_says_how_to_get_it(path):
    text = path.read_text(encoding="utf-8")
    assert any(f'fc.read_dataset(\\"{name}\\")' in text for name in ("seattle-weather", "stocks"))
    assert "forecast-recurrent[demo]" in text


@each_notebook
def test_a_notebook_is_played_without_a_warning(path):
    played(path.stem)
