"""Waiting: which live series forecast already, and what the others wait for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from forecast.errors import DataError
from forecast.forecasters.live.admission import named, wanted
from forecast.forecasters.live.cold import untaken

if TYPE_CHECKING:
    from forecast.forecasters.live.forecaster import Live

SHOWN = 20


def is_ready(live: Live, place: int) -> bool:
    """Whether a series has rows enough to forecast."""
    track = live.carried.tracks[place]
    return track.rows >= live.window.context and not untaken(live.scale, track.last, live.schema.targets)


def waits(live: Live, place: int) -> str:
    """What a series that does not forecast yet is waiting for."""
    rows, context = live.carried.tracks[place].rows, live.window.context
    few = f"has few rows so far: it forecasts after {context} rows ({rows} so far)"
    if rows >= context:
        few = untaken(live.scale, live.carried.tracks[place].last, live.schema.targets)
    cold = live.cold[place].waits(context, live.schema.targets) if place in live.cold else few
    return f"{named(live.names[place])} {cold}"


def chosen_of(live: Live, series: str | Iterable[str] | None) -> list[int]:
    """Places of the series to forecast.

    Raises:
        DataError: a series that is not ready or not known, or none that is ready.
    """
    if series is None:
        chosen = [place for place in range(len(live.names)) if is_ready(live, place)]
        if not chosen:
            waiting = [waits(live, place) for place in range(len(live.names))][:SHOWN]
            raise DataError("forecast", ["no series is ready yet", *waiting])
        return chosen
    chosen = [live.place[name] for name in wanted(series, live.place)]
    problems = [waits(live, place) for place in chosen if not is_ready(live, place)]
    if problems or not chosen:
        raise DataError("forecast", problems[:SHOWN] or ["no series was named"])
    return chosen
