"""Where errors are large: by step ahead, over time, by series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from forecast.report.charts import Chart, Trace, Variant, absent, axes, figure, line, plain
from forecast.report.choosing import relative_errors
from forecast.report.colours import Look
from forecast.report.markup import Section, frame_table, label, percent, places_for, spread
from forecast.report.material import FORMATS, Material

VISIBLE = 6
STRETCHES = 40
MOST_BARS = 40
Looks = dict[str, Look]


def accuracy_section(material: Material, looks: Looks) -> Section:
    """Error by step ahead, over time and by series."""
    parts = [_by_step(material, looks), _over_time(material, looks), _by_series(material)]
    return Section("accuracy", "Where the errors are", "".join(parts))


def _hidden(material: Material) -> list[str]:
    return [name for name in material.models[VISIBLE:] if name != material.baseline]


def _targets(material: Material) -> list[str]:
    """Of which charts show views: each of several, or the only one."""
    return list(material.targets) if len(material.targets) > 1 else ["*"]


def _unit(material: Material, target: str) -> str:
    return f"{material.error_words} of {material.targets[0] if target == '*' else target}"


def _by_step(material: Material, looks: Looks) -> str:
    scores = material.scores
    chosen = scores[(scores["metric"] == material.error) & (scores["series"] == "*") & (scores["step"] != "*")]
    if not len(chosen):
        return absent("Error by step ahead", "This folder holds no scores.csv with errors by step.")
    views = []
    for target in _targets(material):
        here = chosen[chosen["target"] == target].astype({"step": int})
        grid = here.pivot(index="step", columns="model", values="value")
        views.append(_step_view(material, looks, target, grid[[m for m in material.models if m in grid]]))
    return figure(Chart("steps", "Error by step ahead", views, "Target"))


def _lines(grid: pd.DataFrame, looks: Looks, x: list[Any], places: int) -> list[Trace]:
    return [line(str(name), looks[str(name)], x, grid[name].to_numpy(dtype=np.float64), places) for name in grid]


def _step_view(material: Material, looks: Looks, target: str, grid: pd.DataFrame) -> Variant:
    steps, places = grid.index.tolist(), places_for(grid.to_numpy(dtype=np.float64))
    traces = _lines(grid, looks, steps, places)
    ticks = {"tickmode": "array", "tickvals": steps} if len(steps) <= 14 else {}
    layout = axes("steps ahead", _unit(material, target), xaxis=ticks, yaxis={"rangemode": "tozero"})
    best = grid[material.models[0]] if material.models[0] in grid else grid.iloc[:, 0]
    table = frame_table(f"Error by step ahead{_of(target)}", grid.reset_index().rename(columns={"step": "Steps ahead"}))
    return Variant(_name(target), traces, layout, _step_reading(best, material, grid), table, _hidden(material))


def _step_reading(best: pd.Series, material: Material, grid: pd.DataFrame) -> str:
    first, last, said = float(best.iloc[0]), float(best.iloc[-1]), material.said_error
    if len(best) < 2:
        return f"There is one step ahead; the {material.error_words} of {best.name} is {said(first)}."
    word = "grows" if last > 1.02 * first else "shrinks" if last < 0.98 * first else "stays the same"
    ahead = [int(step) for step in grid.index if grid.loc[step].idxmin() == best.name]
    lead = "at every step" if len(ahead) == len(grid) else f"at {len(ahead)} of {len(grid)} steps"
    return (
        f"The error of {best.name} {word} from {said(first)} one step ahead to {said(last)} at {grid.index[-1]} "
        f"steps; it is the smallest of all {lead}."
    )


def _of(target: str) -> str:
    return "" if target == "*" else f", {target}"


def _name(target: str) -> str:
    return "all" if target == "*" else target


def _over_time(material: Material, looks: Looks) -> str:
    frame = material.forecasts
    if not len(frame):
        return absent("Error over time", "This folder holds no forecasts.csv to see how errors changed over time.")
    moments = np.sort(frame["origin"].unique())
    edges = moments[spread(len(moments), STRETCHES + 1)[:-1]] if len(moments) > STRETCHES else moments
    away = (frame["mean"] - frame["actual"]).abs()
    frame = frame.assign(error=away if material.error == "mae" else (away > 0).where(away.notna()).astype(float))
    frame = frame.assign(stretch=np.searchsorted(edges, frame["origin"].to_numpy(), side="right") - 1)
    views = []
    for target in _targets(material):
        here = frame if target == "*" else frame[frame["target"] == target]
        grid = here.pivot_table(index="stretch", columns="model", values="error", dropna=False, sort=True)
        grid = grid.reindex(range(len(edges)))
        grid.index = pd.Index(pd.DatetimeIndex(edges).strftime(FORMATS[material.clock]), name="From")
        each = len(moments) > len(edges)
        views.append(_time_view(material, looks, target, grid[[m for m in material.models if m in grid]], each))
    return figure(Chart("time", "Error over time", views, "Target"))


def _time_view(material: Material, looks: Looks, target: str, grid: pd.DataFrame, grouped: bool) -> Variant:
    times, places = grid.index.tolist(), places_for(grid.to_numpy(dtype=np.float64))
    traces = _lines(grid, looks, times, places)
    layout = axes("when the forecast was made", _unit(material, target), yaxis={"rangemode": "tozero"})
    table = frame_table(f"Error over time{_of(target)}", grid.reset_index())
    reading = _time_reading(grid, material, grouped)
    return Variant(_name(target), traces, layout, reading, table, _hidden(material))


def _time_reading(grid: pd.DataFrame, material: Material, grouped: bool) -> str:
    best = grid[material.models[0]].dropna()
    if not len(best):
        return "No forecast could be judged."
    worst, least = best.idxmax(), best.idxmin()
    how = (
        f"Each point is the mean over one of {len(grid)} stretches of the test" if grouped else "Each point is a moment"
    )
    base = material.baseline
    said = f"{how}. {best.name} erred most from {worst} on ({material.said_error(float(best[worst]))})"
    said += f" and least from {least} on ({material.said_error(float(best[least]))})"
    if base != best.name and base in grid:
        won = int((grid[best.name] < grid[base]).sum())
        said += f"; it beat {base} in {won} of {len(best)}"
    return f"{said}."


def _by_series(material: Material) -> str:
    if material.forecasts["series"].nunique() < 2:
        return ""
    errors = relative_errors(material).dropna().sort_values()
    if not len(errors):
        return absent("Error by series", "This folder holds no scores.csv with errors by series.")
    best, base = material.models[0], material.baseline
    if best == base:
        return absent("Error by series", f"Nothing is better than {base}, so there is nothing to compare.")
    shown = errors.iloc[spread(len(errors), MOST_BARS)][::-1]
    saved = 100 * (1 - shown.to_numpy(dtype=np.float64))
    rows = list(range(len(shown)))
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": np.round(saved, 2).tolist(),
        "y": rows,
        "showlegend": False,
        "hovertext": [label(name) for name in shown.index],
        "hoverinfo": "text+x",
        "marker": {"size": 9, "color": "@p0", "symbol": ["circle" if x >= 0 else "x" for x in saved]},
    }
    ends = {"tickvals": rows, "ticktext": [label(str(name)[:24]) for name in shown.index]}
    ends |= {"range": [-0.8, len(rows) - 0.2]}
    layout = axes(f"error saved by {best} against {base}, percent (right is better)", "", yaxis=ends)
    won = int((errors < 1).sum())
    few = f"; {len(shown)} are drawn, evenly chosen" if len(shown) < len(errors) else ""
    reading = (
        f"{best} has a smaller error than {base} on {won} of {len(errors)} series: it saves most on {errors.index[0]} "
        f"({percent(1 - float(errors.iloc[0]))}) and least on {errors.index[-1]} "
        f"({percent(1 - float(errors.iloc[-1]))}){few}."
    )
    data = pd.DataFrame({"Series": errors.index, "Error saved, percent": 100 * (1 - errors.to_numpy(dtype=np.float64))})
    zero = plain("no difference", "edge", [0, 0], np.array([-0.5, len(rows) - 0.5]), 1, "dash")
    layout |= {"hovermode": "closest"}
    view = Variant("all", [zero, trace], layout, reading, frame_table("Error by series", data))
    height = int(np.clip(110 + 20 * len(rows), 220, 900))
    return figure(Chart("series", "Error by series", [view], height=height, legend=False))
