"""Separators: what stands between the fields of a text, decided by its first lines or asked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from forecast.data.files import MISSING
from forecast.data.format import Format, advice
from forecast.data.headers import is_date, is_number
from forecast.data.records import records_of
from forecast.errors import DataError

MARKS = ",;\t|"
LINES = 60
SHARE = 0.8  # of the lines that have the usual number of fields
MOST_BEFORE = 40  # lines above a header


class _Fit(NamedTuple):
    separator: str
    width: int
    share: float
    before: int
    rows: list[list[str]]


def separator_of(path: Path, lines: list[str], form: Format) -> tuple[str, int]:
    """The separator of a text, and how many lines stand above its header.

    Args:
        lines: from the first that is neither blank nor a comment.

    Raises:
        DataError: two separators fit equally well, only blanks do, or another one than that which was told.
    """
    if form.separator == " ":
        return " ", 0
    filled = [line for line in lines if line.strip()][:LINES]
    if form.separator:
        told = _fit(filled, form.separator)
        _require_fields(path, told, [_fit(filled, mark) for mark in MARKS if mark != form.separator], form)
        return form.separator, 0 if form.columns else told.before
    fits = [_fit(filled, mark) for mark in MARKS]
    good = [fit for fit in fits if fit.width > 1 and fit.share >= SHARE]
    if not good:
        return _of_blanks(path, filled, fits)
    best = max(good, key=lambda fit: (fit.share == 1.0 and not fit.before, fit.share, fit.width))
    rivals = [fit for fit in good if fit.share == 1.0 and not fit.before]
    if len(rivals) > 1:
        telling = [fit for fit in rivals if _tells(fit)]
        if len(telling) != 1:
            marks = " and ".join(repr(fit.separator) for fit in rivals)
            raise DataError(
                str(path), [f"the fields may be separated by {marks}; say which, as {advice('separator', ';')}"]
            )
        best = telling[0]
    return best.separator, 0 if form.columns else best.before


def _require_fields(path: Path, told: _Fit, others: list[_Fit], form: Format) -> None:
    """Raise where a separator that was told leaves lines as they are, or uneven, and another one fits all of them."""
    if form.columns or (told.width > 1 and told.share == 1.0 and not told.before):
        return
    better = [fit for fit in others if fit.width > 1 and fit.share == 1.0 and not fit.before]
    if better:
        best = max(better, key=lambda fit: fit.width)
        says = "leaves every line in one piece" if told.width == 1 else "makes lines of different numbers of fields"
        raise DataError(
            str(path),
            [
                f"the separator {told.separator!r} {says}, and {best.separator!r} makes {best.width} fields of each: "
                f"leave --separator out, or use {advice('separator', best.separator)}"
            ],
        )


def _fit(lines: list[str], separator: str) -> _Fit:
    rows = [record.cells for record in records_of(iter(lines), separator)]
    widths = [len(row) for row in rows if row]
    width = Counter(widths).most_common(1)[0][0] if widths else 1
    before = _before(rows, width)
    rest = widths[before:]
    return _Fit(separator, width, rest.count(width) / len(rest) if rest else 0.0, before, rows)


def _before(rows: list[list[str]], width: int) -> int:
    """Lines of one field above the table; a header that is short by a name or two is none of them."""
    count = next((place for place, row in enumerate(rows) if len(row) > 1), 0)
    return count if width > 1 and 0 < count <= MOST_BEFORE else 0


def _tells(fit: _Fit) -> bool:
    """Whether most columns below the header hold nothing but times or numbers."""
    below = [row for row in fit.rows[1:] if len(row) == fit.width]
    columns = [[row[place].strip() for row in below] for place in range(fit.width)]
    read = [all(is_number(cell) or is_date(cell) for cell in cells if cell not in MISSING) for cells in columns]
    return bool(below) and sum(read) > fit.width / 2


def _of_blanks(path: Path, lines: list[str], fits: list[_Fit]) -> tuple[str, int]:
    widths = [len(line.split()) for line in lines]
    usual = Counter(widths[1:] or widths).most_common(1)[0][0]
    first = lines[min(1, len(lines) - 1)].split()
    spaced = usual > 1 and len(lines) > 2 and widths.count(usual) >= SHARE * len(widths)
    if spaced and is_date(first[0]) and is_number(first[-1]) and max(fit.width for fit in fits) == 1:
        raise DataError(
            str(path), [f"the fields seem to be separated by blanks; say so with {advice('separator', 'space')}"]
        )
    best = max(fits, key=lambda fit: (fit.width > 1) * fit.share)
    return (best if best.width > 1 else fits[0]).separator, 0
