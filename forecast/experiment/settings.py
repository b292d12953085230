"""Experiment: everything a comparison needs, as one value that a settings file or flags can make."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from forecast.data.embedded import cards
from forecast.data.forecast import Forecaster
from forecast.data.format import Format
from forecast.data.schema import Schema
from forecast.errors import SettingsError, did_you_mean
from forecast.experiment.contestants import Contestant, from_table, to_table
from forecast.experiment.making import make, require_references
from forecast.experiment.sweep_tables import SweepPlan, read_sweep
from forecast.experiment.tables import Table, override, read_toml, settings, write_toml
from forecast.training.settings import Training
from forecast.windows.window import Window

HEADER = "# Run this again with: forecast run FILE\n"


@dataclass(frozen=True)
class Split:
    """Where testing begins, and how it moves.

    Args:
        since: first test date, row, or share of the time span; a negative row counts from the end. None takes the
            split of the data set's card, or the last 20 % of the time span.
        stride: rows between test origins.
        season: lag of the differences that scale MASE and RMSSE; None measures it on the training rows.
        baseline: contestant the others are compared with.
    """

    since: str | int | float | None = None
    stride: int = 1
    season: int | None = None
    baseline: str = "naive"

    def __post_init__(self) -> None:
        for name in ("stride", "season"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"{name}={value}: at least 1")


def since_of(text: str | None, rows: int | None) -> str | float | int | None:
    """`Split.since` of the flags --since and --test-rows.

    Example:
        >>> since_of("2024-01-01", None), since_of("0.8", None), since_of(None, 30)
        ('2024-01-01', 0.8, -30)
    """
    if rows is not None:
        if rows < 1:
            raise SettingsError(f"--test-rows {rows}: at least 1")
        return -rows
    try:
        share = float(text or "")
    except ValueError:
        return text
    return share if 0 < share < 1 else text


@dataclass(frozen=True)
class Experiment:
    """A comparison: data, roles, window, split, contestants, training.

    Args:
        data: a file, or the name of an embedded data set.
        schema: roles of the columns.
        window: context and horizon.
        forecasters: settings of the contestants, by name.
        split: where testing begins.
        training: of the networks.
        sweep: what `forecast sweep` searches; None where nobody asked.
    """

    data: str
    schema: Schema
    window: Window
    forecasters: Mapping[str, Contestant]
    split: Split = field(default_factory=Split)
    training: Training = field(default_factory=Training)
    sweep: SweepPlan | None = None

    def __post_init__(self) -> None:
        if self.split.baseline not in self.forecasters:
            known = tuple(self.forecasters)
            raise SettingsError(
                f"baseline {self.split.baseline!r}: no such contestant{did_you_mean(self.split.baseline, known)}"
            )

        require_references(self.forecasters)

    def contestants(self) -> dict[str, Forecaster]:
        """Fresh forecasters, by name."""
        return {name: self.make(name) for name in self.forecasters}

    def make(self, name: str) -> Forecaster:
        """A fresh forecaster."""
        return make(name, self.forecasters, self.window, self.training)

    def to_toml(self) -> str:
        """The settings file that makes this experiment again."""
        return write_toml(self.to_tables(), HEADER)

    def deciding(self) -> dict[str, object]:
        """The tables that decide what a comparison comes to: not the name of the data, nor where fits are logged."""
        return {name: part for name, part in self.to_tables().items() if name != "data"} | {
            "training": self.training.deciding()
        }

    def to_tables(self) -> dict[str, object]:
        """The tables of its settings file."""
        table: dict[str, object] = {
            "data": self.data,
            "schema": _said(self.schema),
            "window": asdict(self.window),
            "split": asdict(self.split),
            "training": asdict(self.training),
            "forecasters": {name: to_table(contestant) for name, contestant in self.forecasters.items()},
        }
        return table | ({} if self.sweep is None else dict(self.sweep.to_tables()))


PARTS = ("data", "schema", "window", "split", "training", "forecasters", "sweep", "space")


def read_experiment(path: str | Path, assignments: Sequence[str] = (), allow_imports: bool = False) -> Experiment:
    """Read a settings file.

    Args:
        path: a TOML file with `data` and the tables schema, window, split, training, forecasters. A data file is looked
            for from the folder of the settings file first, then from here.
        assignments: changes by dotted name, such as "forecasters.gru.hidden_size=128".
        allow_imports: let cells be named by import path ("mylab.cells:MyCell"): such a file runs code of its choice.

    Raises:
        SettingsError: names the table and the key.
    """
    table = override(read_toml(path), assignments)
    if not allow_imports:
        _require_no_imports(table, str(path))
    experiment = from_tables(table, str(path))
    beside = os.path.normpath(Path(path).parent / experiment.data)
    if experiment.data not in cards() and os.path.isfile(beside):
        return replace(experiment, data=beside)
    return experiment


def seen_from(experiment: Experiment, directory: str | Path) -> Experiment:
    """The experiment with its data file named from a folder, so that a settings file there finds it from anywhere."""
    if experiment.data in cards() or os.path.isabs(experiment.data) or not os.path.isfile(experiment.data):
        return experiment
    try:
        return replace(experiment, data=Path(os.path.relpath(experiment.data, directory)).as_posix())
    except ValueError:  # another drive of Windows
        return replace(experiment, data=os.path.abspath(experiment.data))


def from_tables(table: Table, source: str) -> Experiment:
    """An experiment from the tables of a settings file."""
    for key in table:
        if key not in PARTS:
            raise SettingsError(f"{source}: no setting {key!r}{did_you_mean(key, PARTS)}")
    sought = "sweep" in table or "space" in table
    for key in ("data", "window") if sought else ("data", "window", "forecasters"):
        if key not in table:
            raise SettingsError(f"{source}: {key!r} is missing")
    data, forecasters = table["data"], _part(table, "forecasters", source) or ({"naive": {}} if sought else {})
    if not isinstance(data, str):
        raise SettingsError(f"{source}: 'data' is a file or the name of a data set, in quotation marks")
    if not forecasters:
        raise SettingsError(f"{source}: no forecasters; write one table each, such as [forecasters.gru]")
    return Experiment(
        data=data,
        schema=_schema(_part(table, "schema", source), source),
        window=settings(Window, _part(table, "window", source), "window"),
        forecasters={name: from_table(name, _part(forecasters, name, source)) for name in forecasters},
        split=settings(Split, _part(table, "split", source), "split"),
        training=settings(Training, _part(table, "training", source), "training"),
        sweep=read_sweep(_part(table, "sweep", source), _part(table, "space", source)) if sought else None,
    )


def _require_no_imports(table: Table, source: str) -> None:
    """Raise SettingsError where a cell is named by an import path, in a contestant or in a space."""
    forecasters = table.get("forecasters")
    named = forecasters if isinstance(forecasters, dict) else {}
    tables = {f"forecasters.{name}": each for name, each in named.items()} | {"space": table.get("space")}
    for where, each in tables.items():
        cells = each.get("cell") if isinstance(each, dict) else None
        for cell in cells if isinstance(cells, list) else [cells]:
            if isinstance(cell, str) and ":" in cell:
                raise SettingsError(
                    f"{source}: {where}.cell = {cell!r} is an import path, and importing runs code; where you trust "
                    "this file and that module, say --allow-imports (read_experiment(..., allow_imports=True))"
                )


def _schema(table: Mapping[str, object], source: str) -> Schema:
    """A schema from its table and the one of its format."""
    plain = {key: value for key, value in table.items() if key != "format"}
    form = settings(Format, _part(table, "format", source), "schema.format")
    return replace(settings(Schema, plain, "schema"), format=form)


def _said(schema: Schema) -> dict[str, object]:
    """A schema as a table: what was said of it, not what was found in the data."""
    form = schema.format
    told = {field.name: getattr(form, field.name) for field in fields(form)}
    told = {name: value for name, value in told.items() if value != getattr(Format(), name)}
    table: dict[str, object] = {**asdict(replace(schema, categories=(), ranges=())), "format": told}
    return {name: value for name, value in table.items() if name != "ranges" and value != {}}


def _part(table: Mapping[str, object], key: str, source: str) -> Mapping[str, object]:
    part = table.get(key, {})
    if not isinstance(part, Mapping):
        raise SettingsError(f"{source}: {key!r} is a table: write [{key if key in PARTS else f'forecasters.{key}'}]")
    return part
