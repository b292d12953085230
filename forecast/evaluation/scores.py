"""Scores: everything a backtest found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.data.forecast import Actual, Forecast
from forecast.data.panel import Origins
from forecast.errors import SettingsError, did_you_mean
from forecast.evaluation.metrics import Metric, naive_errors
from forecast.evaluation.overview import scores_html
from forecast.evaluation.ranked import CATEGORIES, NUMBERS
from forecast.evaluation.tally import ALL, AXES, Axis, overall, score_array, tallies

COLUMNS = ("model", "series", "step", "metric", "value", "target")


@dataclass(frozen=True)
class Terms:
    """The terms all contestants were judged on.

    Args:
        horizon: steps of every forecast.
        stride: rows between neighbouring origins of a series.
        season: lag of the differences that scale MASE and RMSSE.
        origins: how many origins were judged.
        judged: how many series have at least one of them.
        since: time of the first row that was forecast.
        until: time of the last row that was forecast.
        unscaled: judged pairs of series and target that MASE and RMSSE leave out, for want of a scale.
        naive_error: MAE of repeating the last known value; of a categorical target its error rate.
        majority: direction score of always saying the more frequent direction.
    """

    horizon: int
    stride: int
    season: int
    origins: int
    judged: int
    since: np.datetime64
    until: np.datetime64
    unscaled: int
    naive_error: float
    majority: float


@dataclass(frozen=True, eq=False)
class Scores:
    """What a backtest found out.

    Args:
        frame: scores with the columns model, series, step, metric, value, target; "*" stands for all of them.
            Overall, per series and per step; with several targets also for each of them.
        losses: mean absolute error (of a categorical target: the error rate) at each origin, over steps and targets,
            float64 [origin] of each model.
        forecasts: what each model said.
        actual: what happened.
        origins: where all forecasts stand.
        known: datetime64[us] [origin], time of the last known row.
        times: datetime64[us] [origin, step], time of each forecast row.
        fit_seconds: time to fit each model.
        predict_ms: milliseconds per origin to predict.
        parameters: numbers that each model learned; 0 where it does not say.
        failed: why contestants that raised or gave no usable forecast are missing everywhere else.
        terms: what they were judged on.
    """

    frame: pd.DataFrame
    losses: Mapping[str, np.ndarray]
    forecasts: Mapping[str, Forecast]
    actual: Actual
    origins: Origins
    known: np.ndarray
    times: np.ndarray
    fit_seconds: Mapping[str, float]
    predict_ms: Mapping[str, float]
    parameters: Mapping[str, int]
    failed: Mapping[str, str]
    terms: Terms

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the contestants that were judged, in the order they were given."""
        return tuple(self.forecasts)

    @property
    def error(self) -> str:
        """The metric by which contestants are ranked: "mae", or "error_rate" of a categorical target."""
        return (CATEGORIES if self.actual.labels else NUMBERS).name

    @property
    def naive_losses(self) -> np.ndarray:
        """What `losses` are of repeating the last known value [origin]."""
        return cell_mean(naive_errors(self.actual))

    def require(self, model: str) -> str:
        """Return the name of a judged contestant.

        Raises:
            SettingsError: there is none of that name, or it failed.
        """
        if model in self.failed:
            raise SettingsError(f"{model!r} was not judged, it failed: {self.failed[model]}")
        if model not in self.forecasts:
            raise SettingsError(f"no contestant {model!r}{did_you_mean(model, self.models)}")
        return model

    def overall(self, metric: Metric) -> dict[str, float]:
        """The overall score of each model, whether or not the backtest was asked for that metric."""
        keep = self.frame["metric"] == metric.name
        for axis in AXES:
            keep &= self.frame[axis] == ALL
        chosen = self.frame[keep]
        if len(chosen):
            return dict(zip(chosen["model"], chosen["value"], strict=True))
        return {name: overall(metric, said, self.actual) for name, said in self.forecasts.items()}

    def forecasts_frame(self) -> pd.DataFrame:
        """Every forecast of every model: model, series, origin, time, step, target, mean, actual.

        `origin` is the time of the last known row, `time` that of the forecast row; `mean` is the point forecast and
        `actual` NaN where nothing was observed. Names are categories, which keeps millions of rows small.
        """
        origins, steps, targets = self.actual.values.shape
        cells, models = steps * targets, len(self.models)
        said = next(iter(self.forecasts.values()))
        columns = {
            "model": _category(np.repeat(np.arange(models), origins * cells), self.models),
            "series": _category(np.tile(np.repeat(self.origins.series, cells), models), said.series),
            "origin": np.tile(np.repeat(self.known, cells), models),
            "time": np.tile(np.repeat(self.times.ravel(), targets), models),
            "step": np.tile(np.repeat(np.arange(1, steps + 1), targets), models * origins),
            "target": _category(np.tile(np.arange(targets), models * origins * steps), said.targets),
            "mean": np.concatenate([forecast.point.ravel() for forecast in self.forecasts.values()]),
            "actual": np.tile(self.actual.values.ravel(), models),
        }
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        failed = f", failed: {', '.join(self.failed)}" if self.failed else ""
        return (
            f"Scores({len(self.models)} models, {self.terms.judged} series, {self.terms.origins} origins, "
            f"horizon {self.terms.horizon}{failed})"
        )

    def _repr_html_(self) -> str:
        return scores_html(self)


def cell_mean(errors: np.ndarray) -> np.ndarray:
    """Mean over the judged steps and targets of each origin [origin], NaN where there is none."""
    judged = ~np.isnan(errors)
    count = judged.sum(axis=(1, 2))
    total = np.where(judged, errors, 0.0).sum(axis=(1, 2))
    return np.divide(total, count, out=np.full(len(errors), np.nan), where=count > 0)


def score_frame(forecasts: Mapping[str, Forecast], actual: Actual, metrics: tuple[Metric, ...]) -> pd.DataFrame:
    """Scores of all models as the long frame of `Scores`: overall, per series, per step (and per target)."""
    said = next(iter(forecasts.values()))
    judged = np.unique(said.origins.series)
    labels = (np.array(said.series, dtype=object), np.arange(1, said.values.shape[1] + 1).astype(object))
    names = dict(zip(AXES, (*labels, np.array(said.targets, dtype=object)), strict=True))
    parts = []
    for model, forecast in forecasts.items():
        for metric in metrics:
            pair = tallies(metric, forecast, actual)
            for by in _groupings(len(said.targets)):
                scores = score_array(pair, metric, by)
                keep = judged if "series" in by else np.array([0])
                parts.append(_part(model, metric.name, scores[keep], by, names | {"series": names["series"][judged]}))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}
    return pd.DataFrame(columns)


def _groupings(targets: int) -> list[tuple[Axis, ...]]:
    single: list[tuple[Axis, ...]] = [(), ("series",), ("step",)]
    return single if targets == 1 else [*single, ("target",), ("series", "target"), ("step", "target")]


def _part(
    model: str, metric: str, scores: np.ndarray, by: tuple[Axis, ...], names: Mapping[Axis, np.ndarray]
) -> dict[str, np.ndarray]:
    every = np.array([ALL], dtype=object)
    grid = np.meshgrid(*(names[axis] if axis in by else every for axis in AXES), indexing="ij")
    series, step, target = (cells.ravel() for cells in grid)
    shared = {
        "model": np.full(scores.size, model, dtype=object),
        "metric": np.full(scores.size, metric, dtype=object),
    }
    return shared | {"series": series, "step": step, "target": target, "value": scores.ravel()}


def _category(codes: np.ndarray, names: tuple[str, ...]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes.tolist(), dtype=pd.CategoricalDtype(list(names)))
