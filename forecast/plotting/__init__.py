"""Pictures: a forecast beside its history, a leaderboard, errors by step. The only room that knows matplotlib."""

from forecast.plotting.forecasts import plot
from forecast.plotting.scores import plot_scores, plot_steps

__all__ = ["plot", "plot_scores", "plot_steps"]
