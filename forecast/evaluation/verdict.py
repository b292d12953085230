"""The verdict of a leaderboard, in words a newspaper could print."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from forecast.evaluation.ranked import ranked_by

LEVEL = 0.05  # of significance
BARELY = 0.02  # a gain over repeating the last value that is not worth a model
NEARLY = 0.10  # a loss that "not significantly worse" may hide at most
CHEAPER = 5.0  # times less computing, to be called cheaper
WORTH_SAVING = 0.1  # seconds below which nobody minds what a contestant costs
RECURRENT = re.compile("rnn|lstm|gru", re.IGNORECASE)
RULES = re.compile("naive|drift|mean|last|average|repeat|theta|climatology", re.IGNORECASE)


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on besides the table.

    Args:
        rule_p: p-value of each model against repeating the last value, corrected for many tests; the rule itself is
            none of them.
        pair_p: p-value of a test between two models.
        cost: seconds that fitting and predicting took each model.
    """

    rule_p: Mapping[str, float]
    pair_p: Callable[[str, str], float]
    cost: Mapping[str, float]

    def times_cheaper(self, model: str, other: str) -> float:
        """How many times less computing `model` needed than `other`; 1 where the difference does not matter."""
        if self.cost[other] < WORTH_SAVING:
            return 1.0
        return self.cost[other] / max(self.cost[model], 1e-9)


def family(model: str) -> str:
    """The kind of a contestant, told by its name: "recurrent", "rule" or "other".

    Example:
        >>> [family(name) for name in ("GRU, streamed", "seasonal-naive", "ridge")]
        ['recurrent', 'rule', 'other']
    """
    if RECURRENT.search(model):
        return "recurrent"
    return "rule" if RULES.search(model) else "other"


class _Row(NamedTuple):
    error: float
    relative: float
    skill: float
    dm_p: float


_Rows = Mapping[str, _Row]  # best first


def verdict(frame: pd.DataFrame, baseline: str, evidence: Evidence) -> str:
    """Say who won, by how much, whether chance explains it, and what would do nearly as well for less.

    Args:
        frame: model, mae, relmae, skill and dm_p, sorted by mae; or error_rate and rel_error_rate instead.
        baseline: the model that skill and dm_p refer to.
        evidence: tests and costs.
    """
    ranked = ranked_by(frame)
    columns = (frame[name].astype(float).tolist() for name in (ranked.name, ranked.relative, "skill", "dm_p"))
    rows = dict(zip(frame["model"].astype(str), map(_Row, *columns), strict=True))
    best = next(iter(rows))
    if rows[best].error >= rows[baseline].error * (1 - 1e-9):
        best = baseline
    if rows[best].relative >= 1 - BARELY:
        remarks = [_nothing_beats(ranked.last, rows, best, evidence), _recurrent_is_worse_than_the_rule(rows)]
    elif best == baseline:
        share = _percent(1 - rows[best].relative)
        relation = f", which is {share} better than repeating {ranked.last}" if share else ""
        remarks = [f"nothing beats {best}{relation}", _recurrent_is_worse(rows, best, evidence)]
    else:
        remarks = [
            _beats(rows, best, baseline),
            _nearly_as_good(rows, best, baseline, evidence),
            _recurrent_is_worse(rows, best, evidence),
        ]
    return "; ".join(remark for remark in remarks if remark)


def _beats(rows: _Rows, best: str, baseline: str) -> str:
    gain, p = _percent(rows[best].skill), rows[best].dm_p
    if math.isnan(p):
        return f"{best} is {gain} better than {baseline}, on too few origins to rule out chance"
    if p < LEVEL:
        return f"{best} beats {baseline} by {gain} ({say_p(p)})"
    return f"{best} is {gain} better than {baseline}, but chance explains it ({say_p(p)})"


def _nothing_beats(last: str, rows: _Rows, best: str, evidence: Evidence) -> str:
    said = f"nothing beats repeating {last}"
    relmae, p = rows[best].relative, evidence.rule_p.get(best, math.nan)
    if abs(relmae - 1) < 1e-9:
        return said
    if relmae > 1:
        return f"{said} (the best, {best}, is {_percent(relmae - 1)} worse)"
    gain = f"the best, {best}, is {_percent(1 - relmae)} better"
    if math.isnan(p):
        return f"{said} ({gain}, on too few origins to rule out chance)"
    return f"{said} ({gain}, {'too little to count' if p < LEVEL else 'but chance explains it'}: {say_p(p)})"


def _recurrent_is_worse_than_the_rule(rows: _Rows) -> str:
    model = _best_recurrent(rows)
    if model is None or not rows[model].relative > 1 + BARELY:
        return ""
    return f"{model} is {_percent(rows[model].relative - 1)} worse than that"


def _recurrent_is_worse(rows: _Rows, best: str, evidence: Evidence) -> str:
    model = _best_recurrent(rows)
    if model is None or family(best) == "recurrent":
        return ""
    loss, less = _percent(_loss(rows, model, best)), evidence.times_cheaper(best, model)
    remark = f"{model} is {loss} worse than {best}" if loss else f"{model} is as good as {best}"
    return f"{remark}, which is {_times(less)} cheaper" if less >= CHEAPER else remark


def _nearly_as_good(rows: _Rows, best: str, baseline: str, evidence: Evidence) -> str:
    for model in rows:
        less = evidence.times_cheaper(model, best)
        if model in (best, baseline) or less < CHEAPER:
            continue
        loss = _loss(rows, model, best)
        if loss <= BARELY or (loss <= NEARLY and evidence.pair_p(model, best) >= LEVEL):
            quality = f"{_percent(loss)} worse" if _percent(loss) else "as good"
            return f"{model} is {quality} and {_times(less)} cheaper"
    return ""


def _best_recurrent(rows: _Rows) -> str | None:
    return next((model for model in rows if family(model) == "recurrent"), None)


def _loss(rows: _Rows, model: str, best: str) -> float:
    if not rows[best].error > 0:
        return math.inf if rows[model].error > 0 else 0.0
    return rows[model].error / rows[best].error - 1


def _percent(share: float) -> str:
    """14 %, 1.5 %, 0.02 %; empty for (next to) nothing."""
    if math.isinf(share):
        return "infinitely"
    percent = 100 * abs(share)
    if not percent >= 0.005:
        return ""
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"


def _times(ratio: float) -> str:
    """7x, 43x, 1200x."""
    return f"{float(f'{ratio:.2g}'):.0f}x"


def say_p(p: float) -> str:
    """A p-value with as many digits as it deserves.

    Example:
        >>> say_p(0.00001), say_p(0.0031), say_p(0.314)
        ('p < 0.001', 'p = 0.003', 'p = 0.31')
    """
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
