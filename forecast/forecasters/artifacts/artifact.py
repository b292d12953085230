"""Saved forecasters: settings as JSON, numbers as safetensors, a page for people. Nothing in them can run code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load as undump
from safetensors.torch import save as dump
from torch import Tensor

from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.data.rows import day
from forecast.data.schema import Schema
from forecast.errors import DataError, NotFittedError, SettingsError
from forecast.forecasters.artifacts.manifest import CONFIG, PAGE, STATE, WEIGHTS, Manifest, digest, versions
from forecast.forecasters.artifacts.modelcard import page
from forecast.forecasters.artifacts.rebuilt import OwnCellError, rebuild
from forecast.forecasters.artifacts.stored import Saved, describe, require_savable
from forecast.forecasters.artifacts.strict import strict_json, tensor_header
from forecast.forecasters.artifacts.verified import read_set
from forecast.forecasters.artifacts.writing import replace_set
from forecast.forecasters.provenance import Provenance, Savable
from forecast.nets.cells import CellFactory
from forecast.work.lock import locked

OF_DATA = {"fitted_on", "sizes", "series", "categories", "cycles", "absent", "penalty", "fitted_levels", "judged_after"}
"""Entries of a configuration that fitting found; the others are what was asked for."""
WRONG = (LookupError, TypeError, ValueError, AttributeError, RuntimeError, ArithmeticError, SafetensorError)
"""What settings and numbers that do not fit together lead to."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A saved forecaster, read back.

    Args:
        model: ready to predict; `model.fitted_on` tells on what it was fitted.
        schema: roles of the columns it was fitted on, for reading new rows.
        until: time of the last row with a target that it was fitted on, datetime64[us].
    """

    model: Saved
    schema: Schema
    until: np.datetime64

    @property
    def last(self) -> str:
        """`until` in words."""
        return day(self.until)

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        """What `model` forecasts: `fc.load("model").predict(panel)` is all that it takes."""
        return self.model.predict(panel, origins)


def write(model: Savable, directory: str | Path) -> Path:
    """Write a fitted forecaster; see `Savable.save`."""
    require_savable(model)
    require_provenance(model)
    with locked(directory):
        replace(model, directory)
    return Path(directory)


def require_provenance(model: Savable) -> Provenance:
    """What a model was fitted on; raises NotFittedError before fit."""
    if model.fitted_on is None:
        raise NotFittedError("fit the model before saving it")
    return model.fitted_on


def replace(model: Savable, directory: str | Path, state: bytes | None = None) -> Manifest:
    """`write` for who holds the lock of the directory.

    Args:
        state: the live state that goes with the model.
    """
    saved, provenance = require_savable(model), require_provenance(model)
    config, numbers = describe(saved)
    config |= {"fitted_on": provenance.to_table()}
    contents = {
        CONFIG: (json.dumps(config, indent=2) + "\n").encode(),
        WEIGHTS: dump({name: value.contiguous() for name, value in numbers.items()}),
        **({} if state is None else {STATE: state}),
        PAGE: page(config, provenance, saved.parameters, state is not None, versions()).encode(),
    }
    asked = json.dumps(_asked(config), sort_keys=True).encode()
    return replace_set(Path(directory), contents, {"data": provenance.data, "settings": digest(asked)})


def load(directory: str | Path, cell: CellFactory | None = None) -> Loaded:
    """Read a forecaster back, with the schema it was fitted on.

    Sizes and sums are looked at first, then settings, then shapes, then numbers.

    Args:
        cell: your own cell class, when the model was made with one; a file can never name code to import.

    Raises:
        DataError: no model there, one that is damaged, or of a newer format.
        SettingsError: a model with a cell of its author's own, and none was given.
    """
    return opened(Path(directory), cell)[0]


def opened(directory: Path, cell: CellFactory | None) -> tuple[Loaded, Manifest, bytes | None]:
    """`load`, with the manifest and the live state that goes with the model, if there is one."""
    manifest, contents = read_set(directory)
    missing = [name for name in (CONFIG, WEIGHTS) if name not in contents]
    if missing:
        raise DataError(str(directory), [f"no readable model: the manifest names no {missing[0]}"])
    try:
        config, numbers = strict_json(contents[CONFIG]), tensors(contents[WEIGHTS])
        if not isinstance(config, dict):
            raise ValueError(f"{CONFIG} is no table")
        provenance = Provenance.from_table(config["fitted_on"])
        model = rebuild(config, numbers, provenance.schema, cell)
    except OwnCellError:
        raise
    except (*WRONG, SettingsError) as error:
        problem = f"the model's files are damaged or do not fit together: {words(error)}"
        raise DataError(str(directory), [problem]) from error
    model.fitted_on = provenance
    return Loaded(model, provenance.schema, provenance.until), manifest, contents.get(STATE)


def tensors(content: bytes) -> dict[str, Tensor]:
    """The tensors of a file, once its header has been found to claim what is there."""
    tensor_header(content)
    return undump(content)


def words(error: Exception) -> str:
    """What is wrong with files that do not fit together."""
    return f"{error} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__


def _asked(config: dict[str, Any]) -> dict[str, Any]:
    """The settings that were asked for, those of all parts included."""
    asked = {name: value for name, value in config.items() if name not in OF_DATA}
    parts = {name: _asked(part) for name, part in config.get("parts", {}).items()}
    return asked | ({"parts": parts} if parts else {})
