"""Data sets by name: cards that say what the columns are, and where the file comes from.

A card's data is read from an installed package that ships it, or from a file the user puts under the folder
named by the environment variable FORECAST_DATA. Nothing is downloaded.
"""

from __future__ import annotations

import importlib.util
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.data.panel import Panel
from forecast.data.readers import from_frame, open_table, read_csv
from forecast.data.schema import Schema
from forecast.errors import SettingsError, did_you_mean

FOLDER_VARIABLE = "FORECAST_DATA"


@dataclass(frozen=True)
class Card:
    """What is known about a data set.

    Args:
        name: what users type.
        title: one line.
        source: where it comes from.
        licence: under which terms.
        schema: the roles of its columns.
        package: distribution that ships it; None when users bring the file.
        resource: path of the file inside that distribution.
        resources: instead of `resource`, one file per series; `schema.series` names the column made
            of the keys.
        file: path under the folder of FORECAST_DATA, for data without package.
        get: how to get that file.
        frequency: pandas alias.
        season: steps; 1 means none.
        split: where tests begin: a date, a row (negative from the end) or a fraction.
    """

    name: str
    title: str
    source: str
    licence: str
    schema: Schema
    package: str | None = None
    resource: str | None = None
    resources: Mapping[str, str] = field(default_factory=dict)
    file: str | None = None
    get: str | None = None
    frequency: str | None = None
    season: int = 1
    split: str | int | float | None = None


def card_folder() -> Path:
    """The folder of the cards: inside the package when installed, `datasets` in a checkout."""
    package = Path(__file__).resolve().parents[1]
    return next(
        (folder for folder in (package / "cards", package.parent / "datasets") if folder.is_dir()),
        package / "cards",
    )


def cards(folder: Path | None = None) -> dict[str, Card]:
    """All cards by name.

    Args:
        folder: holds <name>/card.toml; the folder of the package when None.

    Raises:
        SettingsError: a card cannot be read.
    """
    paths = sorted((folder or card_folder()).glob("*/card.toml"))
    found = [_read_card(path) for path in paths]
    return {card.name: card for card in found}


def _read_card(path: Path) -> Card:
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        roles = table.pop("schema", {})
        table.setdefault("name", path.parent.name)
        known = [item.name for item in fields(Card) if item.name != "schema"]
        unknown = [key for key in table if key not in known]
        if unknown:
            raise SettingsError(f"{path}: unknown key {unknown[0]!r}{did_you_mean(unknown[0], known)}")
        return Card(schema=Schema(**roles), **table)
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise SettingsError(f"{path}: this card cannot be read: {error}") from None


def read_dataset(name_or_path: str | Path, schema: Schema | None = None, folder: Path | None = None) -> Panel:
    """Read a data set by name, or a CSV file by path.

    Args:
        name_or_path: name of a card, or a file.
        schema: roles of the columns; those of the card (or none, for a file) when None.
        folder: holds the cards; the folder of the package when None.

    Raises:
        SettingsError: neither a card nor a file, or a card whose data is not there (and how to get it).
        DataError: the file cannot be used.
    """
    known = cards(folder)
    card = known.get(str(name_or_path))
    if card is None:
        path = Path(name_or_path)
        if path.suffix or len(path.parts) > 1 or path.exists():
            return read_csv(path, schema or Schema())
        hint = did_you_mean(str(name_or_path), list(known))
        raise SettingsError(f"{str(name_or_path)!r} is neither a file nor a known data set{hint}")
    schema = schema or card.schema
    if card.resources:
        return from_frame(_join(card, schema), schema, f"data set {card.name}")
    return read_csv(locate(card), schema)


def locate(card: Card) -> Path:
    """The file of a card.

    Raises:
        SettingsError: it is not there, and what to do.
    """
    if card.resource:
        return _in_package(card, card.resource)
    folder = os.environ.get(FOLDER_VARIABLE)
    path = Path(folder or ".") / (card.file or "")
    if card.file and folder and path.is_file():
        return path
    where = f"{path} is not there" if folder else f"the environment variable {FOLDER_VARIABLE} names no folder"
    raise SettingsError(f"data set {card.name!r} is not shipped, and {where}. {card.get or ''}".rstrip())


def _in_package(card: Card, resource: str) -> Path:
    """A file of an installed package, found without importing the package."""
    module, _, rest = resource.partition("/")
    spec = importlib.util.find_spec(module)
    places = list(spec.submodule_search_locations or []) if spec else []
    path = next((place / rest for place in map(Path, places) if (place / rest).is_file()), None)
    if path is None:
        why = f"{resource} is missing from it" if places else "which is not installed"
        raise SettingsError(
            f"data set {card.name!r} comes with the package {card.package}, {why}: "
            "pip install 'forecast-recurrent[demo]'"
        )
    return path


def _join(card: Card, schema: Schema) -> pd.DataFrame:
    """One frame of several files, with the series column made of their keys."""
    if schema.series is None:
        raise SettingsError(
            f"data set {card.name!r} has one file per series: name the column of their ids in the schema"
        )
    roles = replace(schema, series=None)
    parts = [
        open_table(_in_package(card, path), roles).frame.assign(**{schema.series: key})
        for key, path in card.resources.items()
    ]
    return pd.concat(parts, ignore_index=True)
