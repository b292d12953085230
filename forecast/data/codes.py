"""Codes: columns of names (text, numbers, truth values) as the numbers 0 .. K - 1, in a stable order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from forecast.data.files import MISSING
from forecast.data.schema import Schema
from forecast.errors import SettingsError

MOST = 1000
"""Categories beyond which text is not taken for categories unless it is declared."""


def encode(column: pd.Series, known: tuple[str, ...] = ()) -> tuple[np.ndarray, tuple[str, ...]]:
    """Codes of a column and the names they stand for.

    Args:
        known: names that keep their codes; new ones follow, in the order of numbers or of the alphabet.

    Returns:
        float64 [row] with NaN where missing, and the names.

    Example:
        >>> codes, names = encode(pd.Series(["N", "E", None, "S"]), known=("S",))
        >>> codes.tolist(), names
        ([2.0, 1.0, nan, 0.0], ('S', 'E', 'N'))
        >>> encode(pd.Series([10.0, 2.0]))[1]
        ('2', '10')
    """
    places, distinct = pd.factorize(column)
    found = [_named(value) for value in distinct.tolist()]
    new = in_order({name for name in found if name is not None} - set(known))
    names = (*known, *new)
    code = {name: float(place) for place, name in enumerate(names)}
    table = np.array([*(np.nan if name is None else code[name] for name in found), np.nan])
    return table[places], names


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names sorted as numbers where all are numbers, else by the alphabet."""
    names = sorted(names)
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(names)


def _named(value: object) -> str | None:
    """The name of a cell; None where it is missing. 3 and 3.0 are one name: a gap turns whole numbers into floats."""
    if isinstance(value, float):
        if value != value:
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    text = str(value).strip()
    return None if value is None or value is pd.NA or text in MISSING else text


def code_of(value: object, names: tuple[str, ...], codes: dict[str, int]) -> float:
    """The code of one cell: NaN where missing, the number of the names where it is none of them.

    Args:
        codes: code of each of the names.

    Example:
        >>> code_of("N", ("E", "N"), {"E": 0, "N": 1}), code_of("W", ("E", "N"), {"E": 0, "N": 1})
        (1.0, 2.0)
    """
    if isinstance(value, np.generic):
        value = value.item()
    name = _named(value)
    return float("nan") if name is None else float(codes.get(name, len(names)))


def repeated_text(column: pd.Series) -> int:
    """How many categories a column of text has; 0 where some cells are numbers, or texts hardly repeat."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return 0
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        return 0
    places, distinct = pd.factorize(column)
    names = pd.Series([value for value in distinct.tolist() if _named(value) is not None], dtype=object)
    if not len(names) or len(names) > MOST or 2 * len(names) > (places >= 0).sum():
        return 0
    if not names.map(lambda value: isinstance(value, str)).all():
        return 0
    return 0 if pd.to_numeric(names, errors="coerce").notna().any() or _truths(names) else len(names)


def _truths(names: pd.Series) -> bool:
    return bool(names.str.lower().isin(["true", "false"]).all())


def coded(values: np.ndarray, static: np.ndarray, schema: Schema) -> tuple[np.ndarray, np.ndarray, Schema]:
    """Arrays with codes in their categorical columns, and the schema with the names.

    Where the schema has no names yet the numbers themselves are names; else they have to be codes.

    Args:
        values: float64 [row, channel].
        static: float64 [series, static covariate].

    Raises:
        SettingsError: a categorical column that is none of the channels, or numbers that are no codes.
    """
    if not schema.categorical:
        return values, static, schema
    values, static, found = values.copy(), static.copy(), []
    for place, name in enumerate(schema.categorical):
        if name not in (*schema.given, *schema.static):
            raise SettingsError(f"categorical column {name!r} is neither a channel nor static; give it a role too")
        table, channel = (static, schema.static) if name in schema.static else (values, schema.given)
        names = schema.categories[place] if schema.categories else ()
        if channel.index(name) >= table.shape[1]:  # static covariates that were left out
            found.append(names)
            continue
        column = table[:, channel.index(name)]
        if not names:
            column[:], names = encode(pd.Series(column))
        elif (np.isfinite(column) & ((column < 0) | (column != np.floor(column)))).any():
            raise SettingsError(f"categorical column {name!r}: codes are whole numbers from 0; its names are {names}")
        found.append(names)
    return values, static, replace(schema, categories=tuple(found))
