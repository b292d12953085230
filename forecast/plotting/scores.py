"""Who did well, and at which step of the horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from forecast.errors import SettingsError, did_you_mean
from forecast.plotting.style import (
    FAMILIES,
    FAMILY_NAMES,
    INK,
    SOFT,
    XLABEL,
    Axes,
    axes,
    inches,
    legend_below,
    look,
    plt,
    stroke,
    titled,
)

MOST_LINES = 8
REACH = 4.0  # times the median error: where a bar is cut
LOWEST = -100.0  # percent saved: where a bar is cut, at twice the baseline's error
MARKED = 16  # steps up to which each is marked
WORDS = {"mae": "mean absolute error", "rmse": "root mean squared error", "smape": "sMAPE (percent)"}
WORDS |= {"mase": "MASE", "rmsse": "RMSSE", "relmae": "relative error (last value = 1)"}
WORDS |= {"bias": "forecast minus actual", "direction": "share of right directions"}
WORDS |= {"crps": "CRPS", "pinball": "pinball loss", "wql": "weighted quantile loss", "log_score": "log score"}
WORDS |= {"error_rate": "error rate", "rel_error_rate": "relative error rate (last category = 1)"}
WORDS |= {"balanced_accuracy": "share of right classes, each class alike"}
WORDS |= {"brier": "Brier score", "log_loss": "log loss", "accuracy": "share of right classes"}


class Board(Protocol):
    """A leaderboard: what `forecast.evaluation.leaderboard.leaderboard` returns."""

    @property
    def frame(self) -> pd.DataFrame: ...
    @property
    def error(self) -> str: ...
    @property
    def baseline(self) -> str: ...
    @property
    def families(self) -> Mapping[str, str]: ...


class LongScores(Protocol):
    """Scores by series, step and metric: what `forecast.evaluation.backtest.backtest` returns."""

    @property
    def frame(self) -> pd.DataFrame: ...
    @property
    def error(self) -> str: ...


def plot_scores(leaderboard: Board, by: Literal["mae", "error_rate", "skill"] = "mae", ax: Axes | None = None) -> Axes:
    """Draw a bar for every contestant, the best on top, with the baseline marked.

    Args:
        leaderboard: the contestants.
        by: "mae" (of categories the error rate, "error_rate"), or "skill" for the gain over the baseline in percent.
        ax: where to draw; a new figure by default.
    """
    by = "mae" if by == leaderboard.error else by
    if by not in ("mae", "skill"):
        raise SettingsError(f"by={by!r}: scores are drawn by 'mae' or by 'skill'")
    frame = leaderboard.frame.iloc[::-1]
    error = leaderboard.error
    models = [str(model) for model in frame["model"]]
    values = frame[error if by == "mae" else by].to_numpy(dtype=np.float64) * (100 if by == "skill" else 1)
    drawn = _within_reach(values, by)
    families = [leaderboard.families[model] for model in models]
    with look():
        ax = axes(ax, 8.0, 1.7 + 0.34 * len(models))
        bars = ax.barh(models, drawn, color=[FAMILIES[family] for family in families], height=0.68)
        at = models.index(leaderboard.baseline)
        bars[at].set(edgecolor=INK, linewidth=1.2)
        ax.axvline(float(values[at]), color=INK, lw=1.2, ls=(0, (4, 3)))
        notes = _notes(values, drawn, frame["skill"].to_numpy(dtype=np.float64), at, by)
        under = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 0.6}  # no line through the figures
        ax.bar_label(bars, notes, padding=4, fontsize=9, color=INK, bbox=under)
        room = (5.0 * max(map(len, notes)) + 8) / 72 / inches(ax)  # of the axes, for the longest figure
        ax.margins(x=max(0.3, room / (1 - min(room, 0.7))), y=0.02)
        _score_words(ax, by, WORDS[error], leaderboard.baseline, families)
    return ax


def _within_reach(values: np.ndarray, by: str) -> np.ndarray:
    """Lengths of the bars; one that would make all others invisible is cut, its label says so."""
    cut = np.minimum(values, REACH * np.nanmedian(values)) if by == "mae" else np.maximum(values, LOWEST)
    return np.nan_to_num(cut)


def _notes(values: np.ndarray, drawn: np.ndarray, skills: np.ndarray, baseline: int, by: str) -> list[str]:
    notes = []
    for row, (value, bar, skill) in enumerate(zip(values, drawn, skills, strict=True)):
        size = f"{value:.4g}" if by == "mae" else _gain(value)
        gain = f"({_gain(-100 * skill)})" if by == "mae" and not np.isnan(skill) else ""
        words = "baseline" if row == baseline else gain
        size = "" if by == "skill" and row == baseline else size
        cut = "(bar cut)" if bar != value and not np.isnan(value) else ""
        notes.append(" ".join(part for part in (size, words, cut) if part))
    return notes


def _gain(percent: float) -> str:
    if np.isnan(percent):  # the baseline makes no error
        return "–"
    shown = round(percent, 0 if abs(percent) >= 100 else 1) + 0.0  # no "−0.0"
    return f"{shown:+,.{0 if abs(percent) >= 100 else 1}f} %".replace("-", "−")


def _score_words(ax: Axes, by: str, words: str, baseline: str, families: Sequence[str]) -> None:
    if by == "mae":
        titled(ax, f"{words.capitalize()} (against {baseline})")
        ax.set_xlabel(f"{words}; shorter is better")
    else:
        titled(ax, f"{words.capitalize()} saved against {baseline}")
        ax.set_xlabel(f"1 − error / error of {baseline}, percent; further right is better")
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if by == "mae":
        ax.set_xlim(left=0)
    present = [family for family in FAMILIES if family in families]
    handles = [plt.Rectangle((0, 0), 1, 1, color=FAMILIES[family]) for family in present]
    names = [FAMILY_NAMES[family] for family in present]
    legend_below(ax, handles, names, down=XLABEL)


def plot_steps(
    scores: LongScores, metric: str | None = None, models: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw an error by step of the horizon, one line a contestant.

    Args:
        scores: what `backtest` returned.
        metric: name of one of the metrics it was asked for; by default the mean absolute error, or the error rate.
        models: contestants to draw; by default all, or the eight best if there are more.
        ax: where to draw; a new figure by default.

    Raises:
        SettingsError: no such metric or contestant.
    """
    metric = scores.error if metric is None else metric
    table, total = _by_step(scores.frame, metric), scores.frame["model"].nunique()
    chosen = _models(scores.frame, metric, models)
    steps = table.index.to_numpy()
    with look():
        ax = axes(ax, 9.0, 4.4)
        for rank, model in enumerate(chosen):
            ax.plot(
                steps,
                table[model].to_numpy(dtype=np.float64),
                **stroke(rank),
                markevery=1 if len(steps) <= MARKED else (rank % 8, max(len(steps) // 8, 1)),
                ms=5,
                label=model,
            )
        few = f" (best {len(chosen)} of {total})" if models is None and len(chosen) < total else ""
        _step_words(ax, metric, steps, few)
    return ax


def _overall(frame: pd.DataFrame) -> pd.Series[bool]:
    return (frame["series"] == "*") & (frame["target"] == "*")


def _by_step(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    known = list(dict.fromkeys(frame["metric"]))
    if metric not in known:
        raise SettingsError(f"no metric {metric!r} in these scores{did_you_mean(metric, known)}")
    chosen = frame[(frame["metric"] == metric) & _overall(frame) & (frame["step"] != "*")]
    return chosen.astype({"step": int}).pivot(index="step", columns="model", values="value")


def _models(frame: pd.DataFrame, metric: str, models: Sequence[str] | None) -> list[str]:
    overall = frame[(frame["metric"] == metric) & _overall(frame) & (frame["step"] == "*")]
    size = overall.set_index("model")["value"].abs()
    if metric == "direction":
        size = -size
    return picked([str(model) for model in size.sort_values(kind="stable").index], models, MOST_LINES)


def picked(ranked: list[str], models: Sequence[str] | None, most: int) -> list[str]:
    """The contestants asked for, or at most so many of those ranked."""
    if models is None:
        return ranked[:most]
    unknown = [model for model in models if model not in ranked]
    if unknown:
        raise SettingsError(f"no contestant {unknown[0]!r} in these scores{did_you_mean(unknown[0], ranked)}")
    return list(models)


def _step_words(ax: Axes, metric: str, steps: np.ndarray, few: str) -> None:
    words = WORDS.get(metric, metric)
    titled(ax, f"{words[:1].upper() if words.islower() else words[:1]}{words[1:]} by step of the horizon{few}")
    ax.set_xlabel("steps ahead")
    ax.set_ylabel(words)
    if len(steps) <= MARKED:
        ax.set_xticks(steps)
    ax.set_xlim(steps[0] - 0.5 if len(steps) < 3 else steps[0] - 0.02 * len(steps), steps[-1] + 0.5)
    if metric in ("mae", "rmse", "smape", "mase", "rmsse", "error_rate"):
        ax.set_ylim(bottom=0)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    if metric in ("relmae", "rel_error_rate", "bias"):
        ax.axhline(0.0 if metric == "bias" else 1.0, color=SOFT, lw=1.0, zorder=1)
