"""Answers: what a live forecaster says of some series, in their units."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from forecast.data.almanac import computed
from forecast.data.schema import Schema
from forecast.forecasters.live.running import paths_of
from forecast.forecasters.saying import Said, said
from forecast.nets.heads import Point
from forecast.training.running import recursive

if TYPE_CHECKING:
    from forecast.forecasters.live.forecaster import Live

STAMP = np.dtype("M8[us]")


def said_of(live: Live, chosen: list[int], known: np.ndarray, times: np.ndarray) -> Said:
    """What the model says of some series, with intervals where it is calibrated.

    Args:
        chosen: their places.
        known: float64 [series, horizon, future covariate], in their own units.
        times: datetime64[us] [series, horizon], of the rows ahead.
    """
    plain = _plain(live, chosen, known, times)
    return plain if live.around is None else live.around.calibrated(plain, [live.names[place] for place in chosen])


def _plain(live: Live, chosen: list[int], known: np.ndarray, times: np.ndarray) -> Said:
    head, carried = live.model.says, live.carried
    runs = recursive(carried.network)
    if (
        not runs and type(head) is Point and live.scale.power is None
    ):  # an affine map is all there is, and it is quicker
        return Said(_answered(live, chosen, known, times, outward=True), (), None)
    if runs:
        parameters = paths_of(carried, chosen, [live.names[place] for place in chosen], known, times)
    else:
        parameters = np.asarray(_answered(live, chosen, known, times, outward=False), dtype=np.float64)
    tracks = [carried.tracks[place] for place in chosen]
    center, width = (np.array([getattr(track, name) for track in tracks]) for name in ("center", "width"))
    power = None if live.scale.power is None else np.array([track.power for track in tracks])
    scale = replace(live.scale, center=center, spread=width, power=power)
    last = np.array([track.newest for track in tracks], dtype=np.float64)
    noise = live.model.noise_along(parameters.shape[1])
    return said(head, parameters, last, scale, np.arange(len(chosen)), noise)


def _answered(live: Live, chosen: list[int], known: np.ndarray, times: np.ndarray, outward: bool) -> np.ndarray:
    """`Carried.answer`, and that of adapted weights where those speak."""
    values = live.carried.answer(chosen, known, times, outward)
    return values if live.learner is None else live.learner.spoken(values, chosen, outward)


def dates_of(live: Live, chosen: list[int], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Times of the last rows [series] and of the rows ahead [series, step], datetime64[us]."""
    stamps = np.array([live.carried.tracks[place].time for place in chosen], dtype=np.int64)
    if live.calendar.kind in ("step", "unknown"):  # plain integers are quicker
        return stamps.view(STAMP), (stamps[:, None] + live.calendar.step * np.arange(1, steps + 1)).view(STAMP)
    return stamps.view(STAMP), live.calendar.after(stamps.view(STAMP), steps)


def with_computed(known: np.ndarray, ahead: np.ndarray, schema: Schema) -> np.ndarray:
    """Known-ahead values [series, horizon, covariate] with those that are computed from the dates behind them."""
    flags = computed(ahead.ravel(), schema)
    return np.concatenate([known, flags.reshape(*ahead.shape, -1)], axis=2)
