"""The files a sweep leaves beside those of the comparison: its trials as a table, and pictures of them."""

from __future__ import annotations

import json
from pathlib import Path

from forecast.experiment.details import write_detail, write_table
from forecast.experiment.files import write_frame
from forecast.experiment.sweep import SweepOutcome
from forecast.sweeps.reading import importances


def write_sweep(found: SweepOutcome, directory: Path) -> list[Path]:
    """Write trials.csv, details/sweep.json, details/importances.csv and plots/sweep-*.png.

    Returns:
        The files, in the order written.
    """
    from forecast.plotting.style import plt
    from forecast.plotting.sweeps import plot_cells, plot_costs, plot_history, plot_importances

    frame, goal = found.trials, found.goals[0]
    written = [write_frame(frame, directory / "trials.csv")]
    plots = directory / "plots"
    plots.mkdir(exist_ok=True)
    pictures = {"history": plot_history(frame, goal), "costs": plot_costs(frame, goal)}
    weights = importances(found.study)
    about = json.dumps({"goals": found.goals, "notes": found.notes}, indent=2, ensure_ascii=False)
    written.append(write_detail(directory, "sweep.json", f"{about}\n"))
    shares = weights.rename_axis("parameter").reset_index(name="importance")
    written.append(write_table(directory, "importances", shares))
    if len(weights):
        pictures["importances"] = plot_importances(weights, goal)
    if {"cell", "hidden_size"} <= set(frame):
        pictures["cells"] = plot_cells(frame, goal)
    for name, axes in pictures.items():
        figure = axes.get_figure(root=True)
        if figure is not None:
            figure.savefig(plots / f"sweep-{name}.png", dpi=110)
            plt.close(figure)
    return [*written, *(plots / f"sweep-{name}.png" for name in pictures)]
