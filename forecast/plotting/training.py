"""How the losses of fits went, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from matplotlib.ticker import MaxNLocator

from forecast.errors import SettingsError
from forecast.plotting.style import INK, XLABEL, Axes, axes, legend_below, look, stroke, titled

FEW = 40  # epochs up to which each is marked


class LossOfEpoch(Protocol):
    """One epoch."""

    @property
    def number(self) -> int: ...
    @property
    def training(self) -> float: ...
    @property
    def validation(self) -> float: ...


class Fitting(Protocol):
    """What happened in a fit, as far as it is drawn: `Recurrent.history`."""

    @property
    def epochs(self) -> Sequence[LossOfEpoch]: ...
    @property
    def best(self) -> int: ...
    @property
    def stopped(self) -> str: ...


@runtime_checkable
class HasHistory(Protocol):
    """A forecaster that trains."""

    @property
    def history(self) -> Fitting | None: ...


def plot_training(fitted: HasHistory | Mapping[str, object], ax: Axes | None = None) -> Axes:
    """Draw the losses of training and validation by epoch, with the epoch that was kept.

    Losses are those of the head, in units of the scale (squared or absolute standard deviations of the series, or a
    likelihood): those of different heads are not to be compared. The training loss of an epoch is the mean while its
    weights moved, with dropout; that of validation is taken at its end.

    Args:
        fitted: a fitted `Recurrent`, or several by name; others than networks are left out.
        ax: where to draw; a new figure by default.

    Raises:
        SettingsError: no network that was fitted.

    Example:
        >>> from types import SimpleNamespace as Named
        >>> epochs = [Named(number=n, training=1 / n, validation=1.5 / n + 0.1 * n) for n in (1, 2, 3, 4)]
        >>> plot_training(Named(history=Named(epochs=epochs, best=4, stopped="all 4 epochs"))).get_xlabel()
        'epoch'
    """
    several = isinstance(fitted, Mapping)
    fits = {str(name): _history(each) for name, each in fitted.items()} if several else {"": _history(fitted)}
    known = {name: found for name, found in fits.items() if found is not None and found.epochs}
    if not known:
        raise SettingsError("no training to draw: give a Recurrent that was fitted, or several by name")
    with look():
        ax = axes(ax, 8.0, 4.0)
        for rank, (name, found) in enumerate(known.items()):
            _fit(ax, found, name, rank)
        _words(ax, known)
    return ax


def _history(fitted: object) -> Fitting | None:
    return fitted.history if isinstance(fitted, HasHistory) else None


def _fit(ax: Axes, found: Fitting, name: str, rank: int) -> None:
    """Both losses of a fit in its colour, training dotted; a ring around the epoch that was kept."""
    numbers = [epoch.number for epoch in found.epochs]
    alike, few = stroke(rank), len(numbers) <= FEW
    shape = {"color": alike["color"], "marker": alike["marker"], "ms": 4, "markevery": 1 if few else 0.1}
    of = f"{name}, " if name else ""
    ax.plot(numbers, [epoch.training for epoch in found.epochs], ls=":", mfc="white", **shape, label=f"{of}training")
    validation = [epoch.validation for epoch in found.epochs]
    if any(map(math.isfinite, validation)):
        ax.plot(numbers, validation, ls="-", **shape, label=f"{of}validation", zorder=3)
        at = numbers.index(found.best)
        label = "epoch that was kept" if not rank else None
        ax.plot([found.best], [validation[at]], "o", ms=11, mfc="none", mec=INK, mew=1.4, label=label, zorder=4)


def _words(ax: Axes, known: Mapping[str, Fitting]) -> None:
    only = next(iter(known.values()))
    kept = f": epoch {only.best} of {len(only.epochs)} kept, ended by {only.stopped}" if len(known) == 1 else ""
    titled(ax, f"Loss by epoch{kept}")
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss of the head, scaled")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    longest = max(len(found.epochs) for found in known.values())
    ax.set_xlim(0.5, longest + 0.5)
    if longest == 1:
        ax.set_xticks([1])
    handles, names = ax.get_legend_handles_labels()
    order = sorted(range(len(names)), key=lambda place: names[place] == "epoch that was kept")
    legend_below(ax, [handles[place] for place in order], [names[place] for place in order], down=XLABEL)
