"""Logs: where a fit writes while it goes on, an entry an epoch, for tools that draw it.

ROOT/NAME/seed-S/settings.json   settings as resolved, and which fit this is; another fit of that name gets seed-S-2
ROOT/NAME/seed-S/metrics.csv     "csv"
ROOT/NAME/seed-S/events.out.*    "tensorboard": tensorboard --logdir ROOT
ROOT/NAME/seed-S/mlflow.json     "mlflow": which run of which store; the store is ROOT/mlflow.db
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from forecast.errors import SettingsError, did_you_mean
from forecast.training.sinks import Events, Sink, Table, Tracked
from forecast.work.writing import replace_file

LogName = Literal["csv", "tensorboard", "mlflow"]
EXTRAS = {"tensorboard": "tensorboard", "mlflow": "mlflow"}
"""The package behind each logger, which is the name of its extra too."""
SETTINGS = "settings.json"
MOST_FITS = 10_000


def logger_names(asked: Iterable[str] | str) -> tuple[LogName, ...]:
    """Loggers by name, one or several, each once.

    Raises:
        SettingsError: no such logger.

    Example:
        >>> logger_names("csv"), logger_names(["tensorboard", "csv", "csv"])
        (('csv',), ('tensorboard', 'csv'))
    """
    names = (asked,) if isinstance(asked, str) else tuple(asked)
    known = get_args(LogName)
    for name in names:
        if name not in known:
            raise SettingsError(
                f"log: no logger {name!r}{did_you_mean(str(name), known)}; there are {', '.join(known)}"
            )
    return tuple(dict.fromkeys(names))  # type: ignore[arg-type]


def require_loggers(names: Iterable[str]) -> None:
    """Raise SettingsError for a logger whose package is not installed, before anything is computed."""
    for name in names:
        if name in EXTRAS and find_spec(EXTRAS[name]) is None:
            raise SettingsError(f"log=\"{name}\": it is not installed: pip install 'forecast-recurrent[{name}]'")


@dataclass(frozen=True)
class FitLog:
    """What a fit writes while it goes on, and where.

    Args:
        loggers: names.
        root: folder of all logs.
        name: of the contestant; whatever its letters are, its folder lies in the root.
        seed: of the fit.
        fit: digest of settings and rows: the same fit, gone on with or made anew, writes to the same folder.
        settings: as resolved, in plain values.
    """

    loggers: tuple[LogName, ...]
    root: Path
    name: str
    seed: int
    fit: str
    settings: Mapping[str, Any]

    def folder(self) -> Path:
        """The folder of this fit, made and marked where it is not there; other fits of the name keep theirs.

        Raises:
            SettingsError: it cannot be written.
        """
        parent = self.root / plain_name(self.name)
        for number in range(1, MOST_FITS):
            folder = parent / (f"seed-{self.seed}" if number == 1 else f"seed-{self.seed}-{number}")
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                if _fit_in(folder) not in (self.fit, None):
                    continue
            except OSError as error:
                raise SettingsError(f"{folder}: logs cannot be written here ({error.strerror or error})") from error
            about = {"fit": self.fit, "name": self.name, "seed": self.seed, "settings": self.settings}
            text = json.dumps(about, indent=2, ensure_ascii=False, default=str)
            replace_file(folder / SETTINGS, (text + "\n").encode(), "the log of a fit")
            return folder
        raise SettingsError(f"{parent}: it holds the logs of {MOST_FITS} fits; take another log_folder")

    def sinks(self, done: int) -> list[Sink]:
        """Where entries go; those of a fit that is gone on with stay up to the epoch `done`."""
        folder, kinds = self.folder(), {"csv": Table, "tensorboard": Events}
        made: list[Sink] = [kinds[name](folder, done, self.settings) for name in self.loggers if name in kinds]
        if "mlflow" in self.loggers:
            run = f"{plain_name(self.name)}/{folder.name}"
            made.append(Tracked(folder, done, self.settings, self.root, run))
        return made


def plain_name(name: str) -> str:
    """A name as a folder: letters, digits, dots, dashes; what loses something gets a digest, so that none meet.

    Example:
        >>> plain_name("gru-stateful"), plain_name("../pair: gru#1")
        ('gru-stateful', 'pair-gru-1-29851d')
    """
    short = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60]
    return short if short == name else f"{short or 'fit'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _fit_in(folder: Path) -> str | None:
    """Which fit a folder belongs to; None where nobody has said so yet."""
    try:
        return str(json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["fit"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{folder / SETTINGS}: not what a log left there ({error}); move the folder away"
        ) from error
