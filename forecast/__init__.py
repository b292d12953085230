"""Forecasting time series with recurrent networks, judged fairly against simple rules.

`import forecast as fc` is quick: rooms that need torch, Lightning or scikit-learn are entered at the first use of
one of their names (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forecast.data.describe import describe
    from forecast.data.embedded import cards, read_dataset
    from forecast.data.forecast import Actual, Forecast, Forecaster
    from forecast.data.format import Format
    from forecast.data.panel import Origins, Panel
    from forecast.data.readers import from_frame, read_csv
    from forecast.data.schema import Schema
    from forecast.data.season import season_of, suggest
    from forecast.errors import DataError, ForecastError, NotFittedError, SettingsError, TrainingError, UnknownCategory
    from forecast.evaluation.backtest import backtest
    from forecast.evaluation.calibration import calibration_frame, pit, reliability_frame
    from forecast.evaluation.classes import accuracy, balanced_accuracy, brier, error_rate, log_loss, rel_error_rate
    from forecast.evaluation.directions import direction_table
    from forecast.evaluation.leaderboard import leaderboard
    from forecast.evaluation.metrics import bias, direction, mae, mase, relmae, rmse, rmsse, smape
    from forecast.evaluation.probabilistic import coverage, crps, interval_score, log_score, pinball, width, wql
    from forecast.evaluation.seeds import over_seeds, seeded
    from forecast.experiment.spaces import Range, network_space, tabular_space
    from forecast.forecasters.artifacts.artifact import load
    from forecast.forecasters.conformal import Conformal
    from forecast.forecasters.ensemble import Ensemble
    from forecast.forecasters.gradient_flow import GradientFlow, gradient_flow
    from forecast.forecasters.linear import Linear
    from forecast.forecasters.live.files import load_live
    from forecast.forecasters.live.forecaster import Live
    from forecast.forecasters.live.learning.guard import Guard
    from forecast.forecasters.naive import Drift, Mean, Naive, SeasonalNaive
    from forecast.forecasters.pretrain import pretrain
    from forecast.forecasters.recurrent import Recurrent
    from forecast.forecasters.regressor import RecurrentRegressor
    from forecast.forecasters.tabular import Tabular
    from forecast.forecasters.warm import warm_start
    from forecast.nets.decoders import Direct, Recursive, Segments, Sequence
    from forecast.nets.heads import (
        Category,
        Direction,
        Gaussian,
        GaussianMixture,
        NegativeBinomialCount,
        Point,
        PoissonCount,
        Quantiles,
        Student,
    )
    from forecast.nets.network import Architecture, Network, Sizes
    from forecast.plotting import (
        plot,
        plot_calibration,
        plot_cells,
        plot_costs,
        plot_errors,
        plot_gradient_flow,
        plot_history,
        plot_importances,
        plot_live,
        plot_panel,
        plot_pit,
        plot_reliability,
        plot_scores,
        plot_steps,
        plot_training,
    )
    from forecast.sweeps.reading import best_trial, importances, trials_frame
    from forecast.sweeps.search import Search
    from forecast.sweeps.sweep import sweep
    from forecast.training.datamodule import DataModule
    from forecast.training.module import RecurrentModule
    from forecast.training.settings import Training
    from forecast.windows.feeds import Streamed, Windowed
    from forecast.windows.window import Window
    from forecast.work.folder import Run
    from forecast.work.stopping import Stopped

_ROOMS = {
    "data.describe": ("describe",),
    "data.embedded": ("cards", "read_dataset"),
    "data.forecast": ("Actual", "Forecast", "Forecaster"),
    "data.format": ("Format",),
    "data.panel": ("Origins", "Panel"),
    "data.readers": ("from_frame", "read_csv"),
    "data.schema": ("Schema",),
    "data.season": ("season_of", "suggest"),
    "errors": ("DataError", "ForecastError", "NotFittedError", "SettingsError", "TrainingError", "UnknownCategory"),
    "evaluation.backtest": ("backtest",),
    "evaluation.calibration": ("calibration_frame", "pit", "reliability_frame"),
    "evaluation.classes": ("accuracy", "balanced_accuracy", "brier", "error_rate", "log_loss", "rel_error_rate"),
    "evaluation.directions": ("direction_table",),
    "evaluation.leaderboard": ("leaderboard",),
    "evaluation.metrics": ("bias", "direction", "mae", "mase", "relmae", "rmse", "rmsse", "smape"),
    "evaluation.probabilistic": ("coverage", "crps", "interval_score", "log_score", "pinball", "width", "wql"),
    "evaluation.seeds": ("over_seeds", "seeded"),
    "forecasters.artifacts.artifact": ("load",),
    "forecasters.conformal": ("Conformal",),
    "forecasters.ensemble": ("Ensemble",),
    "forecasters.gradient_flow": ("GradientFlow", "gradient_flow"),
    "forecasters.linear": ("Linear",),
    "forecasters.live.forecaster": ("Live",),
    "forecasters.live.files": ("load_live",),
    "forecasters.live.learning.guard": ("Guard",),
    "forecasters.naive": ("Drift", "Mean", "Naive", "SeasonalNaive"),
    "forecasters.pretrain": ("pretrain",),
    "forecasters.recurrent": ("Recurrent",),
    "forecasters.regressor": ("RecurrentRegressor",),
    "forecasters.tabular": ("Tabular",),
    "forecasters.warm": ("warm_start",),
    "experiment.spaces": ("Range", "network_space", "tabular_space"),
    "sweeps.reading": ("best_trial", "importances", "trials_frame"),
    "sweeps.search": ("Search",),
    "sweeps.sweep": ("sweep",),
    "nets.decoders": ("Direct", "Recursive", "Segments", "Sequence"),
    "nets.heads": (
        "Category",
        "Direction",
        "Gaussian",
        "GaussianMixture",
        "NegativeBinomialCount",
        "Point",
        "PoissonCount",
        "Quantiles",
        "Student",
    ),
    "nets.network": ("Architecture", "Network", "Sizes"),
    "plotting": (
        "plot",
        "plot_calibration",
        "plot_cells",
        "plot_costs",
        "plot_errors",
        "plot_gradient_flow",
        "plot_history",
        "plot_importances",
        "plot_live",
        "plot_panel",
        "plot_pit",
        "plot_reliability",
        "plot_scores",
        "plot_steps",
        "plot_training",
    ),
    "training.datamodule": ("DataModule",),
    "training.module": ("RecurrentModule",),
    "training.settings": ("Training",),
    "windows.feeds": ("Streamed", "Windowed"),
    "windows.window": ("Window",),
    "work.folder": ("Run",),
    "work.stopping": ("Stopped",),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'forecast' has no attribute {name!r}")
    value = getattr(import_module(f"forecast.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
