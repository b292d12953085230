"""Cells: the recurrent part of a network. State goes in and comes out."""

from __future__ import annotations

import pkgutil
import warnings
from collections.abc import Mapping
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from forecast.errors import SettingsError, did_you_mean
from forecast.nets.promise import Cell, CellFactory, State, checked_dropout
from forecast.nets.scans import LRU, MinGRU, MinLSTM
from forecast.nets.stacked import both_ways, stacked
from forecast.nets.stepped import GRU, LSTM, SLSTM, Elman, LayerNormLSTM, PeepholeLSTM
from forecast.nets.variational import variational


class Fused(nn.Module):
    """One of torch's own recurrent layers (fused kernels on CPU and GPU), kept to the promise of a cell.

    Args:
        layer: `nn.RNN`, `nn.LSTM` or `nn.GRU`, time first (a few percent quicker than `batch_first`). One that is
            bidirectional breaks the promise: it reads windows (with twice its hidden size), never streams.

    Example:
        >>> cell = gru(inputs=3, hidden_size=8)
        >>> hidden, state = cell(torch.zeros(2, 5, 3), cell.initial(2))
        >>> hidden.shape, len(state)
        (torch.Size([2, 5, 8]), 1)
    """

    diagonal = False

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer
        self.ways = 2 if layer.bidirectional else 1
        self.wide = layer.proj_size or layer.hidden_size
        self.hidden_size = self.ways * self.wide
        self.tensors = 2 if isinstance(layer, nn.LSTM) else 1
        initialise(layer)

    def initial(self, batch: int) -> State:
        """Zeros [layer, batch, hidden] on the device and in the precision of the weights."""
        weight, layers = next(self.layer.parameters()), self.layer.num_layers * self.ways
        widths = (self.wide, self.layer.hidden_size)[: self.tensors]
        return tuple(weight.new_zeros(layers, batch, width) for width in widths)

    def unit_axes(self) -> Mapping[str, int]:
        """Rows of a single layer; none where a layer above or a projection spreads what they move."""
        single = self.layer.num_layers == 1 and self.ways == 1 and not self.layer.proj_size
        return dict.fromkeys(dict(self.named_parameters()), 0) if single else {}

    def forward(
        self, x: Float[Tensor, "batch time input"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """Read a sequence: hidden states of every step, and the state after the last."""
        hidden, last = self.layer(x.transpose(0, 1), state if self.tensors == 2 else state[0])
        return hidden.transpose(0, 1), last if self.tensors == 2 else (last,)


class Projected(Fused):
    """`Fused` for an LSTM with a projection, which oneDNN does not have; that need not be said every time."""

    def forward(
        self, x: Float[Tensor, "batch time input"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """Read a sequence: hidden states of every step, and the state after the last."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN", UserWarning)
            return super().forward(x, state)


def rnn(inputs: int, hidden_size: int, layers: int = 1, dropout: float = 0.0) -> Fused:
    """Elman's simple recurrent network with tanh: h_t = tanh(W x_t + U h_{t-1} + b)."""
    return Fused(nn.RNN(inputs, hidden_size, layers, dropout=checked_dropout(dropout, layers)))


def rnn_relu(inputs: int, hidden_size: int, layers: int = 1, dropout: float = 0.0) -> Fused:
    """The simple recurrent network with a rectifier: h_t = max(0, W x_t + U h_{t-1} + b)."""
    dropout = checked_dropout(dropout, layers)
    return Fused(nn.RNN(inputs, hidden_size, layers, nonlinearity="relu", dropout=dropout))


def lstm(inputs: int, hidden_size: int, layers: int = 1, dropout: float = 0.0) -> Fused:
    """Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000)."""
    return Fused(nn.LSTM(inputs, hidden_size, layers, dropout=checked_dropout(dropout, layers)))


def gru(inputs: int, hidden_size: int, layers: int = 1, dropout: float = 0.0) -> Fused:
    """Gated recurrent unit (Cho et al. 2014), reset gate after the matrix product as in torch and cuDNN."""
    return Fused(nn.GRU(inputs, hidden_size, layers, dropout=checked_dropout(dropout, layers)))


def projected_lstm(inputs: int, hidden_size: int, layers: int = 1, dropout: float = 0.0, memory: int = 2) -> Fused:
    """LSTM whose hidden state is a projection of a memory `memory` times as wide (Sak et al. 2014)."""
    if memory < 2:
        raise SettingsError(f"memory={memory}: at least 2 times the hidden size; an LSTM without projection has 1")
    dropout = checked_dropout(dropout, layers)
    return Projected(nn.LSTM(inputs, memory * hidden_size, layers, dropout=dropout, proj_size=hidden_size))


@torch.no_grad()
def irnn(inputs: int, hidden_size: int, layers: int = 1, dropout: float = 0.0) -> Fused:
    """The rectified RNN with recurrent matrices that start as the identity (IRNN of Le et al. 2015)."""
    cell = rnn_relu(inputs, hidden_size, layers, dropout)
    for name, weight in cell.layer.named_parameters():
        if name.startswith("weight_hh"):
            nn.init.eye_(weight)
    return cell


class Nothing(nn.Module):
    """No cell at all: a network with it is its linear skip, trained the same way. What the state adds is the rest."""

    hidden_size = 1

    def initial(self, batch: int) -> State:
        """Nothing to remember."""
        return ()

    def forward(
        self, x: Float[Tensor, "batch time input"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """A zero for every step."""
        return x.new_zeros(*x.shape[:2], 1), state


def nothing(inputs: int, hidden_size: int, layers: int = 1, dropout: float = 0.0) -> Nothing:
    """`Nothing`; the sizes mean nothing to it."""
    return Nothing()


CELLS: dict[str, CellFactory] = {"rnn": rnn, "rnn-relu": rnn_relu, "lstm": lstm, "gru": gru}
"""Torch's own layers; live forecasting steps them in numpy."""

OWN: dict[str, CellFactory] = {
    "irnn": irnn,
    "projected-lstm": projected_lstm,
    "equation-rnn": partial(stacked, Elman),
    "equation-lstm": partial(stacked, LSTM),
    "equation-gru": partial(stacked, GRU),
    "gru-reset-before": partial(stacked, partial(GRU, reset="before")),
    "peephole-lstm": partial(stacked, PeepholeLSTM),
    "layer-norm-lstm": partial(stacked, LayerNormLSTM),
    "zoneout-lstm": partial(stacked, partial(LSTM, zoneout=0.1)),
    "variational-lstm": partial(variational, LSTM),
    "variational-gru": partial(variational, GRU),
    "slstm": partial(stacked, SLSTM),
    "mingru": partial(stacked, MinGRU),
    "minlstm": partial(stacked, MinLSTM),
    "lru": partial(stacked, LRU),
    "residual-lstm": partial(stacked, lstm, residual=True),
    "residual-gru": partial(stacked, gru, residual=True),
}
"""Cells of one way beyond those."""

BOTH_WAYS: dict[str, CellFactory] = {
    "bidirectional-lstm": partial(both_ways, lstm),
    "bidirectional-gru": partial(both_ways, gru),
}
"""For windows alone."""

NAMED = CELLS | OWN | BOTH_WAYS | {"none": nothing}


def cell_factory(cell: str | CellFactory) -> CellFactory:
    """A cell by name, by import path ("mylab.cells:MyCell"), or the class itself."""
    if not isinstance(cell, str):
        return cell
    if ":" in cell:
        try:
            return pkgutil.resolve_name(cell)
        except (ImportError, AttributeError, ValueError) as error:
            raise SettingsError(f"cell {cell!r} cannot be imported: {error}") from error
    if cell not in NAMED:
        raise SettingsError(f"no cell {cell!r}{did_you_mean(cell, tuple(NAMED))}")
    return NAMED[cell]


def build_cell(cell: str | CellFactory, inputs: int, hidden_size: int, layers: int, dropout: float) -> Cell:
    """Make a cell; a user's own needs to know `layers` and `dropout` only if they are asked for.

    Raises:
        SettingsError: sizes below 1, or dropout where it would do nothing.
    """
    for name, value in (("hidden_size", hidden_size), ("layers", layers)):
        if value < 1:
            raise SettingsError(f"{name}={value}: at least 1")
    checked_dropout(dropout, layers)
    extra: dict[str, float] = {}
    if layers != 1:
        extra["layers"] = layers
    if dropout:
        extra["dropout"] = dropout
    return cell_factory(cell)(inputs, hidden_size, **extra)


def require_one_way(cell: Cell) -> None:
    """Raise SettingsError for a cell that reads backwards too, where there is a stream."""
    parts = cell.modules() if isinstance(cell, nn.Module) else [cell]
    if any(getattr(part, "bidirectional", False) is True for part in parts):
        raise SettingsError(
            "a bidirectional cell reads from the end too, and a stream has none: what it carries would depend on rows "
            "that are still to come; use a cell of one direction, or Windowed()"
        )


@torch.no_grad()
def initialise(layer: nn.RNNBase) -> None:
    """Start values: orthogonal recurrent matrices, Glorot inputs, zero biases, gates open to remember.

    The forget gate of an LSTM and the update gate of a GRU start at +1 (Gers et al. 2000; torch's GRU keeps the old
    state where its update gate is 1). A rectified RNN starts orthogonal too, scaled to 0.99 so that it cannot explode.
    """
    size = layer.hidden_size
    gain = 0.99 if isinstance(layer, nn.RNN) and layer.nonlinearity == "relu" else 1.0
    for name, weight in layer.named_parameters():
        if name.startswith("bias"):
            weight.zero_()
            if name.startswith("bias_ih") and isinstance(layer, nn.LSTM | nn.GRU):
                weight[size : 2 * size] = 1.0
        else:
            for gate in weight.split(size):
                nn.init.orthogonal_(gate, gain) if name.startswith("weight_hh") else nn.init.xavier_uniform_(gate)
