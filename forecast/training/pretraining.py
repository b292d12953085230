"""Pre-training: the Lightning module of tasks that need no labels."""

from __future__ import annotations

from torch import Tensor

from forecast.nets.tasks import NextStep, Reconstruction
from forecast.training.module import RecurrentModule, Stage
from forecast.training.settings import Schedule
from forecast.windows.gather import Batch, Chunk


class PretrainingModule(RecurrentModule):
    """Trains a task on windows one row longer than the context of its network.

    Args:
        task: what is learned.
        learning_rate: of Adam.
        weight_decay: decoupled (AdamW); 0 for plain Adam.
        schedule: "constant" or "cosine".

    Logs `val_loss`, in squared standard deviations of the series. Several processes weigh their parts of a batch by the
    targets that are observed ahead, so where cells are missing they end near the weights of one process, not at them.
    """

    def __init__(
        self,
        task: NextStep | Reconstruction,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
    ) -> None:
        super().__init__(task.network, learning_rate, weight_decay, schedule)
        self.task = task

    def _loss(self, batch: Batch | Chunk, stage: Stage) -> Tensor:
        assert isinstance(batch, Batch)  # of a windowed feed
        loss = self.task(batch.past, batch.static, batch.past_seen)
        return loss * batch.draw.share if batch.draw is not None and batch.draw.world > 1 else loss
