"""Tables and settings: TOML in and out, checked against the types of frozen dataclasses."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import date, time
from pathlib import Path
from types import NoneType, UnionType
from typing import Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from forecast.errors import SettingsError, did_you_mean
from forecast.work.plain import read_plain

T = TypeVar("T")
Table = dict[str, object]
MOST_TOML = 128 << 10
DOTTED = re.compile(r"(?<![\w-])(?:[\w-]++\s*+\.\s*+){20}")


def settings(cls: type[T], table: Mapping[str, object], where: str) -> T:
    """Make a settings dataclass of a table; unknown keys and wrong types are refused by name.

    Types are taken as TOML has them: nothing is guessed from text, so that a column may be called "null" or "1".

    Args:
        cls: a frozen dataclass of plain fields: numbers, text, truth values, tuples of text, literals, unions.
        where: name of the table, for messages.

    Example:
        >>> from forecast.windows.window import Window
        >>> settings(Window, {"context": 24, "horizon": 6}, "window")
        Window(context=24, horizon=6, stride=1)
        >>> settings(Window, {"context": 24, "horizn": 6}, "window")
        Traceback (most recent call last):
        ...
        forecast.errors.SettingsError: window: no setting 'horizn'; did you mean 'horizon'?
        >>> settings(Window, {"context": "24", "horizon": 6}, "window")
        Traceback (most recent call last):
        ...
        forecast.errors.SettingsError: window.context = "24": a whole number is needed
    """
    hints = get_type_hints(cls)
    plain = fields(cls)  # type: ignore[arg-type]
    known = [field.name for field in plain]
    for key in table:
        if key not in known:
            raise SettingsError(f"{where}: no setting {key!r}{did_you_mean(key, known)}")
    for field in plain:
        if field.name not in table and field.default is MISSING and field.default_factory is MISSING:
            raise SettingsError(f"{where}: {field.name!r} is missing")
    return cls(**{key: _checked(value, hints[key], f"{where}.{key}") for key, value in table.items()})


def _checked(value: object, hint: object, where: str) -> object:
    for choice in get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,):
        if _fits(value, choice):
            return tuple(value) if isinstance(value, list) else value
    raise SettingsError(f"{where} = {json.dumps(value, ensure_ascii=False, default=str)}: {_words(hint)} is needed")


def _fits(value: object, hint: object) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is tuple:
        return isinstance(value, list | tuple) and all(_fits(item, get_args(hint)[0]) for item in value)
    if get_origin(hint) is Mapping:
        plain = get_args(get_args(hint)[1])
        return isinstance(value, Mapping) and all(any(_fits(v, choice) for choice in plain) for v in value.values())
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return value is None if hint is NoneType else isinstance(value, hint) if isinstance(hint, type) else False


def _words(hint: object) -> str:
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_words(choice) for choice in get_args(hint) if choice is not NoneType)
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(json.dumps(choice) for choice in get_args(hint))
    if get_origin(hint) is tuple:
        kinds = {int: "whole numbers", float: "numbers"}
        return f"a list of {kinds.get(get_args(hint)[0], 'texts')} in brackets"
    if get_origin(hint) is Mapping:
        return "a table of names and values"
    return {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}.get(hint, str(hint))  # type: ignore[call-overload]


def read_toml(path: str | Path) -> Table:
    """Read a TOML file; dates become text.

    Raises:
        SettingsError: missing, unreadable, more than 128 KiB, or not TOML (says the line).
    """
    try:
        text = read_plain(Path(path), MOST_TOML, links=True).decode("utf-8")
        if DOTTED.search(text):
            raise SettingsError(f"{path}: a key of more than 20 parts; settings have a few")
        return {key: _plain(value) for key, value in tomllib.loads(text).items()}
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not a text in UTF-8 ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not a TOML file: {error}") from error
    except RecursionError as error:
        raise SettingsError(f"{path}: lists and tables nest deeper than settings do") from error
    except ValueError as error:  # no plain file, too large, a number of more digits than there are
        raise SettingsError(f"{path}: {error}") from error


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value.isoformat() if isinstance(value, date | time) else value


def override(
    table: Table, assignments: Sequence[str], flag: str = "--set", example: str = "forecasters.gru.hidden_size=128"
) -> Table:
    """Change entries by dotted name: `forecasters.gru.hidden_size=128`.

    Values are read as TOML, and as text where they are not TOML.

    Args:
        flag: whose values these are, for messages; `example` shows one.

    Example:
        >>> override({"window": {"context": 24}}, ["window.context=48", "since=2020-01-01"])
        {'window': {'context': 48}, 'since': '2020-01-01'}
    """
    changed = json.loads(json.dumps(table))
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name.strip():
            raise SettingsError(f"{flag} {assignment!r}: write NAME=VALUE, such as {example}")
        *path, last = name.strip().split(".")
        place = changed
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise SettingsError(f"{flag} {assignment!r}: {part!r} is a value, not a table")
        place[last] = _value(text.strip())
    return changed


def _value(text: str) -> object:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return text if isinstance(value, date | time) else value


def write_toml(table: Mapping[str, object], header: str = "") -> str:
    """A table as TOML text; entries that are None or empty lists are left out.

    Example:
        >>> print(write_toml({"data": "prices.csv", "window": {"context": 24}}))
        data = "prices.csv"
        <BLANKLINE>
        [window]
        context = 24
        <BLANKLINE>
    """
    return header + "\n".join(_lines(table, ())).lstrip("\n") + "\n"


def _lines(table: Mapping[str, object], path: tuple[str, ...]) -> list[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"{_key(key)} = {_text(value)}" for key, value in plain.items() if value not in (None, [], ())]
    nested = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    if path and (lines or not nested):
        lines = ["", "[" + ".".join(map(_key, path)) + "]", *lines]
    for key, value in nested.items():
        lines += _lines(value, (*path, key))
    return lines


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # the one character JSON leaves bare


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else _text(name)
