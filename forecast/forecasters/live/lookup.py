"""Lookup: the vectors that stand for categories, as plain lists, by the codes that rows of a live forecaster bring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecast.data.categories import table
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.nets.network import Network


class Lookup:
    """What a network reads for each channel of a row: numbers as they are, a vector for a category.

    Args:
        network: in evaluation mode, on the CPU; its vectors are copied.
        schema: whose codes the rows have; codes behind its last are unknown.
        scale: of the model, with the categories it has met.
    """

    def __init__(self, network: Network, schema: Schema, scale: Scale) -> None:
        layout = schema.layout
        self.layout, self.channels = layout, schema.channels
        self.ends = layout.targets + layout.past
        names = (*schema.channels, *schema.static)
        self.codes = {
            names.index(name): table(known, scale.categories[name]) for name, known in schema.known_categories.items()
        }
        between = network.sizes.past - layout.past  # columns that no row brings: of the calendar, of missing cells
        behind = network.sizes.future - layout.future
        self.vectors: dict[int, list[list[float]]] = {}
        for place, codes in self.codes.items():
            column = place + (between if place >= self.ends else 0) + (behind if place >= layout.channels else 0)
            weight = network.columns.vectors(column).numpy()
            self.vectors[place] = [weight[int(code)].tolist() for code in codes]
        self.plain = not self.vectors

    def row(self, row: list[float], raw: Sequence[float], first: int, end: int) -> list[float]:
        """What the network reads of some channels.

        Args:
            row: scaled values of every channel.
            raw: codes where channels hold categories, NaN where none was seen yet.
        """
        if self.plain:
            return row[first:end]
        found: list[float] = []
        for place in range(first, end):
            if place in self.vectors:
                found += self._vector(place, raw[place])
            else:
                found.append(row[place])
        return found

    def static(self, values: np.ndarray) -> list[float]:
        """What the network reads of static covariates: scaled, or codes."""
        row = [0.0] * self.layout.channels + values.tolist()
        return self.row(row, row, self.layout.channels, len(row))

    def codes_of(self, values: np.ndarray) -> list[float]:
        """Static covariates, scaled, with the model's codes: what `Network.read` makes vectors of itself."""
        codes = [self.codes.get(self.layout.channels + place) for place in range(len(values))]
        return [
            float(value if known is None else _translated(np.array(value), known))
            for value, known in zip(values.tolist(), codes, strict=True)
        ]

    def ahead(self, future: np.ndarray) -> np.ndarray:
        """Known-ahead values [series, horizon, covariate] with the model's codes, for `Network.answer`."""
        first = self.layout.channels - self.layout.future
        coded = [place for place in self.codes if first <= place < self.layout.channels]
        if not coded:
            return future
        future = future.copy()
        for place in coded:
            column = future[..., place - first]
            column[:] = _translated(column, self.codes[place])
        return future

    def _vector(self, place: int, code: float) -> list[float]:
        vectors = self.vectors[place]
        return vectors[int(code)] if 0 <= code < len(vectors) else vectors[-1]


def _translated(column: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The model's codes of a panel's; what is no code of the panel is unknown."""
    known = np.isfinite(column) & (column >= 0) & (column < len(codes))
    return codes[np.where(known, column, len(codes) - 1).astype(np.int64)]
