"""Reference entries of the public names, from their docstrings, by the rooms that a page asks for."""

from __future__ import annotations

import re

import forecast
from forecast.evaluation.metrics import Metric


def write(*rooms: str) -> str:
    """Entries of all names whose home is one of these rooms or lies within one."""
    return "\n".join(["```{eval-rst}", ".. currentmodule:: forecast", "", *map(_entry, names_of(rooms)), "```"])


def names_of(rooms: tuple[str, ...]) -> list[str]:
    """Public names at home in these rooms, classes first."""
    within = [name for name in forecast.__all__ if any(_lies(forecast._HOME[name], room) for room in rooms)]
    return sorted(within, key=lambda name: (not isinstance(getattr(forecast, name), type), name.lower()))


def _lies(home: str, room: str) -> bool:
    return home == room or home.startswith(f"{room}.")


def _entry(name: str) -> str:
    value = getattr(forecast, name)
    if isinstance(value, Metric):
        said = _plain(value.description[:1].upper() + value.description[1:])
        return f".. py:data:: {name}\n   :type: Metric\n\n   {said}.\n"
    if isinstance(value, type) and issubclass(value, BaseException):
        return f".. autoexception:: {name}\n   :show-inheritance:\n"
    if isinstance(value, type):
        return f".. autoclass:: {name}\n   :members:\n"
    return f".. autofunction:: {name}\n"


def _plain(line: str) -> str:
    """A line in which |y| stays an absolute value; reStructuredText would look for a substitution."""
    parts = re.split(r"(`+[^`]*`+)", line)
    return "".join(part if part.startswith("`") else part.replace("|", "\\|") for part in parts)


def escape(app: object, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Keep bars of docstrings as they are; examples are left alone."""
    for place, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[place] = _plain(line)


def is_foreign(app: object, what: str, name: str, value: object, skip: bool, options: object) -> bool | None:
    """Leave out what another library put into a class of ours, such as the methods that scikit-learn adds."""
    module = getattr(value, "__module__", None)
    return True if isinstance(module, str) and module.partition(".")[0] not in ("forecast", "builtins") else None
