"""Segments in, segments out: the two ends of SegRNN (Lin et al. 2023) around any cell."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from forecast.errors import SettingsError
from forecast.nets.direct import Encoded, Form, unfolded


class SegmentEmbedding(nn.Module):
    """Each segment of the context as one step: a linear map and a rectifier.

    Args:
        inputs: numbers per row.
        length: rows of a segment.
        context: rows of a window.
        size: numbers the cell reads of a segment.

    Raises:
        SettingsError: the context is not a multiple of the length.
    """

    def __init__(self, inputs: int, length: int, context: int, size: int) -> None:
        super().__init__()
        if context % length:
            near = max(1, context // length) * length
            raise SettingsError(
                f"Segments({length}): a context of {context} rows is no multiple of {length}; a context of {near} or "
                f"{near + length} is"
            )
        self.length = length
        self.embed = nn.Linear(length * inputs, size)

    def forward(self, x: Float[Tensor, "lane time input"]) -> Float[Tensor, "lane segment size"]:
        """From rows to segments, oldest first."""
        return torch.relu(self.embed(x.unflatten(1, (-1, self.length)).flatten(2)))


class SegmentDecoder(nn.Module):
    """Every segment of the horizon by one step of the cell from the state at the origin, all side by side.

    A step reads which segment it is (and which channel, where channels are read alone), and what is known ahead of its
    rows. A horizon that is no multiple of the length ends inside its last segment.

    Args:
        form: what it is built for.
        length: steps of a segment.
        size: numbers the cell reads.
    """

    def __init__(self, form: Form, length: int, size: int) -> None:
        super().__init__()
        self.form, self.length = form, length
        self.count = -(-form.horizon // length)
        channel = size // 2 if form.lanes > 1 else 0
        self.position = nn.Parameter(torch.randn(self.count, size - channel))
        self.channel = nn.Parameter(torch.randn(form.lanes, channel))
        self.ahead = nn.Linear(length * form.known, size, bias=False) if form.known else None
        self.dropout = nn.Dropout(form.dropout)
        self.out = nn.Linear(form.hidden, length * form.together * form.width)

    def forward(
        self,
        hidden: Float[Tensor, "origin fold hidden"],
        future: Float[Tensor, "origin horizon known"],
        encoded: Encoded | None = None,
    ) -> Float[Tensor, "origin horizon target width"]:
        """Raw numbers for every target and step."""
        assert encoded is not None  # only windows come here
        origins, fold, _ = hidden.shape
        x = self._asked(future, origins, fold).flatten(0, 2)[:, None]
        state = tuple(part.repeat_interleave(self.count, dim=1) for part in encoded.state)
        said = self.out(self.dropout(encoded.cell(x, state)[0][:, 0]))
        rows = said.view(origins, fold, self.count * self.length, -1)[:, :, : self.form.horizon]
        return unfolded(rows, self.form.width)

    def _asked(self, future: Tensor, origins: int, fold: int) -> Float[Tensor, "origin fold segment size"]:
        """What the cell reads of every segment of the horizon."""
        position = self.position.expand(fold, -1, -1)
        channel = self.channel[:, None].expand(-1, self.count, -1)
        asked = torch.cat([position, channel], dim=2).expand(origins, -1, -1, -1)
        if self.ahead is None:
            return asked
        lacking = self.count * self.length - future.shape[1]
        whole = functional.pad(future.transpose(1, 2), (0, lacking)).transpose(1, 2)
        return asked + self.ahead(whole.unflatten(1, (self.count, self.length)).flatten(2))[:, None]

    def start_still(self) -> None:
        """Say nothing until something is learnt."""
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
