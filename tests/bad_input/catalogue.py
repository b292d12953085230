"""Bad input, case by case: the bytes of a file, what is told about it, and what has to come out.

A case reads as values (with phrases that have to stand in the report), or is refused (with phrases of the message, in
which file, row, column, text and remedy are named). Numbers in `row` are those of the project's catalogue of bad input.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from forecast.data.format import Format
from forecast.data.readers import read_csv
from forecast.data.schema import Schema
from forecast.errors import DataError, ForecastError

NONE = float("nan")


@dataclass(frozen=True)
class Case:
    """One file.

    Args:
        name: what is wrong with it.
        content: its bytes.
        says: phrases of the report, or of the error.
        reads: values of the first target in the order of the panel; None: the file is refused.
        first: the first time, where it matters.
        schema: roles and format that are told.
        repair: whether reading it takes a repair, which strict readers refuse.
        file: its name.
    """

    name: str
    content: bytes
    says: tuple[str, ...] = ()
    reads: list[float] | None = None
    first: str | None = None
    schema: Schema = field(default_factory=Schema)
    repair: bool = False
    file: str = "data.csv"


def fault(case: Case, folder: Path) -> str | None:
    """What a reader does otherwise than the case says; None where all is well."""
    path = folder / case.file
    path.write_bytes(case.content)
    try:
        panel = read_csv(path, case.schema)
    except ForecastError as error:
        return _wrong_error(case, path, error)
    if case.reads is None:
        return f"was read as {panel.values[:, 0].tolist()[:6]}, report {panel.report}"
    values = np.where(panel.observed[:, 0], panel.values[:, 0], np.nan)
    if len(values) != len(case.reads) or not np.allclose(values, case.reads, equal_nan=True, rtol=1e-12, atol=0):
        return f"reads {values.tolist()[:8]} and not {case.reads[:8]}; report {panel.report}"
    if case.first is not None and panel.times[0] != np.datetime64(case.first):
        return f"begins at {panel.times[0]} and not at {case.first}"
    text = "\n".join(panel.report)
    absent = [phrase for phrase in case.says if phrase not in text]
    if absent:
        return f"does not say {absent[0]!r}; it says {panel.report}"
    again = read_csv(path, panel.schema)
    if not np.array_equal(again.values, panel.values, equal_nan=True) or (again.times != panel.times).any():
        return "is read differently with the schema of its own panel"
    return _wrong_strictness(case, path)


def _wrong_error(case: Case, path: Path, error: ForecastError) -> str | None:
    text = str(error)
    if case.reads is not None:
        return f"was refused: {text}"
    if isinstance(error, DataError) and not text.startswith(str(path)):
        return f"the message does not name the file: {text}"
    absent = [phrase for phrase in case.says if phrase not in text]
    return f"does not say {absent[0]!r}; it says {text}" if absent else None


def _wrong_strictness(case: Case, path: Path) -> str | None:
    try:
        strict = replace(case.schema, format=replace(case.schema.format, strict=True))
        read_csv(path, strict)
    except DataError as error:
        return None if case.repair and "--strict refuses" in str(error) else f"strict: {error}"
    return "a strict reader takes it although it needs a repair" if case.repair else None


def daily(*cells: object, header: str = "date,y", start: str = "2024-01-01", mark: str = ",") -> str:
    """A small daily file."""
    days = np.datetime64(start) + np.arange(len(cells))
    return (
        mark.join(header.split(","))
        + "\n"
        + "".join(f"{day}{mark}{cell}\n" for day, cell in zip(days, cells, strict=True))
    )


def stamped(*stamps: object, header: str = "date,y") -> str:
    """A small file with these stamps and the values 1, 2, 4, 8 ..."""
    return header + "\n" + "".join(f"{stamp},{2**i}\n" for i, stamp in enumerate(stamps))


def long(count: int, change: dict[int, object] | None = None) -> str:
    """A daily file with `count` values, some of them changed."""
    y = np.round(100 + np.cumsum(np.random.default_rng(5).normal(size=count)), 2)
    return daily(*[(change or {}).get(i, f"{value:.2f}") for i, value in enumerate(y)])


def packed(text: str, name: str = "data.csv", more: tuple[str, ...] = ()) -> bytes:
    """A zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for entry in (name, *more):
            archive.writestr(entry, text)
    return stream.getvalue()


def parquet() -> bytes:
    stream = io.BytesIO()
    pd.DataFrame({"date": pd.date_range("2024-01-01", periods=3), "y": [1.0, 2.0, 4.0]}).to_parquet(stream)
    return stream.getvalue()


def told(schema: Schema | None = None, **fields: object) -> Schema:
    """A schema with a format."""
    return replace(schema or Schema(), format=Format(**fields))


Y = Schema(targets=["y"])
TIMED = Schema(time="date", targets=["y"])
POWERS = [1.0, 2.0, 4.0, 8.0]
GOOD = daily(1, 2, 4, 8)
