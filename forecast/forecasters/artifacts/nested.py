"""Saved forecasters that hold others: settings within settings, numbers under a prefix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from forecast.data.forecast import Forecaster
from forecast.data.schema import Schema
from forecast.errors import NotFittedError
from forecast.forecasters.conformal import Conformal, Fitted
from forecast.forecasters.ensemble import Ensemble
from forecast.forecasters.sizes import Sizes

Config = dict[str, Any]
Numbers = dict[str, Tensor]
Nested = Conformal | Ensemble
NESTED = ("conformal", "ensemble")


def parts_of(model: Nested) -> Mapping[str, Forecaster]:
    """The forecasters within another, by name."""
    return {"forecaster": model.forecaster} if isinstance(model, Conformal) else model.members


def describe_nested(model: Nested, describe: Callable[[Forecaster], tuple[Config, Numbers]]) -> tuple[Config, Numbers]:
    """Settings and numbers of a forecaster and of all within it.

    Args:
        describe: does the same for a forecaster within.
    """
    config, numbers = _conformal(model) if isinstance(model, Conformal) else _ensemble(model)
    config["parts"] = {}
    for place, (name, part) in enumerate(parts_of(model).items()):
        config["parts"][name], held = describe(part)
        numbers |= {f"part{place}.{key}": value for key, value in held.items()}
    return config, numbers


def build_nested(
    config: Config, numbers: Numbers, schema: Schema, build: Callable[[Config, Numbers], Forecaster]
) -> Nested:
    """What `describe_nested` described.

    Args:
        build: makes a forecaster within.

    Raises:
        KeyError, TypeError, ValueError: the settings or numbers do not fit together.
    """
    members: dict[str, Forecaster] = {}
    for place, (name, part) in enumerate(config["parts"].items()):
        prefix = f"part{place}."
        held = {key.removeprefix(prefix): value for key, value in numbers.items() if key.startswith(prefix)}
        members[str(name)] = build(part, held)
    if config["kind"] == "ensemble":
        return Ensemble(members, config["combine"])
    model = Conformal(
        members["forecaster"],
        config["levels"],
        config["calibration"],
        config["method"],
        config["memory"],
        bool(config["refit"]),
    )
    model.fitted, model.schema = _fitted(config, numbers, schema, model.window.horizon), schema
    return model


def _ensemble(model: Ensemble) -> tuple[Config, Numbers]:
    return {"kind": "ensemble", "combine": model.combine}, {}


def _conformal(model: Conformal) -> tuple[Config, Numbers]:
    if model.fitted is None:
        raise NotFittedError("fit the model before saving it")
    config = {"kind": "conformal", **{name: getattr(model, name) for name in ("levels", "calibration", "method")}}
    config |= {"memory": model.memory, "refit": model.refit, "judged_after": str(model.fitted.until)}
    config |= {"fitted_levels": model.fitted.levels, "series": model.fitted.sizes.series}
    arrays = {"shifts": model.fitted.shifts, "width": model.fitted.sizes.width, "typical": model.fitted.sizes.typical}
    return config, {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def _fitted(config: Config, numbers: Numbers, schema: Schema, horizon: int) -> Fitted:
    levels, series = tuple(float(level) for level in config["fitted_levels"]), tuple(config["series"])
    targets = schema.layout.targets
    shapes = {"shifts": (horizon, targets, len(levels)), "width": (len(series), targets), "typical": (targets,)}
    for name, shape in shapes.items():
        if tuple(numbers[name].shape) != shape:
            raise ValueError(f"{name} has the shape {tuple(numbers[name].shape)}, {shape} is needed")
    if list(levels) != sorted(set(levels)) or not all(0 < level < 1 for level in levels):
        raise ValueError(f"levels {levels} are not in order between 0 and 1")
    measured = Sizes(series, numbers["width"].numpy(), numbers["typical"].numpy())
    return Fitted(levels, numbers["shifts"].numpy(), measured, np.datetime64(config["judged_after"], "us"))
