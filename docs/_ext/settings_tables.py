"""Tables of settings, from the frozen dataclasses that read them: name, meaning, kind and default."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, Field, fields
from importlib import import_module
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

ARGUMENT = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def write(settings: str, *more: str) -> str:
    """A table of the fields of a class.

    Args:
        settings: "forecast.windows.window:Window".
        more: more classes, whose docstrings explain names that its own does not; "-name" leaves a field out.
    """
    cls, also = _class(settings), [each for each in more if not each.startswith("-")]
    told = {name: text for each in (*map(_class, reversed(also)), cls) for name, text in arguments(each).items()}
    hints = get_type_hints(cls)
    shown = [each for each in fields(cls) if f"-{each.name}" not in more]
    rows = [f"| `{each.name}` | {_row(each, kind(hints[each.name]), told.get(each.name, ''))} |" for each in shown]
    return "\n".join(["| setting | meaning |", "|---|---|", *rows])


def _row(field: Field, words: str, text: str) -> str:
    usual = _usual(field)
    text = text[:1].upper() + text[1:]
    return f"{text.rstrip('.')}{'. ' if text else ''}*{words}{'; ' if usual else ''}*{usual}".replace("**", "")


def _class(path: str) -> type:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def arguments(cls: type) -> dict[str, str]:
    """What the section "Args:" of a docstring says of each name, in one line each."""
    _, _, section = (inspect.getdoc(cls) or "").partition("Args:\n")
    section = re.split(r"\n\n|\n(?=\w)", section)[0]
    return {name: " ".join(text.split()).replace("|", "\\|") for name, text in ARGUMENT.findall(section)}


def kind(hint: object) -> str:
    """A type in the words of a settings file."""
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(dict.fromkeys(kind(choice) for choice in get_args(hint) if choice is not NoneType))
    if get_origin(hint) is Literal:
        return ", ".join(f"`{_toml(choice)}`" for choice in get_args(hint))
    if get_origin(hint) is tuple:
        return f"list of {kind(get_args(hint)[0])}s"
    plain = {int: "whole number", float: "number", str: "text", bool: "`true`, `false`"}
    return plain.get(hint, "table")  # type: ignore[call-overload]


def _usual(field: Field) -> str:
    if field.default is MISSING and field.default_factory is MISSING:
        return "must be given"
    value = field.default_factory() if field.default is MISSING else field.default  # type: ignore[misc]
    if value is None or value in ((), {}):
        return ""
    return f"default: `{_toml(value)}`"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def presets() -> str:
    """The names that stand for settings without being told a kind."""
    from forecast.experiment.contestants import KINDS, PRESETS

    kinds = {cls: name for name, cls in KINDS.items()}
    rows = [f"| `{name}` | `{kinds[type(preset)]}` |" for name, preset in PRESETS.items()]
    return "\n".join(["| preset | kind |", "|---|---|", *rows])
