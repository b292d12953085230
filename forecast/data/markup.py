"""Markup: small pieces of HTML for notebooks, in which every text is escaped.

Nothing here names a colour, loads anything or runs: a notebook's own theme, light or dark, is what is seen.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence

LONGEST, WIDEST = 60, 240
"""Letters of a cell of a table, and of a description; names can have any length."""


def block(title: str, *parts: str) -> str:
    """A heading and what stands under it; parts are markup already.

    Example:
        >>> block("a < b", notes(["<script>"]))
        '<div><p><strong>a &lt; b</strong></p><p><small>&lt;script&gt;</small></p></div>'
    """
    return f"<div><p><strong>{html.escape(title)}</strong></p>{''.join(parts)}</div>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """A table; nothing at all without rows.

    Args:
        head: names of the columns; empty for none.
        rows: cells.
        texts: how many of the first columns stand to the left, as text does; the others to the right.
    """
    most = LONGEST if head else WIDEST
    lines = ["".join(_cell("td", cell, place < texts, most) for place, cell in enumerate(row)) for row in rows]
    if not lines:
        return ""
    named = "".join(_cell("th", name, place < texts) for place, name in enumerate(head))
    top = f"<thead><tr>{named}</tr></thead>" if head else ""
    return f"<table>{top}<tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody></table>"


def pairs(values: Mapping[str, str]) -> str:
    """A table of names and what they are; empty ones are left out."""
    return table((), [(name, value) for name, value in values.items() if value], texts=2)


def notes(lines: Iterable[str]) -> str:
    """Sentences in small print, one below the other; nothing without any."""
    said = "<br>".join(html.escape(line) for line in lines)
    return f"<p><small>{said}</small></p>" if said else ""


def _cell(tag: str, text: str, left: bool, most: int = LONGEST) -> str:
    short = text if len(text) <= most else f"{text[: most - 1]}…"
    return f'<{tag} style="text-align:{"left" if left else "right"}">{html.escape(short)}</{tag}>'


def significant(number: float, digits: int = 3) -> str:
    """A number with so many significant digits, without an exponent where that is readable.

    Example:
        >>> significant(0.012345), significant(12345.6), significant(12.0, 4)
        ('0.0123', '12,346', '12.00')
    """
    if number == 0 or not math.isfinite(number):
        return f"{number:g}"
    exponent = math.floor(math.log10(abs(number)))
    return f"{number:.{digits}g}" if exponent < -5 else f"{number:,.{max(0, digits - 1 - exponent)}f}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun.

    Example:
        >>> counted(1, "row"), counted(1200, "row"), counted(2, "series", "series")
        ('1 row', '1,200 rows', '2 series')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
