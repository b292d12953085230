"""One pass: every series is read once, and forecasts are asked at any number of its origins on the way."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from forecast.data.panel import Origins, Panel
from forecast.nets.memory import Memory, Stand
from forecast.nets.network import Network
from forecast.windows.gather import Rows, before_rows

LANES, PIECE = 64, 256
ANSWERS = 8192


def forecast_once(network: Network, rows: Rows, panel: Panel, origins: Origins) -> np.ndarray:
    """Forecast values [origin, step, target, value] in scaled units, in the order of `origins`.

    Each series is read from its first row to the last origin that is asked, whatever else is asked: rows after an
    origin never enter, and the cost is that of reading the series once.

    Args:
        rows: the scaled panel, on the device of the network.
    """
    width = max(1, len(network.head.levels))
    out = np.zeros((len(origins), network.sizes.horizon, network.sizes.targets, width))
    training = network.training
    network.eval()
    last = np.zeros(len(panel.series), dtype=np.int64)
    np.maximum.at(last, origins.series, origins.step)
    asked = np.flatnonzero(last)
    asked = asked[np.argsort(last[asked], kind="stable")]
    with torch.inference_mode():
        for group in np.split(asked, range(LANES, len(asked), LANES)) if len(asked) else []:
            for place, values in _read_group(network, rows, panel, origins, group, int(last[group[-1]])):
                out[place] = values
    network.train(training)
    return out


def read_to_end(network: Network, rows: Rows, panel: Panel, series: np.ndarray, steps: int) -> Memory:
    """The memory after the first `steps` rows of series that all have as many."""
    with torch.inference_mode():
        memory = _begin(network, rows, panel, series)
        for first in range(0, steps, PIECE):
            place = _place(rows, panel, series, first, min(PIECE, steps - first))
            _, memory = _read(network, rows, place, series, memory)
    return memory


def _read_group(network: Network, rows: Rows, panel: Panel, origins: Origins, group: np.ndarray, length: int):
    """Pairs of places in `origins` and their values, piece after piece."""
    lane = np.full(len(panel.series), -1, dtype=np.int64)
    lane[group] = np.arange(len(group))
    mine = np.flatnonzero(lane[origins.series] >= 0)
    mine = mine[np.argsort(origins.step[mine], kind="stable")]
    memory = _begin(network, rows, panel, group)
    for first in range(0, length, PIECE):
        place = _place(rows, panel, group, first, min(PIECE, length - first))
        reading, memory = _read(network, rows, place, group, memory)
        low, high = np.searchsorted(origins.step[mine], [first + 1, first + place.shape[1] + 1])
        for some in np.split(mine[low:high], range(ANSWERS, high - low, ANSWERS)):
            if len(some):
                step = _tensor(origins.step[some] - 1 - first, rows)
                stand = reading.at(_tensor(lane[origins.series[some]], rows), step)
                yield some, _values(network, rows, panel, origins[some], stand)


def _begin(network: Network, rows: Rows, panel: Panel, series: np.ndarray) -> Memory:
    begin = _tensor(panel.offsets[series], rows)
    return network.begin(*before_rows(rows, begin, begin, network.sizes.context))


def _place(rows: Rows, panel: Panel, series: np.ndarray, first: int, steps: int) -> Tensor:
    """Rows of the panel [lane, time]; a series that has ended repeats the last row of all, and nobody asks there."""
    place = panel.offsets[series][:, None] + first + np.arange(steps)
    return _tensor(np.minimum(place, len(panel.times) - 1), rows)


def _read(network: Network, rows: Rows, place: Tensor, series: np.ndarray, memory: Memory):
    seen = None if rows.seen is None else rows.seen[place]
    return network.read(rows.values[place], rows.static[_tensor(series, rows)], memory, seen)


def _values(network: Network, rows: Rows, panel: Panel, origins: Origins, stand: Stand) -> np.ndarray:
    horizon, layout = network.sizes.horizon, rows.layout
    future = rows.values.new_zeros(len(origins), horizon, 0)
    if layout.future:
        ahead = (panel.offsets[origins.series] + origins.step)[:, None] + np.arange(horizon)
        future = rows.values[_tensor(ahead, rows)][..., layout.channels - layout.future :]
    return network.head.values(network.answer(stand, future)).cpu().double().numpy()


def _tensor(integers: np.ndarray, rows: Rows) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(integers)).to(rows.values.device)
