"""The direct decoder, and what all decoders share."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.nets.cells import Cell, State


class Form(NamedTuple):
    """What a decoder is built for.

    Args:
        hidden: numbers in the state that it reads.
        horizon: steps it says at once.
        known: known-ahead covariates.
        lanes: targets that are read alone, one beside the other (the fold of a `Network`).
        together: targets that are read at once.
        width: numbers the head needs per target and step.
        dropout: on what its last layer reads.
    """

    hidden: int
    horizon: int
    known: int
    lanes: int
    together: int
    width: int
    dropout: float = 0.0


class Encoded(NamedTuple):
    """What reading windows leaves behind, beside the state at the origin.

    Args:
        hidden: of every step of the cell.
        state: of the cell, at the origin.
        cell: which read them.
    """

    hidden: Float[Tensor, "lane time hidden"]
    state: State
    cell: Cell


def unfolded(
    raw: Float[Tensor, "origin fold horizon said"], width: int
) -> Float[Tensor, "origin horizon target width"]:
    """What was said lane by lane as targets beside each other."""
    return raw.unflatten(3, (-1, width)).transpose(1, 2).flatten(2, 3)


class DirectDecoder(nn.Linear):
    """One linear map from the state at the origin, and all that is known ahead, to every step.

    Args:
        form: what it is built for.
    """

    def __init__(self, form: Form) -> None:
        super().__init__(form.hidden + form.horizon * form.known, form.horizon * form.together * form.width)
        self.form = form

    def forward(  # type: ignore[override]
        self,
        hidden: Float[Tensor, "origin fold hidden"],
        future: Float[Tensor, "origin horizon known"],
        encoded: Encoded | None = None,
    ) -> Float[Tensor, "origin horizon target width"]:
        """Raw numbers for every target and step."""
        if self.form.known:
            hidden = torch.cat([hidden, future.flatten(1)[:, None].expand(-1, hidden.shape[1], -1)], dim=2)
        raw = nn.functional.linear(hidden, self.weight, self.bias)
        return unfolded(raw.unflatten(2, (self.form.horizon, -1)), self.form.width)

    def start_still(self) -> None:
        """Say nothing until something is learnt."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)
