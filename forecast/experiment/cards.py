"""Cards: what is known about an embedded data set fills in what was not said. Loads no torch, so describe is quick."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from forecast.data.describe import Description, describe
from forecast.data.embedded import cards, locate
from forecast.data.panel import Panel
from forecast.data.rows import day
from forecast.data.sampled import sampled
from forecast.data.schema import Schema
from forecast.data.spread import describe_blocks


def with_card(data: str, asked: Schema) -> Schema:
    """The roles that were named, completed by the card of an embedded data set."""
    known = cards().get(data)
    if known is None:
        return asked
    card = known.schema
    named = {name for names in asked.roles().values() for name in names}
    kept = {role: tuple(n for n in getattr(card, role) if n not in named) for role in ("past", "future", "static")}
    roles = Schema(
        time=asked.time or card.time,
        targets=asked.targets or card.targets,
        series=asked.series or card.series,
        past=asked.past or kept["past"],
        future=asked.future or kept["future"],
        static=asked.static or kept["static"],
        day_first=asked.day_first,
        holidays=asked.holidays or card.holidays,
        exchange=asked.exchange or card.exchange,
        whole_days=asked.whole_days,
        format=asked.format,
        ranges=asked.ranges,
    )
    played = {*roles.given, *roles.static, *asked.categorical}
    return replace(
        roles, categorical=tuple(n for n in dict.fromkeys((*asked.categorical, *card.categorical)) if n in played)
    )


def described(data: str, schema: Schema) -> Description:
    """Describe a file, or an embedded data set under its name."""
    card = cards().get(data)
    if card is None:
        with sampled(Path(data), schema.format) as sample:
            return describe(data, schema) if sample is None else describe_blocks(data, sample, schema)
    path = locate(card)
    found = describe(path, with_card(data, schema))
    return replace(found, source=f"{data}: {card.title}", command=found.command.replace(shlex.quote(str(path)), data))


def in_words(data: str, panel: Panel) -> str:
    """One line about the data a command works on."""
    many = f"{len(panel.series):,} series, " if len(panel.series) > 1 else ""
    span = f"{day(panel.times.min())} to {day(panel.times.max())}"
    return f"{data}: {many}{len(panel.times):,} rows, {span}; target {', '.join(panel.targets)}"
