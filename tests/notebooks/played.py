"""Notebooks, played: all code cells in one namespace, behind settings with which they take seconds."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch

mpl.use("Agg")

from matplotlib import pyplot as plt

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
REDUCED: dict[str, dict[str, Any]] = {
    "first_forecast": {"SINCE": "2015-07-01", "CONTEXT": 7, "HORIZON": 3, "HIDDEN": 4, "EPOCHS": 1},
    "stocks_honestly": {"SINCE": "2012-11-01", "CONTEXT": 5, "HORIZON": 2, "HIDDEN": 4, "EPOCHS": 1},
    "sweep_analysis": {"SINCE": "2014-01-01", "TRIALS": 11, "EPOCHS": 1, "FOLDS": 1, "LARGEST": 8, "STRIDE": 3},
    "live_and_learning": {"UNTIL": "2014-03-31", "CONTEXT": 4, "HIDDEN": 4, "EPOCHS": 2, "TRUST": 20},
    "your_own_cell": {"SINCE": "2015-07-01", "CONTEXT": 7, "HORIZON": 2, "HIDDEN": 4, "EPOCHS": 1},
    "from_notebook_to_many_gpus": {"EPOCHS": 2, "HIDDEN": 4, "STOP_AFTER": 1, "LAUNCH": False},
    "learning_rules": {
        "EPOCHS": 1,
        "LAGS": 12,
        "HIDDEN": 16,
        "RADII": (0.5, 3.0),
        "UNITS": 3,
        "ROWS": 20,
        "DRAWS": 2,
        "FIT_EPOCHS": 1,
    },
}
"""What stands in for the settings of a notebook."""


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def is_settings(cell: dict[str, Any]) -> bool:
    return "parameters" in cell["metadata"].get("tags", [])


@cache
def played(name: str) -> dict[str, Any]:
    """The namespace after all code cells, one after the other; the reduced settings follow those they stand in for."""
    names: dict[str, Any] = {"__name__": name}
    with torch.random.fork_rng(devices=[]):  # what a notebook draws is its own affair
        for cell in code_cells(FOLDER / f"{name}.ipynb"):
            exec(compile("".join(cell["source"]), f"{name}.ipynb, cell {cell['id']!r}", "exec"), names)
            if is_settings(cell):
                missing = REDUCED[name].keys() - names.keys()
                assert not missing, f"{name}.ipynb has no settings {missing}"
                names |= REDUCED[name]
            plt.close("all")  # shown, and done with
    return names
