"""Contestants made of others: their settings, as they stand in a settings file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from forecast.data.forecast import Forecaster
from forecast.errors import SettingsError
from forecast.forecasters.conformal import MEMORY, Conformal
from forecast.forecasters.ensemble import Ensemble


@dataclass(frozen=True)
class ConformalSettings:
    """Calibrated intervals around another contestant; the names are those of `Conformal`.

    Args:
        of: name of the other contestant, or of a preset.
        levels: None takes the other contestant's own, or those of `Conformal`.
    """

    of: str
    levels: tuple[float, ...] | None = None
    calibration: float = 0.2
    method: Literal["split", "rolling"] = "split"
    memory: int = MEMORY
    refit: bool = False

    @property
    def references(self) -> tuple[str, ...]:
        """Names of the contestants it is made of."""
        return (self.of,)

    def around(self, forecaster: Forecaster) -> Conformal:
        """The forecaster."""
        return Conformal(forecaster, self.levels, self.calibration, self.method, self.memory, self.refit)


@dataclass(frozen=True)
class EnsembleSettings:
    """Several contestants, several seeds of each, or both.

    Args:
        of: names of other contestants, or of presets.
        seeds: each contestant is there once a seed; empty for the seed of the training alone.
        combine: "mean" or "median".
    """

    of: tuple[str, ...]
    seeds: tuple[int, ...] = ()
    combine: Literal["mean", "median"] = "mean"

    def __post_init__(self) -> None:
        for name, given in (("of", self.of), ("seeds", self.seeds)):
            if len(set(given)) < len(given):
                raise SettingsError(f"{name} = {list(given)}: each of them once")
        if not self.of:
            raise SettingsError("of = []: name the contestants that speak together")

    @property
    def references(self) -> tuple[str, ...]:
        """Names of the contestants it is made of."""
        return self.of

    def together(self, members: Mapping[str, Forecaster]) -> Ensemble:
        """The forecaster."""
        return Ensemble(members, self.combine)


def covering(share: float) -> tuple[float, float]:
    """The levels of an interval that covers a share, as much of the rest below it as above.

    Raises:
        SettingsError: no share between 0 and 1.

    Example:
        >>> covering(0.9)
        (0.05, 0.95)
    """
    if not 0 < share < 1:
        raise SettingsError(f"intervals={share}: a share between 0 and 1, such as 0.9")
    return round((1 - share) / 2, 12), round((1 + share) / 2, 12)


Composed = ConformalSettings | EnsembleSettings
