"""Material: what a run folder holds for a report. What it does not hold is empty; what is damaged is an error."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.errors import DataError, SettingsError
from forecast.evaluation.ranked import NUMBERS as OF_NUMBERS
from forecast.evaluation.ranked import ranked_by
from forecast.experiment.spreadsheets import unguarded
from forecast.report.markup import number
from forecast.work.folder import ABOUT, DETAILS, OUTCOME

NAMES = {"model", "series", "target", "metric", "network", "part", "label", "parameter", "state", "reason"}
TIMES = {"origin", "time"}
NUMBERS = {"mae", "error_rate", "value", "mean", "actual"}
TEXT_STEP = "step"  # of scores: "*" stands for all
NEEDED: Mapping[str, tuple[str, ...]] = {
    "leaderboard": ("model",),
    "scores": ("model", "series", "step", "metric", "value", "target"),
    "forecasts": ("model", "series", "origin", "time", "step", "target", "mean", "actual"),
    "next": ("series", "origin", "time", "step", "target", "model"),
    "trials": ("number", "state"),
    "observed": ("series", "time", "target", "value"),
    "quantiles": ("model", "series", "origin", "time", "step", "target"),
    "calibration": ("model", "level", "nominal", "observed", "count"),
    "pit": ("model", "low", "high", "count"),
    "reliability": ("model", "label", "said", "observed", "low", "high", "count"),
    "training": ("model", "network", "seed", "epoch", "train", "validation", "kept"),
    "gradients": ("model", "network", "part", "lag", "q10", "q50", "q90", "origins"),
    "importances": ("parameter", "importance"),
}
OUTCOME_NEEDS: Mapping[str, set[str]] = {
    "data": {"name", "rows", "series", "first", "last", "calendar", "targets"},
    "terms": {"origins", "judged", "since", "until"},
}
AT_TOP = ("leaderboard", "scores", "forecasts", "next", "trials")


@dataclass(frozen=True, eq=False)
class Material:
    """The files of a run folder; a table is empty, and a mapping too, where the folder has no such file.

    Args:
        directory: the folder.
        outcome: details/outcome.json.
        sweep: details/sweep.json.
        about: run.json.
        settings: settings.toml, read.
        settings_text: the same as it stands.
    """

    directory: Path
    leaderboard: pd.DataFrame
    scores: pd.DataFrame
    forecasts: pd.DataFrame
    next: pd.DataFrame
    trials: pd.DataFrame
    observed: pd.DataFrame
    quantiles: pd.DataFrame
    calibration: pd.DataFrame
    pit: pd.DataFrame
    reliability: pd.DataFrame
    training: pd.DataFrame
    gradients: pd.DataFrame
    importances: pd.DataFrame
    outcome: Mapping[str, Any]
    sweep: Mapping[str, Any]
    about: Mapping[str, Any]
    settings: Mapping[str, Any]
    settings_text: str

    @property
    def models(self) -> tuple[str, ...]:
        """The contestants that were judged, best first."""
        return tuple(self.leaderboard["model"])

    @property
    def baseline(self) -> str:
        """Whom the others are compared with."""
        said = self.outcome.get("baseline") or self.settings.get("split", {}).get("baseline") or "naive"
        return str(said) if said in self.models else self.models[0]

    @property
    def error(self) -> str:
        """The column of the leaderboard by which contestants are ranked."""
        return ranked_by(self.leaderboard).name

    @property
    def error_words(self) -> str:
        """That error in words."""
        return ranked_by(self.leaderboard).words

    def said_error(self, error: float) -> str:
        """One such error as a text: a rate in percent."""
        return number(error) if self.error == OF_NUMBERS.name else f"{100 * error:.1f} %"

    @property
    def targets(self) -> tuple[str, ...]:
        """What was forecast."""
        told = self.outcome.get("data", {}).get("targets") or self.settings.get("schema", {}).get("targets")
        return tuple(told or self.forecasts["target"].unique())

    @property
    def data(self) -> str:
        """The name of the data."""
        told = self.outcome.get("data", {}).get("name") or self.settings.get("data") or self.directory.resolve().name
        return str(told)

    @property
    def clock(self) -> str:
        """How dates are written: "month", "day" or "minute", as the steps of the panel are."""
        told = self.forecasts if len(self.forecasts) else self.next
        return clock_of(told["time"]) if len(told) else "day"


def clock_of(times: pd.Series) -> str:
    """The finest part of these times that says anything.

    Example:
        >>> clock_of(pd.Series(pd.date_range("2024-01-01", periods=3, freq="MS")))
        'month'
        >>> clock_of(pd.Series(pd.date_range("2024-01-01", periods=3, freq="h")))
        'minute'
    """
    stamps = pd.DatetimeIndex(times.unique())
    if (stamps != stamps.normalize()).any():
        return "minute"
    return "month" if len(stamps) > 1 and (stamps.day == 1).all() else "day"


FORMATS = {"month": "%Y-%m", "day": "%Y-%m-%d", "minute": "%Y-%m-%d %H:%M"}


def read_material(run: str | Path) -> Material:
    """Read what a run folder holds.

    Args:
        run: the --out of `forecast compare`, `run`, `sweep` or `backtest`.

    Raises:
        SettingsError: no run folder, or one without a leaderboard.
        DataError: a file there is damaged.
    """
    directory = Path(run)
    _require_run(directory)
    tables = {name: _table(_place(directory, name), columns) for name, columns in NEEDED.items()}
    text = _text(directory / "settings.toml")
    details = directory / DETAILS
    return Material(
        directory,
        **tables,
        outcome=_outcome(details / OUTCOME),
        sweep=_json(details / "sweep.json"),
        about=_json(directory / ABOUT),
        settings=_toml(directory / "settings.toml", text),
        settings_text=text,
    )


def _place(directory: Path, name: str) -> Path:
    return directory / f"{name}.csv" if name in AT_TOP else directory / DETAILS / f"{name}.csv"


def _require_run(directory: Path) -> None:
    if (directory / "leaderboard.csv").is_file():
        return
    if not directory.is_dir():
        what = "no folder" if not directory.exists() else "a file, no folder"
    elif (directory / "manifest.json").exists():
        what = "a saved model, and a report is made of a comparison"
    elif (directory / ABOUT).exists() or (directory / "study.db").exists():
        what = "a run that has not come to its leaderboard yet; let it finish first (the same command goes on with it)"
    else:
        what = "no folder of a run: it holds no leaderboard.csv"
    raise SettingsError(f"{directory}: this is {what}. Give the --out of forecast compare, run, sweep or backtest")


def _table(path: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    if not path.is_file():
        return pd.DataFrame(columns=list(needed))
    try:
        heads = [str(name) for name in pd.read_csv(path, nrows=0)]
        words = NAMES | ({TEXT_STEP} if path.stem == "scores" else set())
        kinds: Mapping[Hashable, str] = {name: "str" for name in heads if name in words}
        empty: Mapping[str, list[str]] = {name: [""] for name in heads if name not in words}
        frame = pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values=empty)
        missing = [name for name in needed if name not in frame]
        if missing:
            raise ValueError(f"it has no column {missing[0]!r}")
        for name in TIMES & set(frame):
            frame[name] = pd.to_datetime(frame[name], format="ISO8601")
        _require_numbers(frame)
        if path.stem == AT_TOP[0] and ranked_by(frame).name not in frame:
            raise ValueError(f"it has no column {ranked_by(frame).name!r}")
        if path.stem == AT_TOP[0] and not len(frame):
            raise ValueError("it holds no contestant")
        return _names_back(frame)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error


def _require_numbers(frame: pd.DataFrame) -> None:
    for name in NUMBERS & set(frame):
        wrong = pd.to_numeric(frame[name], errors="coerce").isna() & frame[name].notna()
        if wrong.any():
            row = int(np.argmax(wrong.to_numpy()))
            raise ValueError(f"row {row + 2}, column {name}: {frame[name].iloc[row]!r} is no number")


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(str(path), [f"it is not what a run leaves there ({error}); run the comparison again"])


def _names_back(frame: pd.DataFrame) -> pd.DataFrame:
    """The texts as they were before they were made harmless for spreadsheets."""
    for name in NAMES & set(frame):
        known = pd.DataFrame({"text": frame[name].unique()})
        back = dict(zip(known["text"], unguarded(known)["text"], strict=True))
        if any(old != new for old, new in back.items()):
            frame[name] = frame[name].map(back)
    return frame


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it holds no table")
        return found
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _outcome(path: Path) -> dict[str, Any]:
    found = _json(path)
    for part, names in OUTCOME_NEEDS.items() if found else ():
        missing = names - set(found.get(part, {}))
        if missing:
            raise _damaged(path, ValueError(f"{part} has no {', '.join(sorted(missing))}"))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(str(path), [f"it cannot be read ({error})"]) from error


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(str(path), [f"it is no settings file ({error})"]) from error
