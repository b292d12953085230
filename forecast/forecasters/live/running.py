"""Running: a live recursive network lives through the horizon from what its series carry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from forecast.forecasters.live.carried import Carried
from forecast.forecasters.live.track import Track
from forecast.nets.memory import Memory, Stand
from forecast.nets.recursive import Start, free_run
from forecast.nets.scaling import Moments
from forecast.training.running import keys_of


def paths_of(
    carried: Carried, chosen: Sequence[int], names: Sequence[str], future: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """Paths [series, step, target, path], in the units of the scale: those that `predict` draws of the same rows.

    Args:
        names: of the chosen series.
        future: float64 [series, horizon, future covariate], in their own units.
        times: datetime64[us] [series, horizon], of the rows ahead.
    """
    tracks = [carried.tracks[place] for place in chosen]
    ahead = torch.from_numpy(carried.ahead_of(tracks, future, times))
    keys = keys_of(carried.network, list(names), [track.rows for track in tracks])
    with torch.inference_mode():
        return free_run(carried.network, _start(tracks), ahead, keys).double().numpy()


def _start(tracks: Sequence[Track]) -> Start:
    parts = zip(*(track.cell for track in tracks), strict=True)
    cell = tuple(torch.from_numpy(np.concatenate(part)).transpose(0, 1).contiguous() for part in parts)
    recent = torch.from_numpy(np.stack([track.window().T for track in tracks]))
    hidden = torch.from_numpy(np.stack([track.hidden for track in tracks]))
    context = torch.from_numpy(np.stack([track.context() for track in tracks]))
    shift, spread = (_numbers([getattr(track, name) for track in tracks]) for name in ("shift", "spread"))
    moments = Moments(*(_numbers([getattr(track, name) for track in tracks]) for name in Moments._fields))
    stand = Stand(hidden, context, shift[:, None], spread[:, None])
    return Start(stand, Memory(cell, recent, moments), _numbers([track.fixed for track in tracks]))


def _numbers(rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float32)
