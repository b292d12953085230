"""Compare: complete an experiment from what was asked and what the data suggests, and run it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from forecast.data.embedded import cards, read_dataset
from forecast.data.fingerprint import fingerprints
from forecast.data.forecast import Forecast
from forecast.data.panel import Panel, Since
from forecast.data.schema import Schema
from forecast.data.season import suggest
from forecast.errors import ForecastError, RunError, SettingsError
from forecast.evaluation.backtest import backtest
from forecast.evaluation.leaderboard import Leaderboard, leaderboard
from forecast.evaluation.scores import Scores
from forecast.experiment.cards import with_card
from forecast.experiment.contestants import PRESETS, Seasonal, Single, preset, shaped
from forecast.experiment.kept import KeptResults, keep_fits
from forecast.experiment.learned import Learned
from forecast.experiment.making import networks
from forecast.experiment.progress import Progress
from forecast.experiment.reach import complete, ends, not_judged, require_rows
from forecast.experiment.settings import Experiment, Split
from forecast.training.settings import Training
from forecast.windows.window import Window
from forecast.work.folder import Run, RunFolder, holds
from forecast.work.folder import opened as opened_run

LAST_FIFTH = 0.8
LINE = 60  # characters of a forecast in a table
NO_PLOTS = "no plots: they need matplotlib (pip install 'forecast-recurrent[plot]')"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a comparison found.

    Args:
        experiment: the settings, complete.
        panel: the data.
        scores: everything the judge measured.
        board: the leaderboard.
        ahead: the best model's forecast after the last row, fitted again on all rows; None where it cannot be made.
        notes: what the reader of the results should know.
        learned: what the networks among the contestants went through.
    """

    experiment: Experiment
    panel: Panel
    scores: Scores
    board: Leaderboard
    ahead: Forecast | None
    notes: tuple[str, ...]
    learned: Learned = Learned()  # noqa: RUF009 - a frozen value

    @property
    def best(self) -> str:
        """The model at the top of the leaderboard."""
        return str(self.board.frame["model"].iloc[0])


def plan(
    data: str,
    schema: Schema,
    *,
    context: int | None = None,
    horizon: int | None = None,
    split: Split = Split(),  # noqa: B008 - a frozen value
    models: tuple[str, ...] = (),
    training: Training | None = None,
    network: Mapping[str, object] | None = None,
) -> tuple[Experiment, Panel]:
    """Complete an experiment from what was asked for, the data set's card and the data itself.

    Context, horizon and season that were not given are suggested by the rows before the split. Without `models`
    all presets take part; the seasonal naive rule only where a season was found.

    Args:
        schema: roles that were named; an embedded data set's card fills in the others.
        split: where testing begins.
        network: settings of every recurrent network, by the names of a settings file.

    Returns:
        The experiment, and the panel that was read for it.
    """
    training = training or Training()
    asked = shaped({name: preset(name) for name in models}, network or {}) if models else {}
    base = preset(split.baseline)
    Window(1 if context is None else context, 1 if horizon is None else horizon)
    panel = read_dataset(data, with_card(data, schema))
    split = placed(split, data)
    train = panel.until(first_test(split, panel))
    season = suggest(train, split.season).season
    window = complete(train, season, training.validation, context, horizon)
    forecasters = asked or shaped(_all_presets(season), network or {})
    if split.baseline not in forecasters:
        forecasters = {split.baseline: base} | forecasters
    forecasters = {n: Seasonal(season) if isinstance(f, Seasonal) else f for n, f in forecasters.items()}
    return Experiment(data, panel.schema, window, forecasters, replace(split, season=season), training), panel


def placed(split: Split, data: str) -> Split:
    """The split with what was left open: as the data set's card has it, else the last 20 % of the time span."""
    card = cards().get(data)
    if split.since is None:
        split = replace(split, since=card.split if card and card.split is not None else LAST_FIFTH)
    return replace(split, season=card.season) if card and split.season is None else split


def first_test(split: Split, panel: Panel) -> Since:
    """Where testing begins; rows that carry nothing but known-ahead covariates do not count among the last ones."""
    since = LAST_FIFTH if split.since is None else split.since
    if not isinstance(since, int) or since >= 0:
        return since
    longest = int(panel.ends().max())
    if -since >= longest:
        raise SettingsError(f"the last {-since} rows cannot be the test: the longest series has {longest}")
    return since - int((panel.lengths - panel.ends()).max()) if panel.layout.future else since


def _all_presets(season: int) -> dict[str, Single]:
    return {name: made for name, made in PRESETS.items() if season > 1 or name != "seasonal-naive"}


def compare(experiment: Experiment, panel: Panel, progress: bool = False, folder: RunFolder | None = None) -> Outcome:
    """Judge the contestants at the same origins, then forecast ahead with the best.

    Args:
        panel: the data of the experiment.
        progress: show bars, in a terminal or a notebook.
        folder: of the run; keeps results and checkpoints, and what is there is not computed again.

    Raises:
        ForecastError: the series are too short, the baseline fails, or every contestant does.
    """
    split, since = experiment.split, first_test(experiment.split, panel)
    require_rows(experiment, panel, panel.until(since))
    contestants = experiment.contestants()
    for name, forecaster in contestants.items():
        for network in networks(name, forecaster).values():
            network.progress = progress
    results = KeptResults(contestants, folder, panel.until(since))
    with Progress(experiment.forecasters, progress) as bar:
        asked = {"stride": split.stride, "season": split.season, "progress": bar.judge}
        scores = backtest(contestants, panel, since, results=results, **asked)
        board = leaderboard(scores, split.baseline)
        best = str(board.frame["model"].iloc[0])
        bar.last(best, f"fitting {best} on all rows, for the forecast ahead")
        ahead, notes = _ahead(experiment, panel, best, folder)
    notes = [*results.notes, *not_judged(scores, panel, experiment.window), *notes]
    notes += [] if folder is None else folder.notes
    notes += [] if importlib.util.find_spec("matplotlib") else [NO_PLOTS]
    return Outcome(experiment, panel, scores, board, ahead, tuple(notes), results.learned)


def kept_in(run: Run | Path, experiment: Experiment, panel: Panel) -> AbstractContextManager[RunFolder]:
    """The folder in which a comparison keeps its work; it belongs to these settings and these data.

    Args:
        run: a bare path goes on with this comparison if it was stopped there, and gives up any other.

    Raises:
        ForecastError: the series are too short; nothing is written.
        SettingsError: see `forecast.work.folder.opened`.
    """
    require_rows(experiment, panel, panel.until(first_test(experiment.split, panel)))
    settings = experiment.deciding()
    data = fingerprints(panel) | {"name": experiment.data}
    if isinstance(run, Path):
        same = holds(run, settings, data)
        run = Run(run, resume=same, anew=not same)
    return opened_run(run, settings, data, need=_bytes(experiment, panel))


def _bytes(experiment: Experiment, panel: Panel) -> int:
    """What a comparison writes at least: its forecasts, once as numbers and once as text."""
    cut = panel.cut(first_test(experiment.split, panel))
    rows = int(np.maximum(panel.lengths - cut, 0).sum()) // experiment.split.stride
    return len(experiment.forecasters) * rows * experiment.window.horizon * panel.layout.targets * (8 + LINE)


def _ahead(
    experiment: Experiment, panel: Panel, best: str, folder: RunFolder | None
) -> tuple[Forecast | None, list[str]]:
    origins, notes = ends(panel, experiment.window)
    forecaster = experiment.make(best)
    keep_fits(best, forecaster, folder)
    try:
        return forecaster.fit(panel).predict(panel, origins), notes
    except RunError:
        raise
    except ForecastError as error:
        text = str(error).removeprefix("panel: ")
        return None, [*notes, f"no forecast after the last row: {text}"]


def opened(experiment: Experiment) -> tuple[Experiment, Panel]:
    """Check the device, read the data, and fill in where testing begins."""
    experiment.training.accelerator()
    experiment.contestants()
    panel = read_dataset(experiment.data, experiment.schema)
    return replace(experiment, schema=panel.schema, split=placed(experiment.split, experiment.data)), panel


def run(experiment: Experiment, progress: bool = False) -> Outcome:
    """Read the data of an experiment and compare."""
    return compare(*opened(experiment), progress)
