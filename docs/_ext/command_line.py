"""The command line, as its own parsers describe it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from forecast.cli import _parser

FLAG = re.compile(r"(?<![\w`-])(--[a-z][\w-]*(?:=[^\s,;)]+)?)")


def write() -> str:
    """A section for each verb: what it does, how it is called, and its arguments by group."""
    parser = _parser()
    verbs = next(each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return "\n".join(line for name, verb in verbs.choices.items() for line in _verb(name, verb))


def _verb(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from (f"## {name}", "", parser.description or "", "", "```text", _usage(parser), "```", "")
    for group in parser._action_groups:
        actions = [each for each in group._group_actions if not isinstance(each, argparse._HelpAction)]
        if actions:
            title = (group.title or "").capitalize().replace("Positional arguments", "Arguments")
            yield from (f"**{title}**", "", "| | meaning |", "|---|---|")
            yield from (f"| {_spelled(each)} | {_told(each, parser)} |" for each in actions)
            yield ""


def _usage(parser: argparse.ArgumentParser) -> str:
    required = [each for each in parser._actions if not each.option_strings]
    return " ".join([parser.prog, "[options]", *(str(each.metavar or each.dest) for each in required)])


def _spelled(action: argparse.Action) -> str:
    names = action.option_strings or [str(action.metavar or action.dest)]
    value = "" if action.nargs == 0 or not action.option_strings else f" {_value(action)}"
    return ", ".join(f"`{name}{value}`" for name in names).replace("|", "\\|")


def _value(action: argparse.Action) -> str:
    if action.metavar:
        return str(action.metavar)
    return "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()


def _told(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    text = FLAG.sub(r"`\1`", text.replace("|", "\\|").replace("<", "&lt;"))
    return text[:1].upper() + text[1:]
