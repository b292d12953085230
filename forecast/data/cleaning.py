"""Cleaning: a text file that cannot be read as it stands, record by record, as plain CSV or with all that is wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forecast.data.files import UTF8, encoding_problem, open_text
from forecast.data.format import advice
from forecast.data.headers import is_date, is_number
from forecast.data.outline import CONTROL, Outline
from forecast.data.records import Record, records_of
from forecast.data.wording import and_more
from forecast.errors import DataError

SHOWN = 20
WIDE = 60  # characters of a row that are quoted


@dataclass(frozen=True, eq=False)
class Cleaned:
    """Plain CSV without a header.

    Args:
        text: UTF-8, separated by commas.
        lines: on which each row begins in the file, int64 [row].
        repairs: what was left out, in words.
    """

    text: bytes
    lines: np.ndarray
    repairs: tuple[str, ...]


def cleaned(outline: Outline) -> Cleaned:
    """Read a file record by record: comments, empty rows, footers and empty fields at the end of rows are left out.

    Raises:
        DataError: rows with too many or too few fields, quotation marks that do not close, binary bytes, text that is
            not in its encoding; all rows that are wrong, 20 of them quoted.
    """
    width, kept, lines = len(outline.header), [], []
    footer: list[Record] = []
    wrong: list[tuple[int, list[str]]] = []
    strange: list[int] = []
    counts = {"comments": 0, "empty": 0, "longer": 0}
    for line, cells in _body(outline, counts, footer):
        if not any(cell and not cell.isspace() for cell in cells):
            counts["empty"] += 1
            continue
        if any(CONTROL.search(cell) for cell in cells):
            strange.append(line)
        if len(cells) < width or any(cells[width:]):
            wrong.append((line, cells))
            continue
        counts["longer"] += len(cells) > width
        kept.append(cells[:width])
        lines.append(line)
    problems = _problems(outline, wrong, strange, lines[-1] if lines else 0)
    if problems:
        raise DataError(str(outline.path), problems)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(kept)
    repairs = _repairs(outline, counts) + _footer_of_rows(footer, kept[-1] if kept else [])
    return Cleaned(text.getvalue().encode(), np.array(lines, dtype=np.int64), repairs)


def _body(outline: Outline, counts: dict[str, int], footer: list[Record]) -> Iterator[Record]:
    """Records below the header, without comments and the footer that was named: it is there at the end."""
    for record in body(outline):
        if outline.comment is not None and record.cells[0].lstrip().startswith(outline.comment):
            counts["comments"] += 1
            continue
        footer.append(record)
        if len(footer) > outline.format.skip_footer:
            yield footer.pop(0)


def body(outline: Outline, strict: bool = True) -> Iterator[Record]:
    """All records below the header, as they stand."""
    try:
        with open_text(outline.path, outline.encoding) as stream:
            for _ in range(outline.skip):
                next(stream)
            yield from records_of(stream, outline.separator, outline.skip + 1, strict)
    except UnicodeError as error:
        raise DataError(str(outline.path), [encoding_problem(outline.path, error, outline.encoding)]) from None
    except csv.Error as error:
        raise DataError(
            str(outline.path), [f"the file cannot be read as CSV: {error}; is a quotation mark open?"]
        ) from None
    except (OSError, EOFError) as error:
        raise DataError(str(outline.path), [f"the file cannot be read to its end: {error}"]) from None


def _problems(outline: Outline, wrong: list[tuple[int, list[str]]], strange: list[int], last: int) -> list[str]:
    problems = []
    if strange:
        rows = and_more([str(line) for line in strange[:SHOWN]], len(strange))
        problems.append(f"binary bytes in row {rows}: the file is damaged; get it again")
    if wrong:
        shown = and_more([f"row {line} has {_fields(cells)}" for line, cells in wrong[:SHOWN]], len(wrong))
        problems.append(f"the header has {len(outline.header)} columns, but {shown}; {_remedy(outline, wrong, last)}")
    return problems


def _remedy(outline: Outline, wrong: list[tuple[int, list[str]]], last: int) -> str:
    if all(line > last for line, _ in wrong):
        if len(wrong) == 1 and outline.encoding == UTF8 and wrong[0][1][0][:4].isdigit():
            return "was the file cut off? Get it again, or remove the row"
        return f"mend or remove these rows; if they are a footer use {advice('skip_footer', len(wrong))}"
    firsts = {cells[0].strip()[:1] for _, cells in wrong}
    mark = next(iter(firsts)) if len(firsts) == 1 else ""
    if mark and not mark.isalnum() and mark not in "-+\"'(":
        return f"mend or remove these rows; if they are comments use {advice('comment', mark)}"
    return "mend or remove these rows"


def _fields(cells: list[str]) -> str:
    text = repr(",".join(cells)[:WIDE])
    return f"{len(cells)} {'field' if len(cells) == 1 else 'fields'} ({text})"


def _repairs(outline: Outline, counts: dict[str, int]) -> tuple[str, ...]:
    words = {
        "comments": f"of comments ({outline.comment}) left out",
        "empty": "without any value left out",
        "longer": "with empty fields behind the last column: these were left out",
    }
    told = {"comments": outline.comment is not None}  # said in the outline, or asked for
    found = [name for name, count in counts.items() if count and not told.get(name)]
    return tuple(f"{counts[name]:,} {'row' if counts[name] == 1 else 'rows'} {words[name]}" for name in found)


def _footer_of_rows(footer: list[Record], row: list[str]) -> tuple[str, ...]:
    """Lines that were left out as a footer and look like the last row: a later file may have no footer at all."""
    kinds = [_kind(cell) for cell in row]
    alike = [line for line, cells in footer if "date" in kinds and [_kind(cell) for cell in cells] == kinds]
    if not alike:
        return ()
    shown = and_more([str(line) for line in alike[:SHOWN]], len(alike))
    lines = "line was" if len(footer) == 1 else "lines were"
    rows = f"row {shown} looks" if len(alike) == 1 else f"rows {shown} look"
    return (
        f"FOOTER? the last {len(footer)} {lines} left out (--skip-footer {len(footer)}), but {rows} like those above: "
        "append the footer that is missing, or fit without the flag",
    )


def _kind(cell: str) -> str:
    cell = cell.strip()
    return "date" if is_date(cell) else "number" if not cell or is_number(cell) else "text"
