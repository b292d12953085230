"""The explorer: what each contestant said at an origin that the reader chooses, against what happened."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from forecast.report.charts import absent
from forecast.report.choosing import Chosen, relative_errors
from forecast.report.colours import Look
from forecast.report.markup import Section, data_script, folded, paragraph, percent, places_for, rounded, spread, text
from forecast.report.material import Material

UNITS = {"D": 86_400_000, "m": 60_000, "s": 1000, "ms": 1}
LEAST_BEFORE, MOST_BEFORE, HORIZONS_BEFORE = 30, 240, 3
DRAWN = 3
"""Contestants that are drawn at first, beside the best network and the rule to beat."""
NO_FORECASTS = "This folder holds no forecasts.csv, so there is nothing to draw."


def explorer_section(material: Material, chosen: Chosen, looks: dict[str, Look]) -> Section:
    """The judged forecasts, with a slider over their origins."""
    if not len(material.forecasts):
        return Section("forecasts", "Forecast by forecast", absent("", NO_FORECASTS))
    data = shown(material, chosen, looks)
    body = paragraph(_how_many(material, chosen, data)) + _explorer("explorer", data, slider=True)
    return Section("forecasts", "Forecast by forecast", body)


def next_section(material: Material, chosen: Chosen, looks: dict[str, Look]) -> Section:
    """The forecast after the last row."""
    title = "What comes next"
    if not len(material.next):
        return Section("next", title, absent("", "This folder holds no next.csv: no forecast after the last row."))
    model = str(material.next["model"].iloc[0])
    names = [name for name in dict.fromkeys(material.next["series"]) if name in chosen.series or not chosen.series]
    names = names or list(dict.fromkeys(material.next["series"]))[: len(chosen.series) or 1]
    data = ahead(material, names, chosen, looks)
    few = f" Shown: {len(names)} of {material.next['series'].nunique():,} series." if len(data["series"]) > 1 else ""
    said = f"The forecast after the last row, by {model}, the best on the test, fitted again on all rows.{few}"
    return Section("next", title, paragraph(said) + _explorer("ahead", data, slider=False))


def _how_many(material: Material, chosen: Chosen, data: dict[str, Any]) -> str:
    total = material.forecasts[["series", "origin"]].drop_duplicates()
    here = sum(len(each["o"]) for each in data["series"])
    parts = [f"{here:,} of {len(total):,} forecasts"]
    if chosen.of_series > 1:
        parts.append(f"{len(chosen.series)} of {chosen.of_series:,} series")
    if chosen.of_models > len(chosen.models):
        parts.append(f"{len(chosen.models)} of {chosen.of_models} contestants")
    if len(material.targets) > len(chosen.targets):
        parts.append(f"{len(chosen.targets)} of {len(material.targets)} targets")
    few = len(chosen.series) < chosen.of_series
    how = " (the best, the worst and some between, by the error against the rule)" if few else ""
    return f"Shown here: {', '.join(parts)}{how}. Move the slider to another moment; switch contestants on and off."


def shown(material: Material, chosen: Chosen, looks: dict[str, Look]) -> dict[str, Any]:
    """The forecasts that are shown, in plain numbers."""
    frame, quantiles = material.forecasts, material.quantiles
    families = material.outcome.get("families", {})
    networks = [name for name in chosen.models if families.get(name) == "recurrent"]
    drawn = {*chosen.models[:DRAWN], *networks[:1], material.baseline}
    errors, several = relative_errors(material), len(chosen.series) > 1
    series = []
    for name in chosen.series:
        rows = frame[frame["series"] == name]
        origins = np.sort(rows["origin"].unique())
        origins = origins[spread(len(origins), chosen.origins)]
        rows = rows[rows["origin"].isin(origins)]
        said = quantiles[(quantiles["series"] == name) & quantiles["origin"].isin(origins)]
        share = float(errors.get(name, np.nan)) if several and material.models[0] != material.baseline else np.nan
        note = "" if np.isnan(share) else f": error {percent(share)} of the rule's"
        series.append({**_series(material, name, rows, said, origins, chosen), "note": note})
    return _together(material, chosen, looks, series, drawn)


def ahead(material: Material, names: list[str], chosen: Chosen, looks: dict[str, Look]) -> dict[str, Any]:
    """The forecasts after the last row, in plain numbers."""
    frame = material.next
    levels = [str(name) for name in frame if _is_level(name)]
    if "mean" not in frame:
        middle = min(levels, key=lambda name: abs(float(name) - 0.5))
        frame = frame.assign(mean=frame[middle])
    frame = frame.assign(actual=np.nan)
    series = []
    for name in names:
        rows = frame[frame["series"] == name]
        origins = np.sort(rows["origin"].unique())
        said = rows if len(levels) > 1 else rows.iloc[:0]
        series.append({**_series(material, name, rows, said, origins, chosen), "note": ""})
    return _together(material, chosen, looks, series, {str(frame["model"].iloc[0])})


def _is_level(name: object) -> bool:
    return str(name).replace(".", "", 1).isdigit()


def _together(
    material: Material, chosen: Chosen, looks: dict[str, Look], series: list[dict[str, Any]], drawn: set[str]
) -> dict[str, Any]:
    present = [name for name in chosen.models if any(name in each["f"] for each in series)]
    models = [
        {"key": name, "colour": looks[name].colour, "dash": looks[name].dash, "symbol": looks[name].symbol}
        | {"hidden": name not in drawn}
        for name in present
    ]
    before = int(np.clip(HORIZONS_BEFORE * max(chosen.steps), LEAST_BEFORE, MOST_BEFORE))
    said = {"models": models, "targets": list(chosen.targets), "series": series, "steps": list(chosen.steps)}
    categories = material.outcome.get("data", {}).get("categories", {})
    return said | {"before": before, "clock": material.clock, "categories": categories}


def _series(
    material: Material, name: str, rows: pd.DataFrame, said: pd.DataFrame, origins: np.ndarray, chosen: Chosen
) -> dict[str, Any]:
    """One series: its rows where they are needed, its origins as places among them, and what was said there."""
    times, values = _rows(material, name, rows, origins, chosen)
    places = [places_for(values[:, column]) for column in range(len(chosen.targets))]
    unit, steps = _unit(times), list(chosen.steps)
    found: dict[str, Any] = {"name": name, "u": UNITS[unit], "t": _coded(times, unit)}
    found["y"] = [rounded(values[:, column], places[column]) for column in range(len(chosen.targets))]
    found["o"] = np.searchsorted(times, origins).tolist()
    cube = _Cube(origins, steps, chosen.targets)
    found["f"] = {
        model: [rounded(array[..., column], places[column]) for column in range(len(chosen.targets))]
        for model in chosen.models
        if (array := cube.fill(rows[rows["model"] == model], "mean")) is not None
    }
    found["q"] = {
        model: [
            [[name, rounded(low[..., at], places[at]), rounded(high[..., at], places[at])] for name, low, high in bands]
            for at in range(len(chosen.targets))
        ]
        for model in chosen.models
        if (bands := _bands(cube, said[said["model"] == model]))
    }
    return found


class _Cube:
    """Puts rows of forecasts into arrays [origin, step, target]."""

    def __init__(self, origins: np.ndarray, steps: list[int], targets: tuple[str, ...]) -> None:
        self.origins, self.steps, self.targets = pd.Index(origins), pd.Index(steps), pd.Index(targets)

    def fill(self, rows: pd.DataFrame, column: str) -> np.ndarray | None:
        """The values of a column; None where there are no rows."""
        if not len(rows):
            return None
        axes = {"origin": self.origins, "step": self.steps, "target": self.targets}
        place = [index.get_indexer(pd.Index(rows[name])) for name, index in axes.items()]
        inside = np.logical_and.reduce([each >= 0 for each in place])
        out = np.full((len(self.origins), len(self.steps), len(self.targets)), np.nan)
        out[tuple(each[inside] for each in place)] = rows[column].to_numpy(dtype=np.float64)[inside]
        return out


def _bands(cube: _Cube, said: pd.DataFrame) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """The widest and the middle one of the intervals that lie evenly about the middle."""
    levels = {round(float(str(name)), 6): str(name) for name in said if _is_level(name) and said[name].notna().any()}
    low = [level for level in sorted(levels) if level < 0.5 and round(1 - level, 6) in levels]
    picked = low[:1] + ([min(low[1:], key=lambda level: abs(level - 0.25))] if len(low) > 1 else [])
    found = []
    for level in picked:
        ends = cube.fill(said, levels[level]), cube.fill(said, levels[round(1 - level, 6)])
        if ends[0] is not None and ends[1] is not None:
            found.append((f"{100 * (1 - 2 * level):.0f} %", ends[0], ends[1]))
    return found


def _rows(
    material: Material, name: str, rows: pd.DataFrame, origins: np.ndarray, chosen: Chosen
) -> tuple[np.ndarray, np.ndarray]:
    """Times and values [row, target] that the forecasts need: before, between and behind them."""
    observed = material.observed[material.observed["series"] == name]
    actual = rows[["time", "target", "actual"]].rename(columns={"actual": "value"})
    known = pd.concat([observed[["time", "target", "value"]], actual], ignore_index=True).dropna(subset="value")
    known = known.drop_duplicates(["time", "target"])
    times = np.unique(np.concatenate([observed["time"].to_numpy(), rows["time"].to_numpy(), origins]))
    at = np.searchsorted(times, origins)
    before = int(np.clip(HORIZONS_BEFORE * max(chosen.steps), LEAST_BEFORE, MOST_BEFORE))
    offsets = np.arange(-before, max(chosen.steps) + 1)
    needed = np.unique(np.clip(at[:, None] + offsets, 0, len(times) - 1)) if len(at) else np.arange(0)
    times = times[needed]
    values = np.full((len(times), len(chosen.targets)), np.nan)
    row, column = (
        pd.Index(times).get_indexer(pd.Index(known["time"])),
        pd.Index(chosen.targets).get_indexer(pd.Index(known["target"])),
    )
    inside = (row >= 0) & (column >= 0)
    values[row[inside], column[inside]] = known["value"].to_numpy(dtype=np.float64)[inside]
    return times, values


def _unit(times: np.ndarray) -> str:
    """The longest of the units in which all times are whole numbers."""
    micros = times.astype("datetime64[us]").astype(np.int64)
    return next((unit for unit, size in UNITS.items() if not (micros % (1000 * size)).any()), "ms")


def _coded(times: np.ndarray, unit: str) -> list[int]:
    """Times as the first one since 1970 and the distances from row to row."""
    numbers = times.astype("datetime64[us]").astype(np.int64) // (1000 * UNITS[unit])
    return np.diff(numbers, prepend=0).tolist()


def _explorer(key: str, data: dict[str, Any], slider: bool) -> str:
    choices = _select("series", "Series", [f"{each['name']}{each['note']}" for each in data["series"]])
    choices += _select("target", "Target", data["targets"])
    moments = max((len(each["o"]) for each in data["series"]), default=0)
    slide = (
        f'<p class="slide"><label for="{key}-origin">Forecast made at <output id="{key}-when"></output></label>'
        f'<input type="range" id="{key}-origin" min="0" max="{max(moments - 1, 0)}" value="{moments // 2}"></p>'
    )
    title = "Forecasts and what happened" if slider else "Forecast after the last row"
    hidden = "" if slider else " hidden"
    return (
        f'<figure class="chart" id="{key}" data-explorer><h3>{title}</h3>{choices}'
        f"<div{hidden}>{slide}</div>"
        f'<p class="reading" id="{key}-reading" aria-live="polite"></p>'
        f'<div class="plot" role="img" aria-label="{title}" aria-describedby="{key}-reading" style="height:400px">'
        "</div>"
        f'<div class="legend" role="group" aria-label="Contestants in this chart"></div>'
        f"{folded('The numbers as a table', _table(data))}"
        f"{data_script(f'{key}-data', data)}</figure>"
    )


def _table(data: dict[str, Any]) -> str:
    """The table that the script fills for the chosen moment."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in ("Time", "Happened"))
    head += "".join(f'<th scope="col">{text(each["key"])}</th>' for each in data["models"])
    table = f"<table><caption></caption><thead><tr>{head}</tr></thead><tbody></tbody></table>"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Forecasts of this moment">{table}</div>'


def _select(kind: str, name: str, options: list[str]) -> str:
    if len(options) < 2:
        return ""
    items = "".join(f'<option value="{i}">{text(option)}</option>' for i, option in enumerate(options))
    return f'<p class="choice"><label>{name} <select data-choice="{kind}">{items}</select></label></p>'
