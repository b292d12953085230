"""Strict reading of what a file claims to be: JSON and tensors, with limits on size, depth and number of things.

Files are read as if somebody had made them to do harm: nothing here allocates more than a small multiple of what was
really there, and nothing recurses.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

MOST_JSON = 8 << 20
MOST_HEADER = 16 << 20
MOST_DEPTH, MOST_PARTS, MOST_VALUES = 40, 30_000, 200_000
TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
BRACKET = re.compile(rb"[\[\]{}]")
WIDTHS = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "F16": 2, "BF16": 2, "I32": 4, "F32": 4, "I64": 8, "F64": 8}


def strict_json(content: bytes, most: int = MOST_JSON) -> Any:
    """What a JSON text holds.

    Raises:
        ValueError: not JSON in UTF-8, larger than `most` bytes, nested deeper than 40, more than 30,000 lists and
            tables or 200,000 values, a key twice in one table, numbers that are not finite.

    Example:
        >>> strict_json(b'{"context": 24}')
        {'context': 24}
        >>> strict_json(b'{"context": 24, "context": 48}')
        Traceback (most recent call last):
        ...
        ValueError: the key 'context' is there twice
    """
    if len(content) > most:
        raise ValueError(f"{len(content):,} bytes of JSON, {most:,} is the most")
    _require_shallow(content)
    return json.loads(content.decode("utf-8"), object_pairs_hook=_table, parse_float=_finite, parse_constant=_refuse)


def _require_shallow(content: bytes) -> None:
    """Count commas and brackets before anything is built of them."""
    depth, parts, bare = 0, 0, b""
    if content.count(b'"') <= 4 * MOST_VALUES:  # a key and a text each have two
        bare = TEXT.sub(b"", content)
    if not bare or bare.count(b",") > MOST_VALUES:
        raise ValueError(f"no value, or more than {MOST_VALUES:,} of them")
    for found in BRACKET.finditer(bare):
        opens = found.group() in b"[{"
        depth += 1 if opens else -1
        parts += opens
        if depth > MOST_DEPTH or parts > MOST_PARTS:
            raise ValueError(f"lists and tables nest deeper than {MOST_DEPTH}, or are more than {MOST_PARTS:,}")


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return table


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no finite number")


def tensor_header(content: bytes) -> dict[str, str]:
    """The texts that go with tensors in safetensors, once all that the header claims has been found to be there.

    Raises:
        ValueError: not safetensors, or a header that is too large, says something twice, or claims other bytes than
            follow it.
    """
    claimed = int.from_bytes(content[:8], "little")
    if len(content) < 8 or claimed > min(MOST_HEADER, len(content) - 8):
        raise ValueError(f"not safetensors: a header of {claimed:,} bytes in a file of {len(content):,}")
    header = strict_json(content[8 : 8 + claimed], MOST_HEADER)
    if not isinstance(header, dict):
        raise ValueError("not safetensors: the header is no table")
    texts = header.pop("__metadata__", {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("not safetensors: its metadata are no texts")
    spans = sorted(_span(name, entry) for name, entry in header.items())
    ends = [0, *(end for _, end in spans)]
    if [begin for begin, _ in spans] != ends[:-1] or ends[-1] != len(content) - 8 - claimed:
        raise ValueError("the tensors that the header names do not fill the file")
    return texts


def _span(name: str, entry: object) -> tuple[int, int]:
    """Where the bytes of a tensor begin and end."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"tensor {name!r}: dtype, shape and data_offsets are needed")
    kind, shape, span = entry["dtype"], entry["shape"], entry["data_offsets"]
    if kind not in WIDTHS:
        raise ValueError(f"tensor {name!r}: numbers of kind {kind!r} are not known")
    whole = isinstance(shape, list) and isinstance(span, list) and len(span) == 2
    if not whole or not all(type(number) is int and number >= 0 for number in (*shape, *span)):
        raise ValueError(f"tensor {name!r}: its shape and its place are whole numbers")
    if math.prod(shape) * WIDTHS[kind] != span[1] - span[0]:
        raise ValueError(f"tensor {name!r}: {span[1] - span[0]:,} bytes for the shape {shape}")
    return span[0], span[1]
