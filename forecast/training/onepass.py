"""One pass: every series is read once, and forecasts are asked at any number of its origins on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from forecast.data.panel import Origins, Panel
from forecast.nets.memory import Memory, Stand, joined, renewed
from forecast.nets.network import Network
from forecast.nets.recursive import free_run, says, starts_on_stream
from forecast.nets.renewal import read_on
from forecast.training.rest import Rest, fingerprint, weights_of
from forecast.training.running import keys_at, recursive
from forecast.windows.gather import Rows, before_rows

LANES, PIECE = 64, 256
ANSWERS = 8192


class End(NamedTuple):
    """Series that were read to their last row.

    Args:
        series: int64 [lane], index in the panel.
        memory: what they carry on, lane by lane.
        stand: what their forecast stands on.
    """

    series: np.ndarray
    memory: Memory
    stand: Stand


def forecast_once(
    network: Network,
    rows: Rows,
    panel: Panel,
    origins: Origins,
    rest: Rest | None = None,
    horizon: int | None = None,
) -> np.ndarray:
    """Parameters of the head (or paths) [origin, step, target, width] in scaled units, in the order of `origins`.

    Each series is read once, up to the last origin that is asked: rows after an origin never enter.

    Args:
        rows: the scaled panel, on the device of the network.
        rest: what an earlier pass left; series that begin with the same rows go on from there.
        horizon: of a recursive network; None takes the one it was trained for.
    """
    steps = horizon or network.sizes.horizon
    width = says(network.architecture.decoder, network.head).width
    out = np.zeros((len(origins), steps, network.sizes.targets, width))
    training = network.training
    network.eval()
    tour = _tour(network, rows, panel, origins, rest)
    asked = np.flatnonzero(tour.last)
    asked = asked[np.argsort((tour.last - tour.start)[asked], kind="stable")]
    with torch.inference_mode():
        for group in np.split(asked, range(LANES, len(asked), LANES)) if len(asked) else []:
            for place, values in _read_group(network, rows, panel, origins, group, tour, steps):
                out[place] = values
    network.train(training)
    return out


class _Tour(NamedTuple):
    """From which row to which each series is read; int64 [series], 0 rows where nothing is asked."""

    start: np.ndarray
    last: np.ndarray
    lane: np.ndarray
    rest: Rest | None


def _tour(network: Network, rows: Rows, panel: Panel, origins: Origins, rest: Rest | None) -> _Tour:
    last = np.zeros(len(panel.series), dtype=np.int64)
    np.maximum.at(last, origins.series, origins.step)
    lane = (
        np.full(len(panel.series), -1, dtype=np.int64) if rest is None else rest.lane_of(network, rows, panel, origins)
    )
    start = np.zeros_like(last) if rest is None else np.where(lane >= 0, rest.steps[lane], 0)
    return _Tour(start, last, lane, rest)


def rest_of(network: Network, rows: Rows, panel: Panel) -> Rest:
    """Read every series but its last row, at which the first origin of a backtest stands."""
    steps = np.maximum(panel.ends() - 1, 0)
    training = network.training
    network.eval()
    ends = list(read_to_ends(network, rows, panel, steps))
    network.train(training)
    series = np.concatenate([end.series for end in ends])
    names = {panel.series[i]: lane for lane, i in enumerate(series)}
    prints = tuple(fingerprint(rows, panel, i, steps[i]) for i in series)
    return Rest(names, steps[series], prints, joined([end.memory for end in ends]), weights_of(network))


def read_to_ends(network: Network, rows: Rows, panel: Panel, steps: np.ndarray) -> Iterator[End]:
    """What is carried after the last row that is read of every series, in groups of series that end together.

    Args:
        network: in evaluation mode.
        rows: the scaled panel, on the device of the network.
        steps: int64 [series], rows to read of each; series with none are left out.
    """
    asked = np.flatnonzero(steps)
    asked = asked[np.argsort(steps[asked], kind="stable")]
    with torch.inference_mode():
        for group in np.split(asked, range(LANES, len(asked), LANES)) if len(asked) else []:
            yield from _read_to_ends(network, rows, panel, group, steps[group])


def _read_to_ends(network: Network, rows: Rows, panel: Panel, group: np.ndarray, steps: np.ndarray) -> Iterator[End]:
    """Lanes in the order of their ends: those that have reached it are handed out, the others read on."""
    memory, first = _begin(network, rows, panel, group), 0
    while len(group):
        place = _place(rows, panel, group, first, int(min(PIECE, steps[0] - first)))
        reading, memory = _read(network, rows, place, group, memory)
        first += place.shape[1]
        done = int(np.searchsorted(steps, first, side="right"))
        if done:
            lane = torch.arange(done, device=rows.values.device)
            stand = reading.at(lane, torch.full_like(lane, place.shape[1] - 1))
            yield End(group[:done], memory.lanes(slice(0, done)), stand)
            memory, group, steps = memory.lanes(slice(done, None)), group[done:], steps[done:]


def _read_group(
    network: Network, rows: Rows, panel: Panel, origins: Origins, group: np.ndarray, tour: _Tour, steps: int
):
    """Pairs of places in `origins` and their values, piece after piece."""
    lane = np.full(len(panel.series), -1, dtype=np.int64)
    lane[group] = np.arange(len(group))
    mine = np.flatnonzero(lane[origins.series] >= 0)
    step = origins.step[mine] - tour.start[origins.series[mine]]
    order = np.argsort(step, kind="stable")
    mine, step = mine[order], step[order]
    memory, length = _enter(network, rows, panel, group, tour), int(step[-1])
    for first in range(0, length, PIECE):
        place = _place(rows, panel, group, first + tour.start[group][:, None], min(PIECE, length - first))
        low, high = np.searchsorted(step, [first + 1, first + place.shape[1] + 1])
        if recursive(network):
            which = mine[low:high]
            where = (lane[origins.series[which]], step[low:high] - 1 - first)
            paths, memory = _run(network, rows, panel, origins[which], (place, group, memory), where, steps)
            yield which, paths
            continue
        reading, memory = _read(network, rows, place, group, memory)
        for some in np.split(np.arange(low, high), range(ANSWERS, high - low, ANSWERS)):
            if len(some):
                which = mine[some]
                stand = reading.at(_tensor(lane[origins.series[which]], rows), _tensor(step[some] - 1 - first, rows))
                yield which, _values(network, rows, panel, origins[which], stand)


def _enter(network: Network, rows: Rows, panel: Panel, group: np.ndarray, tour: _Tour) -> Memory:
    """What the lanes of a group carry where their reading starts."""
    begun, lane = _begin(network, rows, panel, group), tour.lane[group]
    if tour.rest is None or (lane < 0).all():
        return begun
    kept = tour.rest.memory.take(_tensor(np.maximum(lane, 0), rows))
    return kept if (lane >= 0).all() else renewed(kept, begun, _tensor(lane < 0, rows))


def _begin(network: Network, rows: Rows, panel: Panel, series: np.ndarray) -> Memory:
    begin = _tensor(panel.offsets[series], rows)
    return network.begin(*before_rows(rows, begin, begin, network.sizes.context))


def _place(rows: Rows, panel: Panel, series: np.ndarray, first: int | np.ndarray, steps: int) -> Tensor:
    """Rows of the panel [lane, time] from a row of each series on; beyond its end its last one again, nobody asks.

    Args:
        first: a row of every series, or int64 [lane, 1].
    """
    place = panel.offsets[series][:, None] + first + np.arange(steps)
    return _tensor(np.minimum(place, panel.offsets[series + 1][:, None] - 1), rows)


def _read(network: Network, rows: Rows, place: Tensor, series: np.ndarray, memory: Memory):
    seen = None if rows.seen is None else rows.seen[place]
    return read_on(network, rows.values[place], rows.static[_tensor(series, rows)], memory, seen)


def _values(network: Network, rows: Rows, panel: Panel, origins: Origins, stand: Stand) -> np.ndarray:
    return network.answer(stand, _future(rows, panel, origins, network.sizes.horizon)).cpu().double().numpy()


def _run(
    network: Network,
    rows: Rows,
    panel: Panel,
    origins: Origins,
    piece: tuple[Tensor, np.ndarray, Memory],
    where: tuple[np.ndarray, np.ndarray],
    steps: int,
) -> tuple[np.ndarray, Memory]:
    """Read a piece and run from the origins in it: paths [origin, step, target, path], and what is carried on.

    Args:
        piece: rows of the panel [lane, time], the series of each lane and what it carries.
        where: lane, and step of the piece, of each origin.
    """
    (place, series, memory), (lane, step) = piece, where
    asked = torch.zeros(place.shape, dtype=torch.bool, device=place.device)
    asked[_tensor(lane, rows), _tensor(step, rows)] = True
    seen = None if rows.seen is None else rows.seen[place]
    static = rows.static[_tensor(series, rows)]
    start, memory = starts_on_stream(network, rows.values[place], static, memory, seen, asked)
    if start is None:
        return np.zeros((0, steps, network.sizes.targets, 1)), memory
    _, here = np.unique(lane * place.shape[1] + step, return_inverse=True)
    future, keys = _future(rows, panel, origins, steps), keys_at(network, panel, origins)
    return free_run(network, start.take(_tensor(here, rows)), future, keys).cpu().double().numpy(), memory


def _future(rows: Rows, panel: Panel, origins: Origins, horizon: int) -> Tensor:
    """What is known ahead of origins, [origin, horizon, channel]."""
    layout = rows.layout
    if not layout.future:
        return rows.values.new_zeros(len(origins), horizon, 0)
    ahead = (panel.offsets[origins.series] + origins.step)[:, None] + np.arange(horizon)
    return rows.values[_tensor(ahead, rows)][..., layout.channels - layout.future :]


def _tensor(integers: np.ndarray, rows: Rows) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(integers)).to(rows.values.device)
