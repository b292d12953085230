"""Charts: what is drawn, as plain values that plotly.js reads, with a sentence and a table for each.

Colours are names ("@p0", "@ink/0.2" with its opacity) that the page's script resolves for the theme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast.report.colours import Look
from forecast.report.markup import data_script, folded, label, paragraph, rounded, text

Trace = Mapping[str, Any]
LONGEST = 70
"""Letters of an axis' title."""
MARKED = 40
"""Points of a line up to which each is marked."""


@dataclass(frozen=True)
class Variant:
    """One view of a chart.

    Args:
        name: in the list to choose from.
        traces: for plotly.js; `meta` names the contestant, for the legend.
        layout: for plotly.js.
        reading: what it says, in a sentence.
        table: the same numbers, in HTML.
        hidden: contestants that are drawn on request only.
    """

    name: str
    traces: Sequence[Trace]
    layout: Mapping[str, Any]
    reading: str
    table: str
    hidden: Sequence[str] = ()


@dataclass(frozen=True)
class Chart:
    """A chart of the page.

    Args:
        key: its id.
        title: its heading.
        variants: its views, one or more.
        choice: what the reader chooses among them.
        height: pixels.
        legend: whether contestants are named beside it and can be left out.
    """

    key: str
    title: str
    variants: Sequence[Variant]
    choice: str = "show"
    height: int = 360
    legend: bool = True


def figure(chart: Chart) -> str:
    """A chart as HTML: heading, choice, picture, sentence, legend, table."""
    views = [
        {"name": each.name, "traces": each.traces, "layout": each.layout, "reading": each.reading}
        | {"hidden": list(each.hidden)}
        for each in chart.variants
    ]
    data = data_script(f"{chart.key}-data", {"views": views, "legend": chart.legend})
    tables = "".join(each.table for each in chart.variants)
    first = chart.variants[0]
    return (
        f'<figure class="chart" id="{chart.key}" data-chart>'
        f"<h3>{text(chart.title)}</h3>"
        f"{_choice(chart)}"
        f'<p class="reading" id="{chart.key}-reading" aria-live="polite">{text(first.reading)}</p>'
        f'<div class="plot" role="img" aria-label="{text(chart.title)}" aria-describedby="{chart.key}-reading" '
        f'style="height:{chart.height}px"></div>'
        f'<div class="legend" role="group" aria-label="Shown in this chart"></div>'
        f"{folded('The numbers as a table', tables)}{data}</figure>"
    )


def _choice(chart: Chart) -> str:
    if len(chart.variants) < 2:
        return ""
    options = "".join(f'<option value="{i}">{text(each.name)}</option>' for i, each in enumerate(chart.variants))
    return f'<p class="choice"><label>{text(chart.choice)} <select>{options}</select></label></p>'


def absent(title: str, sentence: str) -> str:
    """What stands where a chart would, if the folder held what it takes."""
    return f"<h3>{text(title)}</h3>{paragraph(sentence, 'absent')}" if title else paragraph(sentence, "absent")


def line(name: str, look: Look, x: Sequence[Any], y: np.ndarray, places: int, **more: Any) -> Trace:
    """A line of a contestant; missing values are gaps."""
    marks = {"symbol": look.symbol, "size": 7, "color": f"@{look.colour}"}
    if len(x) > MARKED:
        marks["maxdisplayed"] = 16
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": label(name),
        "meta": name,
        "x": list(x),
        "y": rounded(y, places),
        "line": {"color": f"@{look.colour}", "dash": look.dash, "width": 2},
        "marker": marks,
        **more,
    }


def plain(name: str, colour: str, x: Sequence[Any], y: np.ndarray, places: int, dash: str = "solid") -> Trace:
    """A line that is no contestant's and stays where the legend is used."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label(name),
        "x": list(x),
        "y": rounded(y, places),
        "line": {"color": f"@{colour}", "dash": dash, "width": 1.5},
        "showlegend": False,
    }


def between(
    name: str, colour: str, x: Sequence[Any], low: np.ndarray, high: np.ndarray, places: int, **more: Any
) -> list[Trace]:
    """A band between two lines."""
    edge = {"type": "scatter", "mode": "lines", "x": list(x), "line": {"width": 0, "color": f"@{colour}"}}
    edge |= {"showlegend": False, "hoverinfo": "skip", "name": label(name), **more}
    filled = {**edge, "y": rounded(high, places), "fill": "tonexty", "fillcolor": f"@{colour}/0.18"}
    return [{**edge, "y": rounded(low, places)}, filled]


def axes(x: str, y: str, **more: Mapping[str, Any]) -> dict[str, Any]:
    """A layout with titles of both axes, and what else there is to say of them.

    Example:
        >>> axes("steps", "error", yaxis={"rangemode": "tozero"})["yaxis"]["title"]
        {'text': 'error'}
    """
    found: dict[str, Any] = {"xaxis": {"title": {"text": _short(x)}}, "yaxis": {"title": {"text": _short(y)}}}
    for name, said in more.items():
        found[name] = {**found.get(name, {}), **said}
    return found


def _short(title: str) -> str:
    return label(title if len(title) <= LONGEST else f"{title[: LONGEST - 1]}…")
