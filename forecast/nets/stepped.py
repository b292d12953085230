"""Cells from their equations, one step after the other: what torch has no fused layer for, and what it has.

Each is one layer (`forecast.nets.stacked` puts layers on top of each other). Weights are laid out and named as in
torch's cells: gates below each other, `weight_ih` for inputs, `weight_hh` for the hidden state.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from forecast.errors import SettingsError, did_you_mean
from forecast.nets.promise import State
from forecast.nets.variational import checked_share, held_mask

Step = tuple[Tensor, ...]
"""The state at one step, [batch, width] each, the hidden state first."""


class Stepped(nn.Module):
    """A recurrent layer that is walked through step by step; what inputs say is computed for all steps at once.

    A kind of its own gives `gates` and `step`, and whatever weights it needs beyond those of the gates.

    Args:
        inputs: numbers a step.
        hidden_size: numbers in the hidden state.
        zoneout: probability with which each number of the state keeps its old value in training; outside of it old
            and new are mixed in that proportion (Krueger et al. 2017).
        recurrent_dropout: probability with which each number of the hidden state is hidden from the recurrent matrices
            in training, the same ones at every step of a sequence (variational dropout, Gal & Ghahramani 2016). What is
            carried on beside the matrices is not touched.

    Raises:
        SettingsError: zoneout or recurrent_dropout is no probability below 1.
    """

    gates: int
    tensors = 1
    diagonal = False
    remember: slice | None = None
    """The gate whose bias starts at 1, so that the old state is kept at first (Gers et al. 2000)."""

    def __init__(self, inputs: int, hidden_size: int, zoneout: float = 0.0, *, recurrent_dropout: float = 0.0) -> None:
        super().__init__()
        if not 0 <= zoneout < 1:
            raise SettingsError(f"zoneout={zoneout}: at least 0 and below 1")
        self.hidden_size, self.zoneout = hidden_size, zoneout
        self.recurrent_dropout = checked_share("recurrent_dropout", recurrent_dropout)
        wide = self.gates * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(wide, inputs))
        self.weight_hh = nn.Parameter(torch.empty(wide, hidden_size))
        self.bias_ih = nn.Parameter(torch.zeros(wide))
        self.bias_hh = nn.Parameter(torch.zeros(wide))
        with torch.no_grad():
            for weight in self.weight_ih.split(hidden_size):
                nn.init.xavier_uniform_(weight)
            for weight in self.weight_hh.split(hidden_size):
                nn.init.orthogonal_(weight)
            if self.remember is not None:
                self.bias_ih.unflatten(0, (self.gates, hidden_size))[self.remember] = 1.0

    def initial(self, batch: int) -> State:
        """Zeros [1, batch, hidden] on the device and in the precision of the weights."""
        return (self.weight_hh.new_zeros(1, batch, self.hidden_size),) * self.tensors

    def unit_axes(self) -> Mapping[str, int]:
        """Rows, whatever the gate they belong to."""
        return dict.fromkeys(dict(self.named_parameters()), 0)

    def read(self, x: Float[Tensor, "batch time input"]) -> Float[Tensor, "batch time gate"]:
        """What the inputs of every step say to the gates."""
        return linear(x, self.weight_ih, self.bias_ih)

    def step(self, said: Float[Tensor, "batch gate"], state: Step, heard: Float[Tensor, "batch hidden"]) -> Step:
        """The state after a step.

        Args:
            said: what `read` gave for it.
            state: before the step.
            heard: its hidden state as the recurrent matrices read it: the same, but for what dropout hides from them.
        """
        raise NotImplementedError(f"{type(self).__name__} has no equations of a step")

    def forward(
        self, x: Float[Tensor, "batch time input"], state: State
    ) -> tuple[Float[Tensor, "batch time hidden"], State]:
        """Read a sequence: hidden states of every step, and the state after the last."""
        now: Step = tuple(part[0] for part in state)
        hidden, mask = [], None
        if self.training and self.recurrent_dropout:
            mask = held_mask(now[0], self.recurrent_dropout)
        for said in self.read(x).unbind(1):
            new = self.step(said, now, now[0] if mask is None else now[0] * mask)
            now = tuple(map(self._zoned, now, new)) if self.zoneout else new
            hidden.append(now[0])
        return torch.stack(hidden, dim=1), tuple(part[None] for part in now)

    def _recurrent(self, hidden: Tensor) -> Tensor:
        return linear(hidden, self.weight_hh, self.bias_hh)

    def _zoned(self, old: Tensor, new: Tensor) -> Tensor:
        if not self.training:
            return torch.lerp(new, old.to(new.dtype), self.zoneout)
        return torch.where(torch.rand_like(new) < self.zoneout, old, new)


class Elman(Stepped):
    """The simple recurrent network (Elman 1990): h_t = tanh(W x_t + U h_{t-1} + b), or max(0, ...).

    Args:
        activation: "tanh" or "relu".

    Example:
        >>> cell = Elman(3, 8)
        >>> cell(torch.zeros(2, 5, 3), cell.initial(2))[0].shape
        torch.Size([2, 5, 8])
    """

    gates = 1

    def __init__(
        self,
        inputs: int,
        hidden_size: int,
        zoneout: float = 0.0,
        activation: str = "tanh",
        *,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(inputs, hidden_size, zoneout, recurrent_dropout=recurrent_dropout)
        if activation not in ("tanh", "relu"):
            raise SettingsError(f"activation={activation!r}{did_you_mean(activation, ('tanh', 'relu'))}")
        self.activate = torch.tanh if activation == "tanh" else torch.relu

    def step(self, said: Float[Tensor, "batch gate"], state: Step, heard: Float[Tensor, "batch hidden"]) -> Step:
        """h_t."""
        return (self.activate(said + self._recurrent(heard)),)


class LSTM(Stepped):
    """Long short-term memory with a forget gate (Gers et al. 2000), the equations of `nn.LSTM`.

    i, f, o = sigmoid(...), g = tanh(...) of W x_t + U h_{t-1} + b; c_t = f c_{t-1} + i g; h_t = o tanh(c_t).
    """

    gates, tensors, remember = 4, 2, slice(1, 2)

    def step(self, said: Float[Tensor, "batch gate"], state: Step, heard: Float[Tensor, "batch hidden"]) -> Step:
        """h_t, c_t."""
        i, f, g, o = (said + self._recurrent(heard)).chunk(4, dim=1)
        memory = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(memory), memory


class PeepholeLSTM(Stepped):
    """LSTM whose gates see the memory (Gers & Schmidhuber 2000): i and f that before the step, o that after it."""

    gates, tensors, remember = 4, 2, slice(1, 2)

    def __init__(self, inputs: int, hidden_size: int, zoneout: float = 0.0, *, recurrent_dropout: float = 0.0) -> None:
        super().__init__(inputs, hidden_size, zoneout, recurrent_dropout=recurrent_dropout)
        self.peepholes = nn.Parameter(torch.zeros(3, hidden_size))

    def unit_axes(self) -> Mapping[str, int]:
        """Rows; of the peepholes columns."""
        return {**super().unit_axes(), "peepholes": 1}

    def step(self, said: Float[Tensor, "batch gate"], state: Step, heard: Float[Tensor, "batch hidden"]) -> Step:
        """h_t, c_t."""
        i, f, g, o = (said + self._recurrent(heard)).chunk(4, dim=1)
        into, keep, out = self.peepholes
        memory = torch.sigmoid(f + keep * state[1]) * state[1] + torch.sigmoid(i + into * state[1]) * torch.tanh(g)
        return torch.sigmoid(o + out * memory) * torch.tanh(memory), memory


class LayerNormLSTM(Stepped):
    """LSTM with layer normalisation of what inputs say, of what the hidden state says, and of the memory (Ba et al.
    2016, equations 20 to 22).
    """

    gates, tensors, remember = 4, 2, slice(1, 2)

    def __init__(self, inputs: int, hidden_size: int, zoneout: float = 0.0, *, recurrent_dropout: float = 0.0) -> None:
        super().__init__(inputs, hidden_size, zoneout, recurrent_dropout=recurrent_dropout)
        self.of_inputs = nn.LayerNorm(4 * hidden_size, bias=False)
        self.of_hidden = nn.LayerNorm(4 * hidden_size, bias=False)
        self.of_memory = nn.LayerNorm(hidden_size)

    def unit_axes(self) -> Mapping[str, int]:
        """None: what is normalised together moves together."""
        return {}

    def read(self, x: Float[Tensor, "batch time input"]) -> Float[Tensor, "batch time gate"]:
        """What the inputs of every step say to the gates, normalised; biases come after that."""
        return self.of_inputs(linear(x, self.weight_ih)) + self.bias_ih

    def step(self, said: Float[Tensor, "batch gate"], state: Step, heard: Float[Tensor, "batch hidden"]) -> Step:
        """h_t, c_t."""
        i, f, g, o = (said + self.of_hidden(linear(heard, self.weight_hh)) + self.bias_hh).chunk(4, dim=1)
        memory = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(self.of_memory(memory)), memory


class GRU(Stepped):
    """Gated recurrent unit, with the reset gate in either of its places.

    r, z = sigmoid(...); h_t = (1 - z) n + z h_{t-1}, and the candidate
    n = tanh(W x_t + b + r (U h_{t-1} + c)) for "after" (torch, cuDNN, Keras' `reset_after=True`) or
    n = tanh(W x_t + b + U (r h_{t-1}) + c) for "before" (Cho et al. 2014). They are different functions: weights of
    one mean something else in the other.

    Args:
        reset: "after" or "before" the matrix product.
    """

    gates, remember = 3, slice(1, 2)

    def __init__(
        self,
        inputs: int,
        hidden_size: int,
        zoneout: float = 0.0,
        reset: str = "after",
        *,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(inputs, hidden_size, zoneout, recurrent_dropout=recurrent_dropout)
        if reset not in ("after", "before"):
            raise SettingsError(f"reset={reset!r}{did_you_mean(reset, ('after', 'before'))}")
        self.reset = reset

    def unit_axes(self) -> Mapping[str, int]:
        """Rows; none where a reset gate stands before the product, through which it reaches every unit."""
        return super().unit_axes() if self.reset == "after" else {}

    def step(self, said: Float[Tensor, "batch gate"], state: Step, heard: Float[Tensor, "batch hidden"]) -> Step:
        """h_t."""
        hidden, size = state[0], self.hidden_size
        (r, z), n = torch.sigmoid(self._gates(said, heard)).chunk(2, dim=1), said[:, 2 * size :]
        weight, bias = self.weight_hh[2 * size :], self.bias_hh[2 * size :]
        if self.reset == "after":
            new = torch.tanh(n + r * linear(heard, weight, bias))
        else:
            new = torch.tanh(n + linear(r * heard, weight, bias))
        return (new + z * (hidden - new),)

    def _gates(self, said: Tensor, heard: Tensor) -> Tensor:
        wide = 2 * self.hidden_size
        return said[:, :wide] + linear(heard, self.weight_hh[:wide], self.bias_hh[:wide])


class SLSTM(Stepped):
    """LSTM with exponential input gate and normaliser (sLSTM of Beck et al. 2024, one head).

    c_t = f c_{t-1} + i z, n_t = f n_{t-1} + i, h_t = o c_t / n_t with i = exp(...), f, o = sigmoid(...), z = tanh(...).
    Carried on are h, c / n and log n instead of c and n. Then c_t / n_t = c_{t-1} / n_{t-1} + s (z - c_{t-1} / n_{t-1})
    with s = i / n_t = sigmoid(log i - log f - log n_{t-1}), which cannot overflow, and is what the paper's stabiliser
    state m leads to.
    """

    gates, tensors, remember = 4, 3, slice(1, 2)
    NOTHING = -1e4  # log n of nothing read: exp of it is 0 in every precision, and its differences are finite

    def initial(self, batch: int) -> State:
        """Zeros for h and c / n, and log n of next to nothing; each [1, batch, hidden]."""
        zeros, ratio, _ = super().initial(batch)
        return zeros, ratio, torch.full_like(zeros, self.NOTHING)

    def step(self, said: Float[Tensor, "batch gate"], state: Step, heard: Float[Tensor, "batch hidden"]) -> Step:
        """h_t, c_t / n_t, log n_t."""
        _, ratio, log_weight = state
        i, f, z, o = (said + self._recurrent(heard)).chunk(4, dim=1)
        kept = nn.functional.logsigmoid(f) + log_weight
        ratio = ratio + torch.sigmoid(i - kept) * (torch.tanh(z) - ratio)
        return torch.sigmoid(o) * ratio, ratio, torch.logaddexp(kept, i.to(kept.dtype))
