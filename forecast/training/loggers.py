"""Loggers: the callback that writes the log of a fit, at the end of every epoch."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from forecast.errors import RunError
from forecast.training.callbacks import BestEpoch
from forecast.training.finite import FiniteLoss
from forecast.training.logs import FitLog
from forecast.training.sinks import Sink


class EpochLog(Callback):
    """Writes losses, learning rate and norm of the gradient at the end of every epoch, in the first process alone.

    Args:
        log: where.
        losses, best: have noted the epoch before.
    """

    def __init__(self, log: FitLog, losses: FiniteLoss, best: BestEpoch) -> None:
        self.written, self.losses, self.best = log, losses, best
        self.sinks: list[Sink] = []
        self.norm: Tensor | None = None
        self.steps = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            self.sinks = self.written.sinks(len(self.best.history))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.sinks and self.losses.norm is not None and not outputs["idle"]:
            norm = self.losses.norm.detach()
            self.norm = norm.clone() if self.norm is None else self.norm + norm
            self.steps += 1

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self.sinks:
            return
        last = self.best.history[-1]
        figures = {
            "train_loss": last.training,
            "val_loss": last.validation,
            "learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
            "gradient_norm": math.nan if self.norm is None else float(self.norm) / self.steps,
            "seconds": last.seconds,
        }
        self.norm, self.steps = None, 0
        known = {name: value for name, value in figures.items() if math.isfinite(value)}
        for sink in self.sinks:
            try:
                sink.add(last.number, known)
            except Exception as error:  # of three foreign libraries; a fit does not go on half logged
                raise RunError(f"{sink.where}: the log cannot be written ({error})") from error

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._close(True)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._close(False)

    def _close(self, well: bool) -> None:
        best = math.nan if self.best.best is None else self.best.best[0]
        sinks, self.sinks = self.sinks, []
        for sink in sinks:
            sink.close(best, well)
