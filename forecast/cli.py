"""The command line: verbs, no logic. Heavy rooms are entered only by the verb that needs them."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from forecast.errors import ForecastError, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from forecast.data.panel import Panel
    from forecast.data.schema import Schema
    from forecast.evaluation.leaderboard import Leaderboard
    from forecast.experiment.settings import Experiment, Split
    from forecast.training.fit import Training

OURS, USERS, STOPPED = 70, 2, 130
SECONDS = 120.0
MODELS = (
    "naive, seasonal-naive, drift, mean, linear, ridge, knn, forest, boosting, mlp, rnn, lstm, gru, "
    "rnn-stateful, lstm-stateful, gru-stateful"
)
EXAMPLES = """\
examples:
  forecast describe prices.csv
  forecast compare prices.csv --target close --series ticker --horizon 5 --out runs/prices
  forecast compare seattle-weather --target temp_max
  forecast fit prices.csv --target close --model gru --horizon 5 --out model
  forecast predict model new_prices.csv --out forecast.csv
  forecast run runs/prices/settings.toml --set forecasters.gru.hidden_size=128

embedded data sets: seattle-weather, stocks (pip install 'forecast-recurrent[demo]')
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 2 a mistake of the user's, 70 one of ours, 130 stopped."""
    if arguments is None and not sys.warnoptions:
        warnings.simplefilter("ignore")  # of a command's libraries; whoever calls from Python keeps them
    try:
        args = _parser().parse_args(arguments)
    except SystemExit as stop:
        return USERS if stop.code else 0
    try:
        args.verb(args)
        sys.stdout.flush()
    except ForecastError as error:
        _say(f"forecast: {error}")
        return USERS
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, SystemExit):  # Lightning turns the first into the second
        _say("forecast: stopped")
        return STOPPED
    except Exception:
        traceback.print_exc()
        _say("forecast: this is a mistake of ours, please report it with the lines above")
        return OURS
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forecast",
        description="Forecast time series with recurrent networks, and learn whether something simpler is as good.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"forecast {_version()}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    describe = _verb(verbs, "describe", _describe, "what a file holds: time, calendar, gaps, missing values, series")
    _data(describe)
    describe.add_argument("--json", action="store_true", help="print the result as JSON")
    compare = _verb(verbs, "compare", _compare, "CSV to leaderboard: every forecaster at the same origins")
    _data(compare)
    _window(compare)
    _split(compare)
    compare.add_argument("--models", type=_names, default=(), metavar="A,B,...", help=f"of {MODELS} (default: all)")
    _training(compare)
    _outputs(compare, "forecast-run", "folder for tables, settings and plots (default: forecast-run)")
    fit = _verb(verbs, "fit", _fit, "train one forecaster on a whole file and save it")
    _data(fit)
    _window(fit)
    fit.add_argument("--model", default="gru", metavar="NAME", help="rnn, lstm, gru, linear or a rule (default: gru)")
    _training(fit)
    _outputs(fit, "model", "folder of the saved model (default: model)")
    predict = _verb(verbs, "predict", _predict, "forecast after the last row of a file with a saved model")
    predict.add_argument("model", metavar="MODEL", help="folder written by `forecast fit`")
    predict.add_argument("data", metavar="DATA", help="CSV with the columns the model was fitted on")
    _outputs(predict, None, "CSV to write (default: print)")
    test = _verb(verbs, "backtest", _backtest, "judge a saved model on rows later than those it was fitted on")
    test.add_argument("model", metavar="MODEL", help="folder written by `forecast fit`")
    test.add_argument("data", metavar="DATA", help="CSV with the columns the model was fitted on")
    _split(test)
    _outputs(test, None, "folder for leaderboard.csv, scores.csv, forecasts.csv (default: print only)")
    run = _verb(verbs, "run", _run, "run a settings file, such as the settings.toml a comparison leaves")
    run.add_argument("settings", metavar="SETTINGS.toml")
    run.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change one setting; repeatable")
    _outputs(run, "forecast-run", "folder for tables, settings and plots (default: forecast-run)")
    return parser


def _verb(verbs: argparse._SubParsersAction, name: str, run: Callable, text: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(verb=run)
    return parser


def _data(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("data")
    group.add_argument("data", metavar="DATA", help="a CSV file (also .gz, .zip), or an embedded name")
    group.add_argument("--target", type=_names, default=(), metavar="COL[,COL]", help="columns to forecast")
    group.add_argument("--time", metavar="COL", help="column of the timestamps (default: found)")
    group.add_argument("--series", metavar="COL", help="column that names the series of a long table")
    group.add_argument("--past", type=_names, default=(), metavar="COLS", help="covariates known up to the origin")
    group.add_argument("--future", type=_names, default=(), metavar="COLS", help="covariates known ahead")


def _window(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("window (default: suggested by the data)")
    group.add_argument("--context", type=int, metavar="N", help="steps a forecaster sees")
    group.add_argument("--horizon", type=int, metavar="N", help="steps it forecasts")
    group.add_argument("--season", type=int, metavar="N", help="steps of a season; 1 for none")


def _split(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("test span (default: the last 20 % of the time)")
    choice = group.add_mutually_exclusive_group()
    choice.add_argument("--since", metavar="DATE", help="first test date, or a share of the time span such as 0.8")
    choice.add_argument("--test-rows", type=int, metavar="N", help="the last N rows of every series")
    group.add_argument("--stride", type=int, default=1, metavar="N", help="rows between test origins (default: 1)")
    group.add_argument("--baseline", default="naive", metavar="NAME", help="whom to beat (default: naive)")


def _training(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("training of networks")
    group.add_argument("--epochs", type=int, default=30, metavar="N", help="passes over the data at most (default: 30)")
    group.add_argument(
        "--max-seconds",
        type=float,
        default=SECONDS,
        metavar="N",
        help=f"for each network; the best epoch so far is kept (default: {SECONDS:g})",
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of all randomness (default: 0)")
    group.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto", help="default: auto")


def _outputs(parser: argparse.ArgumentParser, default: str | None, text: str) -> None:
    parser.add_argument("--out", default=default, metavar="DIR" if default else "PATH", help=text)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _describe(args: argparse.Namespace) -> None:
    from forecast.experiment.cards import described

    found = described(args.data, _schema(args))
    print(_json(found.to_json()) if args.json else found.to_text())
    if found.problems:
        raise SettingsError(f"{args.data}: compare would stop at the problems above")


def _compare(args: argparse.Namespace) -> None:
    from forecast.experiment.compare import plan
    from forecast.experiment.files import writable

    schema, split, training = _schema(args), _split_of(args), _training_of(args)
    window = {"context": args.context, "horizon": args.horizon}
    directory = writable(args.out)
    opened = plan(args.data, schema, **window, split=split, models=args.models, training=training)
    _judge(*opened, directory, args.json)


def _run(args: argparse.Namespace) -> None:
    from forecast.experiment.compare import opened
    from forecast.experiment.files import writable
    from forecast.experiment.settings import read_experiment

    experiment = read_experiment(args.settings, args.set)
    directory = writable(args.out)
    _judge(*opened(experiment), directory, args.json)


def _judge(experiment: Experiment, panel: Panel, directory: Path, as_json: bool) -> None:
    from forecast.experiment.cards import in_words
    from forecast.experiment.compare import compare
    from forecast.experiment.files import write

    _say("\n".join([in_words(experiment.data, panel), *(f"  {line}" for line in panel.report)]))
    outcome = compare(experiment, panel, progress=True)
    files = write(outcome, directory)
    if as_json:
        failed = {"failed": dict(outcome.board.failed), "notes": list(outcome.notes)}
        print(_json(_board(outcome.board) | failed | {"files": [str(file) for file in files]}))
        return
    print(outcome.board.to_text(_width()))
    for note in outcome.notes:
        print(note)
    print(f"\nwritten to {directory}: {', '.join(str(file.relative_to(directory)) for file in files)}")


def _board(board: Leaderboard) -> dict[str, object]:
    return {"verdict": board.verdict, "leaderboard": json.loads(board.frame.to_json(orient="records"))}


def _fit(args: argparse.Namespace) -> None:
    from forecast.experiment.cards import in_words
    from forecast.experiment.files import writable
    from forecast.experiment.saved import fit_and_save

    schema, training, window = _schema(args), _training_of(args), (args.context, args.horizon, args.season)
    directory = writable(args.out)
    model, panel = fit_and_save(args.data, schema, args.model, window, training, directory)
    summary = {"model": args.model, "out": str(directory), "parameters": model.parameters, "rows": len(panel.times)}
    text = f"{args.model} fitted on {in_words(args.data, panel)}\nsaved to {directory}; now: forecast predict"
    print(_json(summary) if args.json else f"{text} {directory} NEW_ROWS.csv")


def _predict(args: argparse.Namespace) -> None:
    from forecast.experiment.files import write_frame
    from forecast.experiment.saved import forecast_file

    frame, notes = forecast_file(args.model, args.data)
    for note in notes:
        _say(note)
    if args.out:
        write_frame(frame, args.out)
        _say(f"{len(frame)} rows written to {args.out}")
    if args.json:
        print(frame.to_json(orient="records", date_format="iso"))
    elif not args.out:
        print(frame.to_csv(index=False), end="")


def _backtest(args: argparse.Namespace) -> None:
    from forecast.experiment.files import writable, write_tables
    from forecast.experiment.saved import backtest_file

    split = _split_of(args)
    directory = writable(args.out) if args.out else None
    scores, board = backtest_file(args.model, args.data, split)
    if directory:
        write_tables(scores, board, directory)
    print(_json(_board(board)) if args.json else board.to_text(_width()))


def _schema(args: argparse.Namespace) -> Schema:
    from forecast.data.schema import Schema

    return Schema(args.time, args.target, args.series, args.past, args.future)


def _split_of(args: argparse.Namespace) -> Split:
    from forecast.experiment.settings import Split, since_of

    return Split(since_of(args.since, args.test_rows), args.stride, getattr(args, "season", None), args.baseline)


def _training_of(args: argparse.Namespace) -> Training:
    from forecast.training.fit import Training

    training = Training(epochs=args.epochs, seconds=args.max_seconds, device=args.device, seed=args.seed)
    training.accelerator()
    return training


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _width() -> int:
    return max(100, shutil.get_terminal_size((140, 24)).columns)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("forecast-recurrent")
    except PackageNotFoundError:
        return "(not installed)"
