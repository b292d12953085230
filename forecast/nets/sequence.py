"""The sequence decoder: a cell of its own walks along the horizon, from a bridge over the state at the origin."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.nets.cells import NAMED, CellFactory, build_cell
from forecast.nets.direct import Encoded, Form, unfolded


class SequenceDecoder(nn.Module):
    """One step of the horizon is one step of the decoder's cell.

    Args:
        form: what it is built for.
        cell: the encoder's; one of somebody's own may be anything, so a GRU decodes it.
        hidden_size: of the decoder's cell.
        layers: of the decoder's cell.
        attention: mix the states of the context in, weighted by how well they fit each step's state.
    """

    def __init__(self, form: Form, cell: str | CellFactory, hidden_size: int, layers: int, attention: bool) -> None:
        super().__init__()
        self.form = form
        named = isinstance(cell, str) and cell in NAMED
        between = form.dropout if layers > 1 else 0.0
        self.place = nn.Embedding(form.horizon, hidden_size)
        self.cell = build_cell(cell if named else "gru", form.known + hidden_size, hidden_size, layers, between)
        self.parts = [tuple(part.shape) for part in self.cell.initial(1)]
        self.bridge = nn.Linear(form.hidden, sum(layer * width for layer, _, width in self.parts))
        self.attention = Attention(form.hidden, hidden_size) if attention else None
        self.dropout = nn.Dropout(form.dropout)
        self.out = nn.Linear(hidden_size + (form.hidden if attention else 0), form.together * form.width)

    def forward(
        self,
        hidden: Float[Tensor, "origin fold hidden"],
        future: Float[Tensor, "origin horizon known"],
        encoded: Encoded | None = None,
    ) -> Float[Tensor, "origin horizon target width"]:
        """Raw numbers for every target and step."""
        origins, fold, _ = hidden.shape
        lanes = hidden.flatten(0, 1)
        steps = self.place.weight.expand(len(lanes), -1, -1)
        ahead = future.repeat_interleave(fold, dim=0)
        said, _ = self.cell(torch.cat([ahead, steps], dim=2), self._start(lanes))
        if self.attention is not None:
            assert encoded is not None  # only windows come here
            said = torch.cat([said, self.attention(said, encoded.hidden)[0]], dim=2)
        return unfolded(self.out(self.dropout(said)).unflatten(0, (origins, fold)), self.form.width)

    def _start(self, lanes: Float[Tensor, "lane hidden"]) -> tuple[Tensor, ...]:
        """The state [layer, lane, width] from which the decoder's cell sets out, within what a cell can be in."""
        flat, start = torch.tanh(self.bridge(lanes)), []
        for part, (layers, _, width) in zip(
            flat.split([layers * width for layers, _, width in self.parts], dim=1), self.parts, strict=True
        ):
            start.append(part.unflatten(1, (layers, width)).transpose(0, 1).contiguous())
        return tuple(start)

    def start_still(self) -> None:
        """Say nothing until something is learnt."""
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)


class Attention(nn.Module):
    """Scaled dot products of a step's state with the states of the context (Luong et al. 2015, "general").

    Args:
        hidden: numbers in a state of the context.
        asking: numbers in a state of the decoder.
    """

    def __init__(self, hidden: int, asking: int) -> None:
        super().__init__()
        self.question = nn.Linear(asking, hidden, bias=False)

    def forward(
        self, asking: Float[Tensor, "lane horizon asking"], hidden: Float[Tensor, "lane context hidden"]
    ) -> tuple[Float[Tensor, "lane horizon hidden"], Float[Tensor, "lane horizon context"]]:
        """The mixture of states for each step, and the weights it was mixed by, which sum to one."""
        fit = self.question(asking) @ hidden.transpose(1, 2) / math.sqrt(hidden.shape[2])
        weights = fit.softmax(dim=2)
        return weights @ hidden, weights
