"""The data module: frames and panels become loaders of integers, on one process or several."""

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
        for draw in loader:
            assert draw.index.dtype == torch.int64
            assert draw.index.shape[1] == 2
            assert not any(isinstance(part, torch.Tensor) for part in draw[1:])
    assert next(iter(data.train_dataloader())).index.nbytes == 16 * 2 * 8


def test_loaders_offer_the_origins_of_the_split():
    panel = sample_panel(6, 2)
    data = DataModule(panel, Window(6, 2))
    for loader, origins in (
        (data.train_dataloader(), data.split.training),
        (data.val_dataloader(), data.split.validation),
        (data.predict_dataloader(), Window(6, 2).origins(panel)),
    ):
        offered = torch.cat([draw.index for draw in loader])
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
