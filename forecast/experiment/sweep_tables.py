"""Sweep tables: what a settings file says of a sweep, in its tables [sweep] and [space]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

from forecast.errors import SettingsError
from forecast.experiment.tables import settings
from forecast.sweeps.search import Search


@dataclass(frozen=True)
class SweepSettings:
    """A sweep's own settings; those of the search stand beside them in the table.

    Args:
        trials: to be finished in all.
        metric: an error of the leaderboard, or several goals; None: "mae", of a categorical target "error_rate".
        model: "recurrent", or a scikit-learn preset.
        name: of the study in its storage.
        storage: as in `fc.sweep`; None for a SQLite file in the folder of the results.
        workers: processes.
    """

    trials: int = 40
    metric: str | tuple[str, ...] | None = None
    model: str = "recurrent"
    name: str = "sweep"
    storage: str | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        for name in ("trials", "workers"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name}={getattr(self, name)}: at least 1")


@dataclass(frozen=True)
class SweepPlan:
    """A sweep as a settings file has it.

    Args:
        settings: its own.
        search: folds, pruner, sampler, seed.
        space: of each setting a list, a table {low, high, log, step} or a value; empty for the model's usual space.
    """

    settings: SweepSettings = SweepSettings()
    search: Search = Search()  # noqa: RUF009 - a frozen value
    space: Mapping[str, object] = field(default_factory=dict)

    def to_tables(self) -> dict[str, dict[str, object]]:
        """The tables that `read_sweep` reads back."""
        both: dict[str, object] = {**asdict(self.settings), **asdict(self.search)}
        return {"sweep": both, "space": dict(self.space)}


def read_sweep(sweep: Mapping[str, object], space: Mapping[str, object]) -> SweepPlan:
    """A sweep from its two tables.

    Example:
        >>> plan = read_sweep({"trials": 20, "folds": 3}, {"cell": ["gru", "lstm"]})
        >>> plan.settings.trials, plan.search.folds
        (20, 3)
    """
    of_search = {each.name for each in fields(Search)}
    own = {key: value for key, value in sweep.items() if key not in of_search}
    searched = {key: value for key, value in sweep.items() if key in of_search}
    return SweepPlan(settings(SweepSettings, own, "sweep"), settings(Search, searched, "sweep"), space)
