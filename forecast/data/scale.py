"""Scale: every series centred and scaled in float64, by its training rows, before anything becomes float32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from forecast.data.categories import learned
from forecast.data.panel import Panel, carry_forward
from forecast.data.transforms import OFFSETS, TRANSFORMS, Outward, Transform, Warp, best_power
from forecast.errors import DataError, SettingsError, did_you_mean

Units = Literal["level", "count", "change"]
"""What the unit of a scaled target is: "level", the standard deviation of its values; "change", that of its changes
from row to row; "count", one, from zero on."""

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
            power = _powers(panel, steps, measure.transform)
        center, spread, counts = _measured(panel, steps, measure.units, power, offset)
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
        center, spread, _ = _measured(panel, np.where(strangers, first, 0), self.units, power, self.offset)
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
            values = _warped(values, Warp(self.power[series], self.offset))
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


def _warped(values: np.ndarray, warp: Warp) -> np.ndarray:
    """Rows of values [row, channel] whose first channels, the targets, are transformed."""
    targets = warp.power.shape[1]
    return np.concatenate([warp.forward(values[:, :targets]), values[:, targets:]], axis=1)


def _powers(panel: Panel, steps: np.ndarray, transform: Transform) -> np.ndarray:
    """Power [series, target] of each series' transform; refuses values that it does not take."""
    targets, offset = panel.layout.targets, OFFSETS[transform]
    powers, problems = np.zeros((len(panel.series), targets)), []
    for series, first in enumerate(panel.offsets[:-1]):
        rows = slice(first, first + steps[series])
        for target in range(targets):
            values = panel.values[rows, target][panel.observed[rows, target]]
            low = values + offset <= 0
            if low.any():
                problems.append(
                    f"target {panel.targets[target]!r} in {panel.named(series)}: {int(low.sum()):,} of {len(values):,} "
                    f'values are not above {0 - offset:g}, which transform="{transform}" does not take'
                )
            elif transform == "box-cox" and len(values) > 1:
                powers[series, target] = best_power(values)
    if problems:
        remedy = 'use transform="log1p" for counts with zeros, "difference", or none'
        raise DataError("panel", [*problems[:20], remedy])
    return powers


def _measured(
    panel: Panel, steps: np.ndarray, units: Units, power: np.ndarray | None, offset: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Center, spread and count [series, channel] of the observed cells in the first `steps` rows."""
    if power is not None:
        warped = _warped(panel.values, Warp(power[panel.row_series], offset))
        panel = replace(panel, values=warped, observed=panel.observed & np.isfinite(warped))
    center, spread, counts = _moments(panel, steps)
    targets = panel.layout.targets
    if units == "count":
        center[:, :targets], spread[:, :targets] = 0.0, 1.0
    elif units == "change":
        spread[:, :targets] = _moments(_changes(panel), steps)[1][:, :targets]
    return center, spread, counts


def _changes(panel: Panel) -> Panel:
    """Changes of the targets from row to row, where both ends were observed."""
    targets = panel.layout.targets
    values, observed = panel.values[:, :targets], panel.observed[:, :targets]
    with np.errstate(invalid="ignore"):  # what a transform does not take is infinite here, and was not observed
        moves = np.diff(values, axis=0, prepend=values[:1])
    seen = observed & np.roll(observed, 1, axis=0)
    seen[panel.offsets[:-1][panel.lengths > 0]] = False
    return replace(panel, values=np.where(seen, moves, 0.0), observed=seen)


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
    named = np.isin(panel.schema.channels[: shape[1]], panel.schema.categorical)
    center[:, named], spread[:, named] = 0.0, 1.0
    return center, spread, counts
