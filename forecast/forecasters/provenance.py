"""Provenance: what a forecaster was fitted on. It is kept by `fit`, so that a model can be saved without its data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from forecast.data.fingerprint import fingerprint
from forecast.data.forecast import HasWindow
from forecast.data.panel import Panel
from forecast.data.rows import day
from forecast.data.schema import Schema

FIRST, LAST = np.datetime64("0001-01-01", "us"), np.datetime64("9999-12-31T23:59:59", "us")


@dataclass(frozen=True)
class Provenance:
    """What a forecaster was fitted on.

    Args:
        schema: roles of the columns.
        since: time of the first row, datetime64[us].
        until: time of the last row with a target, datetime64[us].
        series: how many.
        rows: of all series.
        data: fingerprint of the panel.
        note: what a reader of the saved model should know: the source, its licence, a verdict.

    Example:
        >>> days = np.arange("2024-01-01", "2024-01-04", dtype="M8[D]")
        >>> found = Provenance.of(Panel.from_arrays(np.array([1.0, 2.0, 3.0]), days))
        >>> found.words, found.rows
        ('1 series, 3 rows, 2024-01-01 to 2024-01-03', 3)
    """

    schema: Schema
    since: np.datetime64
    until: np.datetime64
    series: int
    rows: int
    data: str
    note: str = ""

    @classmethod
    def of(cls, panel: Panel) -> Self:
        """Of a panel."""
        ends = panel.end_origins()
        until = panel.times[panel.offsets[ends.series] + ends.step - 1].max()
        counts = (len(panel.series), len(panel.times))
        return cls(panel.schema, panel.times.min(), until, *counts, fingerprint(panel))

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Self:
        """What `to_table` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        numbers, texts = (table["series"], table["rows"]), (table["data"], table["note"])
        if not all(type(number) is int for number in numbers) or not all(isinstance(text, str) for text in texts):
            raise ValueError("series and rows are whole numbers, data and note are texts")
        times = (np.datetime64(table["since"], "us"), np.datetime64(table["until"], "us"))
        if not all(FIRST <= time <= LAST for time in times):
            raise ValueError("since and until are times of the years 1 to 9999")
        return cls(Schema(**table["schema"]), *times, *numbers, *texts)

    def to_table(self) -> dict[str, Any]:
        """As it stands in a file."""
        return asdict(self) | {"since": str(self.since), "until": str(self.until)}

    @property
    def words(self) -> str:
        """How much, and from when to when."""
        return f"{self.series:,} series, {self.rows:,} rows, {day(self.since)} to {day(self.until)}"


class Described(Protocol):
    """What a forecaster is described by."""

    fitted_on: Provenance | None

    @property
    def window(self) -> HasWindow: ...

    @property
    def traits(self) -> tuple[str, ...]: ...


class Savable:
    """A forecaster that knows what it was fitted on, and can be written into a directory.

    Attributes:
        fitted_on: None before fit.
    """

    fitted_on: Provenance | None = None

    @property
    def traits(self) -> tuple[str, ...]:
        """What tells it from others of its kind, in words."""
        return ()

    def __repr__(self: Described) -> str:
        reach = f"context {self.window.context}, horizon {self.window.horizon}"
        fitted = "not fitted" if self.fitted_on is None else f"fitted on {self.fitted_on.words}"
        return f"{type(self).__name__}({', '.join([*self.traits, reach, fitted])})"

    def save(self, directory: str | Path, note: str = "") -> Path:
        """Write the fitted forecaster into a directory (made where missing), as a whole or not at all.

        `forecast.load` reads it back. An older model there is replaced; a crash, a full disk or a lost process at any
        moment leaves the old model or the new one.

        Args:
            directory: holds manifest.json, config.json, weights.safetensors and card.md afterwards.
            note: what a reader of card.md should know: where the data came from, its licence, a verdict. Replaces the
                note of a model that was read back, where it is given.

        Returns:
            The directory.

        Raises:
            SettingsError: scikit-learn regressors, whose files could run code, heads of your own, and directories that
                cannot be written.
            NotFittedError: the model was not fitted.
        """
        from forecast.forecasters.artifacts.artifact import write

        if note and self.fitted_on is not None:
            self.fitted_on = replace(self.fitted_on, note=note)
        return write(self, directory)
