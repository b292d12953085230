"""Cells whose recurrence is linear and diagonal: all steps of a sequence are computed side by side, by a scan.

Scans work by doubling (Hillis & Steele 1986): after pass k each step holds what came of the last 2^k. That takes
log2(time) passes over the sequence and, unlike cumulative sums that are divided or subtracted again, loses no digits
however long the sequence: coefficients are at most 1, and nothing is ever undone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

from forecast.nets.promise import State


def log_scan(
    log_keep: Float[Tensor, "batch time hidden"], log_add: Float[Tensor, "batch time hidden"]
) -> tuple[Float[Tensor, "batch time hidden"], Float[Tensor, "batch time hidden"]]:
    """h_t = a_t h_{t-1} + b_t for positive a and b, in logarithms.

    Returns:
        The logarithm of the product of a up to each step (what becomes of the state before), and that of h_t where
        that state was 0.

    Example:
        >>> keep, add = torch.full((1, 3, 1), 0.5), torch.ones(1, 3, 1)
        >>> kept, said = log_scan(keep.log(), add.log())
        >>> said.exp().flatten().round(decimals=4).tolist()
        [1.0, 1.5, 1.75]
    """
    time, reach = log_keep.shape[1], 1
    while reach < time:
        before = log_add[:, :-reach] + log_keep[:, reach:]
        log_add = torch.cat([log_add[:, :reach], torch.logaddexp(before, log_add[:, reach:])], dim=1)
        log_keep = log_keep + pad(log_keep[:, :-reach], (0, 0, reach, 0))
        reach *= 2
    return log_keep, log_add


def decay_scan(
    log_decay: Complex[Tensor, " hidden"], x: Complex[Tensor, "batch time hidden"]
) -> Complex[Tensor, "batch time hidden"]:
    """h_t = exp(log_decay) h_{t-1} + x_t from 0, where the decay is the same at every step."""
    reach = 1
    while reach < x.shape[1]:
        x = x + pad(x[:, :-reach] * torch.exp(reach * log_decay), (0, 0, reach, 0))
        reach *= 2
    return x


def log_positive(x: Tensor) -> Tensor:
    """Logarithm of g(x) = x + 1/2 above 0 and sigmoid(x) below, the positive activation of Feng et al. (2024)."""
    return torch.where(x >= 0, torch.log(torch.relu(x) + 0.5), -softplus(-x))


class _Gated(nn.Module):
    """One layer whose gates see inputs only, so that the recurrence of its state is linear."""

    gates: int
    diagonal = True

    def __init__(self, inputs: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.layer = nn.Linear(inputs, (self.gates + 1) * hidden_size)
        nn.init.zeros_(self.layer.bias)
        with torch.no_grad():
            for weight in self.layer.weight.split(hidden_size):
                nn.init.xavier_uniform_(weight)
            self.layer.bias[:hidden_size] = 1.0

    def initial(self, batch: int) -> State:
        """Zeros [1, batch, hidden] on the device and in the precision of the weights."""
        return (self.layer.weight.new_zeros(1, batch, self.hidden_size),)

    def unit_axes(self) -> Mapping[str, int]:
        """Rows."""
        return dict.fromkeys(dict(self.named_parameters()), 0)

    def shares(self, said: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Logarithms of what is kept of the state and of what is taken of the candidate, from what inputs say."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it keeps")

    def forward(
        self, x: Float[Tensor, "batch time input"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """Read a sequence: hidden states of every step, and the state after the last."""
        # Logarithms need the precision of the weights, under autocast too.
        *gates, new = self.layer(x).to(self.layer.weight.dtype).chunk(self.gates + 1, dim=2)
        log_keep, log_take = self.shares(tuple(gates))
        kept, said = log_scan(log_keep, log_take + log_positive(new))
        # The state before may have any sign, so it is added outside of the logarithms.
        hidden = kept.exp() * state[0].transpose(0, 1) + said.exp()
        return hidden, (hidden[:, -1][None],)


class MinGRU(_Gated):
    """The minimal GRU of Feng et al. (2024): h_t = (1 - z_t) h_{t-1} + z_t g(V x_t), with z_t = 1 - sigmoid(W x_t + b).

    Signs of W and b are turned against the paper's, so that a bias of 1 remembers, as in the other cells. g is
    positive (`log_positive`), and so are the states.

    Example:
        >>> cell = MinGRU(3, 8)
        >>> cell(torch.zeros(2, 5, 3), cell.initial(2))[0].shape
        torch.Size([2, 5, 8])
    """

    gates = 1

    def shares(self, said: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Logarithms of 1 - z_t and z_t."""
        return -softplus(-said[0]), -softplus(said[0])


class MinLSTM(_Gated):
    """The minimal LSTM of Feng et al. (2024): h_t = f h_{t-1} + i g(V x_t), with sigmoid gates divided by their sum."""

    gates = 2

    def shares(self, said: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Logarithms of f / (f + i) and i / (f + i)."""
        more = softplus(-said[0]) - softplus(-said[1])  # log i - log f
        return -softplus(more), -softplus(-more)


class LRU(nn.Module):
    """The linear recurrent unit (Orvieto et al. 2023): complex, diagonal, and stable whatever training does.

    s_t = lambda s_{t-1} + gamma B x_t; h_t = gelu(Re(C s_t) + D x_t), with |lambda| = exp(-exp(nu)) below 1 and
    gamma = sqrt(1 - |lambda|^2), which keeps the variance of the state that of its inputs. The state is linear in the
    inputs (each number a damped oscillation); all that is not linear comes after it.

    Args:
        inputs: numbers a step.
        hidden_size: complex numbers in the state, and numbers said of a step.
        slowest: largest |lambda| at the start.
        quickest: smallest |lambda| at the start.

    Example:
        >>> cell = LRU(3, 8)
        >>> hidden, state = cell(torch.zeros(2, 5, 3), cell.initial(2))
        >>> hidden.shape, len(state)
        (torch.Size([2, 5, 8]), 2)
    """

    diagonal = True

    def __init__(self, inputs: int, hidden_size: int, slowest: float = 0.999, quickest: float = 0.5) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        # Uniform on the ring between the two radii (lemma 3.2 of the paper).
        squares = quickest**2 + (slowest**2 - quickest**2) * torch.rand(hidden_size)
        self.log_rate = nn.Parameter(torch.log(-0.5 * torch.log(squares)))
        self.angle = nn.Parameter(math.pi * torch.rand(hidden_size))
        self.into = nn.Linear(inputs, 2 * hidden_size, bias=False)
        self.out = nn.Linear(2 * hidden_size, hidden_size, bias=False)
        self.past = nn.Linear(inputs, hidden_size)

    def initial(self, batch: int) -> State:
        """Zeros [1, batch, hidden], the real and the imaginary part."""
        return (self.log_rate.new_zeros(1, batch, self.hidden_size),) * 2

    def unit_axes(self) -> Mapping[str, int]:
        """Rows; those of `out` and `past` move no state."""
        return dict.fromkeys(dict(self.named_parameters()), 0)

    def forward(
        self, x: Float[Tensor, "batch time input"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """Read a sequence: what is said of every step, and the state after the last."""
        rate, kind = torch.exp(self.log_rate), self.log_rate.dtype
        log_decay = torch.complex(-rate, self.angle)
        normed = self.into(x).to(kind) * torch.sqrt(-torch.expm1(-2 * rate)).repeat(2)
        moved = torch.complex(*normed.chunk(2, dim=2))
        before = torch.complex(state[0][0].to(kind), state[1][0].to(kind)) * torch.exp(log_decay)
        s = decay_scan(log_decay, torch.cat([moved[:, :1] + before[:, None], moved[:, 1:]], dim=1))
        hidden = nn.functional.gelu(self.out(torch.cat([s.real, s.imag], dim=2)) + self.past(x))
        return hidden, (s.real[:, -1][None], s.imag[:, -1][None])
