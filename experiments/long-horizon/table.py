"""The table: finished cells beside published figures, as CSV (everything) and Markdown (what one looks at)."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

PUBLISHED = Path(__file__).resolve().parent / "published.csv"
TITLES = {"etth1": "ETTh1", "ettm1": "ETTm1", "jena-weather": "Weather", "exchange-rate": "Exchange"}
NAMES = {
    "naive": "repeat last",
    "linear": "`Linear`",
    "linear-refit": "`Linear`, refit",
    "skip-alone": "skip alone",
    "state-alone": "state alone",
    "both": "both",
}
LITERATURE = ("NLinear", "DLinear", "PatchTST", "SegRNN")
ELECTABLE = ("naive", "linear", "skip-alone", "state-alone", "both")
CHOSEN = "chosen"
BOTH = ["mse", "mae"]


def write(folder: Path) -> str:
    """Write results.csv and results.md from the cells of a folder; returns the Markdown."""
    frame = read_cells(folder / "cells")
    everything = pd.concat([frame, pd.read_csv(PUBLISHED)], ignore_index=True)
    everything.to_csv(folder / "results.csv", index=False, float_format="%.6g")
    means = mean_over_seeds(frame)
    text = markdown(pd.concat([means, elected(means), pd.read_csv(PUBLISHED)], ignore_index=True), frame)
    (folder / "results.md").write_text(text)
    return text


def read_cells(folder: Path) -> pd.DataFrame:
    """One row a cell."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        cell = json.loads(path.read_text())
        held = cell["validation"] or (None, None)
        kept = ("data", "horizon", "model", "seed", "windows", "fit_seconds", "judge_seconds", "peak_gb", "weights")
        errors = {"validation_mse": held[0], "validation_mae": held[1], "mse": cell["test"][0], "mae": cell["test"][1]}
        rows.append({name: cell[name] for name in kept} | errors | {"source": "measured"})
    return pd.DataFrame(rows)


def mean_over_seeds(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for a data set, horizon and model."""
    return frame.groupby(["data", "horizon", "model"], as_index=False)[["validation_mse", *BOTH]].mean()


def elected(means: pd.DataFrame) -> pd.DataFrame:
    """At each data set and horizon, the model with the least MSE on validation rows: the test rows choose nothing."""
    able = means[means["model"].isin(ELECTABLE)]
    best = able.loc[able.groupby(["data", "horizon"])["validation_mse"].idxmin()]
    return best.assign(of=best["model"], model=CHOSEN)


def markdown(frame: pd.DataFrame, cells: pd.DataFrame) -> str:
    """Errors, and what they cost."""
    models = [name for name in NAMES if name in set(frame["model"])]
    head = ["data", "H", *LITERATURE, *(NAMES[name] for name in models), "chosen on validation rows"]
    rows, averages = [], []
    for data in (name for name in TITLES if name in set(cells["data"])):
        one = frame[frame["data"] == data]
        horizons = sorted(cells.loc[cells["data"] == data, "horizon"].unique())
        for horizon in horizons:
            at = one[one["horizon"] == horizon].set_index("model")
            said = [pair(at, name) for name in (*LITERATURE, *models, CHOSEN)]
            rows.append([TITLES[data], str(horizon), *said[:-1], f"{said[-1]} ({NAMES[at.loc[CHOSEN, 'of']]})"])
        mean = complete_means(one, horizons)
        averages.append(mean.assign(data=data))
        rows.append([TITLES[data], "mean", *(pair(mean, name) for name in (*LITERATURE, *models, CHOSEN))])
    three = pd.concat(averages)
    three = three[three["data"] != "exchange-rate"]
    overall = three.groupby("model")[BOTH].mean()[three.groupby("model").size() == three["data"].nunique()]
    rows.append(["all but Exchange", "mean", *(pair(overall, name) for name in (*LITERATURE, *models, CHOSEN))])
    return f"MSE / MAE\n\n{grid(head, rows)}\n\nCPU seconds of a fit, one thread\n\n{costs(cells, models)}\n"


def complete_means(frame: pd.DataFrame, horizons: list[int]) -> pd.DataFrame:
    """Means over horizons of the models that have them all, indexed by model."""
    groups = frame[frame["horizon"].isin(horizons)].groupby("model")
    return groups[BOTH].mean()[groups.size() == len(horizons)]


def pair(at: pd.DataFrame, model: str) -> str:
    """'.374 / .394', or a dash where there is nothing."""
    if model not in at.index:
        return "–"
    return " / ".join(f"{value:.3f}".removeprefix("0") for value in at.loc[model, BOTH])


def costs(cells: pd.DataFrame, models: list[str]) -> str:
    """Seconds of fits, means over seeds, by data set and horizon, and their sum."""
    seconds = cells.pivot_table(index=["data", "horizon"], columns="model", values="fit_seconds")
    rows = [
        [TITLES[data], str(horizon), *(said(seconds.loc[(data, horizon), name]) for name in models)]
        for data in TITLES
        for horizon in sorted(cells.loc[cells["data"] == data, "horizon"].unique())
    ]
    rows.append(["sum", "", *(said(seconds[name].sum()) for name in models)])
    total = cells[["fit_seconds", "judge_seconds"]].sum().sum()
    note = f"All cells, judging included: {total / 60:.0f} minutes; most memory {cells['peak_gb'].max():.1f} GB."
    return f"{grid(['data', 'H', *(NAMES[name] for name in models)], rows)}\n\n{note}"


def said(seconds: float) -> str:
    return "–" if pd.isna(seconds) else f"{seconds:.0f}"


def grid(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
