"""Fit: settings, the Trainer they make, early stopping with the best epoch restored, and loud failures."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping

from forecast.errors import SettingsError, did_you_mean
from forecast.training.allocator import keep_freed_memory, steady_threads
from forecast.training.callbacks import BestEpoch, Epoch, EpochBar, FiniteLoss, Watch
from forecast.training.datamodule import DataModule
from forecast.training.module import RecurrentModule, Schedule

LONGEST = 1e9  # seconds, some thirty years: what a clock can count


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Args:
        epochs: passes over the training windows, at most.
        learning_rate: of Adam.
        patience: epochs without a better validation loss before training stops; the best epoch is kept.
        clip: largest norm of the gradient; 0 for none.
        validation: share of the training span, at its end, held back for choosing the epoch; 0 trains all epochs.
        seconds: stop after this time, with the best epoch so far; None for no limit.
        device: "auto", "cpu" or "gpu".
        devices: how many.
        precision: as in Lightning ("32-true", "64-true", "bf16-mixed", "16-mixed").
        seed: of the weights, the order of the windows and dropout.
        weight_decay: decoupled (AdamW); 0 for plain Adam.
        schedule: "constant", or "cosine": the learning rate falls to 0 over all epochs.

    Raises:
        SettingsError: a value that makes no sense, or a device that is not there.
    """

    epochs: int = 30
    learning_rate: float = 1e-3
    patience: int = 5
    clip: float = 1.0
    validation: float = 0.2
    seconds: float | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = 1
    precision: Literal["32-true", "64-true", "bf16-mixed", "16-mixed"] = "32-true"
    seed: int = 0
    weight_decay: float = 0.0
    schedule: Schedule = "constant"

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "devices"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name}={getattr(self, name)}: at least 1")
        if not (0 < self.learning_rate < math.inf and 0 <= self.clip < math.inf):
            raise SettingsError("learning_rate lies above 0, clip at or above 0")
        if not 0 <= self.weight_decay < math.inf:
            raise SettingsError(f"weight_decay={self.weight_decay}: at or above 0")
        if self.schedule not in get_args(Schedule):
            raise SettingsError(f"schedule {self.schedule!r}{did_you_mean(str(self.schedule), get_args(Schedule))}")
        if self.seconds is not None and not 0 < self.seconds <= LONGEST:
            raise SettingsError(f"seconds={self.seconds:g}: above 0, at most {LONGEST:g}; leave it out for no limit")
        if not 0 <= self.seed < 2**32:
            raise SettingsError(f"seed={self.seed}: from 0 to {2**32 - 1}, which every library takes")
        if self.device not in ("auto", "cpu", "gpu"):
            raise SettingsError(f'device={self.device!r}: "auto", "cpu" or "gpu"')

    def accelerator(self) -> str:
        """Lightning's accelerator for `device`; raises SettingsError for a GPU that is not there."""
        present = torch.cuda.is_available() or torch.backends.mps.is_available()
        if self.device == "gpu" and not present:
            raise SettingsError('device="gpu": no GPU was found on this machine; use device="cpu" or "auto"')
        if self.precision.endswith("mixed") and not (present and self.device != "cpu"):
            raise SettingsError(
                f'precision={self.precision!r} needs a GPU (on a CPU recurrent layers refuse or crawl); use "32-true"'
            )
        return "gpu" if present and self.device != "cpu" else "cpu"


@dataclass(frozen=True)
class History:
    """What happened in a fit.

    Args:
        epochs: one entry an epoch.
        best: the number of the epoch whose weights were kept, from 1.
        stopped: why training ended.
    """

    epochs: tuple[Epoch, ...]
    best: int
    stopped: str


def fit(
    module: RecurrentModule,
    data: DataModule,
    training: Training,
    progress: bool = False,
    watch: Callable[[Epoch], bool] | None = None,
) -> History:
    """Train in place and leave the weights of the best validation epoch.

    Nothing is written to disk and no logger is made; use your own Trainer for that.

    Args:
        progress: show a bar with the remaining time on stderr.
        watch: called after every epoch; True ends the fit. For fits in this process.

    Raises:
        TrainingError: no windows, or a loss that is not finite.
    """
    keep_freed_memory()
    data.setup()
    losses = FiniteLoss()
    best = BestEpoch(losses)
    callbacks: list[Callback] = [losses, best]
    stopping = None
    if len(data.split.validation):
        stopping = EarlyStopping("val_loss", patience=training.patience, check_finite=False)
        callbacks.append(stopping)
    watching = None if watch is None else Watch(best, watch)
    callbacks += [] if watching is None else [watching]
    if progress:
        callbacks.append(EpochBar(training.epochs))
    started = time.monotonic()
    with quiet(), steady_threads(data.batch_rows * module.network.cell.hidden_size):
        _trainer(training, callbacks, stopping is not None).fit(module, datamodule=data)
    seconds = time.monotonic() - started
    reason = "whoever watched it" if watching and watching.ended else _reason(training, stopping, seconds)
    return History(tuple(best.history), best.restore(module), reason)


def _trainer(training: Training, callbacks: list[Callback], validate: bool) -> pl.Trainer:
    return pl.Trainer(
        accelerator=training.accelerator(),
        devices=training.devices,
        precision=training.precision,
        max_epochs=training.epochs,
        max_time=None if training.seconds is None else timedelta(seconds=training.seconds),
        gradient_clip_val=training.clip or None,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=None if validate else 0,
    )


def _reason(training: Training, stopping: EarlyStopping | None, seconds: float) -> str:
    if stopping is not None and stopping.stopped_epoch:
        return f"no better validation loss for {training.patience} epochs"
    if training.seconds is not None and seconds >= training.seconds:
        return f"the limit of {training.seconds:g} seconds"
    return f"all {training.epochs} epochs"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning's banners, tips and advice to itself; errors and our own messages pass."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, message=".*LeafSpec.*")
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
        try:
            yield
        finally:
            logger.setLevel(level)
