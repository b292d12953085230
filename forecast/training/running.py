"""Recursive networks in batches: what they are taught by, and how they run from origins."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor

from forecast.data.panel import Origins, Panel
from forecast.nets.decoders import Recursive
from forecast.nets.memory import Memory
from forecast.nets.network import Network
from forecast.nets.recursive import VALIDATED, free_run, start_of_windows, starts_on_stream, unrolled
from forecast.windows.gather import Batch, Chunk, Rows, gather, index_of
from forecast.windows.window import Window

WINDOWS = 1024
"""Windows read side by side before they run."""


def recursive(network: Network) -> bool:
    """Whether a network says one step at a time."""
    return isinstance(network.architecture.decoder, Recursive)


def keys_of(network: Network, names: list[str], steps: list[int]) -> list[int]:
    """A number for each origin, by the decoder's seed and nothing else than the origin.

    Args:
        names: of the series.
        steps: rows that are known.
    """
    decoder = network.architecture.decoder
    assert isinstance(decoder, Recursive)
    texts = (f"{decoder.seed}/{step}/{name}" for name, step in zip(names, steps, strict=True))
    return [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()) for text in texts]


def keys_at(network: Network, panel: Panel, origins: Origins) -> list[int]:
    """`keys_of` the origins of a panel."""
    return keys_of(network, [panel.series[i] for i in origins.series], origins.step.tolist())


def taught(network: Network, batch: Batch) -> Tensor:
    """Parameters that windows are trained by: of the next step, or along the horizon."""
    decoder = network.architecture.decoder
    if not isinstance(decoder, Recursive) or decoder.forcing is None:
        return network(batch.past, batch.future, batch.static, batch.past_seen)
    start = start_of_windows(network, batch.past, batch.static, batch.past_seen)
    return unrolled(network, start, batch.future, batch.target, batch.target_seen, decoder.forcing)


def run_windows(network: Network, batch: Batch, keys: list[int] | None = None, judged: bool = False) -> Tensor:
    """Paths [origin, step, target, path] from the ends of windows.

    Args:
        judged: draw as many paths as a score needs, no more.
    """
    start = start_of_windows(network, batch.past, batch.static, batch.past_seen)
    return free_run(network, start, batch.future, keys, VALIDATED if judged else None)


def run_chunk(network: Network, chunk: Chunk, memory: Memory, judged: bool = False) -> tuple[Tensor, Memory]:
    """Paths from the asked rows of a turn, lane after lane, and what the lanes carry on."""
    asked = chunk.turn.asked
    start, memory = starts_on_stream(network, chunk.past, chunk.static, memory, chunk.past_seen, asked)
    future = chunk.future[asked.flatten()]
    if start is None:
        return future.new_zeros(0, future.shape[1], network.sizes.targets, 1), memory
    return free_run(network, start, future, None, VALIDATED if judged else None), memory


def run_from_windows(network: Network, rows: Rows, panel: Panel, origins: Origins, window: Window) -> np.ndarray:
    """Paths [origin, step, target, path] in scaled units at origins of a panel, along the horizon of `window`."""
    index, said, training = index_of(panel, origins).to(rows.values.device), [], network.training
    network.eval()
    with torch.inference_mode():
        for some in torch.arange(len(index), device=index.device).split(WINDOWS) if len(index) else ():
            batch = gather(rows, index[some], window.context, window.horizon, targets=False)
            said.append(run_windows(network, batch, keys_at(network, panel, origins[some.cpu().numpy()])).cpu())
    network.train(training)
    if not said:
        return np.zeros((0, window.horizon, rows.layout.targets, 1))
    return torch.cat(said).double().numpy()
