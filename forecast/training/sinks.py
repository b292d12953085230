"""Sinks: the tables, event files and tracking stores that entries of a log go to. Only here are their libraries met."""

from __future__ import annotations

import csv
import io
import json
import logging
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from forecast.errors import SettingsError
from forecast.work.lock import locked
from forecast.work.writing import replace_file

COLUMNS = ("epoch", "train_loss", "val_loss", "learning_rate", "gradient_norm", "seconds")
BEST = "best_val_loss"
EXPERIMENT = "forecast"
TRACKING, STORE, RUN = "MLFLOW_TRACKING_URI", "mlflow.db", "mlflow.json"
NO_TELEMETRY = "MLFLOW_DISABLE_TELEMETRY"


class Sink(Protocol):
    """Takes the entries of a fit."""

    @property
    def where(self) -> str: ...
    def add(self, epoch: int, figures: Mapping[str, float]) -> None: ...
    def close(self, best: float, well: bool) -> None: ...


class Table:
    """metrics.csv, a row an epoch, whole at every moment; what is not known is empty.

    Lightning's own table forgets its rows when a fit is gone on with.
    """

    def __init__(self, folder: Path, done: int, settings: Mapping[str, Any]) -> None:
        self.path = folder / "metrics.csv"
        self.rows = [row for row in _rows_of(self.path) if int(row["epoch"]) <= done] if done else []

    @property
    def where(self) -> str:
        return str(self.path)

    def add(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Write the row of an epoch."""
        self.rows.append({"epoch": str(epoch), **{name: repr(value) for name, value in figures.items()}})
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        replace_file(self.path, text.getvalue().encode(), "the log of a fit")

    def close(self, best: float, well: bool) -> None:
        """Everything is written already."""


def _rows_of(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise SettingsError(f"{path}: not a table that the log of a fit left; move it away")
        return list(reader)


class Events:
    """An event file of TensorBoard; one that a stopped fit left is gone on with by another one."""

    def __init__(self, folder: Path, done: int, settings: Mapping[str, Any]) -> None:
        self.folder, self.settings = folder, settings
        for old in folder.glob("events.out.tfevents.*") if not done else ():
            old.unlink()
        with _still():
            from pytorch_lightning.loggers import TensorBoardLogger

            more: dict[str, Any] = {"purge_step": done + 1} if done else {}
            self.logger = TensorBoardLogger(str(folder), name="", version="", default_hp_metric=False, **more)
            self.writer = self.logger.experiment

    @property
    def where(self) -> str:
        return str(self.folder)

    def add(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Write the scalars of an epoch."""
        for name, value in figures.items():
            self.writer.add_scalar(name, value, epoch)
        self.writer.flush()

    def close(self, best: float, well: bool) -> None:
        """Write the settings beside what they came to, once the fit is done."""
        if well and math.isfinite(best):
            with _still():
                self.logger.log_hyperparams(dict(self.settings), {BEST: best})
        self.writer.close()


class Tracked:
    """A run of MLflow: in a SQLite file of the log folder, or where MLFLOW_TRACKING_URI says.

    Its telemetry is switched off unless the environment decides otherwise: a fit calls nobody.
    """

    def __init__(self, folder: Path, done: int, settings: Mapping[str, Any], root: Path, name: str) -> None:
        os.environ.setdefault(NO_TELEMETRY, "true")
        self.uri = os.environ.get(TRACKING) or f"sqlite:///{(root / STORE).resolve()}"
        about = folder / RUN
        known = json.loads(about.read_text(encoding="utf-8")) if done and about.exists() else {}
        asked = {"tracking_uri": self.uri, "run_id": known.get("run") if known.get("uri") == self.uri else None}
        place = (root / "mlflow-artifacts").resolve().as_uri()
        try:
            with locked(root, name="mlflow.lock"), _still():  # or two processes would make the tables of one store
                from pytorch_lightning.loggers import MLFlowLogger

                self.logger = MLFlowLogger(EXPERIMENT, run_name=name, artifact_location=place, **asked)
                if asked["run_id"] is None:
                    self.logger.log_hyperparams(dict(settings))
                run = self.logger.run_id
        except SettingsError:
            raise
        except Exception as error:  # of MLflow, SQLAlchemy or a server's client
            raise SettingsError(f'log="mlflow": {self.uri} does not take a run ({error}); see {TRACKING}') from error
        text = json.dumps({"run": run, "uri": self.uri, "experiment": EXPERIMENT})
        replace_file(about, (text + "\n").encode(), "the log of a fit")

    @property
    def where(self) -> str:
        return self.uri

    def add(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Write the metrics of an epoch."""
        with _still():
            self.logger.log_metrics(dict(figures), epoch)

    def close(self, best: float, well: bool) -> None:
        """Say how the run ended."""
        with _still():
            if well and math.isfinite(best):
                self.logger.log_metrics({BEST: best})
            self.logger.finalize("success" if well else "failed")


@contextmanager
def _still() -> Iterator[None]:
    """Without what the libraries of loggers say of themselves; errors pass."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
