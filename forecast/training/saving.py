"""Saving: a fit keeps checkpoints while it goes on, writes one when it is stopped, and goes on from the last one."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, Checkpoint
from pytorch_lightning.plugins.io import CheckpointIO

from forecast.errors import SettingsError
from forecast.training.callbacks import LOOK_EVERY
from forecast.training.checkpoint import Slot, read_checkpoint, write_checkpoint
from forecast.training.module import RecurrentModule
from forecast.training.processes import started_outside
from forecast.work.stopping import Stopped, heeding, held, take_signals

DONE = "finished"


class Saver(Checkpoint):
    """Writes a checkpoint at the end of every epoch, every so often within, and when somebody stops the fit.

    Lightning calls it after all other callbacks. In several processes all write at the same step; the first one's file
    holds the memory and the random state of all. An epoch that ends the fit needs none: what the fit came to follows.

    Args:
        asked: which signal has come, None for none.
    """

    def __init__(self, slot: Slot, asked: Callable[[], int | None] | None) -> None:
        self.slot, self.asked = slot, asked
        self.since, self.steps = 0.0, 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.since = time.monotonic()
        if self.asked is not None:
            take_signals()  # Lightning has its own handlers by now, and they save nothing

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.steps += 1
        if trainer.is_last_batch:  # a resumed Trainer would leave out what happens at the epoch's end, which is near
            return
        stop = None if self.asked is None else self.asked()
        if self._due(trainer, batch_idx) or stop is not None:
            self._save(trainer, stop)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch + 1 != trainer.max_epochs:
            self._save(trainer, None if self.asked is None else self.asked())

    def _due(self, trainer: pl.Trainer, batch_idx: int) -> bool:
        run = self.slot.folder.run
        if run.steps is not None:
            return self.steps % run.steps == 0
        mine = time.monotonic() - self.since >= run.seconds
        if trainer.world_size == 1:
            return mine
        return (batch_idx + 1) % LOOK_EVERY == 0 and trainer.strategy.reduce_boolean_decision(mine, all=False)

    def _save(self, trainer: pl.Trainer, stop: int | None) -> None:
        if trainer.should_stop:
            return
        trainer.save_checkpoint(self.slot.path)
        self.since = time.monotonic()
        if stop is not None:
            raise Halt(stop)


class WholeFiles(CheckpointIO):
    """Lets a Trainer write and read checkpoints as ours."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write one."""
        write_checkpoint(Path(path), checkpoint)

    def load_checkpoint(self, path: Any, map_location: Any | None = None, weights_only: bool | None = None) -> Any:
        """Read one; nothing in it can run code, whatever is asked for."""
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        """Remove one."""
        Path(path).unlink(missing_ok=True)


class Halt(Exception):
    """Brings a signal out of a Trainer, which would make an exit of a KeyboardInterrupt.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number


@contextmanager
def saving(slot: Slot | None, launches: bool) -> Iterator[tuple[list[Callback], list[CheckpointIO], str | None]]:
    """Callbacks and plugins of a Trainer whose fit keeps checkpoints, and the one that it goes on from.

    Processes that a fit has launched are ended with it by a signal, and their last checkpoint is what is kept.

    Raises:
        Stopped: by a signal, after a checkpoint was written.
    """
    if slot is None:
        yield [], [], None
        return
    start = str(slot.path) if slot.path.exists() else None
    slot.folder.log(f"{slot.name}: " + ("goes on from its checkpoint" if start else "begins"))
    with heeding():
        if launches:
            try:
                yield [Saver(slot, None)], [WholeFiles()], start
            finally:
                for child in multiprocessing.active_children():
                    child.kill()
            return
        try:
            with held() as asked:
                yield [Saver(slot, asked)], [WholeFiles()], start
        except Halt as halt:
            slot.folder.log(f"{slot.name}: stopped, a checkpoint is kept")
            raise Stopped(halt.number) from None


def finished(slot: Slot, module: RecurrentModule) -> dict[str, Any] | None:
    """What this fit came to, if it has ended before; the module gets its weights."""
    found = read_checkpoint(slot.path) if slot.path.exists() else {}
    if DONE not in found:
        return None
    module.load_state_dict(found["weights"])
    slot.folder.log(f"{slot.name}: was finished before")
    return found[DONE]


def keep_finished(slot: Slot, module: RecurrentModule, report: dict[str, Any]) -> None:
    """Keep what a fit came to, until its run has finished: a run may hold many fits."""
    if not started_outside():
        write_checkpoint(slot.path, {DONE: report, "weights": module.state_dict()})
        slot.folder.log(f"{slot.name}: finished")


def require_alone(slot: Slot, own: bool) -> None:
    """Refuse checkpoints of a fit whose processes somebody else starts: they would meet at no common file.

    Args:
        own: one process, or several that the fit starts itself.
    """
    if not own or started_outside():
        raise SettingsError(
            f"{slot.folder.directory}: checkpoints are kept of fits in one process, or in processes that a fit starts "
            'itself (devices=N, strategy="auto" without torchrun or SLURM); fit without a run folder, or use your own '
            "Trainer with its ModelCheckpoint"
        )
