"""Pictures: forecasts, leaderboards, errors by step, calibration, gradients. Nobody else knows matplotlib."""

from forecast.plotting.calibration import plot_calibration, plot_pit, plot_reliability
from forecast.plotting.forecasts import plot
from forecast.plotting.gradients import plot_gradient_flow
from forecast.plotting.scores import plot_scores, plot_steps

__all__ = [
    "plot",
    "plot_calibration",
    "plot_gradient_flow",
    "plot_pit",
    "plot_reliability",
    "plot_scores",
    "plot_steps",
]
