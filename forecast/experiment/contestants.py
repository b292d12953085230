"""Contestants by name: the settings of each kind, as they stand in a settings file, and the forecasters they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from forecast.data.forecast import Forecaster
from forecast.errors import SettingsError, did_you_mean
from forecast.experiment.composed import ConformalSettings, EnsembleSettings
from forecast.experiment.networks import RecurrentSettings, seen_by
from forecast.experiment.tables import settings
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Drift, Mean, Naive, SeasonalNaive
from forecast.training.settings import Training
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
