"""Fit: settings, the Trainer they make, early stopping with the best epoch restored, and loud failures."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping
from pytorch_lightning.plugins.io import CheckpointIO

from forecast.errors import SettingsError, TrainingError, did_you_mean
from forecast.training.allocator import keep_freed_memory, steady_threads
from forecast.training.callbacks import BestEpoch, Clock, Epoch, EpochBar, FiniteLoss, Watch
from forecast.training.datamodule import DataModule
from forecast.training.loggers import EpochLog, FitLog, LogName, logger_names
from forecast.training.module import RecurrentModule, Schedule
from forecast.training.processes import FORKS, LAUNCHES, Ending, Strategy, choose
from forecast.training.quiet import quiet
from forecast.training.room import advising, require_batch_room
from forecast.training.saving import Slot, finished, keep_finished, require_alone, saving
from forecast.windows.feeds import Windowed

Clipping = Literal["norm", "value"]
LONGEST = 1e9  # seconds, some thirty years: what a clock can count


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Args:
        epochs: passes over the training windows, at most.
        learning_rate: of Adam.
        patience: epochs without a better validation loss before training stops; the best epoch is kept.
        clip: largest norm of the gradient, or largest size of each of its numbers (`clip_by`); 0 for none.
        clip_by: "norm" shortens the whole gradient and keeps its direction (Pascanu et al. 2013); "value" cuts each
            number alone, which bends it (Mikolov 2012).
        validation: share of the training span, at its end, held back for choosing the epoch; 0 trains all epochs.
        seconds: stop after this time, with the best epoch so far; None for no limit.
        device: "auto", "cpu" or "gpu".
        devices: how many on this machine, each with a process of its own that takes a part of every batch.
        precision: as in Lightning ("32-true", "64-true", "bf16-mixed", "16-mixed").
        seed: of the weights, the order of the windows and dropout.
        weight_decay: decoupled (AdamW); 0 for plain Adam.
        schedule: "constant", or "cosine": the learning rate falls to 0 over all epochs.
        strategy: how several processes are started. "auto" joins those that torchrun or SLURM started, else forks or
            spawns them without running your script again; "ddp" runs it once for each device.
        num_nodes: machines, each started by torchrun or SLURM.
        log: where losses, learning rate and norm of the gradient are logged, an entry an epoch: "csv", "tensorboard",
            "mlflow", or several. Nowhere by default.
        log_folder: of all logs; None takes `logs` in the folder of the run, or here where there is none.

    Raises:
        SettingsError: a value that makes no sense, or a device that is not there.
    """

    epochs: int = 30
    learning_rate: float = 1e-3
    patience: int = 5
    clip: float = 1.0
    clip_by: Clipping = "norm"
    validation: float = 0.2
    seconds: float | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = 1
    precision: Literal["32-true", "64-true", "bf16-mixed", "16-mixed"] = "32-true"
    seed: int = 0
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    strategy: Strategy = "auto"
    num_nodes: int = 1
    log: tuple[LogName, ...] | LogName = ()
    log_folder: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "log", logger_names(self.log))
        for name in ("epochs", "patience", "devices", "num_nodes"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise SettingsError(f"{name}={value!r}: at least 1, and a whole number")
        if not (0 < self.learning_rate < math.inf and 0 <= self.clip < math.inf):
            raise SettingsError("learning_rate lies above 0, clip at or above 0")
        if not 0 <= self.weight_decay < math.inf:
            raise SettingsError(f"weight_decay={self.weight_decay}: at or above 0")
        for name, known in (("schedule", Schedule), ("strategy", Strategy), ("clip_by", Clipping)):
            value = getattr(self, name)
            if value not in get_args(known):
                raise SettingsError(f"{name} {value!r}{did_you_mean(str(value), get_args(known))}")
        if self.seconds is not None and not 0 < self.seconds <= LONGEST:
            raise SettingsError(f"seconds={self.seconds:g}: above 0, at most {LONGEST:g}; leave it out for no limit")
        if not 0 <= self.seed < 2**32:
            raise SettingsError(f"seed={self.seed}: from 0 to {2**32 - 1}, which every library takes")
        if self.device not in ("auto", "cpu", "gpu"):
            raise SettingsError(f'device={self.device!r}: "auto", "cpu" or "gpu"')

    def deciding(self) -> dict[str, Any]:
        """The settings that decide what a fit comes to, in plain values: all but where it is logged."""
        return {name: value for name, value in asdict(self).items() if name not in ("log", "log_folder")}

    @property
    def processes(self) -> int:
        """How many processes train."""
        return self.devices * self.num_nodes

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
    slot: Slot | None = None,
    log: FitLog | None = None,
) -> History:
    """Train in place and leave the weights of the best validation epoch, in every process that called.

    Without a slot and a log nothing is left on disk.

    Args:
        progress: show a bar with the remaining time, in a terminal or a notebook.
        watch: called after every epoch; True ends the fit. For fits in one process.
        slot: where to keep checkpoints, and to go on from the one that is there.
        log: what is written while it goes on; None for nothing.

    Raises:
        TrainingError: no windows, a loss that is not finite, or a process that was killed.
        SettingsError: devices that are not there, or checkpoints that cannot be written.
        Stopped: by Ctrl-C or SIGTERM, after a checkpoint was written to the slot.
    """
    keep_freed_memory()
    data.setup()
    deciders = _Deciders.of(training, len(data.split.validation) > 0, watch)
    ending = Ending(deciders.report)
    bars = [EpochBar(training.epochs, deciders.best)] if progress else []
    logs = [] if log is None else [EpochLog(log, deciders.losses, deciders.best)]
    callbacks = [*deciders.callbacks(), *bars, *logs, ending]
    accelerator = training.accelerator()
    strategy = choose(training.strategy, training.devices, training.num_nodes, accelerator)
    if training.precision == "64-true":
        module.double()  # or the weights of launched processes would come back in single precision
    if accelerator == "cpu":
        steps = data.window.context if isinstance(data.feed, Windowed) else data.pace.chunk
        cell = module.network.architecture
        require_batch_room(data.batch_rows, steps, cell.hidden_size * cell.layers)
    launches = strategy in LAUNCHES
    work = 0 if strategy in FORKS else data.batch_rows // training.processes * module.network.cell.hidden_size
    if slot is not None:
        require_alone(slot, launches or training.processes == 1)
        if (before := finished(slot, module)) is not None:
            return _history(before)
    with (
        quiet(),
        steady_threads(work, training.devices if launches else 1) as threads,
        advising(data.batch_rows),
        saving(slot, launches) as (savers, plugins, start),
    ):
        with ending.launched(threads) if launches else nullcontext():
            trainer = _trainer(training, accelerator, strategy, [*callbacks, *savers], plugins)
            trainer.fit(module, datamodule=data, ckpt_path=start)
        if slot is not None:
            keep_finished(slot, module, ending.value)
    return _history(ending.value)


@dataclass(frozen=True)
class _Deciders:
    """The callbacks that decide how a fit ends."""

    training: Training
    losses: FiniteLoss
    best: BestEpoch
    stopping: EarlyStopping | None
    clock: Clock | None
    watch: Watch | None

    @classmethod
    def of(cls, training: Training, validates: bool, watch: Callable[[Epoch], bool] | None) -> _Deciders:
        stopping = EarlyStopping("val_loss", patience=training.patience, check_finite=False) if validates else None
        clock = None if training.seconds is None else Clock(training.seconds)
        best = BestEpoch(losses := FiniteLoss())
        return cls(training, losses, best, stopping, clock, None if watch is None else Watch(best, watch))

    def callbacks(self) -> list[Callback]:
        return [each for each in (self.losses, self.best, self.stopping, self.clock, self.watch) if each is not None]

    def report(self) -> dict[str, Any]:
        """In plain values, how it ended."""
        epochs = [asdict(epoch) for epoch in self.best.history]
        return {"epochs": epochs, "best": self.best.number, "stopped": self._stopped(), "failure": self.best.failure}

    def _stopped(self) -> str:
        if self.watch is not None and self.watch.ended:
            return "whoever watched it"
        if self.stopping is not None and self.stopping.stopped_epoch:
            return f"no better validation loss for {self.training.patience} epochs"
        if self.clock is not None and self.clock.over:
            return f"the limit of {self.training.seconds:g} seconds"
        return f"all {self.training.epochs} epochs"


def _history(report: dict[str, Any]) -> History:
    if report["failure"]:
        raise TrainingError(report["failure"])
    return History(tuple(Epoch(**epoch) for epoch in report["epochs"]), report["best"], report["stopped"])


def _trainer(
    training: Training, accelerator: str, strategy: str, callbacks: list[Callback], plugins: list[CheckpointIO]
) -> pl.Trainer:
    validates = any(isinstance(each, EarlyStopping) for each in callbacks)
    return pl.Trainer(
        accelerator=accelerator,
        devices=training.devices,
        num_nodes=training.num_nodes,
        strategy=strategy,
        precision=training.precision,
        max_epochs=training.epochs,
        gradient_clip_val=training.clip or None,
        gradient_clip_algorithm=training.clip_by,
        callbacks=callbacks,
        logger=False,
        plugins=[*plugins] or None,
        enable_checkpointing=bool(plugins),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=None if validates else 0,
    )
