"""Verbs: each hands its arguments to a floor below and prints what comes back; heavy rooms are entered only here."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from forecast.cli.flags import network_of, require_alone, run_of, schema_of, search_of, split_of, training_of
from forecast.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from forecast.data.panel import Panel
    from forecast.evaluation.leaderboard import Leaderboard
    from forecast.experiment.settings import Experiment


SETTINGS = ".toml"


def describe(args: argparse.Namespace) -> None:
    """Say what a file holds."""
    from forecast.experiment.cards import described

    found = described(args.data, schema_of(args))
    print(to_json(found.to_json()) if args.json else found.to_text())
    if found.problems:
        raise SettingsError(f"{args.data}: compare would stop at the problems above")


def compare(args: argparse.Namespace) -> None:
    """From a CSV to a leaderboard."""
    from forecast.experiment.compare import plan
    from forecast.experiment.files import writable

    schema, split, training = schema_of(args), split_of(args), training_of(args)
    window = {"context": args.context, "horizon": args.horizon}
    directory = writable(args.out)
    asked = {"models": args.models, "training": training, "network": network_of(args)}
    opened = plan(args.data, schema, **window, split=split, **asked)
    _judge(*opened, directory, args)


def run(args: argparse.Namespace) -> None:
    """Run a settings file."""
    from forecast.experiment.compare import opened
    from forecast.experiment.files import writable
    from forecast.experiment.settings import read_experiment

    experiment = read_experiment(args.settings, args.set, args.allow_imports)
    directory = writable(args.out)
    _judge(*opened(experiment), directory, args)


def leakcheck(args: argparse.Namespace) -> None:
    """Rewrite what comes after origins, and see whether any forecaster notices."""
    from forecast.experiment.leakcheck import leakcheck, leaked

    experiment, panel = _asked(args)
    say("\n".join(f"  {line}" for line in panel.report))
    found = {}
    for name, result in leakcheck(experiment, panel, args.origins, args.seed):
        found[name] = result
        if not args.json:
            print(f"{name}: {result}", flush=True)
    if args.json:
        print(to_json({name: str(result) for name, result in found.items()}))
    leaked(found)


def sweep(args: argparse.Namespace) -> None:
    """Search, and judge the winner."""
    from forecast.experiment.cards import in_words
    from forecast.experiment.files import writable, write
    from forecast.experiment.sweep import swept
    from forecast.experiment.sweep_files import write_sweep

    experiment, panel = _sought(args)
    directory = writable(args.out)
    say("\n".join([in_words(experiment.data, panel), *(f"  {line}" for line in panel.report)]))
    directory.mkdir(parents=True, exist_ok=True)
    found = swept(experiment, panel, str(directory / "study.db"), progress=True, directory=directory)
    files = [*write(found.outcome, directory), *write_sweep(found, directory)]
    files += _reported(directory)
    if args.json:
        trials = {"trials": json.loads(found.trials.to_json(orient="records")), "notes": list(found.notes)}
        print(to_json(_board(found.outcome.board) | trials | {"files": [str(file) for file in files]}))
        return
    print(found.outcome.board.to_text(width()))
    for note in (*found.notes, *found.outcome.notes):
        print(note)
    print(f"\nwritten to {directory}: {', '.join(str(file.relative_to(directory)) for file in files)}")


def _asked(args: argparse.Namespace) -> tuple[Experiment, Panel]:
    """The experiment of a settings file, or one completed from flags."""
    from forecast.experiment.compare import opened, plan
    from forecast.experiment.settings import read_experiment

    if args.data.endswith(SETTINGS):
        require_alone(args)
        return opened(read_experiment(args.data, args.set, args.allow_imports))
    window = {"context": args.context, "horizon": args.horizon}
    asked = {"models": args.models, "training": training_of(args), "network": network_of(args)}
    return plan(args.data, schema_of(args), **window, split=split_of(args), **asked)


def _sought(args: argparse.Namespace) -> tuple[Experiment, Panel]:
    """The experiment of a sweep: a settings file's, or one completed from flags."""
    from dataclasses import replace

    from forecast.experiment.compare import opened, plan
    from forecast.experiment.settings import read_experiment
    from forecast.experiment.sweep_tables import SweepPlan, read_sweep

    asked = search_of(args)
    if args.data.endswith(SETTINGS):
        require_alone(args)
        experiment, panel = opened(read_experiment(args.data, args.set, args.allow_imports))
        known = (experiment.sweep or SweepPlan()).to_tables()
        return replace(experiment, sweep=read_sweep(known["sweep"] | asked, known["space"])), panel
    schema, split, training = schema_of(args), split_of(args), training_of(args)
    window = {"context": args.context, "horizon": args.horizon}
    sought = read_sweep(asked | {"seed": args.seed}, {})
    experiment, panel = plan(args.data, schema, **window, split=split, models=(split.baseline,), training=training)
    return replace(experiment, sweep=sought), panel


def _judge(experiment: Experiment, panel: Panel, directory: Path, args: argparse.Namespace) -> None:
    from forecast.experiment import compare
    from forecast.experiment.cards import in_words
    from forecast.experiment.files import write

    say("\n".join([in_words(experiment.data, panel), *(f"  {line}" for line in panel.report)]))
    with compare.kept_in(run_of(args, directory), experiment, panel) as folder:
        outcome = compare.compare(experiment, panel, progress=True, folder=folder)
        files = write(outcome, directory)
        folder.finish()
    files += _reported(directory)
    if args.json:
        failed = {"failed": dict(outcome.board.failed), "notes": list(outcome.notes)}
        print(to_json(_board(outcome.board) | failed | {"files": [str(file) for file in files]}))
        return
    print(outcome.board.to_text(width()))
    for note in outcome.notes:
        print(note)
    print(f"\nwritten to {directory}: {', '.join(str(file.relative_to(directory)) for file in files)}")


def _reported(directory: Path) -> list[Path]:
    """The page of a run that has just finished, where plotly is there to make it."""
    from forecast.report.page import MISSING, can_report, write_report

    if can_report():
        return [write_report(directory)]
    say(f"no report.html: {MISSING}")
    return []


def report(args: argparse.Namespace) -> None:
    """Make the page of a run folder."""
    from forecast.report.page import write_report
    from forecast.work.writing import size

    page = write_report(args.run, args.out, args.series)
    say(f"{page}: {size(page.stat().st_size)}; open it in a browser")


def _board(board: Leaderboard) -> dict[str, object]:
    return {"verdict": board.verdict, "leaderboard": json.loads(board.frame.to_json(orient="records"))}


def fit(args: argparse.Namespace) -> None:
    """Train one forecaster and save it."""
    from forecast.experiment.cards import in_words
    from forecast.experiment.files import writable
    from forecast.experiment.saved import fit_and_save, fit_contestant

    schema, training, window = schema_of(args), training_of(args), (args.context, args.horizon, args.season)
    directory, data = writable(args.out), args.data
    kept = run_of(args, directory)
    if data.endswith(SETTINGS):
        require_alone(args)
        model, panel, data = fit_contestant(data, args.model, kept, args.start, args.allow_imports)
    else:
        shape = (args.intervals, network_of(args), args.start)
        model, panel = fit_and_save(data, schema, args.model, window, training, kept, *shape)
    verb = "update" if (directory / "state.safetensors").exists() else "predict"
    summary = {"model": args.model, "out": str(directory), "parameters": model.parameters, "rows": len(panel.times)}
    text = f"{args.model} fitted on {in_words(data, panel)}\nsaved to {directory}; now: forecast {verb}"
    print(to_json(summary) if args.json else f"{text} {directory} NEW_ROWS.csv")


def predict(args: argparse.Namespace) -> None:
    """Forecast after the last row of a file."""
    from forecast.experiment.files import write_frame
    from forecast.experiment.saved import forecast_file

    frame, notes = forecast_file(args.model, args.data)
    if args.out:
        write_frame(frame, args.out)
    _tell(frame, notes, args)


def update(args: argparse.Namespace) -> None:
    """Let a live model absorb new rows, and say what comes next."""
    from forecast.experiment.saved import update_file

    frame, notes = update_file(args.model, args.data, args.out, args.learn)
    _tell(frame, notes, args)


def _tell(frame: pd.DataFrame, notes: Sequence[str], args: argparse.Namespace) -> None:
    """Print a forecast, unless it went into a file."""
    from forecast.experiment.spreadsheets import guarded

    for note in notes:
        say(note)
    if args.out:
        say(f"{len(frame)} rows written to {args.out}")
    if args.json:
        print(frame.to_json(orient="records", date_format="iso"))
    elif not args.out:
        print(guarded(frame).to_csv(index=False), end="")


def backtest(args: argparse.Namespace) -> None:
    """Judge a saved model on later rows."""
    from forecast.experiment.files import writable, write_tables
    from forecast.experiment.saved import backtest_file

    split = split_of(args)
    directory = writable(args.out) if args.out else None
    scores, board = backtest_file(args.model, args.data, split)
    if directory:
        write_tables(scores, board, directory)
    print(to_json(_board(board)) if args.json else board.to_text(width()))


def say(text: str) -> None:
    """Tell the person, not the pipe."""
    print(text, file=sys.stderr)


def to_json(value: object) -> str:
    """For machines."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def width() -> int:
    """Columns of the terminal; a table is never squeezed below 100."""
    return max(100, shutil.get_terminal_size((140, 24)).columns)
