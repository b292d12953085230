"""What a forecaster says of itself where it is shown: kind, reach, and what it was fitted on; never an address."""

import numpy as np
import pytest

from forecast.data.panel import Panel
from forecast.forecasters.conformal import Conformal
from forecast.forecasters.ensemble import Ensemble
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Naive
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.tabular import Tabular
from forecast.nets.cells import gru
from forecast.nets.heads import Gaussian
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window

WINDOW = Window(6, 2)
PANEL = Panel.from_arrays(np.sin(np.arange(300.0)), np.arange("2024-01-01", "2024-10-27", dtype="M8[D]"))
MEMBERS = {"linear": Linear(WINDOW), "naive": Naive(WINDOW)}


@pytest.mark.parametrize(
    "forecaster",
    [Naive(WINDOW), Linear(WINDOW), Tabular(WINDOW), Conformal(Naive(WINDOW)), Ensemble(MEMBERS)],
    ids=lambda forecaster: type(forecaster).__name__,
)
def test_a_forecaster_says_how_far_it_reaches_and_what_it_was_fitted_on(forecaster):
    kind = type(forecaster).__name__
    assert repr(forecaster) == f"{kind}(context 6, horizon 2, not fitted)"
    fitted = repr(forecaster.fit(PANEL))
    assert fitted == f"{kind}(context 6, horizon 2, fitted on 1 series, 300 rows, 2024-01-01 to 2024-10-26)"


def test_a_network_says_its_cell_by_name_its_size_feed_and_head():
    model = Recurrent(WINDOW, "lstm", 4, feed=Streamed(), head=Gaussian(), training=Training(epochs=1))
    assert repr(model) == "Recurrent(lstm, 4 units, Streamed, Gaussian, context 6, horizon 2, not fitted)"
    assert "1 series, 300 rows" in repr(model.fit(PANEL))
    assert repr(Recurrent(WINDOW, gru)).startswith("Recurrent(gru, 64 units, Windowed, Point, ")
