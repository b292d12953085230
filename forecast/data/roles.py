"""Roles: which column of a table plays which part, where the schema leaves it open."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from forecast.data import checks, codes, timestamps
from forecast.data.checks import Findings
from forecast.data.joined import CLOCK, PARTS, PLUS, calendar_parts, clock_beside
from forecast.data.outline import SAMPLE
from forecast.data.rows import Rows
from forecast.data.schema import Schema
from forecast.data.tables import Table
from forecast.errors import did_you_mean

STEPS = 8  # columns of numbers from which a row is taken for a series
UNNAMED = "targets were not named"


def resolve(table: Table, schema: Schema, found: Findings) -> Schema:
    """Fill in time and targets; drop (and report) names the table does not have."""
    columns = tuple(dict.fromkeys([*(table.outline.header if table.outline else ()), *table.frame.columns]))
    unknown = {name for names in schema.roles().values() for name in names} - set(columns)
    for role, names in schema.roles().items():
        for name in names:
            if name in unknown:
                found.problems.append(f"there is no column {name!r} ({role}){did_you_mean(name, columns)}")
    time = schema.time if schema.time not in unknown else None
    if time is None and schema.time is None:
        found.problems.append(_no_time(table, schema))
    kept = {
        role: tuple(n for n in getattr(schema, role) if n not in unknown)
        for role in ("targets", "past", "future", "static")
    }
    series = schema.series if schema.series not in unknown else None
    known = replace(
        _categorical(schema, kept, found),
        time=time,
        targets=kept["targets"],
        series=series,
        past=kept["past"],
        future=kept["future"],
        static=kept["static"],
    )
    known = with_text(table, known, found)
    return known if schema.targets else replace(known, targets=_all_numeric(table, known, found))


def _categorical(schema: Schema, kept: dict[str, tuple[str, ...]], found: Findings) -> Schema:
    """The schema with those categorical columns only that play a part."""
    used = {name for names in kept.values() for name in names}
    single = {name: role for role, name in (("time", schema.time), ("series", schema.series)) if name is not None}
    wanted = {name for names in schema.roles().values() for name in names}
    for name in schema.categorical:
        if name in single:
            found.problems.append(
                f"categorical column {name!r} is the {single[name]} column, which is no input; leave it out, or copy "
                "it to a column with a part of its own (a static one, say)"
            )
        elif name not in wanted:
            found.problems.append(
                f"categorical column {name!r} plays no part; name it as a target, or as past, future or static too"
            )
    place = [i for i, name in enumerate(schema.categorical) if name in used]
    names = tuple(schema.categorical[i] for i in place)
    known = tuple(schema.categories[i] for i in place) if schema.categories else ()
    return replace(schema, categorical=names, categories=known)


def with_text(table: Table, schema: Schema, found: Findings) -> Schema:
    """The schema with covariates that hold nothing but repeated text taken as categorical, which is reported."""
    for role in ("past", "future", "static"):
        for name in getattr(schema, role):
            if name not in schema.categorical and (count := codes.repeated_text(table.frame[name])):
                found.notes.append(f"{role} column {name!r} holds text: taken as categorical ({count} categories)")
                known = (*schema.categories, ()) if schema.categories else ()
                schema = replace(schema, categorical=(*schema.categorical, name), categories=known)
    return schema


def _no_time(table: Table, schema: Schema) -> str:
    """Why no column can be the time column, quoting the likeliest one."""
    table = replace(table, frame=table.whole())
    taken = {name for names in schema.roles().values() for name in names}
    free = [name for name in table.frame.columns if name not in taken] or list(table.frame.columns)
    parts = [name for name in free if name.strip().lower() in PARTS]
    if len(parts) > 1:
        return f"no column holds timestamps; name the columns of its parts, as in --time {PLUS.join(parts)}"
    if of_one_row := _series_by_row(table.frame, free):
        return of_one_row
    ranks = {name: rank for name in free if (rank := timestamps.name_rank(name)) is not None}
    likely = min(ranks, key=lambda name: ranks[name]) if ranks else free[0]
    stamps = timestamps.parse(table.frame[likely])
    where = f"has {table.quote(likely, stamps.bad[:1])}" if len(stamps.bad) else "is empty"
    which = "the likeliest column" if ranks else "the first column"
    reason = stamps.problem or timestamps.REMEDY
    choose = "or name the column with --time COLUMN"
    return f"no column holds timestamps; {which}, {likely!r}, {where}: {reason}; {choose}"


def _series_by_row(frame: pd.DataFrame, free: list[str]) -> str | None:
    """What to do about a table with a series in every row, as those of the M competitions are; None for others."""
    name, rest = free[0], free[1:]
    named = len(rest) >= STEPS and not checks.is_number(frame[name]) and frame[name].is_unique
    if not named or not all(checks.is_number(frame[step]) for step in rest):
        return None
    return (
        f"no column holds timestamps: each row seems to be a series, {name!r} its name and the columns {rest[0]!r} to "
        f"{rest[-1]!r} its steps. A row for every value is needed; in Python: long = pandas.read_csv(FILE)"
        f".melt({name!r}, var_name='step', value_name='y').dropna(); "
        f"long['step'] = long.groupby({name!r}).cumcount(); long.to_csv('long.csv', index=False); "
        f"then use --series {shlex.quote(name)} --time step --date-unit day --target y"
    )


def _all_numeric(table: Table, schema: Schema, found: Findings) -> tuple[str, ...]:
    """Every numeric column without a role; says which were left out and why."""
    taken = {name for names in schema.roles().values() for name in names}
    useful, broken = [], []
    for name in table.frame.columns:
        if name in taken:
            continue
        if not checks.is_number(table.frame[name]):
            broken += [text] if (text := _almost_numeric(table, name)) else []
        elif reason := _useless(table, name):
            found.notes.append(f"column {name!r} {reason}: left out")
        else:
            useful.append(name)
    if useful:
        found.notes.extend(broken)
        found.notes.append(f"{UNNAMED}: took {', '.join(useful)}")
    else:
        found.problems.append(_no_target(table, schema, broken))
    return tuple(useful)


def _no_target(table: Table, schema: Schema, broken: list[str]) -> str:
    """Why no column can be a target of its own accord, and how one is made a target all the same."""
    texts = [text.replace(": left out", "") for text in broken]
    if texts:
        return "; ".join(["there is no numeric column to forecast", *texts, "name one with --target COLUMN"])
    taken = {name for names in schema.roles().values() for name in names}
    free = [name for name in table.frame.columns if name not in taken]
    still = [name for name in free if checks.is_number(table.frame[name]) and not table.frame[name].isna().all()]
    if still:
        return f"there is no numeric column that changes; take one all the same with --target {shlex.quote(still[0])}"
    words = [name for name in free if codes.repeated_text(table.frame[name])]
    if words:
        name = shlex.quote(words[0])
        return (
            f"there is no numeric column to forecast; the names in {words[0]!r} can be, as categories: --target {name} "
            f"--categorical {name}"
        )
    if free:
        shown = table.quote(free[0], np.array([0]))
        return (
            f"there is no numeric column to forecast; {free[0]!r} has {shown}: write numbers alone into the column to "
            "be forecast, such as 12.5 (units and signs of currencies in all cells are taken off), and name it with "
            "--target"
        )
    return "there is no column to forecast: the file needs one of numbers beside its times"


def _almost_numeric(table: Table, name: str) -> str | None:
    """Describe a text column most cells of which are numbers."""
    values, bad = checks.numbers(table.frame[name], table.decimal)
    if not 0 < len(bad) < np.isfinite(values).sum():
        return None
    quoted = table.quote(name, bad, 3)
    remedy = checks.remedy_for(table.frame[name].iloc[bad])
    text = f"column {name!r} has {len(bad):,} of {len(values):,} cells that are not numbers ({quoted})"
    return f"{text}: left out" + (f"; {remedy}" if remedy else "")


def _useless(table: Table, name: str) -> str | None:
    """Why a numeric column is no candidate for a target."""
    values, _ = checks.numbers(table.frame[name], table.decimal)
    if name.startswith("Unnamed: "):
        return "has no name"
    if np.isnan(values).all():
        return "is empty"
    if is_constant(table.frame[name]):
        return "never changes"
    counts = values[0] in (0, 1) and (values == np.arange(len(values)) + values[0]).all()
    return "only counts the rows" if counts and name == table.frame.columns[0] else None


def is_constant(column: pd.Series) -> bool:
    """Whether a column has at most one distinct value besides missing ones."""
    return column.nunique() <= 1


def find_time(frame: pd.DataFrame, schema: Schema) -> str | None:
    """The column that holds timestamps: one whose name says so, else the first that parses.

    Columns that hold parts of it (year, month, day, hour; a date and its time) are joined by +.
    """
    taken = {name for role, names in schema.roles().items() if role != "time" for name in names}
    free = [name for name in frame.columns if name not in taken]
    ranked = sorted(free, key=lambda name: rank if (rank := timestamps.name_rank(name)) is not None else 99)
    head = frame.head(SAMPLE)
    found = next((name for name in ranked if timestamps.is_time(head[name], name, schema.format)), None)
    if found is None or found.strip().lower() in PARTS:
        parts = calendar_parts(head, free)
        return PLUS.join(parts) if parts else found
    clock = clock_beside(head, found, free)
    return found if clock is None else PLUS.join([found, clock])


def series_hint(table: Table, schema: Schema, candidates: Sequence[str]) -> str:
    """What to do about doubled times: name the column of the ids, one of the candidates when there are any."""
    if not candidates:
        return "if a column names the series, use --series COLUMN"
    names = " or ".join(f"--series {shlex.quote(name)}" for name in candidates[:3])
    clock = next((name for name in candidates if _is_clock(table, name)), None)
    whole = shlex.quote(f"{schema.time}{PLUS}{clock}")
    join = f"; if {clock!r} is the time of day, use --time {whole} instead" if clock else ""
    return f"is there a column that names the series? use {names}, which makes the rows unique{join}"


def _is_clock(table: Table, name: str) -> bool:
    first = str(table.whole()[name].iloc[0])
    return name.strip().lower() in PARTS or bool(CLOCK.fullmatch(first.strip()))


def series_candidates(table: Table, schema: Schema, rows: Rows) -> tuple[str, ...]:
    """Columns whose values repeat and, with the time, tell all rows apart: text, or else whole numbers."""
    frame = table.whole()
    taken = {schema.time, *schema.past, *schema.future, *schema.static}
    stamps = np.empty(len(rows.times), dtype=np.int64)
    stamps[rows.positions(np.arange(len(stamps)))] = rows.times.astype(np.int64)
    together = int(np.unique(stamps, return_counts=True)[1].max())
    texts, counts = [], []
    for name in frame.columns:
        if name in taken or pd.api.types.is_float_dtype(frame[name]):
            continue
        codes, distinct = pd.factorize(frame[name])
        number = checks.is_number(frame[name])
        if not together <= len(distinct) <= (2 * together if number else len(codes) / 2):
            continue
        if not pd.DataFrame({"id": codes, "time": stamps}).duplicated().any():
            (counts if number else texts).append(str(name))
    return tuple(texts or counts)
