"""Fit: the Trainer that settings make, early stopping with the best epoch restored, and loud failures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, EarlyStopping
from pytorch_lightning.plugins.io import CheckpointIO

from forecast.errors import TrainingError
from forecast.training.allocator import keep_freed_memory, steady_threads
from forecast.training.callbacks import BestEpoch, Clock, EpochBar, FiniteLoss, Watch
from forecast.training.checkpoint import Slot
from forecast.training.datamodule import DataModule
from forecast.training.history import Epoch, History
from forecast.training.loggers import EpochLog
from forecast.training.logs import FitLog
from forecast.training.module import RecurrentModule
from forecast.training.processes import FORKS, LAUNCHES, Ending, choose
from forecast.training.quiet import quiet
from forecast.training.room import advising, require_batch_room
from forecast.training.saving import finished, keep_finished, require_alone, saving
from forecast.training.settings import Training
from forecast.windows.feeds import Windowed


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
