"""The one Lightning module: a thin layer around a network whose head owns its loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from forecast.errors import SettingsError, TrainingError
from forecast.nets.memory import Memory, renewed
from forecast.nets.network import Network
from forecast.nets.recursive import says
from forecast.nets.renewal import read_on
from forecast.training.placement import Ahead
from forecast.training.resume import packed, unpacked
from forecast.training.running import recursive, run_chunk, run_windows, taught
from forecast.training.settings import Schedule
from forecast.windows.batches import Batches, Draw
from forecast.windows.gather import Batch, Chunk
from forecast.windows.stream import Stream, Turn

Stage = Literal["train", "validation", "predict"]
KEY = "forecast"
LOADERS = (Batches, Stream, Ahead)


class RecurrentModule(pl.LightningModule):
    """Trains a network on batches of windows or turns of a stream. Use it with your own `Trainer` and callbacks.

    On a stream it remembers what the lanes carry from turn to turn, apart for training, validation and prediction;
    gradients stop between turns. A checkpoint holds the place in the pass, the training memory and the random state, so
    that a resumed fit goes on bit for bit (on a CPU).

    Args:
        network: what is trained.
        learning_rate: of Adam.
        weight_decay: decoupled (AdamW); 0 for plain Adam.
        schedule: "constant", or "cosine" to let the learning rate fall to 0 over all epochs.

    Logs `val_loss`, in squared (absolute, ...) standard deviations of the series. A recursive network is validated
    running free along the whole horizon: by its head's loss where it has one path, else by the CRPS of its paths.
    """

    def __init__(
        self,
        network: Network,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
    ) -> None:
        super().__init__()
        self.network = network
        self.learning_rate, self.weight_decay, self.schedule = learning_rate, weight_decay, schedule
        self.carried: dict[Stage, Memory] = {}
        self._learnt = False
        self._resumed: dict[str, Any] | None = None
        self._sum: Tensor | None = None
        self._count = 0

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning notes the name of the running hook some forty times a step; torch's own setter would look through
        # parameters, buffers and modules each time, which is a tenth of Lightning's whole cost on a small network.
        if name == "_current_fx_name":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def forward(self, batch: Batch) -> Tensor:
        """Parameters of the head [origin, step, target, width] in scaled units, for windows."""
        return self._raw(batch, "predict")

    def _raw(self, batch: Batch | Chunk, stage: Stage) -> Tensor:
        runs = stage != "train" and recursive(self.network)
        if isinstance(batch, Batch):
            return (
                run_windows(self.network, batch, judged=stage == "validation") if runs else taught(self.network, batch)
            )
        if runs:
            carried = self._memory(batch, stage)
            said, memory = run_chunk(self.network, batch, carried, judged=stage == "validation")
            self.carried[stage] = memory.detach()
            return said
        rows = (batch.past, batch.static, self._memory(batch, stage), batch.past_seen)
        reading, memory = read_on(self.network, *rows) if stage == "predict" else self.network.read(*rows)
        self.carried[stage] = memory.detach()
        if stage == "train":
            return self.network.answer(reading.everywhere(), batch.future)
        lane, step = batch.turn.asked.nonzero(as_tuple=True)
        return self.network.answer(reading.at(lane, step), batch.future[batch.turn.asked.flatten()])

    def _memory(self, chunk: Chunk, stage: Stage) -> Memory:
        """What the lanes carry into a turn: fresh ones begin anew."""
        if not chunk.turn.first:
            memory = self.carried.get(stage)
            if memory is None or len(memory.recent) != len(chunk.past):
                raise TrainingError(
                    "a stream was entered in the middle and these lanes carry no state; begin a new pass (or resume "
                    "with as many lanes and processes as the checkpoint was made with)"
                )
            if chunk.before is None or chunk.weight is None or chunk.fresh is None:
                return memory
            return renewed(memory, self.network.begin(chunk.before, chunk.weight), chunk.fresh)
        assert chunk.before is not None  # every lane of a first turn is fresh
        assert chunk.weight is not None
        return self.network.begin(chunk.before, chunk.weight)

    def _loss(self, batch: Batch | Chunk, stage: Stage) -> Tensor:
        """Mean over the observed cells that count, in every process together."""
        raw, target, seen, last = self._raw(batch, stage), batch.target, batch.target_seen, batch.last
        if isinstance(batch, Chunk) and stage != "train":
            asked = batch.turn.asked.flatten()
            target, seen, last = target[asked], None if seen is None else seen[asked], last[asked]
        if stage == "train" and raw.shape[1] < target.shape[1]:  # one step is taught
            target, seen = target[:, : raw.shape[1]], None if seen is None else seen[:, : raw.shape[1]]
        head = self.network.head if stage == "train" else says(self.network.architecture.decoder, self.network.head)
        loss, said = head.loss(raw, target, seen, last), _said(batch)
        return loss * said.share if said is not None and said.world > 1 else loss

    def training_step(self, batch: Batch | Chunk, batch_idx: int) -> dict[str, Any]:
        return {"loss": self._loss(batch, "train"), "idle": _idle(batch)}

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """Step, unless no turn since the last step had a loss (a burn-in): momentum alone would move the weights."""
        if self._learnt or optimizer_closure is None:
            optimizer.step(closure=optimizer_closure)
        else:
            optimizer_closure()
            optimizer.zero_grad()
            getattr(optimizer, "optimizer", optimizer).step()  # without gradients: only schedulers hear of it
        self._learnt = False

    def on_validation_epoch_start(self) -> None:
        self._sum, self._count = None, 0
        self.carried.pop("validation", None)

    def validation_step(self, batch: Batch | Chunk, batch_idx: int) -> None:
        said = _said(batch)
        self._count += (weight := len(batch.past) if said is None else said.cells)
        if said is None or said.own:
            loss = self._loss(batch, "validation").detach() * weight
            self._sum = loss if self._sum is None else self._sum + loss
        elif isinstance(batch, Chunk):
            self._raw(batch, "validation")  # only read: the rows that warm the state

    def on_validation_epoch_end(self) -> None:
        self.carried.pop("validation", None)
        mine = torch.zeros(2, dtype=torch.float64, device=self.device)
        if self._sum is not None:
            mine[0] = self._sum
        mine[1] = self._count
        total, count = self.trainer.strategy.reduce(mine, reduce_op="sum")
        if self._count:
            self.log("val_loss", (total / count).float(), sync_dist=True)

    def on_predict_epoch_start(self) -> None:
        self.carried.pop("predict", None)

    def predict_step(self, batch: Batch | Chunk, batch_idx: int) -> Tensor:
        return self._raw(batch, "predict")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[KEY] = packed(self.carried.get("train"), self.trainer.world_size)
        loader = self.trainer.train_dataloader
        if isinstance(loader, LOADERS):
            checkpoint[KEY]["loader"] = loader.state_dict()

    def setup(self, stage: str) -> None:
        self._resumed = None  # of a fit that ended before it began

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what a fit goes on from, where it is a fit that loads: weights alone begin a new one."""
        if self._trainer is not None and self._trainer.state.fn == TrainerFn.FITTING:
            self._resumed = checkpoint.get(KEY)

    def on_train_start(self) -> None:
        """Set a resumed loader to where it stood; Lightning forgets to if anything asked for its length before."""
        loader, state = self.trainer.train_dataloader, (self._resumed or {}).get("loader")
        if isinstance(loader, LOADERS) and state is not None:
            over = state["position"] >= self.trainer.num_training_batches  # a pass may be cut short by the Trainer
            loader.load_state_dict(state | {"position": len(loader)} if over else state)
        if self.trainer.global_rank:  # or dropout would leave out the same units in every part of a batch
            torch.manual_seed(torch.initial_seed() + self.trainer.global_rank)

    def on_train_batch_start(self, batch: Batch | Chunk, batch_idx: int) -> None:
        self._learnt = self._learnt or not _idle(batch)  # here, since the optimizer calls training_step, not vice versa
        if self._resumed is not None:  # only now: Lightning draws random numbers of its own while it starts
            memory = unpacked(self._resumed, self.trainer.global_rank, self.trainer.world_size, self.device)
            if memory is not None:
                self.carried["train"] = memory
            self._resumed = None

    def configure_optimizers(self) -> Any:
        # Lightning refuses to clip gradients under float16 scaling when the optimizer is fused.
        fused = "16-mixed" not in str(self.trainer.precision) or "bf16" in str(self.trainer.precision)
        kind = torch.optim.AdamW if self.weight_decay else torch.optim.Adam
        optimizer = kind(self.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay, fused=fused)
        if self.schedule == "constant":
            return optimizer
        steps = self.trainer.estimated_stepping_batches
        if math.isinf(steps):
            raise SettingsError('schedule="cosine" falls to 0 at the end of training; give the Trainer max_epochs')
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, int(steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": falling, "interval": "step"}}


def _said(batch: Batch | Chunk) -> Draw | Turn | None:
    """What the loader said of a batch."""
    return batch.turn if isinstance(batch, Chunk) else batch.draw


def _idle(batch: Batch | Chunk) -> bool:
    """A turn of a stream without any loss: burn-in."""
    return isinstance(batch, Chunk) and batch.turn.cells == 0
