"""Panels for contract tests: one to check forecasters on, and changed copies of any."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from forecast.data.panel import Panel, carry_forward
from forecast.data.schema import Schema


def sample_panel(
    context: int,
    horizon: int,
    targets: int = 1,
    past: int = 1,
    future: int = 0,
    static: int = 0,
    missing: float = 0.05,
    seed: int = 0,
) -> Panel:
    """Three short series of different level, start and end, with missing cells: a panel to check forecasters on.

    With future covariates the last `horizon` rows hold those only; else some series end in missing cells.

    Args:
        context: of the forecaster's window; the series are a few times as long.
        horizon: of the forecaster's window.
        targets: number of target channels; past, future and static likewise.
        missing: share of cells of targets and past covariates that are missing; 0 for none, at the ends either.
        seed: of the random numbers.

    Example:
        >>> sample_panel(context=8, horizon=4).lengths.tolist()
        [140, 131, 120]
    """
    random = np.random.default_rng(seed)
    rows = 4 * context + 12 * horizon + 60
    begin, end = np.array([0, 5, 0]), np.array([rows, rows - 4, rows - 20])
    time = np.arange(rows)
    parts = []
    for series in range(3):
        covariates = random.normal(size=(rows, past + future))
        y = np.zeros((rows, targets))
        noise = random.normal(0, 0.3, (rows, targets))
        for row in range(1, rows):
            y[row] = 0.7 * y[row - 1] + noise[row] + 0.3 * covariates[row - 1, :past].sum()
        wave = np.sin(2 * np.pi * (time[:, None] + series + np.arange(targets)) / 7)
        y += 50 * (series + 1) + wave + 0.5 * covariates[:, past:].sum(axis=1, keepdims=True)
        hidden = random.random((rows, targets + past)) < missing
        hidden[end[series] - (horizon if future else series if missing else 0) :] = True
        values = np.concatenate([y, covariates], axis=1)
        values[:, : targets + past][hidden] = np.nan
        parts.append(values[begin[series] : end[series]])
    names = {
        role: tuple(f"{letter}{i}" for i in range(count))
        for role, letter, count in (
            ("targets", "y", targets),
            ("past", "x", past),
            ("future", "k", future),
            ("static", "s", static),
        )
    }
    days = np.datetime64("2024-01-01", "D") + np.concatenate([time[a:b] for a, b in zip(begin, end, strict=True)])
    return Panel.from_arrays(
        np.concatenate(parts),
        days,
        (end - begin).tolist(),
        ["long", "late", "short"],
        Schema("time", names["targets"], "series", names["past"], names["future"], names["static"]),
        static=random.normal(size=(3, static)),
    )


SENTINELS = (1e20, -3.4e38, 1e60)
"""What devices and databases write for "nothing": beyond the squares of float32, its end, and beyond it."""


def rewritten(panel: Panel, later: np.ndarray) -> Panel:
    """Other values, sentinels among them, and another mask in the later rows, except in known-ahead covariates."""
    random = np.random.default_rng(0)
    free = panel.layout.targets + panel.layout.past
    values = np.where(panel.observed, panel.values, np.nan)
    block = values[later, :free]
    block = np.where(np.isfinite(block), block, 0.0) * 1000 + random.normal(0, 100, block.shape)
    block = np.where(random.random(block.shape) < 0.3, np.nan, block)
    block = np.where(random.random(block.shape) < 0.1, random.choice(SENTINELS, block.shape), block)
    for place, name in enumerate(panel.schema.channels[:free]):
        if known := panel.schema.known_categories.get(name):  # a code that stands for nothing would be refused
            block[:, place] = random.integers(len(known), size=len(block))
    values[later, :free] = block
    return with_values(panel, values)


def cut_off(panel: Panel, later: np.ndarray) -> Panel | None:
    """The panel without the later rows; None where known-ahead covariates need them."""
    if panel.layout.future:
        return None
    late = np.concatenate([[0], np.cumsum(later)])
    return panel.until(panel.lengths - (late[panel.offsets[1:]] - late[panel.offsets[:-1]]))


def with_values(panel: Panel, values: np.ndarray) -> Panel:
    """The panel with other cells, NaN where missing."""
    observed = np.isfinite(values)
    return replace(panel, values=carry_forward(values, observed, panel.offsets), observed=observed)


def spread(panel: Panel) -> np.ndarray:
    """Standard deviation of the observed targets of each series, 1 where there is none, float64 [series, target]."""
    width = np.ones((len(panel.series), panel.layout.targets))
    for series, (a, b) in enumerate(zip(panel.offsets[:-1], panel.offsets[1:], strict=True)):
        for target in range(panel.layout.targets):
            seen = panel.values[a:b, target][panel.observed[a:b, target]]
            if len(seen) and seen.std() > 0:
                width[series, target] = seen.std()
    return width


def _arrays(panel: Panel) -> dict[str, np.ndarray]:
    return {
        field.name: getattr(panel, field.name)
        for field in fields(panel)
        if isinstance(getattr(panel, field.name), np.ndarray)
    }


def copy_arrays(panel: Panel) -> dict[str, np.ndarray]:
    """Copies of all arrays of a panel, by name."""
    return {name: array.copy() for name, array in _arrays(panel).items()}


def same_panel(panel: Panel, before: dict[str, np.ndarray]) -> bool:
    """Whether the arrays of a panel are still those of `copy_arrays`."""
    return all(
        np.array_equal(array, before[name], equal_nan=array.dtype.kind == "f") for name, array in _arrays(panel).items()
    )
