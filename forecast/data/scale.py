"""Scale: every series centred and scaled in float64, by its training rows, before anything becomes float32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from forecast.data.categories import learned
from forecast.data.moments import Units, measured, powers, warped
from forecast.data.panel import Panel, carry_forward
from forecast.data.transforms import OFFSETS, TRANSFORMS, Outward, Transform, Warp
from forecast.errors import SettingsError, did_you_mean

BLOCK = 1 << 16
LIMIT = 1e15
"""Standard deviations beyond which a cell counts as missing: sentinels such as 1e20 or -3.4e38.

Squares and products of what is left stay within float32 (with the room that sums over long windows take), so no later
row, and no row of another series, reaches a forecast as 0 * infinity does. A living series never gets there: `Scale`
takes a width below 1e-12 of the level for no width at all.
"""


@dataclass(frozen=True)
class Measure:
    """How targets are measured before a network sees them.

    Args:
        transform: of each value: "log", "log1p" (counts with zeros), "box-cox" (a power chosen by the training rows
            for every series and target) or "none".
        units: of the transformed values.
    """

    transform: Transform = "none"
    units: Units = "level"

    def __post_init__(self) -> None:
        if self.transform not in TRANSFORMS:
            raise SettingsError(f"transform {self.transform!r}{did_you_mean(self.transform, TRANSFORMS)}")


@dataclass(frozen=True, eq=False)
class Scale:
    """Mean and standard deviation of each series and channel.

    Args:
        series: names the rows of `center` belong to.
        center: float64 [series, channel].
        spread: float64 [series, channel], never zero.
        static_center: float64 [static covariate].
        static_spread: float64 [static covariate].
        power: float64 [series, target], of the transform that targets go through before they are centred; None for no
            transform. `center` and `spread` of targets are in transformed units.
        offset: of the transform.
        units: of the scaled targets.
        categories: names of the categorical columns met in training; their codes are neither centred nor scaled.

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
    power: np.ndarray | None = None
    offset: float = 0.0
    units: Units = "level"
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        panel: Panel,
        until: np.ndarray | None = None,
        measure: Measure = Measure(),
    ) -> Scale:
        """Statistics (ddof 0) of the observed rows before `until` (int64 [series]; None: all rows).

        A series with a target that has fewer than two such rows is left out; `of` then treats it as one never seen. A
        covariate without any is left in its own units.

        Args:
            measure: of the targets.

        Raises:
            DataError: a target that the transform does not take, with series, count and remedy.
        """
        steps = panel.lengths if until is None else np.minimum(until, panel.lengths)
        power, offset = None, OFFSETS.get(measure.transform, 0.0)
        if measure.transform != "none":
            power = powers(panel, steps, measure.transform)
        center, spread, counts = measured(panel, steps, measure.units, power, offset)
        known = counts[:, : panel.layout.targets].min(axis=1, initial=np.iinfo(np.int64).max) > 1
        names = tuple(name for name, keep in zip(panel.series, known, strict=True) if keep)
        static = panel.static[known] if known.any() else panel.static
        static_center, static_spread = static.mean(axis=0), static.std(axis=0)
        static_spread = np.where(static_spread > 0, static_spread, 1.0)
        named = np.isin(panel.schema.static, panel.schema.categorical)
        static_center[named], static_spread[named] = 0.0, 1.0
        return cls(
            names,
            center[known],
            spread[known],
            static_center,
            static_spread,
            None if power is None else power[known],
            offset,
            measure.units,
            learned(panel, steps) if panel.schema.categorical else {},
        )

    def of(self, panel: Panel, context: int) -> Scale:
        """The scale for the series of a panel, in its order.

        A series not seen in training is scaled by its first `context` rows, or as many as it takes to see each target
        once: no origin lies before them, so nothing of the future enters. Its power is the median of those known.
        """
        place = {name: i for i, name in enumerate(self.series)}
        index = np.array([place.get(name, -1) for name in panel.series])
        strangers = index < 0
        first = np.minimum(panel.lengths, np.maximum(context, panel.begun() + 1))
        power = None
        if self.power is not None:
            power = np.repeat(np.median(self.power, axis=0)[None], len(index), axis=0)
            power[~strangers] = self.power[index[~strangers]]
        center, spread, _ = measured(panel, np.where(strangers, first, 0), self.units, power, self.offset)
        center[~strangers] = self.center[index[~strangers]]
        spread[~strangers] = self.spread[index[~strangers]]
        return replace(self, series=panel.series, center=center, spread=spread, power=power)

    def strangers(self, panel: Panel) -> tuple[str, ...]:
        """Series of a panel that were not seen in training."""
        known = set(self.series)
        return tuple(name for name in panel.series if name not in known)

    def plausible(self, panel: Panel) -> Panel:
        """The panel with cells beyond `LIMIT` standard deviations taken for missing: the value before stands in.

        So are targets that the transform does not take.

        The scale must be the panel's own (see `of`). The panel itself is returned where there are none, as in most.
        """
        if not len(panel.values) or (self.power is None and not self._reach(panel.values) > LIMIT):
            return panel
        observed, series = panel.observed.copy(), panel.row_series
        for start in range(0, len(observed), BLOCK):
            rows = slice(start, start + BLOCK)
            observed[rows] &= np.abs(self._scaled(panel.values[rows], series[rows])) <= LIMIT
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
            block = self._scaled(panel.values[rows], series[rows])
            scaled[rows] = np.nan_to_num(block, copy=False, nan=0.0)
        return scaled

    def _scaled(self, values: np.ndarray, series: np.ndarray) -> np.ndarray:
        """Rows of values [row, channel], transformed, centred and scaled."""
        if self.power is not None:
            values = warped(values, Warp(self.power[series], self.offset))
        return (values - self.center[series]) / self.spread[series]

    def static(self, panel: Panel) -> np.ndarray:
        """Scaled static covariates, float64 [series, static covariate]."""
        return (panel.static - self.static_center) / self.static_spread

    def invert(self, values: np.ndarray, series: np.ndarray) -> np.ndarray:
        """Back to the original scale, in float64.

        Args:
            values: [origin, step, target] or [origin, step, target, level].
            series: int64 [origin].
        """
        if self.power is not None:
            link, wide = self.link(series, values.shape[2]), values.astype(np.float64)
            if wide.ndim == 3:
                return link.from_base(wide)
            return np.moveaxis(link.from_base(np.moveaxis(wide, 3, 0)), 0, 3)
        targets = values.shape[2]
        shape = (len(series), 1, targets) + (1,) * (values.ndim - 3)
        center, spread = self.center[series, :targets], self.spread[series, :targets]
        wide = values.astype(np.float64)  # a copy, changed in place: forecasts of a backtest may fill gigabytes
        wide *= spread.reshape(shape)
        wide += center.reshape(shape)
        return wide

    def link(self, series: np.ndarray, targets: int) -> Outward:
        """The way out of this scale at origins, for distributions.

        Args:
            series: int64 [origin].
            targets: how many.
        """
        warp = None if self.power is None else Warp(self.power[series][:, None], self.offset)
        return Outward(self.center[series, None, :targets], self.spread[series, None, :targets], warp)
