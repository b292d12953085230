"""Reach: whether a panel has what forecasts at some origins need, behind them and ahead."""

from __future__ import annotations

import numpy as np

from forecast.data.panel import Origins, Panel
from forecast.data.scale import Scale
from forecast.errors import DataError


def reaching(panel: Panel, horizon: int) -> Panel:
    """The panel with rows ahead where all its known-ahead columns are computed from dates; else as it is."""
    return panel.ahead(horizon) if panel.schema.computed and not panel.schema.future else panel


def require_reach(panel: Panel, origins: Origins, context: int, horizon: int) -> None:
    """Raise unless every origin is there, with its context behind it and, with future covariates, their values ahead.

    Raises:
        DataError: names the series, the rows it has and the rows needed.
    """
    beyond = origins.step > panel.lengths[origins.series]
    if beyond.any():
        first = np.flatnonzero(beyond)[0]
        raise DataError("panel", [f"{panel.named(origins.series[first])} has no row {origins.step[first]} to stand on"])
    short = origins.step < context
    if short.any():
        problems = [
            f"{panel.named(origins.series[i])} has {origins.step[i]} rows before the origin, "
            f"a context of {context} needs {context}"
            for i in np.flatnonzero(short)[:20]
        ]
        raise DataError("panel", problems)
    lacking = origins.step + horizon > panel.lengths[origins.series]
    if panel.layout.future and lacking.any():
        where = panel.named(origins.series[np.flatnonzero(lacking)[0]])
        raise DataError(
            "panel",
            [
                f"the known-ahead columns {list(panel.schema.future)} end before the horizon of {horizon} steps in "
                f"{where}: append rows with their future values and an empty target"
            ],
        )


def require_taken(scale: Scale, panel: Panel, origins: Origins) -> None:
    """Raise where all that a series has shown of a target up to an origin is what the transform does not take.

    Args:
        scale: the panel's own (`Scale.of`).

    Raises:
        DataError: names series, target and remedy.
    """
    if scale.power is None:
        return
    place, targets = panel.offsets[origins.series] + origins.step - 1, panel.layout.targets
    newest = scale.plausible(panel).values[place, :targets]
    nothing = np.isnan(newest) & ~np.isnan(panel.values[place, :targets])
    if nothing.any():
        origin, target = np.argwhere(nothing)[0]
        where = panel.named(origins.series[origin])
        problem = f"target {panel.targets[target]!r} in {where}: no value up to row {origins.step[origin]} is above"
        remedy = "the model's transform takes no other; fit one without it, or leave the series out"
        raise DataError("panel", [f"{problem} {0 - scale.offset:g}, and {remedy}"])
