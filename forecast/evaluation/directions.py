"""Directions forecast, beside the rules that know nothing: the more frequent class, and going on as before."""

from __future__ import annotations

from operator import itemgetter

import numpy as np
import pandas as pd
from scipy import special

from forecast.data.forecast import Actual
from forecast.distributions import Categories
from forecast.errors import SettingsError
from forecast.evaluation.calibration import wilson
from forecast.evaluation.classes import (
    DOWN_FLAT_UP,
    DOWN_UP,
    ClassForecast,
    balance,
    brier_score,
    class_forecast,
    direction_codes,
    has_band,
    log_losses,
)
from forecast.evaluation.scores import Scores

COLUMNS = ("model", "accuracy", "low", "high", "p_value", "balanced_accuracy", "brier", "log_loss", "count")
MAJORITY, LAST_SIGN = "majority", "last sign"


def direction_table(scores: Scores, step: int | None = 1) -> pd.DataFrame:
    """Judge the directions that the contestants of a backtest forecast, beside two rules.

    "majority" always says the class that was the most frequent one in the end, which nobody knows before. "last sign"
    says the class of the last observed change, and the majority where there was none. Contestants that forecast points
    state no probabilities and are left out.

    Args:
        scores: what `backtest` returned; its `band` decides whether there is a class "flat".
        step: of the horizon that is judged. Steps of one origin move together, so that the interval and the p-value are
            right for one of them only, and for horizons that do not overlap; None takes all nevertheless.

    Returns:
        One row a contestant, the most accurate first, then the two rules: model, accuracy with its 95 % interval
        (Wilson) low and high, p_value (one-sided binomial test of being right more often than the majority class; NaN
        for that), balanced_accuracy, brier and log_loss (NaN for rules, which state no probabilities), count.

    Raises:
        SettingsError: no such step, or no contestant states the probability of a direction.
    """
    horizon = scores.terms.horizon
    if step is not None and not 1 <= step <= horizon:
        raise SettingsError(f"step={step}: the forecasts have the steps 1 to {horizon}")
    where = slice(None) if step is None else slice(step - 1, step)
    views = {name: view for name in scores.models if (view := _view(scores, name)) is not None}
    if not views:
        raise SettingsError("no contestant states the probability of a direction; it takes levels or a distribution")
    codes = next(iter(views.values())).codes[:, where]
    judged = ~np.isnan(codes)
    labels = DOWN_FLAT_UP if has_band(scores.actual) else DOWN_UP
    counts = np.bincount(codes[judged].astype(np.int64), minlength=len(labels))
    majority, chance = float(counts.argmax()), counts.max() / max(counts.sum(), 1)
    rows = []
    for name, view in views.items():
        row = _row(name, view.said[:, where], codes, len(labels), chance)
        losses = (brier_score(view)[:, where][judged], log_losses(view)[:, where][judged])
        rows.append(row | {"brier": losses[0].mean(), "log_loss": losses[1].mean()} if judged.any() else row)
    rules = {MAJORITY: np.full(codes.shape, majority), LAST_SIGN: _last_sign(scores.actual, majority)}
    rows = sorted(rows, key=itemgetter("accuracy"), reverse=True) + [
        _row(name, np.broadcast_to(said, codes.shape), codes, len(labels), chance) for name, said in rules.items()
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame.loc[frame["model"] == MAJORITY, "p_value"] = np.nan
    return frame


def _view(scores: Scores, model: str) -> ClassForecast | None:
    said = scores.forecasts[model].distribution
    if isinstance(said, Categories) and not said.directional:
        return None
    return class_forecast(scores.forecasts[model], scores.actual)


def _row(name: str, said: np.ndarray, codes: np.ndarray, classes: int, chance: float) -> dict[str, object]:
    judged = ~np.isnan(codes)
    right = (said == codes)[judged].astype(np.float64)
    count, hits = len(right), right.sum()
    low, high = wilson(np.array(hits), np.array(count))
    weights = balance(codes, classes)[judged]
    return {
        "model": name,
        "accuracy": hits / count if count else np.nan,
        "low": float(low),
        "high": float(high),
        "p_value": float(special.betainc(hits, count - hits + 1, chance)) if hits else 1.0,
        "balanced_accuracy": float((right * weights).mean()) if count else np.nan,
        "brier": np.nan,
        "log_loss": np.nan,
        "count": count,
    }


def _last_sign(actual: Actual, majority: float) -> np.ndarray:
    """Class of the last observed change [origin, 1, target]; the dead band of one step decides whether it was one."""
    move = np.full(actual.last.shape, np.nan) if actual.move is None else actual.move
    edges = None if actual.edges is None else actual.edges[:, :1]
    before = Actual(actual.values, actual.seen, actual.last, actual.scale, actual.scale2, actual.season, edges)
    codes = direction_codes(before, (actual.last + move)[:, None])
    return np.where(np.isnan(codes), majority, codes)
