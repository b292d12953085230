"""Start: weights that a fit begins with, what they belong to, and where they fit.

Scales, the optimizer and the order of the windows are the new fit's own: nothing but weights is carried over, and the
vectors of categories go by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from forecast.data.schema import Schema
from forecast.errors import SettingsError
from forecast.nets.cells import CellFactory
from forecast.nets.heads import Head
from forecast.nets.network import Architecture, Network

TABLES = "columns.tables."
OF_THE_CELL = ("cell.", "segments.", TABLES)
"""What names begin with that belong to reading, not to saying."""
SAID_BY = ("decoder.", "skip.")


@dataclass(frozen=True)
class Belongings:
    """What gives weights their meaning, beyond their shapes.

    Args:
        cell: its name, or whoever makes it.
        scaling: of a network.
        transform: of the targets.
        head: the name of its class, and its quantile levels.
        decoder: the name of its class.
        targets: how many; they go by their place.
        covariates: names of the other input columns, in the order of the network's.
        categories: names of the codes of each categorical column.
        labels: names of the codes of a target that holds categories.
    """

    cell: str | CellFactory
    scaling: str
    transform: str
    head: str
    decoder: str
    targets: int
    covariates: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    labels: tuple[str, ...]

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        head: Head,
        transform: str,
        schema: Schema,
        categories: Mapping[str, tuple[str, ...]],
        added: tuple[tuple[str, ...], tuple[str, ...], bool],
    ) -> Belongings:
        """Of a network and what it reads.

        Args:
            categories: of the scale, by column.
            added: cycles of the calendar, channels whose absence is an input, and whether the cycles are known ahead.
        """
        cycles, absent, ahead = added
        waves = tuple(f"{part} of the {name}" for name in cycles for part in ("sine", "cosine"))
        marks = tuple(f"{name}: {part}" for name in absent for part in ("there", "rows since"))
        known = (*schema.future, *schema.computed)
        names = (*schema.past, *(() if ahead else waves), *marks, *known, *(waves if ahead else ()), *schema.static)
        labels = tuple(label for name in schema.targets for label in categories.get(name, ()))
        met = {name: tuple(found) for name, found in categories.items() if name not in schema.targets}
        levels = f" of {_listed(head.levels)}" if head.levels else ""
        kinds = (type(head).__name__ + levels, type(architecture.decoder).__name__)
        scaling, targets = architecture.scaling, len(schema.targets)
        return cls(architecture.cell, scaling, transform, *kinds, targets, names, met, labels)

    def place(self, column: str) -> int | None:
        """Of a categorical covariate among the input columns."""
        return self.targets + self.covariates.index(column) if column in self.covariates else None


@dataclass(frozen=True)
class Taken:
    """What became of a start.

    Args:
        weights: names of those that were taken over.
        begun: names of those that begin anew, because the start has none.
        left: sentences on those of the start that do not fit, and on what means something else here.
    """

    weights: tuple[str, ...]
    begun: tuple[str, ...]
    left: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Start:
    """Weights that a fit begins with, instead of drawn ones.

    Args:
        weights: by their names in the network they come from.
        belongings: of that network.
        whole: they are a network's all, so that one with others too is another network.
        partial: take what fits, and say what does not, instead of refusing.
    """

    weights: Mapping[str, Tensor]
    belongings: Belongings
    whole: bool = True
    partial: bool = False

    @torch.no_grad()
    def into(self, network: Network, belongings: Belongings) -> Taken:
        """Put the weights into a network.

        Raises:
            SettingsError: names, shapes or meanings differ and `partial` is False; says which, and nothing is changed.
        """
        left, barred = self._foreign(belongings)
        weights, taken = network.state_dict(), {}
        offered = self._renamed(belongings)
        for name, value in offered.items():
            if name.startswith(barred):
                continue
            here = weights.get(name)
            if here is None:
                left.append(f"{name} {_shape(value)}: not in this network")
            elif name.startswith(TABLES):
                self._codes(name, value, here, belongings, taken, left)
            elif here.shape == value.shape:
                taken[name] = value
            else:
                left.append(f"{name}: {_shape(value)} there, {_shape(here)} here")
        begun = [name for name in weights if name not in taken]
        strange = [f"{name} {_shape(weights[name])}: not in the start" for name in begun if name not in offered]
        left += [each for each in strange if self.whole]
        if left and not self.partial:
            raise SettingsError(
                f"the start does not fit this network: {'; '.join(left)}. Give both the same columns, window and "
                "settings, or take over what fits with partial=True"
            )
        network.load_state_dict(weights | taken)
        return Taken(tuple(taken), tuple(begun), tuple(left))

    def _foreign(self, here: Belongings) -> tuple[list[str], tuple[str, ...]]:
        """What means something else here, and the beginnings of names whose weights are of no use for that reason."""
        there, left, barred = self.belongings, [], []
        for name in ("cell", "scaling", "transform"):
            before, now = getattr(there, name), getattr(here, name)
            if isinstance(before, str) and isinstance(now, str) and before != now:
                left.append(f"{name} {before!r} there, {now!r} here")
                barred += ["cell."] if name == "cell" else []
        for name in ("head", "decoder", "labels"):
            before, now = getattr(there, name), getattr(here, name)
            if self.whole and before != now:
                left.append(f"{name} {before} there, {now} here")
                barred += SAID_BY
        if there.labels != here.labels:
            barred.append(f"{TABLES}0.")
        if there.covariates != here.covariates:
            left.append(f"covariates {_listed(there.covariates)} there, {_listed(here.covariates)} here")
        elif there.categories.keys() != here.categories.keys():
            left.append(
                f"categories in {_listed(tuple(there.categories))} there, {_listed(tuple(here.categories))} here"
            )
        return left, tuple(barred)

    def _renamed(self, here: Belongings) -> dict[str, Tensor]:
        """The weights, those of a categorical column under its place here; without those of columns not here."""
        moved: dict[str, str | None] = {}
        for column in self.belongings.categories:
            there, place = self.belongings.place(column), here.place(column)
            coded = place is not None and column in here.categories
            moved[f"{TABLES}{there}.weight"] = f"{TABLES}{place}.weight" if coded else None
        named = ((moved.get(name, name), value) for name, value in self.weights.items())
        return {name: value for name, value in named if name is not None}

    def _codes(
        self, name: str, value: Tensor, drawn: Tensor, here: Belongings, taken: dict[str, Tensor], left: list[str]
    ) -> None:
        """The vectors of a categorical column, by the names of its codes; those not met before begin as "unknown"."""
        place = int(name.removeprefix(TABLES).partition(".")[0])
        if place < here.targets:  # labels of a target, which are the same ones
            taken[name] = value
            return
        column = here.covariates[place - here.targets]
        known, names = self.belongings.categories[column], here.categories[column]
        if value.shape[1] != drawn.shape[1]:
            left.append(f"column {column!r}: {value.shape[1]} numbers a category there, {drawn.shape[1]} here")
            return
        rows = [0, *(known.index(each) + 1 if each in known else 0 for each in names)]
        taken[name] = value[rows]


def _shape(value: Tensor) -> str:
    return "(" + ", ".join(map(str, value.shape)) + ")"


def _listed(names: tuple[object, ...]) -> str:
    return ", ".join(map(repr, names)) or "none"
