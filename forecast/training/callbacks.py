"""Callbacks of a fit: watch the loss and the clock, keep the best epoch, show a bar.

All processes of a fit come to the same decisions at the same step: what they decide on is reduced first.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import Tensor
from tqdm import tqdm

CHECK_EVERY = 100
LOOK_EVERY = 10
REMEDY = "lower the learning rate, clip gradients (clip=1.0), or look for extreme values in the data"


@dataclass(frozen=True)
class Epoch:
    """One epoch of a fit; losses in the units of the head, `validation` is NaN without a validation span."""

    number: int
    training: float
    validation: float
    seconds: float


class FiniteLoss(Callback):
    """Stops a fit whose loss is no longer finite, instead of finishing with broken weights, and says so in `failure`.

    The loss is looked at every 100 steps and at each epoch's end, so that a GPU is not made to wait every step.

    Attributes:
        mean: loss of the last epoch, of all processes together.
    """

    def __init__(self) -> None:
        self.total: Tensor | None = None
        self.steps, self.mean = 0, float("nan")
        self.failure: str | None = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.total, self.steps, self.mean = None, 0, float("nan")

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

    def _check(self, trainer: pl.Trainer) -> None:
        if self.total is None or self.failure is not None:
            return
        self.mean = float(trainer.strategy.reduce(self.total.clone(), reduce_op="mean")) / self.steps
        if not math.isfinite(self.mean):
            self.failure = (
                f"the training loss is not finite in epoch {trainer.current_epoch + 1}, by step {self.steps}: {REMEDY}"
            )
            trainer.should_stop = True


class Clock(Callback):
    """Stops a fit after some seconds, all processes at the same step.

    Attributes:
        over: whether it did.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.started, self.over = seconds, 0.0, False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.started = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.world_size == 1 or (batch_idx + 1) % LOOK_EVERY == 0:
            self._look(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._look(trainer)

    def _look(self, trainer: pl.Trainer) -> None:
        mine = time.monotonic() - self.started >= self.seconds
        if trainer.strategy.reduce_boolean_decision(mine, all=False):
            self.over = trainer.should_stop = True


class BestEpoch(Callback):
    """Remembers the losses of every epoch and the weights of the best one, in memory, and puts them back at the end.

    Attributes:
        history: one entry an epoch.
        number: of the best epoch; of the last one where there was no validation.
    """

    def __init__(self, losses: FiniteLoss) -> None:
        self.losses = losses
        self.history: list[Epoch] = []
        self.best: tuple[float, int, dict[str, Tensor]] | None = None
        self.started, self.validation, self.validated = 0.0, float("nan"), 0

    @property
    def number(self) -> int:
        return len(self.history) if self.best is None else self.best[1]

    @property
    def failure(self) -> str | None:
        """What went wrong if there was a validation loss and it was never finite."""
        if self.best is None and self.validated:
            return f"the validation loss was not finite in any epoch: {REMEDY}"
        return None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.started = time.monotonic()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validation = float("nan")  # an epoch cut short by the clock has none

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validation = float(trainer.callback_metrics["val_loss"])
        self.validated += 1

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        validation, number = self.validation, trainer.current_epoch + 1
        self.history.append(Epoch(number, self.losses.mean, validation, time.monotonic() - self.started))
        if math.isfinite(validation) and (self.best is None or validation < self.best[0]):
            weights = {name: value.detach().cpu().clone() for name, value in pl_module.state_dict().items()}
            self.best = (validation, number, weights)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.best is not None:
            pl_module.load_state_dict(self.best[2])


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
        self.epochs = epochs
        self.bar: tqdm | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        silent = not (trainer.is_global_zero and sys.stderr.isatty())
        self.bar = tqdm(total=self.epochs, unit="epoch", leave=False, disable=silent)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert self.bar is not None
        loss = trainer.callback_metrics.get("val_loss")
        if loss is not None:
            self.bar.set_postfix_str(f"validation loss {float(loss):.4g}")
        self.bar.update()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
