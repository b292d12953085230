"""Certainty: whether what was said with a probability happened that often."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.report.charts import Chart, Trace, Variant, absent, axes, figure, line, plain
from forecast.report.colours import Look
from forecast.report.markup import Section, frame_table, label, percent
from forecast.report.material import Material

Looks = dict[str, Look]
CHANCE = 1.96
"""Half the width of a 95 % interval, in standard deviations."""
NONE = (
    "No contestant stated intervals or probabilities, so there is nothing to check. A network states quantiles with "
    "--network head=quantiles, a distribution with head=gaussian or head=student."
)


def certainty_section(material: Material, looks: Looks) -> Section:
    """Quantiles, distributions and classes against what happened."""
    parts = [_levels(material, looks), _bars(material, looks), _classes(material, looks)]
    body = "".join(parts) or absent("", NONE)
    return Section("certainty", "Can the probabilities be believed?", body)


def _present(material: Material, frame: pd.DataFrame) -> list[str]:
    there = set(frame["model"])
    return [name for name in material.models if name in there]


def _diagonal() -> Trace:
    return plain("as it should be", "ink", [0, 100], np.array([0.0, 100.0]), 0, "dash")


def _levels(material: Material, looks: Looks) -> str:
    frame = material.calibration
    if not len(frame):
        return ""
    traces, words = [_diagonal()], []
    for name in _present(material, frame):
        here = frame[frame["model"] == name].sort_values("nominal")
        nominal, observed = (100 * here[part].to_numpy(dtype=np.float64) for part in ("nominal", "observed"))
        traces.append(line(name, looks[name], np.round(nominal, 2).tolist(), observed, 2))
        words.append(_level_words(name, here))
    layout = axes("should lie at or below the quantile, percent", "did lie there, percent")
    layout["xaxis"] |= {"range": [0, 100]}
    layout["yaxis"] |= {"range": [0, 100]}
    columns = {"model": "Contestant", "nominal": "Should lie below", "observed": "Did lie below", "count": "Cells"}
    table = frame_table("How often actuals lay below each quantile", frame[list(columns)].rename(columns=columns))
    reading = f"On the dashed line probabilities are exact. {' '.join(words[:3])}"
    return figure(Chart("calibration", "Quantiles", [Variant("all", traces, layout, reading, table)], height=400))


def _level_words(name: str, here: pd.DataFrame) -> str:
    """The widest interval in words: how much it should hold, and how much it did."""
    low, high = here.iloc[0], here.iloc[-1]
    should, did = float(high["nominal"] - low["nominal"]), float(high["observed"] - low["observed"])
    if len(here) < 2 or not should > 0:
        return ""
    gap = did - should
    verdict = "about right" if abs(gap) < 0.02 else "too narrow" if gap < 0 else "too wide"
    return f"The {percent(should)} interval of {name} held {percent(did)} of what happened: {verdict}."


def _bars(material: Material, looks: Looks) -> str:
    frame = material.pit
    if not len(frame):
        return ""
    views = [_bar_view(name, looks[name], frame[frame["model"] == name]) for name in _present(material, frame)]
    return figure(Chart("pit", "Where actuals lay in their distributions", views, "Contestant", legend=False))


def _bar_view(name: str, look: Look, here: pd.DataFrame) -> Variant:
    count = here["count"].to_numpy(dtype=np.float64)
    even = count.sum() / len(count) if count.sum() else 1.0
    share, middle = count / even, 50 * (here["low"] + here["high"]).to_numpy(dtype=np.float64)
    width = 100 / len(count)
    chance = CHANCE * np.sqrt((1 - 1 / len(count)) / even)
    bars = {
        "type": "bar",
        "x": np.round(middle, 2).tolist(),
        "y": np.round(share, 3).tolist(),
        "width": 0.92 * width,
        "name": label(name),
        "marker": {"color": f"@{look.colour}"},
        "showlegend": False,
    }
    ends = [0, 100]
    lines = [plain("calibrated", "ink", ends, np.ones(2), 2, "dash")]
    lines += [plain("95 % of chance", "soft", ends, np.full(2, 1 + way * chance), 3, "dot") for way in (-1, 1)]
    layout = axes("share of its distribution below the actual, percent", "frequency (1 = as it should be)")
    layout["yaxis"] |= {"rangemode": "tozero"}
    data = pd.DataFrame({"From %": 100 * here["low"], "To %": 100 * here["high"], "Frequency": share})
    return Variant(name, [bars, *lines], layout, _bar_reading(name, share), frame_table(f"PIT of {name}", data))


def _bar_reading(name: str, share: np.ndarray) -> str:
    fifth = max(len(share) // 5, 1)
    low, high = float(share[:fifth].mean()), float(share[-fifth:].mean())
    inner = float(share[fifth:-fifth].mean()) if len(share) > 2 * fifth else 1.0
    if min(low, high) > 1.1 * inner:
        said = "the bars rise at both ends: it is too sure of itself, more happens outside than it says"
    elif max(low, high) < 0.9 * inner:
        said = "the bars are high in the middle: it is too cautious, its intervals are wider than they need to be"
    elif low > 1.2 * high:
        said = "the bars fall from left to right: what happened was often lower than it said"
    elif high > 1.2 * low:
        said = "the bars rise from left to right: what happened was often higher than it said"
    else:
        said = "the bars are about even, as they should be"
    return f"{name}: {said}. The dotted lines hold 95 % of what chance alone does to each bar of independent forecasts."


def _classes(material: Material, looks: Looks) -> str:
    frame = material.reliability
    if not len(frame):
        return ""
    views = []
    for word in dict.fromkeys(frame["label"]):
        here = frame[frame["label"] == word]
        traces = [_diagonal()]
        for name in _present(material, here):
            rows = here[here["model"] == name].sort_values("said")
            x, y, low, high = (
                100 * rows[part].to_numpy(dtype=np.float64) for part in ("said", "observed", "low", "high")
            )
            spread = {"type": "data", "symmetric": False, "array": np.round(np.maximum(high - y, 0), 2).tolist()}
            spread |= {"arrayminus": np.round(np.maximum(y - low, 0), 2).tolist(), "thickness": 1}
            traces.append(line(name, looks[name], np.round(x, 2).tolist(), y, 2, error_y=spread))
        layout = axes(f"probability of “{word}” that was forecast, percent", f"how often “{word}” happened, percent")
        layout["xaxis"] |= {"range": _around(100 * here[["said"]])}
        layout["yaxis"] |= {"range": _around(100 * here[["said", "low", "high"]])}
        columns = {"model": "Contestant", "said": "Said", "observed": "Happened", "low": "Low", "high": "High"}
        table = frame_table(f"How often {word} happened", here[[*columns, "count"]].rename(columns=columns))
        views.append(Variant(word, traces, layout, _class_reading(word, here, material), table))
    return figure(Chart("reliability", "Directions and classes", views, "Class", height=400))


def _around(shares: pd.DataFrame) -> list[float]:
    """A stretch of percentages that holds all of these, in tens."""
    low, high = (float(np.nanmin(shares)), float(np.nanmax(shares))) if shares.notna().any(axis=None) else (0.0, 100.0)
    return [max(10 * np.floor(low / 10), 0.0) - 2, min(10 * np.ceil(high / 10), 100.0) + 2]  # marks at 0 and 100 too


def _class_reading(word: str, here: pd.DataFrame, material: Material) -> str:
    name = _present(material, here)[0]
    rows = here[here["model"] == name].sort_values("said")
    first, last = rows.iloc[0], rows.iloc[-1]
    return (
        f"Where {name} gave “{word}” the least chance ({percent(float(first['said']))}) it happened "
        f"{percent(float(first['observed']))} of the time; where it gave it the most ({percent(float(last['said']))}), "
        f"{percent(float(last['observed']))}. On the dashed line probabilities are exact."
    )
