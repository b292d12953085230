"""Guard: whether adapted weights speak, or those that were fitted: by the errors of the forecasts both have made."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from forecast.errors import SettingsError


def is_number(value: object) -> bool:
    """Whether it is a finite number of Python's own (numpy's float64 is one), as a file keeps it."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class Guard:
    """When the forecasts of a live forecaster that learns come from its adapted weights.

    Both weights forecast at every row, and both forecasts are scored when their targets are known. Each series is
    judged by itself: its adapted weights speak while their mean error over the last `window` forecasts is below
    1 - `gain` times that of the fitted weights, and not before there were so many. Whatever they gain or lose is
    added up: once they have cost more than `budget` times all that the fitted weights erred, the latter speak until
    that is so no longer. So the errors of a whole stream exceed those of the fitted weights by no more than that share
    and what the forecasts cost that are under way when it is found out.

    Args:
        window: forecasts that are compared, the newest ones.
        gain: share by which the adapted weights have to be better; 0 asks for better at all.
        budget: share of the error of the fitted weights that may be lost in all.
        restart: the adapted weights begin anew from the fitted ones after so many scored forecasts in a row, of all
            series, at which their mean error over the last `window` was the greater one. None: never. Forecasts that
            are under way then, a horizon of them in each series, are never scored, and count for neither weights. With
            one series and a restart no shorter than the horizon none of them came from the adapted weights, so nothing
            that was lost is hidden; of many series, one that still trusted them may lose or gain a horizon unseen.

    Raises:
        SettingsError: a window or a restart below 1, a gain or a budget that is no share.

    Example:
        >>> Guard(window=50).budget
        0.01
    """

    window: int = 200
    gain: float = 0.0
    budget: float = 0.01
    restart: int | None = 1000

    def __post_init__(self) -> None:
        for name in ("window", "restart"):
            value = getattr(self, name)
            if (name, value) != ("restart", None) and (type(value) is not int or value < 1):
                raise SettingsError(f"{name}={value!r} of a Guard: a whole number of forecasts, at least 1")
        for name in ("gain", "budget"):
            if not is_number(getattr(self, name)) or not 0 <= getattr(self, name) < 1:
                raise SettingsError(f"{name}={getattr(self, name)!r} of a Guard: a share, at least 0 and below 1")


@dataclass
class Record:
    """How frozen and adapted weights have done, in one series (or in all).

    Args:
        guard: the settings.
        frozen, adapted: errors of the newest forecasts, oldest first.
        scored: forecasts so far.
        frozen_sum, adapted_sum, said_sum: errors of all forecasts, by the weights, and of those that were in use;
            without those that the fitted weights did not make, or the budget would be without end ever after.
        worse: newest forecasts in a row at which the adapted weights' window was the worse one.
        updates: steps of the optimizer on its losses.
        skipped: those that were left out, since loss or gradient were not finite.
    """

    guard: Guard
    frozen: deque[float] = field(default_factory=deque)
    adapted: deque[float] = field(default_factory=deque)
    scored: int = 0
    frozen_sum: float = 0.0
    adapted_sum: float = 0.0
    said_sum: float = 0.0
    worse: int = 0
    updates: int = 0
    skipped: int = 0

    def add(self, frozen: float, adapted: float, spoke: bool) -> None:
        """Score a forecast.

        Args:
            frozen, adapted: errors; an infinite one is that of a forecast that was none.
            spoke: the adapted weights' forecast was the one in use.
        """
        for kept, error in ((self.frozen, frozen), (self.adapted, adapted)):
            kept.append(error)
            if len(kept) > self.guard.window:
                kept.popleft()
        self.scored += 1
        if math.isfinite(frozen):  # where the fitted weights say nothing, nothing can be lost
            self.frozen_sum += frozen
            self.adapted_sum += adapted
            self.said_sum += adapted if spoke else frozen
        self.worse = self.worse + 1 if self.full and sum(self.adapted) > sum(self.frozen) else 0

    def forget(self) -> None:
        """Begin to compare anew; what was lost in all is not forgotten."""
        self.frozen.clear()
        self.adapted.clear()
        self.worse = 0

    @property
    def full(self) -> bool:
        """Whether there were as many forecasts as are compared."""
        return len(self.frozen) == self.guard.window

    @property
    def trusted(self) -> bool:
        """Whether the adapted weights may speak."""
        better = self.full and sum(self.adapted) < (1 - self.guard.gain) * sum(self.frozen)
        return better and self.said_sum <= (1 + self.guard.budget) * self.frozen_sum

    @property
    def failed(self) -> bool:
        """Whether the adapted weights should begin anew."""
        return self.guard.restart is not None and self.worse >= self.guard.restart

    def recent(self) -> tuple[float, float]:
        """Mean errors over the newest forecasts, frozen and adapted; NaN where there was none."""
        count = len(self.frozen)
        return (sum(self.frozen) / count, sum(self.adapted) / count) if count else (math.nan, math.nan)
