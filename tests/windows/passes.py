"""Panels, windows and paces to draw from, and what a stream's turns amount to lane by lane."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from forecast.data.panel import Panel
from forecast.windows.loading import Share
from forecast.windows.stream import Pace, Stream
from forecast.windows.window import Window


class Reading(NamedTuple):
    """A stretch that a lane read between two fresh flags."""

    series: int
    begin: int
    rows: list[int]
    asked: list[int]
    turns: int


def panel_of(lengths: list[int], targets: int = 1, missing: float = 0.0, seed: int = 0) -> Panel:
    random = np.random.default_rng(seed)
    values = random.normal(size=(sum(lengths), targets))
    values[random.random(values.shape) < missing] = np.nan
    days = np.concatenate([np.arange(n) for n in lengths]) + np.datetime64("2024-01-01", "D")
    return Panel.from_arrays(values, days, lengths)


@st.composite
def panels(draw) -> Panel:
    lengths = draw(st.lists(st.integers(0, 60), min_size=1, max_size=6).filter(any))
    missing = draw(st.sampled_from([0.0, 0.1, 0.7]))
    return panel_of(lengths, draw(st.integers(1, 2)), missing, draw(st.integers(0, 99)))


windows = st.builds(Window, context=st.integers(1, 9), horizon=st.integers(1, 4), stride=st.integers(1, 4))
paces = st.builds(Pace, lanes=st.integers(1, 7), chunk=st.integers(1, 9), burn_in=st.integers(0, 14))
worlds, seeds, epochs = st.integers(1, 3), st.none() | st.integers(0, 9), st.integers(0, 3)


def streams(panel: Panel, window: Window, pace: Pace, world: int, seed: int | None) -> list[Stream]:
    """One for each process."""
    origins = window.origins(panel)
    return [Stream(panel, origins, window.horizon, pace, share=Share(i, world), seed=seed) for i in range(world)]


def one_pass(stream: Stream, epoch: int = 0) -> list:
    for _ in range(epoch):
        list(stream)
    return list(stream)


def readings(turns: list) -> list[Reading]:
    """What every lane read, stretch after stretch; a lane must go on where it stopped unless it is fresh."""
    found = []
    for lane in range(len(turns[0].index) if turns else 0):
        for turn in turns:
            row, series, begin, fresh = turn.index[lane].tolist()
            rows = list(range(row, row + turn.asked.shape[1]))
            asked = [row for row, counts in zip(rows, turn.asked[lane].tolist(), strict=True) if counts]
            if fresh:
                found.append(Reading(series, begin, rows, asked, 1))
            else:
                last = found[-1]
                assert (series, begin, row) == (last.series, last.begin, last.rows[-1] + 1)
                found[-1] = Reading(series, begin, last.rows + rows, last.asked + asked, last.turns + 1)
    return found
