"""Sizes: in what unit the errors of series of different size are alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecast.data.panel import Panel


@dataclass(frozen=True, eq=False)
class Sizes:
    """The size of the steps of each series: the mean absolute difference of neighbouring observed rows.

    Args:
        series: names the rows of `width` belong to.
        width: float64 [series, target], above 0.
        typical: float64 [target], for a series that never moved: the mean of those that did, or 1.

    Example:
        >>> panel = Panel.from_arrays(np.array([1.0, 3.0, 1.0, 3.0]), np.arange(4).astype("M8[D]"))
        >>> Sizes.fit(panel).width.tolist()
        [[2.0]]
    """

    series: tuple[str, ...]
    width: np.ndarray
    typical: np.ndarray

    @classmethod
    def fit(cls, panel: Panel) -> Sizes:
        """Of all rows of the series that have any."""
        width = _steps(panel, panel.lengths)
        moving = np.isfinite(width)
        mean = np.where(moving, width, 0.0).sum(axis=0) / np.maximum(moving.sum(axis=0), 1)
        typical = np.where(moving.any(axis=0), mean, 1.0)
        there = panel.lengths > 0
        names = tuple(name for name, keep in zip(panel.series, there, strict=True) if keep)
        return cls(names, np.where(moving, width, typical)[there], typical)

    def of(self, panel: Panel, context: int) -> np.ndarray:
        """The sizes of the series of a panel, in its order: float64 [series, target].

        A series that was not there in `fit` is measured on its first `context` rows, or as many as it takes to see
        each target once: no origin lies before them.
        """
        place = {name: i for i, name in enumerate(self.series)}
        index = np.array([place.get(name, -1) for name in panel.series], dtype=np.int64)
        strange = index < 0
        if not strange.any():
            return self.width[index]
        first = np.minimum(panel.lengths, np.maximum(context, panel.begun() + 1))
        width = _steps(panel, np.where(strange, first, 0))
        width = np.where(np.isfinite(width), width, self.typical)
        width[~strange] = self.width[index[~strange]]
        return width

    def and_of(self, panel: Panel, context: int) -> Sizes:
        """These, and those of the series of a panel that are not among them."""
        return replace(
            self, series=(*self.series, *panel.series), width=np.concatenate([self.width, self.of(panel, context)])
        )


def _steps(panel: Panel, until: np.ndarray) -> np.ndarray:
    """Mean absolute differences [series, target] in the first `until` rows; NaN where nothing moves."""
    targets, many = panel.layout.targets, len(panel.series)
    series = panel.row_series
    early = np.arange(len(series)) < (panel.offsets[:-1] + until)[series]
    early[panel.offsets[:-1][panel.lengths > 0]] = False  # the first row of a series has none before it
    width = np.empty((many, targets))
    for target in range(targets):
        step = np.diff(panel.values[:, target], prepend=np.nan)
        use = early & panel.observed[:, target] & np.isfinite(step)
        total = np.bincount(series[use], np.abs(step[use]), many)
        count = np.bincount(series[use], minlength=many)
        width[:, target] = np.where(total > 0, total / np.maximum(count, 1), np.nan)
    return width
