"""One step of a network in plain numpy: what live forecasting needs, without the price of a call into torch.

A step of torch's fused layers costs a CPU some 150 microseconds before it computes anything; the same few hundred
thousand multiplications in numpy take a tenth of that. The equations are those of `forecast.nets.cells`; gates are
computed by one tanh, since sigmoid(z) = (1 + tanh(z / 2)) / 2, with the halves folded into the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from forecast.nets.cells import Cell, Fused
from forecast.nets.decoders import Direct
from forecast.nets.direct import DirectDecoder
from forecast.nets.heads import Point
from forecast.nets.memory import Stand
from forecast.nets.network import Network

Held = tuple[Float[np.ndarray, "row _ _"], ...]
"""The state of a cell as arrays [row, layer, width], one row for each row of the batch."""

Step = Callable[[np.ndarray, Held], tuple[np.ndarray, Held]]
"""Reads one step: inputs [row, input] and state to hidden [row, hidden] and the new state."""

HALF = np.float32(0.5)


class Layer(NamedTuple):
    """Weights of a recurrent layer, input and state side by side, ready to be multiplied from the right."""

    weight: Float32[np.ndarray, "reach gate"]
    bias: Float32[np.ndarray, " gate"]


Take = Callable[[Layer, np.ndarray, list[np.ndarray]], tuple[np.ndarray, ...]]


def stepper(cell: Cell) -> Step:
    """The quickest way to take single steps with a cell: numpy for torch's own layers, else the cell itself.

    Weights are copied: training the cell further changes nothing here.

    Example:
        >>> from forecast.nets.cells import gru
        >>> cell = gru(inputs=3, hidden_size=8)
        >>> hidden, state = stepper(cell)(np.ones((2, 3), dtype=np.float32), held(cell.initial(2)))
        >>> torch.allclose(torch.from_numpy(hidden), cell(torch.ones(2, 1, 3), cell.initial(2))[0][:, 0], atol=1e-6)
        True
    """
    if isinstance(cell, Fused) and _plain(cell.layer):
        return Stacked(cell.layer)
    return Called(cell)


def held(state: tuple[Tensor, ...]) -> Held:
    """A state of torch, [layer, row, width], as arrays [row, layer, width] of their own."""
    return tuple(np.array(part.detach().transpose(0, 1).cpu().numpy(), order="C") for part in state)


def _plain(layer: nn.RNNBase) -> bool:
    known = type(layer) in (nn.RNN, nn.LSTM, nn.GRU) and layer.bias and not layer.bidirectional
    return known and not layer.proj_size and layer.weight_hh_l0.dtype == torch.float32


class Stacked:
    """Torch's recurrent layers on top of each other, in numpy (float32)."""

    def __init__(self, layer: nn.RNNBase) -> None:
        pack, self.take = EQUATIONS[layer.mode]
        with torch.no_grad():
            self.layers = [
                pack(*(getattr(layer, f"{name}_l{i}").detach().cpu() for name in _NAMES))
                for i in range(layer.num_layers)
            ]

    def __call__(self, x: Float32[np.ndarray, "row input"], state: Held) -> tuple[np.ndarray, Held]:
        if len(self.layers) == 1:
            new = self.take(self.layers[0], x, [part[:, 0] for part in state])
            return new[0], tuple([part[:, None] for part in new])
        parts = []
        for place, layer in enumerate(self.layers):
            new = self.take(layer, x, [part[:, place] for part in state])
            parts.append(new)
            x = new[0]
        return x, tuple([np.stack(part, axis=1) for part in zip(*parts, strict=True)])


_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _layer(weight: Tensor, bias: Tensor) -> Layer:
    return Layer(np.ascontiguousarray(weight.T.numpy()), np.array(bias.numpy()))


def _waves(layer: Layer, x: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """What goes into the gates, [row, gate], an array of its own."""
    sums = np.concatenate((x, hidden), 1).dot(layer.weight)
    sums += layer.bias
    return sums


def _pack_simple(w: Tensor, u: Tensor, b: Tensor, c: Tensor) -> Layer:
    return _layer(torch.cat([w, u], dim=1), b + c)


def _tanh(layer: Layer, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    return (np.tanh(_waves(layer, x, state[0])),)


def _relu(layer: Layer, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    return (np.maximum(_waves(layer, x, state[0]), 0),)


def _pack_lstm(w: Tensor, u: Tensor, b: Tensor, c: Tensor) -> Layer:
    """Torch orders the gates input, forget, cell, output; here the three sigmoid ones come first, halved."""
    size = len(b) // 4
    order = torch.cat([torch.arange(2 * size), torch.arange(3 * size, 4 * size), torch.arange(2 * size, 3 * size)])
    half = torch.where(torch.arange(4 * size) < 3 * size, 0.5, 1.0)
    return _layer(torch.cat([w, u], dim=1)[order] * half[:, None], (b + c)[order] * half)


def _lstm(layer: Layer, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    hidden, memory = state
    size = hidden.shape[1]
    waves = _waves(layer, x, hidden)
    np.tanh(waves, waves)
    gates = waves[:, : 3 * size] * HALF
    gates += HALF
    memory = gates[:, size : 2 * size] * memory + gates[:, :size] * waves[:, 3 * size :]
    return gates[:, 2 * size :] * np.tanh(memory), memory


def _pack_gru(w: Tensor, u: Tensor, b: Tensor, c: Tensor) -> Layer:
    """Reset and update gate (halved), then the candidate's input and state apart: the reset gate comes between."""
    gates = 2 * (len(b) // 3)
    zero_w, zero_u = torch.zeros_like(w[gates:]), torch.zeros_like(u[gates:])
    weight = torch.cat(
        [
            torch.cat([w[:gates], u[:gates]], dim=1) * 0.5,
            torch.cat([w[gates:], zero_u], dim=1),
            torch.cat([zero_w, u[gates:]], dim=1),
        ]
    )
    return _layer(weight, torch.cat([(b + c)[:gates] * 0.5, b[gates:], c[gates:]]))


def _gru(layer: Layer, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    (hidden,) = state
    size = hidden.shape[1]
    waves = _waves(layer, x, hidden)
    gates = np.tanh(waves[:, : 2 * size])
    gates *= HALF
    gates += HALF
    new = gates[:, :size] * waves[:, 3 * size :]
    new += waves[:, 2 * size : 3 * size]
    np.tanh(new, new)
    return (new + gates[:, size:] * (hidden - new),)


EQUATIONS: dict[str, tuple[Callable[[Tensor, Tensor, Tensor, Tensor], Layer], Take]] = {
    "RNN_TANH": (_pack_simple, _tanh),
    "RNN_RELU": (_pack_simple, _relu),
    "LSTM": (_pack_lstm, _lstm),
    "GRU": (_pack_gru, _gru),
}
"""By torch's own names of its layers: how their weights are laid out, and one step."""


@dataclass(frozen=True, eq=False)
class Called:
    """A cell of somebody's own, called for a sequence of one."""

    cell: Cell

    def __call__(self, x: Float[np.ndarray, "row input"], state: Held) -> tuple[np.ndarray, Held]:
        with torch.inference_mode():
            before = tuple(torch.from_numpy(part).transpose(0, 1).contiguous() for part in state)
            hidden, after = self.cell(torch.from_numpy(x)[:, None], before)
            return np.array(hidden[:, 0].numpy()), held(after)


class Answer:
    """A network's answer at origins, without dropout: numpy for a point decoded directly, else the network itself.

    Args:
        network: in evaluation mode, on the CPU; its weights are copied where numpy is used.
    """

    def __init__(self, network: Network) -> None:
        self.network, self.sizes = network, network.sizes
        decoder, skip, sizes = network.decoder, network.skip, network.sizes
        self.fast = type(network.head) is Point and type(network.architecture.decoder) is Direct
        self.fast = self.fast and next(network.parameters()).dtype == torch.float32
        self.fast = self.fast and not any(sizes.categories[sizes.targets + sizes.past :][: sizes.future])
        if not isinstance(decoder, DirectDecoder):
            return
        with torch.no_grad():
            self.decoder = _layer(decoder.weight.detach().cpu(), decoder.bias.detach().cpu())
            self.skip = None if skip is None else _layer(skip.weight.detach().cpu(), skip.bias.detach().cpu())

    def __call__(
        self,
        hidden: Float32[np.ndarray, "origin fold hidden"],
        context: Float32[np.ndarray, "origin target context"],
        shift: Float[np.ndarray, "origin target"],
        spread: Float[np.ndarray, "origin target"],
        future: Float32[np.ndarray, "origin horizon known"],
    ) -> Float[np.ndarray, "origin horizon target width"]:
        """Parameters of the head: for a point what it says times `spread` plus `shift`, in their precision.

        Args:
            context: scaled, as in `Stand`.
            future: scaled.
        """
        if not self.fast:
            return self._slow(hidden, context, shift, spread, future)
        origins, fold, size = hidden.shape
        wide = hidden.reshape(origins * fold, size)
        if self.sizes.future:
            ahead = np.repeat(future.reshape(origins, -1), fold, axis=0)
            wide = np.concatenate((wide, ahead), axis=1)
        raw = wide.dot(self.decoder.weight)
        raw += self.decoder.bias
        if fold < self.sizes.targets:  # all targets were read at once: a row holds step after step, target by target
            raw = raw.reshape(origins, self.sizes.horizon, self.sizes.targets).swapaxes(1, 2)
        else:
            raw = raw.reshape(origins, fold, self.sizes.horizon)
        if self.skip is not None:
            # In two dimensions: numpy multiplies arrays of three without BLAS, number by number.
            direct = context.reshape(-1, context.shape[2]).dot(self.skip.weight)
            direct += self.skip.bias
            raw += direct.reshape(raw.shape)
        values = raw * spread[:, :, None]
        values += shift[:, :, None]
        return values.swapaxes(1, 2)[..., None]

    def _slow(
        self, hidden: np.ndarray, context: np.ndarray, shift: np.ndarray, spread: np.ndarray, future: np.ndarray
    ) -> np.ndarray:
        parts = (hidden, context, shift[:, None], spread[:, None])
        with torch.inference_mode():
            stand = Stand(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))
            return self.network.answer(stand, torch.from_numpy(future)).double().numpy()
