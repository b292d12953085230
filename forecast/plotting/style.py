"""One look for all pictures: colours that the colour-blind can tell apart, few lines, readable dates."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from forecast.errors import SettingsError

try:
    import matplotlib as mpl
    from matplotlib import pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.transforms import ScaledTranslation
except ImportError as error:
    raise SettingsError("pictures need matplotlib: pip install 'forecast-recurrent[plot]'") from error

# Okabe & Ito (2008), with purple for the yellow that white paper swallows; in order of use.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "#222222")
INK, SOFT, GRID = "#222222", "#777777", "#E4E4E4"
FORECAST = PALETTE[1]
FAMILIES = {"recurrent": "#D55E00", "other": "#0072B2", "rule": "#9A9A9A"}
FAMILY_NAMES = {"recurrent": "recurrent network", "other": "other model", "rule": "simple rule"}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
DASHES = ("-", "--", "-.", ":")
BORDER = (0, (3, 3))
"""Dashes of the line between what was known and what was not."""
TITLE, LEGEND = 11.5, 9.0
BELOW = 34.0
"""Points from the axis down to a legend, past the labels of its ticks."""
XLABEL = 46.0
"""The same past the label of the axis too."""

_LOOK = {
    "font.size": 10.0,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.titlesize": TITLE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.7,
    "legend.frameon": False,
    "legend.fontsize": LEGEND,
    "figure.dpi": 110.0,
    "figure.constrained_layout.h_pad": 0.08,
    "savefig.dpi": 150.0,
}


@contextmanager
def look() -> Iterator[None]:
    """The look of our pictures, as a context that leaves the settings of everybody else alone."""
    interactive = mpl.is_interactive()
    try:
        with mpl.rc_context(_LOOK):
            yield
            interactive = mpl.is_interactive()  # a notebook's backend, loaded by the first picture, asks to stay so
    finally:
        mpl.interactive(interactive)


def axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes given, or those of a new figure of that many inches."""
    if ax is not None:
        return ax
    _, made = plt.subplots(figsize=(width, height), layout="constrained")
    return made


def stroke(rank: int) -> dict[str, Any]:
    """Colour, dash and marker of the line of a rank: neighbours differ in all three, so colour need not be seen."""
    return {
        "color": PALETTE[rank % len(PALETTE)],
        "ls": DASHES[(rank + rank // len(PALETTE)) % len(DASHES)],
        "marker": MARKERS[rank % len(MARKERS)],
    }


def inches(ax: Axes) -> float:
    """Width of the axes."""
    return ax.bbox.width / ax.get_figure(root=True).dpi  # pyrefly: ignore[missing-attribute]


def titled(ax: Axes, text: str) -> None:
    """Give the axes a title, in as many lines as their width takes."""
    letters = max(int(inches(ax) * 72 / (0.62 * TITLE)), 16)
    ax.set_title(textwrap.fill(text, letters, break_long_words=False))


def legend_below(ax: Axes, handles: Sequence[Any] = (), names: Sequence[str] = (), down: float = BELOW) -> None:
    """Put the legend under the axes, where it hides nothing, in as many columns as their width takes.

    Args:
        handles, names: what it shows; by default what was labelled.
        down: points below the axis.
    """
    said = tuple(names) or tuple(ax.get_legend_handles_labels()[1])
    widest = max((len(name) for name in said), default=0) * 0.5 * LEGEND + 32
    columns = max(min(int(inches(ax) * 72 / widest), 6, len(said)), 1) if said else 1
    place = ax.transAxes + ScaledTranslation(0.0, -down / 72, ax.get_figure(root=True).dpi_scale_trans)  # pyrefly: ignore
    given = {"handles": handles, "labels": names} if handles else {}
    ax.legend(
        **given,
        loc="upper left",
        bbox_to_anchor=(0.0, 0.0),
        bbox_transform=place,
        ncols=columns,
        borderaxespad=0.0,
    )


def concise_dates(ax: Axes) -> None:
    """Label the horizontal axis with as little of each date as is needed, and as many dates as its width takes."""
    most = max(min(int(inches(ax) / 0.75), 8), 2)
    locator = AutoDateLocator(minticks=min(4, most), maxticks=most)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
