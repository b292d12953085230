"""One look for all pictures: colours that the colour-blind can tell apart, few lines, readable dates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from forecast.errors import SettingsError

try:
    import matplotlib as mpl
    from matplotlib import pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
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

_LOOK = {
    "font.size": 10.0,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.titlesize": 11.5,
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
    "legend.fontsize": 9.0,
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


def concise_dates(ax: Axes) -> None:
    """Label the horizontal axis with as little of each date as is needed."""
    locator = AutoDateLocator(minticks=4, maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
