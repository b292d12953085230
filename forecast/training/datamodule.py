"""The one data module: a panel (or frame), a window and a feed become Lightning's loaders."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from forecast.data.panel import Origins, Panel
from forecast.data.readers import from_frame
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.nets.network import Sizes
from forecast.windows.feeds import Windowed
from forecast.windows.gather import Batch, Rows, gather, index_of, scaled_rows
from forecast.windows.window import Split, Window, split


class DataModule(pl.LightningDataModule):
    """Windows of a panel for a Lightning Trainer.

    Only integers travel through the loaders; the panel moves to each device once and windows are cut there. Works
    under Lightning's own distributed sampler.

    Args:
        data: a panel, or a DataFrame to be read with `schema`.
        window: context, horizon, stride.
        feed: in which order origins come.
        schema: roles of the columns of a DataFrame.
        validation: share of the time span cut off at the end for validation; 0 for none (then give your Trainer
            `limit_val_batches=0`, or Lightning warns).
        seed: of the shuffling.

    Example:
        >>> import numpy as np
        >>> hours = pd.date_range("2024-01-01", periods=50, freq="h")
        >>> frame = pd.DataFrame({"time": hours, "load": np.sin(np.arange(50.0))})
        >>> data = DataModule(frame, Window(12, 3), schema=Schema(time="time", targets=["load"]))
        >>> data.setup()
        >>> len(data.split.training), len(data.split.validation)
        (26, 8)
    """

    def __init__(
        self,
        data: Panel | pd.DataFrame,
        window: Window,
        feed: Windowed = Windowed(),  # noqa: B008 - a frozen value
        schema: Schema | None = None,
        validation: float = 0.2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.panel = data if isinstance(data, Panel) else from_frame(data, schema or Schema())
        self.window, self.feed, self.validation, self.seed = window, feed, validation, seed
        self._device_rows: Rows | None = None

    @cached_property
    def split(self) -> Split:
        """Training and validation origins; raises TrainingError when either is empty."""
        return split(self.panel, self.window, self.validation)

    @cached_property
    def scale(self) -> Scale:
        """The scale of the training rows."""
        return Scale.fit(self.panel, self.split.cut)

    @cached_property
    def rows(self) -> Rows:
        """The scaled panel on the host."""
        return scaled_rows(self.panel, self.scale.of(self.panel, self.window.context))

    @property
    def sizes(self) -> Sizes:
        """The shapes a network for this data needs."""
        layout = self.panel.layout
        return Sizes(
            self.window.context, self.window.horizon, layout.targets, layout.past, layout.future, layout.static
        )

    def setup(self, stage: str | None = None) -> None:
        """Cut, scale and check before Lightning asks for a loader."""
        self.split, self.rows  # noqa: B018 - computed once, so that errors come here

    def _loader(self, origins: Origins, training: bool) -> DataLoader[Tensor]:
        return self.feed.loader(index_of(self.panel, origins), training, self.seed)

    def train_dataloader(self) -> DataLoader[Tensor]:
        return self._loader(self.split.training, training=True)

    def val_dataloader(self) -> DataLoader[Tensor] | list[DataLoader[Tensor]]:
        return self._loader(self.split.validation, training=False) if len(self.split.validation) else []

    def predict_dataloader(self) -> DataLoader[Tensor]:
        """Every origin of the panel, in order."""
        return self._loader(self.window.origins(self.panel), training=False)

    def on_after_batch_transfer(self, batch: Tensor, dataloader_idx: int) -> Batch:
        """Cut the windows of a batch of integers, on the device it has just reached."""
        if self._device_rows is None or self._device_rows.values.device != batch.device:
            self._device_rows = self.rows.to(batch.device)
        return gather(self._device_rows, batch, self.window.context, self.window.horizon)


def batches(rows: Rows, panel: Panel, origins: Origins, window: Window, size: int) -> list[Tensor]:
    """Integer batches of origins on the device of `rows`, in order, for forecasting without a Trainer."""
    index = index_of(panel, origins).to(rows.values.device)
    return list(torch.split(index, size)) if len(index) else []


def forecast_values(module: torch.nn.Module, rows: Rows, parts: list[Tensor], window: Window) -> np.ndarray:
    """Forecasts [origin, step, target, value] in scaled units, batch after batch, without a Trainer.

    Args:
        module: maps a `Batch` to values.
        parts: integer batches of `batches`.
    """
    if not parts:
        return np.zeros((0, window.horizon, rows.layout.targets, 1))
    training = module.training
    module.eval()
    with torch.inference_mode():
        values = [module(gather(rows, part, window.context, window.horizon, targets=False)).cpu() for part in parts]
    module.train(training)
    return torch.cat(values).double().numpy()
