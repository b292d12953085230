"""Making: from names of contestants to forecasters, those that refer to others included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from forecast.data.forecast import Forecaster
from forecast.errors import SettingsError, did_you_mean
from forecast.experiment.composed import Composed, ConformalSettings
from forecast.experiment.contestants import PRESETS, Contestant
from forecast.forecasters.conformal import Conformal
from forecast.forecasters.ensemble import Ensemble
from forecast.forecasters.recurrent import Recurrent
from forecast.training.settings import Training
from forecast.windows.window import Window

Contestants = Mapping[str, Contestant]


def make(name: str, contestants: Contestants, window: Window, training: Training) -> Forecaster:
    """A fresh forecaster of a contestant; what it refers to is made afresh too, for it alone.

    Args:
        contestants: by name. A name that is not there is that of a preset.

    Raises:
        SettingsError: no contestant of that name, or one that refers to itself.

    Example:
        >>> from forecast.experiment.contestants import from_table
        >>> sure = from_table("sure", {"kind": "conformal", "of": "pair"})
        >>> contestants = {"sure": sure, "pair": from_table("pair", {"kind": "ensemble", "of": ["naive", "mean"]})}
        >>> made = make("sure", contestants, Window(8, 2), Training())
        >>> type(made).__name__, list(made.forecaster.members)
        ('Conformal', ['naive', 'mean'])
    """
    made = found(name, contestants)
    if not isinstance(made, Composed):
        return made.make(window, training)
    if isinstance(made, ConformalSettings):
        return made.around(make(made.of, contestants, window, training))
    if not made.seeds:
        return made.together({each: make(each, contestants, window, training) for each in made.of})
    trainings = {seed: replace(training, seed=seed) for seed in made.seeds}
    return made.together(
        {
            f"{each}#{seed}": make(each, contestants, window, seeded)
            for each in made.of
            for seed, seeded in trainings.items()
        }
    )


def found(name: str, contestants: Contestants) -> Contestant:
    """The contestant of a name, or the preset.

    Raises:
        SettingsError: neither; suggests the nearest.
    """
    if name in contestants:
        return contestants[name]
    if name not in PRESETS:
        raise SettingsError(f"no contestant or preset {name!r}{did_you_mean(name, (*contestants, *PRESETS))}")
    return PRESETS[name]


def require_references(contestants: Contestants) -> None:
    """Raise SettingsError where a contestant refers to one that is not there, or in the end to itself.

    Example:
        >>> require_references({"a": ConformalSettings("b"), "b": ConformalSettings("a")})
        Traceback (most recent call last):
        ...
        forecast.errors.SettingsError: forecasters.a refers to itself: a -> b -> a
    """
    for name in contestants:
        _follow(name, contestants, ())


def _follow(name: str, contestants: Contestants, path: tuple[str, ...]) -> None:
    if name in path:
        around = " -> ".join((*path[path.index(name) :], name))
        raise SettingsError(f"forecasters.{name} refers to itself: {around}")
    try:
        made = found(name, contestants)
    except SettingsError as error:
        raise SettingsError(f"forecasters.{path[-1]}: of = {name!r}: {error}" if path else str(error)) from error
    for each in made.references if isinstance(made, Composed) else ():
        _follow(each, contestants, (*path, name))


def needed_by(name: str, contestants: Contestants) -> dict[str, Contestant]:
    """A contestant and all that it refers to, by name; presets are always there.

    Example:
        >>> contestants = {"sure": ConformalSettings("mine"), "mine": PRESETS["gru"], "other": PRESETS["rnn"]}
        >>> list(needed_by("sure", contestants))
        ['sure', 'mine']
    """
    made = found(name, contestants)
    needed = {name: made} if name in contestants else {}
    for each in made.references if isinstance(made, Composed) else ():
        needed |= needed_by(each, contestants)
    return needed


def stands_on(name: str, contestants: Contestants) -> tuple[Contestant, ...]:
    """The contestants at the bottom of one: itself, or all that it is made of, once for each seed.

    Example:
        >>> stands_on("sure", {"sure": ConformalSettings("naive")})
        (Rule(rule='naive'),)
    """
    made = found(name, contestants)
    if not isinstance(made, Composed):
        return (made,)
    times = 1 if isinstance(made, ConformalSettings) else max(1, len(made.seeds))
    return times * tuple(base for each in made.references for base in stands_on(each, contestants))


def networks(name: str, forecaster: Forecaster) -> dict[str, Recurrent]:
    """The recurrent networks in a forecaster, by its name and the names of its members.

    Example:
        >>> pair = Ensemble({"a": Recurrent(Window(8, 2)), "b": Recurrent(Window(8, 2))})
        >>> list(networks("pair", Conformal(pair)))
        ['pair: a', 'pair: b']
    """
    if isinstance(forecaster, Recurrent):
        return {name: forecaster}
    if isinstance(forecaster, Conformal):
        return networks(name, forecaster.forecaster)
    found: dict[str, Recurrent] = {}
    for part, member in forecaster.members.items() if isinstance(forecaster, Ensemble) else ():
        found |= networks(f"{name}: {part}", member)
    return found
