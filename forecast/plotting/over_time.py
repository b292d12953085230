"""Errors over time: when contestants did well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from forecast.errors import SettingsError
from forecast.plotting.observed import broken, far_apart, lonely
from forecast.plotting.scores import WORDS, picked
from forecast.plotting.style import Axes, axes, concise_dates, legend_below, look, stroke, titled

MOST_LINES = 5
POINTS = 60
"""Origins up to which each is shown; of more, means over so many parts of the time."""


class LossesInTime(Protocol):
    """What `forecast.evaluation.backtest.backtest` returns, as far as it is drawn."""

    @property
    def losses(self) -> Mapping[str, np.ndarray]: ...
    @property
    def error(self) -> str: ...
    @property
    def known(self) -> np.ndarray: ...


def plot_errors(
    scores: LossesInTime, models: Sequence[str] | None = None, over: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the error by the time at which forecasts were made, one line a contestant.

    It is the mean absolute error, of categories the error rate.

    Errors are means over series, targets and steps of the horizon. A long time without origins interrupts the lines.

    Args:
        scores: what `backtest` returned.
        models: contestants to draw; by default the five best.
        over: times of origins, the newest up to each, whose errors are averaged; by default a sixtieth of all.
        ax: where to draw; a new figure by default.

    Raises:
        SettingsError: no such contestant, or `over` below 1.

    Example:
        >>> from forecast.data.synthetic import random_walk
        >>> from forecast.evaluation.backtest import backtest
        >>> from forecast.forecasters.naive import Mean, Naive
        >>> from forecast.windows.window import Window
        >>> scores = backtest({"naive": Naive(Window(8, 4)), "mean": Mean(Window(8, 4))}, random_walk(2, 120), 0.5)
        >>> [line.get_label() for line in plot_errors(scores).lines]
        ['naive', 'mean']
    """
    chosen, total = _models(scores, models), len(scores.losses)
    frame = pd.DataFrame({name: scores.losses[name] for name in chosen}).groupby(np.asarray(scores.known)).mean()
    over = max(round(len(frame) / POINTS), 1) if over is None else over
    if over < 1:
        raise SettingsError(f"over={over}: errors of one time at least are averaged")
    smooth = frame.rolling(over, min_periods=max(over // 2, 1)).mean()
    times = frame.index.to_numpy().astype("datetime64[us]")
    with look():
        ax = axes(ax, 9.0, 4.0)
        for rank, name in enumerate(chosen):
            _line(ax, times, smooth[name].to_numpy(dtype=np.float64), name, rank)
        few = f", best {len(chosen)} of {total}" if models is None and len(chosen) < total else ""
        words = WORDS[scores.error]
        titled(ax, f"{words.capitalize()} over time{f', mean of the last {over} origins' if over > 1 else ''}{few}")
        ax.set_ylabel(words)
        ax.set_ylim(bottom=0)
        ax.margins(x=0.01)
        concise_dates(ax)
        legend_below(ax)
    return ax


def _models(scores: LossesInTime, models: Sequence[str] | None) -> list[str]:
    """The contestants asked for, or the best, in the order of their errors."""
    return picked(sorted(scores.losses, key=lambda name: float(np.nanmean(scores.losses[name]))), models, MOST_LINES)


def _line(ax: Axes, times: np.ndarray, values: np.ndarray, name: str, rank: int) -> None:
    alike = stroke(rank)
    when, drawn = broken(times, values, far_apart(times))
    every = (rank * max(len(when) // 40, 1), max(len(when) // 8, 1))
    ax.plot(when, drawn, **alike, ms=4.5, lw=1.5, markevery=every, label=name)
    alone = lonely(drawn)
    if alone.any():
        ax.plot(when[alone], drawn[alone], color=alike["color"], ls="", marker=alike["marker"], ms=4.5)
