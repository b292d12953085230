"""The contract test of forecasters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecast.data.forecast import Forecast, Forecaster, forecast_times
from forecast.data.panel import Origins, Panel
from forecast.errors import NotFittedError
from forecast.testing.claims import require
from forecast.testing.leaks import moved
from forecast.testing.panels import copy_arrays, same_panel, sample_panel, spread, with_values

ORIGINS = 30
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Agreement:
    """How far forecasts that should be the same differ, in standard deviations of their series; 0 is bit for bit.

    Args:
        origins: how many origins were asked.
        subset: some of the origins, in another order, against all of them.
        order: the panel's series in reverse order.
        alone: one origin at a time against all of them.
        refit: a second forecaster, fitted afresh.
    """

    origins: int
    subset: float
    order: float
    alone: float
    refit: float


def check_forecaster(make: Callable[[], Forecaster], panel: Panel | None = None) -> Agreement:
    """Check that a forecaster keeps the promise of `forecast.data.forecast.Forecaster`.

    What it says at an origin depends on the rows up to the origin (and known-ahead covariates) and on nothing else:
    not on what follows, bit for bit; not on which other origins are asked, nor on the order of the series. The
    newest value counts. Fitting twice gives the same forecasts, panels are left as they were.

    Args:
        make: returns a fresh, unfitted forecaster with the same settings each time.
        panel: at least 30 origins (series times dates); by default `sample_panel` of the forecaster's window.

    Returns:
        How exactly the forecasts agreed.

    Raises:
        AssertionError: a promise is broken.

    Example:
        >>> from dataclasses import replace
        >>> from forecast.windows.window import Window
        >>> class Last:
        ...     def __init__(self, window):
        ...         self.window = window
        ...     def fit(self, panel):
        ...         return self
        ...     def predict(self, panel, origins=None):
        ...         origins = panel.end_origins() if origins is None else origins
        ...         newest = panel.values[panel.offsets[origins.series] + origins.step - 1, : len(panel.targets)]
        ...         return Forecast.at(panel, origins, np.repeat(newest[:, None], self.window.horizon, axis=1))
        >>> check_forecaster(lambda: Last(Window(context=6, horizon=2))).alone
        0.0
        >>> class Peeks(Last):
        ...     def predict(self, panel, origins=None):
        ...         origins = panel.end_origins() if origins is None else origins
        ...         ahead = Origins(origins.series, np.minimum(origins.step + 1, panel.lengths[origins.series]))
        ...         return replace(super().predict(panel, ahead), origins=origins)
        >>> check_forecaster(lambda: Peeks(Window(context=6, horizon=2)))  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        ...
        AssertionError: rows after the origin move the forecast made at it, for instance at series ...
    """
    forecaster = make()
    context, horizon = forecaster.window.context, forecaster.window.horizon
    panel = sample_panel(context, horizon) if panel is None else panel
    groups = _groups(panel, context, horizon)
    origins = Origins(*(np.concatenate([getattr(group, name) for group in groups]) for name in ("series", "step")))
    before = copy_arrays(panel)
    _check_unfitted(make(), panel, origins)
    require(forecaster.fit(panel) is forecaster, "fit returns the forecaster itself")
    said = forecaster.predict(panel, origins)
    _check_form(said, panel, origins, horizon)
    for group in groups:
        _check_future(forecaster, panel, group)
        _check_newest(forecaster, panel, group)
    again = forecaster.predict(panel, origins)
    require(np.array_equal(again.values, said.values), "a second predict gives other numbers than the first")
    _check_ends(forecaster, panel, horizon)
    agreement = Agreement(
        origins=len(origins),
        subset=_subset(forecaster, panel, origins, said),
        order=_series_order(forecaster, panel, origins, said),
        alone=_alone(forecaster, panel, origins, said),
        refit=_distance(panel, origins, make().fit(panel).predict(panel, origins).values, said.values),
    )
    require(same_panel(panel, before), "fit or predict changed the panel it was given")
    _judge(agreement)
    return agreement


def _groups(panel: Panel, context: int, horizon: int) -> list[Origins]:
    """Origins of the same date, date after date; enough dates for 30 origins."""
    first = np.maximum(context, panel.begun() + 1)
    last = np.minimum(panel.ends(), panel.lengths - horizon) if panel.layout.future else panel.ends()
    counts = np.maximum(last - first + 1, 0)
    series = np.repeat(np.arange(len(counts)), counts)
    step = np.concatenate([np.arange(a, b + 1) for a, b in zip(first, last, strict=True)])
    date = panel.times[panel.offsets[series] + step - 1]
    require(len(date) >= ORIGINS, f"the panel offers {len(date)} origins, {ORIGINS} are needed; give a longer one")
    dates, wanted = np.unique(date), 8
    while True:
        chosen = np.unique(dates[np.linspace(0, len(dates) - 1, min(wanted, len(dates))).round().astype(int)])
        if np.isin(date, chosen).sum() >= ORIGINS:
            return [Origins(series[date == day], step[date == day]) for day in chosen]
        wanted += 2


def _check_unfitted(forecaster: Forecaster, panel: Panel, origins: Origins) -> None:
    try:
        said = forecaster.predict(panel, origins)
    except NotFittedError:
        return
    require(
        np.isfinite(said.values).all(),
        "predict before fit raises NotFittedError (or, where there is nothing to learn, gives finite forecasts)",
    )


def _check_form(said: Forecast, panel: Panel, origins: Origins, horizon: int) -> None:
    expected = (len(origins), horizon, panel.layout.targets, max(1, len(said.levels)))
    require(
        said.values.shape == expected,
        f"forecasts are [origin, step, target, level] = {expected}, got {said.values.shape}",
    )
    require(np.isfinite(said.values).all(), "a forecast is not finite")
    require(said.targets == panel.targets and said.series == panel.series, "the forecast's names are not the panel's")
    require(
        np.array_equal(said.origins.series, origins.series) and np.array_equal(said.origins.step, origins.step),
        "the forecast's origins are not the ones that were asked",
    )
    known, times = forecast_times(panel, origins, horizon)
    require(
        np.array_equal(said.known, known) and np.array_equal(said.times, times),
        "the forecast's times are not the panel's (or its calendar's)",
    )


def _check_ends(forecaster: Forecaster, panel: Panel, horizon: int) -> None:
    ends = panel.end_origins()
    said = forecaster.predict(panel)
    require(
        np.array_equal(said.origins.series, ends.series) and np.array_equal(said.origins.step, ends.step),
        "without origins a forecast stands at the end of every series",
    )
    _check_form(said, panel, ends, horizon)
    require(
        _distance(panel, ends, forecaster.predict(panel, ends).values, said.values) <= TOLERANCE,
        "without origins the forecast differs from the one at the end of every series",
    )


def _check_future(forecaster: Forecaster, panel: Panel, group: Origins) -> None:
    """Rewrite, then cut off, every row later than the origins; the forecasts stay as they are, bit for bit."""
    found = next(moved(forecaster, panel, group), None)
    require(
        found is None,
        "rows after the origin move the forecast made at it, for instance at "
        f"series {found.series!r}, step {found.step}, where all later rows were {found.how}"
        if found
        else "",
    )


def _check_newest(forecaster: Forecaster, panel: Panel, group: Origins) -> None:
    targets = panel.layout.targets
    rows = panel.offsets[group.series] + group.step - 1
    here = panel.observed[rows, :targets].all(axis=1)
    if not here.any():
        return
    group, rows = group[np.flatnonzero(here)], rows[here]
    values = np.where(panel.observed, panel.values, np.nan)
    values[rows, :targets] += spread(panel)[group.series]
    said, after = (_expected(forecaster.predict(each, group)) for each in (panel, with_values(panel, values)))
    still = (said == after).all(axis=(1, 2))
    require(not still.any(), f"the newest value does not move the forecast at {_place(panel, group, still)}")


def _expected(forecast: Forecast) -> np.ndarray:
    """Means [origin, step, target] where a distribution has any: quantiles of counts move by whole numbers only."""
    mean = forecast.point if forecast.distribution is None else forecast.distribution.mean()
    return np.where(np.isfinite(mean), mean, forecast.point)


def _place(panel: Panel, origins: Origins, which: np.ndarray) -> str:
    first = int(which.argmax())
    return f"series {panel.series[origins.series[first]]!r}, step {origins.step[first]}"


def _subset(forecaster: Forecaster, panel: Panel, origins: Origins, said: Forecast) -> float:
    some = np.random.default_rng(1).permutation(len(origins))[: len(origins) * 2 // 3]
    return _distance(panel, origins[some], forecaster.predict(panel, origins[some]).values, said.values[some])


def _series_order(forecaster: Forecaster, panel: Panel, origins: Origins, said: Forecast) -> float:
    other = panel.select(panel.series[::-1])
    same = Origins(len(panel.series) - 1 - origins.series, origins.step)
    return _distance(panel, origins, forecaster.predict(other, same).values, said.values)


def _alone(forecaster: Forecaster, panel: Panel, origins: Origins, said: Forecast) -> float:
    lonely = [forecaster.predict(panel, origins[i : i + 1]).values for i in range(len(origins))]
    return _distance(panel, origins, np.concatenate(lonely), said.values)


def _judge(agreement: Agreement) -> None:
    sentences = {
        "subset": "a forecast depends on which other origins are asked, or on their order",
        "order": "a forecast depends on the order of the panel's series",
        "alone": "a forecast in a batch of one differs from the same forecast in a batch of many",
        "refit": "fitting the same forecaster twice gives different forecasts; fix the seed",
    }
    for name, sentence in sentences.items():
        found = getattr(agreement, name)
        require(found <= TOLERANCE, f"{sentence} (by {found:.2g} standard deviations of the series)")


def _distance(panel: Panel, origins: Origins, a: np.ndarray, b: np.ndarray) -> float:
    require(a.shape == b.shape, f"forecasts of the same origins have the shapes {a.shape} and {b.shape}")
    return float((np.abs(a - b) / spread(panel)[origins.series][:, None, :, None]).max(initial=0.0))
