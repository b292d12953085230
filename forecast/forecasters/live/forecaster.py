"""Live: a streamed network that goes on after training, one step for every new row."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from forecast.data.calendar import Calendar
from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.forecasters.live.absorbing import absorb
from forecast.forecasters.live.admission import (
    known_ahead,
    last_time,
    require_live,
    require_order,
    require_static,
    turns,
)
from forecast.forecasters.live.answers import dates_of, said_of, with_computed
from forecast.forecasters.live.carried import Carried
from forecast.forecasters.live.cold import Cold
from forecast.forecasters.live.learning.guard import Guard
from forecast.forecasters.live.learning.report import adapted_model, frame_of
from forecast.forecasters.live.learning.settings import Learning, Optimizer
from forecast.forecasters.live.lookup import Lookup
from forecast.forecasters.live.rows import NewRows, RowReader, arrivals_of
from forecast.forecasters.live.standing import in_words, live_html, recent
from forecast.forecasters.live.waiting import chosen_of, is_ready, waits
from forecast.nets.decoders import require_horizon

if TYPE_CHECKING:
    import pandas as pd

    from forecast.forecasters.conformal import Conformal
    from forecast.forecasters.live.learning.learner import Learner
    from forecast.forecasters.recurrent import Recurrent
    from forecast.nets.rules import LearningRule


class Live:
    """A fitted, streamed `Recurrent` that carries the state of every series: a new row costs one step.

    Made by `Recurrent.live`, or read back by `load_live`. What it says after some rows is what the model's `predict`
    says of a panel that ends with them. Series are read up to their last row with a target.

    Args:
        model: fitted with `feed=Streamed()`; it may be fitted again later without changing this.
        panel: what has happened so far; read once.

    Example:
        >>> from forecast.forecasters.recurrent import Recurrent
        >>> from forecast.training.settings import Training
        >>> from forecast.windows.feeds import Streamed
        >>> from forecast.windows.window import Window
        >>> hours = np.arange("2024-01-01", "2024-01-09", dtype="M8[h]")
        >>> panel = Panel.from_arrays(np.sin(np.arange(192.0)), hours, schema=Schema("time", ("load",)))
        >>> model = Recurrent(Window(24, 3), hidden_size=4, feed=Streamed(), training=Training(epochs=1))
        >>> live = model.fit(panel).live(panel)
        >>> live.update({"time": "2024-01-09 00:00", "load": 0.5})
        ()
        >>> live.forecast()
        Forecast(1 origins, 3 steps, targets ['load'], mean)
    """

    def __init__(self, model: Recurrent, panel: Panel) -> None:
        require_live(model)
        panel.require_channels(model.schema or panel.schema)
        ends = panel.ends()
        self._begin(model, panel.schema, panel.calendar, last_time(panel, ends), panel.series)
        scale = self.scale.of(panel, self.window.context)
        known = np.array([name in self.trained for name in panel.series], dtype=bool)
        warm = known | (ends >= np.maximum(self.window.context, panel.begun() + 1))
        self.static = panel.static.tolist()
        for place in range(len(panel.series)):
            self.set_scale(place, scale, place)
        self.carried.read(panel, scale, np.where(warm, ends, 0))
        for place in np.flatnonzero(~warm).tolist():
            self.cold[place] = Cold.of(panel, slice(panel.offsets[place], panel.offsets[place] + ends[place]))

    @classmethod
    def resumed(
        cls, model: Recurrent, schema: Schema, calendar: Calendar, until: np.datetime64, series: Sequence[str]
    ) -> Self:
        """One that has read nothing yet, for `load_live` to fill."""
        live = cls.__new__(cls)
        live._begin(model, schema, calendar, until, series)
        return live

    def _begin(
        self, model: Recurrent, schema: Schema, calendar: Calendar, until: np.datetime64, series: Sequence[str]
    ) -> None:
        network, scale = require_live(model)
        self.model = copy.copy(model)
        self.model.schema = schema
        self.model.network = copy.deepcopy(network).cpu().eval()
        self.scale, self.schema, self.calendar, self.window = scale, schema, calendar, model.window
        self.until, self.names = until, tuple(series)
        self.place = {name: place for place, name in enumerate(self.names)}
        self.trained = {name: place for place, name in enumerate(scale.series)}
        self.static: list[list[float]] = [[]] * len(self.names)
        self.cold: dict[int, Cold] = {}
        offset, look = None if scale.power is None else scale.offset, Lookup(self.model.network, schema, scale)
        self.carried = Carried(self.model.network, look, model.cycles, model.absent, len(self.names), offset)
        self.reader = RowReader(schema, self.names[0] if schema.series is None and len(self.names) == 1 else None)
        self.learner: Learner | None = None  # moves weights of its own as targets arrive
        self.around: Conformal | None = None  # gives the forecasts intervals
        self.written: dict[Path, frozenset[str]] = {}  # SHA-256 of the state read from, or written to, a folder

    @property
    def series(self) -> tuple[str, ...]:
        """Names of all series, those that do not forecast yet included."""
        return self.names

    @property
    def ready(self) -> tuple[str, ...]:
        """Names of the series that have rows enough to forecast."""
        return tuple(name for place, name in enumerate(self.names) if is_ready(self, place))

    @property
    def last(self) -> dict[str, np.datetime64]:
        """Time of the last row of each series that has any."""
        found = {name: self._last(name) for name in self.names}
        return {name: np.datetime64(time, "us") for name, time in found.items() if time is not None}

    def __repr__(self) -> str:
        return in_words(self)

    def _repr_html_(self) -> str:
        return live_html(self)

    def recent(self, series: str | None = None) -> pd.DataFrame:
        """The newest targets that it carries of a series, one context of them (row 0 is the newest), in its units.

        Where a value was missing the one before stands in: that is what the network reads. By default of the first
        series that is ready; a DataError names those that are not.
        """
        return recent(self, series)

    def update(self, rows: NewRows) -> tuple[str, ...]:
        """Absorb new rows: all of them, or none where something is wrong with one.

        Args:
            rows: one mapping from column to value, several, a panel or a frame. A mapping counts even if it holds no
                target; of a table every series is read up to its last row with a target. Cells that are None, NaN or
                not there are missing: the value before stands in, and it does not count in the running scale.

        Returns:
            What should be known: series that start cold, cells beyond every measure that count as missing, states
            that had to be renewed. Nothing, mostly.

        Raises:
            DataError: rows that are not later than the last one of their series, cells that are no numbers, unknown
                columns, a new series without its static covariates.
        """
        arrivals = arrivals_of(rows, self.reader, self.schema)
        require_order(arrivals, self._last)
        require_static(arrivals, self.schema.static, self._static)
        said: list[str] = []
        for turn in (arrivals,) if len(arrivals) == 1 else turns(arrivals, self.learner is not None):
            said += absorb(self, turn)
        places = [self.place[series] for series in dict.fromkeys(arrival.series for arrival in arrivals)]
        return tuple(said + [waits(self, place) for place in places if not is_ready(self, place)])

    def _last(self, series: str) -> int | None:
        """Microseconds of the last row of a series, if there is one."""
        place = self.place.get(series)
        if place in self.cold:
            return self.cold[place].times[-1] if self.cold[place].times else None
        return None if place is None or not self.carried.tracks[place].rows else self.carried.tracks[place].time

    def _static(self, series: str) -> dict[str, float] | None:
        place = self.place.get(series)
        return None if place is None else dict(zip(self.schema.static, self.static[place], strict=True))

    def set_scale(self, place: int, scale: Scale, row: int) -> None:
        """Fix the scale of a series, its static covariates included, by a row of a scale."""
        track = self.carried.tracks[place]
        track.center, track.width = scale.center[row].tolist(), scale.spread[row].tolist()
        track.power = [] if scale.power is None else scale.power[row].tolist()
        self.set_static(place)

    def set_static(self, place: int) -> None:
        """Scale the static covariates of a series."""
        track = self.carried.tracks[place]
        static = (self.static[place] - self.scale.static_center) / self.scale.static_spread
        track.static, track.fixed = self.carried.look.static(static), self.carried.look.codes_of(static)

    def forecast(
        self,
        horizon: int | None = None,
        series: str | Iterable[str] | None = None,
        future: Mapping[str, np.ndarray] | None = None,
    ) -> Forecast:
        """What comes after the last row of each series; `origins.step` is the number of rows read.

        Args:
            horizon: steps ahead; None takes the window's. More than those only a `Recursive` decoder can.
            series: one name or several; None takes all that are ready.
            future: known-ahead covariates of each series, [horizon, future covariate] in their own units and in the
                order of the schema, along the window's horizon at least; needed where the schema has any.

        Raises:
            DataError: a series that is not ready or not known, none that is ready, known-ahead values that lack.
            SettingsError: a horizon that the decoder cannot forecast.
        """
        most = self.window.horizon
        steps = most if horizon is None else horizon
        if steps is not most:
            require_horizon(self.model.architecture.decoder, most, steps)
            most = max(most, int(steps))
        chosen = chosen_of(self, series)
        last, ahead = dates_of(self, chosen, most)
        known = known_ahead(self.schema, most, [self.names[place] for place in chosen], future)
        if self.schema.computed:
            known = with_computed(known, ahead, self.schema)
        what = said_of(self, chosen, known, ahead)
        origins = Origins(np.array(chosen), np.array([self.carried.tracks[place].rows for place in chosen]))
        told, values = what.distribution and what.distribution.steps(int(steps)), what.values[:, :steps]
        return Forecast(origins, values, what.levels, self.schema.targets, self.names, last, ahead[:, :steps], told)

    def learn(
        self,
        rule: str | LearningRule = "rtrl",
        learning_rate: float = 1e-3,
        guard: Guard = Guard(),  # noqa: B008 - a frozen value
        optimizer: Optimizer = "sgd",
        clip: float = 1.0,
    ) -> Self:
        """Let weights of its own learn from every row that arrives from now on, beside those that were fitted.

        Once the targets of a forecast are known it is scored, its loss (that of training) moves the adapted weights by
        one step of the optimizer, and the next forecast is made: a forecast h steps ahead teaches h rows later.
        Forecasts come from the adapted weights, series by series, while the guard trusts them. Rows that come
        together are read in the order of their times, one by one. Without dropout; vectors of categories stay as they
        were fitted, and so do intervals (`Conformal`), which were measured on the errors of the fitted weights.

        Args:
            rule: how the cell gets its gradients: a name out of `forecast.nets.rules.RULES`, or a rule with settings.
            learning_rate: of the optimizer.
            guard: when the adapted weights are trusted.
            optimizer: "sgd" or "adam".
            clip: the norm that a gradient is cut down to.

        Returns:
            This forecaster. Learning begins anew where it was learning already.

        Raises:
            SettingsError: settings that are none, a cell that the rule does not serve, a recursive decoder.

        Example:
            >>> from forecast.forecasters.recurrent import Recurrent
            >>> from forecast.training.settings import Training
            >>> from forecast.windows.feeds import Streamed
            >>> from forecast.windows.window import Window
            >>> days = np.arange("2024-01-01", "2024-10-27", dtype="M8[D]")
            >>> panel = Panel.from_arrays(np.sin(np.arange(300.0)), days)
            >>> model = Recurrent(Window(8, 2), hidden_size=4, feed=Streamed(), training=Training(epochs=1))
            >>> live = model.fit(panel.until(200)).live(panel.until(200)).learn("tbptt", guard=Guard(window=50))
            >>> notes = [live.update({"time": day, "y0": 0.5}) for day in days[200:]]
            >>> live.learning[["scored", "updates"]].values.tolist()
            [[99, 99]]
        """
        from forecast.forecasters.live.learning.learner import Learner

        self.learner = Learner(self, Learning(rule, learning_rate, optimizer, clip, guard))
        return self

    def stop_learning(self) -> Self:
        """Forget what was learnt live: forecasts come from the fitted weights again."""
        self.learner = None
        return self

    @property
    def learning(self) -> pd.DataFrame:
        """How learning goes, a row for each series; columns: `forecast.forecasters.live.learning.report.frame_of`."""
        return frame_of(self.learner)

    def adapted(self) -> Recurrent:
        """The fitted model with its adapted weights, to be saved or judged; NotFittedError where it is not learning."""
        return adapted_model(self)

    def save(self, directory: str | Path) -> Path:
        """Write the model and all that is carried into a directory; `load_live` reads it back and goes on.

        Raises:
            SettingsError: the directory cannot be written, the model cannot be saved, or another forecaster has saved
                there since this one was read from there (or saved there), and its rows would be lost.
        """
        from forecast.forecasters.live.files import save_live

        return save_live(self, directory)
