"""The leaderboard: a picture, a short table for everybody, and all columns for who wants them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.evaluation.table import cells
from forecast.report.charts import Chart, Variant, axes, figure
from forecast.report.markup import Section, bullets, folded, frame_table, label, percent, table
from forecast.report.material import Material

CUT = 3.0
"""Times the rule's error: where a bar is cut."""
KINDS = {"recurrent": ("p0", ""), "other": ("p1", "/"), "rule": ("p7", ".")}
"""Colour and pattern of a bar."""


def ranking_section(material: Material) -> Section:
    """Who was how good."""
    caption = [str(note) for note in material.outcome.get("caption", ())]
    body = _short(material) + figure(_bars(material))
    full = pd.DataFrame(cells(material.leaderboard, material.baseline))
    body += folded("All columns", frame_table("Leaderboard, all columns", full, len(full.columns)))
    body += folded("What the columns mean", bullets(caption)) if caption else ""
    return Section("leaderboard", "Leaderboard", body)


def _short(material: Material) -> str:
    board = material.leaderboard
    heads = {
        "model": "Contestant",
        material.error: material.error_words.capitalize(),
        "skill": f"Error saved against {material.baseline}",
    }
    heads |= {"dm_p": "Could it be chance?", "direction": "Right direction", "coverage_90": "Inside the 90 % interval"}
    heads |= {"balanced_accuracy": "Right, rare ones counting as much"}
    heads |= {"fit_seconds": "Seconds to fit", "parameters": "Numbers learnt"}
    names = [name for name in heads if name in board]
    said = cells(board, material.baseline)
    rows = []
    for place, model in enumerate(said["model"]):
        row = [said[name][place].replace("-", "−") for name in names[1:]]
        at = names.index("dm_p") - 1 if "dm_p" in names else None
        if at is not None:
            row[at] = _chance(float(board["dm_p"].iloc[place]), material.models[place] == material.baseline)
        rows.append((model, *(cell if cell != "−" else "–" for cell in row)))
    return table("Leaderboard, best first", [heads[name] for name in names], rows)


def _chance(p: float, baseline: bool) -> str:
    if baseline:
        return "–"
    if np.isnan(p):
        return "too few forecasts to say"
    return f"no (p {'< 0.001' if p < 0.001 else f'= {p:.3f}'})" if p < 0.05 else f"yes (p = {p:.2f})"


def _bars(material: Material) -> Chart:
    board = material.leaderboard.iloc[::-1]
    errors, base = board[material.error].to_numpy(dtype=np.float64), material.baseline
    rule = float(board.set_index("model")[material.error][base])
    shown = np.minimum(errors, CUT * rule) if rule > 0 else errors
    families = material.outcome.get("families", {})
    kinds = [KINDS.get(families.get(model, "other"), KINDS["other"]) for model in board["model"]]
    words = [
        f"{material.said_error(error)}{' (bar cut)' if bar < error else ''}"
        for error, bar in zip(errors, shown, strict=True)
    ]
    names = [label(_short_name(model)) for model in board["model"]]
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": list(range(len(names))),
        "x": shown.tolist(),
        "hoverinfo": "text",
        "hovertext": [f"{name}: {word}" for name, word in zip(names, words, strict=True)],
        "marker": {"color": [f"@{kind[0]}" for kind in kinds], "pattern": _pattern([kind[1] for kind in kinds])},
    }
    # Beside the bars, not at their ends: where all are equally long the line of the rule runs through their ends.
    notes = [
        {"x": 1.01, "xref": "paper", "xanchor": "left", "y": place, "text": word, "showarrow": False}
        for place, word in enumerate(words)
    ]
    top = max((float(each) for each in (*shown, rule) if np.isfinite(each)), default=1.0) or 1.0
    mark = {"type": "line", "x0": rule, "x1": rule, "y0": 0, "y1": 1, "yref": "paper"}
    mark |= {"line": {"color": "@ink", "width": 1.5, "dash": "dash"}}
    layout = axes(
        f"{material.error_words} (shorter is better)",
        "",
        xaxis={"range": [0, 1.03 * top]},
        yaxis={"tickvals": list(range(len(names))), "ticktext": names, "showgrid": False, "automargin": True},
        margin={"l": 10, "r": 24 + 8 * max(map(len, words)), "t": 30, "b": 50},
    ) | {"shapes": [mark], "annotations": notes, "hovermode": "closest"}
    title = material.error_words.capitalize()
    data = pd.DataFrame({"Contestant": board["model"], title: errors})[::-1]
    view = Variant("all", [trace], layout, _reading(material), frame_table(title, data))
    return Chart("errors", title, [view], height=110 + 32 * len(names), legend=False)


def _pattern(shapes: list[str]) -> dict[str, object]:
    """Stripes and dots for those who do not see the colours."""
    return {"shape": shapes, "fillmode": "overlay", "fgcolor": "@ground", "size": 7, "solidity": 0.18}


def _short_name(model: str) -> str:
    return model if len(model) <= 28 else f"{model[:27]}…"


def _reading(material: Material) -> str:
    board, base, error = material.leaderboard, material.baseline, material.error
    rule = float(board.set_index("model")[error][base])
    better = int((board[error] < rule).sum())
    best, worst = board.iloc[0], board.iloc[-1]
    if len(board) < 2:
        return f"{base} was compared with nobody."
    many = f"{better} of {len(board) - 1} contestants have" if better != 1 else "One contestant has"
    gain = percent(1 - float(best[error]) / rule) if rule > 0 else "–"
    said = f"{many} a smaller error than {base} (the dashed line)"
    if better:
        said += f"; the best, {best['model']}, saves {gain}"
    colours = "Orange bars are recurrent networks, blue ones (striped) other models, grey ones (dotted) simple rules."
    last = f" The worst is {worst['model']}." if float(worst[error]) > float(best[error]) else ""
    return f"{said}.{last} {colours}"
