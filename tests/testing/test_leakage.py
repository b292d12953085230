"""Leakage: every planted leak is found, and an honest forecaster is not accused."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from forecast.data.readers import from_frame
from forecast.data.schema import Schema
from forecast.errors import SettingsError
from forecast.forecasters.linear import Linear
from forecast.forecasters.recurrent import Recurrent
from forecast.testing import leakage, sample_panel
from forecast.testing.panels import rewritten
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window

SCRIPTS = Path(__file__).resolve().parents[2] / "experiments" / "reliability"
WINDOW, SINCE = Window(8, 3), 0.6
PANEL = sample_panel(8, 3, missing=0.1)


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


PLANTED = script("planted").planted(WINDOW, SINCE)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_leak_is_found(name):
    found = leakage(PLANTED[name], PANEL, SINCE)
    assert found
    assert found.origins >= 30
    assert "move the forecast by" in str(found)


def test_there_are_twenty_planted_leaks_and_more():
    assert len(PLANTED) >= 20


@pytest.mark.parametrize("feed", [Windowed(), Streamed(lanes=2, chunk=8)])
def test_honest_forecasters_are_not_accused(feed):
    training = Training(epochs=1)

    def network(panel):
        return Recurrent(WINDOW, hidden_size=4, feed=feed, training=training).fit(panel.until(SINCE))

    assert not leakage(network, PANEL, SINCE).leaks
    assert not leakage(lambda panel: Linear(WINDOW).fit(panel.until(SINCE)), PANEL, SINCE).leaks


def test_half_of_the_dates_have_missing_cells_where_there_are_any():
    asked = []

    class Noting(Linear):
        def predict(self, panel, origins=None):
            asked.append(panel.observed[panel.offsets[origins.series] + origins.step - 1].all())
            return super().predict(panel, origins)

    leakage(lambda panel: Noting(WINDOW).fit(panel.until(SINCE)), PANEL.select(["long"]), SINCE, origins=10)
    gaps = np.array(asked[: 3 * 10 : 3])
    assert 4 <= (~gaps).sum() <= 6


def test_a_test_span_without_origins_is_refused():
    with pytest.raises(SettingsError, match="no origin since -2 has a context of 8 rows"):
        leakage(lambda panel: Linear(WINDOW).fit(panel.until(-2)), PANEL, -2)


def test_rewritten_categories_are_categories():
    days = pd.date_range("2024-01-01", periods=20)
    frame = pd.DataFrame({"day": days, "y": np.arange(20.0), "wind": ["N", "S"] * 10})
    panel = from_frame(frame, Schema("day", ("y",), past=("wind",), categorical=("wind",)))
    later = np.arange(20) >= 10
    assert set(rewritten(panel, later).values[later, 1]) <= {0.0, 1.0}
