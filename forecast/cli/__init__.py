"""The command line: verbs, no logic. Heavy rooms are entered only by the verb that needs them."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import NoReturn

from forecast.cli import verbs
from forecast.cli.flags import (
    WholeWords,
    add_changes,
    add_data,
    add_imports,
    add_network,
    add_outputs,
    add_run,
    add_search,
    add_split,
    add_training,
    add_window,
    names,
)
from forecast.cli.verbs import say
from forecast.errors import ForecastError, UnknownCategory
from forecast.work.stopping import Stopped, heeding, stopped_by
from forecast.work.writing import disk_failed

OURS, USERS, DISKS = 70, 2, 74  # 70 and 74 as in sysexits.h: EX_SOFTWARE, EX_IOERR
INTERRUPTED = 130  # what shells give to Ctrl-C
MODELS = (
    "naive, seasonal-naive, drift, mean, linear, ridge, knn, forest, boosting, mlp, rnn, lstm, gru, "
    "rnn-stateful, lstm-stateful, gru-stateful"
)
EXAMPLES = """\
examples:
  forecast describe prices.csv
  forecast compare prices.csv --target close --series ticker --horizon 5 --out runs/prices
  forecast compare seattle-weather --target temp_max
  forecast compare prices.csv --target close --network head=student --network transform=log-return
  forecast fit prices.csv --target close --model gru-stateful --horizon 5 --out model
  forecast predict model all_prices.csv --out forecast.csv
  forecast update model new_prices.csv
  forecast sweep prices.csv --target close --horizon 5 --trials 40 --workers 2 --out runs/sweep
  forecast report runs/prices
  forecast run runs/prices/settings.toml --set forecasters.gru.hidden_size=128

embedded data sets: seattle-weather, stocks (pip install 'forecast-recurrent[demo]')
"""


def hush() -> None:
    """Print none of the warnings of a command's libraries, and ours once and plainly; Python callers keep them all."""
    warnings.simplefilter("ignore")
    warnings.filterwarnings("once", category=UnknownCategory)
    warnings.formatwarning = _plain


def _plain(message: Warning | str, *where: object, **line: object) -> str:
    return f"{message}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    0 done; 2 a mistake of the user's; 70 one of ours; 74 the disk is full (or a quota) or fails; 130 or 143 stopped by
    Ctrl-C or SIGTERM.
    """
    if arguments is None and not sys.warnoptions:
        hush()
    try:
        args = _parser().parse_args(arguments)
    except SystemExit as stop:
        return USERS if stop.code else 0
    try:
        with heeding(), _aside(args):
            args.verb(args)
            sys.stdout.flush()
    except ForecastError as error:
        say(f"forecast: {error}")
        return DISKS if disk_failed(error) else USERS
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, SystemExit) as stop:  # Lightning turns the first into the second
        signalled = stopped_by(stop)
        say(f"forecast: stopped{_going_on(args, arguments, signalled)}")
        return INTERRUPTED if signalled is None else signalled.code
    except Exception as error:
        if disk_failed(error):
            say(f"forecast: {error}")
            return DISKS
        traceback.print_exc()
        say("forecast: this is a mistake of ours, please report it with the lines above")
        return OURS
    return 0


def _going_on(args: argparse.Namespace, arguments: Sequence[str] | None, signalled: Stopped | None) -> str:
    """The command that goes on with a verb that keeps its work, if it has come that far itself."""
    if signalled is None or signalled.kept is None:
        return ""
    said = [each for each in (sys.argv[1:] if arguments is None else arguments) if each not in ("--anew", "--resume")]
    more = [] if args.verb is verbs.sweep else ["--resume"]  # a sweep always goes on
    return f"; what was done is kept, and this goes on with it:\n  {shlex.join(['forecast', *said, *more])}"


@contextmanager
def _aside(args: argparse.Namespace) -> Iterator[None]:
    """Under torchrun all processes do the same, but only the first prints and writes where it was told."""
    if not int(os.environ.get("RANK", "0")):
        yield
        return
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        if getattr(args, "out", None):
            args.out = os.path.join(folder, "out")
        yield


class Parser(argparse.ArgumentParser):
    """A parser that says what its user may have meant."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end."""
        loose = message.startswith("unrecognized arguments: ") and not message.partition(": ")[2].startswith("-")
        super().error(
            f"{message} (a list has commas and no spaces, a,b; a name with a space needs quotes)" if loose else message
        )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="forecast",
        description="Forecast time series with recurrent networks, and learn whether something simpler is as good.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"forecast {_version()}")
    known = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    describe = _verb(
        known, "describe", verbs.describe, "what a file holds: time, calendar, gaps, missing values, series"
    )
    add_data(describe)
    describe.add_argument("--json", action="store_true", help="print the result as JSON")
    compare = _verb(known, "compare", verbs.compare, "CSV to leaderboard: every forecaster at the same origins")
    add_data(compare)
    add_window(compare)
    add_split(compare)
    compare.add_argument("--models", type=names, default=(), metavar="A,B,...", help=f"of {MODELS} (default: all)")
    add_network(compare)
    add_training(compare)
    add_outputs(compare, "forecast-run", "folder for tables, settings and plots (default: forecast-run)")
    add_run(compare)
    run = _verb(known, "run", verbs.run, "run a settings file, such as the settings.toml a comparison leaves")
    run.add_argument("settings", metavar="SETTINGS.toml")
    add_changes(run)
    add_outputs(run, "forecast-run", "folder for tables, settings and plots (default: forecast-run)")
    add_run(run)
    _leakcheck(known)
    _sweep(known)
    _report(known)
    _verbs_of_models(known)
    return parser


def _leakcheck(known: argparse._SubParsersAction) -> None:
    text = "rewrite what comes after origins of the test span, and see whether any forecaster notices"
    check = _verb(known, "leakcheck", verbs.leakcheck, text)
    add_data(check, "a CSV file, an embedded name, or a settings file (.toml)")
    add_window(check)
    add_split(check)
    check.add_argument("--models", type=names, default=(), metavar="A,B,...", help=f"of {MODELS} (default: all)")
    text = "asked of each forecaster, at least (default: 30)"
    check.add_argument("--origins", type=int, default=30, metavar="N", help=text)
    add_network(check)
    add_training(check)
    add_changes(check)
    check.add_argument("--json", action="store_true", help="print the result as JSON")


def _sweep(known: argparse._SubParsersAction) -> None:
    text = "look for better settings before the test span, then judge the winner on it; goes on where it was stopped"
    sweep = _verb(known, "sweep", verbs.sweep, text)
    add_data(sweep, "a CSV file, an embedded name, or a settings file (.toml) with [sweep] and [space]")
    add_window(sweep)
    add_split(sweep)
    add_search(sweep)
    add_changes(sweep)
    add_training(sweep)
    add_outputs(sweep, "forecast-sweep", "folder for the study, tables and plots (default: forecast-sweep)")


def _report(known: argparse._SubParsersAction) -> None:
    text = "make report.html of a run folder: one page that works offline, with all that the run found"
    report = _verb(known, "report", verbs.report, text)
    report.add_argument("run", metavar="RUN", help="folder that compare, run, sweep or backtest wrote")
    report.add_argument("--out", metavar="FILE", help="page to write (default: RUN/report.html)")
    text = "series to show forecasts of (default: the best, the worst and some between, where there are many)"
    report.add_argument("--series", nargs="+", default=(), metavar="NAME", help=text)


def _verbs_of_models(known: argparse._SubParsersAction) -> None:
    """Verbs that write a model, or read one that was written."""
    fit = _verb(known, "fit", verbs.fit, "train one forecaster on a whole file and save it")
    add_data(fit, "a CSV file, an embedded name, or a settings file (.toml) whose contestant --model names")
    add_window(fit)
    kinds = "rnn, lstm, gru (each also as NAME-stateful, which `update` needs), linear or a rule (default: gru)"
    fit.add_argument("--model", default="gru", metavar="NAME", help=kinds)
    text = "add intervals that cover this share, such as 0.9, measured on the last fifth of the rows"
    fit.add_argument("--intervals", type=float, metavar="SHARE", help=text)
    text = "begin with the weights of a saved network with the same settings, columns and window (its own by default)"
    fit.add_argument("--start", metavar="MODEL", help=text)
    add_network(fit)
    add_imports(fit)
    add_training(fit)
    add_outputs(fit, "model", "folder of the saved model (default: model)")
    add_run(fit)
    predict = _verb(known, "predict", verbs.predict, "forecast after the last row of a file with a saved model")
    _saved(predict, "CSV with the columns the model was fitted on")
    add_outputs(predict, None, "CSV to write (default: print)")
    update = _verb(known, "update", verbs.update, "hand new rows to a saved stateful model and forecast what follows")
    _saved(update, "CSV with rows later than those the model has read; it remembers them", "NEW_ROWS.csv")
    text = "let weights learn from the rows, from now on: rtrl, snap1, tbptt, uoro or bptt; off ends it"
    update.add_argument("--learn", metavar="RULE", help=text)
    add_outputs(update, None, "CSV to write (default: print)")
    test = _verb(known, "backtest", verbs.backtest, "judge a saved model on rows later than those it was fitted on")
    _saved(test, "CSV with the columns the model was fitted on")
    add_split(test)
    add_outputs(test, None, "folder for leaderboard.csv, scores.csv, forecasts.csv (default: print only)")


def _saved(parser: argparse.ArgumentParser, text: str, data: str = "DATA") -> None:
    parser.add_argument("model", metavar="MODEL", help="folder written by `forecast fit`")
    parser.add_argument("data", metavar=data, help=text)


def _verb(known: argparse._SubParsersAction, name: str, run: Callable, text: str) -> argparse.ArgumentParser:
    described = text[0].upper() + text[1:] + "."
    parser = known.add_parser(name, help=text, description=described, formatter_class=WholeWords)
    parser.set_defaults(verb=run)
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("forecast-recurrent")
    except PackageNotFoundError:
        return "(not installed)"
