"""Saved forecasters: settings as JSON, numbers as safetensors. Nothing in a saved model can run code."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as dump
from torch import Tensor

from forecast.data.cycles import PERIODS
from forecast.data.panel import Panel
from forecast.data.rows import day
from forecast.data.scale import Measure, Scale
from forecast.data.schema import Schema
from forecast.data.transforms import OFFSETS
from forecast.errors import DataError, NotFittedError, SettingsError
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Drift, Mean, Naive, SeasonalNaive
from forecast.forecasters.nested import NESTED, Nested, build_nested, describe_nested, parts_of
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.saying import needs_noise
from forecast.forecasters.writing import replace_file
from forecast.nets.cells import NAMED, CellFactory
from forecast.nets.decoders import from_table, knows_ahead, to_table
from forecast.nets.heads import HEADS
from forecast.nets.network import Network, Sizes
from forecast.training.fit import Training
from forecast.windows.feeds import Feed, Streamed, Windowed
from forecast.windows.inputs import input_sizes, with_added
from forecast.windows.window import Window

FORMAT = 3
CONFIG, NUMBERS = "config.json", "numbers.safetensors"
RULES = {"naive": Naive, "drift": Drift, "mean": Mean}
Saved = Naive | SeasonalNaive | Drift | Mean | Linear | Recurrent | Nested


@dataclass(frozen=True, eq=False)
class Loaded:
    """A saved forecaster, read back.

    Args:
        model: ready to predict.
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


def require_savable(model: object) -> Saved:
    """Raise SettingsError for a forecaster that cannot be saved, before hours of fitting; else return it."""
    if not isinstance(model, Saved):
        raise SettingsError(
            f"{type(model).__name__} cannot be saved: its file would have to run code when loaded. "
            "Save linear, a recurrent network, a naive rule, or what is made of these."
        )
    if isinstance(model, Recurrent) and type(model.head) not in HEADS.values():
        raise SettingsError(f"head {type(model.head).__name__}: a head of your own cannot be saved, only those of ours")
    if isinstance(model, Nested):
        for part in parts_of(model).values():
            require_savable(part)
    return model


def save(model: Saved, directory: str | Path, panel: Panel) -> Path:
    """Write a fitted forecaster into a directory (made where missing).

    Args:
        model: a naive rule, Linear, Recurrent, or a Conformal or Ensemble of these.
        panel: what it was fitted on; its schema and last time are kept.

    Raises:
        SettingsError: scikit-learn regressors, whose files could run code, and directories that cannot be written.
        NotFittedError: the model was not fitted.
    """
    ends = panel.end_origins()
    until = panel.times[panel.offsets[ends.series] + ends.step - 1].max()
    return save_fitted(model, directory, panel.schema, until)


def save_fitted(model: Saved, directory: str | Path, schema: Schema, until: np.datetime64) -> Path:
    """Write a fitted forecaster whose panel is gone: `save` by the parts of `Loaded`."""
    require_savable(model)
    config, numbers = _describe(model)
    config |= {"format": FORMAT, "schema": asdict(schema), "until": str(until)}
    directory = Path(directory)
    replace_file(directory / NUMBERS, dump({name: value.contiguous() for name, value in numbers.items()}))
    replace_file(directory / CONFIG, (json.dumps(config, indent=2) + "\n").encode())
    return directory


def load(directory: str | Path, cell: CellFactory | None = None) -> Loaded:
    """Read a forecaster back, with the schema it was fitted on.

    Args:
        cell: your own cell class, when the model was made with one; a file can never name code to import.

    Raises:
        DataError: no model there, one that is damaged, or of a newer format.
    """
    directory = Path(directory)
    try:
        config = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
        numbers = load_file(directory / NUMBERS)
    except (OSError, ValueError, SafetensorError) as error:
        raise DataError(str(directory), [f"no readable model ({CONFIG} and {NUMBERS} are needed): {error}"]) from error
    known = config.get("format") if isinstance(config, dict) else None
    if known != FORMAT:
        raise DataError(str(directory), [f"model format {known!r}, this version reads {FORMAT}"])
    try:
        schema = Schema(**config["schema"])
        model = _build(config, numbers, cell)
        return Loaded(model, schema, np.datetime64(config["until"], "us"))
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise DataError(str(directory), [f"the model's files are damaged or do not fit together: {detail}"]) from error


def _describe(model: Saved) -> tuple[dict[str, Any], dict[str, Tensor]]:
    config, numbers = _described(model)
    return config | {"window": asdict(model.window)}, numbers


def _described(model: Saved) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if isinstance(model, Nested):
        return describe_nested(model, lambda part: _describe(require_savable(part)))
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
        "training": asdict(model.training),
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


def _build(config: dict[str, Any], numbers: dict[str, Tensor], cell: CellFactory | None) -> Saved:
    window = Window(**config["window"])
    kind = config["kind"]
    if kind in RULES:
        return RULES[kind](window)
    if kind == "seasonal-naive":
        return SeasonalNaive(window, int(config["season"]))
    _require_finite(numbers)
    schema = Schema(**config["schema"])
    if kind in NESTED:
        shared = {"schema": config["schema"]}
        return build_nested(config, numbers, schema, lambda part, held: _build(part | shared, held, cell))
    scale = _scale(config, numbers, schema)
    if kind == "linear":
        _require_shape("weights", numbers["weights"], (window.context, window.horizon))
        model = Linear(window, config["validation"])
        model.weights, model.penalty = numbers["weights"].numpy(), config["penalty"]
        model.scale, model.schema = scale, schema
        return model
    if kind != "recurrent":
        raise ValueError(f"a model of kind {kind!r} is not known")
    return _build_recurrent(config, numbers, window, scale, schema, cell)


def _build_recurrent(
    config: dict[str, Any],
    numbers: dict[str, Tensor],
    window: Window,
    scale: Scale,
    schema: Schema,
    cell: CellFactory | None,
) -> Recurrent:
    settings, about = dict(config["architecture"]), dict(config["head"])
    kind = HEADS[about.pop("kind")]
    head = kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in about.items()})
    cycles = tuple(str(name) for name in config["cycles"])
    if not set(cycles) <= set(PERIODS):
        raise ValueError(f"cycles {cycles} of the calendar, known are {tuple(PERIODS)}")
    settings["decoder"] = from_table(settings["decoder"])
    if cell is not None:
        settings["cell"] = cell
    elif settings["cell"] not in NAMED:
        raise SettingsError("this model was made with a cell of its author's own: load(directory, cell=ThatClass)")
    model = Recurrent(
        window,
        **settings,
        head=head,
        transform=config["transform"],
        feed=_feed(dict(config["feed"])),
        training=Training(**config["training"]),
        calendar=config["calendar"],
        gaps=config.get("gaps", False),
    )
    absent = tuple(str(name) for name in config.get("absent", ()))
    if not set(absent) <= set(schema.channels):
        raise ValueError(f"gaps of {absent}, columns are {schema.channels}")
    ahead = knows_ahead(settings["decoder"])
    columns = input_sizes(schema, scale.categories, cycles, absent, ahead)
    sizes = Sizes(window.context, window.horizon, *with_added(schema.layout, cycles, absent, ahead), columns)
    if asdict(sizes) != config["sizes"] | {"categories": tuple(config["sizes"].get("categories", ()))}:
        raise ValueError(f"sizes {config['sizes']}, window and columns say {asdict(sizes)}")
    with torch.random.fork_rng(devices=[]):
        network = Network(model.architecture, sizes, model.head)
    prefix = "network."
    network.load_state_dict({name[len(prefix) :]: v for name, v in numbers.items() if name.startswith(prefix)})
    model.network, model.scale, model.schema, model.cycles = network, scale, schema, cycles
    if needs_noise(model.head, model.measure):
        _require_shape("noise", numbers["noise"], (window.horizon, schema.layout.targets))
        model.noise = numbers["noise"].numpy()
    model.absent = absent
    return model


def _feed(settings: dict[str, Any]) -> Feed:
    kinds = {"windowed": Windowed, "streamed": Streamed}
    kind = settings.pop("kind")
    if kind not in kinds:
        raise ValueError(f"a feed of kind {kind!r} is not known")
    return kinds[kind](**settings)


def _scale_numbers(scale: Scale) -> dict[str, Tensor]:
    arrays = {"center": scale.center, "spread": scale.spread}
    arrays |= {"static_center": scale.static_center, "static_spread": scale.static_spread}
    arrays |= {} if scale.power is None else {"power": scale.power}
    return {f"scale.{name}": torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}


def _scale(config: dict[str, Any], numbers: dict[str, Tensor], schema: Schema) -> Scale:
    series, layout, measure = tuple(config["series"]), schema.layout, Measure(**config["measure"])
    shapes = {"center": (len(series), layout.channels), "static_center": (layout.static,)}
    shapes |= {"spread": shapes["center"], "static_spread": shapes["static_center"]}
    if measure.transform != "none":
        shapes["power"] = (len(series), layout.targets)
    for name, shape in shapes.items():
        _require_shape(f"scale.{name}", numbers[f"scale.{name}"], shape)
    met = {str(name): tuple(map(str, names)) for name, names in config.get("categories", {}).items()}
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
