"""A look at rows that can be read: what everybody needs who is suspicious of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from forecast.data.rows import Rows, day
from forecast.data.schema import Schema

SAMPLE = 4096
"""Rows by which the usual values of a column are judged."""
LEAST = 30
"""Rows below which nothing is usual."""
SHOWN = 5
FEW = 0.05


class Look(NamedTuple):
    """What is looked at.

    Args:
        rows: in order.
        values: float64 [row, channel], NaN where missing.
        schema: names of the channels; with the ranges of training where there was one.
    """

    rows: Rows
    values: np.ndarray
    schema: Schema

    @property
    def numeric(self) -> Iterable[tuple[int, str]]:
        """Channels that are no categories."""
        return [(i, name) for i, name in enumerate(self.schema.given) if name not in self.schema.categorical]

    def where(self, row: int) -> str:
        """A row in words."""
        series = self.rows.series[int(self.rows.row_series[row])] if len(self.rows.series) > 1 else ""
        return f"{day(self.rows.times[row])}" + (f" of series {series!r}" if series else "")
