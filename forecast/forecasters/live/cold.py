"""Cold: the rows of a series that is too young to have a scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from forecast.data.panel import Panel
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.forecasters.live.rows import Arrival


@dataclass
class Cold:
    """Rows that are kept until the scale of their series is fixed: by as many of the first ones as in the batch path.

    Args:
        times: microseconds since 1970.
        values: of every channel, NaN where missing.
    """

    times: list[int] = field(default_factory=list)
    values: list[list[float]] = field(default_factory=list)

    @classmethod
    def of(cls, panel: Panel, rows: slice) -> Cold:
        """Some rows of a panel."""
        values = np.where(panel.observed[rows], panel.values[rows], np.nan)
        return cls(panel.times[rows].astype(np.int64).tolist(), values.tolist())

    def add(self, arrival: Arrival) -> None:
        """Keep a row."""
        self.times.append(arrival.time)
        self.values.append(arrival.values)

    def panel(self, series: str, schema: Schema) -> Panel:
        """The rows as a panel of their own."""
        times = np.array(self.times, dtype=np.int64).view("M8[us]")
        return Panel.from_arrays(np.array(self.values), times, series=[series], schema=schema)

    def unseen(self, targets: tuple[str, ...]) -> list[str]:
        """Targets that no row has shown yet.

        Example:
            >>> Cold([1, 2], [[np.nan, 3.0], [np.nan, np.nan]]).unseen(("a", "b"))
            ['a']
        """
        if not self.values:
            return list(targets)
        values = np.array(self.values)
        return [name for place, name in enumerate(targets) if np.isnan(values[:, place]).all()]

    def waits(self, context: int, targets: tuple[str, ...]) -> str | None:
        """What has to come before the scale can be fixed; None when all is there."""
        rows = len(self.times)
        start = "was not seen before: it starts cold and forecasts"
        if rows < context:
            return f"{start} after {context} rows ({rows} so far)"
        unseen = self.unseen(targets)
        return f"{start} once {' and '.join(map(repr, unseen))} has a value ({rows} rows so far)" if unseen else None


def untaken(scale: Scale, newest: Sequence[float], targets: tuple[str, ...]) -> str:
    """What a series waits for that has shown nothing of a target that the transform takes; empty where nothing."""
    if scale.power is None:
        return ""
    names = [repr(name) for name, value in zip(targets, newest, strict=False) if np.isnan(value)]
    return f"forecasts once {' and '.join(names)} has a value above {0 - scale.offset:g}" if names else ""
