"""Leakage: does a forecaster know what came after the origin? Asked of forecasts and of fits, on any panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from forecast.data.forecast import Forecaster
from forecast.data.panel import Origins, Panel, Since
from forecast.errors import SettingsError
from forecast.testing.panels import cut_off, rewritten, spread

ORIGINS = 30
SAME = 1e-5
"""Standard deviations by which a second fit may differ from the first: sums in another order, no more."""


@dataclass(frozen=True)
class Leak:
    """A forecast that rows after its origin have moved.

    Args:
        series: name of the series.
        step: rows known at the origin.
        how: what was done to the later rows: "rewritten", "cut off", or "rewritten before the fit".
        change: of the forecast, in standard deviations of the series; infinite where it is no number any more.
    """

    series: str
    step: int
    how: str
    change: float

    def __str__(self) -> str:
        size = f"{self.change:.2g} standard deviations"
        return f"series {self.series!r}, step {self.step}: later rows {self.how} move the forecast by {size}"


@dataclass(frozen=True)
class Leakage:
    """What was found.

    Args:
        origins: how many were asked.
        leaks: forecasts that moved, in the order they were met.
    """

    origins: int
    leaks: tuple[Leak, ...]

    def __bool__(self) -> bool:
        return bool(self.leaks)

    def __str__(self) -> str:
        if not self.leaks:
            return f"{self.origins} origins: no later row moves a forecast"
        return f"{self.origins} origins, {len(self.leaks)} leaks, the first: {self.leaks[0]}"


def leakage(
    fitted: Callable[[Panel], Forecaster], panel: Panel, since: Since, origins: int = ORIGINS, seed: int = 0
) -> Leakage:
    """Rewrite what comes after origins of the test span, and see whether forecasts made there notice.

    First the later rows alone are rewritten, then cut off, under the same fitted forecaster: not one bit of a forecast
    may change. Then every row of the test span is rewritten *before* the fit, which tells a scaler, a stopping rule or
    a choice of settings that has seen the test. Known-ahead covariates stay, since forecasters may know them. Half of
    the dates are such where a cell is missing, if there are any: what fills a gap from behind shows nowhere else.

    Args:
        fitted: given all rows of the panel, returns a forecaster that is fitted, honestly on the rows before `since`;
            called twice.
        panel: with at least one origin in the test span.
        since: where the test span begins (`Panel.cut`).
        origins: how many to ask at least, as far as there are so many.
        seed: of the dates that are drawn.

    Raises:
        SettingsError: fewer origins than one are asked for, or none in the test span has a context behind it.

    Example:
        >>> from forecast.forecasters.naive import Naive
        >>> from forecast.testing.panels import sample_panel
        >>> from forecast.windows.window import Window
        >>> rule = lambda panel: Naive(Window(context=6, horizon=2)).fit(panel)
        >>> print(leakage(rule, sample_panel(6, 2), since=0.7))
        31 origins: no later row moves a forecast
    """
    if origins < 1:
        raise SettingsError(f"origins={origins}: at least 1 has to be asked")
    forecaster = fitted(panel)
    cut = panel.cut(since)
    asked, leaks = 0, []
    for group in _dates(panel, cut, forecaster, origins, np.random.default_rng(seed)):
        asked += len(group)
        leaks += moved(forecaster, panel, group)
    if not asked:
        raise SettingsError(
            f"no origin since {since} has a context of {forecaster.window.context} rows behind it; begin the test later"
        )
    return Leakage(asked, (*leaks, *_of_the_fit(fitted, forecaster, panel, cut)))


def moved(forecaster: Forecaster, panel: Panel, group: Origins) -> Iterator[Leak]:
    """Forecasts at origins of one date that change where later rows are rewritten or cut off, bit for bit."""
    said = forecaster.predict(panel, group).values
    later = panel.times > panel.times[panel.offsets[group.series[0]] + group.step[0] - 1]
    for how, other in (("rewritten", rewritten(panel, later)), ("cut off", cut_off(panel, later))):
        if other is not None:
            yield from _differing(panel, group, said, forecaster.predict(other, group).values, how, 0.0)


def _of_the_fit(
    fitted: Callable[[Panel], Forecaster], forecaster: Forecaster, panel: Panel, cut: np.ndarray
) -> Iterator[Leak]:
    """Forecasts at the beginning of the test span that change where the test rows were others before the fit."""
    reach = np.flatnonzero(cut >= _first(panel, forecaster))
    if not len(reach):
        return
    group = Origins(reach, cut[reach])
    rows = np.arange(len(panel.times)) - np.repeat(panel.offsets[:-1], panel.lengths)
    other = rewritten(panel, rows >= np.repeat(cut, panel.lengths))
    said, again = forecaster.predict(panel, group).values, fitted(other).predict(panel, group).values
    yield from _differing(panel, group, said, again, "rewritten before the fit", SAME)


def _differing(
    panel: Panel, group: Origins, said: np.ndarray, again: np.ndarray, how: str, least: float
) -> Iterator[Leak]:
    differs = (again != said) & ~(np.isnan(again) & np.isnan(said))
    with np.errstate(invalid="ignore"):
        size = np.abs(again - said) / spread(panel)[group.series][:, None, :, None]
    change = np.where(differs, np.where(np.isfinite(size), size, np.inf), 0.0).max(axis=(1, 2, 3))
    moved_ones = change > least if least else differs.any(axis=(1, 2, 3))
    for place in np.flatnonzero(moved_ones).tolist():
        yield Leak(panel.series[group.series[place]], int(group.step[place]), how, float(change[place]))


def _first(panel: Panel, forecaster: Forecaster) -> np.ndarray:
    """The first origin of each series: a context behind it, and every target seen once."""
    return np.maximum(forecaster.window.context, panel.begun() + 1)


def _dates(
    panel: Panel, cut: np.ndarray, forecaster: Forecaster, wanted: int, random: np.random.Generator
) -> Iterator[Origins]:
    """Origins of the test span that have rows to rewrite behind them, one date after the other."""
    last = np.minimum(panel.ends(), panel.lengths - forecaster.window.horizon)
    first = np.maximum(cut, _first(panel, forecaster))
    counts = np.maximum(last - first + 1, 0)
    series = np.repeat(np.arange(len(counts)), counts)
    step = np.concatenate([np.arange(a, b + 1) for a, b in zip(first, last, strict=True)])
    rows = panel.offsets[series] + step - 1
    dates, which = np.unique(panel.times[rows], return_inverse=True)
    gaps = np.zeros(len(dates), dtype=bool)
    gaps[which[~panel.observed[rows].all(axis=1)]] = True
    asked = 0
    for date in _alternating(random.permutation(np.flatnonzero(gaps)), random.permutation(np.flatnonzero(~gaps))):
        if asked >= wanted:
            return
        group = Origins(series[which == date], step[which == date])
        asked += len(group)
        yield group


def _alternating(a: np.ndarray, b: np.ndarray) -> Iterator[int]:
    """One of each in turn, then what is left of the longer."""
    both = min(len(a), len(b))
    for pair in zip(a[:both].tolist(), b[:both].tolist(), strict=True):
        yield from pair
    yield from a[both:].tolist()
    yield from b[both:].tolist()
