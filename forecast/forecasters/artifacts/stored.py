"""Stored: a fitted forecaster as settings, which JSON can hold, and numbers, which safetensors can."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from forecast.data.scale import Measure, Scale
from forecast.errors import NotFittedError, SettingsError
from forecast.forecasters.artifacts.nested import Nested, describe_nested, parts_of
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Drift, Mean, Naive, SeasonalNaive
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.decoders import to_table
from forecast.nets.heads import HEADS

RULES = {"naive": Naive, "drift": Drift, "mean": Mean}
Saved = Naive | SeasonalNaive | Drift | Mean | Linear | Recurrent | Nested


def require_savable(model: object) -> Saved:
    """Raise SettingsError for a forecaster that cannot be saved, before hours of fitting; else return it."""
    if not isinstance(model, Saved):
        raise SettingsError(
            f"{type(model).__name__} cannot be saved: its file would have to run code when loaded. Save linear, a "
            "recurrent network, a naive rule, or what is made of these; of others keep the settings file that "
            "`forecast compare` leaves, and fit them again with `forecast run`"
        )
    if isinstance(model, Recurrent) and type(model.head) not in HEADS.values():
        raise SettingsError(f"head {type(model.head).__name__}: a head of your own cannot be saved, only those of ours")
    if isinstance(model, Nested):
        for part in parts_of(model).values():
            require_savable(part)
    return model


def describe(model: Saved) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Settings and numbers of a fitted forecaster.

    Raises:
        NotFittedError: the model was not fitted.
        SettingsError: it holds what cannot be saved.
    """
    config, numbers = _described(model)
    return config | {"window": asdict(model.window)}, numbers


def _described(model: Saved) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if isinstance(model, Nested):
        return describe_nested(model, lambda part: describe(require_savable(part)))
    if isinstance(model, Recurrent):
        return _describe_recurrent(model)
    if isinstance(model, Linear):
        if model.weights is None or model.scale is None:
            raise NotFittedError("fit the model before saving it")
        config = {"kind": "linear", "validation": model.validation, "penalty": model.penalty}
        config |= {"series": model.scale.series, "measure": asdict(Measure()), "categories": model.scale.categories}
        return config, _scale_numbers(model.scale) | {"weights": torch.from_numpy(model.weights)}
    if isinstance(model, SeasonalNaive):
        return {"kind": "seasonal-naive", "season": model.fitted_season}, {}
    return {"kind": next(kind for kind, rule in RULES.items() if isinstance(model, rule))}, {}


def _describe_recurrent(model: Recurrent) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if model.network is None or model.scale is None:
        raise NotFittedError("fit the model before saving it")
    architecture = {name: getattr(model.architecture, name) for name in model.architecture.__dataclass_fields__}
    named = isinstance(model.architecture.cell, str)
    architecture["cell"] = model.architecture.cell if named else None
    architecture["decoder"] = to_table(model.architecture.decoder)
    config = {
        "kind": "recurrent",
        "architecture": architecture,
        "sizes": asdict(model.network.sizes),
        "head": {"kind": next(kind for kind, head in HEADS.items() if type(model.head) is head), **asdict(model.head)},  # type: ignore[arg-type]
        "transform": model.transform,
        "training": model.training.deciding(),
        "feed": {"kind": type(model.feed).__name__.lower(), **asdict(model.feed)},
        "calendar": model.calendar,
        "cycles": list(model.cycles),
        "gaps": model.gaps,
        "absent": list(model.absent),
        "series": model.scale.series,
        "measure": asdict(model.measure),
        "categories": model.scale.categories,
    }
    weights = {f"network.{name}": value.detach().cpu() for name, value in model.network.state_dict().items()}
    noise = {} if model.noise is None else {"noise": torch.from_numpy(model.noise)}
    return config, _scale_numbers(model.scale) | noise | weights


def _scale_numbers(scale: Scale) -> dict[str, Tensor]:
    arrays = {"center": scale.center, "spread": scale.spread}
    arrays |= {"static_center": scale.static_center, "static_spread": scale.static_spread}
    arrays |= {} if scale.power is None else {"power": scale.power}
    return {f"scale.{name}": torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}
