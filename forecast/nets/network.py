"""Network: scale, encode with a cell, decode from the state at the origin, head.

Every step of the horizon is decoded from the state *at* the origin (with the known-ahead covariates), so the newest
value reaches every step. The optional linear skip maps the scaled context straight to the horizon: the
autoregressive component that makes recurrent forecasters competitive on linear data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from forecast.errors import SettingsError, did_you_mean
from forecast.nets.cells import CellFactory, State, build_cell
from forecast.nets.heads import Head
from forecast.nets.scaling import SCALINGS, Scaling, scale_window

Channels = Literal["independent", "joint"]


@dataclass(frozen=True)
class Sizes:
    """Shapes a network is built for: steps, and channels of each role."""

    context: int
    horizon: int
    targets: int
    past: int = 0
    future: int = 0
    static: int = 0


@dataclass(frozen=True)
class Architecture:
    """What a network is made of.

    Args:
        cell: "rnn", "rnn-relu", "lstm", "gru", an import path "package.module:Class", or a class of your own.
        hidden_size: numbers in the state of each layer.
        layers: recurrent layers on top of each other.
        dropout: between layers.
        scaling: how a window is scaled (`forecast.nets.scaling.scale_window`).
        skip: add a linear map from the scaled context to the horizon.
        channels: "independent" runs one shared network over each target alone (covariates beside it); "joint" reads
            all targets at once.
        time_constant: of "running" scaling, in steps; None takes the context.
    """

    cell: str | CellFactory = "gru"
    hidden_size: int = 64
    layers: int = 1
    dropout: float = 0.0
    scaling: Scaling = "last"
    skip: bool = True
    channels: Channels = "independent"
    time_constant: float | None = None

    def __post_init__(self) -> None:
        for name, known in (("scaling", SCALINGS), ("channels", ("independent", "joint"))):
            value = getattr(self, name)
            if value not in known:
                raise SettingsError(f"{name}={value!r}{did_you_mean(str(value), known)}")
        if self.time_constant is not None and self.time_constant <= 0:
            raise SettingsError(f"time_constant={self.time_constant}: above 0")


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
        self.read = 1 if architecture.channels == "independent" else sizes.targets
        inputs = self.read + sizes.past + sizes.future + sizes.static
        self.cell = build_cell(
            architecture.cell, inputs, architecture.hidden_size, architecture.layers, architecture.dropout
        )
        self.decoder = nn.Linear(
            self.cell.hidden_size + sizes.horizon * sizes.future, sizes.horizon * self.read * head.width
        )
        self.skip = nn.Linear(sizes.context, sizes.horizon * head.width) if architecture.skip else None
        # An untrained network forecasts the window's own level: training starts from repeating it, not from noise.
        for layer in (self.decoder, self.skip):
            if layer is not None:
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(
        self,
        past: Float[Tensor, "batch context channel"],
        future: Float[Tensor, "batch horizon known"],
        static: Float[Tensor, "batch fixed"],
        seen: Bool[Tensor, "batch context channel"] | None = None,
    ) -> Float[Tensor, "batch horizon target width"]:
        """Parameters of the head for every target and step, in the units of the series.

        Args:
            past: targets, past covariates, future covariates up to the origin.
            future: future covariates ahead of the origin.
            static: static covariates.
            seen: which cells of `past` were observed; None: all.
        """
        targets = self.sizes.targets
        scaled = scale_window(
            past[..., :targets],
            None if seen is None else seen[..., :targets],
            self.architecture.scaling,
            self.architecture.time_constant or float(self.sizes.context),
        )
        x = self._inputs(scaled.past, past[..., targets:], static)
        hidden, _ = self.encode(x, self.cell.initial(len(x)))
        raw = self.decode(hidden[:, -1], future, scaled.past)
        return self.head.rescale(raw, scaled.shift, scaled.spread)

    def encode(self, x: Float[Tensor, "lane time input"], state: State) -> tuple[Tensor, State]:
        """Read prepared inputs; the hidden state of every step, and the state after the last."""
        return self.cell(x, state)

    def decode(
        self,
        hidden: Float[Tensor, "lane hidden"],
        future: Float[Tensor, "batch horizon known"],
        context: Float[Tensor, "batch context target"],
    ) -> Float[Tensor, "batch horizon target width"]:
        """Decode every step from the state at the origin, in the units of the window."""
        fold = len(hidden) // len(future)
        if self.sizes.future:
            ahead = future.flatten(1)
            hidden = torch.cat([hidden, ahead.repeat_interleave(fold, dim=0) if fold > 1 else ahead], dim=1)
        raw = self.decoder(hidden).view(len(future), fold, self.sizes.horizon, self.read, self.head.width)
        raw = raw.transpose(1, 2).flatten(2, 3)
        if self.skip is None:
            return raw
        direct = self.skip(context.transpose(1, 2))
        return raw + direct.unflatten(2, (self.sizes.horizon, self.head.width)).transpose(1, 2)

    def _inputs(self, targets: Tensor, covariates: Tensor, static: Tensor) -> Tensor:
        """Inputs of the cell [lane, time, input]: a lane is an origin, or one target of it when independent."""
        parts = [targets]
        if self.sizes.past + self.sizes.future:
            parts.append(covariates)
        if self.sizes.static:
            parts.append(static[:, None].expand(-1, targets.shape[1], -1))
        if self.read == self.sizes.targets:
            return torch.cat(parts, dim=2) if len(parts) > 1 else targets
        lanes = targets.transpose(1, 2).reshape(-1, targets.shape[1], 1)
        beside = [part.repeat_interleave(self.sizes.targets, dim=0) for part in parts[1:]]
        return torch.cat([lanes, *beside], dim=2) if beside else lanes
