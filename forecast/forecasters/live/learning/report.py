"""Report: how a live forecaster's learning goes, and the model that it has come to."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from forecast.errors import NotFittedError

if TYPE_CHECKING:
    from forecast.forecasters.live.forecaster import Live
    from forecast.forecasters.live.learning.learner import Learner
    from forecast.forecasters.recurrent import Recurrent

LEARNT = "Weights that went on learning from later rows; counts and fingerprint are those of the first fit."
COLUMNS = ("series", "scored", "updates", "skipped", "frozen", "adapted", "in_use", "cost", "alone")


def frame_of(learner: Learner | None) -> pd.DataFrame:
    """How learning goes, a row for each series that has rows; none where nothing learns.

    Columns: `series`; `scored`, forecasts whose targets are known; `updates`, steps of the optimizer on their losses;
    `skipped`, those whose loss or gradient was not finite; `frozen` and `adapted`, mean errors of the last `window` of
    them, of the fitted weights and of those that learn, in units of the scale (absolute errors of points, pinball
    losses of distributions, cross-entropies of classes); `in_use`, whose forecasts are given now; `cost`, what the
    forecasts in use have erred in all over what the fitted weights would have, less 1; without those that were under
    way when the adapted weights began anew (`Guard.restart`), which nobody scores; `alone`, the same of the adapted
    weights without a guard.
    """
    rows = []
    if learner is None:
        return pd.DataFrame(rows, columns=list(COLUMNS))
    for place in sorted(learner.walks):
        record, walk = learner.record(place), learner.walks[place]
        use = "adapted" if walk.speaks else "frozen"
        sums = (record.said_sum, record.adapted_sum)
        over = (total / record.frozen_sum - 1 if record.frozen_sum else 0.0 for total in sums)
        counts = (record.scored, record.updates, record.skipped)
        rows.append((learner.live.names[place], *counts, *record.recent(), use, *over))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def adapted_model(live: Live) -> Recurrent:
    """The live forecaster's model with its adapted weights, fitted up to the newest row that was read.

    Raises:
        NotFittedError: it is not learning.
    """
    if live.learner is None:
        raise NotFittedError("this live forecaster has not learnt anything; call learn, and update it with rows")
    model = copy.copy(live.model)
    model.network = copy.deepcopy(live.learner.network)
    model.network.columns.requires_grad_(True)  # another fit may move them
    model.rest, model.history = None, None
    if model.fitted_on is not None and live.last:  # or it could be judged on rows that it has learnt from
        until = max(model.fitted_on.until, *live.last.values())
        model.fitted_on = replace(model.fitted_on, until=until, note=f"{model.fitted_on.note}\n{LEARNT}".strip())
    return model
