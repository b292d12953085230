"""Panel: many observed series in flat arrays. Origins: where forecasts stand."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from forecast.data.ahead import extend
from forecast.data.almanac import computed
from forecast.data.calendar import Calendar, infer
from forecast.data.codes import coded
from forecast.data.framing import as_frame
from forecast.data.overview import panel_html
from forecast.data.rows import day
from forecast.data.schema import Layout, Schema
from forecast.errors import DataError, SettingsError, did_you_mean

Since = str | int | float | datetime.date | np.datetime64


@dataclass(frozen=True, eq=False)
class Origins:
    """Where forecasts stand: `step` rows of a series are known, the rest is future.

    Args:
        series: int64 [origin], index of the series in its panel.
        step: int64 [origin], how many of its rows are known.
    """

    series: np.ndarray
    step: np.ndarray

    def __len__(self) -> int:
        return len(self.step)

    def __getitem__(self, index: np.ndarray | slice) -> Origins:
        return Origins(self.series[index], self.step[index])


@dataclass(frozen=True, eq=False)
class Panel:
    """One or many observed series, stored as flat arrays (no padding, no index to align).

    Missing cells of `values` hold the last observed value of their series (never a later one), or NaN before
    the first; `observed` tells which cells were really there.

    Args:
        values: float64 [row, channel], series after series; channels are targets, past, future covariates.
        observed: bool [row, channel].
        offsets: int64 [series + 1]; rows offsets[i]:offsets[i + 1] belong to series i.
        times: datetime64[us] [row].
        series: name of each series, always text.
        schema: the resolved roles; `schema.channels` names the columns of `values`.
        static: float64 [series, static covariate].
        calendar: distance between rows.
        report: what a reader repaired or wants to be known, one sentence each.

    Example:
        >>> months = np.arange("2024-01", "2024-04", dtype="M8[M]")
        >>> panel = Panel.from_arrays(np.array([[1.0], [np.nan], [3.0]]), months)
        >>> panel.values[:, 0].tolist(), panel.observed[:, 0].tolist()
        ([1.0, 1.0, 3.0], [True, False, True])
        >>> len(panel.until("2024-03-01").times)
        2
    """

    values: np.ndarray
    observed: np.ndarray
    offsets: np.ndarray
    times: np.ndarray
    series: tuple[str, ...]
    schema: Schema
    static: np.ndarray
    calendar: Calendar
    report: tuple[str, ...] = ()

    to_frame = as_frame

    @classmethod
    def from_arrays(
        cls,
        values: np.ndarray,
        times: np.ndarray,
        lengths: Sequence[int] | None = None,
        series: Sequence[str] | None = None,
        schema: Schema | None = None,
        static: np.ndarray | None = None,
        report: Sequence[str] = (),
    ) -> Panel:
        """Make a panel of arrays that are already sorted by series and time.

        Args:
            values: [row, channel]; NaN where missing. Channels that are computed from the dates may be left out.
            times: datetime64 [row].
            lengths: rows of each series; None for one series.
            series: names; numbered when None.
            schema: names of the channels; by default y0, y1 ... are all targets.
            static: [series, static covariate].
            report: sentences to keep.
        """
        values = np.asarray(values, dtype=np.float64)
        values = values[:, None] if values.ndim == 1 else values
        lengths = [len(values)] if lengths is None else lengths
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        names = tuple(series) if series is not None else tuple(str(i) for i in range(len(lengths)))
        schema = schema or Schema(targets=tuple(f"y{i}" for i in range(values.shape[1])))
        if offsets[-1] != len(values) or len(times) != len(values) or len(names) != len(lengths):
            raise SettingsError(f"{len(values)} rows, {len(times)} times and lengths that add up to {offsets[-1]}")
        static = np.zeros((len(names), 0)) if static is None else np.asarray(static, dtype=np.float64)
        if values.shape[1] == len(schema.given) and schema.computed:
            values = np.concatenate([values, computed(np.asarray(times), schema)], axis=1)
        values, static, schema = coded(values, static, schema)
        observed = np.isfinite(values)
        times = np.asarray(times).astype("datetime64[us]")
        filled = carry_forward(values, observed, offsets)
        calendar = infer(times, offsets, schema.exchange)
        return cls(filled, observed, offsets, times, names, schema, static, calendar, tuple(report))

    @property
    def layout(self) -> Layout:
        return self.schema.layout

    @property
    def targets(self) -> tuple[str, ...]:
        return self.schema.targets

    @property
    def categories(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the codes 0 .. K - 1 of each categorical column."""
        return self.schema.known_categories

    @property
    def lengths(self) -> np.ndarray:
        """Rows of each series, int64 [series]."""
        return np.diff(self.offsets)

    @property
    def row_series(self) -> np.ndarray:
        """Index of the series of each row, int64 [row]."""
        return np.repeat(np.arange(len(self.series)), self.lengths)

    def named(self, index: int | np.integer) -> str:
        """A series in words: "series 'AAPL'", or "the series" where it has no name."""
        return f"series {self.series[index]!r}" if self.series[index] else "the series"

    def __repr__(self) -> str:
        span = f"{day(self.times.min())} to {day(self.times.max())}" if len(self.times) else "empty"
        return (
            f"Panel({len(self.series)} series, {len(self.times)} rows, targets {list(self.targets)}, "
            f"{self.calendar.alias}, {span})"
        )

    def _repr_html_(self) -> str:
        return panel_html(self)

    def cut(self, since: Since) -> np.ndarray:
        """Number of rows of each series that lie before `since`, int64 [series].

        Args:
            since: a date (common to all series), a fraction of the time span's distinct dates (0 < since < 1),
                a row (the first one after the cut, in every series), or a negative row (so many last rows).

        Raises:
            SettingsError: the cut leaves nothing on one side.
        """
        if isinstance(since, bool) or (isinstance(since, float) and not 0 < since < 1):
            raise SettingsError(f"since={since!r}: a fraction lies between 0 and 1; rows are whole numbers")
        if isinstance(since, int | np.integer):
            steps = np.clip(self.lengths + since if since < 0 else np.full(len(self.series), since), 0, self.lengths)
        else:
            steps = self._rows_before(self._date(since))
        if not steps.any() or (steps == self.lengths).all():
            span = f"{day(self.times.min())} to {day(self.times.max())}, at most {self.lengths.max()} rows a series"
            side = "no row lies before it" if not steps.any() else "no row lies at or after it"
            raise SettingsError(f"since={since!s}: {side}; the data runs from {span}")
        return steps

    def _date(self, since: Since) -> np.datetime64:
        if isinstance(since, float):
            distinct = np.unique(self.times)
            return distinct[min(round(since * len(distinct)), len(distinct) - 1)]
        if isinstance(since, str) and re.fullmatch(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}", since.strip()):
            raise SettingsError(f"since={since!r}: day or month first? Write it as 2024-01-31")
        try:
            stamp = pd.Timestamp(since)
        except (ValueError, TypeError) as error:
            raise SettingsError(f"since={since!r} is neither a date (2024-01-31), a row nor a fraction") from error
        if stamp.tzinfo is not None:  # as readers do with offsets
            stamp = stamp.tz_convert(None)
        return stamp.to_datetime64().astype("datetime64[us]")

    def _rows_before(self, date: np.datetime64) -> np.ndarray:
        before = np.concatenate([[0], np.cumsum(self.times < date)])
        return before[self.offsets[1:]] - before[self.offsets[:-1]]

    def until(self, since: Since | np.ndarray) -> Panel:
        """The panel as it was known before `since`; series keep their index, and may become empty."""
        steps = since if isinstance(since, np.ndarray) else self.cut(since)
        keep = np.arange(len(self.times)) < np.repeat(self.offsets[:-1] + steps, self.lengths)
        rows: slice | np.ndarray = slice(0, int(steps[0])) if len(steps) == 1 else keep
        offsets = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
        return replace(
            self, values=self.values[rows], observed=self.observed[rows], offsets=offsets, times=self.times[rows]
        )

    def select(self, names: Sequence[str]) -> Panel:
        """The panel with only these series, in this order; raises SettingsError for none, or one that is not there."""
        if not len(names):
            raise SettingsError(f"no series is named; name one or more of {', '.join(self.series[:5])}")
        unknown = [name for name in names if name not in self.series]
        if unknown:
            raise SettingsError(f"no series {unknown[0]!r}{did_you_mean(unknown[0], self.series)}")
        index = [self.series.index(name) for name in names]
        rows = np.concatenate([np.arange(self.offsets[i], self.offsets[i + 1]) for i in index])
        offsets = np.concatenate([[0], np.cumsum(self.lengths[index])]).astype(np.int64)
        return replace(
            self,
            values=self.values[rows],
            observed=self.observed[rows],
            offsets=offsets,
            times=self.times[rows],
            series=tuple(names),
            static=self.static[index],
        )

    def begun(self) -> np.ndarray:
        """Rows of each series before every target has been seen at least once, int64 [series]."""
        unseen = np.isnan(self.values[:, : self.layout.targets]).any(axis=1)
        before = np.concatenate([[0], np.cumsum(unseen)])
        return before[self.offsets[1:]] - before[self.offsets[:-1]]

    def ends(self) -> np.ndarray:
        """Rows of each series up to the last row with any observed target, int64 [series].

        Rows behind it carry known-ahead covariates only (or nothing), so a forecast starts here.
        """
        seen = np.atleast_1d(self.observed[:, : self.layout.targets].any(axis=1))
        position = np.where(seen, np.arange(len(seen)), -1)
        last = np.concatenate([[-1], np.maximum.accumulate(position)]) if len(seen) else np.array([-1])
        return np.maximum(last[self.offsets[1:]] + 1 - self.offsets[:-1], 0)

    def ahead(self, steps: int) -> Panel:
        """The panel with rows behind the last observed target of each series, until there are `steps` of them.

        Rows that are already there stay, with what is known ahead. New ones are dated by the calendar and hold nothing
        observed but the columns that are computed from the dates. Series keep their index; one without any observed
        target is left as it is. The panel itself is returned when nothing is missing.
        """
        more = extend(self.times, self.offsets, self.ends(), steps, self.calendar)
        if more is None:
            return self
        values, observed = self.values[more.origin], self.observed[more.origin] & ~more.new[:, None]
        known = slice(values.shape[1] - len(self.schema.computed), None)
        values[more.new, known], observed[more.new, known] = computed(more.times[more.new], self.schema), True
        return replace(self, values=values, observed=observed, offsets=more.offsets, times=more.times)

    def end_origins(self) -> Origins:
        """One origin per series that has rows: its last observed row."""
        ends = self.ends()
        series = np.flatnonzero(ends)
        return Origins(series, ends[series])

    def require_channels(self, schema: Schema) -> None:
        """Raise unless this panel has the channels of the one a model was fitted on, in the same roles."""
        if set(self.schema.categorical) != set(schema.categorical):
            known, found = list(schema.categorical), list(self.schema.categorical)
            problem = f"the model was fitted with the categorical columns {known}, those of the data are {found}"
            raise DataError("panel", [f"{problem}; read the data with the schema of the model"])
        if self.schema.channels != schema.channels or self.layout != schema.layout:
            raise DataError(
                "panel", [f"the model was fitted on {list(schema.channels)}, the data has {list(self.schema.channels)}"]
            )


def carry_forward(values: np.ndarray, observed: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Fill missing cells with the last observed value of their series; NaN before the first.

    Args:
        values: [row, channel].
        observed: bool [row, channel].
        offsets: int64 [series + 1].

    Returns:
        A new array, or `values` itself when nothing is missing.
    """
    if observed.all():
        return values
    filled = values.copy()
    rows = np.arange(len(values))
    start = np.repeat(offsets[:-1], np.diff(offsets))
    for channel in np.flatnonzero(~observed.all(axis=0)):
        last = np.maximum.accumulate(np.where(observed[:, channel], rows, -1))
        filled[:, channel] = np.where(last >= start, values[np.maximum(last, 0), channel], np.nan)
    return filled
