"""Trials: what a sweep found, what it cost, what mattered."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from forecast.report.charts import Chart, Variant, absent, axes, figure, plain
from forecast.report.colours import SYMBOLS
from forecast.report.markup import Section, bullets, folded, frame_table, label, number, percent, places_for, rounded
from forecast.report.material import Material

UPWARD = ("direction", "accuracy", "balanced_accuracy")
STATES = ("complete", "pruned", "failed")


def trials_section(material: Material) -> Section | None:
    """The pictures of a sweep; None where there was none."""
    frame = material.trials
    if not len(frame):
        return None
    goal = _goal(material)
    done = frame[(frame["state"] == "complete")]
    notes = bullets(str(note) for note in material.sweep.get("notes", ()))
    if goal not in frame or not len(done):
        body = absent("", "No trial was completed, so there is nothing to draw.")
    else:
        body = _history(frame, done, goal) + _costs(done, goal) + _importances(material, goal) + _cells(done, goal)
    folded_table = folded("All trials as a table", frame_table("Trials", _tidy(frame)))
    return Section("sweep", "The search for settings", notes + body + folded_table)


def _tidy(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.dropna(axis=1, how="all")


def _goal(material: Material) -> str:
    goals = material.sweep.get("goals") or material.settings.get("sweep", {}).get("metric") or "mae"
    return str(goals if isinstance(goals, str) else goals[0])


def _up(goal: str) -> bool:
    return goal in UPWARD


def _history(frame: pd.DataFrame, done: pd.DataFrame, goal: str) -> str:
    values = done[goal].to_numpy(dtype=np.float64)
    best = done[goal].cummax() if _up(goal) else done[goal].cummin()
    numbers, places = done["number"].tolist(), places_for(values)
    shape = {"line": {"color": "@p0", "width": 2, "shape": "hv"}, "showlegend": True}
    step = {**plain("best so far", "p0", numbers, best.to_numpy(dtype=np.float64), places), **shape}
    traces: list[Any] = [_points("completed", numbers, rounded(values, places), "p1", "circle"), step]
    low = float(values.min() - 0.06 * (np.ptp(values) or 1.0))
    for state, symbol in (("pruned", "line-ns-open"), ("failed", "x")):
        some = frame.loc[frame["state"] == state, "number"].tolist()
        if some:
            word = {"pruned": "given up early", "failed": "failed"}[state]
            traces.append(_points(word, some, [low] * len(some), "soft", symbol))
    layout = axes("trial", f"{goal} in validation") | {"showlegend": True, "hovermode": "closest"}
    which = int(values.argmax() if _up(goal) else values.argmin())
    ended = {state: int((frame["state"] == state).sum()) for state in STATES}
    counts = ", ".join(f"{count} {state}" for state, count in ended.items() if count)
    reading = (
        f"{len(frame)} trials ({counts}). The best is number {numbers[which]} with a {goal} of "
        f"{number(float(values[which]))}; the first had {number(float(values[0]))}."
    )
    table = frame_table("What the trials found", frame[["number", "state", goal]])
    return figure(
        Chart("history", "What the trials found", [Variant("all", traces, layout, reading, table)], legend=False)
    )


def _points(name: str, x: list[Any], y: list[Any], colour: str, symbol: str) -> dict[str, Any]:
    marks = {"color": f"@{colour}", "symbol": symbol, "size": 8, "line": {"color": f"@{colour}", "width": 1.5}}
    return {"type": "scatter", "mode": "markers", "name": label(name), "x": x, "y": y, "marker": marks}


def _costs(done: pd.DataFrame, goal: str) -> str:
    if "seconds" not in done or done["seconds"].isna().all():
        return absent("What it cost", "These trials kept no seconds.")
    kind = done["cell"].astype(str) if "cell" in done else pd.Series("trial", index=done.index)
    streamed = done["feed"].eq("streamed") if "feed" in done else pd.Series(False, index=done.index)
    kind = kind.where(~streamed, kind + ", streamed")
    places = places_for(done[goal].to_numpy(dtype=np.float64))
    traces = []
    for place, word in enumerate(sorted(kind.unique())):
        some = done[kind == word]
        seconds = rounded(some["seconds"].to_numpy(dtype=np.float64), 3)
        traces.append(
            _points(word, seconds, rounded(some[goal], places), f"p{place % 8}", SYMBOLS[place % len(SYMBOLS)])
        )
    layout = axes("seconds of a trial, all folds", f"{goal} in validation", xaxis=_scale(done["seconds"]))
    layout |= {"showlegend": len(traces) > 1, "hovermode": "closest"}
    together = float(done["seconds"].corr(done[goal], method="spearman")) if len(done) > 4 else float("nan")
    moral = "" if np.isnan(together) or abs(together) < 0.3 else _moral(together if _up(goal) else -together)
    reading = f"Trials took {number(done['seconds'].min(), 2)} to {number(done['seconds'].max(), 2)} seconds. {moral}"
    table = frame_table("What it cost", pd.DataFrame({"Kind": kind, "Seconds": done["seconds"], goal: done[goal]}))
    return figure(Chart("costs", "What it cost", [Variant("all", traces, layout, reading, table)], legend=False))


def _scale(seconds: pd.Series) -> dict[str, Any]:
    """A logarithmic axis where trials differ by much."""
    return (
        {"type": "log", "dtick": "D2"} if float(seconds.max()) > 8 * float(seconds.min()) else {"rangemode": "tozero"}
    )


def _moral(helped: float) -> str:
    return "Those that took longer tended to be better." if helped > 0 else "Those that took longer tended to be worse."


def _importances(material: Material, goal: str) -> str:
    frame = material.importances
    if not len(frame):
        return absent("What mattered", "Too few trials were completed to say which settings mattered.")
    frame = frame.sort_values("importance")
    shares = frame["importance"].to_numpy(dtype=np.float64)
    names = [label(name) for name in frame["parameter"]]
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "x": np.round(100 * shares, 2).tolist(),
        "cliponaxis": False,
        "text": [percent(share) for share in shares],
        "textposition": "outside",
        "marker": {"color": "@p1"},
    }
    layout = axes(f"share of the differences in {goal} that it explains, percent", "", yaxis={"automargin": True})
    layout["xaxis"] |= {"range": [0, 118 * float(shares.max())]}
    top = frame.iloc[-1]
    reading = f"{top['parameter']} mattered most: it explains {percent(float(top['importance']))} of the differences."
    columns = {"parameter": "Setting", "importance": "Share"}
    table = frame_table("What mattered", frame[::-1][list(columns)].rename(columns=columns))
    view = Variant("all", [trace], layout | {"showlegend": False}, reading, table)
    return figure(Chart("importances", "What mattered", [view], height=110 + 30 * len(names), legend=False))


def _cells(done: pd.DataFrame, goal: str) -> str:
    if not {"cell", "hidden_size"} <= set(done):
        return ""
    some = done.dropna(subset=["cell", "hidden_size"])
    sizes = some["hidden_size"].astype(float)
    if not len(some):
        return ""
    edges = 2.0 ** np.arange(np.floor(np.log2(sizes.min())), np.floor(np.log2(sizes.max())) + 2)
    names = [f"{low:g} to {high - 1:g}" if high - low > 1 else f"{low:g}" for low, high in pairwise(edges)]
    grouped = some.groupby([some["cell"], pd.cut(sizes, edges.tolist(), right=False, labels=names)], observed=False)[
        goal
    ]
    best = (grouped.max() if _up(goal) else grouped.min()).unstack()
    counts = grouped.count().unstack()
    values = best.to_numpy(dtype=np.float64)
    words = [
        [f"{number(x)}<br>{int(n)} trial{'s' * bool(n > 1)}" if n else "" for x, n in zip(row, many, strict=True)]
        for row, many in zip(values, counts.to_numpy(), strict=True)
    ]
    good, bad = "@high", "@low"
    scale = [[0, bad if _up(goal) else good], [1, good if _up(goal) else bad]]
    cells = [rounded(row, places_for(values)) for row in values]
    trace = {
        "type": "heatmap",
        "x": names,
        "y": [label(cell) for cell in best.index],
        "z": cells,
        "text": words,
        "texttemplate": "%{text}",
        "colorscale": scale,
        "hoverinfo": "skip",
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
    }
    layout = axes("hidden size", "", xaxis={"type": "category"}, yaxis={"type": "category", "automargin": True})
    row, column = map(int, np.unravel_index(np.nanargmax(values) if _up(goal) else np.nanargmin(values), values.shape))
    where = f"the {best.index[row]} cell at a hidden size of {names[column]}"
    reading = f"The best {goal} was found with {where}; the deeper the colour, the better."
    table = frame_table(f"Best {goal} in validation", best.reset_index().rename(columns={"cell": "Cell"}))
    view = Variant("all", [trace], layout | {"showlegend": False}, reading, table)
    return figure(Chart("cells", "Cell and size", [view], height=130 + 60 * len(best), legend=False))
