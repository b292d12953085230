"""Scores over seeds."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.data.panel import Panel
from forecast.errors import SettingsError
from forecast.evaluation.backtest import backtest
from forecast.evaluation.seeds import over_seeds, seeded
from forecast.forecasters.naive import Naive
from forecast.windows.window import Window

WINDOW = Window(4, 2)
PANEL = Panel.from_arrays(np.cumsum(np.random.default_rng(0).normal(size=200)), np.arange(200).astype("M8[h]"))


class Off(Naive):
    """A rule that is wrong by its seed."""

    def __init__(self, seed: int) -> None:
        super().__init__(WINDOW)
        self.seed = seed

    def predict(self, panel, origins=None):
        said = super().predict(panel, origins)
        said.values[...] += self.seed
        return said


def test_mean_and_deviation_are_those_of_the_single_scores():
    contestants = seeded({"off": Off}, seeds=(0, 10, 20)) | {"naive": Naive(WINDOW)}
    scores = backtest(contestants, PANEL, 0.8)
    frame = over_seeds(scores).set_index(["model", "metric"])
    chosen = scores.frame[(scores.frame[["series", "step", "target"]] == "*").all(axis=1)]
    mae = chosen[chosen["metric"] == "mae"].set_index("model")["value"]
    single = mae[["off#0", "off#10", "off#20"]]
    found = frame.loc[("off", "mae")]
    assert found["mean"] == pytest.approx(single.mean())
    assert found["std"] == pytest.approx(single.std(ddof=1))
    assert (found["least"], found["most"], found["fits"]) == (single.min(), single.max(), 3)
    alone = frame.loc[("naive", "mae")]
    assert alone["mean"] == mae["naive"]
    assert np.isnan(alone["std"])
    assert alone["fits"] == 1


def test_seeds_are_some_and_different():
    for seeds in ((), (1, 1)):
        with pytest.raises(SettingsError, match="each of them once"):
            seeded({"off": Off}, seeds)
