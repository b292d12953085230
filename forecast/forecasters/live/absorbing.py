"""Absorbing: what a live forecaster does with rows that were admitted; young series keep theirs for later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from forecast.forecasters.live.admission import in_words, named
from forecast.forecasters.live.cold import Cold
from forecast.forecasters.live.rows import Arrival

if TYPE_CHECKING:
    from forecast.forecasters.live.forecaster import Live


def absorb(live: Live, turn: Sequence[Arrival]) -> list[str]:
    """Read one row of each of some series; says whose state was renewed and who is not cold any more."""
    said, places, times, values = [], [], [], []
    for arrival in turn:
        place = live.place.get(arrival.series)
        if place is None:
            place = _add(live, arrival)
        if place in live.cold:
            said += _keep(live, place, arrival)
        else:
            places.append(place)
            times.append(arrival.time)
            values.append(arrival.values)
    if places:
        said += _take(live, places, times, values)
    return said


def _take(live: Live, places: list[int], times: list[int], values: list[list[float]]) -> list[str]:
    """Read rows of some series, all different; whoever learns reads them too."""
    if live.learner is None:
        news = live.carried.take(places, times, values)
        return in_words(news, live.names, live.schema.channels) if news else []
    news = live.learner.take(places, times, values)
    return in_words(news, live.names, live.schema.channels) + live.learner.told()


def _add(live: Live, arrival: Arrival) -> int:
    """Make room for a series that was not there; one that was there in training has its scale."""
    place, name = len(live.names), arrival.series
    live.names += (name,)
    live.place[name] = place
    live.static.append([arrival.static[column] for column in live.schema.static])
    live.carried.grow()
    if name in live.trained:
        live.set_scale(place, live.scale, live.trained[name])
    else:
        live.cold[place] = Cold()
    return place


def _keep(live: Live, place: int, arrival: Arrival) -> list[str]:
    """Keep a row of a cold series; when its scale can be fixed, read all that was kept."""
    cold, name = live.cold[place], live.names[place]
    cold.add(arrival)
    if cold.waits(live.window.context, live.schema.targets):
        return []
    panel = cold.panel(name, live.schema)
    scale = live.scale.of(panel, live.window.context)
    live.set_scale(place, scale, 0)
    live.around = live.around and live.around.sized(panel, [name])
    del live.cold[place]
    said = [f"{named(name)} has {len(cold.times)} rows now and forecasts"]
    for time, row in zip(cold.times, cold.values, strict=True):
        said += _take(live, [place], [time], [row])
    return said
