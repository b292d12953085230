"""Feeds: in which order origins reach the network, as settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from forecast.errors import SettingsError
from forecast.windows.stream import Pace


@dataclass(frozen=True)
class Windowed:
    """Independent windows in random order: each origin brings its own context, the state starts afresh.

    Args:
        batch_size: origins a step, in all processes together.
        shuffle: draw training origins in a new random order every epoch.
    """

    batch_size: int = 64
    shuffle: bool = True

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise SettingsError(f"batch_size={self.batch_size}: at least 1")


UPDATES = 32
"""Turns a pass should have at least: a step of the optimizer each."""


@dataclass(frozen=True)
class Streamed:
    """Contiguous streams: every row is read once, in order, and a forecast is asked at every step.

    The state is carried from turn to turn of a pass and detached between them (truncated backpropagation through time
    over `chunk` steps). Passes begin afresh; the exact rows where chunks begin are drawn anew for each, and so is the
    lane a series goes to. The order inside a series never changes.

    Args:
        lanes: rows of the batch; None takes as many as leave at least 32 turns in a pass, 32 at most.
        chunk: steps between two steps of the optimizer, or "season" for the smallest multiple of the season that is at
            least 24.
        burn_in: steps read without loss where a lane begins; None takes one chunk.
        shuffle: cannot be asked for.

    Raises:
        SettingsError: numbers below 1, or a shuffled stream.
    """

    lanes: int | None = None
    chunk: int | Literal["season"] = 24
    burn_in: int | None = None
    shuffle: bool = False

    def __post_init__(self) -> None:
        if self.shuffle:
            raise SettingsError(
                "shuffle=True: a stream is read in order, its state would mean nothing otherwise; "
                "use Windowed() for shuffled windows"
            )
        for name, least in (("lanes", 1), ("chunk", 1), ("burn_in", 0)):
            value = getattr(self, name)
            if value is None or (name == "chunk" and value == "season"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
                word = ' or "season"' if name == "chunk" else ""
                raise SettingsError(f"{name}={value!r}: a whole number of at least {least}{word}")

    def settled(self, rows: Sequence[int] | np.ndarray, season: int) -> Pace:
        """The feed's numbers, filled in for a panel.

        Args:
            rows: origins of each series.
            season: steps of a season, 1 for none.

        Example:
            >>> Streamed(chunk="season").settled(rows=[10_000], season=7)
            Pace(lanes=11, chunk=28, burn_in=28)
        """
        chunk = -(-24 // season) * season if self.chunk == "season" else self.chunk
        turns = int((-(-np.asarray(rows) // chunk)).sum())  # with one lane: a turn reads of one series only
        lanes = min(32, max(1, turns // UPDATES)) if self.lanes is None else self.lanes
        return Pace(lanes, chunk, chunk if self.burn_in is None else self.burn_in)


Feed = Windowed | Streamed
