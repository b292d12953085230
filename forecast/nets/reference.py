"""Recurrent networks by hand, in numpy: forward, and backward through time. To be read, and to test others against.

Nothing here is quick. Numbers in brackets are those of the equations; d(x) is the derivative of the loss by x. Weights
are laid out as in torch: gates below each other, W [gate x hidden, input], U [gate x hidden, hidden], both biases.

Simple recurrent network (Elman 1990)
    (1) h_t = tanh(W x_t + b + U h_{t-1} + c)

Long short-term memory (Gers et al. 2000), gates in the order i, f, g, o
    (2) i, f, o = sigmoid(W x_t + b + U h_{t-1} + c), g = tanh(same)
    (3) c_t = f c_{t-1} + i g
    (4) h_t = o tanh(c_t)

Gated recurrent unit, gates in the order r, z, n
    (5) r, z = sigmoid(W x_t + b + U h_{t-1} + c)
    (6) n = tanh(W x_t + b + r (U h_{t-1} + c))    reset after the product (torch, cuDNN), or
    (7) n = tanh(W x_t + b + U (r h_{t-1}) + c)    reset before it (Cho et al. 2014)
    (8) h_t = (1 - z) n + z h_{t-1}

Loss of a linear readout p_t = V h_t + a, the mean over the batch, the outputs and the steps that count
    (9) L = mean (p_t - y_t)^2, over every step or the last one alone

Backpropagation through time (Werbos 1990), from the last step to the first, for sums s_t before the activations
    (10) d(h_t) = what the loss says of h_t itself + what step t + 1 says of it
    (11) d(W) = sum_t d(s_t) x_t', d(U) = sum_t d(s_t) h_{t-1}', d(b) = d(c) = sum_t d(s_t), d(x_t) = W' d(s_t)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from forecast.errors import SettingsError, did_you_mean


class Weights(NamedTuple):
    """Of a recurrent layer, or the derivatives of a loss by them."""

    w: Float[Array, "gates input"]
    u: Float[Array, "gates hidden"]
    b: Float[Array, " gates"]
    c: Float[Array, " gates"]


class Readout(NamedTuple):
    """Of the linear readout, or the derivatives of a loss by it."""

    v: Float[Array, "output hidden"]
    a: Float[Array, " output"]


class Trace(NamedTuple):
    """What a forward pass leaves for the backward one. Step 0 of hidden and memory is the state before the sequence."""

    x: Float[Array, "batch time input"]
    hidden: Float[Array, "batch time+1 hidden"]
    memory: Float[Array, "batch time+1 hidden"]
    gates: Float[Array, "batch time gates"]


class Gradients(NamedTuple):
    """Derivatives of a loss by weights, inputs, and the state before the sequence (memory: zeros without one)."""

    weights: Weights
    x: Float[Array, "batch time input"]
    hidden: Float[Array, "batch hidden"]
    memory: Float[Array, "batch hidden"]


def forward(
    kind: str,
    weights: Weights,
    x: Float[Array, "batch time input"],
    hidden: Float[Array, "batch hidden"] | None = None,
    memory: Float[Array, "batch hidden"] | None = None,
) -> Trace:
    """Read a sequence, equations (1) to (8).

    Args:
        kind: "rnn", "lstm", "gru-after" or "gru-before" (where the reset gate stands).
        hidden: before the sequence; None: zeros.
        memory: of an LSTM, likewise.

    Raises:
        SettingsError: no such kind.

    Example:
        >>> weights = Weights(np.full((1, 1), 0.5), np.zeros((1, 1)), np.zeros(1), np.zeros(1))
        >>> forward("rnn", weights, np.ones((1, 2, 1))).hidden[0, :, 0].round(3).tolist()
        [0.0, 0.462, 0.462]
    """
    step, _ = _equations(kind)
    size = weights.u.shape[1]
    h = np.zeros((len(x), size)) if hidden is None else hidden
    m = np.zeros((len(x), size)) if memory is None else memory
    hiddens, memories, gates = [h], [m], []
    for t in range(x.shape[1]):
        h, m, opened = step(weights, x[:, t], h, m)
        hiddens.append(h)
        memories.append(m)
        gates.append(opened)
    return Trace(x, np.stack(hiddens, 1), np.stack(memories, 1), np.stack(gates, 1))


def backward(kind: str, weights: Weights, trace: Trace, said: Float[Array, "batch time hidden"]) -> Gradients:
    """Backpropagation through time, equations (10) and (11).

    Args:
        trace: of `forward` with the same weights.
        said: what the loss says of each h_t itself (`loss` gives it).

    Raises:
        SettingsError: no such kind.
    """
    _, back = _equations(kind)
    total = Weights(*(np.zeros_like(part) for part in weights))
    dx, dh, dm = np.zeros_like(trace.x), np.zeros_like(trace.hidden[:, 0]), np.zeros_like(trace.memory[:, 0])
    for t in reversed(range(trace.x.shape[1])):
        dh = dh + said[:, t]  # (10)
        part, dx[:, t], dh, dm = back(weights, trace, t, dh, dm)
        total = Weights(*(whole + new for whole, new in zip(total, part, strict=True)))
    return Gradients(total, dx, dh, dm)


def loss(
    readout: Readout,
    trace: Trace,
    target: Float[Array, "batch _ output"],
    every_step: bool = True,
) -> tuple[float, Readout, Float[Array, "batch time hidden"]]:
    """Equation (9): the loss, its derivatives by the readout, and what it says of each h_t itself.

    Args:
        target: [batch, time, output] for every step, [batch, 1, output] for the last alone (many to one).

    Raises:
        SettingsError: targets of another number of steps.
    """
    time = trace.x.shape[1]
    steps = time if every_step else 1
    if target.shape[1] != steps:
        raise SettingsError(f"targets of {target.shape[1]} steps where the loss counts {steps}; see every_step")
    h = trace.hidden[:, 1:][:, -steps:]
    apart = h @ readout.v.T + readout.a - target
    slope = 2 * apart / apart.size
    said = np.zeros_like(trace.hidden[:, 1:])
    said[:, -steps:] = slope @ readout.v
    by_readout = Readout(np.einsum("bto,bth->oh", slope, h), slope.sum(axis=(0, 1)))
    return float(np.mean(apart**2)), by_readout, said


def clipped(weights: Weights, limit: float = 5.0) -> Weights:
    """Derivatives cut off by value at +-limit, against steps that explode."""
    if not limit > 0:
        raise SettingsError(f"limit={limit}: a number above 0")
    return Weights(*(np.clip(part, -limit, limit) for part in weights))


Taken = tuple[Array, Array, Array]
"""h_t, c_t, and the gates as they stood (and, for a GRU with reset after the product, what it resets)."""

Returned = tuple[Weights, Array, Array, Array]
"""What one step adds to d(weights); d(x_t), d(h_{t-1}), d(c_{t-1})."""


def _sums(p: Weights, x: Array, h: Array) -> Array:
    return x @ p.w.T + p.b + h @ p.u.T + p.c


def _sigmoid(s: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * s))


def _linear(p: Weights, ds: Array, x: Array, h: Array) -> tuple[Weights, Array, Array]:
    """(11) for sums that see x_t and h_{t-1} alike, and what they say of h_{t-1}."""
    return Weights(ds.T @ x, ds.T @ h, ds.sum(0), ds.sum(0)), ds @ p.w, ds @ p.u


def _rnn(p: Weights, x: Array, h: Array, m: Array) -> Taken:
    h = np.tanh(_sums(p, x, h))  # (1)
    return h, m, h


def _rnn_back(p: Weights, trace: Trace, t: int, dh: Array, dm: Array) -> Returned:
    ds = dh * (1 - trace.hidden[:, t + 1] ** 2)  # by (1)
    part, dx, before = _linear(p, ds, trace.x[:, t], trace.hidden[:, t])
    return part, dx, before, dm


def _lstm(p: Weights, x: Array, h: Array, m: Array) -> Taken:
    si, sf, sg, so = np.split(_sums(p, x, h), 4, axis=1)
    i, f, g, o = _sigmoid(si), _sigmoid(sf), np.tanh(sg), _sigmoid(so)  # (2)
    m = f * m + i * g  # (3)
    return o * np.tanh(m), m, np.concatenate([i, f, g, o], axis=1)  # (4)


def _lstm_back(p: Weights, trace: Trace, t: int, dh: Array, dm: Array) -> Returned:
    i, f, g, o = np.split(trace.gates[:, t], 4, axis=1)
    seen, before = np.tanh(trace.memory[:, t + 1]), trace.memory[:, t]
    dm = dm + dh * o * (1 - seen**2)  # by (4); what step t + 1 said of c_t came with it
    di, df, dg, do = dm * g, dm * before, dm * i, dh * seen  # by (3) and (4)
    ds = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1)  # by (2)
    part, dx, earlier = _linear(p, ds, trace.x[:, t], trace.hidden[:, t])
    return part, dx, earlier, dm * f


def _gru_after(p: Weights, x: Array, h: Array, m: Array) -> Taken:
    sr, sz, sn = np.split(x @ p.w.T + p.b, 3, axis=1)
    ur, uz, un = np.split(h @ p.u.T + p.c, 3, axis=1)
    r, z = _sigmoid(sr + ur), _sigmoid(sz + uz)  # (5)
    n = np.tanh(sn + r * un)  # (6)
    return (1 - z) * n + z * h, m, np.concatenate([r, z, n, un], axis=1)  # (8)


def _gru_after_back(p: Weights, trace: Trace, t: int, dh: Array, dm: Array) -> Returned:
    r, z, n, un = np.split(trace.gates[:, t], 4, axis=1)
    x, h = trace.x[:, t], trace.hidden[:, t]
    dn = dh * (1 - z) * (1 - n**2)  # by (8), then (6)
    dr, dz = dn * un * r * (1 - r), dh * (h - n) * z * (1 - z)  # by (6) and (8), then (5)
    ds = np.concatenate([dr, dz, dn], axis=1)
    dv = np.concatenate([dr, dz, dn * r], axis=1)  # of U h + c: the candidate's part passes the reset gate
    return Weights(ds.T @ x, dv.T @ h, ds.sum(0), dv.sum(0)), ds @ p.w, dv @ p.u + dh * z, dm


def _gru_before(p: Weights, x: Array, h: Array, m: Array) -> Taken:
    size = h.shape[1]
    ahead = x @ p.w.T + p.b + p.c
    rz = _sigmoid(ahead[:, : 2 * size] + h @ p.u[: 2 * size].T)  # (5)
    r, z = np.split(rz, 2, axis=1)
    n = np.tanh(ahead[:, 2 * size :] + (r * h) @ p.u[2 * size :].T)  # (7)
    return (1 - z) * n + z * h, m, np.concatenate([r, z, n], axis=1)  # (8)


def _gru_before_back(p: Weights, trace: Trace, t: int, dh: Array, dm: Array) -> Returned:
    r, z, n = np.split(trace.gates[:, t], 3, axis=1)
    x, h, two = trace.x[:, t], trace.hidden[:, t], 2 * r.shape[1]
    dn = dh * (1 - z) * (1 - n**2)  # by (8), then (7)
    reset = dn @ p.u[two:]  # d(r h_{t-1})
    drz = np.concatenate([reset * h * r * (1 - r), dh * (h - n) * z * (1 - z)], axis=1)  # by (7) and (8), then (5)
    ds = np.concatenate([drz, dn], axis=1)
    du = np.concatenate([drz.T @ h, dn.T @ (r * h)])
    before = dh * z + drz @ p.u[:two] + reset * r
    return Weights(ds.T @ x, du, ds.sum(0), ds.sum(0)), ds @ p.w, before, dm


Forth = Callable[[Weights, Array, Array, Array], Taken]
Back = Callable[[Weights, Trace, int, Array, Array], Returned]

EQUATIONS: dict[str, tuple[Forth, Back]] = {
    "rnn": (_rnn, _rnn_back),
    "lstm": (_lstm, _lstm_back),
    "gru-after": (_gru_after, _gru_after_back),
    "gru-before": (_gru_before, _gru_before_back),
}
"""One step forth and back, by kind."""


def _equations(kind: str) -> tuple[Forth, Back]:
    if kind not in EQUATIONS:
        raise SettingsError(f"kind={kind!r}{did_you_mean(kind, tuple(EQUATIONS))}")
    return EQUATIONS[kind]
