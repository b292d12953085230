"""Tests within each series: on how many of them is a contestant better, and on how many worse?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from forecast.evaluation.scores import Scores
from forecast.evaluation.significance import diebold_mariano, holm

LEVEL = 0.05
COLUMNS = (
    "model",
    "series",
    "error",
    "error_baseline",
    "skill",
    "n",
    "statistic",
    "p_value",
    "p_holm",
    "outcome",
)
OUTCOMES = ("better", "worse", "undecided")


def per_series_tests(scores: Scores, baseline: str = "naive") -> pd.DataFrame:
    """Diebold–Mariano test of every contestant against the baseline within every series.

    Returns:
        One row for each contestant and series: error, error_baseline, skill, n (origins), statistic, p_value, p_holm
        (Holm's correction over all contestants and series) and outcome: "better" or "worse" where p_holm < 0.05,
        "undecided" elsewhere, also where a test had too few origins (p_value is NaN then). The errors are
        `Scores.losses`, mean absolute ones or error rates.
    """
    scores.require(baseline)
    frame = pd.DataFrame(list(_rows(scores, baseline)), columns=list(COLUMNS[:8]))
    frame["p_holm"] = holm(frame["p_value"].to_numpy(dtype=np.float64))
    decided = frame["p_holm"].to_numpy() < LEVEL
    better = frame["statistic"].to_numpy(dtype=np.float64) < 0
    frame["outcome"] = np.where(~decided, "undecided", np.where(better, "better", "worse"))
    return frame


def count_outcomes(tests: pd.DataFrame) -> pd.DataFrame:
    """On how many series each contestant was better, worse or undecided: one row a model.

    Example:
        >>> tests = pd.DataFrame({"model": ["gru", "gru", "ridge"], "outcome": ["better", "undecided", "worse"]})
        >>> count_outcomes(tests)
           model  better  worse  undecided
        0    gru       1      0          1
        1  ridge       0      1          0
    """
    models = list(dict.fromkeys(tests["model"]))
    counts = {
        outcome: [int(((tests["model"] == model) & (tests["outcome"] == outcome)).sum()) for model in models]
        for outcome in OUTCOMES
    }
    return pd.DataFrame({"model": models} | counts)


def _rows(scores: Scores, baseline: str) -> Iterator[tuple[object, ...]]:
    series, terms = scores.origins.series, scores.terms
    names = scores.forecasts[baseline].series
    for index in np.unique(series):
        here = np.flatnonzero(series == index)
        here = here[np.argsort(scores.origins.step[here], kind="stable")]
        rule = scores.losses[baseline][here]
        for model in scores.models:
            if model == baseline:
                continue
            loss = scores.losses[model][here]
            test = diebold_mariano(loss, rule, terms.horizon, terms.stride)
            own, other = float(np.nanmean(loss)), float(np.nanmean(rule))
            skill = 1 - own / other if other > 0 else np.nan
            yield model, names[index], own, other, skill, test.n, test.statistic, test.p_value
