"""Panels without targets, laid out like those with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import DataError

STANDING_IN = 1.0
"""A constant that every transform takes; scaled, it is 0 at every row."""


def laid_out(panel: Panel, schema: Schema) -> Panel:
    """The panel with the roles of another schema; targets that it does not have were never observed.

    Raises:
        DataError: a covariate is missing, or does not hold categories where it should.

    Example:
        >>> panel = Panel.from_arrays(np.ones((3, 1)), np.arange(3).astype("M8[D]"), schema=Schema(targets=["wind"]))
        >>> found = laid_out(panel, Schema(targets=["power"], past=["wind"]))
        >>> found.schema.channels, found.observed.any(axis=0).tolist()
        (('power', 'wind'), [False, True])
    """
    there = panel.schema
    absent = [name for name in (*schema.past, *schema.future) if name not in there.given]
    absent += [name for name in schema.static if name not in there.static]
    if absent:
        raise DataError("panel", [f"no column {name!r}: only targets may be missing" for name in absent])
    coded = [name for name in schema.categorical if name not in there.categorical]
    if coded:
        raise DataError("panel", [f"column {name!r} holds no categories; read it as categorical" for name in coded])
    known = np.where(panel.observed, panel.values, np.nan)
    nothing = np.full(len(known), np.nan)
    columns = [known[:, there.given.index(name)] if name in there.given else nothing for name in schema.given]
    categories = tuple(panel.categories[name] for name in schema.categorical)
    roles = replace(schema, time=there.time, series=there.series, categories=categories)
    static = panel.static[:, [there.static.index(name) for name in schema.static]]
    return Panel.from_arrays(
        np.column_stack(columns), panel.times, panel.lengths.tolist(), panel.series, roles, static, panel.report
    )


def standing_in(panel: Panel) -> Panel:
    """The panel with a constant for targets that a series never shows, so that its covariates can be read.

    Raises:
        DataError: nothing else was observed.
    """
    count = panel.layout.targets
    sums = np.concatenate((np.zeros_like(panel.observed[:1], dtype=np.int64), panel.observed.cumsum(axis=0)))
    never = sums[panel.offsets[1:], :count] == sums[panel.offsets[:-1], :count]  # some series may be without rows
    if not panel.observed.any():
        raise DataError("panel", ["no value of any target or covariate was observed: there is nothing to learn from"])
    if not never.any():
        return panel
    values, observed = panel.values.copy(), panel.observed.copy()
    absent = np.repeat(never, panel.lengths, axis=0)
    values[:, :count][absent], observed[:, :count][absent] = STANDING_IN, True
    return replace(panel, values=values, observed=observed)
