"""What only a real kernel shows: every cell's picture, and nothing on stderr."""

import pytest

CELLS = (
    """import numpy as np
import forecast as fc

panel = fc.Panel.from_arrays(np.sin(np.arange(60.0)), np.arange("2024-01-01", "2024-03-01", dtype="M8[D]"))
ahead = fc.Naive(fc.Window(4, 2)).fit(panel).predict(panel)
fc.plot(ahead, panel);""",
    "fc.plot(ahead, panel);",
    "table = fc.trials_frame",
)


@pytest.mark.slow
def test_every_cell_shows_its_picture_and_imports_say_nothing():
    nbformat = pytest.importorskip("nbformat", reason="needs the docs extra")
    nbclient = pytest.importorskip("nbclient", reason="needs the docs extra")
    pytest.importorskip("ipykernel", reason="needs the docs extra")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    nbclient.NotebookClient(notebook, timeout=240, startup_timeout=240, kernel_name="python3").execute()
    shown = [["image/png" in output.get("data", {}) for output in cell["outputs"]] for cell in notebook.cells]
    assert shown == [[True], [True], []]
