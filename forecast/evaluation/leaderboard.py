"""Leaderboard: contestants in order of their error, tests against a named baseline, a verdict in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.evaluation.metrics import Metric
from forecast.evaluation.named import as_metrics, is_beyond_points, standard
from forecast.evaluation.per_series import count_outcomes, per_series_tests
from forecast.evaluation.ranked import ranked_by
from forecast.evaluation.scores import Scores, Terms
from forecast.evaluation.significance import DMResult, diebold_mariano, holm, pool_by_time, spacing
from forecast.evaluation.table import as_html, as_text
from forecast.evaluation.verdict import Evidence, family, verdict


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """Contestants in order of their mean absolute error, or of their error rate where the target is a category.

    Args:
        frame: one row a model, best first: model, mae, rmse, smape, mase, rmsse, bias, relmae, direction (of a
            categorical target: error_rate, rel_error_rate), skill (1 - error / error of the baseline), dm_p (p-value
            of a Diebold–Mariano test of these errors against the baseline's, with Holm's correction over the
            contestants; NaN for the baseline and where there are too few origins), fit_seconds, predict_ms (per
            origin), parameters. Metrics of distributions and classes stand before skill if the backtest was asked for
            them, NaN for forecasts of points.
        baseline: the model the others are compared with.
        verdict: the outcome in words.
        terms: what was judged.
        counts: on how many series each model is better or worse than the baseline; None for a single series.
        failed: contestants that are missing, and why.
        untested: why dm_p is missing; empty where it is not.
        targets: names of the targets.
    """

    frame: pd.DataFrame
    baseline: str
    verdict: str
    terms: Terms
    counts: pd.DataFrame | None
    failed: Mapping[str, str]
    untested: str
    targets: tuple[str, ...]

    @property
    def error(self) -> str:
        """The column by which the models are ranked: "mae", or "error_rate" of a categorical target."""
        return ranked_by(self.frame).name

    @property
    def majority(self) -> float:
        """Direction score of always saying the more frequent direction."""
        return self.terms.majority

    @property
    def families(self) -> dict[str, str]:
        """The kind of each model ("recurrent", "rule" or "other"), told by its name."""
        return {str(model): family(str(model)) for model in self.frame["model"]}

    def to_text(self, width: int = 120) -> str:
        """Verdict, table and caption for a terminal; columns that do not fit are left out by name."""
        return as_text(self, width)

    def _repr_html_(self) -> str:
        return as_html(self)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"Leaderboard({len(self.frame)} models against {self.baseline}: {self.verdict})"


def leaderboard(scores: Scores, baseline: str = "naive") -> Leaderboard:
    """Rank the contestants of a backtest and test each of them against the baseline.

    Args:
        scores: what `backtest` returned.
        baseline: name of the contestant the others are compared with.

    Raises:
        SettingsError: no contestant has that name, or it failed.
    """
    scores.require(baseline)
    tests = {name: _compare(scores, scores.losses[name], scores.losses[baseline]) for name in scores.models}
    others = [name for name in scores.models if name != baseline]
    frame = _frame(scores, baseline, _corrected({name: tests[name] for name in others}))
    losses = scores.losses
    unlike = [n for n in scores.models if not np.allclose(losses[n], scores.naive_losses, 1e-9, 0.0, equal_nan=True)]
    rule_p = _corrected({name: _compare(scores, losses[name], scores.naive_losses) for name in unlike})
    evidence = Evidence(rule_p, lambda a, b: _compare(scores, losses[a], losses[b]).p_value, _cost(scores))
    several = scores.terms.judged > 1 and bool(others)
    return Leaderboard(
        frame=frame,
        baseline=baseline,
        verdict=verdict(frame, baseline, evidence) if others or not scores.failed else _alone(scores, baseline),
        terms=scores.terms,
        counts=count_outcomes(per_series_tests(scores, baseline)) if several else None,
        failed=scores.failed,
        untested=tests[baseline].reason,
        targets=scores.forecasts[baseline].targets,
    )


def _alone(scores: Scores, baseline: str) -> str:
    """The verdict where the baseline is all that is left: that nobody beats it would sound like a finding."""
    return f"{baseline} was compared with nobody: {', '.join(scores.failed)} failed, as is said below"


def _frame(scores: Scores, baseline: str, dm_p: Mapping[str, float]) -> pd.DataFrame:
    models = list(scores.models)
    metrics = (*standard(scores.actual), *_beyond_points(scores))
    overall = {metric.name: scores.overall(metric) for metric in metrics}
    columns = {name: [said[model] for model in models] for name, said in overall.items()}
    frame, error = pd.DataFrame({"model": models} | columns), metrics[0].name
    reference = overall[error][baseline]
    frame["skill"] = 1 - frame[error] / reference if reference > 0 else np.nan
    frame["dm_p"] = [dm_p.get(model, np.nan) for model in models]
    frame["fit_seconds"] = [scores.fit_seconds[model] for model in models]
    frame["predict_ms"] = [scores.predict_ms[model] for model in models]
    frame["parameters"] = [scores.parameters[model] for model in models]
    return frame.sort_values(error, kind="stable", ignore_index=True)


def _beyond_points(scores: Scores) -> tuple[Metric, ...]:
    """Metrics of distributions, intervals and classes that the backtest was asked for, in its order."""
    names = [str(name) for name in scores.frame["metric"].unique()]
    return as_metrics([name for name in names if is_beyond_points(name)])


def _compare(scores: Scores, loss_a: np.ndarray, loss_b: np.ndarray) -> DMResult:
    pooled_a, pooled_b = (pool_by_time(loss, scores.known) for loss in (loss_a, loss_b))
    stride = spacing(scores.known, scores.origins.series, scores.terms.stride)
    return diebold_mariano(pooled_a, pooled_b, scores.terms.horizon, stride)


def _corrected(tests: Mapping[str, DMResult]) -> dict[str, float]:
    adjusted = holm(np.array([test.p_value for test in tests.values()], dtype=np.float64))
    return dict(zip(tests, adjusted.tolist(), strict=True))


def _cost(scores: Scores) -> dict[str, float]:
    predict = scores.terms.origins / 1000
    return {name: scores.fit_seconds[name] + scores.predict_ms[name] * predict for name in scores.models}
