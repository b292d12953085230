"""Network: scale, encode with a cell, decode from the state at the origin, head.

Every decoder starts from the state *at* the origin (with the known-ahead covariates), so the newest value reaches every
step. The optional linear skip maps the scaled context straight to the horizon: the autoregressive component that makes
recurrent forecasters competitive on linear data.

The same network reads windows (`forward`) and streams (`begin`, then `read` piece by piece, `answer` anywhere).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from forecast.errors import SettingsError, did_you_mean
from forecast.nets.cells import CellFactory, build_cell, require_one_way
from forecast.nets.decoders import (
    DIRECT,
    Decoder,
    Recursive,
    Segments,
    Sequence,
    require_readable,
    require_state,
    require_stream,
)
from forecast.nets.direct import DirectDecoder, Encoded, Form
from forecast.nets.embedding import Columns
from forecast.nets.heads import Head
from forecast.nets.memory import Memory, Reading, Stand
from forecast.nets.scaling import (
    CAUSAL,
    SCALINGS,
    Moments,
    Scaling,
    change_moments,
    require_causal,
    running_moments,
    scale,
)
from forecast.nets.segments import SegmentDecoder, SegmentEmbedding
from forecast.nets.sequence import SequenceDecoder
from forecast.nets.sizes import Sizes

Channels = Literal["independent", "joint"]


@dataclass(frozen=True)
class Architecture:
    """What a network is made of.

    Args:
        cell: "rnn", "rnn-relu", "lstm", "gru", another of `forecast.nets.cells.NAMED`, "none" (the skip alone, for
            comparison), an import path "package.module:Class", or a class of your own.
        hidden_size: numbers in the state of each layer.
        layers: recurrent layers on top of each other.
        dropout: after every recurrent layer, the last one (before the decoder) included.
        scaling: how targets are scaled (`forecast.nets.scaling.scale`).
        skip: add a linear map from the scaled context to the horizon.
        channels: "independent" runs one shared network over each target alone (covariates beside it); "joint" reads
            all targets at once.
        time_constant: of "running" and "difference" scaling, in steps; None takes the context.
        decoder: from the state at the origin to the horizon (`forecast.nets.decoders`).
    """

    cell: str | CellFactory = "gru"
    hidden_size: int = 64
    layers: int = 1
    dropout: float = 0.0
    scaling: Scaling = "last"
    skip: bool = True
    channels: Channels = "independent"
    time_constant: float | None = None
    decoder: Decoder = DIRECT

    def __post_init__(self) -> None:
        for name, known in (("scaling", SCALINGS), ("channels", ("independent", "joint"))):
            value = getattr(self, name)
            if value not in known:
                raise SettingsError(f"{name}={value!r}{did_you_mean(str(value), known)}")
        if self.cell == "none" and not self.skip:
            raise SettingsError('cell="none" leaves the linear skip alone, and skip=False takes that away too')
        if not 0 <= self.dropout < 1:
            raise SettingsError(f"dropout={self.dropout}: at least 0 and below 1")
        if self.time_constant is not None and not 0 < self.time_constant < math.inf:
            raise SettingsError(f"time_constant={self.time_constant}: a number of steps above 0")
        if not isinstance(self.decoder, Decoder):
            raise SettingsError(f"decoder={self.decoder!r}: Direct(), Sequence(), Segments(length) or Recursive()")
        require_state(self.decoder, self.cell, self.scaling)


class Network(nn.Module):
    """The network of a recurrent forecaster.

    Args:
        architecture: what it is made of.
        sizes: the shapes it is built for.
        head: what its output means.

    Example:
        >>> from forecast.nets.heads import Point
        >>> network = Network(Architecture(hidden_size=4), Sizes(context=6, horizon=3, targets=2), Point())
        >>> past = torch.randn(5, 6, 2)
        >>> network(past, torch.zeros(5, 3, 0), torch.zeros(5, 0)).shape
        torch.Size([5, 3, 2, 1])
    """

    def __init__(self, architecture: Architecture, sizes: Sizes, head: Head) -> None:
        super().__init__()
        self.architecture, self.sizes, self.head = architecture, sizes, head
        self.read_at_once = 1 if architecture.channels == "independent" else sizes.targets
        self.fold = sizes.targets // self.read_at_once
        self.causal = architecture.scaling in CAUSAL
        self.time_constant = float(architecture.time_constant or sizes.context)
        require_readable(architecture.decoder, sizes.past, head.located, type(head).__name__)
        self.columns = Columns(sizes.categories)
        self.coded = any(sizes.categories[: sizes.targets])
        if self.coded and sizes.targets > 1:
            raise SettingsError(f"a target that holds categories has to be the only one; there are {sizes.targets}")
        self.steps = 1 if isinstance(architecture.decoder, Recursive) else sizes.horizon
        self.segments, inputs = None, self._inputs_of_a_row
        if isinstance(architecture.decoder, Segments):
            size = architecture.hidden_size
            self.segments = SegmentEmbedding(inputs, architecture.decoder.length, sizes.context, size)
            inputs = size
        between = architecture.dropout if architecture.layers > 1 else 0.0
        self.cell = build_cell(architecture.cell, inputs, architecture.hidden_size, architecture.layers, between)
        self.dropout = nn.Dropout(architecture.dropout)
        self.decoder = self._decoder()
        straight = architecture.skip and not self.coded
        self.skip = nn.Linear(sizes.context, self.steps * head.width) if straight else None
        self._start_still()

    @property
    def _inputs_of_a_row(self) -> int:
        sizes = self.sizes
        own = self.columns.width(0, 1) if self.coded else self.read_at_once * (2 if self.causal else 1)
        return own + self.columns.width(sizes.targets, sizes.past + sizes.future + sizes.static)

    def _decoder(self) -> DirectDecoder | SequenceDecoder | SegmentDecoder:
        """The decoder of the architecture; a recursive one says the next step directly."""
        chosen, sizes, size = self.architecture.decoder, self.sizes, self.architecture.hidden_size
        known = self.columns.width(sizes.targets + sizes.past, sizes.future)
        shape = (self.cell.hidden_size, self.steps, known, self.fold, self.read_at_once, self.head.width)
        form = Form(*shape, dropout=self.architecture.dropout)
        if isinstance(chosen, Sequence):
            return SequenceDecoder(form, self.architecture.cell, size, self.architecture.layers, chosen.attention)
        return SegmentDecoder(form, chosen.length, size) if isinstance(chosen, Segments) else DirectDecoder(form)

    @torch.no_grad()
    def _start_still(self) -> None:
        """An untrained network repeats the newest value (the level of its scale without a skip), not noise."""
        self.decoder.start_still()
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)
            nn.init.zeros_(self.skip.bias)
        if self.skip is not None and self.causal and self.head.located:
            self.skip.weight.view(self.steps, self.head.width, -1)[:, 0, -1] = 1.0

    def forward(
        self,
        past: Float[Tensor, "batch context channel"],
        future: Float[Tensor, "batch horizon known"],
        static: Float[Tensor, "batch fixed"],
        seen: Bool[Tensor, "batch context channel"] | None = None,
    ) -> Float[Tensor, "batch step target width"]:
        """Parameters of the head for every target and step, in the units of the series, for windows of their own.

        A recursive network says the next step alone; `forecast.nets.recursive` runs on from there.

        Args:
            past: targets, past covariates, future covariates up to the origin.
            future: future covariates ahead of the origin.
            static: static covariates.
            seen: which cells of `past` were observed; None: all.
        """
        stand, _, encoded = self.encode(past, static, seen)
        return self.answer(stand, future, encoded)

    def encode(
        self,
        past: Float[Tensor, "batch context channel"],
        static: Float[Tensor, "batch fixed"],
        seen: Bool[Tensor, "batch context channel"] | None = None,
    ) -> tuple[Stand, Memory, Encoded]:
        """Read windows of their own: where their forecasts stand, what a stream would carry on, what attention sees."""
        targets = past[..., : self.sizes.targets]
        scaled = scale(targets, self._of_targets(seen), self.architecture.scaling, self.time_constant)
        x = self._inputs(scaled.past, self._difference(targets[:, :1], targets, scaled.spread), past, static)
        x = x if self.segments is None else self.segments(x)
        hidden, state = self.cell(x, self.cell.initial(len(x)))
        shift, spread = scaled.shift[:, -1:], scaled.spread[:, -1:]
        context = (targets - shift) / spread if self.causal else scaled.past
        fold = hidden[:, -1].unflatten(0, (len(past), self.fold))
        memory = Memory(state, targets, scaled.moments or _nothing_yet(targets))
        return Stand(fold, context.transpose(1, 2), shift, spread), memory, Encoded(hidden, state, self.cell)

    def begin(
        self,
        before: Float[Tensor, "lane context target"],
        weight: Float[Tensor, "lane context target"],
    ) -> Memory:
        """The memory of lanes that have read nothing yet.

        Args:
            before: the rows before the first one that will be read; where there are none, that first row's values.
            weight: 1 where a cell of `before` was observed, 0 elsewhere.

        Raises:
            SettingsError: the network scales or reads whole windows, so it cannot follow a stream.
        """
        self.require_causal()
        if self.architecture.scaling == "running":
            moments = running_moments(before, weight, self.time_constant)[2]
        elif self.architecture.scaling == "difference":
            moments = change_moments(before, weight, self.time_constant)[0]
        else:
            moments = _nothing_yet(before)
        return Memory(self.cell.initial(len(before) * self.fold), before, moments)

    def read(
        self,
        past: Float[Tensor, "lane time channel"],
        static: Float[Tensor, "lane fixed"],
        memory: Memory,
        seen: Bool[Tensor, "lane time channel"] | None = None,
    ) -> tuple[Reading, Memory]:
        """Read a piece of a stream; pieces of any length give what reading at once gives."""
        targets = past[..., : self.sizes.targets]
        start, before = memory.moments, memory.recent[:, -1:]
        settings = (self.architecture.scaling, self.time_constant)
        scaled = scale(targets, self._of_targets(seen), *settings, start, before)
        shift, spread = scaled.shift.expand_as(targets), scaled.spread.expand_as(targets)
        x = self._inputs(scaled.past, self._difference(memory.recent[:, -1:], targets, spread), past, static)
        hidden, state = self.cell(x, memory.cell)
        values = torch.cat([memory.recent, targets], dim=1)
        context = memory.recent.shape[1]
        fold = hidden.unflatten(0, (len(past), self.fold)).transpose(1, 2)
        reading = Reading(fold, values, shift, spread, context)
        # Under autocast a cell answers in half precision; carried on for thousands of steps it would drift.
        state = tuple(new.to(old.dtype) for new, old in zip(state, memory.cell, strict=True))
        return reading, Memory(state, values[:, -context:], scaled.moments or memory.moments)

    def require_causal(self) -> None:
        """Raise SettingsError unless this network can follow a stream."""
        require_causal(self.architecture.scaling)
        require_one_way(self.cell)
        require_stream(self.architecture.decoder)

    def answer(
        self, stand: Stand, future: Float[Tensor, "origin horizon known"], encoded: Encoded | None = None
    ) -> Float[Tensor, "origin step target width"]:
        """Parameters of the head, in the units of the series: every step is decoded from the state at the origin.

        Args:
            encoded: of `encode`, for decoders that look at more than the newest state.
        """
        known = self.columns(future[:, : self.steps], self.sizes.targets + self.sizes.past)
        raw = self.decoder(self.dropout(stand.hidden), known, encoded)
        if self.skip is not None:
            direct = self.skip(stand.context)
            raw = raw + direct.unflatten(2, (self.steps, self.head.width)).transpose(1, 2)
        return self.head.rescale(raw, stand.shift, stand.spread)

    def _of_targets(self, seen: Tensor | None) -> Tensor | None:
        return None if seen is None else seen[..., : self.sizes.targets]

    def _difference(self, before: Tensor, targets: Tensor, spread: Tensor) -> Tensor | None:
        """First differences in units of the spread, for scales that move with time."""
        if not self.causal:
            return None
        return torch.diff(targets, dim=1, prepend=before) / spread

    def _inputs(self, targets: Tensor, steps: Tensor | None, past: Tensor, static: Tensor) -> Tensor:
        """Inputs of the cell [lane, time, input]: a lane is an origin, or one target of it when independent."""
        beside = []
        if self.sizes.past + self.sizes.future:
            beside.append(self.columns(past[..., self.sizes.targets :], self.sizes.targets))
        if self.sizes.static:
            static = self.columns(static, self.sizes.targets + self.sizes.past + self.sizes.future)
            beside.append(static[:, None].expand(-1, targets.shape[1], -1))
        own = [targets] if steps is None else [targets, steps]
        if self.coded:  # codes of the target begin at 0, those of columns at 1, behind "unknown"
            own = [self.columns(past[..., :1] + 1)]
        if self.read_at_once < self.sizes.targets:
            own = [part.transpose(1, 2).reshape(-1, targets.shape[1], 1) for part in own]
            beside = [part.repeat_interleave(self.sizes.targets, dim=0) for part in beside]
        parts = own + beside
        return torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]


def _nothing_yet(targets: Float[Tensor, "lane time target"]) -> Moments:
    """Moments of a scale that does not move."""
    return Moments(*[torch.zeros_like(targets[:, 0])] * 3)
