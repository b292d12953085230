"""Choosing: which forecasts fit on a page, where not all do; the page says how many of how many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.errors import SettingsError, did_you_mean
from forecast.report.markup import spread
from forecast.report.material import Material

NUMBERS = 75_000
"""Of forecasts on a page: about 600 kB."""
MOST_SERIES, MOST_MODELS, MOST_TARGETS, MOST_STEPS, MOST_ORIGINS = 12, 12, 6, 160, 120
FEWEST_ORIGINS = 6
EXTREMES = 3


@dataclass(frozen=True)
class Chosen:
    """What is shown of the forecasts.

    Args:
        series: names, in the order of the data.
        models: best first; the rule to beat is always among them.
        targets: names.
        steps: ahead.
        origins: at most so many of each series.
        of_series: how many there are.
        of_models: how many there are.
    """

    series: tuple[str, ...]
    models: tuple[str, ...]
    targets: tuple[str, ...]
    steps: tuple[int, ...]
    origins: int
    of_series: int
    of_models: int


def choose(material: Material, asked: Sequence[str] = ()) -> Chosen:
    """Series that went best and worst and some between, origins spread evenly, within the room of a page.

    Args:
        asked: names of series to show instead.

    Raises:
        SettingsError: no such series in this run.
    """
    forecasts = material.forecasts
    known = list(dict.fromkeys(forecasts["series"]))
    for name in asked:
        if name not in known:
            raise SettingsError(f"--series {name}: no such series in {material.directory}{did_you_mean(name, known)}")
    if not known:
        return _only_next(material)
    models = material.models[:MOST_MODELS]
    if material.baseline not in models:
        models = (*models[:-1], material.baseline)
    targets = material.targets[:MOST_TARGETS]
    every = sorted(int(step) for step in forecasts["step"].unique())
    steps = tuple(every[place] for place in spread(len(every), MOST_STEPS))
    cell = len(models) * len(targets) * len(steps) * (1 + _levels(material) / max(len(material.models), 1))
    most = int(np.clip(NUMBERS // (FEWEST_ORIGINS * cell), 1, MOST_SERIES))
    series = tuple(asked) or _spread(material, known, most)
    origins = int(np.clip(NUMBERS // (len(series) * cell), 1, MOST_ORIGINS))
    return Chosen(series, models, targets, steps, origins, len(known), len(material.models))


def _only_next(material: Material) -> Chosen:
    """Of a folder without judged forecasts: what the forecast after the last row takes."""
    series = tuple(dict.fromkeys(material.next["series"]))[:MOST_SERIES]
    steps = tuple(sorted(int(step) for step in material.next["step"].unique()))[:MOST_STEPS]
    return Chosen(series, material.models, material.targets, steps, 0, 0, len(material.models))


def _levels(material: Material) -> float:
    """Numbers of intervals beside one number of a point, over all contestants."""
    return 4.0 * material.quantiles["model"].nunique()


def _spread(material: Material, known: list[str], most: int) -> tuple[str, ...]:
    if len(known) <= most:
        return tuple(known)
    errors = relative_errors(material).reindex(known).fillna(np.inf).sort_values(kind="stable")
    ranked = [str(name) for name in errors.index]
    ends = min(EXTREMES, most // 2)
    middle = ranked[ends : len(ranked) - ends]
    inner = [middle[place] for place in spread(len(middle), most - 2 * ends)] if most > 2 * ends else []
    picked = {*ranked[:ends], *inner, *(ranked[-ends:] if ends else ())}
    return tuple(name for name in known if name in picked)


def relative_errors(material: Material) -> pd.Series:
    """Error of the best contestant on each series as a share of the rule's there (NaN where the rule had none)."""
    scores = material.scores
    here = scores[(scores["metric"] == material.error) & (scores["series"] != "*") & (scores["target"] == "*")]
    here = here[(here["step"] == "*")].pivot_table(index="series", columns="model", values="value", dropna=False)
    if material.models[0] not in here or material.baseline not in here:
        return pd.Series(dtype=float)
    rule = here[material.baseline]
    return here[material.models[0]] / rule.where(rule > 0)
