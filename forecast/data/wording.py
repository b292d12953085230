"""Wording: lists of examples in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def and_more(words: Sequence[str], total: int) -> str:
    """A list in words, with the number of those that are not shown.

    Example:
        >>> and_more(["row 3", "row 5"], 2), and_more(["row 3", "row 5"], 9)
        ('row 3 and row 5', 'row 3, row 5 and 7 more')
    """
    if total > len(words):
        return f"{', '.join(words)} and {total - len(words):,} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
