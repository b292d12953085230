"""Pictures: panels, forecasts, leaderboards, errors, training, calibration, gradients. Nobody else knows matplotlib."""

from forecast.plotting.calibration import plot_calibration, plot_pit, plot_reliability
from forecast.plotting.forecasts import plot
from forecast.plotting.gradients import plot_gradient_flow
from forecast.plotting.live import plot_live
from forecast.plotting.over_time import plot_errors
from forecast.plotting.panels import plot_panel
from forecast.plotting.scores import plot_scores, plot_steps
from forecast.plotting.sweeps import plot_cells, plot_costs, plot_history, plot_importances
from forecast.plotting.training import plot_training

__all__ = [
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
]
