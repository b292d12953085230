"""Figures of a public data set in its usual protocol: they move only when something is wrong (or much better)."""

import numpy as np
import pandas as pd
import pytest

from forecast.data.panel import Origins, Panel
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Naive, SeasonalNaive
from forecast.windows.window import Window

TRAIN, TEST, END, HORIZON = 8640, 11520, 14400, 96


@pytest.fixture(scope="module")
def etth1(shared_data) -> Panel:
    """The seven channels, standardised by the first 8640 rows."""
    frame = pd.read_csv(shared_data / "ett" / "ETTh1.csv").iloc[:END]
    values = frame.drop(columns="date").to_numpy()
    values = (values - values[:TRAIN].mean(axis=0)) / values[:TRAIN].std(axis=0)
    return Panel.from_arrays(values, pd.to_datetime(frame["date"]).to_numpy())


def errors(model, panel: Panel) -> tuple[float, float]:
    """MSE and MAE over every test window."""
    steps = np.arange(TEST, END - HORIZON + 1)
    said = model.fit(panel.until(TEST)).predict(panel, Origins(np.zeros_like(steps), steps)).point
    misses = said - panel.values[steps[:, None] + np.arange(HORIZON)]
    return float((misses**2).mean()), float(np.abs(misses).mean())


@pytest.mark.data
@pytest.mark.parametrize(
    ("rule", "mse", "mae"),
    [(Naive(Window(1, HORIZON)), 1.294, 0.713), (SeasonalNaive(Window(24, HORIZON), 24), 0.512, 0.433)],
    ids=["repeat last", "repeat last day"],
)
def test_naive_rules_have_the_published_errors_on_etth1(etth1, rule, mse, mae):
    assert errors(rule, etth1) == pytest.approx((mse, mae), abs=6e-4)


@pytest.mark.data
def test_linear_is_as_good_as_the_best_published_linear_models_on_etth1(etth1):
    mse, mae = errors(Linear(Window(336, HORIZON)), etth1)
    assert mse <= 0.375
    assert mae <= 0.398
