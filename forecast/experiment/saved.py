"""Saved models at work: fit and save, forecast a file, judge on later rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self, TypeGuard, TypeVar

import numpy as np
import pandas as pd

from forecast.data.embedded import cards, read_dataset
from forecast.data.fingerprint import fingerprints
from forecast.data.forecast import Forecast, Forecaster
from forecast.data.panel import Origins, Panel
from forecast.data.schema import Schema
from forecast.errors import DataError, SettingsError, did_you_mean
from forecast.evaluation.backtest import backtest
from forecast.evaluation.leaderboard import Leaderboard, leaderboard
from forecast.evaluation.scores import Scores
from forecast.experiment.cards import with_card
from forecast.experiment.compare import first_test
from forecast.experiment.composed import covering
from forecast.experiment.contestants import Seasonal, preset, shaped, to_table
from forecast.experiment.files import write_frame
from forecast.experiment.kept import keep_fits
from forecast.experiment.making import networks
from forecast.experiment.reach import complete, ends, too_short
from forecast.experiment.settings import Split, read_experiment
from forecast.forecasters.artifacts.artifact import load
from forecast.forecasters.artifacts.manifest import STATE
from forecast.forecasters.artifacts.stored import Saved, require_savable
from forecast.forecasters.conformal import Conformal
from forecast.forecasters.keeping import digest_of
from forecast.forecasters.live.files import load_live, write_live
from forecast.forecasters.live.forecaster import Live
from forecast.forecasters.live.rows import known_after, new_rows
from forecast.forecasters.naive import Naive
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.warm import start_of
from forecast.nets.rules import RULES
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window
from forecast.work.folder import Run, opened
from forecast.work.lock import locked

T = TypeVar("T")
NOTHING = pd.DataFrame(columns=["series", "origin", "time", "step", "target", "mean"])


def fit_and_save(
    data: str,
    schema: Schema,
    name: str,
    window: tuple[int | None, int | None, int | None],
    training: Training,
    run: Run,
    intervals: float | None = None,
    network: Mapping[str, object] | None = None,
    start: str | None = None,
) -> tuple[Saved, Panel]:
    """Fit one preset on all rows of a data set and save it; a stateful one with its state after the last row.

    Args:
        name: of a preset that can be saved: a recurrent network, linear, or a naive rule.
        window: context, horizon and season; None where the data should suggest them.
        run: the folder of the model, where work is kept while it is fitted.
        intervals: share that calibrated intervals around the forecasts are to cover; None for none.
        network: settings of the network, by the names of a settings file.
        start: folder of a saved network whose weights the fit begins with; settings and window have to be its own, and
            what the window leaves to the data is.
    """
    settings, (context, horizon, season) = shaped({name: preset(name)}, network or {})[name], window
    before = None if start is None else network_in(start)
    if before is not None:
        context, horizon = context or before.window.context, horizon or before.window.horizon
    least = Window(1 if context is None else context, 1 if horizon is None else horizon)
    require_savable(_sure(settings.make(least, training), intervals))
    panel = read_dataset(data, with_card(data, schema))
    if isinstance(settings, Seasonal):
        settings = Seasonal(season)
    shape = complete(panel, season, training.validation, context, horizon)
    model = require_savable(_sure(settings.make(shape, training), intervals))
    asked = {"model": name, "settings": to_table(settings), "intervals": intervals, "window": asdict(shape)}
    asked |= {"training": training.deciding()}
    return _fitted(model, panel, run, asked, _source(data), before), panel


def _sure(model: Forecaster, intervals: float | None) -> Forecaster:
    """The model, with calibrated intervals where they were asked for."""
    return model if intervals is None else Conformal(model, covering(intervals))


def fit_contestant(
    settings: str, name: str, run: Run, start: str | None = None, allow_imports: bool = False
) -> tuple[Saved, Panel, str]:
    """Fit one contestant of a settings file, such as a sweep leaves, on all rows of its data, and save it.

    Args:
        start: folder of a saved network whose weights the fit begins with.
        allow_imports: let the file name cells by import path.

    Returns:
        The model, the panel, and the name of the data.
    """
    experiment = read_experiment(settings, (), allow_imports)
    if name not in experiment.forecasters:
        raise SettingsError(f"{settings}: no contestant {name!r}{did_you_mean(name, tuple(experiment.forecasters))}")
    model = require_savable(experiment.make(name))
    panel = read_dataset(experiment.data, with_card(experiment.data, experiment.schema))
    before = None if start is None else network_in(start)
    asked = {"model": name, **experiment.deciding()}
    return _fitted(model, panel, run, asked, _source(experiment.data), before), panel, experiment.data


def _source(data: str) -> str:
    """Where the data came from, and under which licence, as far as its card says."""
    card = cards().get(data)
    if card is None:
        return f"Data: {Path(data).name}."
    return f"Data: {card.name} ({card.title}), from {card.source}. Licence of the data: {card.licence}."


def _fitted(
    model: Saved, panel: Panel, run: Run, asked: Mapping[str, object], note: str, before: Recurrent | None
) -> Saved:
    within = networks("", model).values()
    if before is not None and not within:
        raise SettingsError(f"{type(model).__name__} has no network that could begin with the weights of another one")
    for network in within:
        network.progress = True
        network.start = None if before is None else start_of(before)
    begun = None if before is None else digest_of(start_of(before))  # its folder may be the one that is written here
    with opened(run, {**asked, "start": begun}, fingerprints(panel)) as folder:
        keep_fits("fit", model, folder)
        model.fit(panel)
        keep_fits("fit", model, None)
        assert model.fitted_on is not None  # fit has just kept it
        model.fitted_on = replace(model.fitted_on, note=note)
        if _goes_on(model):
            model.live(panel).save(run.directory)
        else:
            model.save(run.directory)
        folder.finish()
    return model


def network_in(directory: str) -> Recurrent:
    """The one network of a saved model, which may stand within others.

    Raises:
        SettingsError: there is none, or there are several.
    """
    found = list(networks("", load(directory).model).values())
    if len(found) != 1:
        raise SettingsError(
            f"{directory}: {len(found)} networks in this model; a fit begins with those of a single one"
        )
    return found[0]


def _goes_on(model: Saved) -> TypeGuard[Recurrent | Conformal]:
    """Whether a model can take rows one by one."""
    inner = model.forecaster if isinstance(model, Conformal) and model.method == "split" else model
    return isinstance(inner, Recurrent) and isinstance(inner.feed, Streamed)


def forecast_file(directory: str | Path, data: str) -> tuple[pd.DataFrame, list[str]]:
    """Forecast after the last row of every series of a file, with a saved model.

    Returns:
        A long frame, what the reader reports, and sentences about series that are too short for it.
    """
    saved = load(directory)
    panel = read_dataset(data, saved.schema)
    origins, notes = ends(panel, saved.model.window)
    if not len(origins):
        raise DataError(data, [too_short(panel, saved.model.window.context)])
    frame = _named(data, lambda: saved.model.predict(panel, origins)).to_frame()
    said = [sentence for sentence in panel.report if not sentence.startswith("the calendar:")]  # the model has one
    return frame, [*said, *notes]


def update_file(
    directory: str | Path, data: str, out: str | None = None, learn: str | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Hand the rows of a file to a live forecaster, forecast what follows, and save its state.

    Everything or nothing: a mistake anywhere, in writing the forecast too, leaves the state as it was.

    Args:
        out: CSV for the forecast.
        learn: a learning rule, for weights that learn from these rows on; "off" ends it; None leaves it as it is.

    Returns:
        A long frame (empty while no series is ready), and sentences that should be read.
    """
    if not (Path(directory) / STATE).exists():
        load_live(directory)  # says what is wrong
    with locked(directory):  # two updates at a time come one after the other
        live = load_live(directory)
        _set_learning(live, learn)
        panel = new_rows(data, live.schema)
        notes = [*panel.report, *_named(data, lambda: live.update(panel))]
        left = int((panel.lengths - panel.ends()).sum())
        if left and not live.schema.future:
            notes.append(f"{left} rows behind the last target were left out; send them again when it is known")
        frame = _ahead(data, panel, live)
        if out:
            write_frame(frame, out)
        write_live(live, directory)
    return frame, notes


def _set_learning(live: Live, rule: str | None) -> None:
    """Begin to learn by a rule, unless one of that name is at work, whatever its settings are; "off" ends it."""
    if rule == "off":
        live.stop_learning()
    elif rule is not None and (live.learner is None or type(live.learner.rule) is not RULES.get(rule)):
        live.learn(rule)


def _ahead(data: str, panel: Panel, live: Live) -> pd.DataFrame:
    """What follows the rows of a file, of the series that can be forecast."""
    ready, ahead = live.ready, known_after(panel, live.window.horizon, live.reader.alone)
    if live.schema.future and ready:
        _require_ahead(data, panel, live, ahead)
        ready = tuple(name for name in ready if name in ahead)
    return live.forecast(series=ready, future=ahead or None).to_frame() if ready else NOTHING


def _require_ahead(data: str, panel: Panel, live: Live, ahead: dict[str, np.ndarray]) -> None:
    """Every series of the file that can be forecast has known-ahead values for the whole horizon."""
    named = panel.series if live.reader.alone is None else (live.reader.alone,)
    short = [name for name in named if name in live.ready and name not in ahead]
    if short:
        where = f"series {short[0]!r}" if short[0] else "the series"
        problem = (
            f"the known-ahead columns {list(live.schema.future)} end before the horizon of {live.window.horizon} steps "
            f"in {where}: append rows with their future values and an empty target"
        )
        raise DataError(data, [problem])


def _named(data: str, work: Callable[[], T]) -> T:
    """Do some work; a problem of "the panel" is one of the file it came from."""
    try:
        return work()
    except DataError as error:
        raise DataError(data, error.problems) from error


class Frozen:
    """A fitted forecaster that the judge may not fit again."""

    def __init__(self, model: Saved) -> None:
        self.window, self.model = model.window, model
        self.parameters = model.parameters

    def fit(self, panel: Panel) -> Self:
        """Leave the model as it was saved."""
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        """The saved model's forecast."""
        return self.model.predict(panel, origins)


def backtest_file(directory: str | Path, data: str, split: Split) -> tuple[Scores, Leaderboard]:
    """Judge a saved model, as it is, on rows later than those it was fitted on, beside the naive rule.

    Without a split the test starts right after the last row of the fit, or where the first context is complete.

    Raises:
        SettingsError: no such rows, or a split that would test on rows the model has seen.
    """
    saved = load(directory)
    panel = read_dataset(data, saved.schema)
    later = panel.times[panel.times > saved.until]
    if not len(later):
        raise SettingsError(f"{data}: no row is later than {saved.last}, the last one the model was fitted on")
    alone = saved.model.window.context if len(later) == len(panel.times) else str(later.min())
    since = alone if split.since is None else first_test(split, panel)
    cut = panel.cut(since)
    tested = np.flatnonzero(cut < panel.lengths)  # a series may have ended long before
    if (panel.times[panel.offsets[tested] + cut[tested]] <= saved.until).any():
        raise SettingsError(
            f"the test (since {since}) begins among rows the model was fitted on, up to {saved.last}; use later ones"
        )
    contestants = {"naive": Naive(saved.model.window), "model": Frozen(saved.model)}
    scores = _named(data, lambda: backtest(contestants, panel, since, stride=split.stride, season=split.season))
    if "model" in scores.failed:
        raise DataError(data, [scores.failed["model"].removeprefix("panel: ")])
    return scores, leaderboard(scores, split.baseline)
