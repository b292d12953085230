"""The contest: which cells there are, how one is fitted and judged, and how it is kept."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path

from protocol import Protocol, judged, standard_panel

from forecast.data.forecast import Forecaster
from forecast.data.panel import Panel
from forecast.experiment.contestants import Contestant, RecurrentSettings, to_table
from forecast.experiment.settings import Experiment, read_experiment
from forecast.forecasters.linear import Linear
from forecast.training.settings import Training
from forecast.windows.window import Window

HERE = Path(__file__).resolve().parent
HORIZONS = (96, 192, 336, 720)
RECIPES = {
    "etth1": HERE.parent / "etth1-96.toml",
    "ettm1": HERE.parent / "ettm1-96.toml",
    "jena-weather": HERE.parent / "jena-weather-96.toml",
    "exchange-rate": HERE / "exchange-rate.toml",
}
LINEAR_CONTEXT = {"etth1": 336, "ettm1": 336, "jena-weather": 336, "exchange-rate": 96}
# Cheap ones first, so that an early table has something in every row.
MODELS = ("naive", "linear", "linear-refit", "both", "skip-alone", "state-alone")


@dataclass(frozen=True)
class Cell:
    """One entry of the table: a data set, a horizon, a model, a seed."""

    data: str
    horizon: int
    model: str
    seed: int = 0

    @property
    def name(self) -> str:
        return f"{self.data}-{self.horizon}-{self.model}-{self.seed}"


@dataclass(frozen=True)
class Order:
    """What was asked for.

    Args:
        data: names of `RECIPES`.
        horizons: steps.
        models: names of `MODELS`.
        seeds: of the networks; rules and linear models have one answer.
        assignments: changes of the recipes by dotted name, for trying out.
    """

    data: Sequence[str] = tuple(RECIPES)
    horizons: Sequence[int] = HORIZONS
    models: Sequence[str] = MODELS
    seeds: int = 1
    assignments: Sequence[str] = ()

    def cells(self) -> Iterator[Cell]:
        """In the order in which they are run."""
        for model in self.models:
            for data in self.data:
                for horizon in self.horizons:
                    for seed in range(self.seeds if drawn(model) else 1):
                        yield Cell(data, horizon, model, seed)

    def experiment(self, cell: Cell) -> Experiment:
        """The recipe of the data set, at the horizon and with the seed of the cell."""
        recipe = read_experiment(RECIPES[cell.data], self.assignments)
        window, training = replace(recipe.window, horizon=cell.horizon), replace(recipe.training, seed=cell.seed)
        return replace(recipe, window=window, training=training)


def drawn(model: str) -> bool:
    """Whether a model depends on a seed."""
    return model not in ("naive", "linear", "linear-refit")


def settings_of(cell: Cell, experiment: Experiment) -> dict[str, object]:
    """What the figures of a cell depend on, as it is kept beside them: all that differs from the package's defaults."""
    if cell.model.startswith("linear"):
        return {"context": LINEAR_CONTEXT[cell.data], "validation": penalty_share(cell, experiment)}
    contestant = experiment.forecasters[cell.model]
    settings = {"kind": to_table(contestant)["kind"], "contestant": said(contestant), "window": said(experiment.window)}
    if isinstance(contestant, RecurrentSettings):
        settings["training"] = said(experiment.training)
    return json.loads(json.dumps(settings))


def said(settings: Contestant | Window | Training) -> dict[str, object]:
    """The fields that are not at their default, so that a new field of the package makes no cell out of date."""
    usual = {each.name: each.default for each in fields(settings)}
    return {name: value for name, value in asdict(settings).items() if value != usual[name]}


def make(cell: Cell, experiment: Experiment) -> Forecaster:
    """A fresh forecaster."""
    if cell.model.startswith("linear"):
        return Linear(Window(LINEAR_CONTEXT[cell.data], cell.horizon), penalty_share(cell, experiment))
    return experiment.make(cell.model)


def penalty_share(cell: Cell, experiment: Experiment) -> float:
    """The share of its rows on which a linear model chooses its penalty: of training rows, or the validation rows."""
    return 0.2 if cell.model == "linear" else experiment.training.validation


def run(cell: Cell, experiment: Experiment) -> dict[str, object]:
    """Fit and judge one cell.

    "linear" is solved on training rows alone, as the protocol has it, and has not seen the validation rows when it is
    judged there. "linear-refit" is solved on the validation rows too, so it has no validation error.
    """
    panel, protocol = _panel(cell.data)
    model = make(cell, experiment)
    known = protocol.train if cell.model == "linear" else protocol.test
    found = judged(model, panel, protocol, known)
    history = getattr(model, "history", None)
    return {
        **asdict(cell),
        "validation": None if cell.model == "linear-refit" else found.validation,
        "test": found.test,
        "windows": protocol.end - protocol.test - cell.horizon + 1,
        "fit_seconds": round(found.seconds, 2),
        "judge_seconds": round(found.judging, 2),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "weights": found.weights,
        "best_epoch": None if history is None else history.best,
        "settings": settings_of(cell, experiment),
    }


def finished(folder: Path, cell: Cell, settings: dict[str, object]) -> bool:
    """Whether a cell was run with these very settings; one of other settings is run again."""
    path = folder / f"{cell.name}.json"
    return path.is_file() and json.loads(path.read_text())["settings"] == settings


def keep(folder: Path, cell: Cell, entry: dict[str, object]) -> None:
    """Write a cell as a whole: whoever is killed here leaves either nothing or everything."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{cell.name}.{os.getpid()}"
    partial.write_text(json.dumps(entry, indent=1) + "\n")
    partial.replace(folder / f"{cell.name}.json")


@cache
def _panel(data: str) -> tuple[Panel, Protocol]:
    return standard_panel(data)
