"""Ranked: the error that contestants are ranked by, and how it is spoken of."""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple


class Ranked(NamedTuple):
    """An error that contestants are ranked by.

    Args:
        name: of the metric, a column of the leaderboard.
        relative: the metric that is its share of the error of repeating the last value.
        words: what it is called.
        several: many of them.
        last: what that rule repeats.
    """

    name: str
    relative: str
    words: str
    several: str
    last: str


NUMBERS = Ranked("mae", "relmae", "mean absolute error", "absolute errors", "the last value")
CATEGORIES = Ranked("error_rate", "rel_error_rate", "error rate", "error rates", "the last category")


def ranked_by(columns: Container[str]) -> Ranked:
    """What a leaderboard with these columns is ranked by.

    Example:
        >>> ranked_by(["model", "error_rate", "rel_error_rate", "skill"]).words
        'error rate'
    """
    return CATEGORIES if CATEGORIES.name in columns and NUMBERS.name not in columns else NUMBERS
