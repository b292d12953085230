"""What counts as a move of a series, and which the last one was: the terms of all judgements of direction."""

from __future__ import annotations

import numpy as np

from forecast.data.panel import Origins, Panel
from forecast.errors import SettingsError
from forecast.evaluation.metrics import in_sample_scale


def dead_band(train: Panel, origins: Origins, horizon: int, band: float) -> np.ndarray | None:
    """How far a value must lie from the newest one to be a move, [origin, step, target]; None without a band.

    That is band * volatility * sqrt(step): changes of a random walk grow with the square root of the steps. The
    volatility is the root mean squared change from row to row in the training rows, 0 where there is none.

    Raises:
        SettingsError: the band is negative or not finite.
    """
    if not 0 <= band < np.inf:
        raise SettingsError(f"band={band}: 0, or how many training volatilities of a change count as no move")
    if band == 0:
        return None
    volatility = np.sqrt(np.nan_to_num(in_sample_scale(train, 1)[1]))[origins.series]
    return band * volatility[:, None] * np.sqrt(np.arange(1, horizon + 1))[None, :, None]


def last_move(panel: Panel, origins: Origins) -> np.ndarray:
    """Difference of the two newest observed values at each origin [origin, target]; NaN where there are not two.

    Example:
        >>> panel = Panel.from_arrays(np.array([1.0, 4.0, np.nan, 2.0]), np.arange("2024-01", "2024-05", dtype="M8[M]"))
        >>> last_move(panel, Origins(np.zeros(4, int), np.array([1, 2, 3, 4]))).ravel().tolist()
        [nan, 3.0, 3.0, -2.0]
    """
    targets = panel.layout.targets
    seen = panel.observed[:, :targets]
    rows = np.arange(len(seen))[:, None]
    newest = np.maximum.accumulate(np.where(seen, rows, -1), axis=0)  # of this row or before it
    first = panel.offsets[origins.series][:, None]
    column = np.arange(targets)
    one = newest[(panel.offsets[origins.series] + origins.step - 1)[:, None], column]
    two = newest[np.maximum(one - 1, 0), column]
    known = (one > first) & (two >= first)
    change = panel.values[np.maximum(one, 0), column] - panel.values[np.maximum(two, 0), column]
    return np.where(known, change, np.nan)
