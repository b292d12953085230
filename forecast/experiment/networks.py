"""Recurrent networks in settings files."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

from forecast.data.forecast import Forecaster
from forecast.errors import SettingsError
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.decoders import Decoder, Direct, Recursive, Segments, Sequence
from forecast.nets.heads import HEADS, Head
from forecast.nets.network import Channels
from forecast.nets.scaling import Scaling
from forecast.training.settings import Clipping, Training
from forecast.windows.feeds import Feed, Streamed, Windowed
from forecast.windows.window import Window


def seen_by(window: Window, context: int | None) -> Window:
    """The window, with a contestant's own context where it has one."""
    return window if context is None else replace(window, context=context)


@dataclass(frozen=True)
class RecurrentSettings:
    """A recurrent network; the names are those of `Recurrent`, `Windowed` and `Streamed`.

    Args:
        criterion: of the point head: "mse", "mae" or "huber".
        head: what the network says of every step: one number ("point"), "quantiles", a distribution, or classes.
        levels: quantile levels of a head that has any; None takes its own.
        band: of the direction head, its dead band.
        components: of the mixture head.
        transform: of the targets, undone in the forecast.
        feed: "windowed" (the state starts afresh in each window) or "streamed" (it is carried along the series).
        batch_size: of a windowed feed; None takes its default.
        lanes: of a streamed feed.
        chunk: of a streamed feed; None takes its default.
        burn_in: of a streamed feed.
        context: steps it sees; None takes the window's.
        learning_rate: None takes the training's; so do `clip`, `clip_by` and `epochs`.
        decoder: "direct", "sequence", "segments" or "recursive" (`forecast.nets.decoders`).
        attention: of a sequence decoder.
        segment: steps of a segment; None takes the decoder's default.
        paths: of a recursive decoder; None takes its default.
        forcing: of a recursive decoder.
    """

    cell: str = "gru"
    hidden_size: int = 64
    layers: int = 1
    dropout: float = 0.0
    scaling: Scaling | None = None
    skip: bool = True
    channels: Channels = "independent"
    criterion: Literal["mse", "mae", "huber"] | None = None
    head: Literal[
        "point",
        "quantiles",
        "gaussian",
        "student",
        "mixture",
        "poisson",
        "negative-binomial",
        "direction",
        "category",
    ] = "point"
    levels: tuple[float, ...] | None = None
    band: float | None = None
    components: int | None = None
    transform: Literal["none", "log", "log1p", "box-cox", "difference", "log-return"] = "none"
    feed: Literal["windowed", "streamed"] = "windowed"
    batch_size: int | None = None
    lanes: int | None = None
    chunk: int | Literal["season"] | None = None
    burn_in: int | None = None
    time_constant: float | None = None
    calendar: bool | None = None
    gaps: bool = False
    context: int | None = None
    learning_rate: float | None = None
    clip: float | None = None
    clip_by: Clipping | None = None
    epochs: int | None = None
    decoder: Literal["direct", "sequence", "segments", "recursive"] = "direct"
    attention: bool = False
    segment: int | None = None
    paths: int | None = None
    forcing: float | None = None

    def __post_init__(self) -> None:
        foreign = ("lanes", "chunk", "burn_in") if self.feed == "windowed" else ("batch_size",)
        for name in foreign:
            if getattr(self, name) is not None:
                raise SettingsError(f"{name} means nothing to a {self.feed} feed; leave it out, or change feed")
        known = {each.name for each in fields(HEADS[self.head])}  # type: ignore[arg-type]
        for name in HEAD_SETTINGS:
            if getattr(self, name) is not None and name not in known:
                raise SettingsError(f"{name} means nothing to a {self.head} head; leave it out, or change head")
        owners = {"attention": "sequence", "segment": "segments", "paths": "recursive", "forcing": "recursive"}
        for name, owner in owners.items():
            given = getattr(self, name)
            if given is not None and given is not False and self.decoder != owner:
                raise SettingsError(f'{name} belongs to decoder = "{owner}", and this one is "{self.decoder}"')

    def make(self, window: Window, training: Training) -> Forecaster:
        """The forecaster."""
        own = {name: getattr(self, name) for name in ("learning_rate", "clip", "clip_by", "epochs")}
        training = replace(training, **{name: value for name, value in own.items() if value is not None})
        return Recurrent(
            seen_by(window, self.context),
            self.cell,
            self.hidden_size,
            self.layers,
            self.dropout,
            self.scaling,
            self.skip,
            self.channels,
            self._head(),
            self._feed(),
            training,
            self.time_constant,
            self.calendar,
            self.transform,
            gaps=self.gaps,
            decoder=self._decoder(),
        )

    def _head(self) -> Head:
        """The head, with those of its settings that were named."""
        kind = HEADS[self.head]
        asked = {name: getattr(self, name) for name in HEAD_SETTINGS}
        return kind(**{name: value for name, value in asked.items() if value is not None})

    def _decoder(self) -> Decoder:
        if self.decoder == "sequence":
            return Sequence(self.attention)
        if self.decoder == "segments":
            return Segments() if self.segment is None else Segments(self.segment)
        if self.decoder == "recursive":
            return Recursive(forcing=self.forcing) if self.paths is None else Recursive(self.paths, self.forcing)
        return Direct()

    def _feed(self) -> Feed:
        if self.feed == "windowed":
            return Windowed() if self.batch_size is None else Windowed(self.batch_size)
        feed = Streamed(self.lanes, burn_in=self.burn_in)
        return feed if self.chunk is None else replace(feed, chunk=self.chunk)


HEAD_SETTINGS = ("criterion", "levels", "band", "components")
