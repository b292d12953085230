"""Spaces: what a sweep searches, as tables of settings. A user's own space is a plain function of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import optuna

from forecast.data.forecast import Forecaster
from forecast.errors import SettingsError, did_you_mean
from forecast.experiment.contestants import RecurrentSettings, Single, TabularSettings, preset
from forecast.experiment.tables import settings
from forecast.training.settings import Training
from forecast.windows.feeds import Windowed
from forecast.windows.window import Window

Value = str | int | float | bool
OF_FEED = {
    "batch_size": "windowed",
    "scaling": "windowed",
    "lanes": "streamed",
    "chunk": "streamed",
    "burn_in": "streamed",
}
"""Settings that are drawn for one feed only, where the feed is drawn."""


@dataclass(frozen=True)
class Range:
    """Numbers between two, both included; whole ones where both are whole.

    Args:
        log: even in the logarithm.
        step: distance of the numbers; None for the smallest there is.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and (self.low <= 0 or self.step is not None)):
            raise SettingsError(f"{self}: low lies below high; on a log scale above 0, and without a step")


Choice = Range | tuple[Value, ...] | Value
"""A range, a choice of values, or one value for all trials."""


@dataclass(frozen=True)
class ContestantSpace:
    """Contestants of one kind whose settings are drawn.

    Settings that mean nothing beside the others of a trial (lanes of a windowed feed) are not drawn.

    Args:
        base: the settings of what is not drawn.
        choices: what is drawn, by the names of the settings; options of a regressor as "options.NAME".
        window: context and horizon where the context is not drawn.
        training: of networks.

    Example:
        >>> space = network_space(Window(24, 6), choices={"cell": ("gru", "lstm"), "hidden_size": Range(8, 32)})
        >>> trial = optuna.trial.FixedTrial({"cell": "lstm", "hidden_size": 16})
        >>> made = space.settings(trial)
        >>> made.cell, made.hidden_size
        ('lstm', 16)
    """

    base: Single
    choices: Mapping[str, Choice]
    window: Window
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        known = [name.name for name in fields(self.base)]
        for name in self.choices:
            if name not in known and not (name.startswith("options.") and isinstance(self.base, TabularSettings)):
                raise SettingsError(f"space: no setting {name!r}{did_you_mean(name, known)}")
        self.settings(optuna.trial.FixedTrial({name: _lowest(choice) for name, choice in self.choices.items()}))

    @property
    def longest(self) -> int:
        """The longest context of any trial."""
        asked = self.choices.get("context", self.window.context)
        if isinstance(asked, Range):
            return int(asked.high)
        return max(int(value or self.window.context) for value in (asked if isinstance(asked, tuple) else (asked,)))

    @property
    def first(self) -> tuple[dict[str, Value], ...]:
        """Parameters of the first trial: the settings as they stand without a sweep, where the space holds them."""
        stand = {name: getattr(self.training, name) for name in ("learning_rate", "clip", "clip_by", "epochs")}
        stand |= {"context": self.window.context, "batch_size": Windowed().batch_size, "scaling": "last"}
        plain: dict[str, Any] = {}
        for name, value in _plain(self.base).items():
            plain[name] = stand.get(name) if value is None else value
        drawn = {name: choice for name, choice in self.choices.items() if isinstance(choice, Range | tuple)}
        held: dict[str, Value] = {
            name: plain[name] for name, choice in drawn.items() if name in plain and _holds(choice, plain[name])
        }
        return (held,) if held else ()

    def settings(self, trial: optuna.trial.BaseTrial) -> Single:
        """The settings a trial draws."""
        drawn = _plain(self.base)
        for name in sorted(self.choices, key=lambda name: name != "feed"):  # the feed decides what is drawn after it
            choice = self.choices[name]
            if "feed" not in self.choices or OF_FEED.get(name, drawn["feed"]) == drawn["feed"]:
                drawn[name] = _draw(trial, name, choice)
        options: dict[str, Any] = {
            name.removeprefix("options."): drawn.pop(name) for name in list(drawn) if name.startswith("options.")
        }
        if options:
            drawn["options"] = {**dict(getattr(self.base, "options", {})), **options}
        return settings(type(self.base), drawn, "space")

    def __call__(self, trial: optuna.trial.BaseTrial) -> Forecaster:
        """The forecaster of a trial."""
        return self.settings(trial).make(self.window, self.training)


def space_of(model: str, table: Mapping[str, object], window: Window, training: Training) -> ContestantSpace:
    """The space of a settings file.

    Args:
        model: "recurrent", or a scikit-learn preset.
        table: of each setting a list to choose from, a table {low, high, log, step}, or one value; empty for the
            space that goes with the model. Options of a regressor stand in a table `options` of their own.
    """
    options = table.get("options", {})
    if not isinstance(options, Mapping):
        raise SettingsError("space.options: a table, such as [space.options]")
    plain = {name: entry for name, entry in table.items() if name != "options"}
    plain |= {f"options.{name}": entry for name, entry in options.items()}
    choices = {name: _choice(entry, f"space.{name}") for name, entry in plain.items()} or None
    if model == "recurrent":
        return network_space(window, training, choices)
    return tabular_space(window, model, training, choices)


def to_table(space: ContestantSpace) -> dict[str, object]:
    """The table that `space_of` reads back."""
    return {name: _entry(choice) for name, choice in space.choices.items()}


def _choice(entry: object, where: str) -> Choice:
    if isinstance(entry, Mapping):
        return settings(Range, entry, where)
    if isinstance(entry, list | tuple):
        if not entry or not all(isinstance(value, str | int | float | bool) for value in entry):
            raise SettingsError(f"{where}: a list of plain values to choose from")
        return tuple(entry)
    if isinstance(entry, str | int | float | bool):
        return entry
    raise SettingsError(f"{where} = {entry!r}: a list, a table such as {{low = 8, high = 128, log = true}}, or a value")


def _entry(choice: Choice) -> object:
    if isinstance(choice, Range):
        return {name: value for name, value in asdict(choice).items() if value is not None and value is not False}
    return list(choice) if isinstance(choice, tuple) else choice


def _plain(base: Single) -> dict[str, Any]:
    return {name.name: getattr(base, name.name) for name in fields(base)}


def _draw(trial: optuna.trial.BaseTrial, name: str, choice: Choice) -> Value:
    if isinstance(choice, tuple):
        return _among(trial, name, choice)
    if not isinstance(choice, Range):
        return choice
    if isinstance(choice.low, int) and isinstance(choice.high, int):
        return trial.suggest_int(name, choice.low, choice.high, step=int(choice.step or 1), log=choice.log)
    return trial.suggest_float(name, choice.low, choice.high, step=choice.step, log=choice.log)


def _among(trial: optuna.trial.BaseTrial, name: str, choice: tuple[Value, ...]) -> Value:
    """One of the choices; a study may come from elsewhere and hold others, at which older versions of Optuna warn."""
    try:
        value = trial.suggest_categorical(name, choice)
    except ValueError as error:
        raise SettingsError(f"space.{name}: the study holds another value than the choices {choice}") from error
    if value is None or value not in choice:
        raise SettingsError(f"space.{name}: the study holds {value!r}, which is none of the choices {choice}")
    return value


def _holds(choice: Range | tuple[Value, ...], value: object) -> bool:
    if isinstance(choice, tuple):
        return value in choice
    return isinstance(value, int | float) and choice.low <= value <= choice.high


def _lowest(choice: Choice) -> Value:
    return choice.low if isinstance(choice, Range) else choice[0] if isinstance(choice, tuple) else choice


def network_space(
    window: Window, training: Training | None = None, choices: Mapping[str, Choice] | None = None
) -> ContestantSpace:
    """Recurrent networks.

    Args:
        choices: by default the cell (rnn, rnn-relu, lstm, gru), hidden size, layers, dropout, context, the linear skip,
            learning rate and clipping; the feed, windowed with its batch size and scaling or streamed with lanes and
            chunk.
    """
    chosen = _networks(window) if choices is None else choices
    return ContestantSpace(RecurrentSettings(), chosen, window, training or Training())


def tabular_space(
    window: Window,
    regressor: str,
    training: Training | None = None,
    choices: Mapping[str, Choice] | None = None,
) -> ContestantSpace:
    """A scikit-learn preset: "ridge", "knn", "forest", "boosting" or "mlp", with the options that matter most."""
    base = preset(regressor)
    if not isinstance(base, TabularSettings):
        raise SettingsError(f"{regressor!r} is not a scikit-learn preset: {', '.join(OPTIONS)}")
    chosen = {"context": contexts(window), **OPTIONS[regressor]} if choices is None else choices
    return ContestantSpace(base, chosen, window, training or Training())


def contexts(window: Window) -> tuple[int, ...]:
    """Half the context, the context, twice the context."""
    return tuple(sorted({max(1, window.context // 2), window.context, 2 * window.context}))


def _networks(window: Window) -> dict[str, Choice]:
    return {
        "feed": ("windowed", "streamed"),
        "cell": ("rnn", "rnn-relu", "lstm", "gru"),
        "hidden_size": Range(8, 128, log=True),
        "layers": (1, 2),
        "dropout": Range(0.0, 0.5),
        "context": contexts(window),
        "skip": (True, False),
        "learning_rate": Range(3e-4, 1e-2, log=True),
        "clip": Range(0.1, 10.0, log=True),
        "batch_size": (32, 64, 128),
        "scaling": ("last", "standard"),
        "lanes": (4, 8, 16, 32),
        "chunk": (12, 24, 48, 96),
    }


OPTIONS: dict[str, dict[str, Choice]] = {
    "ridge": {"options.alpha": Range(1e-3, 1e4, log=True)},
    "knn": {"options.n_neighbors": Range(3, 100, log=True), "options.weights": ("uniform", "distance")},
    "forest": {
        "options.min_samples_leaf": Range(1, 50, log=True),
        "options.max_features": Range(0.05, 1.0),
        "options.max_depth": (4, 8, 16, 32),
    },
    "boosting": {
        "options.learning_rate": Range(0.02, 0.3, log=True),
        "options.max_iter": Range(50, 400, log=True),
        "options.max_leaf_nodes": Range(7, 63, log=True),
        "options.min_samples_leaf": Range(5, 100, log=True),
        "options.l2_regularization": Range(1e-3, 10.0, log=True),
    },
    "mlp": {
        "options.alpha": Range(1e-6, 1e-1, log=True),
        "options.learning_rate_init": Range(3e-4, 1e-2, log=True),
        "options.activation": ("relu", "tanh"),
    },
}
