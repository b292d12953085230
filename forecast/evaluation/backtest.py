"""Backtest: fit on what was known before a cut, forecast from rolling origins after it, compare with the truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from forecast.data.forecast import Actual, Forecast, Forecaster, forecast_times, truth
from forecast.data.panel import Origins, Panel, Since
from forecast.data.season import season_of
from forecast.errors import ForecastError, RunError, SettingsError
from forecast.evaluation.judging import Judging
from forecast.evaluation.metrics import (
    DEFAULT,
    MetricLike,
    direction_majority,
    in_sample_scale,
    naive_errors,
)
from forecast.evaluation.moves import dead_band, last_move
from forecast.evaluation.named import added, as_metrics, standard
from forecast.evaluation.results import Result, Results
from forecast.evaluation.scores import Scores, Terms, cell_mean, score_frame
from forecast.evaluation.tally import ALL, overall

Progress = Callable[[str], None]


def backtest(
    contestants: Mapping[str, Forecaster],
    panel: Panel,
    since: Since,
    *,
    metrics: Sequence[MetricLike | str] = DEFAULT,
    stride: int = 1,
    season: int | None = None,
    band: float = 0.0,
    progress: Progress | bool | None = None,
    results: Results | None = None,
) -> Scores:
    """Judge forecasters at the same rolling origins, all of them fitted only on the rows before `since`.

    The first forecast row of every series is its first row at or after `since`; the origin then moves on by
    `stride` rows, without refitting, as long as the whole horizon lies within the series. An origin is used when
    the longest context of all contestants lies behind it, each target has been seen before it, and some target
    was observed ahead. Errors count only where the truth was observed.

    A contestant that raises a ForecastError, or whose forecasts are not finite, is listed in `Scores.failed`,
    and the others go on; any other exception is a mistake in the program and is raised.

    Args:
        contestants: forecasters by name; all with the same horizon, contexts may differ.
        panel: all rows, those to be forecast included.
        since: a date, a row, a negative row (so many last rows) or a fraction; see `Panel.cut`.
        metrics: their names or themselves (see `forecast.evaluation.named`), or functions of forecast and actual
            that return errors [origin, step, target]. What needs quantiles, a distribution or classes is NaN for
            a forecast of points. The default gains crps and coverage_90 where a contestant states quantiles or a
            distribution, accuracy and brier where one states probabilities of classes.
        stride: rows between origins.
        season: lag of the differences that scale MASE and RMSSE; None asks the training rows.
        band: dead band of directions: a value counts as "flat" within band * volatility * sqrt(step) of the newest
            one, volatility being the root mean squared change from row to row in training. 0: there is no "flat".
        progress: True shows a bar, in a terminal or a notebook; a function is called with a sentence before each step.
        results: keeps what each contestant came to; those it has already are not run again.

    Raises:
        SettingsError: the horizons differ, or no origin can be judged.
        ForecastError: every contestant failed.
    """
    chosen = as_metrics(metrics)
    contest = _prepare(contestants, panel, since, stride, season, band)
    with Judging(dict.fromkeys(contestants, 1), progress is True) as judging:
        tell = progress if callable(progress) else judging.judge
        found = {name: _found(name, each, contest, tell, results) for name, each in contestants.items()}
    failed = {name: result.failed for name, result in found.items() if result.failed is not None}
    forecasts = {name: result.forecast for name, result in found.items() if result.forecast is not None}
    if not forecasts:
        reasons = "".join(f"\n  - {name}: {reason}" for name, reason in failed.items())
        raise ForecastError(f"every contestant failed:{reasons}")
    first = next(iter(forecasts.values()))
    usual = standard(contest.actual)
    if chosen == DEFAULT:
        chosen = (*usual, *added(forecasts.values()))
    return Scores(
        frame=score_frame(forecasts, contest.actual, chosen),
        losses={name: cell_mean(usual[0](said, contest.actual)) for name, said in forecasts.items()},
        forecasts=forecasts,
        actual=contest.actual,
        origins=contest.origins,
        known=contest.known,
        times=contest.times,
        fit_seconds={name: found[name].fit_seconds for name in forecasts},
        predict_ms={name: found[name].predict_ms for name in forecasts},
        parameters={name: found[name].parameters for name in forecasts},
        failed=failed,
        terms=_terms(contest, first),
    )


@dataclass(frozen=True, eq=False)
class _Contest:
    panel: Panel
    train: Panel
    origins: Origins
    actual: Actual
    known: np.ndarray
    times: np.ndarray
    stride: int


def _prepare(
    contestants: Mapping[str, Forecaster], panel: Panel, since: Since, stride: int, season: int | None, band: float
) -> _Contest:
    context, horizon = _windows(contestants)
    if stride < 1:
        raise SettingsError(f"stride={stride}: origins move on by at least one row")
    _require_names(panel)
    _require_alone(panel)
    cut = panel.cut(since)
    train = panel.until(cut)
    origins = rolling_origins(panel, cut, context, horizon, stride)
    if not len(origins):
        raise SettingsError(_nothing_to_judge(panel, cut, context, horizon, since))
    season = season_of(train) if season is None else season
    known, times = forecast_times(panel, origins, horizon)
    actual = _actual(panel, train, origins, horizon, season)
    actual = replace(actual, edges=dead_band(train, origins, horizon, band), move=last_move(panel, origins))
    return _Contest(panel, train, origins, actual, known, times, stride)


def _require_names(panel: Panel) -> None:
    """Refuse names that tables of scores keep for the score over all of them."""
    for what, names in (("series", panel.series), ("target", panel.targets)):
        if ALL in names:
            raise SettingsError(f"{what} {ALL!r}: in tables of scores this name stands for all {what}; rename it")


def _require_alone(panel: Panel) -> None:
    """Refuse a category among several targets: no error is the same for all of them."""
    names = [name for name in panel.targets if name in panel.categories]
    if names and len(panel.targets) > 1:
        raise SettingsError(f"target {names[0]!r} holds categories, which are judged alone; make it the only target")


def _windows(contestants: Mapping[str, Forecaster]) -> tuple[int, int]:
    if not contestants:
        raise SettingsError("no contestants to judge")
    horizons = {name: forecaster.window.horizon for name, forecaster in contestants.items()}
    if len(set(horizons.values())) > 1:
        said = ", ".join(f"{name}: {horizon}" for name, horizon in horizons.items())
        raise SettingsError(f"contestants must forecast the same number of steps; horizons are {said}")
    context = max(forecaster.window.context for forecaster in contestants.values())
    return context, next(iter(horizons.values()))


def rolling_origins(panel: Panel, cut: np.ndarray, context: int, horizon: int, stride: int = 1) -> Origins:
    """Origins at cut, cut + stride, ... of each series that have a context behind and a truth ahead of them.

    Args:
        cut: int64 [series], rows before the first one to be forecast.
        context: rows that must lie behind an origin.
        horizon: rows that must lie ahead of it.

    Example:
        >>> panel = Panel.from_arrays(np.arange(9.0), np.arange("2024-01-01", "2024-01-10", dtype="M8[D]"))
        >>> rolling_origins(panel, np.array([3]), context=4, horizon=2, stride=2).step.tolist()
        [5, 7]
    """
    need = np.maximum(context, panel.begun() + 1)
    first = cut + stride * np.maximum(-((cut - need) // stride), 0)
    last = panel.lengths - horizon
    counts = np.maximum((last - first) // stride + 1, 0)
    series = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    origins = Origins(series, np.repeat(first, counts) + nth * stride)
    _, seen = truth(panel, origins, horizon)
    return origins[np.flatnonzero(seen.any(axis=(1, 2)))]


def _nothing_to_judge(panel: Panel, cut: np.ndarray, context: int, horizon: int, since: Since) -> str:
    best = int(np.minimum(panel.lengths - cut, panel.lengths - context).argmax())
    length, before = int(panel.lengths[best]), int(cut[best])
    return (
        f"since={since!s} leaves nothing to judge: a forecast needs {context} rows of context before it and "
        f"{horizon} rows with an observed target from there on; {panel.named(best)} has {before} rows "
        f"before the cut and {length - before} after it. Choose an earlier cut, a shorter context or horizon"
    )


def _actual(panel: Panel, train: Panel, origins: Origins, horizon: int, season: int) -> Actual:
    values, seen = truth(panel, origins, horizon)
    last = panel.values[panel.offsets[origins.series] + origins.step - 1, : panel.layout.targets]
    labels = panel.categories.get(panel.targets[0], ())
    return Actual(values, seen, last, *in_sample_scale(train, season), season, labels=labels)


def _found(name: str, forecaster: Forecaster, contest: _Contest, progress: Progress, results: Results | None) -> Result:
    """What a contestant comes to, or came to before."""
    if results is None:
        return _run(name, forecaster, contest, progress)
    known = results.get(name)
    return results.put(name, _run(name, forecaster, contest, progress)) if known is None else known


def _run(name: str, forecaster: Forecaster, contest: _Contest, progress: Progress) -> Result:
    try:
        progress(f"{name}: fitting")
        start = time.perf_counter()
        fitted = forecaster.fit(contest.train)
        fit_seconds = time.perf_counter() - start
        progress(f"{name}: predicting at {len(contest.origins)} origins")
        start = time.perf_counter()
        said = fitted.predict(contest.panel, contest.origins)
        predict_seconds = time.perf_counter() - start
    except RunError:  # a full disk, say: no fault of the contestant's
        raise
    except ForecastError as error:
        return Result(failed=str(error))
    wrong = _fault(said, contest)
    if wrong is not None:
        return Result(failed=wrong)
    said = replace(said, origins=contest.origins, known=contest.known, times=contest.times)
    count = getattr(fitted, "parameters", 0)
    parameters = int(count) if isinstance(count, int | np.integer) else 0
    return Result(said, None, fit_seconds, 1000.0 * predict_seconds / len(contest.origins), parameters)


def _fault(said: Forecast, contest: _Contest) -> str | None:
    expected, asked = contest.actual.values.shape, contest.origins
    if said.values.shape[:3] != expected:
        return f"its forecast has the shape {said.values.shape[:3]}; [origin, step, target] is {expected}"
    if said.distribution is not None and said.distribution.shape != expected:
        return f"its distribution has the shape {said.distribution.shape}; [origin, step, target] is {expected}"
    stands = said.origins
    if not (np.array_equal(stands.series, asked.series) and np.array_equal(stands.step, asked.step)):
        return "its forecast stands at other origins than it was asked for"
    faulty = np.flatnonzero(~np.isfinite(said.values).all(axis=(1, 2, 3)))
    if not len(faulty):
        return None
    worst = int(faulty[0])
    series = contest.panel.named(asked.series[worst])
    date = str(pd.Timestamp(contest.known[worst])).removesuffix(" 00:00:00")
    bad = f"{len(faulty)} of {len(asked)} origins"
    return f"its forecast is not finite at {bad}, first of {series} at {date}"


def _terms(contest: _Contest, said: Forecast) -> Terms:
    series = np.unique(contest.origins.series)
    naive = naive_errors(contest.actual)
    return Terms(
        horizon=contest.times.shape[1],
        stride=contest.stride,
        season=contest.actual.season,
        origins=len(contest.origins),
        judged=len(series),
        since=contest.times[:, 0].min(),
        until=contest.times[:, -1].max(),
        unscaled=int(np.isnan(contest.actual.scale[series]).sum()),
        naive_error=float(np.nanmean(naive)),
        majority=overall(direction_majority, said, contest.actual),
    )
