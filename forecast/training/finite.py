"""Finite: a fit whose loss or gradient is no longer finite ends before the step that would break its weights."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn
from torch.optim import Optimizer

from forecast.errors import TrainingError
from forecast.training.datamodule import DataModule
from forecast.windows.batches import Draw
from forecast.windows.gather import Batch, Chunk
from forecast.windows.stream import Turn

CHECK_EVERY = 100
KEY = "forecast losses"
REMEDY = "lower the learning rate, clip gradients (clip=1.0), or look for extreme values in the data"
MOST_NAMED = 3


class FiniteLoss(Callback):
    """Ends a fit before a step by a loss or gradient that is not finite; the weights stay what they were.

    On a CPU every step is looked at. A GPU is asked every 100 steps, so that it is not waited for; from the first
    wrong step on its optimizer does nothing. Under float16 scaling gradients may overflow: the scaler sees to these.

    Attributes:
        mean: loss of the last epoch, of all processes together.

    Raises:
        TrainingError: names the batch, its series with the largest inputs and the norm of the gradient.
    """

    def __init__(self) -> None:
        self.total: Tensor | None = None
        self.steps, self.mean = 0, float("nan")
        self.wrong: Tensor | None = None  # step, loss and norm of the first wrong step, on a GPU
        self.recent: deque[tuple[int, Batch | Chunk]] = deque(maxlen=CHECK_EVERY + 1)
        self.loss: Tensor | None = None
        self.norm: Tensor | None = None  # of the gradient of the last step, before it is clipped

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the loss of the epoch so far, that of each process."""
        totals: list[Tensor | None] = [self.total]
        if trainer.world_size > 1:
            totals *= trainer.world_size
            dist.all_gather_object(totals, None if self.total is None else self.total.cpu())
        checkpoint[KEY] = {"totals": totals, "steps": self.steps}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        totals, self.steps = checkpoint[KEY]["totals"], checkpoint[KEY]["steps"]
        self.total = totals[min(trainer.global_rank, len(totals) - 1)]

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.recent.append((batch_idx, batch))

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        self.loss = loss.detach()

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        if self.loss is None:
            return
        norm, place = _norm(pl_module), self.recent[-1][0]
        self.norm = norm
        if not getattr(optimizer, "defaults", {}).get("fused"):  # float16 scaling: its scaler looks at gradients
            return
        if norm.device.type == "cpu":
            if not (math.isfinite(loss := float(self.loss)) and math.isfinite(float(norm))):
                self._end(trainer, place, loss, float(norm))
            return
        self._guard(optimizer, place, norm)
        if (place + 1) % CHECK_EVERY == 0:
            self._look(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if outputs["idle"]:  # a stream's burn-in, without loss
            return
        loss = outputs["loss"].detach()
        self.total = loss if self.total is None else self.total.to(loss.device) + loss
        self.steps += 1

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._look(trainer)
        if self.total is not None:
            self.mean = float(trainer.strategy.reduce(self.total.clone(), reduce_op="mean")) / self.steps
            if not math.isfinite(self.mean):
                raise TrainingError(f"the training loss is not finite in epoch {trainer.current_epoch + 1}: {REMEDY}")
            self.total, self.steps = None, 0  # here and not when an epoch begins: a resumed one does not say so
        if not all(bool(torch.isfinite(weight).all()) for weight in pl_module.parameters()):
            raise TrainingError(f"weights are not finite after epoch {trainer.current_epoch + 1}: {REMEDY}")

    def _guard(self, optimizer: Optimizer, place: int, norm: Tensor) -> None:
        """Let a fused optimizer skip this step and all later ones if it is wrong, without asking the device."""
        assert self.loss is not None
        if self.wrong is None:
            self.wrong = torch.full((3,), -1.0, device=norm.device)
        now = torch.stack([torch.full_like(norm, place), self.loss.to(norm.dtype), norm]).float()
        broken = ~(torch.isfinite(self.loss) & torch.isfinite(norm))
        self.wrong = torch.where((self.wrong[0] < 0) & broken, now, self.wrong)
        inner = getattr(optimizer, "optimizer", optimizer)
        inner.found_inf = (self.wrong[0] >= 0).float()  # pyrefly: ignore[missing-attribute]

    def _look(self, trainer: pl.Trainer) -> None:
        if self.wrong is not None and (found := self.wrong.tolist())[0] >= 0:
            self._end(trainer, int(found[0]), found[1], found[2])

    def _end(self, trainer: pl.Trainer, place: int, loss: float, norm: float) -> None:
        batch = next((batch for number, batch in self.recent if number == place), None)
        data = getattr(trainer, "datamodule", None)
        who = _largest(data, batch) if isinstance(data, DataModule) and batch is not None else ""
        what = "the gradient is not finite" if math.isfinite(loss) else f"the training loss is not finite ({loss})"
        raise TrainingError(
            f"{what} in epoch {trainer.current_epoch + 1}, batch {place + 1}; the norm of the gradient is {norm:.3g}, "
            f"and the step was not made{who}: {REMEDY}"
        )


def _norm(module: nn.Module) -> Tensor:
    gradients = [weight.grad for weight in module.parameters() if weight.grad is not None]
    return torch.nn.utils.get_total_norm(gradients) if gradients else torch.zeros(())


def _largest(data: DataModule, batch: Batch | Chunk) -> str:
    """The series of a batch whose inputs lie furthest out, in the units of their training standard deviations."""
    said = batch.turn if isinstance(batch, Chunk) else batch.draw
    if not isinstance(said, Draw | Turn):
        return ""
    sizes = batch.past.detach().abs().flatten(1).nan_to_num(nan=math.inf).amax(dim=1).cpu()
    series = said.index[:, 1].cpu()
    far = dict.fromkeys(data.panel.named(int(series[i])) for i in (sizes == sizes.max()).nonzero().flatten().tolist())
    named = ", ".join(list(far)[:MOST_NAMED])
    return f"; its largest input, {float(sizes.max()):.3g} training standard deviations, is in {named}"
