"""Inputs that no row brings: how many there are of the calendar and of missing cells, and where they stand."""

from __future__ import annotations

from forecast.data.categories import Categories, sizes
from forecast.data.schema import Layout, Schema


def with_added(layout: Layout, cycles: tuple[str, ...], gaps: tuple[str, ...] = (), ahead: bool = False) -> Layout:
    """A layout with two more channels for each cycle of the calendar and each channel whose absence is an input.

    Args:
        ahead: cycles are covariates that are known ahead; else they are known up to the origin.
    """
    waves, past = 2 * len(cycles), layout.past + 2 * len(gaps)
    if ahead:
        return layout._replace(past=past, future=layout.future + waves)
    return layout._replace(past=past + waves)


def input_sizes(
    schema: Schema, categories: Categories, cycles: tuple[str, ...], gaps: tuple[str, ...] = (), ahead: bool = False
) -> tuple[int, ...]:
    """How many categories each input column has (`forecast.data.categories.sizes`); arguments of `with_added`."""
    layout, wide = schema.layout, with_added(schema.layout, cycles, gaps, ahead)
    return sizes(schema, categories, wide.past - layout.past, wide.future - layout.future)
