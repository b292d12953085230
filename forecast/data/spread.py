"""Spread: what several blocks of one large file say, brought together."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace

from forecast.data.describe import Description, describe
from forecast.data.outline import sniff
from forecast.data.sampled import Block, Sample
from forecast.data.schema import Schema
from forecast.data.wording import and_more
from forecast.errors import DataError

OF_A_WHOLE = ("TYPO?", "the covariate", "the calendar: ", "targets were not named: ")
"""How sentences begin that a piece of a file cannot say of the whole: a series may go on in the next piece."""
NUMBER = re.compile(r"[\d.,:-]*\d")
Said = list[tuple[int, str]]


def describe_blocks(file: str, sample: Sample, schema: Schema) -> Description:
    """Describe a file by blocks of it, each for itself, so that nothing is said of rows that are no neighbours.

    Calendar and season are those of the first block (another calendar further down is reported); rows, gaps,
    duplicates and missing cells are counted in all; series are those of the block that shows most. What is
    wrong or suspicious is said with the block it was found in.

    Args:
        file: the name of the whole.
        sample: its blocks.
        schema: the roles that are known.

    Raises:
        DataError: the beginning of the file cannot be opened as CSV.
    """
    blocks = sample.blocks
    try:
        first = describe(blocks[0].path, _roles(schema, blocks[0], blocks))
    except DataError as error:
        raise DataError(file, error.problems) from None
    known = replace(schema, time=schema.time or first.time, series=schema.series or first.series_column)
    found, problems = [first], [(0, text) for text in first.problems]
    report = [(0, text) for text in first.report]
    for number, block in enumerate(blocks[1:], start=1):
        try:
            part = describe(block.path, _roles(known, block, blocks))
        except DataError as error:
            problems += [(number, text) for text in error.problems]
            continue
        found.append(part)
        problems += [(number, text) for text in part.problems]
        report += [(number, text) for text in part.report if not text.startswith(OF_A_WHOLE)]
        if part.calendar != first.calendar and part.calendar and first.calendar:
            report.append((number, f"FREQUENCY? the calendar is not that of the first rows: {part.calendar}"))
    rows, series = sum(part.rows for part in found), max(part.series for part in found)
    kept = [(number, text) for number, text in report if not (len(blocks) > 1 and text.startswith(OF_A_WHOLE[:2]))]
    return replace(
        first,
        source=file,
        rows=rows,
        first=min(part.first for part in found if part.first) if first.first else None,
        last=max(part.last for part in found if part.last) if first.last else None,
        gaps=sum(part.gaps for part in found),
        longest_gap=max(part.longest_gap for part in found),
        duplicates=sum(part.duplicates for part in found),
        series=series,
        shortest=rows if series == 1 else min(part.shortest for part in found),
        longest=rows if series == 1 else max(part.longest for part in found),
        missing=_added([part.missing for part in found]),
        constant=_constant(found, blocks, schema),
        problems=tuple(_merged(problems, blocks)),
        report=(sample.note, *_merged(kept, blocks)),
        command=first.command.replace(shlex.quote(str(blocks[0].path)), shlex.quote(file)),
    )


def _roles(schema: Schema, block: Block, blocks: tuple[Block, ...]) -> Schema:
    """The schema for a block: a footer stands below the last one."""
    alone = not block.last or len(blocks) == 1
    return replace(schema, format=replace(schema.format, skip_footer=0)) if alone else schema


def _added(counts: list[dict[str, int]]) -> dict[str, int]:
    names = dict.fromkeys(name for each in counts for name in each)
    return {name: sum(each.get(name, 0) for each in counts) for name in names}


def _constant(found: list[Description], blocks: tuple[Block, ...], schema: Schema) -> tuple[str, ...]:
    """Columns that hold one value in every block, the same in all."""
    names = [name for name in found[0].constant if all(name in part.constant for part in found)]
    first_rows = [sniff(block.path, schema.format).sample.iloc[0] for block in blocks] if names else []
    return tuple(name for name in names if len({row.get(name) for row in first_rows}) == 1)


def _merged(said: Said, blocks: tuple[Block, ...]) -> Iterator[str]:
    """Sentences once, the first of those that differ in numbers alone; with the block that says them, unless all do."""
    alike: dict[str, Said] = {}
    for number, text in said:
        alike.setdefault(NUMBER.sub("#", text), []).append((number, text))
    for group in alike.values():
        numbers = list(dict.fromkeys(number for number, _ in group))
        text = group[0][1]
        if len(numbers) == len(blocks) or numbers == [0]:
            yield text
            continue
        more = f", and alike in block {and_more([str(n + 1) for n in numbers[1:]], len(numbers) - 1)}"
        yield f"{text} [{_place(numbers[0], blocks)}{more if numbers[1:] else ''}]"


def _place(number: int, blocks: tuple[Block, ...]) -> str:
    block = blocks[number]
    if not number:
        return f"block 1 of {len(blocks)}"
    return (
        f"block {number + 1} of {len(blocks)}, from byte {block.start:,}, about row {block.row:,}; rows are counted "
        "within it"
    )
