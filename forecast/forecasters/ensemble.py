"""Ensemble: several forecasters that speak with one voice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, Self

import numpy as np

from forecast.data.forecast import Forecast, Forecaster
from forecast.data.panel import Origins, Panel
from forecast.distributions import Categories
from forecast.errors import SettingsError
from forecast.forecasters.provenance import Provenance, Savable
from forecast.forecasters.quantiles import as_quantiles, quantiles_of
from forecast.windows.window import Window

Combine = Literal["mean", "median"]


class Ensemble(Savable):
    """The mean or median of several forecasters: seeds of one network, an LSTM and a GRU, a network and a rule.

    Points are combined with points. Quantiles are combined level by level (Vincent 1912; Lichtendahl et al. 2013): at
    the levels of all members where they are the same, else at those of the first, which the others' distributions
    are asked for. Of classes the probabilities are combined.

    Args:
        members: forecasters by name, or in a sequence; one horizon, contexts may differ.
        combine: "mean", or "median", which an outlier among the members does not move.

    Raises:
        SettingsError: no members, one that is there twice, or horizons that differ.

    Example:
        >>> from forecast.forecasters.naive import Mean, Naive
        >>> panel = Panel.from_arrays(np.array([1.0, 2.0, 6.0]), np.arange("2024-01", "2024-04", dtype="M8[M]"))
        >>> both = Ensemble({"last": Naive(Window(1, 2)), "mean": Mean(Window(1, 2))}).fit(panel)
        >>> both.predict(panel).point[0, :, 0].tolist(), both.spread(panel)[0, :, 0].round(2).tolist()
        ([4.5, 4.5], [2.12, 2.12])
    """

    def __init__(self, members: Mapping[str, Forecaster] | Sequence[Forecaster], combine: Combine = "mean") -> None:
        named = members if isinstance(members, Mapping) else {str(i): member for i, member in enumerate(members)}
        self.members, self.combine = dict(named), combine
        if combine not in ("mean", "median"):
            raise SettingsError(f"combine={combine!r}: 'mean' or 'median'")
        if not self.members:
            raise SettingsError("an ensemble needs members")
        if len({id(member) for member in self.members.values()}) < len(self.members):
            raise SettingsError("an ensemble holds the same forecaster twice: make one object a member")
        horizons = {name: member.window.horizon for name, member in self.members.items()}
        if len(set(horizons.values())) > 1:
            said = ", ".join(f"{name}: {horizon}" for name, horizon in horizons.items())
            raise SettingsError(f"members must forecast the same number of steps; horizons are {said}")

    @classmethod
    def of_seeds(
        cls, factory: Callable[[int], Forecaster], seeds: Sequence[int] = (0, 1, 2), combine: Combine = "mean"
    ) -> Self:
        """One forecaster a seed, as `factory(seed)` makes them.

        Example:
            >>> from forecast.forecasters.tabular import Tabular
            >>> list(Ensemble.of_seeds(lambda seed: Tabular(Window(8, 2), "forest", seed=seed)).members)
            ['0', '1', '2']
        """
        return cls({str(seed): factory(seed) for seed in seeds}, combine)

    @property
    def window(self) -> Window:
        """The longest context of the members, and their horizon."""
        windows = [member.window for member in self.members.values()]
        return Window(max(window.context for window in windows), windows[0].horizon)

    @property
    def parameters(self) -> int:
        """Those of all members."""
        return sum(int(getattr(member, "parameters", 0)) for member in self.members.values())

    def fit(self, panel: Panel) -> Self:
        """Fit one member after the other."""
        for member in self.members.values():
            member.fit(panel)
        self.fitted_on = Provenance.of(panel)
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        """The members' forecast at origins, by default at the end of every series.

        Raises:
            NotFittedError: before fit.
            SettingsError: some members give quantiles or classes and some do not.
            ForecastError: what a member raises.
        """
        origins = panel.end_origins() if origins is None else origins
        said = self.forecasts(panel, origins)
        if any(isinstance(each.distribution, Categories) for each in said.values()):
            return self._classes(said)
        levels = self._levels(said)
        if not levels:
            return Forecast.at(panel, origins, self._combined([each.point for each in said.values()]))
        values = self._combined([quantiles_of(each, levels) for each in said.values()])
        return as_quantiles(next(iter(said.values())), values, levels)

    def forecasts(self, panel: Panel, origins: Origins | None = None) -> dict[str, Forecast]:
        """What each member says, by name."""
        origins = panel.end_origins() if origins is None else origins
        return {name: member.predict(panel, origins) for name, member in self.members.items()}

    def spread(self, panel: Panel, origins: Origins | None = None) -> np.ndarray:
        """How far the members' points lie apart: their standard deviation (ddof 1), float64 [origin, step, target].

        It tells how much of a forecast is chance of training, not how wide an interval must be (see `Conformal`).
        """
        points = np.stack([said.point for said in self.forecasts(panel, origins).values()])
        return points.std(axis=0, ddof=1) if len(points) > 1 else np.zeros(points.shape[1:])

    def _classes(self, said: Mapping[str, Forecast]) -> Forecast:
        """Classes with the members' probabilities combined, and the likeliest of them as the point."""
        found = {name: each.distribution for name, each in said.items() if isinstance(each.distribution, Categories)}
        first, forecast = next(iter(found.values())), next(iter(said.values()))
        edges = 0.0 if first.edges is None else first.edges
        alike = [
            each.labels == first.labels and np.allclose(0.0 if each.edges is None else each.edges, edges)
            for each in found.values()
        ]
        if len(found) < len(said) or not all(alike):
            others = [name for name in said if name not in found]
            raise SettingsError(
                f"members {others or list(found)} do not forecast the same classes: give all of them the same head"
            )
        told = replace(first, probabilities=self._shares([each.probabilities for each in found.values()]))
        return replace(
            forecast, values=forecast.values if told.directional else told.mode()[..., None], distribution=told
        )

    def _shares(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities combined; medians that are all 0 (each member sure of another class) give way to means."""
        shares = self._combined(parts)
        total = shares.sum(axis=-1, keepdims=True)
        return np.where(total > 0, shares / np.where(total > 0, total, 1.0), np.mean(parts, axis=0))

    def _levels(self, said: Mapping[str, Forecast]) -> tuple[float, ...]:
        """Levels that every member can answer; none where all give points."""
        points = [name for name, each in said.items() if not each.levels]
        if len(points) == len(said):
            return ()
        if points:
            raise SettingsError(
                f"members {points} give points, the others quantiles: put those in Conformal(...), or leave them out"
            )
        first = next(iter(said.values())).levels
        deaf = [name for name, each in said.items() if each.levels != first and each.distribution is None]
        if deaf:
            raise SettingsError(
                f"members {deaf} have other levels than {first}, and no distribution to ask: use the same levels"
            )
        return first

    def _combined(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        stacked = np.stack(parts)
        return stacked.mean(axis=0) if self.combine == "mean" else np.median(stacked, axis=0)
