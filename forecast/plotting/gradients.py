"""How far back gradients reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pandas as pd

from forecast.errors import SettingsError
from forecast.plotting.style import Axes, axes, look, stroke, titled

COLUMNS = ("part", "lag", "mean", "q10", "q50", "q90", "origins")


class Lagged(Protocol):
    """What `gradient_flow` returns, as far as it is drawn."""

    @property
    def lags(self) -> pd.DataFrame: ...


def plot_gradient_flow(
    flow: Lagged | Mapping[str, Lagged], part: str = "state", relative: bool = True, ax: Axes | None = None
) -> Axes:
    """Draw the norm of the gradient of a forecast's loss by the state k steps before it, over k.

    Lines are medians over origins, bands reach from the 10 % to the 90 % quantile. A straight line that falls is a
    gradient that vanishes geometrically, one that rises explodes. Where a gradient is exactly 0 there is a gap: a
    logarithmic axis has no zero.

    Args:
        flow: what `gradient_flow` returned, or several by name.
        part: of the state; "state" is all of it.
        relative: divide each network's norms by its largest median, so that shapes are compared, not losses.
        ax: where to draw; a new figure by default.

    Raises:
        SettingsError: nothing to draw, gradients that are 0 throughout, frames of something else, or a part that a
            network does not have.
    """
    flows = flow if isinstance(flow, Mapping) else {"": flow}
    if not flows:
        raise SettingsError("no flows to draw; give what gradient_flow returned, or a mapping from names to such")
    curves = {name: _curve(name, each.lags, part, relative) for name, each in flows.items()}
    with look():
        ax = axes(ax, 7.2, 4.2)
        for place, (name, curve) in enumerate(curves.items()):
            alike = stroke(place) | ({} if name else {"marker": ""})
            band = None if name else "10 % to 90 % of the origins"
            ax.fill_between(
                curve["lag"], curve["q10"], curve["q90"], color=alike["color"], alpha=0.15, lw=0, label=band
            )
            ax.plot(curve["lag"], curve["q50"], **alike, ms=4, markevery=0.1, label=name or "median", zorder=3)
        ax.set_yscale("log")
        titled(ax, "How far back the loss of a forecast reaches")
        ax.set_xlabel("lag k, steps before the origin")
        unit = ", largest median = 1" if relative else ""
        ax.set_ylabel(f"‖∂ loss(t) / ∂ {'h' if part == 'state' else part}(t − k)‖{unit}")
        ax.set_xlim(0, max(float(curve["lag"].max()) for curve in curves.values()) or 1.0)
        ax.grid(which="minor", visible=False)
        ax.legend(loc="best")
    return ax


def _curve(name: str, frame: pd.DataFrame, part: str, relative: bool) -> pd.DataFrame:
    """The rows of a part, in the order of lags, fit for a logarithmic axis."""
    missing = [column for column in COLUMNS if column not in frame]
    if missing:
        raise SettingsError(f"lags without the columns {', '.join(missing)} cannot be drawn; gradient_flow makes them")
    parts = list(dict.fromkeys(frame["part"]))
    if part not in parts:
        raise SettingsError(f"part={part!r}: {f'{name} has' if name else 'there are'} {', '.join(parts)}")
    curve = frame[frame["part"] == part].sort_values("lag")
    quantiles = {name: curve[name].where(curve[name] > 0) for name in ("q10", "q50", "q90")}
    if not quantiles["q50"].notna().any():
        raise SettingsError(
            f"{name or 'the flow'}: no gradient reaches {part!r} at most origins, there is nothing to draw"
        )
    unit = float(quantiles["q50"].max()) if relative else 1.0
    return curve.assign(**{name: values / unit for name, values in quantiles.items()})
