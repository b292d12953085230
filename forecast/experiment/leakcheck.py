"""Leak check: does any contestant of an experiment know what came after the origin?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from forecast.data.forecast import Forecaster
from forecast.data.panel import Panel
from forecast.errors import ForecastError, LeakageError
from forecast.experiment.compare import first_test
from forecast.experiment.reach import require_rows
from forecast.experiment.settings import Experiment
from forecast.testing.leaks import Leakage, leakage


def leakcheck(
    experiment: Experiment, panel: Panel, origins: int, seed: int = 0
) -> Iterator[tuple[str, Leakage | ForecastError]]:
    """What was found of each contestant, one after the other: its name, and its leaks or why it could not be asked.

    Every contestant is fitted twice, on the rows before the test span of the data and of data with another test span.

    Args:
        panel: the data of the experiment.
        origins: of the test span, asked of each.
        seed: of the dates that are drawn.

    Raises:
        ForecastError: the series are too short.
    """
    since = first_test(experiment.split, panel)
    require_rows(experiment, panel, panel.until(since))

    def fitted(name: str) -> Callable[[Panel], Forecaster]:
        return lambda rows: experiment.make(name).fit(rows.until(since))

    for name in experiment.forecasters:
        try:
            yield name, leakage(fitted(name), panel, since, origins, seed)
        except ForecastError as error:
            yield name, error


def leaked(found: Mapping[str, Leakage | ForecastError]) -> None:
    """Raise LeakageError for contestants that leak, or that could not be asked."""
    guilty = [name for name, result in found.items() if isinstance(result, Leakage) and result]
    silent = [name for name, result in found.items() if isinstance(result, ForecastError)]
    problems = [f"{', '.join(guilty)}: rows after the origin move forecasts"] if guilty else []
    problems += [f"{', '.join(silent)}: could not be asked"] if silent else []
    if problems:
        raise LeakageError("; ".join(problems))
