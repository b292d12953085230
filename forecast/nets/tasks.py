"""Tasks that need no labels: a network is taught to read by what it has read.

Both take windows that are one row longer than the network's context, and leave its decoder and skip alone: what is
learned is the cell, with the vectors of categories.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from forecast.errors import SettingsError
from forecast.nets.cells import build_cell
from forecast.nets.network import Network


class _Task(nn.Module):
    """A network and a linear map from hidden states to its targets and some covariates.

    Args:
        network: its decoder and skip are neither used nor trained.
        covariates: places of the covariates to be said, among the columns of `past`; those of numbers.

    Raises:
        SettingsError: a cell without a state, or a target that holds categories.
    """

    def __init__(self, network: Network, covariates: tuple[int, ...]) -> None:
        super().__init__()
        if not network.cell.initial(1):
            raise SettingsError("a cell without a state has nothing to be trained in advance; choose another cell")
        if network.coded:
            raise SettingsError("a target that holds categories is no number to be said; give its column another role")
        self.network, self.covariates = network, list(covariates)
        self.said = nn.Linear(network.cell.hidden_size, network.read_at_once + len(covariates))
        nn.init.zeros_(self.said.weight)
        nn.init.zeros_(self.said.bias)
        for part in (network.decoder, network.skip):
            if part is not None:
                part.requires_grad_(False)

    def _loss(
        self,
        hidden: Float[Tensor, "origin step fold hidden"],
        shift: Float[Tensor, "origin _ target"],
        spread: Float[Tensor, "origin _ target"],
        truth: Float[Tensor, "origin step channel"],
        newest: Float[Tensor, "origin _ channel"],
        seen: Bool[Tensor, "origin step channel"] | None,
    ) -> Float[Tensor, ""]:
        """Mean squared error over the observed cells, in standard deviations of the series.

        Args:
            truth: what is to be said.
            newest: covariates are said as differences from these.
        """
        together, targets = self.network.read_at_once, self.network.sizes.targets
        raw = self.said(self.network.dropout(hidden))
        own = raw[..., :together].flatten(2) * spread + shift - truth[..., :targets]
        beside = (newest[..., self.covariates] - truth[..., self.covariates])[:, :, None] + raw[..., together:]
        squares = torch.cat([own.square(), beside.square().mean(dim=2)], dim=2)
        if seen is None:
            return squares.mean()
        counted = torch.cat([seen[..., :targets], seen[..., self.covariates]], dim=2)
        return torch.where(counted, squares, 0.0).sum() / counted.sum().clamp(min=1)


class NextStep(_Task):
    """Say the next row of all targets and covariates.

    A network that scales step by step says it after each row of the window's second half (before that its scale is
    cold), one that scales whole windows after the last row: its earlier states have seen where the window ends.

    Example:
        >>> from forecast.nets.heads import Point
        >>> from forecast.nets.network import Architecture, Sizes
        >>> task = NextStep(Network(Architecture(hidden_size=4), Sizes(6, 3, 1, 1), Point()), covariates=(1,))
        >>> bool(task(torch.randn(5, 7, 2), torch.zeros(5, 0)) > 0)
        True
    """

    def __init__(self, network: Network, covariates: tuple[int, ...]) -> None:
        super().__init__(network, covariates)
        try:
            network.require_causal()
        except SettingsError:  # it reads whole windows, which is one of the two ways to go
            self.steps = 1
        else:
            self.steps = network.sizes.context - network.sizes.context // 2

    def forward(
        self,
        past: Float[Tensor, "origin reach channel"],
        static: Float[Tensor, "origin fixed"],
        seen: Bool[Tensor, "origin reach channel"] | None = None,
    ) -> Float[Tensor, ""]:
        """The loss of windows of `context` rows and one more."""
        read, known = past[:, :-1], None if seen is None else seen[:, :-1]
        ahead, now = past[:, -self.steps :], past[:, -self.steps - 1 : -1]
        counted = None if seen is None else seen[:, -self.steps :]
        if self.steps == 1:
            stand, _, _ = self.network.encode(read, static, known)
            return self._loss(stand.hidden[:, None], stand.shift, stand.spread, ahead, now, counted)
        before = past[:, :1, : self.network.sizes.targets].expand(-1, self.network.sizes.context, -1)
        memory = self.network.begin(before, torch.zeros_like(before))
        reading, _ = self.network.read(read, static, memory, known)
        late = slice(-self.steps, None)
        shift, spread = reading.shift[:, late], reading.spread[:, late]
        return self._loss(reading.hidden[:, late], shift, spread, ahead, now, counted)


class Reconstruction(_Task):
    """Say the window again from the state at its end, newest row first: a sequence autoencoder.

    The cell that says it is another of the same kind, sets out from the state and reads nothing, so all has to be in
    the state (the unconditioned decoder of Srivastava et al. 2015; Dai & Le 2015 fine-tune what such an encoder
    learned).

    Raises:
        SettingsError: the network reads segments, whose embedding could be learned away.
    """

    def __init__(self, network: Network, covariates: tuple[int, ...]) -> None:
        super().__init__(network, covariates)
        if network.segments is not None:
            raise SettingsError(
                'reconstruction says rows, and this network reads segments of them; use task="next-step"'
            )
        made = network.architecture
        between = made.dropout if made.layers > 1 else 0.0
        self.cell = build_cell(made.cell, 1, made.hidden_size, made.layers, between)

    def forward(
        self,
        past: Float[Tensor, "origin reach channel"],
        static: Float[Tensor, "origin fixed"],
        seen: Bool[Tensor, "origin reach channel"] | None = None,
    ) -> Float[Tensor, ""]:
        """The loss of windows of `context` rows and one more, which is left out."""
        read, known = past[:, :-1], None if seen is None else seen[:, :-1]
        stand, memory, _ = self.network.encode(read, static, known)
        nothing = read.new_zeros(len(read) * self.network.fold, read.shape[1], 1)
        hidden, _ = self.cell(nothing, memory.cell)
        steps = hidden.unflatten(0, (len(read), self.network.fold)).transpose(1, 2)
        backward, counted = read.flip(1), None if known is None else known.flip(1)
        return self._loss(steps, stand.shift, stand.spread, backward, read[:, -1:], counted)


TASKS: dict[str, type[NextStep] | type[Reconstruction]] = {"next-step": NextStep, "reconstruction": Reconstruction}
