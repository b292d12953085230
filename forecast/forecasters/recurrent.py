"""Recurrent: a recurrent network as a forecaster."""

from __future__ import annotations

from typing import Self

import torch

from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.errors import NotFittedError
from forecast.nets.cells import CellFactory
from forecast.nets.heads import Head, Point
from forecast.nets.network import Architecture, Channels, Network, Sizes
from forecast.nets.scaling import Scaling
from forecast.training.datamodule import DataModule, batches, forecast_values
from forecast.training.fit import History, Training, fit
from forecast.training.module import RecurrentModule
from forecast.windows.feeds import Windowed
from forecast.windows.gather import require_reach, scaled_rows
from forecast.windows.window import Window

PREDICT_BATCH = 1024


class Recurrent:
    """A recurrent network, trained on windows of a panel.

    Args:
        window: context and horizon.
        cell: "rnn", "rnn-relu", "lstm", "gru", an import path, or a cell class of your own.
        hidden_size: numbers in the state of each layer.
        layers: recurrent layers.
        dropout: between layers.
        scaling: "last", "standard", "running" or "none" (`forecast.nets.scaling.scale_window`).
        skip: add a linear map from the context to the horizon.
        channels: "independent" (one network for every target) or "joint".
        head: what the output means and the loss it is trained by.
        feed: in which order windows are drawn.
        training: epochs, learning rate and the rest.

    Attributes:
        history: losses of the last fit, None before.
        progress: show a bar while training.
    """

    def __init__(  # noqa: PLR0913 - what people sweep over; the rest is in Training and the Lightning door
        self,
        window: Window,
        cell: str | CellFactory = "gru",
        hidden_size: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
        scaling: Scaling = "last",
        skip: bool = True,
        channels: Channels = "independent",
        head: Head = Point(),  # noqa: B008 - a frozen value
        feed: Windowed = Windowed(),  # noqa: B008 - a frozen value
        training: Training = Training(),  # noqa: B008 - a frozen value
    ) -> None:
        self.window, self.head, self.feed, self.training = window, head, feed, training
        self.architecture = Architecture(cell, hidden_size, layers, dropout, scaling, skip, channels)
        self.network: Network | None = None
        self.scale: Scale | None = None
        self.schema: Schema | None = None
        self.history: History | None = None
        self.progress = False
        with torch.random.fork_rng(devices=[]):  # a setting that cannot work fails now
            Network(self.architecture, Sizes(window.context, window.horizon, 1), head)

    @property
    def parameters(self) -> int:
        """Number of trained weights, 0 before fit."""
        return 0 if self.network is None else sum(weight.numel() for weight in self.network.parameters())

    def fit(self, panel: Panel) -> Self:
        """Train on every window of the panel; the last `training.validation` of its time chooses the epoch.

        Raises:
            TrainingError: no windows, or a loss that is not finite.
        """
        data = DataModule(panel, self.window, self.feed, validation=self.training.validation, seed=self.training.seed)
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(self.training.seed)
            network = Network(self.architecture, data.sizes, self.head)
            module = RecurrentModule(network, self.training.learning_rate)
            self.history = fit(module, data, self.training, progress=self.progress)
        self.network, self.scale, self.schema = network.float(), data.scale, panel.schema
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        """Forecast at origins, by default at the end of every series.

        Raises:
            NotFittedError: before fit.
            DataError: other channels than in training, too few rows behind an origin, no future covariates ahead.
        """
        if self.network is None or self.scale is None or self.schema is None:
            raise NotFittedError("this Recurrent has not been fitted; call fit first")
        panel.require_channels(self.schema)
        origins = panel.end_origins() if origins is None else origins
        require_reach(panel, origins, self.window.context, self.window.horizon)
        scale = self.scale.of(panel, self.window.context)
        rows = scaled_rows(panel, scale).to(next(self.network.parameters()).device)
        module = RecurrentModule(self.network)
        values = forecast_values(module, rows, batches(rows, panel, origins, self.window, PREDICT_BATCH), self.window)
        return Forecast.at(panel, origins, scale.invert(values, origins.series), self.head.levels)
