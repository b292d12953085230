"""Callbacks of a fit: watch the loss and the clock, keep the best epoch, show a bar.

All processes of a fit come to the same decisions at the same step: what they decide on is reduced first.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import Tensor
from tqdm import tqdm

from forecast.errors import TrainingError
from forecast.training.finite import REMEDY, FiniteLoss
from forecast.training.history import Epoch
from forecast.work.bars import bar

LOOK_EVERY = 10
FORM = "{desc} |{bar:24}| {elapsed} gone, at most {remaining} left{postfix}"


class Clock(Callback):
    """Stops a fit after some seconds, all processes at the same step.

    Attributes:
        over: whether it did.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.started, self.over, self.before = seconds, 0.0, False, 0.0

    def state_dict(self) -> dict[str, Any]:
        """The time that a resumed fit has had."""
        return {"seconds": time.monotonic() - self.started}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.before = state_dict["seconds"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.started = time.monotonic() - self.before

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
        self.started, self.validation, self.validated, self.before = 0.0, float("nan"), 0, 0.0

    def state_dict(self) -> dict[str, Any]:
        """What a resumed fit goes on from: the epochs and their best weights."""
        history, seconds = [asdict(epoch) for epoch in self.history], time.monotonic() - self.started
        return {"history": history, "best": self.best, "validated": self.validated, "seconds": seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history = [Epoch(**epoch) for epoch in state_dict["history"]]
        self.best, self.validated, self.before = (state_dict[name] for name in ("best", "validated", "seconds"))

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
        self.started = time.monotonic() - self.before

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validation = float(trainer.callback_metrics["val_loss"])
        self.validated += 1

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        validation, number = self.validation, trainer.current_epoch + 1
        self.history.append(Epoch(number, self.losses.mean, validation, time.monotonic() - self.started))
        if math.isfinite(validation) and (self.best is None or validation < self.best[0]):
            weights = {name: value.detach().cpu().clone() for name, value in pl_module.state_dict().items()}
            self.best = (validation, number, weights)
        self.validation = float("nan")  # an epoch cut short by the clock has none

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.best is not None:
            pl_module.load_state_dict(self.best[2])

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if isinstance(exception, TrainingError):  # the best weights survive a loss that is not finite
            self.on_train_end(trainer, pl_module)


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
    """One line: the epoch and how far it is, both losses, remaining time. Silent where nobody looks.

    Args:
        epochs: at most.
        best: has noted the epoch before.
    """

    def __init__(self, epochs: int, best: BestEpoch) -> None:
        self.epochs, self.best = epochs, best
        self.bar: tqdm | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        done = trainer.current_epoch
        alone = trainer.world_size == 1
        self.bar = bar(self.epochs, FORM, trainer.is_global_zero, min(done, self.epochs), widgets=alone)
        self._say(done)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.bar is not None and math.isfinite(trainer.num_training_batches):
            reached = trainer.current_epoch + (batch_idx + 1) / trainer.num_training_batches
            self.bar.update(min(reached, self.epochs) - self.bar.n)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._say(trainer.current_epoch + 1)

    def _say(self, done: int) -> None:
        """The epoch under way, and the losses of the one before."""
        assert self.bar is not None
        self.bar.set_description_str(f"epoch {min(done + 1, self.epochs)}/{self.epochs}", refresh=False)
        if self.best.history:
            last = self.best.history[-1]
            checked = f", validation {last.validation:.4g}" if math.isfinite(last.validation) else ""
            best = f" (best {self.best.best[0]:.4g} in epoch {self.best.number})" if self.best.best else ""
            self.bar.set_postfix_str(f"loss {last.training:.4g}{checked}{best}", refresh=False)
        self.bar.refresh()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
