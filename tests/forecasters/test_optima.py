"""Recurrent networks come near the best one-step error there is where it is known, and what is no model does not."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from forecast.forecasters.naive import Mean, Naive

FILE = Path(__file__).resolve().parents[2] / "experiments" / "optima.py"
SMALL = {"size": 8, "seed": 0}


@pytest.fixture(scope="module")
def optima() -> ModuleType:
    spec = importlib.util.spec_from_file_location("optima", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "optima", module)  # dataclasses look their module up
        spec.loader.exec_module(module)
        yield module


def excess(optima, process: str, model) -> float:
    """Squared error one step ahead on series of their own, over that of the optimal forecasts."""
    drawn = optima.PROCESSES[process]
    return optima.excess(model.fit(drawn.panel(64, 500, seed=0)), drawn, drawn.panel(4, 5000, seed=1))


@pytest.mark.parametrize("process", ["AR(2)", "ARMA(2,1)"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_state_alone_comes_within_three_per_cent_of_the_optimum(optima, cell, process):
    assert excess(optima, process, optima.network(cell, epochs=3, **SMALL)) < 1.03


@pytest.mark.parametrize(
    ("process", "skip", "epochs"), [("AR(2)", False, 4), ("ARMA(2,1), negative", False, 2), ("ARMA(2,1)", True, 4)]
)
def test_a_mingru_does_too_and_needs_the_skip_where_memory_alternates(optima, process, skip, epochs):
    assert excess(optima, process, optima.network("mingru", skip, epochs=epochs, **SMALL)) < 1.03


def test_the_state_of_a_mingru_cannot_alternate(optima):
    assert excess(optima, "ARMA(2,1)", optima.network("mingru", epochs=2, **SMALL)) > 1.1


@pytest.mark.parametrize("process", ["AR(2)", "ARMA(2,1)", "ARMA(2,1), negative"])
@pytest.mark.parametrize("rule", [Naive, Mean])
def test_rules_that_do_not_see_the_dynamics_are_far_from_the_optimum(optima, rule, process):
    assert excess(optima, process, rule(optima.WINDOW)) > 1.15
