"""Bars: one line of progress where somebody looks at it, a terminal or a notebook; nothing into files and pipes."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from threading import RLock
from typing import Any

from tqdm import tqdm


class Silent(tqdm):
    """A bar that nobody sees. It needs no lock across processes, which one that is killed would leave behind."""

    _lock = RLock()
    monitor_interval = 0


def watched() -> bool:
    """Whether somebody would see a bar: stderr is a terminal, or this is a notebook."""
    return in_notebook() or bool(sys.stderr is not None and sys.stderr.isatty())


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook; IPython is asked only if somebody else has loaded it."""
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return getattr(ask() if ask is not None else None, "kernel", None) is not None


def bar(total: float, form: str, show: bool = True, initial: float = 0, widgets: bool = True) -> tqdm:
    """A bar that vanishes when it is closed; silent where nobody looks, or nobody asked.

    In a notebook it is a widget where ipywidgets is installed, else a line of text. A notebook cannot move between
    lines of text, so there a second bar beside the first stays silent.

    Args:
        total: what there is to do.
        form: as tqdm's `bar_format`, with `{bar:24}` for the bar.
        show: whether it was asked for.
        initial: what was done before.
        widgets: whether a widget may be used; not in processes that a notebook has forked.
    """
    kept: dict[str, Any] = {
        "total": total,
        "initial": initial,
        "leave": False,
        "dynamic_ncols": True,
        "file": sys.stderr,
    }
    if not (show and watched()):
        return Silent(disable=True, **kept)
    if not in_notebook():
        return tqdm(bar_format=form, **kept)
    if widgets and find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm as widget

        wide = form.replace("{bar:24}", "{bar}")
        return widget(total=total, initial=initial, bar_format=wide, leave=False, dynamic_ncols=True)
    return tqdm(bar_format=form, disable=_others(), mininterval=0.5, **kept)


def _others() -> bool:
    return any(not other.disable for other in list(getattr(tqdm, "_instances", ())))
