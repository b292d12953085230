"""Contestants by name: the settings of each kind, as they stand in a settings file, and the forecasters they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Literal

from forecast.data.forecast import Forecaster
from forecast.errors import SettingsError, did_you_mean
from forecast.experiment.composed import ConformalSettings, EnsembleSettings
from forecast.experiment.tables import settings
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Drift, Mean, Naive, SeasonalNaive
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.decoders import Decoder, Direct, Recursive, Segments, Sequence
from forecast.nets.heads import HEADS, Head
from forecast.nets.network import Channels
from forecast.nets.scaling import Scaling
from forecast.training.fit import Training
from forecast.windows.feeds import Feed, Streamed, Windowed
from forecast.windows.window import Window


@dataclass(frozen=True)
class Rule:
    """A naive rule.

    Args:
        rule: "naive", "drift" or "mean".
    """

    rule: Literal["naive", "drift", "mean"] = "naive"

    def make(self, window: Window, training: Training) -> Forecaster:
        """The forecaster."""
        return {"naive": Naive, "drift": Drift, "mean": Mean}[self.rule](window)


@dataclass(frozen=True)
class Seasonal:
    """The seasonal naive rule.

    Args:
        season: steps; None measures it on the training rows.
    """

    season: int | None = None

    def make(self, window: Window, training: Training) -> Forecaster:
        """The forecaster."""
        return SeasonalNaive(window, self.season)


@dataclass(frozen=True)
class LinearSettings:
    """The closed-form linear forecaster; it has nothing to set."""

    def make(self, window: Window, training: Training) -> Forecaster:
        """The forecaster."""
        return Linear(window, training.validation or 0.2)


@dataclass(frozen=True)
class TabularSettings:
    """A scikit-learn preset.

    Args:
        regressor: "ridge", "knn", "forest", "boosting" or "mlp".
        windows: most training windows; None takes the preset's.
        context: steps it sees; None takes the window's.
        options: of the regressor, by scikit-learn's names; they replace the preset's.
    """

    regressor: str = "ridge"
    windows: int | None = None
    context: int | None = None
    options: Mapping[str, float | str | bool] = field(default_factory=dict)

    def make(self, window: Window, training: Training) -> Forecaster:
        """The forecaster; scikit-learn is loaded only here."""
        from forecast.forecasters.tabular import Tabular

        return Tabular(seen_by(window, self.context), self.regressor, self.windows, None, training.seed, self.options)


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
        learning_rate: None takes the training's; so do `clip` and `epochs`.
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
        own = {name: getattr(self, name) for name in ("learning_rate", "clip", "epochs")}
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


def seen_by(window: Window, context: int | None) -> Window:
    """The window, with a contestant's own context where it has one."""
    return window if context is None else replace(window, context=context)


Single = Rule | Seasonal | LinearSettings | TabularSettings | RecurrentSettings
"""Contestants that stand alone; only `forecast.experiment.making.make` makes those that refer to others."""
Contestant = Single | ConformalSettings | EnsembleSettings
KINDS: dict[str, type[Contestant]] = {
    "rule": Rule,
    "seasonal": Seasonal,
    "linear": LinearSettings,
    "tabular": TabularSettings,
    "recurrent": RecurrentSettings,
    "conformal": ConformalSettings,
    "ensemble": EnsembleSettings,
}
PRESETS: dict[str, Single] = {
    "naive": Rule("naive"),
    "seasonal-naive": Seasonal(),
    "drift": Rule("drift"),
    "mean": Rule("mean"),
    "linear": LinearSettings(),
    "ridge": TabularSettings("ridge"),
    "knn": TabularSettings("knn"),
    "forest": TabularSettings("forest"),
    "boosting": TabularSettings("boosting"),
    "mlp": TabularSettings("mlp"),
    "rnn": RecurrentSettings("rnn"),
    "lstm": RecurrentSettings("lstm"),
    "gru": RecurrentSettings("gru"),
    "rnn-stateful": RecurrentSettings("rnn", feed="streamed"),
    "lstm-stateful": RecurrentSettings("lstm", feed="streamed"),
    "gru-stateful": RecurrentSettings("gru", feed="streamed"),
}


def preset(name: str) -> Single:
    """The contestant of a name.

    Raises:
        SettingsError: no such name; suggests the nearest.
    """
    if name not in PRESETS:
        raise SettingsError(f"no model {name!r}{did_you_mean(name, tuple(PRESETS))}")
    return PRESETS[name]


def shaped(contestants: Mapping[str, Single], network: Mapping[str, object]) -> dict[str, Single]:
    """The contestants, with some settings changed in every recurrent network among them.

    Args:
        network: settings of `RecurrentSettings`, by name.

    Raises:
        SettingsError: no such setting, one that a network cannot have, or no network to have it.

    Example:
        >>> shaped({"gru": preset("gru"), "naive": preset("naive")}, {"head": "student"})["gru"].head
        'student'
    """
    found = dict(contestants)
    for name, made in contestants.items():
        if isinstance(made, RecurrentSettings):
            found[name] = settings(RecurrentSettings, asdict(made) | dict(network), "--network")
    if network and not any(isinstance(made, RecurrentSettings) for made in found.values()):
        raise SettingsError(f"--network {', '.join(network)}: none of {', '.join(contestants)} is a recurrent network")
    return found


def from_table(name: str, table: Mapping[str, object]) -> Contestant:
    """A contestant from its table in a settings file.

    Without `kind` the table changes the preset of its name; with one it starts from that kind's defaults.

    Example:
        >>> from_table("gru", {"hidden_size": 128}).hidden_size
        128
    """
    entries = dict(table)
    kind = entries.pop("kind", None)
    where = f"forecasters.{name}"
    if kind is None:
        if name not in PRESETS:
            hint = did_you_mean(name, tuple(PRESETS))
            raise SettingsError(f"{where}: no preset of this name{hint}; write kind = ... ({', '.join(KINDS)})")
        base = PRESETS[name]
        return settings(type(base), asdict(base) | entries, where)
    if str(kind) not in KINDS:
        raise SettingsError(f"{where}: no kind {kind!r}{did_you_mean(str(kind), tuple(KINDS))}")
    return settings(KINDS[str(kind)], entries, where)


def to_table(contestant: Contestant) -> dict[str, object]:
    """The table that `from_table` reads back."""
    kind = next(name for name, cls in KINDS.items() if type(contestant) is cls)
    return {"kind": kind, **asdict(contestant)}
