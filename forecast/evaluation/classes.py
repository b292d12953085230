"""Metrics of classes: the direction a series goes, or the codes of a categorical target.

Directions are those of the judge: "up" where the actual lies more than `Actual.edges` above the newest value, "down"
where it lies as far below it, "flat" between. Without a dead band there are two classes: steps that end exactly at
the newest value are left out, and what a forecast says counts on condition of a move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.data.forecast import Actual, Forecast
from forecast.distributions import Categories, Distribution
from forecast.evaluation.metrics import Metric, naive_errors
from forecast.evaluation.probabilistic import distribution_of

SMALLEST = float(np.finfo(np.float64).eps)  # probability below which the log loss does not grow, as in scikit-learn
UNKNOWN = -1.0
"""Code of a class that happened and that a forecast does not know: it gave it no probability."""
DOWN_UP, DOWN_FLAT_UP = ("down", "up"), ("down", "flat", "up")


@dataclass(frozen=True, eq=False)
class ClassForecast:
    """What was said of classes, and which of them happened.

    Args:
        labels: names of the classes.
        probabilities: float64 [origin, step, target, label].
        codes: float64 [origin, step, target], the class that happened; -1 for one that the forecast does not know, NaN
            where there is nothing to judge.
    """

    labels: tuple[str, ...]
    probabilities: np.ndarray
    codes: np.ndarray

    @property
    def said(self) -> np.ndarray:
        """Code of the most probable class, the first one where several are, float64 [origin, step, target]."""
        return self.probabilities.argmax(axis=-1).astype(np.float64)

    @property
    def happened(self) -> np.ndarray:
        """1 for the class that happened, 0 for the others, [origin, step, target, label]."""
        return (self.codes[..., None] == np.arange(len(self.labels))).astype(np.float64)


def has_band(actual: Actual) -> bool:
    """Whether the judge has a dead band, and so a class "flat"."""
    return actual.edges is not None and bool((actual.edges > 0).any())


def direction_codes(actual: Actual, values: np.ndarray) -> np.ndarray:
    """Class of values by the judge's directions [origin, step, target]; NaN for no value, or no move without a band."""
    change = values - actual.last[:, None]
    edges = np.zeros(()) if actual.edges is None else actual.edges
    sign = (change > edges).astype(np.float64) - (change < -edges)
    codes = sign + 1.0 if has_band(actual) else np.where(sign == 0, np.nan, (sign + 1.0) / 2.0)
    return np.where(np.isnan(change), np.nan, codes)


def class_forecast(forecast: Forecast, actual: Actual) -> ClassForecast | None:
    """Probabilities of classes and what happened; None for a forecast that states no probabilities."""
    said = distribution_of(forecast)
    if said is None:
        return None
    if isinstance(said, Categories) and not said.directional:
        known = np.nan_to_num(said.codes(actual.values), nan=UNKNOWN)
        return ClassForecast(said.labels, said.probabilities, np.where(actual.seen, known, np.nan))
    shares = said.probabilities if isinstance(said, Categories) else _direction_shares(said, actual)
    codes = np.where(actual.seen, direction_codes(actual, actual.values), np.nan)
    if has_band(actual):
        return ClassForecast(DOWN_FLAT_UP, shares, codes)
    moves = shares[..., [0, 2]]
    total = moves.sum(axis=-1, keepdims=True)
    halves = np.full(moves.shape, 0.5)  # who is sure that nothing moves has no opinion on where to
    return ClassForecast(DOWN_UP, np.divide(moves, total, out=halves, where=total > 0), codes)


def _direction_shares(said: Distribution, actual: Actual) -> np.ndarray:
    edges = np.zeros(actual.values.shape) if actual.edges is None else actual.edges
    low, high = actual.last[:, None] - edges, actual.last[:, None] + edges
    down, up = said.cdf(np.nextafter(low, -np.inf)), said.above(high)  # P(Y < low), of counts too
    return np.stack([down, np.maximum(1.0 - down - up, 0.0), up], axis=-1)


def _nothing(actual: Actual) -> np.ndarray:
    return np.full(actual.values.shape, np.nan)


def _judged(errors: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(codes), np.nan, errors)


def _decided(forecast: Forecast, actual: Actual) -> tuple[np.ndarray, np.ndarray, int] | None:
    """Codes said and codes that happened, and how many classes there are; None where no class was said.

    Of a categorical target all are judged at the same cells, whatever categories they know, and a forecast of codes
    alone, as of repeating the last category, too: a code that stands for none is wrong.
    """
    if not actual.labels:
        view = class_forecast(forecast, actual)
        return None if view is None else (view.said, view.codes, len(view.labels))
    said = distribution_of(forecast)
    codes = said.mode() if isinstance(said, Categories) and not said.directional else forecast.point
    return codes, np.where(actual.seen, actual.values, np.nan), len(actual.labels)


def _another(forecast: Forecast, actual: Actual) -> np.ndarray:
    return 1.0 - _accuracy(forecast, actual)


def _accuracy(forecast: Forecast, actual: Actual) -> np.ndarray:
    found = _decided(forecast, actual)
    if found is None:
        return _nothing(actual)
    said, happened, _ = found
    return _judged((said == happened).astype(np.float64), happened)


def _balanced_accuracy(forecast: Forecast, actual: Actual) -> np.ndarray:
    found = _decided(forecast, actual)
    if found is None:
        return _nothing(actual)
    said, happened, classes = found
    return _judged((said == happened) * balance(happened, classes), happened)


def balance(codes: np.ndarray, classes: int) -> np.ndarray:
    """Weight of each cell such that every class that happened weighs as much as the others; the mean weight is 1."""
    known = codes[~np.isnan(codes)].astype(np.int64)
    counts = np.bincount(known, minlength=classes)
    present = np.count_nonzero(counts)
    weights = np.divide(len(known), counts * max(present, 1), out=np.zeros(classes), where=counts > 0)
    return weights[np.nan_to_num(codes).astype(np.int64)]


def brier_score(view: ClassForecast) -> np.ndarray:
    """Squared distance of probabilities and what happened, halved for two classes [origin, step, target]."""
    score = ((view.probabilities - view.happened) ** 2).sum(axis=-1) + (view.codes == UNKNOWN)
    return _judged(score / 2.0 if len(view.labels) == 2 else score, view.codes)


def log_losses(view: ClassForecast) -> np.ndarray:
    """Negative log probability of the class that happened [origin, step, target]."""
    chosen = (view.probabilities * view.happened).sum(axis=-1)
    return _judged(-np.log(np.clip(chosen, SMALLEST, 1.0)), view.codes)


def _brier(forecast: Forecast, actual: Actual) -> np.ndarray:
    view = class_forecast(forecast, actual)
    return _nothing(actual) if view is None else brier_score(view)


def _log_loss(forecast: Forecast, actual: Actual) -> np.ndarray:
    view = class_forecast(forecast, actual)
    return _nothing(actual) if view is None else log_losses(view)


error_rate = Metric(
    "error_rate", _another, description="share of steps where another class happened than the most probable one"
)
rel_error_rate = Metric(
    "rel_error_rate",
    lambda forecast, actual: _another(forecast, actual) if actual.labels else _nothing(actual),
    against=naive_errors,
    description="error rate divided by that of repeating the last known category at the same steps",
)
accuracy = Metric("accuracy", _accuracy, description="share of steps where the most probable class happened")
balanced_accuracy = Metric(
    "balanced_accuracy",
    _balanced_accuracy,
    description="accuracy with every class weighing the same, whatever its frequency; the weights of single series "
    "and steps are those of all of them",
)
brier = Metric(
    "brier",
    _brier,
    description="squared distance of probabilities and what happened, summed over classes, halved where they are two",
)
log_loss = Metric("log_loss", _log_loss, description="negative log probability of the class that happened, in nats")
