"""Describe a file before anything is done with it: what was understood, what is wrong, where to start."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.data import checks
from forecast.data.codes import MOST, encode
from forecast.data.files import MISSING
from forecast.data.joined import PARTS
from forecast.data.panel import Panel
from forecast.data.readers import Analysis, analyse, frame_table, open_table, panel_of
from forecast.data.roles import UNNAMED, is_constant, series_candidates
from forecast.data.rows import day, gaps
from forecast.data.schema import Schema
from forecast.data.season import suggest

PREFERRED = ("y", "target", "value", "close", "adj close", "adjclose", "price", "sales", "load", "ot")


@dataclass(frozen=True)
class Description:
    """What was understood of a table.

    Args:
        source: the file.
        rows: how many rows it has.
        columns: names of its columns.
        time: the time column; None when there is none.
        first: its earliest time, as text.
        last: its latest time, as text.
        frequency: pandas alias.
        calendar: the same in words.
        gaps: stamps that the calendar expects and the data lacks.
        longest_gap: the longest run of them.
        duplicates: rows with the series and time of another row.
        series_column: the column that names the series; None for a single series.
        series_guessed: whether that column was guessed rather than named.
        series: number of series.
        shortest: rows of the shortest series.
        longest: rows of the longest series.
        missing: missing cells by column, where there are any.
        texts: names that columns of text hold, by column; covariates of categories, if they repeat.
        constant: columns that never change.
        candidates: columns that could be forecast.
        target: the one the suggestion is for; None when there is none.
        season: measured on that column; 1 means none.
        context: steps to see, as a start.
        horizon: steps to forecast, as a start.
        problems: what `forecast compare` would refuse.
        report: what it would repair or note.
        command: what to type next.
    """

    source: str
    rows: int
    columns: tuple[str, ...]
    time: str | None
    first: str | None
    last: str | None
    frequency: str | None
    calendar: str | None
    gaps: int
    longest_gap: int
    duplicates: int
    series_column: str | None
    series_guessed: bool
    series: int
    shortest: int
    longest: int
    missing: dict[str, int]
    texts: dict[str, int]
    constant: tuple[str, ...]
    candidates: tuple[str, ...]
    target: str | None
    season: int | None
    context: int | None
    horizon: int | None
    problems: tuple[str, ...]
    report: tuple[str, ...]
    command: str

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, for json.dumps."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def to_text(self) -> str:
        """Aligned lines for people."""
        lines = [self.source, *(f"  {name:<11} {value}" for name, value in self._lines())]
        lines += [f"  {'note':<11} {sentence}" for sentence in self.report]
        if self.problems:
            lines += [
                "",
                "forecast compare would refuse this:",
                *(f"  - {problem}" for problem in self.problems),
            ]
        return "\n".join([*lines, "", "next:", f"  {self.command}"])

    def _lines(self) -> Iterator[tuple[str, str]]:
        yield "rows", f"{self.rows:,} in {len(self.columns)} columns: {_list(self.columns)}"
        yield (
            "time",
            f"{self.time}, {self.first} to {self.last}" if self.first else (self.time or "none found"),
        )
        if self.calendar:
            yield "frequency", f"{self.frequency}: {self.calendar}"
            longest = f", at most {self.longest_gap:,} in a row" if self.gaps > 1 else ""
            yield "gaps", f"{self.gaps:,} absent stamps{longest}" if self.gaps else "none"
            yield "duplicates", f"{self.duplicates:,} rows" if self.duplicates else "none"
        yield "series", self._series()
        missing = [f"{name} {count:,}" for name, count in self.missing.items()]
        yield "missing", _list(missing) if missing else "none"
        if self.texts:
            texts = [f"{name} ({count:,} names)" for name, count in self.texts.items()]
            yield "text", f"{_list(texts)}: covariates for --past, if you like"
        yield "constant", _list(self.constant) if self.constant else "none"
        yield "targets", f"{_list(self.candidates)} (candidates)" if self.candidates else "none found"
        if self.season is not None:
            yield (
                "season",
                f"{self.season} steps (measured on {self.target})" if self.season > 1 else "none found",
            )
            yield "suggested", f"context {self.context}, horizon {self.horizon}"

    def _series(self) -> str:
        lengths = f"{self.shortest:,}" if self.shortest == self.longest else f"{self.shortest:,} to {self.longest:,}"
        if self.series_column is None:
            return "1"
        guessed = f" (guessed; say --series {shlex.quote(self.series_column)})" if self.series_guessed else ""
        return f"{self.series:,} in column {self.series_column}{guessed}, {lengths} rows each"


def _list(names: tuple[str, ...] | list[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def describe(data: str | Path | pd.DataFrame, schema: Schema | None = None) -> Description:
    """Describe a CSV file or a frame, whether it can be used or not.

    Args:
        data: the file or frame.
        schema: the roles that are known; the rest is guessed and said to be.

    Raises:
        DataError: the file cannot even be opened as CSV.

    Example:
        >>> days = pd.date_range("2024-01-01", periods=60, name="day")
        >>> found = describe(pd.DataFrame({"y": np.arange(60.0) % 7}, index=days))
        >>> found.season, found.horizon, found.command
        (7, 7, 'forecast compare FILE.csv --target y --horizon 7')
    """
    schema = schema or Schema()
    analysis, guessed = _analyse(data, schema)
    named = shlex.quote(str(data)) if not isinstance(data, pd.DataFrame) else "FILE.csv"
    candidates = analysis.schema.targets
    target = _likely_target(candidates)
    panel = _usable(analysis, target)
    suggestion = suggest(panel) if panel is not None and target else None
    absent = gaps(analysis.rows.once(), panel.calendar) if analysis.rows is not None and panel is not None else None
    frame = analysis.table.frame
    lengths = panel.lengths if panel is not None else np.array([len(frame)])
    return Description(
        source=analysis.table.source,
        rows=len(frame),
        columns=tuple(frame.columns),
        time=analysis.schema.time,
        first=day(panel.times.min()) if panel is not None else None,
        last=day(panel.times.max()) if panel is not None else None,
        frequency=panel.calendar.alias if panel is not None else None,
        calendar=str(panel.calendar) if panel is not None else None,
        gaps=absent.missing if absent else 0,
        longest_gap=absent.longest if absent else 0,
        duplicates=int(analysis.rows.doubled.sum()) if analysis.rows is not None else 0,
        series_column=analysis.schema.series,
        series_guessed=guessed,
        series=len(panel.series) if panel is not None else 1,
        shortest=int(lengths.min()),
        longest=int(lengths.max()),
        missing=_missing(frame, analysis.schema),
        texts=_texts(frame, analysis.schema),
        constant=tuple(name for name in frame.columns if is_constant(frame[name])),
        candidates=candidates,
        target=target,
        season=suggestion.season if suggestion else None,
        context=suggestion.context if suggestion else None,
        horizon=suggestion.horizon if suggestion else None,
        problems=analysis.problems,
        report=tuple(note for note in analysis.report if not note.startswith(UNNAMED)),
        command=_command(named, schema, analysis.schema, target, suggestion.horizon if suggestion else None),
    )


def _analyse(data: str | Path | pd.DataFrame, schema: Schema) -> tuple[Analysis, bool]:
    """Analyse; when a text column tells rows of one time apart, once more with that as series."""

    def look(roles: Schema) -> Analysis:
        if isinstance(data, pd.DataFrame):
            return analyse(frame_table(data, "the frame"), roles)
        return analyse(open_table(data, roles, whole=True), roles)

    analysis = look(schema)
    if schema.series is not None or analysis.rows is None or not analysis.rows.doubled.any():
        return analysis, False
    frame = analysis.table.frame
    names = series_candidates(analysis.table, analysis.schema, analysis.rows)
    texts = [name for name in names if not checks.is_number(frame[name])]
    return (look(replace(schema, series=texts[0])), True) if texts else (analysis, False)


def _likely_target(candidates: tuple[str, ...]) -> str | None:
    """The candidate with the most usual name, else the first that is no part of a date."""
    usual = [name for word in PREFERRED for name in candidates if name.lower() == word]
    return next((name for name in (*usual, *candidates) if name.lower() not in PARTS), None)


def _usable(analysis: Analysis, target: str | None) -> Panel | None:
    """A panel of one target and of the first row of each time, for measuring; None without rows."""
    if analysis.rows is None:
        return None
    channel = list(analysis.schema.channels).index(target) if target else None
    values = analysis.values[:, [channel] if channel is not None else []][~analysis.rows.doubled]
    values = np.where(np.isfinite(values), values, np.nan)
    schema = Schema(time=analysis.schema.time, targets=(target,) if target else (), series=analysis.schema.series)
    return panel_of(analysis.rows.once(), values, np.zeros((len(analysis.rows.series), 0)), schema, ())


def _missing(frame: pd.DataFrame, schema: Schema) -> dict[str, int]:
    texts = _text_columns(frame, schema)
    absent = {name: MISSING if name in texts else ("",) for name in frame.columns}
    counts = {name: int((frame[name].isna() | frame[name].isin(words)).sum()) for name, words in absent.items()}
    return {name: count for name, count in counts.items() if count}


def _texts(frame: pd.DataFrame, schema: Schema) -> dict[str, int]:
    """How many names stand in columns of text that could be categories."""
    counts = {name: len(encode(frame[name])[1]) for name in _text_columns(frame, schema)}
    return {name: count for name, count in counts.items() if 1 < count <= MOST}


def _text_columns(frame: pd.DataFrame, schema: Schema) -> list[str]:
    named = {schema.time, schema.series, *schema.targets}
    return [name for name in frame.columns if name not in named and not checks.is_number(frame[name])]


def _command(named: str, asked: Schema, found: Schema, target: str | None, horizon: int | None) -> str:
    words = ["forecast compare", named]
    words += ["--time", shlex.quote(asked.time)] if asked.time else []
    words += ["--target", shlex.quote(target)] if target else ["--target", "COLUMN"]
    words += ["--series", shlex.quote(found.series)] if found.series else []
    lists = {"--past": asked.past, "--future": asked.future, "--categorical": asked.categorical}
    lists |= {"--holidays": (asked.holidays or "",), "--exchange": (asked.exchange or "",)}
    words += [f"{flag} {shlex.quote(','.join(names))}" for flag, names in lists.items() if any(names)]
    words += [asked.format.flags()] if asked.format.flags() else []
    return " ".join([*words, "--horizon", str(horizon) if horizon else "STEPS"])
