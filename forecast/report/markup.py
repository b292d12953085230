"""Markup: text, numbers and tables as HTML. What comes from data and settings is hostile until it went through here."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

MOST_ROWS = 400
"""Rows of a table behind a chart; more are thinned evenly, and the table says so."""
DIGITS = 4


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Args:
        key: its id, for links.
        title: its heading.
        body: HTML.
    """

    key: str
    title: str
    body: str

    def to_html(self) -> str:
        """The section with its heading."""
        heading = f'<h2 id="{self.key}-title">{text(self.title)}</h2>'
        return f'<section id="{self.key}" aria-labelledby="{self.key}-title">\n{heading}\n{self.body}\n</section>'


def text(value: object) -> str:
    """Any text as harmless HTML, within elements and attributes.

    Example:
        >>> text('<script>"&')
        '&lt;script&gt;&quot;&amp;'
    """
    return html.escape(str(value), quote=True)


def label(value: object) -> str:
    r"""Any text as plotly shows it letter by letter: it reads a little HTML, and only that has to be undone.

    Example:
        >>> label("<b>&co"), label("a\nb")
        ('&lt;b&gt;&amp;co', 'a b')
    """
    return html.escape(" ".join(str(value).split()), quote=False)


def paragraph(sentence: str, kind: str = "") -> str:
    """A paragraph of plain text; nothing for an empty one."""
    shape = f' class="{kind}"' if kind else ""
    return f"<p{shape}>{text(sentence)}</p>" if sentence else ""


def bullets(sentences: Iterable[str]) -> str:
    """A list of plain sentences."""
    return "<ul>" + "".join(f"<li>{text(sentence)}</li>" for sentence in sentences) + "</ul>"


def definitions(pairs: Iterable[tuple[str, object]]) -> str:
    """Names and what they stand for; pairs without a value are left out."""
    said = [(name, value) for name, value in pairs if value not in (None, "")]
    return "<dl>" + "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in said) + "</dl>"


def number(value: float, digits: int = DIGITS) -> str:
    """A number with so many digits that count; a dash where there is none.

    Example:
        >>> number(1234.567), number(0.00012344), number(float("nan")), number(3.0), number(-1.5)
        ('1,235', '0.0001234', '–', '3', '−1.5')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size and (size < 1e-5 or size >= 1e12):
        said = f"{value:.{digits - 1}e}"
    else:
        places = max(0, digits - 1 - math.floor(math.log10(size))) if size else 0
        said = f"{value:,.{places}f}"
        said = said.rstrip("0").rstrip(".") if "." in said else said
    return said.replace("-", "−")


def percent(share: float) -> str:
    """A share in words.

    Example:
        >>> percent(0.1234), percent(0.0042), percent(float("nan"))
        ('12 %', '0.4 %', '–')
    """
    if math.isnan(share):
        return "–"
    size = 100 * share
    return (f"{size:.0f} %" if abs(size) >= 9.95 or size == 0 else f"{size:.1f} %").replace("-", "−")


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[object]], named: int = 1) -> str:
    """An accessible table in a box that scrolls: a caption, heads of columns and rows.

    Args:
        rows: texts as they stand, numbers with a few digits.
        named: leading columns that are names, set to the left; the first is the head of its row.
    """
    shapes = [' class="word"' if place < named else "" for place in range(len(heads))]
    head = "".join(f'<th scope="col"{shape}>{text(name)}</th>' for name, shape in zip(heads, shapes, strict=True))
    body = "".join(_row(row, named) for row in rows)
    inside = f"<table><caption>{text(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}">{inside}</div>'


def _row(row: Sequence[object], named: int) -> str:
    cells = []
    for place, value in enumerate(row):
        said = text(value if isinstance(value, str) else number(float(value)))  # type: ignore[arg-type]
        if place == 0:
            cells.append(f'<th scope="row">{said}</th>')
        else:
            cells.append(f'<td class="word">{said}</td>' if place < named else f"<td>{said}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def frame_table(caption: str, frame: pd.DataFrame, named: int = 1) -> str:
    """A frame as a table, thinned where it is long."""
    shown, more = frame, ""
    if len(frame) > MOST_ROWS:
        shown = frame.iloc[spread(len(frame), MOST_ROWS)]
        more = f" ({MOST_ROWS} of {len(frame):,} rows, evenly chosen)"
    cells = [[_plain(value) for value in row] for row in shown.itertuples(index=False)]
    return table(f"{caption}{more}", [str(name) for name in frame.columns], cells, named)


def _plain(value: Any) -> object:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return value if isinstance(value, int | float | np.number) else str(value)


def folded(summary: str, body: str) -> str:
    """Something that is opened on request."""
    return f"<details><summary>{text(summary)}</summary>{body}</details>"


def spread(count: int, most: int) -> np.ndarray:
    """At most so many of `count` places, evenly, the first and the last among them.

    Example:
        >>> spread(10, 4).tolist(), spread(3, 4).tolist()
        ([0, 3, 6, 9], [0, 1, 2])
    """
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, most)).round().astype(np.int64))


def data_script(key: str, value: object) -> str:
    """Values for the page's own script, as JSON that cannot end its element."""
    body = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{key}">{body}</script>'


def rounded(values: Iterable[float] | np.ndarray, places: int) -> list[float | int | None]:
    """Numbers for JSON with so many decimal places; None for what is missing.

    Example:
        >>> rounded([1.2345, float("nan"), 2.0], 2)
        [1.23, None, 2]
    """
    array = np.round(np.asarray(values, dtype=np.float64), places)
    return [None if not math.isfinite(x) else int(x) if x == int(x) else x for x in array.ravel().tolist()]


def places_for(values: np.ndarray) -> int:
    """Decimal places that show values to about a ten-thousandth of their spread.

    Example:
        >>> places_for(np.array([85.1, 86.2, 87.9])), places_for(np.array([0.001, 0.002]))
        (4, 8)
    """
    known = values[np.isfinite(values)]
    size = float(known.std()) if len(known) else 0.0
    size = size or (float(np.abs(known).max()) if len(known) else 0.0) or 1.0
    return int(np.clip(4 - math.floor(math.log10(size)), -6, 14))
