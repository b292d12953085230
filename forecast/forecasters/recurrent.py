"""Recurrent: a recurrent network as a forecaster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch

from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.errors import NotFittedError
from forecast.forecasters.live.forecaster import Live
from forecast.nets.cells import CellFactory
from forecast.nets.heads import Head, Point
from forecast.nets.network import Architecture, Channels, Network, Sizes
from forecast.nets.scaling import Scaling
from forecast.training.callbacks import Epoch
from forecast.training.datamodule import DataModule, batches, forecast_values
from forecast.training.fit import History, Training, fit
from forecast.training.module import RecurrentModule
from forecast.training.onepass import forecast_once, rest_of
from forecast.training.rest import Rest
from forecast.windows.feeds import Feed, Streamed, Windowed
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
        dropout: after every recurrent layer.
        scaling: "last", "standard", "running" or "none" (`forecast.nets.scaling.scale`); None takes "last" for windows
            and "running" for streams.
        skip: add a linear map from the context to the horizon.
        channels: "independent" (one network for every target) or "joint".
        head: what the output means and the loss it is trained by.
        feed: `Windowed` reads a context for every forecast; `Streamed` reads every row once and carries the state.
        training: epochs, learning rate and the rest.
        time_constant: of "running" scaling, in steps; None takes the context.
        calendar: add the cycles of the calendar to the inputs; None: for streams.

    Attributes:
        history: losses of the last fit, None before.
        progress: show a bar while training.
        watch: called after every epoch of a fit in this process; True ends it.
    """

    def __init__(  # noqa: PLR0913 - what people sweep over; the rest is in Training and the Lightning door
        self,
        window: Window,
        cell: str | CellFactory = "gru",
        hidden_size: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
        scaling: Scaling | None = None,
        skip: bool = True,
        channels: Channels = "independent",
        head: Head = Point(),  # noqa: B008 - a frozen value
        feed: Feed = Windowed(),  # noqa: B008 - a frozen value
        training: Training = Training(),  # noqa: B008 - a frozen value
        time_constant: float | None = None,
        calendar: bool | None = None,
    ) -> None:
        self.window, self.head, self.feed, self.training, self.calendar = window, head, feed, training, calendar
        if scaling is None:
            scaling = "running" if isinstance(feed, Streamed) else "last"
        self.architecture = Architecture(cell, hidden_size, layers, dropout, scaling, skip, channels, time_constant)
        self.cycles: tuple[str, ...] = ()
        self.network: Network | None = None
        self.scale: Scale | None = None
        self.schema: Schema | None = None
        self.history: History | None = None
        self.rest: Rest | None = None
        self.progress = False
        self.watch: Callable[[Epoch], bool] | None = None
        with torch.random.fork_rng(devices=[]):  # a setting that cannot work fails now
            trial = Network(self.architecture, Sizes(window.context, window.horizon, 1), head)
        if isinstance(feed, Streamed):
            trial.require_causal()

    @property
    def parameters(self) -> int:
        """Number of trained weights, 0 before fit."""
        return 0 if self.network is None else sum(weight.numel() for weight in self.network.parameters())

    def fit(self, panel: Panel) -> Self:
        """Train on every origin of the panel; the last `training.validation` of its time chooses the epoch.

        Raises:
            TrainingError: no windows, or a loss that is not finite.
        """
        training = self.training
        data = DataModule(
            panel, self.window, self.feed, validation=training.validation, seed=training.seed, calendar=self.calendar
        )
        # CUDA is not woken up for its random numbers: processes could not be forked then.
        with torch.random.fork_rng(devices=range(torch.cuda.device_count() if torch.cuda.is_initialized() else 0)):
            torch.manual_seed(training.seed)
            network = Network(self.architecture, data.sizes, self.head)
            module = RecurrentModule(network, training.learning_rate, training.weight_decay, training.schedule)
            self.history = fit(module, data, training, progress=self.progress, watch=self.watch)
        self.network, self.scale, self.schema, self.cycles = network.float(), data.scale, panel.schema, data.cycles
        self.rest = None
        if isinstance(self.feed, Streamed):
            rows = scaled_rows(panel, self.scale.of(panel, self.window.context), cycles=self.cycles)
            self.rest = rest_of(network, rows.to(next(network.parameters()).device), panel)
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
        rows = scaled_rows(panel, scale, cycles=self.cycles).to(next(self.network.parameters()).device)
        if isinstance(self.feed, Streamed):
            values = forecast_once(self.network, rows, panel, origins, self.rest)
        else:
            parts = batches(rows, panel, origins, self.window, PREDICT_BATCH)
            values = forecast_values(RecurrentModule(self.network), rows, parts, self.window)
        return Forecast.at(panel, origins, scale.invert(values, origins.series), self.head.levels)

    def live(self, panel: Panel) -> Live:
        """Read a panel to its end and go on with a step for every new row; for models with `feed=Streamed()`.

        Raises:
            SettingsError: the model reads windows.
            NotFittedError: before fit.
        """
        return Live(self, panel)
