"""The files a comparison leaves: tables, settings, pictures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from forecast.errors import SettingsError
from forecast.evaluation.leaderboard import Leaderboard
from forecast.evaluation.scores import Scores
from forecast.experiment.compare import Outcome
from forecast.experiment.details import write_details
from forecast.experiment.settings import seen_from
from forecast.experiment.spreadsheets import guarded

MOST_SERIES = 4


def writable(directory: str | Path) -> Path:
    """Try a directory, so that an hour of work does not end at a closed door; what is made for it is removed again.

    Raises:
        SettingsError: it cannot be made or written.
    """
    directory = Path(directory)
    missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    probe = directory / ".writable"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
        for folder in missing:
            folder.rmdir()
    except OSError as error:
        raise SettingsError(f"--out {directory}: cannot write there ({error.strerror or error})") from error
    return directory


def write(outcome: Outcome, directory: Path) -> list[Path]:
    """Write leaderboard.csv, scores.csv, forecasts.csv, next.csv, settings.toml, details/* and plots/*.png.

    Files of these names that an earlier comparison left are replaced or removed.

    Returns:
        The files, in the order written.
    """
    plots = directory / "plots"
    for old in (directory / "next.csv", plots / "next.png", *plots.glob("forecast-*.png")):
        old.unlink(missing_ok=True)
    written = write_tables(outcome.scores, outcome.board, directory)
    if outcome.ahead is not None:
        written.append(write_frame(outcome.ahead.to_frame().assign(model=outcome.best), directory / "next.csv"))
    settings = directory / "settings.toml"
    settings.write_text(seen_from(outcome.experiment, directory).to_toml(), encoding="utf-8")
    return [*written, settings, *write_details(outcome, directory), *_plots(outcome, plots)]


def write_tables(scores: Scores, board: Leaderboard, directory: Path) -> list[Path]:
    """Write leaderboard.csv, scores.csv and forecasts.csv."""
    directory.mkdir(parents=True, exist_ok=True)
    tables = {"leaderboard": board.frame, "scores": scores.frame, "forecasts": scores.forecasts_frame()}
    return [write_frame(frame, directory / f"{name}.csv") for name, frame in tables.items()]


def write_frame(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a table as CSV; texts that a spreadsheet would take for formulas are guarded (`spreadsheets.py`).

    Raises:
        SettingsError: it cannot be written there.
    """
    try:
        guarded(frame).to_csv(path, index=False)
    except OSError as error:
        raise SettingsError(f"--out {path}: cannot be written ({error.strerror or error})") from error
    return Path(path)


def _plots(outcome: Outcome, directory: Path) -> list[Path]:
    from forecast.plotting import plot, plot_scores, plot_steps
    from forecast.plotting.style import plt

    directory.mkdir(exist_ok=True)
    said = outcome.scores.forecasts[outcome.best]
    pictures = {
        "leaderboard.png": plot_scores(outcome.board),
        "steps.png": plot_steps(outcome.scores),
    }
    judged = dict.fromkeys(said.series[i] for i in said.origins.series)
    for number, series in enumerate(list(judged)[:MOST_SERIES], start=1):
        pictures[f"forecast-{number}.png"] = plot(said, outcome.panel, series=series)
    if outcome.ahead is not None:
        pictures["next.png"] = plot(outcome.ahead, outcome.panel)
    for name, axes in pictures.items():
        figure = axes.get_figure(root=True)
        if figure is not None:
            figure.savefig(directory / name, dpi=110)
            plt.close(figure)
    return [directory / name for name in pictures]
