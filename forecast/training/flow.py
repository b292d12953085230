"""Gradient flow: what reaches the states of a network, lag by lag, from the loss of its forecasts.

Exact, in float64: the cell is run step by step and its states are kept in the graph. Origins are lanes that never see
each other, so one backward pass gives the gradients of each origin's own loss.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from forecast.data.panel import Origins, Panel
from forecast.nets.cells import Cell
from forecast.nets.gates import gates_of
from forecast.nets.memory import Memory, joined
from forecast.nets.network import Network
from forecast.nets.renewal import read_on
from forecast.nets.spectra import Spectrum, recurrent_matrices, spectrum, step_jacobian
from forecast.nets.unrolled import Trace, Unrolled, part_names
from forecast.windows.gather import Batch, Rows, before_rows, gather, index_of

CELLS_AT_ONCE = 8192
"""Origins times steps whose graph is held at once."""
PIECE = 256
OUTPUT = "output"
"""Name of what a cell says, where that is no part of its state."""
JACOBIANS = 8
"""Lanes at whose newest step the whole Jacobian is formed."""
JACOBIAN = "Jacobian of the newest step"
CLOSED, OPEN = 0.1, 0.9
"""A gate beyond these is saturated (Karpathy, Johnson & Fei-Fei 2015, Visualizing and Understanding Recurrent Nets)."""


class Flow(NamedTuple):
    """What was measured.

    Args:
        parts: names of the parts of the state.
        norms: float64 [part, lag, origin], norm of the gradient of an origin's loss by that part of the state.
        parameters: name, size, norm of the gradient of the mean loss, norm of the weights.
        gates: name, layer, mean opening, share closed, share open.
        spectra: of recurrent matrices, and of the Jacobian of a step (medians over some lanes).
    """

    parts: tuple[str, ...]
    norms: np.ndarray
    parameters: list[tuple[str, int, float, float]]
    gates: list[tuple[str, int, float, float, float]]
    spectra: list[Spectrum]


class Question(NamedTuple):
    """What is asked of a network.

    Args:
        rows: the scaled panel, in float64.
        panel: that panel.
        context: rows of a window.
        horizon: steps that are judged.
        stream: None for windows; for a stream the newest rows to go back over, its state before them is carried.
    """

    rows: Rows
    panel: Panel
    context: int
    horizon: int
    stream: int | None


def flow_of(network: Network, question: Question, origins: Origins) -> Flow:
    """Measure a network at origins; the network itself is left alone."""
    network = copy.deepcopy(network).double().cpu().eval().requires_grad_(True)
    cell, weights = network.cell, dict(network.named_parameters())
    norms, openings, newest = [], {}, []
    total = [torch.zeros_like(weight) for weight in weights.values()]
    size = max(1, CELLS_AT_ONCE // (question.stream or question.context))
    for first in range(0, len(origins), size):
        some = origins[slice(first, first + size)]
        losses, there, trace = _read(network, question, some)
        traced = _traced(trace)
        slopes = torch.autograd.grad(losses.sum(), [*traced, *weights.values()], allow_unused=True)
        norms.append(_norms(trace, slopes[: len(traced)], len(some))[..., there])
        total = [old if new is None else old + new for old, new in zip(total, slopes[len(traced) :], strict=True)]
        _count(openings, cell, trace)
        newest.append((trace.inputs[-1].detach(), *(part.detach() for part in trace.states[-2])))
    together = np.concatenate(norms, axis=2)
    mean = [float(slope.norm()) / max(together.shape[2], 1) for slope in total]
    parameters = [(n, w.numel(), g, float(w.detach().norm())) for (n, w), g in zip(weights.items(), mean, strict=True)]
    spectra = [spectrum(name, matrix) for name, matrix in recurrent_matrices(cell)]
    names = part_names(cell)
    names = names if len(together) == len(names) else (*names, OUTPUT)
    spectra.append(spectrum(JACOBIAN, _newest_jacobian(cell, newest)))
    return Flow(names, together, parameters, _openings(openings), spectra)


def _read(network: Network, question: Question, origins: Origins) -> tuple[Tensor, np.ndarray, Trace]:
    """Each origin's own loss, which origins have an observed cell to be judged by, and what the cell went through."""
    cell, memory = network.cell, None
    if question.stream is not None:
        memory = memories(network, question.rows, question.panel, origins, question.stream)
    network.cell = unrolled = Unrolled(cell)
    said, batch = _said(network, question, origins, memory)
    network.cell = cell
    assert unrolled.trace is not None  # every network reads with its cell
    return *_losses(network, said, batch), unrolled.trace


def _newest_jacobian(cell: Cell, newest: list[tuple[Tensor, ...]]) -> Tensor:
    """The whole Jacobian of the newest step at some lanes, evenly among all.

    Args:
        newest: for each group of origins what was read last, [lane, input], and the state before it.
    """
    inputs, *before = zip(*newest, strict=True)
    x, state = torch.cat(inputs), tuple(torch.cat(part, dim=1) for part in before)
    lanes = torch.from_numpy(np.unique(np.linspace(0, len(x) - 1, JACOBIANS).round().astype(np.int64)))
    return step_jacobian(cell, x[lanes], tuple(part[:, lanes] for part in state))


def _said(network: Network, question: Question, origins: Origins, memory: Memory | None) -> tuple[Tensor, Batch]:
    """Parameters at origins, and what they are judged by."""
    index, rows = index_of(question.panel, origins), question.rows
    if memory is None or question.stream is None:
        batch = gather(rows, index, question.context, question.horizon)
        return network(batch.past, batch.future, batch.static, batch.past_seen), batch
    place = index[:, :1] - question.stream + torch.arange(question.stream)
    seen = None if rows.seen is None else rows.seen[place]
    reading, _ = network.read(rows.values[place], rows.static[index[:, 1]], memory, seen)
    lane, batch = torch.arange(len(index)), gather(rows, index, 1, question.horizon)
    return network.answer(reading.at(lane, torch.full_like(lane, question.stream - 1)), batch.future), batch


@torch.no_grad()
def memories(network: Network, rows: Rows, panel: Panel, origins: Origins, back: int) -> Memory:
    """What a stream carries `back` rows before each origin, every series read from its first row."""
    parts, places = [], []
    for series in np.unique(origins.series):
        mine = np.flatnonzero(origins.series == series)
        stops, which = np.unique(origins.step[mine] - back, return_inverse=True)
        kept = _on_the_way(network, rows, int(panel.offsets[series]), int(series), stops.tolist())
        parts.append(joined(kept).take(torch.from_numpy(which)))
        places.append(mine)
    return joined(parts).take(torch.from_numpy(np.argsort(np.concatenate(places))))


def _on_the_way(network: Network, rows: Rows, begin: int, series: int, stops: list[int]) -> list[Memory]:
    """What is carried along one series after so many rows of it each, in order."""
    start = torch.tensor([begin])
    memory = network.begin(*before_rows(rows, start, start, network.sizes.context))
    first, kept = 0, []
    for stop in stops:
        while first < stop:
            last = min(first + PIECE, stop)
            here = slice(begin + first, begin + last)
            seen = None if rows.seen is None else rows.seen[None, here]
            _, memory = read_on(network, rows.values[None, here], rows.static[[series]], memory, seen)
            first = last
        kept.append(memory)
    return kept


def _losses(network: Network, said: Tensor, batch: Batch) -> tuple[Tensor, np.ndarray]:
    """Each origin's own loss, and which origins have an observed cell to be judged by."""
    steps = said.shape[1]  # of a recursive network: the next one
    target, seen = batch.target[:, :steps], None if batch.target_seen is None else batch.target_seen[:, :steps]
    each = [slice(i, i + 1) for i in range(len(said))]
    losses = [network.head.loss(said[i], target[i], None if seen is None else seen[i], batch.last[i]) for i in each]
    there = torch.ones(len(said), dtype=torch.bool) if seen is None else seen.flatten(1).any(dim=1)
    return torch.stack(losses) * there, there.numpy()


def _traced(trace: Trace) -> list[Tensor]:
    return [*(part for state in trace.states[1:] for part in state), *trace.outputs]


def _norms(trace: Trace, slopes: tuple[Tensor | None, ...], origins: int) -> np.ndarray:
    """Norms [part, lag, origin], over layers, lanes of the origin and units."""
    parts, steps = len(trace.states[0]), trace.steps
    columns = [slopes[place : parts * steps : parts] for place in range(parts)]
    if trace.outputs:
        columns.append(slopes[parts * steps :])
    out = np.zeros((len(columns), steps, origins))
    for part, column in enumerate(columns):
        for lag, slope in enumerate(reversed(column)):
            if slope is not None:
                # A state is [layer, lane, unit], an output [lane, unit]; an origin is one lane or several.
                lanes = slope if slope.ndim == 3 else slope[None]
                out[part, lag] = lanes.unflatten(1, (origins, -1)).square().sum(dim=(0, 2, 3)).sqrt().numpy()
    return out


@torch.no_grad()
def _count(openings: dict[tuple[str, int], np.ndarray], cell: Cell, trace: Trace) -> None:
    """Add a trace's gates: number of cells, sum of openings, how many closed, how many open."""
    for x, before, after in zip(trace.inputs, trace.states[:-1], trace.states[1:], strict=True):
        for name, gate in gates_of(cell, x, before, after).items():
            for layer, values in enumerate(gate):
                counts = [values.numel(), values.sum(), (values < CLOSED).sum(), (values > OPEN).sum()]
                here = np.array([float(count) for count in counts])
                openings[name, layer] = openings.get((name, layer), np.zeros(4)) + here


def _openings(openings: dict[tuple[str, int], np.ndarray]) -> list[tuple[str, int, float, float, float]]:
    return [(name, layer, *(sums[1:] / sums[0]).tolist()) for (name, layer), sums in openings.items()]
