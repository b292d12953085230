"""Conformal: intervals around any forecaster, as wide as its errors on rows that it was not fitted on."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np

from forecast.data.forecast import Forecast, Forecaster, truth
from forecast.data.panel import Origins, Panel
from forecast.data.schema import Schema
from forecast.distributions import Categories, QuantileTable
from forecast.errors import NotFittedError, SettingsError, TrainingError
from forecast.forecasters.live.forecaster import Live
from forecast.forecasters.provenance import Provenance, Savable
from forecast.forecasters.quantiles import as_quantiles, at, in_order, quantiles_at, shifted
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.residuals import Recent, behind, by_series, needed, ranked, union
from forecast.forecasters.saying import Said
from forecast.forecasters.sizes import Sizes
from forecast.windows.window import Window

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
MEMORY = 250
CELLS = 20_000_000
"""Most scores that one calibration holds; of more origins, evenly spaced ones are taken."""

Method = Literal["split", "rolling"]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a calibration found.

    Args:
        levels: in order, 0.5 among them.
        shifts: float64 [step, target, level], what is added to a forecast, in units of the series.
        sizes: those units.
        until: time of the last row that the forecaster was fitted on; errors up to it count nowhere.
    """

    levels: tuple[float, ...]
    shifts: np.ndarray
    sizes: Sizes
    until: np.datetime64


class Conformal(Savable):
    """Calibrated quantiles around any forecaster: a network, a regressor, a naive rule, an ensemble.

    `fit` fits the forecaster on the rows before the calibration span, asks it at every origin of that span, and keeps
    the quantiles of its errors: signed, so that skewed errors give skewed intervals; per step of the horizon and
    target; in units of the steps of each series (mean absolute difference), so that series of different size share
    them; with ranks of n + 1 for n errors (Vovk et al. 2005; Lei et al. 2018). A forecaster that gives quantiles
    itself has those corrected, each level by its own errors (conformalised quantile regression, Romano et al. 2019).

    **The forecaster stays as it was fitted on the rows before the calibration span**: the errors are those of this
    very forecaster on rows it has not seen. `refit=True` fits it again on all rows and keeps the errors of the first
    fit, which is an approximation: mostly a little too wide.

    The point forecast is the level 0.5: the inner forecast moved by its median error, which mends a constant bias.

    Coverage is promised where errors to come look like those of the calibration span. "rolling" looks again at every
    origin: at the errors of the `memory` origins before it in the same series whose outcome is known by then (a
    forecast of step h made at origin o is judged from o + h on). Until half of `memory` is there, the errors of the
    calibration span stand in. It asks the forecaster at all those origins, "split" only where a forecast is wanted.

    Args:
        forecaster: fitted by `fit`.
        levels: between 0 and 1 (0.5 is added); None takes the forecaster's own, or 5, 10, 25, 50, 75, 90, 95 %.
        calibration: share of the time span, its end, from which errors are taken.
        method: "split" or "rolling".
        memory: of "rolling", in origins of a series.
        refit: fit the forecaster again on all rows, at the price above.

    Raises:
        SettingsError: levels, a share or a memory that make no sense.

    Example:
        >>> from forecast.forecasters.naive import Naive
        >>> walk = np.cumsum(np.random.default_rng(0).normal(size=1000))
        >>> panel = Panel.from_arrays(walk, np.arange(1000).astype("M8[h]"))
        >>> model = Conformal(Naive(Window(1, 4)), levels=(0.05, 0.95)).fit(panel)
        >>> said = model.predict(panel)
        >>> said.levels
        (0.05, 0.5, 0.95)
        >>> (said.values[0, :, 0, 2] - said.values[0, :, 0, 0]).round(1).tolist()  # 3.3, growing as the root
        [2.9, 4.5, 5.8, 6.4]
    """

    def __init__(
        self,
        forecaster: Forecaster,
        levels: Sequence[float] | None = None,
        calibration: float = 0.2,
        method: Method = "split",
        memory: int = MEMORY,
        refit: bool = False,
    ) -> None:
        if not 0 < calibration < 1:
            raise SettingsError(f"calibration={calibration!r}: a share of the time span, above 0 and below 1")
        if method not in ("split", "rolling"):
            raise SettingsError(f"method={method!r}: 'split' or 'rolling'")
        self.forecaster, self.calibration, self.method, self.refit = forecaster, calibration, method, refit
        self.levels = None if levels is None else in_order(levels)
        if isinstance(memory, bool) or not isinstance(memory, int | np.integer) or memory < 1:
            raise SettingsError(f"memory={memory!r}: a whole number of origins, 1 or more")
        self.memory = int(memory)
        self._require_memory(self.levels or LEVELS)
        self.fitted: Fitted | None = None
        self.schema: Schema | None = None

    @property
    def window(self) -> Window:
        """The forecaster's."""
        return Window(self.forecaster.window.context, self.forecaster.window.horizon)

    @property
    def parameters(self) -> int:
        """The forecaster's."""
        return int(getattr(self.forecaster, "parameters", 0))

    def fit(self, panel: Panel) -> Self:
        """Fit the forecaster on the rows before the calibration span, and measure its errors in that span.

        Raises:
            TrainingError: too few errors for the levels.
            SettingsError: a forecaster of classes.
            ForecastError: what the forecaster raises.
        """
        cut = panel.cut(1.0 - self.calibration)
        train = panel.until(cut)
        self.forecaster.fit(train)
        origins = self._asked(panel, cut)
        if not len(origins):
            raise TrainingError(
                f"calibration={self.calibration}: no origin in this share of the rows has a context of "
                f"{self.window.context} rows behind it; take a larger share, a shorter context, or more rows"
            )
        said = self.forecaster.predict(panel, origins)
        if isinstance(said.distribution, Categories):
            raise SettingsError("classes have no errors in units of the series: calibrate a head of values instead")
        levels = self.levels or (in_order(said.levels) if said.levels else LEVELS)
        self._require_memory(levels)
        measured = Sizes.fit(train)
        scores = self._scores(panel, said, levels, measured)
        shifts = ranked(scores, np.array(levels))
        self._require_enough(scores, shifts, levels)
        if self.refit:
            self.forecaster.fit(panel)
        until = (panel if self.refit else train).times.max()
        self.fitted, self.schema = Fitted(levels, shifts, measured, until), panel.schema
        self.fitted_on = Provenance.of(panel)
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        """Calibrated quantiles at origins, by default at the end of every series.

        Raises:
            NotFittedError: before fit.
            ForecastError: what the forecaster raises.
        """
        fitted, schema = self.require_fitted()
        panel.require_channels(schema)
        origins = panel.end_origins() if origins is None else origins
        width = fitted.sizes.of(panel, self.window.context)[origins.series]
        if self.method == "split":
            said, shifts = self.forecaster.predict(panel, origins), fitted.shifts[None]
        else:
            said, shifts = self._rolling(panel, origins, fitted)
        return as_quantiles(said, shifted(said, fitted.levels, shifts, width), fitted.levels)

    def live(self, panel: Panel) -> Live:
        """Go on with a step for every new row, as `Recurrent.live` does, with the intervals of a split calibration.

        Raises:
            SettingsError: the forecaster is not a streamed network, or the calibration is a rolling one.
            NotFittedError: before fit.
        """
        self.require_fitted()
        if not isinstance(self.forecaster, Recurrent):
            raise SettingsError(f"live forecasts need a streamed network inside, not {type(self.forecaster).__name__}")
        if self.method == "rolling":
            raise SettingsError("a live forecaster keeps no errors to roll over: calibrate with method='split'")
        live = self.forecaster.live(panel)
        live.around = self.sized(panel, [name for place, name in enumerate(panel.series) if place not in live.cold])
        return live

    def sized(self, panel: Panel, names: Sequence[str]) -> Self:
        """A copy that has measured some series of a panel, where they were not there in fit."""
        fitted, _ = self.require_fitted()
        known = set(fitted.sizes.series)
        strange = [name for name in names if name not in known]
        copied = copy.copy(self)
        if strange:
            copied.fitted = replace(fitted, sizes=fitted.sizes.and_of(panel.select(strange), self.window.context))
        return copied

    def calibrated(self, said: Said, series: Sequence[str]) -> Said:
        """What the forecaster within says, with the intervals of a split calibration.

        Args:
            series: of each origin; all of them have been measured, in fit or by `sized`.

        Raises:
            SettingsError: more steps than were calibrated.
        """
        fitted, _ = self.require_fitted()
        if said.values.shape[1] > len(fitted.shifts):
            raise SettingsError(
                f"horizon={said.values.shape[1]}: intervals were calibrated for the {len(fitted.shifts)} steps of the "
                "window; ask for no more, or calibrate a model with a longer horizon"
            )
        place = {name: i for i, name in enumerate(fitted.sizes.series)}
        width = fitted.sizes.width[[place[name] for name in series]]
        values = shifted(said, fitted.levels, fitted.shifts[None], width)
        return Said(values, fitted.levels, QuantileTable(fitted.levels, values))

    def require_fitted(self) -> tuple[Fitted, Schema]:
        """What fit left.

        Raises:
            NotFittedError: before fit.
        """
        if self.fitted is None or self.schema is None:
            raise NotFittedError("this Conformal has not been fitted; call fit first")
        return self.fitted, self.schema

    def _asked(self, panel: Panel, cut: np.ndarray) -> Origins:
        """Origins whose errors calibrate: all of the span, or as many as can be held."""
        first = np.maximum(cut, np.maximum(self.window.context, panel.begun() + 1))
        # A known-ahead covariate is needed for the whole horizon; else the last steps may lack a truth.
        last = panel.lengths - self.window.horizon if panel.layout.future else panel.ends() - 1
        count = np.maximum(last - first + 1, 0)
        series = np.repeat(np.arange(len(count)), count)
        nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        origins = Origins(series, np.repeat(first, count) + nth)
        cells = self.window.horizon * panel.layout.targets * len(self.levels or LEVELS)
        most = max(1000, CELLS // cells)
        if len(origins) <= most:
            return origins
        return origins[np.unique(np.linspace(0, len(origins) - 1, most).round().astype(np.int64))]

    def _scores(self, panel: Panel, said: Forecast, levels: tuple[float, ...], measured: Sizes) -> np.ndarray:
        """Errors in units of the series [origin, step, target, 1 or level], NaN where there is no truth."""
        values, seen = truth(panel, said.origins, self.window.horizon)
        width = measured.of(panel, self.window.context)[said.origins.series]
        errors = (values[..., None] - quantiles_at(said, levels)) / width[:, None, :, None]
        return np.where(seen[..., None] & np.isfinite(errors), errors, np.nan)

    def _require_memory(self, levels: tuple[float, ...]) -> None:
        """Raise SettingsError where a rolling calibration could never hold errors enough for its levels."""
        least = needed(np.array(levels))
        if self.method == "rolling" and self.memory < least:
            raise SettingsError(
                f"memory={self.memory}: a whole number of origins, at least {least} for levels {levels}; or take "
                "levels nearer to 0.5"
            )

    def _require_enough(self, scores: np.ndarray, shifts: np.ndarray, levels: tuple[float, ...]) -> None:
        if np.isfinite(shifts).all():
            return
        found = np.isfinite(scores[..., 0]).sum(axis=0)
        step, target = np.unravel_index(found.argmin(), found.shape)
        raise TrainingError(
            f"calibration={self.calibration}: {found[step, target]} errors of step {step + 1}, levels {levels} need "
            f"{needed(np.array(levels))}; take a larger share, more rows, a shorter horizon, or levels nearer to 0.5"
        )

    def _rolling(self, panel: Panel, origins: Origins, fitted: Fitted) -> tuple[Forecast, np.ndarray]:
        """What the forecaster says, and the shifts of every origin from the newest errors known there."""
        first = np.maximum(self._unseen(panel, fitted), np.maximum(self.window.context, panel.begun() + 1))
        back = behind(origins, first, self.memory, self.window.horizon)
        both, place = union(origins, back)
        said = self.forecaster.predict(panel, both)
        scores = self._scores(panel, said, fitted.levels, fitted.sizes)
        levels = np.array(fitted.levels)
        shifts = np.repeat(fitted.shifts[None], len(origins), axis=0)
        least = max(self.memory // 2, needed(levels))
        held = dict(by_series(both))
        for series, here in by_series(origins):
            if len(held[series]) < least:
                continue
            recent = Recent.of(both.step[held[series]], scores[held[series]], int(first[series]))
            found = recent.quantiles(origins.step[here], levels, self.memory, least)
            shifts[here] = np.where(np.isfinite(found), found, shifts[here])
        return at(said, place), shifts

    def _unseen(self, panel: Panel, fitted: Fitted) -> np.ndarray:
        """Rows of each series that the forecaster was fitted on, int64 [series]: errors there would be too small."""
        trained = set(fitted.sizes.series)
        known = np.array([name in trained for name in panel.series])
        early = np.bincount(panel.row_series[panel.times <= fitted.until], minlength=len(panel.series))
        return np.where(known, early, 0)
