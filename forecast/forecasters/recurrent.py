"""Recurrent: a recurrent network as a forecaster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
import torch

from forecast.data.fingerprint import fingerprints
from forecast.data.forecast import Forecast, truth
from forecast.data.panel import Origins, Panel
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.errors import NotFittedError
from forecast.forecasters.keeping import keeping, log_of, settings_of, slot_of, traits_of
from forecast.forecasters.live.forecaster import Live
from forecast.forecasters.overview import recurrent_html
from forecast.forecasters.provenance import Provenance, Savable
from forecast.forecasters.saying import as_forecast, for_targets, measure_of, needs_noise, said, scaling_of
from forecast.forecasters.start import Belongings, Start, Taken
from forecast.nets.cells import CellFactory
from forecast.nets.decoders import Decoder, Direct, Recursive, knows_ahead, require_horizon, require_rows
from forecast.nets.heads import Head, Point
from forecast.nets.network import Architecture, Channels, Network, Sizes
from forecast.nets.recursive import says
from forecast.nets.scaling import Scaling
from forecast.training.asking import parameters_at
from forecast.training.history import Epoch, History
from forecast.training.logs import require_loggers
from forecast.training.onepass import rest_of
from forecast.training.rest import Rest
from forecast.training.room import require_room
from forecast.training.settings import Training
from forecast.windows.feeds import Feed, Streamed, Windowed
from forecast.windows.gather import newest, scaled_rows
from forecast.windows.reach import reaching, require_reach, require_taken
from forecast.windows.window import Window
from forecast.work.folder import Run, RunFolder, opened

NOISE_ORIGINS = 2000


class Asked(NamedTuple):
    """What a network says at origins, scaled.

    Args:
        parameters: float64 [origin, step, target, width].
        last: float64 [origin, target], the newest values.
    """

    parameters: np.ndarray
    last: np.ndarray


class Recurrent(Savable):
    """A recurrent network, trained on windows of a panel.

    Args:
        window: context and horizon.
        cell: "rnn", "rnn-relu", "lstm", "gru", another of `forecast.nets.cells.NAMED`, an import path, or a class.
        hidden_size: numbers in the state of each layer.
        layers: recurrent layers.
        dropout: after every recurrent layer.
        scaling: "last", "standard", "running", "difference" or "none" (`forecast.nets.scaling.scale`); None takes
            "last" for windows ("standard" for counts) and "running" for streams and recursive decoding.
        skip: add a linear map from the context to the horizon.
        channels: "independent" (one network for every target) or "joint".
        head: what the output means and the loss it is trained by.
        feed: `Windowed` reads a context for every forecast; `Streamed` reads every row once and carries the state.
        training: epochs, learning rate and the rest.
        time_constant: of "running" scaling, in steps; None takes the context.
        calendar: add the cycles of the calendar to the inputs; None: for streams.
        transform: of the targets, undone in the forecast: "log", "log1p", "box-cox"; "difference" and "log-return"
            forecast the change from the newest value, in units of the usual change lately (scaling="difference").
            A point head trained by "mse" forecasts the mean of transformed values; it is made the mean of the values
            by the errors on the validation span, taken as normal.
        decoder: how the state at the origin becomes a forecast: `Direct()`, `Sequence()`, `Segments(length)` or
            `Recursive()` (`forecast.nets.decoders`).
        gaps: add to the inputs, for channels with missing cells in training, which are there and the rows since one.

    Attributes:
        history: losses of the last fit.
        start: weights that fits begin with (`warm_start`, `pretrain`); None: drawn ones.
        taken: what became of them in the last fit.
        progress: show a bar while training, in a terminal or a notebook.
        watch: called after every epoch of a fit in this process; True ends it.
        keeping: folder of a run, and a name in it, where fits keep checkpoints and go on from them.
        called: name of its logs (`Training.log`); None: the one in the run, or that of its cell.
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
        transform: str = "none",
        decoder: Decoder = Direct(),  # noqa: B008 - a frozen value
        gaps: bool = False,
    ) -> None:
        self.window, self.head, self.feed, self.training, self.calendar = window, head, feed, training, calendar
        self.transform, self.measure, self.gaps = transform, measure_of(transform, head), gaps
        require_rows(decoder, gaps)
        require_loggers(training.log)
        scaling = scaling_of(transform, head, scaling, isinstance(feed, Streamed) or isinstance(decoder, Recursive))
        self.architecture = Architecture(
            cell, hidden_size, layers, dropout, scaling, skip, channels, time_constant, decoder
        )
        self.cycles: tuple[str, ...] = ()
        self.noise: np.ndarray | None = None
        self.absent: tuple[str, ...] = ()
        self.network: Network | None = None
        self.scale: Scale | None = None
        self.schema: Schema | None = None
        self.history: History | None = None
        self.rest: Rest | None = None
        self.start: Start | None = None
        self.taken: Taken | None = None
        self.progress = False
        self.watch: Callable[[Epoch], bool] | None = None
        self.keeping: tuple[RunFolder, str] | None = None
        self.called: str | None = None
        sizes = Sizes(window.context, window.horizon, 1)
        require_room(self.architecture, sizes, head)
        with torch.random.fork_rng(devices=[]):  # a setting that cannot work fails now
            trial = Network(self.architecture, sizes, head)
        if isinstance(feed, Streamed):
            trial.require_causal()

    @property
    def knows_ahead(self) -> bool:
        """Whether the cycles of the calendar are known ahead to its decoder."""
        return knows_ahead(self.architecture.decoder)

    @property
    def says(self) -> Head:
        """What the numbers of its forecasts mean: its head, or paths drawn from it."""
        return says(self.architecture.decoder, self.head)

    traits = property(traits_of)

    @property
    def parameters(self) -> int:
        """Number of trained weights, 0 before fit."""
        return 0 if self.network is None else sum(weight.numel() for weight in self.network.parameters())

    def fit(self, panel: Panel, run: Run | None = None) -> Self:
        """Train on every origin of the panel; the last `training.validation` of its time chooses the epoch.

        Args:
            run: keep checkpoints there, so that the fit can be stopped (or killed) at any moment and gone on with: on a
                CPU it ends with the bits that it would have ended with.

        Raises:
            TrainingError: no windows, or a loss that is not finite.
            SettingsError: a start that does not fit; a run folder that is in use, not writable, or of another fit.
            Stopped: a KeyboardInterrupt by Ctrl-C or SIGTERM, after a checkpoint was written to `run`.
        """
        if run is None:
            return self._fitted(panel)
        with opened(run, settings_of(self), fingerprints(panel)) as folder, keeping(self, folder, "fit"):
            self._fitted(panel)
            folder.finish()
        return self

    def _fitted(self, panel: Panel) -> Self:
        # Here and not above: Lightning takes five seconds to load, and a saved model forecasts without it.
        from forecast.training.datamodule import DataModule
        from forecast.training.fit import fit
        from forecast.training.module import RecurrentModule

        training, self.head = self.training, for_targets(self.head, panel)
        data = DataModule(
            panel,
            self.window,
            self.feed,
            validation=training.validation,
            seed=training.seed,
            calendar=self.calendar,
            measure=self.measure,
            ahead=self.knows_ahead,
            gaps=self.gaps,
        )
        # CUDA is not woken up for its random numbers: processes could not be forked then.
        with torch.random.fork_rng(devices=range(torch.cuda.device_count() if torch.cuda.is_initialized() else 0)):
            torch.manual_seed(training.seed)
            require_room(self.architecture, data.sizes, self.head)
            network = Network(self.architecture, data.sizes, self.head)
            here = self._belonging(panel.schema, data.scale, (data.cycles, data.gaps, data.ahead))
            self.taken = None if self.start is None else self.start.into(network, here)
            module = RecurrentModule(network, training.learning_rate, training.weight_decay, training.schedule)
            kept = slot_of(self, panel), log_of(self, panel)
            self.history = fit(module, data, training, self.progress, self.watch, *kept)
        self.network, self.scale, self.schema, self.cycles = network.float(), data.scale, panel.schema, data.cycles
        self.absent = data.gaps
        self.rest = None
        if isinstance(self.feed, Streamed):
            scale = self.scale.of(panel, self.window.context)
            rows = scaled_rows(panel, scale, cycles=self.cycles, ahead=self.knows_ahead, gaps=self.absent)
            self.rest = rest_of(network, rows.to(next(network.parameters()).device), panel)
        self.noise = None
        if needs_noise(self.head, self.measure):
            self.noise = self._errors(panel, data.split.validation if training.validation else data.split.training)
        self.fitted_on = Provenance.of(panel)
        return self

    def _repr_html_(self) -> str:
        return recurrent_html(self)

    @property
    def belongings(self) -> Belongings:
        """What gives the weights their meaning, for those who start from them; raises NotFittedError before fit."""
        if self.schema is None or self.scale is None:
            raise NotFittedError("this Recurrent has not been fitted; call fit first")
        return self._belonging(self.schema, self.scale, (self.cycles, self.absent, self.knows_ahead))

    def _belonging(
        self, schema: Schema, scale: Scale, added: tuple[tuple[str, ...], tuple[str, ...], bool]
    ) -> Belongings:
        return Belongings.of(self.architecture, self.head, self.transform, schema, scale.categories, added)

    def _errors(self, panel: Panel, origins: Origins) -> np.ndarray:
        """Root mean squared error [step, target] at origins, in the units of the scale."""
        origins = origins[np.unique(np.linspace(0, len(origins) - 1, NOISE_ORIGINS).round().astype(np.int64))]
        asked, scale = self._ask(panel, origins, self.window.horizon)
        values, seen = truth(scale.plausible(panel), origins, self.window.horizon)
        away = scale.link(origins.series, values.shape[2]).to_base(values) - asked.parameters[..., 0]
        return np.sqrt((np.where(seen, away, 0.0) ** 2).sum(axis=0) / np.maximum(seen.sum(axis=0), 1))

    def predict(self, panel: Panel, origins: Origins | None = None, horizon: int | None = None) -> Forecast:
        """Forecast at origins, by default at the end of every series.

        Args:
            horizon: steps ahead; None takes the window's. More than those only a `Recursive` decoder can.

        Raises:
            SettingsError: a horizon that the decoder cannot forecast.
            NotFittedError: before fit.
            DataError: other channels than in training, too few rows behind an origin, no future covariates ahead.
        """
        if self.schema is None:
            raise NotFittedError("this Recurrent has not been fitted; call fit first")
        steps = self.window.horizon if horizon is None else horizon
        require_horizon(self.architecture.decoder, self.window.horizon, steps)
        panel.require_channels(self.schema)
        origins = panel.end_origins() if origins is None else origins
        one_by_one = isinstance(self.architecture.decoder, Recursive)
        reach = int(steps) if one_by_one else self.window.horizon  # others decode the whole horizon at once
        panel = reaching(panel, reach)
        require_reach(panel, origins, self.window.context, reach)
        asked, scale = self._ask(panel, origins, reach)
        what = said(self.says, asked.parameters[:, :steps], asked.last, scale, origins.series, self.noise_along(steps))
        return as_forecast(panel, origins, what)

    def noise_along(self, steps: int) -> np.ndarray | None:
        """`noise` for a horizon; beyond the one that was measured it stays what it is at its end."""
        return None if self.noise is None else self.noise[np.minimum(np.arange(steps), len(self.noise) - 1)]

    def _ask(self, panel: Panel, origins: Origins, steps: int) -> tuple[Asked, Scale]:
        """Parameters of the head at origins, in the units of the panel's scale, and that scale."""
        assert self.network is not None  # asked of fitted models only
        assert self.scale is not None
        scale = self.scale.of(panel, self.window.context)
        panel = self._reaching(panel, origins, steps)
        require_taken(scale, panel, origins)
        rows = scaled_rows(panel, scale, cycles=self.cycles, ahead=self.knows_ahead, gaps=self.absent)
        rows = rows.to(next(self.network.parameters()).device)
        window = replace(self.window, horizon=steps)
        parameters = parameters_at(self.network, self.feed, rows, panel, origins, window, self.rest)
        return Asked(parameters, newest(rows, panel, origins)), scale

    def _reaching(self, panel: Panel, origins: Origins, steps: int) -> Panel:
        """The panel with rows, dated and empty, as far as the calendar is read ahead."""
        if not (self.cycles and self.knows_ahead and len(origins)):
            return panel
        return panel.ahead(int((origins.step + steps - panel.ends()[origins.series]).max()))

    def live(self, panel: Panel) -> Live:
        """Read a panel to its end and go on with a step for every new row; for models with `feed=Streamed()`.

        Raises:
            SettingsError: the model reads windows.
            NotFittedError: before fit.
        """
        return Live(self, panel)
