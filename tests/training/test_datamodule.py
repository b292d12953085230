"""The data module: frames and panels become loaders of integers, on one process or several."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import TrainingError
from forecast.testing import sample_panel
from forecast.training.datamodule import DataModule
from forecast.windows.feeds import Windowed
from forecast.windows.gather import Batch, index_of
from forecast.windows.window import Window


def frame(rows: int = 60) -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=rows, freq="D")
    random = np.random.default_rng(0)
    parts = [
        pd.DataFrame(
            {"day": days, "shop": shop, "sold": random.normal(10, 2, rows), "visitors": random.normal(size=rows)}
        )
        for shop in ("north", "south")
    ]
    return pd.concat(parts, ignore_index=True)


def test_a_frame_and_a_schema_are_enough():
    schema = Schema(time="day", targets=["sold"], series="shop", past=["visitors"])
    data = DataModule(frame(), Window(6, 2), schema=schema)
    data.setup()
    assert data.panel.series == ("north", "south")
    assert (data.sizes.context, data.sizes.horizon, data.sizes.targets, data.sizes.past) == (6, 2, 1, 1)
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert isinstance(batch, Batch)
    assert batch.past.shape == (64, 6, 2)
    assert batch.target.shape == (64, 2, 1)


def test_only_integers_travel_through_the_loaders():
    data = DataModule(sample_panel(6, 2), Window(6, 2), Windowed(16))
    data.setup()
    for loader in (data.train_dataloader(), data.val_dataloader(), data.predict_dataloader()):
        for batch in loader:
            assert batch.dtype == torch.int64
            assert batch.shape[1] == 2
    assert next(iter(data.train_dataloader())).nbytes == 16 * 2 * 8


def test_loaders_offer_the_origins_of_the_split():
    panel = sample_panel(6, 2)
    data = DataModule(panel, Window(6, 2))
    for loader, origins in (
        (data.train_dataloader(), data.split.training),
        (data.val_dataloader(), data.split.validation),
        (data.predict_dataloader(), Window(6, 2).origins(panel)),
    ):
        offered = torch.cat(list(loader))
        assert sorted(map(tuple, offered.tolist())) == list(map(tuple, index_of(panel, origins).tolist()))


def test_the_scale_is_that_of_the_training_rows():
    panel = Panel.from_arrays(np.r_[np.arange(40.0), np.full(10, 1e6)], np.arange(50).astype("M8[D]"))
    data = DataModule(panel, Window(4, 2), validation=0.2)
    assert data.split.cut.tolist() == [40]
    assert data.scale.center.item() == np.arange(40.0).mean()
    assert data.scale.spread.item() == pytest.approx(np.arange(40.0).std())


def test_problems_are_raised_in_setup_before_a_trainer_starts():
    with pytest.raises(TrainingError, match="no training windows"):
        DataModule(sample_panel(6, 2), Window(600, 2)).setup()


def test_without_validation_there_is_no_validation_loader():
    assert DataModule(sample_panel(6, 2), Window(6, 2), validation=0).val_dataloader() == []


SCRIPT = '''
import json, sys, warnings
import numpy as np
import pytorch_lightning as pl
import torch
from forecast.data.panel import Panel
from forecast.nets.heads import Point
from forecast.nets.network import Architecture, Network
from forecast.training.datamodule import DataModule
from forecast.training.module import RecurrentModule
from forecast.windows.feeds import Windowed
from forecast.windows.window import Window

torch.set_num_threads(1)

class Watched(DataModule):
    """Writes down which origins this process was given."""
    def on_after_batch_transfer(self, batch, dataloader_idx):
        if self.trainer.training:
            seen.append((self.trainer.current_epoch, batch[:, 0].tolist()))
        return super().on_after_batch_transfer(batch, dataloader_idx)

class Report(pl.Callback):
    def on_train_end(self, trainer, module):
        weights = [weight.double().sum().item() for weight in module.parameters()]
        report = {"seen": seen, "weights": weights, "sampler": type(trainer.train_dataloader.sampler).__name__}
        with open(f"{sys.argv[1]}/rank{trainer.global_rank}.json", "w") as file:
            json.dump(report, file)

seen = []
if __name__ == "__main__":
    warnings.simplefilter("ignore")
    panel = Panel.from_arrays(np.sin(np.arange(111.0)), np.arange(111).astype("M8[h]"))
    data = Watched(panel, Window(8, 4), Windowed(8), validation=0)
    torch.manual_seed(0)
    module = RecurrentModule(Network(Architecture(hidden_size=4), data.sizes, Point()))
    trainer = pl.Trainer(
        accelerator="cpu", devices=2, strategy="ddp_fork", max_epochs=2, callbacks=[Report()], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )
    trainer.fit(module, datamodule=data)
'''


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_processes_share_the_origins_under_lightnings_own_sampler(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    ranks = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2)]
    assert [rank["sampler"] for rank in ranks] == ["DistributedSampler"] * 2
    orders = []
    for epoch in range(2):
        first, second = ([row for number, rows in rank["seen"] if number == epoch for row in rows] for rank in ranks)
        assert not set(first) & set(second)
        assert sorted(first + second) == list(range(8, 108))
        orders.append(first)
    assert orders[0] != orders[1]
    assert ranks[0]["weights"] == ranks[1]["weights"]
