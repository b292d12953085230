"""The one Lightning module: a thin layer around a network whose head owns its loss."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from forecast.nets.network import Network
from forecast.windows.gather import Batch


class RecurrentModule(pl.LightningModule):
    """Trains a network on batches of windows. Use it with your own `Trainer`, loggers and callbacks.

    Args:
        network: what is trained.
        learning_rate: of Adam.
        weight_decay: decoupled (AdamW); 0 for plain Adam.

    Logs `train_loss` and `val_loss`, in squared (absolute, ...) standard deviations of the series.
    """

    def __init__(self, network: Network, learning_rate: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__()
        self.network = network
        self.learning_rate, self.weight_decay = learning_rate, weight_decay

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning notes the name of the running hook some forty times a step; torch's own setter would look through
        # parameters, buffers and modules each time, which is a tenth of Lightning's whole cost on a small network.
        if name == "_current_fx_name":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def forward(self, batch: Batch) -> Tensor:
        """Forecast values [origin, step, target, value] in scaled units."""
        return self.network.head.values(self._raw(batch))

    def _raw(self, batch: Batch) -> Tensor:
        return self.network(batch.past, batch.future, batch.static, batch.past_seen)

    def _loss(self, batch: Batch) -> Tensor:
        return self.network.head.loss(self._raw(batch), batch.target, batch.target_seen)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return self._loss(batch)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.log("val_loss", self._loss(batch), on_epoch=True, batch_size=len(batch.past), sync_dist=True)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return self(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        # Lightning refuses to clip gradients under float16 scaling when the optimizer is fused.
        fused = "16-mixed" not in str(self.trainer.precision) or "bf16" in str(self.trainer.precision)
        kind = torch.optim.AdamW if self.weight_decay else torch.optim.Adam
        return kind(self.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay, fused=fused)
