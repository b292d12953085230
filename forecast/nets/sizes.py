"""Sizes: the shapes that a network is built for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Shapes a network is built for: steps, channels of each role, and categories of each column (0: numbers)."""

    context: int
    horizon: int
    targets: int
    past: int = 0
    future: int = 0
    static: int = 0
    categories: tuple[int, ...] = ()
