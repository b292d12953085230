"""Windowed fits through Lightning: resumed in mid-epoch they end bit for bit as if they had never stopped."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from forecast.data.panel import Panel
from forecast.nets.heads import Point
from forecast.nets.network import Architecture, Network
from forecast.training.datamodule import DataModule
from forecast.training.module import RecurrentModule
from forecast.windows.feeds import Windowed
from forecast.windows.gather import index_of
from forecast.windows.window import Window

WINDOW = Window(context=8, horizon=3)

pytestmark = [
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty:UserWarning"),
    pytest.mark.filterwarnings("ignore:The dirpath has changed from:UserWarning"),
]


def panel_of(missing: float = 0.1) -> Panel:
    random = np.random.default_rng(0)
    time = np.concatenate([np.arange(n) for n in (90, 41)])
    values = np.sin(time / 3) + 0.2 * random.normal(size=len(time))
    values[random.random(len(values)) < missing] = np.nan
    return Panel.from_arrays(values, time.astype("M8[h]"), (90, 41))


def made(missing: float = 0.1, dropout: float = 0.3, schedule: str = "constant") -> tuple[RecurrentModule, DataModule]:
    data = DataModule(panel_of(missing), WINDOW, Windowed(8))
    torch.manual_seed(0)
    network = Network(Architecture("lstm", hidden_size=4, dropout=dropout), data.sizes, Point())
    return RecurrentModule(network, learning_rate=1e-2, weight_decay=0.01, schedule=schedule), data


def trainer_of(folder, *callbacks, epochs: int = 3, **settings) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        callbacks=list(callbacks),
        enable_checkpointing=bool(callbacks),
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **{"num_sanity_val_steps": 0, "max_epochs": epochs} | settings,
    )


def saver(folder) -> ModelCheckpoint:
    return ModelCheckpoint(
        folder, filename="{step}", save_top_k=-1, save_on_train_epoch_end=False, every_n_train_steps=1
    )


def same_end(a: tuple[RecurrentModule, pl.Trainer], b: tuple[RecurrentModule, pl.Trainer]) -> bool:
    """Weights, momentum and the validation loss, bit for bit."""
    momenta = [
        [value for each in trainer.optimizers[0].state_dict()["state"].values() for value in each.values()]
        for _, trainer in (a, b)
    ]
    return (
        all(map(torch.equal, a[0].parameters(), b[0].parameters()))
        and all(map(torch.equal, *momenta))
        and float(a[1].callback_metrics["val_loss"]) == float(b[1].callback_metrics["val_loss"])
        and a[1].global_step == b[1].global_step
    )


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_fit_resumed_from_any_step_ends_as_if_it_had_never_stopped(tmp_path, schedule):
    module, data = made(schedule=schedule)
    trainer = trainer_of(tmp_path, saver(tmp_path / "whole"), val_check_interval=0.5)
    trainer.fit(module, datamodule=data)
    length = trainer.global_step // 3
    assert length > 8
    for stop in (1, length // 2, length, 2 * length + length // 3):
        again, data = made(schedule=schedule)
        torch.manual_seed(stop)  # another process has drawn other numbers
        resumed = trainer_of(tmp_path, saver(tmp_path / "rest"), val_check_interval=0.5)
        resumed.fit(again, datamodule=data, ckpt_path=tmp_path / "whole" / f"step={stop}.ckpt")
        assert same_end((module, trainer), (again, resumed)), f"resumed from step {stop} of {length} an epoch"


def test_a_resumed_fit_reads_the_batches_that_were_still_to_come(tmp_path):
    class Watch(pl.Callback):
        def __init__(self) -> None:
            self.seen = []

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            self.seen.append(batch.draw.index[:, 0].tolist())

    module, data = made()
    whole, rest = Watch(), Watch()
    trainer_of(tmp_path, saver(tmp_path / "whole"), whole).fit(module, datamodule=data)
    again, data = made()
    trainer_of(tmp_path, saver(tmp_path / "rest"), rest).fit(
        again, datamodule=data, ckpt_path=tmp_path / "whole" / "step=5.ckpt"
    )
    assert rest.seen == whole.seen[5:]


@torch.no_grad()
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_the_validation_loss_is_the_mean_over_observed_cells(tmp_path, missing):
    module, data = made(missing)
    (said,) = trainer_of(tmp_path, precision="64-true").validate(module, datamodule=data, verbose=False)
    rows, total, count = data.rows.to("cpu", torch.float64), 0.0, 0
    for first, series in index_of(data.panel, data.split.validation).tolist():
        past, target = rows.values[first - 8 : first], rows.values[first : first + 3]
        answer = module.network(past[None], torch.zeros(1, 3, 0, dtype=torch.float64), rows.static[[series]])
        seen = torch.ones(3, 1, dtype=torch.bool) if rows.seen is None else rows.seen[first : first + 3]
        total += float(((answer[0, ..., 0] - target) ** 2)[seen].sum())
        count += int(seen.sum())
    assert said["val_loss"] == pytest.approx(total / count, rel=1e-6)


@pytest.mark.parametrize("overfit", [0, 2])
def test_a_trainer_that_is_to_overfit_gets_the_same_batches_every_epoch(tmp_path, overfit):
    module, data = made()
    trainer = trainer_of(tmp_path, overfit_batches=overfit, limit_val_batches=0, epochs=1)
    trainer.fit(module, datamodule=data)
    loader = data.train_dataloader()
    first, second = ([draw.index.tolist() for draw in loader] for _ in range(2))
    assert (first == second) == bool(overfit)


def test_batches_are_cut_with_what_the_loader_said_of_them():
    _, data = made(0.3)
    for draw in data.train_dataloader():
        batch = data.on_after_batch_transfer(draw, 0)
        assert batch.draw is draw
        assert int(batch.target_seen.sum()) == draw.own == draw.cells
