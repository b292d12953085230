"""Seeds: the same forecaster trained several times, and how much of its score is chance."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from forecast.data.forecast import Forecaster
from forecast.errors import SettingsError
from forecast.evaluation.scores import Scores
from forecast.evaluation.tally import ALL, AXES

MARK = "#"


def seeded(
    factories: Mapping[str, Callable[[int], Forecaster]], seeds: Sequence[int] = (0, 1, 2)
) -> dict[str, Forecaster]:
    """One contestant for every seed of every factory, named gru#0, gru#1 and so on, for `backtest`.

    Args:
        factories: by name, what makes a forecaster from a seed.
        seeds: different whole numbers.

    Raises:
        SettingsError: no seeds, or one of them twice.

    Example:
        >>> from forecast.forecasters.naive import Naive
        >>> from forecast.windows.window import Window
        >>> list(seeded({"rule": lambda seed: Naive(Window(8, 2))}, seeds=(0, 7)))
        ['rule#0', 'rule#7']
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise SettingsError(f"seeds={tuple(seeds)}: some whole numbers, each of them once")
    return {f"{name}{MARK}{seed}": factory(seed) for name, factory in factories.items() for seed in seeds}


def over_seeds(scores: Scores) -> pd.DataFrame:
    """Mean and standard deviation of each overall score over the seeds of a model.

    Args:
        scores: of a backtest of contestants that `seeded` named, others may be among them.

    Returns:
        Columns model, metric, mean, std (ddof 1; NaN for a single fit), least, most, fits; a row for every model and
        metric. Seeds that failed (`scores.failed`) are not counted.

    Example:
        >>> import numpy as np
        >>> from forecast.data.panel import Panel
        >>> from forecast.evaluation.backtest import backtest
        >>> from forecast.forecasters.tabular import Tabular
        >>> from forecast.windows.window import Window
        >>> panel = Panel.from_arrays(np.sin(np.arange(200.0)), np.arange(200).astype("M8[h]"))
        >>> forests = seeded({"forest": lambda seed: Tabular(Window(8, 2), "forest", seed=seed)}, seeds=(0, 1))
        >>> frame = over_seeds(backtest(forests, panel, since=0.8))
        >>> frame.loc[frame.metric == "mae", ["model", "fits"]].values.tolist()
        [['forest', 2]]
    """
    chosen = scores.frame
    for axis in AXES:
        chosen = chosen[chosen[axis] == ALL]
    model = chosen["model"].map(lambda name: re.sub(rf"{MARK}-?\d+$", "", name))
    groups = chosen["value"].groupby([model, chosen["metric"]], sort=False)
    return groups.agg(mean="mean", std="std", least="min", most="max", fits="size").reset_index()
