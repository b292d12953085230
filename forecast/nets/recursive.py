"""Free running: a network that says one step lives through the horizon on values drawn from what it says.

The rows up to the origin are read once. The memory there is fanned out over the paths, and every drawn value is read
back by `Network.read` like a row that had come in: cell, running scale and newest context all move on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from forecast.nets.decoders import Decoder, Recursive
from forecast.nets.heads import Drawn, Head, Point
from forecast.nets.memory import Memory, Stand, joined
from forecast.nets.network import Network
from forecast.nets.renewal import read_on

LANES = 8192
"""Paths that are run side by side: enough to fill a step of the cell, few enough for a processor's cache."""
LIMIT = 1e15
"""A path that leaves what a panel may hold (`forecast.data.scale.LIMIT`) stays at its edge: squares remain finite."""


VALIDATED = 16
"""Paths that judge an epoch: their score is fair, whatever their number."""


def says(decoder: Decoder, head: Head) -> Head:
    """What the numbers of a forecast mean: paths where drawn values are read back, else parameters of the head."""
    return Drawn(head, decoder.paths) if isinstance(decoder, Recursive) and not isinstance(head, Point) else head


class Start(NamedTuple):
    """Origins from which a network runs.

    Args:
        stand: what the first step stands on.
        memory: what is carried there.
        static: [origin, static covariate].
    """

    stand: Stand
    memory: Memory
    static: Tensor

    def take(self, which: Int[Tensor, " some"]) -> Start:
        """Some of the origins, in the order that is asked."""
        return Start(Stand(*(part[which] for part in self.stand)), self.memory.take(which), self.static[which])


def joined_starts(starts: Sequence[Start]) -> Start:
    """The origins of several starts, one after the other."""
    stand = Stand(*(torch.cat(parts) for parts in zip(*(start.stand for start in starts), strict=True)))
    return Start(stand, joined([start.memory for start in starts]), torch.cat([start.static for start in starts]))


def start_of_windows(
    network: Network,
    past: Float[Tensor, "batch context channel"],
    static: Float[Tensor, "batch fixed"],
    seen: Bool[Tensor, "batch context channel"] | None = None,
) -> Start:
    """The ends of windows as origins to run from."""
    stand, memory, _ = network.encode(past, static, seen)
    return Start(stand, memory, static)


def starts_on_stream(
    network: Network,
    past: Float[Tensor, "lane time channel"],
    static: Float[Tensor, "lane fixed"],
    memory: Memory,
    seen: Bool[Tensor, "lane time channel"] | None,
    asked: Bool[Tensor, "lane time"],
) -> tuple[Start | None, Memory]:
    """Read a piece of a stream and keep what is carried at the asked steps, lane after lane; None if none is asked.

    Fused layers give their state after the last step only, so the piece is cut behind every step that somebody asks at.
    """
    kept, places, first = [], [], 0
    steps = asked.any(dim=0).nonzero()[:, 0].add(1).tolist()
    for stop in steps if steps and steps[-1] == past.shape[1] else [*steps, past.shape[1]]:
        here = slice(first, stop)
        reading, memory = read_on(network, past[:, here], static, memory, None if seen is None else seen[:, here])
        lane = asked[:, stop - 1].nonzero()[:, 0]
        if len(lane):
            stand = reading.at(lane, torch.full_like(lane, stop - 1 - first))
            kept.append(Start(stand, memory.take(lane), static[lane]))
            places.append(lane * past.shape[1] + stop)
        first = stop
    if not kept:
        return None, memory
    return joined_starts(kept).take(torch.cat(places).argsort()), memory


def free_run(
    network: Network,
    start: Start,
    future: Float[Tensor, "origin horizon known"],
    keys: Sequence[int] | None = None,
    most: int | None = None,
) -> Float[Tensor, "origin horizon target path"]:
    """Joint paths from origins, in the units of the series; one, its own value, of a `Point` head.

    Args:
        future: what is known ahead; its steps are the horizon.
        keys: a number for each origin, from which its paths are drawn, whoever runs beside it; None draws those of all
            origins together from the decoder's seed (quicker).
        most: paths of each origin, if fewer than the decoder's.
    """
    decoder = network.architecture.decoder
    assert isinstance(decoder, Recursive)
    paths = 1 if isinstance(network.head, Point) else min(decoder.paths, most or decoder.paths)
    device, size, parts = future.device, max(1, LANES // paths), []
    together = [_generator(decoder.seed, device)]
    for first in range(0, len(future), size):
        some = torch.arange(first, min(first + size, len(future)), device=device)
        own = together if keys is None else [_generator(key, device) for key in keys[first : first + size]]
        parts.append(_run(network, start.take(some), future[some], paths, own))
    return torch.cat(parts) if parts else future.new_zeros(0, future.shape[1], network.sizes.targets, paths)


def _common(device: torch.device) -> torch.Generator:
    """The generator that training draws from, whose state a checkpoint holds."""
    return torch.cuda.default_generators[device.index or 0] if device.type == "cuda" else torch.default_generator


def _generator(seed: int, device: torch.device) -> torch.Generator:
    return torch.Generator(device).manual_seed(seed)


def _run(
    network: Network, start: Start, future: Tensor, paths: int, generators: list[torch.Generator]
) -> Float[Tensor, "origin horizon target path"]:
    """Every origin with its own generator, or all with one."""
    origins, horizon, _ = future.shape
    fan = torch.arange(origins, device=future.device).repeat_interleave(paths)
    parameters = network.answer(start.stand, future[:, :1])[fan]
    memory, static, future = start.memory.take(fan), start.static[fan], future[fan]
    said = []
    for step in range(horizon):
        value = drawn(network, parameters, memory.recent[:, -1:], generators)
        said.append(value)
        if step + 1 < horizon:
            parameters, memory = _step(network, value, None, future[:, step : step + 2], static, memory)
    return torch.cat(said, dim=1).unflatten(0, (origins, paths)).movedim(1, 3)


def _step(
    network: Network, value: Tensor, seen: Tensor | None, future: Tensor, static: Tensor, memory: Memory
) -> tuple[Tensor, Memory]:
    """Read a row [lane, 1, target], and say the next one.

    Args:
        seen: bool, which cells of the row were observed; None: all.
        future: [lane, 2, known], what is known of this row and of the next.
    """
    row = torch.cat([value, future[:, :1]], dim=2)
    if seen is not None:
        seen = torch.cat([seen, torch.ones_like(future[:, :1], dtype=torch.bool)], dim=2)
    reading, memory = network.read(row, static, memory, seen)
    return network.answer(reading.everywhere(), future[:, 1:]), memory


def drawn(
    network: Network,
    parameters: Float[Tensor, "lane 1 target width"],
    last: Float[Tensor, "lane 1 target"],
    generators: Sequence[torch.Generator],
) -> Float[Tensor, "lane 1 target"]:
    """A value for every lane: the head's own, or drawn; lanes are shared out evenly over the generators."""
    if isinstance(network.head, Point):
        return parameters[..., 0].clamp(-LIMIT, LIMIT)
    size = len(parameters) // len(generators)
    parts = [
        network.head.sample(some, before, generator)
        for some, before, generator in zip(parameters.split(size), last.split(size), generators, strict=True)
    ]
    return torch.cat(parts).clamp(-LIMIT, LIMIT)


def unrolled(
    network: Network,
    start: Start,
    future: Float[Tensor, "origin horizon known"],
    target: Float[Tensor, "origin horizon target"],
    seen: Bool[Tensor, "origin horizon target"] | None,
    forcing: float,
) -> Float[Tensor, "origin horizon target width"]:
    """Parameters of the head along the horizon, for training: each step stands on the truth, or on what was drawn.

    Args:
        target: the truth, missing cells carried forward.
        seen: which of its cells were observed; None: all.
        forcing: the probability of the truth, drawn for each origin and step.
    """
    parameters, memory = network.answer(start.stand, future[:, :1]), start.memory
    said, horizon = [parameters], target.shape[1]
    for step in range(horizon - 1):
        value, mask = target[:, step : step + 1], None if seen is None else seen[:, step : step + 1]
        if forcing < 1:
            forced = torch.rand(len(target), 1, 1, device=target.device) < forcing
            own = drawn(network, parameters, memory.recent[:, -1:], [_common(target.device)])
            value, mask = torch.where(forced, value, own), None if mask is None else mask | ~forced
        parameters, memory = _step(network, value, mask, future[:, step : step + 2], start.static, memory)
        said.append(parameters)
    return torch.cat(said, dim=1)
