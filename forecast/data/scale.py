"""Scale: every series centred and scaled in float64, by its training rows, before anything becomes float32."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecast.data.panel import Panel, carry_forward

BLOCK = 1 << 16
LIMIT = 1e15
"""Standard deviations beyond which a cell counts as missing: sentinels such as 1e20 or -3.4e38.

Squares and products of what is left stay within float32 (with the room that sums over long windows take), so no later
row, and no row of another series, reaches a forecast as 0 * infinity does. A living series never gets there: `Scale`
takes a width below 1e-12 of the level for no width at all.
"""


@dataclass(frozen=True, eq=False)
class Scale:
    """Mean and standard deviation of each series and channel.

    Args:
        series: names the rows of `center` belong to.
        center: float64 [series, channel].
        spread: float64 [series, channel], never zero.
        static_center: float64 [static covariate].
        static_spread: float64 [static covariate].

    Example:
        >>> panel = Panel.from_arrays(1e6 + 1e-3 * np.array([-1.0, 1.0]), np.array(["2024-01", "2024-02"], "M8[M]"))
        >>> Scale.fit(panel).apply(panel)[:, 0].round(3).tolist()
        [-1.0, 1.0]
    """

    series: tuple[str, ...]
    center: np.ndarray
    spread: np.ndarray
    static_center: np.ndarray
    static_spread: np.ndarray

    @classmethod
    def fit(cls, panel: Panel, until: np.ndarray | None = None) -> Scale:
        """Statistics (ddof 0) of the observed rows before `until` (int64 [series]; None: all rows).

        A series with a target that has fewer than two such rows is left out; `of` then treats it as one never seen. A
        covariate without any is left in its own units.
        """
        steps = panel.lengths if until is None else np.minimum(until, panel.lengths)
        center, spread, counts = _moments(panel, steps)
        known = counts[:, : panel.layout.targets].min(axis=1, initial=np.iinfo(np.int64).max) > 1
        names = tuple(name for name, keep in zip(panel.series, known, strict=True) if keep)
        static = panel.static[known] if known.any() else panel.static
        static_spread = static.std(axis=0)
        return cls(
            names, center[known], spread[known], static.mean(axis=0), np.where(static_spread > 0, static_spread, 1.0)
        )

    def of(self, panel: Panel, context: int) -> Scale:
        """The scale for the series of a panel, in its order.

        A series not seen in training is scaled by its first `context` rows, or as many as it takes to see each target
        once: no origin lies before them, so nothing of the future enters.
        """
        place = {name: i for i, name in enumerate(self.series)}
        index = np.array([place.get(name, -1) for name in panel.series])
        strangers = index < 0
        first = np.minimum(panel.lengths, np.maximum(context, panel.begun() + 1))
        center, spread, _ = _moments(panel, np.where(strangers, first, 0))
        center[~strangers] = self.center[index[~strangers]]
        spread[~strangers] = self.spread[index[~strangers]]
        return Scale(panel.series, center, spread, self.static_center, self.static_spread)

    def strangers(self, panel: Panel) -> tuple[str, ...]:
        """Series of a panel that were not seen in training."""
        known = set(self.series)
        return tuple(name for name in panel.series if name not in known)

    def plausible(self, panel: Panel) -> Panel:
        """The panel with cells beyond `LIMIT` standard deviations taken for missing: the value before stands in.

        The scale must be the panel's own (see `of`). The panel itself is returned where there are none, as in most.
        """
        if not len(panel.values) or not self._reach(panel.values) > LIMIT:
            return panel
        observed, series = panel.observed.copy(), panel.row_series
        for start in range(0, len(observed), BLOCK):
            rows = slice(start, start + BLOCK)
            block = (panel.values[rows] - self.center[series[rows]]) / self.spread[series[rows]]
            observed[rows] &= ~(np.abs(block) > LIMIT)
        if (observed == panel.observed).all():
            return panel
        return replace(panel, values=carry_forward(panel.values, observed, panel.offsets), observed=observed)

    def _reach(self, values: np.ndarray) -> float:
        """No cell of any series lies further from its center than this, in standard deviations."""
        extremes = (np.fmax.reduce(values, axis=None), np.fmin.reduce(values, axis=None))
        return float((np.abs(extremes).max() + np.abs(self.center).max(initial=0)) / self.spread.min(initial=np.inf))

    def apply(self, panel: Panel, dtype: type[np.floating] = np.float32) -> np.ndarray:
        """Scaled values [row, channel]; cells before the first observation become 0, the mean.

        The scale must be the panel's own (see `of`).
        """
        scaled = np.empty(panel.values.shape, dtype=dtype)
        series = panel.row_series
        for start in range(0, len(scaled), BLOCK):
            rows = slice(start, start + BLOCK)
            block = (panel.values[rows] - self.center[series[rows]]) / self.spread[series[rows]]
            scaled[rows] = np.nan_to_num(block, copy=False, nan=0.0)
        return scaled

    def static(self, panel: Panel) -> np.ndarray:
        """Scaled static covariates, float64 [series, static covariate]."""
        return (panel.static - self.static_center) / self.static_spread

    def invert(self, values: np.ndarray, series: np.ndarray) -> np.ndarray:
        """Back to the original scale, in float64.

        Args:
            values: [origin, step, target] or [origin, step, target, level].
            series: int64 [origin].
        """
        targets = values.shape[2]
        shape = (len(series), 1, targets) + (1,) * (values.ndim - 3)
        center, spread = self.center[series, :targets], self.spread[series, :targets]
        return values.astype(np.float64) * spread.reshape(shape) + center.reshape(shape)


def _moments(panel: Panel, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, standard deviation and count [series, channel] of the observed cells in the first `steps` rows."""
    shape = (len(panel.series), panel.values.shape[1])
    center, spread, counts = np.zeros(shape), np.ones(shape), np.zeros(shape, dtype=np.int64)
    filled = np.flatnonzero(panel.lengths > 0)
    if not len(filled):
        return center, spread, counts
    starts = panel.offsets[filled]
    early = np.arange(len(panel.times)) < np.repeat(panel.offsets[:-1] + steps, panel.lengths)
    for channel in range(shape[1]):
        use = early & panel.observed[:, channel]
        value = np.where(use, panel.values[:, channel], 0.0)
        count = np.add.reduceat(use, starts, dtype=np.int64)
        mean = np.add.reduceat(value, starts) / np.maximum(count, 1)
        value -= np.repeat(mean, panel.lengths[filled])
        value[~use] = 0.0
        np.square(value, out=value)
        width = np.sqrt(np.add.reduceat(value, starts) / np.maximum(count, 1))
        still = width <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
        center[filled, channel], counts[filled, channel] = mean, count
        spread[filled, channel] = np.where(still, 1.0, width)
    return center, spread, counts
