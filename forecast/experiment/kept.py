"""Kept: the results of a comparison so far, one file a contestant, until all of them are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch

from forecast.data.forecast import Forecast, Forecaster
from forecast.data.panel import Origins, Panel
from forecast.data.transforms import Outward, Warp
from forecast.distributions import (
    Affine,
    Categories,
    Mapped,
    Mixture,
    NegativeBinomial,
    Normal,
    Poisson,
    QuantileTable,
    Samples,
    StudentT,
)
from forecast.evaluation.results import Result
from forecast.experiment.learned import Learned, learned, learned_from, together
from forecast.experiment.making import networks
from forecast.training.checkpoint import read_checkpoint, write_checkpoint
from forecast.work.folder import RunFolder

KINDS = {
    kind.__name__: kind
    for kind in (
        *(Forecast, Origins, Affine, Outward, Warp, Mapped, Normal, StudentT, Mixture, Poisson, NegativeBinomial),
        *(QuantileTable, Samples, Categories),
    )
}
RESULT, NOTES, LEARNED = "result", "notes", "learned"
PLAIN = ("failed", "fit_seconds", "predict_ms", "parameters")


class KeptResults:
    """Keeps what contestants came to in the folder of a run, and lets the fits of networks keep checkpoints there.

    Args:
        contestants: by name.
        folder: None keeps the notes alone, in memory.
        train: rows the contestants are fitted on, to follow the gradients of networks through them; None follows none.
    """

    def __init__(
        self, contestants: Mapping[str, Forecaster], folder: RunFolder | None, train: Panel | None = None
    ) -> None:
        self.contestants, self.folder, self.train = contestants, folder, train
        self._notes: dict[str, list[str]] = {}
        self._learned: dict[str, Learned] = {}
        for name, forecaster in contestants.items():
            keep_fits(name, forecaster, folder)

    @property
    def notes(self) -> list[str]:
        """How the trainings of all contestants ended, in their order."""
        return [note for name in self.contestants for note in self._notes.get(name, ())]

    @property
    def learned(self) -> Learned:
        """What the networks of all contestants went through."""
        return together(self._learned[name] for name in self.contestants if name in self._learned)

    def get(self, name: str) -> Result | None:
        """What a contestant came to before it was stopped."""
        if self.folder is None or not (path := self.folder.kept(name, RESULT)).exists():
            return None
        found = read_checkpoint(path)
        self._notes[name] = found[NOTES]
        self._learned[name] = learned_from(found.get(LEARNED, {}))
        self.folder.log(f"{name}: was judged before")
        forecast = None if found["forecast"] is None else _made(found["forecast"])
        return Result(forecast, **{part: found[part] for part in PLAIN})

    def put(self, name: str, result: Result) -> Result:
        """Keep what a contestant came to, and give it as it will come back; what a foreign class says is not kept."""
        self._notes[name] = training_notes(name, self.contestants[name])
        went = self._learned[name] = learned(name, self.contestants[name], self.train)
        try:
            tree = None if result.forecast is None else _plain(result.forecast)
        except TypeError as error:
            if self.folder is not None:
                self.folder.log(f"{name}: judged, and not kept ({error})")
            return result
        if self.folder is not None:
            values = {part: getattr(result, part) for part in PLAIN}
            beside = {NOTES: self._notes[name], LEARNED: went.to_tree(), "forecast": tree}
            write_checkpoint(self.folder.kept(name, RESULT), values | beside)
            self.folder.log(f"{name}: judged")
        return result if tree is None else replace(result, forecast=_made(tree))


def keep_fits(name: str, forecaster: Forecaster, folder: RunFolder | None) -> None:
    """Let the fits of the networks in a contestant keep checkpoints in the folder of a run."""
    for part, network in networks(name, forecaster).items():
        network.keeping, network.called = None if folder is None else (folder, part), part


def training_notes(name: str, forecaster: Forecaster) -> list[str]:
    """How the trainings in a contestant ended."""
    histories = {part: network.history for part, network in networks(name, forecaster).items()}
    return [
        f"{part}: kept epoch {history.best} of {len(history.epochs)}, ended by {history.stopped}"
        for part, history in histories.items()
        if history is not None
    ]


def _plain(value: Any) -> Any:
    """Plain values and tensors of what a forecast holds.

    Arrays lie in memory in the order of their axes from here on, also where nobody stopped: sums depend on it.
    """
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        kind = array.dtype.str
        whole = array.view(np.int64) if array.dtype.kind == "M" else array
        return {"array": torch.from_numpy(whole.copy()), "type": kind}
    if is_dataclass(value) and KINDS.get(type(value).__name__) is type(value):
        parts = {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        return {"kind": type(value).__name__, "parts": parts}
    if isinstance(value, tuple):
        return tuple(_plain(part) for part in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"it holds a {type(value).__name__}")


def _made(tree: Any) -> Any:
    """`_plain` undone, bit for bit: nothing is brought into range or computed anew."""
    if isinstance(tree, tuple):
        return tuple(_made(part) for part in tree)
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        array = tree["array"].numpy()
        return array.view(tree["type"]) if np.dtype(tree["type"]).kind == "M" else array
    made = object.__new__(KINDS[tree["kind"]])
    for name, part in tree["parts"].items():
        object.__setattr__(made, name, _made(part))
    return made
