"""Whether what was said with a probability happened that often."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from forecast.errors import SettingsError
from forecast.plotting.style import GRID, INK, PALETTE, SOFT, Axes, axes, look, titled

CONFIDENCE = 0.95


def plot_calibration(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how many actuals lay at or below each quantile, over how many should.

    Points on the diagonal are calibrated; the band around it holds 95 % of what chance does to a calibrated forecast
    whose cells are independent (neighbouring steps are not: chance does more there).

    Args:
        frame: what `calibration_frame` returned.
        ax: where to draw; a new figure by default.

    Raises:
        SettingsError: nothing was observed.
    """
    _require(frame, ("level", "nominal", "observed", "width", "count"), "calibration_frame")
    frame = frame.sort_values("nominal")
    nominal, observed = (100 * frame[name].to_numpy(dtype=np.float64) for name in ("nominal", "observed"))
    count = int(frame["count"].max())
    with look():
        ax = axes(ax, 5.4, 5.2)
        _diagonal(ax, count)
        ax.plot(nominal, observed, color=PALETTE[0], marker="o", ms=5.5, label="forecast", zorder=3)
        titled(ax, "How often actuals lay below each quantile")
        ax.set_xlabel("should lie at or below, percent")
        ax.set_ylabel("did lie at or below, percent")
        ax.legend(loc="upper left")
    return ax


def plot_pit(levels: np.ndarray, bins: int = 20, ax: Axes | None = None) -> Axes:
    """Draw a histogram of PIT values: flat if the forecast is calibrated.

    A hump in the middle: distributions too wide. A trough: too narrow. A slope: forecasts too high or too low. The
    band holds 95 % of what chance does to each bar of independent cells.

    Args:
        levels: what `pit` returned; NaN is left out.
        bins: bars.
        ax: where to draw; a new figure by default.

    Raises:
        SettingsError: no values, or no bins.
    """
    known = np.asarray(levels, dtype=np.float64)
    known = known[~np.isnan(known)]
    if not len(known) or bins < 1:
        raise SettingsError(f"a PIT histogram of {len(known)} values in {bins} bars: it takes one of each at least")
    height, edges = np.histogram(known, bins=bins, range=(0.0, 1.0))
    low, high = (special.bdtrik(p, len(known), 1 / bins) for p in (0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2))
    even = len(known) / bins
    with look():
        ax = axes(ax, 6.4, 4.0)
        ax.bar(
            edges[:-1], height / even, width=1 / bins, align="edge", color=PALETTE[0], alpha=0.85, ec="white", lw=0.6
        )
        low, high = max(float(np.nan_to_num(low)), 0.0) / even, float(high) / even
        ax.axhspan(low, high, color=SOFT, alpha=0.22, lw=0, label="95 % of chance", zorder=3)
        ax.axhline(1.0, color=INK, lw=1.2, ls=(0, (4, 3)), label="calibrated", zorder=4)
        titled(ax, "Where actuals lay in their distributions")
        ax.set_xlabel("level of the actual (PIT)")
        ax.set_ylabel("frequency, calibrated = 1")
        ax.set_xlim(0.0, 1.0)
        ax.set_ylim(0.0, 1.18 * max(float(height.max()) / even, high))
        ax.grid(axis="x", visible=False)
        ax.legend(loc="upper right", ncols=2)
    return ax


def plot_reliability(frame: pd.DataFrame, label: str = "up", ax: Axes | None = None) -> Axes:
    """Draw how often a class happened, over the probability that it was given.

    Args:
        frame: what `reliability_frame` returned.
        label: name of the class, for the words.
        ax: where to draw; a new figure by default.

    Raises:
        SettingsError: nothing was observed.
    """
    _require(frame, ("said", "observed", "low", "high", "count"), "reliability_frame")
    said, observed, low, high = (
        100 * frame[name].to_numpy(dtype=np.float64) for name in ("said", "observed", "low", "high")
    )
    count = frame["count"].to_numpy(dtype=np.float64)
    share = float((observed * count).sum() / count.sum())
    with look():
        ax = axes(ax, 5.4, 5.2)
        ax.plot([0, 100], [0, 100], color=INK, lw=1.2, ls=(0, (4, 3)), label="reliable")
        ax.axhline(share, color=SOFT, lw=1.0, ls=":", label=f"always {share:.0f} %, as it happened")
        errors = np.stack([observed - low, high - observed])
        style = {
            "fmt": "o-",
            "ms": 5.5,
            "capsize": 2.5,
            "elinewidth": 1.1,
            "label": "forecast, 95 % interval",
        }
        ax.errorbar(said, observed, np.maximum(errors, 0.0), color=PALETTE[0], zorder=3, **style)
        titled(ax, f"How often “{label}” happened")
        ax.set_xlabel(f"probability of “{label}” that was forecast, percent")
        ax.set_ylabel("share that happened, percent")
        _square(ax, *_around(said, low, high))
        ax.legend(loc="upper left")
    return ax


def _require(frame: pd.DataFrame, columns: tuple[str, ...], source: str) -> None:
    missing = [name for name in columns if name not in frame]
    if missing or not len(frame) or not frame["count"].max() > 0:
        lack = f"the columns {', '.join(missing)}" if missing else "observed cells"
        raise SettingsError(f"a frame without {lack} cannot be drawn; it takes one of {source}")


def _diagonal(ax: Axes, count: int) -> None:
    level = np.linspace(0.0, 1.0, 201)
    half = special.ndtri(0.5 + CONFIDENCE / 2) * np.sqrt(level * (1 - level) / count)
    low, high = 100 * np.maximum(level - half, 0.0), 100 * np.minimum(level + half, 1.0)
    ax.fill_between(100 * level, low, high, color=SOFT, alpha=0.25, lw=0, label="95 % of chance")
    ax.plot([0, 100], [0, 100], color=INK, lw=1.2, ls=(0, (4, 3)), label="calibrated")
    _square(ax, 0.0, 100.0)


def _around(*values: np.ndarray) -> tuple[float, float]:
    """A stretch of percentages that holds all values, in tens, the whole of it where that is not much more."""
    low = 10 * np.floor(min(each.min() for each in values) / 10)
    high = 10 * np.ceil(max(each.max() for each in values) / 10)
    return max(float(low), 0.0), min(float(high), 100.0)


def _square(ax: Axes, low: float, high: float) -> None:
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_aspect("equal")
    ax.grid(color=GRID)
