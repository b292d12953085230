"""Colours: those of `plotting/style.py`, made dark enough for white and light enough for black.

Text has a contrast of at least 4.5 against its ground, lines and marks of at least 3 (WCAG 2.2, AA).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DASHES = ("solid", "dash", "dot", "dashdot")
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "x", "star")
LINES = 8

LIGHT: Mapping[str, str] = {
    "ground": "#ffffff",
    "raised": "#f4f5f7",
    "ink": "#1c2127",
    "soft": "#59636e",
    "grid": "#dfe3e8",
    "edge": "#7d8690",
    "link": "#0060a0",
    "p0": "#d55e00",
    "p1": "#0072b2",
    "p2": "#008561",
    "p3": "#b8548e",
    "p4": "#9a6a00",
    "p5": "#2b7fb3",
    "p6": "#7f3c8d",
    "p7": "#5a5a5a",
    "low": "#fde9d9",
    "high": "#8c2d04",
}
DARK: Mapping[str, str] = {
    "ground": "#14181d",
    "raised": "#1f252c",
    "ink": "#eceff2",
    "soft": "#a9b3bd",
    "grid": "#333b44",
    "edge": "#7f8a96",
    "link": "#7cc4ff",
    "p0": "#ff8a3c",
    "p1": "#4db2ec",
    "p2": "#2fc79a",
    "p3": "#e29ac6",
    "p4": "#edb73a",
    "p5": "#9fd4f5",
    "p6": "#c58bd6",
    "p7": "#b5b5b5",
    "low": "#3a2414",
    "high": "#ffb27d",
}
MARKS = ("edge", *(f"p{place}" for place in range(LINES)))
WORDS = ("ink", "soft", "link")


@dataclass(frozen=True)
class Look:
    """How one contestant is drawn in all charts: told apart by colour, dash and mark.

    Args:
        colour: a name in `LIGHT` and `DARK`.
        dash: of its line.
        symbol: of its points.
    """

    colour: str
    dash: str
    symbol: str


BASELINE = Look("soft", "dot", "cross")


def looks(models: tuple[str, ...], baseline: str) -> dict[str, Look]:
    """A look for each contestant, by its place; the rule to beat looks the same on every page.

    Example:
        >>> looks(("gru", "naive", "lstm"), "naive")["lstm"]
        Look(colour='p1', dash='dash', symbol='square')
    """
    others = [model for model in models if model != baseline]
    return {baseline: BASELINE} | {
        model: Look(f"p{place % LINES}", DASHES[(place + place // LINES) % len(DASHES)], SYMBOLS[place % len(SYMBOLS)])
        for place, model in enumerate(others)
    }


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21 (WCAG 2.2).

    Example:
        >>> round(contrast("#ffffff", "#000000"))
        21
    """
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def variables() -> str:
    """Both sets as CSS: light, dark where the system prefers it, and either where the reader chose."""
    light, dark = ("".join(f"--{name}:{colour};" for name, colour in each.items()) for each in (LIGHT, DARK))
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{color-scheme:dark;{dark}}}}}\n"
        f':root[data-theme="light"]{{color-scheme:light;{light}}}\n'
        f':root[data-theme="dark"]{{color-scheme:dark;{dark}}}\n'
        f"@media print{{:root,:root[data-theme]{{color-scheme:light;{light}}}}}\n"
    )
