"""Rebuilt: a fitted forecaster from settings and numbers that somebody wrote, whoever it was.

Settings decide nothing before they are found to fit the numbers that are there, so no file makes this allocate more
than its own size a few times over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from forecast.data.cycles import PERIODS
from forecast.data.scale import Measure, Scale
from forecast.data.schema import Schema
from forecast.data.transforms import OFFSETS
from forecast.errors import SettingsError
from forecast.forecasters.artifacts.nested import NESTED, build_nested
from forecast.forecasters.artifacts.stored import RULES, Saved
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import SeasonalNaive
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.saying import needs_noise
from forecast.nets.cells import NAMED, CellFactory
from forecast.nets.decoders import from_table, knows_ahead
from forecast.nets.heads import HEADS
from forecast.nets.network import Network, Sizes
from forecast.training.settings import Training
from forecast.windows.feeds import Feed, Streamed, Windowed
from forecast.windows.inputs import input_sizes, with_added
from forecast.windows.window import MOST_STEPS, Window

PREFIX = "network."
SCALE = {f"scale.{name}" for name in ("center", "spread", "static_center", "static_spread", "power")}
META = torch.device("meta")
"""Shapes without numbers: a network is tried there before memory is taken for it."""


class OwnCellError(SettingsError):
    """A model was made with a cell of its author's own, and none was given."""


def rebuild(config: dict[str, Any], numbers: dict[str, Tensor], schema: Schema, cell: CellFactory | None) -> Saved:
    """The forecaster that `stored.describe` described.

    Raises:
        OwnCellError: a cell of its author's own is needed.
        KeyError, TypeError, ValueError, AttributeError, RuntimeError, SettingsError: settings and numbers do not fit
            together.
    """
    window, kind = Window(**config["window"]), config["kind"]
    if kind in RULES or kind == "seasonal-naive":
        _require_names(numbers, set())
        return RULES[kind](window) if kind in RULES else SeasonalNaive(window, _season(config["season"]))
    _require_finite(numbers)
    if kind in NESTED:
        return build_nested(config, numbers, schema, lambda part, held: rebuild(part, held, schema, cell))
    if kind not in ("linear", "recurrent"):
        raise ValueError(f"a model of kind {kind!r} is not known")
    scale = _scale(config, numbers, schema)
    if kind == "recurrent":
        return _recurrent(config, numbers, window, scale, schema, cell)
    _require_shape("weights", numbers["weights"], (window.context, window.horizon))
    _require_names(numbers, {"weights", *_scale_names(numbers)})
    model = Linear(window, config["validation"])
    model.weights, model.penalty = numbers["weights"].numpy(), config["penalty"]
    model.scale, model.schema = scale, schema
    return model


def _season(season: object) -> int:
    if type(season) is not int or not 1 <= season <= MOST_STEPS:
        raise ValueError(f"a season of {season!r} steps")
    return season


def _recurrent(
    config: dict[str, Any],
    numbers: dict[str, Tensor],
    window: Window,
    scale: Scale,
    schema: Schema,
    cell: CellFactory | None,
) -> Recurrent:
    weights = {name.removeprefix(PREFIX): value for name, value in numbers.items() if name.startswith(PREFIX)}
    settings, asked = _settings(config, cell)
    _require_wide(settings, weights)
    cycles, absent = (tuple(str(name) for name in config[each]) for each in ("cycles", "absent"))
    if not set(cycles) <= set(PERIODS) or not set(absent) <= set(schema.channels):
        raise ValueError(f"cycles {cycles} and gaps of {absent}; known are {tuple(PERIODS)} and {schema.channels}")
    ahead = knows_ahead(settings["decoder"])
    columns = input_sizes(schema, scale.categories, cycles, absent, ahead)
    sizes = Sizes(window.context, window.horizon, *with_added(schema.layout, cycles, absent, ahead), columns)
    if asdict(sizes) != config["sizes"] | {"categories": tuple(config["sizes"]["categories"])}:
        raise ValueError(f"sizes {config['sizes']}, window and columns say {asdict(sizes)}")

    def made() -> tuple[Recurrent, Network]:
        model = Recurrent(window, **settings, **asked)
        return model, Network(model.architecture, sizes, model.head)

    with torch.random.fork_rng(devices=[]):
        if cell is None:  # a cell of one's own may need real numbers to be made
            with META:
                _require_weights(made()[1], weights)
        model, network = made()
    network.load_state_dict(weights)
    model.network, model.scale, model.schema, model.cycles = network, scale, schema, cycles
    model.absent, names = absent, {f"{PREFIX}{name}" for name in weights}
    if needs_noise(model.head, model.measure):
        _require_shape("noise", numbers["noise"], (window.horizon, schema.layout.targets))
        model.noise, names = numbers["noise"].numpy(), names | {"noise"}
    _require_names(numbers, names | _scale_names(numbers))
    return model


def _settings(config: dict[str, Any], cell: CellFactory | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of the architecture, and the others."""
    settings, about = dict(config["architecture"]), dict(config["head"])
    kind = HEADS[about.pop("kind")]
    head = kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in about.items()})
    settings["decoder"] = from_table(settings["decoder"])
    if cell is not None:
        settings["cell"] = cell
    elif settings["cell"] not in NAMED:
        raise OwnCellError("this model was made with a cell of its author's own: load(directory, cell=ThatClass)")
    asked = {name: config[name] for name in ("transform", "calendar", "gaps")}
    asked |= {"head": head, "feed": _feed(dict(config["feed"])), "training": Training(**config["training"])}
    return settings, asked


def _require_wide(settings: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """A network has at least a number for each of its states and layers: what claims more is not built at all."""
    width, layers = settings["hidden_size"], settings["layers"]
    there = sum(value.numel() for value in weights.values())
    if type(width) is not int or type(layers) is not int or (settings["cell"] != "none" and width * layers > there):
        raise ValueError(f"hidden_size {width!r} and layers {layers!r} for a network of {there:,} numbers")


def _require_weights(network: Network, weights: Mapping[str, Tensor]) -> None:
    """The weights of a network that takes no memory yet are those that are there."""
    needed = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    for name, shape in needed.items():
        _require_shape(name, weights[name], shape)
    _require_names(dict(weights), set(needed))


def _feed(settings: dict[str, Any]) -> Feed:
    kinds = {"windowed": Windowed, "streamed": Streamed}
    kind = settings.pop("kind")
    if kind not in kinds:
        raise ValueError(f"a feed of kind {kind!r} is not known")
    return kinds[kind](**settings)


def _scale(config: dict[str, Any], numbers: dict[str, Tensor], schema: Schema) -> Scale:
    series, layout, measure = tuple(config["series"]), schema.layout, Measure(**config["measure"])
    shapes = {"center": (len(series), layout.channels), "static_center": (layout.static,)}
    shapes |= {"spread": shapes["center"], "static_spread": shapes["static_center"]}
    if measure.transform != "none":
        shapes["power"] = (len(series), layout.targets)
    for name, shape in shapes.items():
        _require_shape(f"scale.{name}", numbers[f"scale.{name}"], shape)
    met = {str(name): tuple(map(str, names)) for name, names in config["categories"].items()}
    if set(met) != set(schema.categorical):
        raise ValueError(f"categories of {sorted(met)}, the categorical columns are {list(schema.categorical)}")
    arrays = {name: numbers[f"scale.{name}"].numpy() for name in shapes}
    offset = OFFSETS.get(measure.transform, 0.0)
    return Scale(series, **arrays, offset=offset, units=measure.units, categories=met)


def _require_shape(name: str, value: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(value.shape) != shape:
        raise ValueError(f"{name} has the shape {tuple(value.shape)}, {shape} is needed")


def _require_finite(numbers: dict[str, Tensor]) -> None:
    for name, value in numbers.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} holds numbers that are not finite")


def _scale_names(numbers: Mapping[str, Tensor]) -> set[str]:
    return {name for name in numbers if name in SCALE}


def _require_names(numbers: Mapping[str, Tensor], known: set[str]) -> None:
    strange = sorted(set(numbers) - known)
    if strange:
        raise ValueError(f"numbers that nobody asked for: {', '.join(strange[:5])}")
