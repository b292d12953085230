"""Covariates: what some columns are worth, by leaving them out of a settings file.

    python experiments/covariates.py FILE.toml --without COLUMN [COLUMN ...] [--only CONTESTANT ...]

Fits and judges the contestants of the file twice, at the same origins: as it stands, and without the columns ("holiday"
is the column that `holidays` computes). Prints the mean absolute error of both over all steps and, in brackets, over
the steps that fall on a holiday; p is that of the Diebold-Mariano test between the two; seconds are CPU seconds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Collection
from dataclasses import replace

import numpy as np
import torch

from forecast.data.almanac import computed
from forecast.data.embedded import read_dataset
from forecast.data.schema import HOLIDAY, Schema
from forecast.evaluation.backtest import backtest
from forecast.evaluation.metrics import mae
from forecast.evaluation.scores import Scores
from forecast.evaluation.significance import diebold_mariano, pool_by_time, spacing
from forecast.experiment.compare import first_test, opened
from forecast.experiment.settings import Experiment, read_experiment


def less(schema: Schema, columns: Collection[str]) -> Schema:
    """The schema without some of its covariates."""

    def kept(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in columns)

    return replace(
        schema,
        past=kept(schema.past),
        future=kept(schema.future),
        categorical=kept(schema.categorical),
        categories=(),
        holidays=None if HOLIDAY in columns else schema.holidays,
    )


def judged(experiment: Experiment, only: Collection[str]) -> tuple[Scores, dict[str, float]]:
    """The scores of an experiment's contestants, and CPU seconds for each of them."""
    panel = read_dataset(experiment.data, experiment.schema)
    contestants = {name: experiment.make(name) for name in experiment.forecasters if not only or name in only}
    began: dict[str, float] = {}  # CPU seconds when a contestant's fit began

    def note(sentence: str) -> None:
        began.setdefault(sentence.split(": ")[0], time.process_time())
        print(f"  {sentence}", file=sys.stderr, flush=True)

    split = experiment.split
    since = first_test(split, panel)
    scores = backtest(
        contestants, panel, since, metrics=["mae"], stride=split.stride, season=split.season, progress=note
    )
    marks = [*began.values(), time.process_time()]
    return scores, {name: later - at for name, at, later in zip(began, marks, marks[1:], strict=False)}


def on_holidays(scores: Scores, region: str | None) -> dict[str, float]:
    """Mean absolute errors over the steps that fall on a holiday; none without a region."""
    if region is None:
        return {}
    days = Schema(targets=("y",), holidays=region)
    flag = computed(scores.times.ravel(), days).reshape(scores.times.shape) > 0
    seen = scores.actual.seen & flag[..., None]
    return {
        name: float(np.abs(said.point - scores.actual.values)[seen].mean()) for name, said in scores.forecasts.items()
    }


def p_value(one: Scores, other: Scores, name: str) -> float:
    """Of the test whether a contestant errs as much in both."""
    pooled = [pool_by_time(scores.losses[name], scores.known) for scores in (one, other)]
    apart = spacing(one.known, one.origins.series, one.terms.stride)
    return diebold_mariano(pooled[0], pooled[1], one.terms.horizon, apart).p_value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--without", nargs="+", required=True, metavar="COLUMN")
    parser.add_argument("--only", nargs="+", default=(), metavar="CONTESTANT")
    args = parser.parse_args()
    torch.set_num_threads(1)
    experiment, panel = opened(read_experiment(args.file))
    unknown = set(args.without) - set(panel.schema.channels)
    if unknown:
        parser.error(f"no column {sorted(unknown)[0]!r}; known: {', '.join(panel.schema.channels)}")
    region = experiment.schema.holidays
    whole, seconds = judged(experiment, args.only)
    part, seconds_less = judged(replace(experiment, schema=less(experiment.schema, args.without)), args.only)
    print(f"{len(whole.origins):,} origins; without {', '.join(args.without)}; mae (on holidays)")
    print(f"{'':16s}{'all columns':>22s}{'without':>22s}{'p':>8s}{'CPU s':>16s}")
    held, held_less = on_holidays(whole, region), on_holidays(part, region)
    for name in whole.models:
        if name not in part.models:
            continue
        sides = [
            f"{scores.overall(mae)[name]:.4g}" + (f" ({days[name]:.4g})" if days else "")
            for scores, days in ((whole, held), (part, held_less))
        ]
        spent = f"{seconds[name]:.0f} / {seconds_less[name]:.0f}"
        print(f"{name:16s}{sides[0]:>22s}{sides[1]:>22s}{p_value(whole, part, name):8.3f}{spent:>16s}")
    for name, why in (whole.failed | part.failed).items():
        print(f"{name} failed: {why}")


if __name__ == "__main__":
    main()
