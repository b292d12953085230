"""Framing: a panel as a table again, a row for each of its rows, missing cells empty and categories by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from forecast.data.panel import Panel


def as_frame(panel: Panel) -> pd.DataFrame:
    """The columns that a table has to bring to become this panel: time, series, given channels, static covariates.

    Times are those of the panel (UTC where stamps carried an offset), and columns that are computed from them are left
    out. Its rows, as mappings, are what a live forecaster takes.

    Example:
        >>> from forecast.data.panel import Panel
        >>> from forecast.data.schema import Schema
        >>> days = np.arange("2024-01-01", "2024-01-04", dtype="M8[D]")
        >>> panel = Panel.from_arrays(np.array([1.0, np.nan, 3.0]), days, schema=Schema("day", ("y",)))
        >>> as_frame(panel)
                 day    y
        0 2024-01-01  1.0
        1 2024-01-02  NaN
        2 2024-01-03  3.0
    """
    schema = panel.schema
    columns: dict[str, object] = {schema.time or "time": panel.times}
    if schema.series is not None or len(panel.series) > 1:
        columns[schema.series or "series"] = np.repeat(np.asarray(panel.series, dtype=object), panel.lengths)
    seen = np.where(panel.observed, panel.values, np.nan)
    columns |= {name: _named(seen[:, place], panel, name) for place, name in enumerate(schema.given)}
    columns |= {
        name: np.repeat(_named(panel.static[:, place], panel, name), panel.lengths)
        for place, name in enumerate(schema.static)
    }
    return pd.DataFrame(columns)


def _named(cells: np.ndarray, panel: Panel, name: str) -> np.ndarray:
    """Cells of a column; names in place of the codes of a categorical one."""
    if name not in panel.categories:
        return cells
    names = np.array([*panel.categories[name], None], dtype=object)
    return names[np.where(np.isnan(cells), -1, cells).astype(np.int64)]
