"""Sweeps: what the trials of a study found, what it cost, and what mattered."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from forecast.errors import SettingsError
from forecast.plotting.style import (
    FORECAST,
    INK,
    MARKERS,
    PALETTE,
    SOFT,
    XLABEL,
    Axes,
    axes,
    legend_below,
    look,
    titled,
)

MOST_CELLS = 6
UPWARD = ("direction",)
ROOM = 0.06  # of the axis, around what is drawn


def plot_history(trials: pd.DataFrame, goal: str, ax: Axes | None = None) -> Axes:
    """Draw the figure of every completed trial by its number, the best so far, and where trials were given up.

    Args:
        trials: as `forecast.sweeps.reading.trials_frame` makes it.
        goal: its column.
        ax: where to draw; a new figure by default.
    """
    done = _done(trials, goal)
    best = done[goal].cummax() if goal in UPWARD else done[goal].cummin()
    with look():
        ax = axes(ax, 8.0, 4.0)
        ax.plot(done["number"], done[goal], "o", ms=4.5, color=PALETTE[0], label="complete")
        ax.step(done["number"], best, where="post", color=FORECAST, label="best so far")
        _limit(ax, done[goal].to_numpy(dtype=np.float64), "y")
        for state, marker in (("pruned", "|"), ("failed", "x")):
            numbers = trials.loc[trials["state"] == state, "number"]
            if len(numbers):
                level = np.full(len(numbers), 0.02)
                ax.plot(
                    numbers, level, marker, color=SOFT, ms=6, transform=ax.get_xaxis_transform(), label=state, ls=""
                )
        ax.set_xlabel("trial")
        ax.set_ylabel(f"{goal} in validation")
        titled(ax, "What the trials found")
        legend_below(ax, down=XLABEL)
    return ax


def plot_costs(trials: pd.DataFrame, goal: str, ax: Axes | None = None) -> Axes:
    """Draw the figure of every completed trial by its seconds; networks by cell, streamed ones hollow.

    Args:
        trials: as `forecast.sweeps.reading.trials_frame` makes it.
        goal: its column.
        ax: where to draw; a new figure by default.
    """
    done = _done(trials, goal)
    cells = done["cell"] if "cell" in done else pd.Series("trials", index=done.index)
    streamed = done["feed"].eq("streamed") if "feed" in done else pd.Series(False, index=done.index)
    with look():
        ax = axes(ax, 8.0, 4.4)
        for place, cell in enumerate(sorted(cells.dropna().unique())):
            colour, marker = PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)]
            for hollow in (False, True):
                some = done[(cells == cell) & (streamed == hollow)]
                if len(some):
                    face = "none" if hollow else colour
                    name = f"{cell}, streamed" if hollow else str(cell)
                    ax.plot(some["seconds"], some[goal], marker, color=colour, mfc=face, ms=6, ls="", label=name)
        ax.set_xscale("log")
        plain = FuncFormatter(lambda seconds, _: f"{seconds:g}")
        ax.xaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
        ax.xaxis.set_major_formatter(plain)
        ax.xaxis.set_minor_formatter(NullFormatter())
        _limit(ax, done[goal].to_numpy(dtype=np.float64), "y")
        ax.set_xlabel("seconds of a trial, all folds")
        ax.set_ylabel(f"{goal} in validation")
        titled(ax, "What it cost")
        if len(ax.get_legend_handles_labels()[1]) > 1:
            legend_below(ax, down=XLABEL)
    return ax


def plot_importances(weights: pd.Series, goal: str, ax: Axes | None = None) -> Axes:
    """Draw how much of the figure's spread each parameter explains.

    Args:
        weights: as `forecast.sweeps.reading.importances` makes them.
        goal: what was measured.
        ax: where to draw; a new figure by default.
    """
    weights = weights.sort_values()
    with look():
        ax = axes(ax, 8.0, 1.4 + 0.34 * len(weights))
        bars = ax.barh([str(name) for name in weights.index], weights.to_numpy(dtype=np.float64), color=PALETTE[0])
        ax.bar_label(bars, [f"{value:.0%}" for value in weights], padding=4, fontsize=9, color=INK)
        ax.set_xlim(0, float(weights.max()) * 1.15)
        ax.set_xlabel(f"share of the spread of {goal}")
        titled(ax, "What mattered")
        ax.grid(axis="y", visible=False)
    return ax


def plot_cells(trials: pd.DataFrame, goal: str, ax: Axes | None = None) -> Axes:
    """Draw the best figure by cell and hidden size, with the number of completed trials behind it.

    Args:
        trials: as `forecast.sweeps.reading.trials_frame` makes it.
        goal: its column.
        ax: where to draw; a new figure by default.
    """
    done = _done(trials, goal).dropna(subset=["cell", "hidden_size"])
    sizes = done["hidden_size"].astype(float)
    edges = _octaves(sizes.to_numpy())
    names = [f"{low:g}–{high - 1:g}" if high - low > 1 else f"{low:g}" for low, high in pairwise(edges)]
    bins = pd.cut(sizes, edges, right=False, labels=names)
    grouped = done.groupby([done["cell"], bins], observed=False)[goal]
    best = (grouped.max() if goal in UPWARD else grouped.min()).unstack()
    counts = grouped.count().unstack()
    with look():
        ax = axes(ax, 2.6 + 1.1 * len(names), 1.6 + 0.6 * len(best))
        values = best.to_numpy(dtype=np.float64)
        image = ax.imshow(values, cmap="viridis" if goal in UPWARD else "viridis_r", aspect="auto")
        ax.set_xticks(range(len(names)), names)
        ax.set_yticks(range(len(best)), [str(cell) for cell in best.index])
        middle = np.nanmean([np.nanmin(values), np.nanmax(values)])
        for row, column in np.argwhere(np.isfinite(values)):
            value, count = values[row, column], int(counts.iloc[row, column])
            dark = value < middle if goal in UPWARD else value > middle
            ax.text(
                column,
                row,
                f"{value:.4g}\n{count}×",
                ha="center",
                va="center",
                fontsize=9,
                color="white" if dark else INK,
            )
        ax.set_xlabel("hidden size")
        titled(ax, f"Best {goal} in validation, and trials completed")
        ax.grid(visible=False)
        ax.figure.colorbar(image, ax=ax, shrink=0.9)
    return ax


def _done(trials: pd.DataFrame, goal: str) -> pd.DataFrame:
    if goal not in trials:
        raise SettingsError(f"no column {goal!r} among {', '.join(trials.columns)}")
    done = trials[trials["state"] == "complete"]
    if not len(done):
        raise SettingsError("no trial was completed: there is nothing to draw")
    return done


def _limit(ax: Axes, values: np.ndarray, axis: str) -> None:
    """Show the better three quarters of the figures well; what lies far above is cut off."""
    low, high = np.nanmin(values), np.nanmax(values)
    quarter = np.nanquantile(values, 0.75)
    high = min(high, quarter + 2 * (quarter - low)) if quarter > low else high
    room = ROOM * max(high - low, 1e-12)
    ax.set_ylim(low - 2 * room, high + room)


def _octaves(sizes: np.ndarray) -> list[float]:
    """Edges at powers of two that hold all sizes."""
    first, last = np.floor(np.log2(sizes.min())), np.floor(np.log2(sizes.max())) + 1
    return [float(2**power) for power in np.arange(first, last + 1)]
