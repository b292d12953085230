"""Asking: parameters of a network's head at origins, from windows or from streams, without a Trainer."""

from __future__ import annotations

import numpy as np
import torch

from forecast.data.panel import Origins, Panel
from forecast.nets.network import Network
from forecast.training.onepass import forecast_once
from forecast.training.rest import Rest
from forecast.training.running import recursive, run_from_windows
from forecast.windows.feeds import Feed, Streamed
from forecast.windows.gather import Rows, gather, index_of
from forecast.windows.window import Window

BATCH = 1024


def parameters_at(
    network: Network, feed: Feed, rows: Rows, panel: Panel, origins: Origins, window: Window, rest: Rest | None
) -> np.ndarray:
    """Parameters of the head [origin, step, target, width] in scaled units, as many steps ahead as the window says.

    Args:
        feed: how the network reads.
        rows: the panel, scaled, on the device of the network.
        rest: where the fit of a stream ended; None reads from the first row.
    """
    if isinstance(feed, Streamed):
        return forecast_once(network, rows, panel, origins, rest, window.horizon)
    if recursive(network):
        return run_from_windows(network, rows, panel, origins, window)
    return windows_at(network, rows, panel, origins, window)


def windows_at(network: Network, rows: Rows, panel: Panel, origins: Origins, window: Window) -> np.ndarray:
    """Parameters of the head [origin, step, target, width] in scaled units, from a window before each origin."""
    if not len(origins):
        return np.zeros((0, window.horizon, rows.layout.targets, network.head.width))
    index = index_of(panel, origins).to(rows.values.device)
    training, values = network.training, []
    network.eval()
    with torch.inference_mode():
        for part in torch.split(index, BATCH):
            cut = gather(rows, part, window.context, window.horizon, targets=False)
            values.append(network(cut.past, cut.future, cut.static, cut.past_seen).cpu())
    network.train(training)
    return torch.cat(values).double().numpy()
