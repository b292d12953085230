"""Categories: the codes of a panel become those of a model, by name.

A panel holds codes 0 .. K - 1 in the order of its schema's categories. A model keeps the names it met in its training
rows; a name it has not met is "unknown" to it, and reported.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from forecast.data.panel import Panel, carry_forward
from forecast.data.schema import Schema
from forecast.errors import DataError, SettingsError, UnknownCategory

Categories = Mapping[str, tuple[str, ...]]
SHOWN = 5


def learned(panel: Panel, steps: np.ndarray) -> dict[str, tuple[str, ...]]:
    """The names of each categorical column that are met in the first `steps` rows of each series.

    A target keeps all names of its panel: they are the labels of what is forecast.
    """
    early = np.arange(len(panel.times)) < np.repeat(panel.offsets[:-1] + steps, panel.lengths)
    found = {}
    for name, names in panel.categories.items():
        if name in panel.targets:
            found[name] = names
            continue
        if name in panel.schema.static:
            met = panel.static[steps > 0, panel.schema.static.index(name)]
        else:
            channel = panel.schema.channels.index(name)
            met = panel.values[early & panel.observed[:, channel], channel]
        codes = np.unique(met[np.isfinite(met)]).astype(np.int64)
        found[name] = tuple(names[code] for code in codes if code < len(names))
    return found


def table(names: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """The model's code of each code of a panel, and of any beyond them: 1 .. K, 0 for unknown; float64 [code + 1].

    Example:
        >>> table(("E", "N", "S"), ("N", "S")).tolist()
        [0.0, 1.0, 2.0, 0.0]
    """
    place = {name: float(i + 1) for i, name in enumerate(known)}
    return np.array([*(place.get(name, 0.0) for name in names), 0.0])


def translated(panel: Panel, categories: Categories) -> Panel:
    """The panel with a model's codes: covariates 0 (unknown, or not seen yet) .. K, targets 0 .. K - 1.

    Names that the model has not met are reported by a warning.

    Args:
        categories: of the model.
    """
    if not panel.schema.categorical:
        return panel
    values, static, observed = panel.values.copy(), panel.static.copy(), panel.observed
    for name, names in panel.categories.items():
        codes = table(names, categories[name])
        if name in panel.schema.static:
            column = static[:, panel.schema.static.index(name)]
            column[:] = _looked_up(column, codes)
            continue
        channel = panel.schema.channels.index(name)
        column = values[:, channel]
        if name in panel.targets:
            if names[: len(categories[name])] != tuple(categories[name]):
                raise DataError("panel", [_other_labels(name, names, categories[name])])
            if (column >= len(categories[name])).any():
                observed = observed.copy() if observed is panel.observed else observed
                observed[:, channel] &= ~(column >= len(categories[name]))
                column[:] = carry_forward(values[:, [channel]], observed[:, [channel]], panel.offsets)[:, 0]
        else:
            column[:] = _looked_up(column, codes)
        _report(name, panel, channel, names, categories[name])
    return replace(panel, values=values, static=static, observed=observed)


def _looked_up(column: np.ndarray, codes: np.ndarray) -> np.ndarray:
    place = np.where(np.isfinite(column), np.clip(column, 0, len(codes) - 1), len(codes) - 1)
    return codes[place.astype(np.int64)]


def _other_labels(name: str, names: Sequence[str], known: Sequence[str]) -> str:
    return (
        f"categories of the target {name!r} are {list(names)}, the model's are {list(known)}: read the data with the "
        "schema of the model, or give the schema these categories"
    )


def _report(name: str, panel: Panel, channel: int, names: Sequence[str], known: Sequence[str]) -> None:
    met = np.unique(panel.values[panel.observed[:, channel], channel]).astype(np.int64)
    strange = [names[code] for code in met if code < len(names) and names[code] not in set(known)]
    if strange:
        shown = ", ".join(map(repr, strange[:SHOWN])) + (f" and {len(strange) - SHOWN} more" if strange[SHOWN:] else "")
        warnings.warn(f"column {name!r}: {shown} not met in training, read as unknown", UnknownCategory, stacklevel=4)


def recoded(panel: Panel, schema: Schema) -> Panel:
    """The panel with the codes of another schema; names that it does not know get the code behind its last."""
    if panel.schema.categories == schema.categories:
        return panel
    values, static = panel.values.copy(), panel.static.copy()
    for name, known in schema.known_categories.items():
        codes = table(panel.categories.get(name, ()), known) - 1
        codes[codes < 0] = len(known)
        within = panel.schema.static if name in panel.schema.static else panel.schema.channels
        column = (static if name in panel.schema.static else values)[:, within.index(name)]
        column[:] = np.where(np.isfinite(column), _looked_up(column, codes), np.nan)
    return replace(panel, values=values, static=static, schema=replace(panel.schema, categories=schema.categories))


def sizes(schema: Schema, categories: Categories, added: int = 0, behind: int = 0) -> tuple[int, ...]:
    """How many categories each input column has, 0 for a column of numbers; empty where all are numbers.

    Columns are targets, past covariates, added ones, future and static covariates.

    Args:
        added: columns behind the past covariates that no row brings.
        behind: such columns behind the future covariates.
    """
    if not categories:
        return ()
    count = {name: len(names) for name, names in categories.items()}
    early = [count.get(name, 0) for name in (*schema.targets, *schema.past)]
    known = [count.get(name, 0) for name in (*schema.future, *schema.computed)]
    return (*early, *[0] * added, *known, *[0] * behind, *[count.get(name, 0) for name in schema.static])


def require_numbers(schema: Schema, who: str) -> None:
    """Raise SettingsError where a target holds categories, for forecasters that say numbers."""
    named = [name for name in schema.targets if name in schema.categorical]
    if named:
        raise SettingsError(
            f"{who} forecasts numbers, and the target {named[0]!r} holds categories; use another target, or a network "
            'with head=Category() (in a settings file: head = "category"; for compare and fit: --network head=category)'
        )
