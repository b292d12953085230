"""The page for people that goes with a saved forecaster: what it is, what it was fitted on, how to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forecast.forecasters.provenance import Provenance

SHOWN = 20
TOLD = ("sizes", "series", "categories", "fitted_on", "fitted_levels", "parts", "window")
"""Entries of a configuration that are told in words, or that nobody reads."""


def page(
    config: Mapping[str, Any], provenance: Provenance, parameters: int, live: bool, made: Mapping[str, str]
) -> str:
    """card.md of a saved forecaster.

    Args:
        config: its settings, as in config.json.
        parameters: trained numbers.
        live: whether a live state goes with it.
        made: versions of the libraries.
    """
    window, schema = config["window"], provenance.schema
    context, horizon = window["context"], window["horizon"]
    lines = [
        f"# {_title(config)}",
        "",
        f"Forecasts {_list(schema.targets)} {horizon} steps ahead from {context} steps of context; "
        f"{parameters:,} trained numbers.",
        "",
        f"Fitted on {provenance.words} (fingerprint {provenance.data[:16]}).",
        *(["", _line(provenance.note)] if provenance.note else []),
        "",
        "## Columns",
        "",
        *(f"- {role}: {_list(names)}" for role, names in schema.roles().items() if names),
        *([f"- categories: {_list(schema.categorical)}"] if schema.categorical else []),
        *([f"- computed from the dates: {_list(schema.computed)}"] if schema.computed else []),
        "",
        "## Use",
        "",
        "```python",
        "import forecast as fc",
        "",
        *_use(live),
        "```",
        "",
        f"or `forecast {'update' if live else 'predict'} FOLDER NEW_ROWS.csv`.",
        "",
        "## Settings",
        "",
        *_settings(config, ""),
        "",
        f"Made with {', '.join(f'{name} {number}' for name, number in made.items())}.",
        "",
        "Loading runs no code of this folder. manifest.json holds the SHA-256 of every file, of this page too: a file",
        "that is changed by hand is refused. Sums tell of damage, not of who made a file.",
    ]
    return "\n".join(lines) + "\n"


def _title(config: Mapping[str, Any]) -> str:
    """What it is, in a line."""
    kind = str(config["kind"])
    if kind == "recurrent":
        cell = config["architecture"]["cell"] or "a cell of its author's own"
        return f"Recurrent network: {cell}, {config['architecture']['hidden_size']} numbers of state"
    parts = [_title(part) for part in config.get("parts", {}).values()]
    many = f" of {len(parts)}" if len(parts) > 1 else ""
    return f"{kind.replace('-', ' ').capitalize()}{many}{': ' if parts else ''}{'; '.join(parts)}"


def _use(live: bool) -> list[str]:
    if live:
        return [
            'live = fc.load_live("FOLDER")',
            "live.update(rows)  # mappings, a frame or a panel",
            "print(live.forecast().to_frame())",
        ]
    return [
        'saved = fc.load("FOLDER")',
        'panel = fc.read_csv("NEW_ROWS.csv", saved.schema)',
        "print(saved.model.predict(panel).to_frame())",
    ]


def _settings(config: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for name, value in config.items():
        if name in TOLD or value in (None, [], ()) or (name == "kind" and "window" in config):
            continue
        if isinstance(value, Mapping):
            lines += [f"{indent}- {name}:", *_settings(value, indent + "  ")]
        else:
            lines.append(f"{indent}- {name}: {_list(value) if isinstance(value, list | tuple) else value}")
    for name, part in config.get("parts", {}).items():
        lines += [f"{indent}- part {_line(name)} ({part['kind']}):", *_settings(part, indent + "  ")]
    return lines or [f"{indent}- none"]


def _list(names: Sequence[object]) -> str:
    shown = ", ".join(f"`{_line(str(name))}`" for name in names[:SHOWN])
    return f"{shown}, and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


def _line(text: str) -> str:
    """A text from outside on one line, without what would begin markup of its own."""
    return "".join(letter if letter.isprintable() else " " for letter in text).replace("`", "'").replace("<", "&lt;")
