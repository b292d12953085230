"""Window: which origins a panel offers, and the cuts in time that keep their targets apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.data.panel import Origins, Panel
from forecast.errors import SettingsError, TrainingError

MOST_STEPS = 1_000_000


@dataclass(frozen=True)
class Window:
    """How many steps a forecaster sees, and how many it forecasts.

    Args:
        context: steps seen, the origin's own row included.
        horizon: steps forecast after the origin.
        stride: steps between two origins of a series.

    Raises:
        SettingsError: a number below 1, or one that no memory would hold.

    Example:
        >>> import numpy as np
        >>> panel = Panel.from_arrays(np.arange(10.0), np.arange("2024-01-01", "2024-01-11", dtype="M8[D]"))
        >>> Window(context=4, horizon=2, stride=2).origins(panel).step.tolist()
        [4, 6, 8]
        >>> Window(context=4, horizon=2).origins(panel, since=panel.cut(6)).step.tolist()
        [6, 7, 8]
    """

    context: int
    horizon: int
    stride: int = 1

    def __post_init__(self) -> None:
        for name in ("context", "horizon", "stride"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise SettingsError(f"{name}={value!r}: a whole number of steps, at least 1")
            if value > MOST_STEPS:
                raise SettingsError(f"{name}={value}: at most {MOST_STEPS:,} steps")

    @property
    def length(self) -> int:
        """Rows one training window needs."""
        return self.context + self.horizon

    def origins(self, panel: Panel, since: np.ndarray | None = None, until: np.ndarray | None = None) -> Origins:
        """Every origin with a full context behind it and all its target rows in [since, until).

        An origin is left out while a target has never been seen, and where no target ahead was observed.

        Args:
            panel: the rows.
            since: int64 [series], first row that may be a target; contexts may reach back before it.
            until: int64 [series], first row that may not be a target.

        Returns:
            Origins in the order of series, then time.
        """
        start = np.maximum(self.context, panel.begun() + 1)
        start = start if since is None else np.maximum(start, since)
        stop = (panel.lengths if until is None else np.minimum(until, panel.lengths)) - self.horizon
        counts = np.where(stop >= start, (stop - start) // self.stride + 1, 0)
        series = np.repeat(np.arange(len(counts)), counts)
        nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        origins = Origins(series, np.repeat(start, counts) + nth * self.stride)
        return origins[self._observed_ahead(panel, origins)]

    def _observed_ahead(self, panel: Panel, origins: Origins) -> np.ndarray:
        seen = np.concatenate([[0], np.cumsum(panel.observed[:, : panel.layout.targets].any(axis=1))])
        first = panel.offsets[origins.series] + origins.step
        return seen[first + self.horizon] > seen[first]


@dataclass(frozen=True, eq=False)
class Split:
    """Training and validation origins; no target row belongs to both.

    Args:
        cut: int64 [series], the first validation row; scales are fitted on the rows before it.
    """

    cut: np.ndarray
    training: Origins
    validation: Origins


def split(panel: Panel, window: Window, fraction: float) -> Split:
    """Cut the last `fraction` of the time span off for validation.

    Targets never cross: the last training target lies before the cut, contexts of validation reach behind it.
    With `fraction=0` there is no validation and every row trains.

    Raises:
        TrainingError: one of the sides has no window; says which series come nearest and what would help.
    """
    if not 0 <= fraction < 1:
        raise SettingsError(f"validation={fraction!r}: a share of the training span, at least 0 and below 1")
    if window.length > panel.lengths.max(initial=0):
        _too_short(panel, window, panel.lengths, "training")
    cut = panel.cut(1.0 - fraction) if fraction else panel.lengths.copy()
    training = window.origins(panel, until=cut)
    if not len(training):
        _too_short(panel, window, cut, "training")
    nothing = Origins(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    validation = window.origins(panel, since=cut) if fraction else nothing
    if fraction and not len(validation):
        _too_short(panel, window, panel.lengths - cut, "validation")
    return Split(cut, training, validation)


def _too_short(panel: Panel, window: Window, rows: np.ndarray, side: str) -> None:
    needed = window.length if side == "training" else window.horizon
    shown = ", ".join(f"{panel.named(i)} has {rows[i]}" for i in np.argsort(-rows, kind="stable")[:5])
    raise TrainingError(
        f"no {side} windows: context {window.context} + horizon {window.horizon} need {needed} {side} rows in a series"
        f" with observed targets; {shown}{' ...' if len(rows) > 5 else ''}. "
        "Use a shorter context or horizon, or an earlier or later split."
    )
