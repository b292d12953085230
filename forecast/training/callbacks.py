"""Callbacks of a fit: keep the best epoch, stop at a loss that is not finite, show a bar."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor
from tqdm import tqdm

from forecast.errors import TrainingError

CHECK_EVERY = 100


@dataclass(frozen=True)
class Epoch:
    """One epoch of a fit; losses in the units of the head, `validation` is NaN without a validation span."""

    number: int
    training: float
    validation: float
    seconds: float


class FiniteLoss(Callback):
    """Stops a fit whose loss is no longer finite, instead of finishing with broken weights.

    The loss is looked at every 100 steps and at each epoch's end, so that a GPU is not made to wait every step.
    """

    def __init__(self) -> None:
        self.total: Tensor | None = None
        self.steps = 0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.total, self.steps = None, 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if outputs["idle"]:  # a stream's burn-in, without loss
            return
        loss = outputs["loss"].detach()
        self.total = loss if self.total is None else self.total + loss
        self.steps += 1
        if self.steps % CHECK_EVERY == 0:
            self._check(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._check(trainer)

    def mean(self) -> float:
        """Mean loss of the epoch so far."""
        return float(self.total) / self.steps if self.total is not None else float("nan")

    def _check(self, trainer: pl.Trainer) -> None:
        if self.total is not None and not torch.isfinite(self.total):
            raise TrainingError(
                f"the training loss is not finite in epoch {trainer.current_epoch + 1}, by step {self.steps}: "
                "lower the learning rate, clip gradients (clip=1.0), or look for extreme values in the data"
            )


class BestEpoch(Callback):
    """Remembers the losses of every epoch and the weights of the best one, in memory."""

    def __init__(self, losses: FiniteLoss) -> None:
        self.losses = losses
        self.history: list[Epoch] = []
        self.best: tuple[float, int, dict[str, Tensor]] | None = None
        self.started, self.validation, self.validated = 0.0, float("nan"), 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.started = time.monotonic()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validation = float("nan")  # an epoch cut short by the clock has none

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validation = float(trainer.callback_metrics["val_loss"])
        self.validated += 1

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        validation, number = self.validation, trainer.current_epoch + 1
        self.history.append(Epoch(number, self.losses.mean(), validation, time.monotonic() - self.started))
        if math.isfinite(validation) and (self.best is None or validation < self.best[0]):
            weights = {name: value.detach().cpu().clone() for name, value in pl_module.state_dict().items()}
            self.best = (validation, number, weights)

    def restore(self, module: pl.LightningModule) -> int:
        """Put the best weights back and return their epoch; the last epoch's where there was no validation.

        Raises:
            TrainingError: there was, and its loss was never finite.
        """
        if self.best is None and self.validated:
            raise TrainingError(
                "the validation loss was not finite in any epoch: lower the learning rate, clip gradients (clip=1.0), "
                "or look for extreme values in the data"
            )
        if self.best is None:
            return len(self.history)
        module.load_state_dict(self.best[2])
        return self.best[1]


class Watch(Callback):
    """Lets somebody look at every epoch and end the fit.

    Args:
        best: has noted the epoch before.
        watch: True ends the fit after this epoch.
    """

    def __init__(self, best: BestEpoch, watch: Callable[[Epoch], bool]) -> None:
        self.best, self.watch = best, watch
        self.ended = False

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.ended = self.watch(self.best.history[-1])
        trainer.should_stop = trainer.should_stop or self.ended


class EpochBar(Callback):
    """One line on stderr: epochs done, validation loss, remaining time. Silent when stderr is not a terminal."""

    def __init__(self, epochs: int) -> None:
        self.bar = tqdm(total=epochs, unit="epoch", leave=False, disable=not sys.stderr.isatty())

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        loss = trainer.callback_metrics.get("val_loss")
        if loss is not None:
            self.bar.set_postfix_str(f"validation loss {float(loss):.4g}")
        self.bar.update()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.bar.close()
