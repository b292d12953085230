"""Flags: the arguments that verbs share, and the settings they stand for."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING

from forecast.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from forecast.data.format import Format
    from forecast.data.schema import Schema
    from forecast.experiment.settings import Split
    from forecast.training.settings import Training
    from forecast.work.folder import Run

SECONDS, EPOCHS = 120.0, 30
KEEP_EVERY = 60.0
STRATEGIES = ("auto", "ddp", "ddp_spawn", "ddp_fork", "ddp_notebook")  # here too, so that --help loads no torch
FORMAT = ("encoding", "separator", "comment", "columns", "skip_footer", "wide", "decimal", "thousands", "missing")
FORMAT += ("date_format", "date_unit", "timezone", "duplicates", "strict")
PRECISIONS = ("32-true", "64-true", "bf16-mixed", "16-mixed")


class WholeWords(argparse.HelpFormatter):
    """Help whose lines do not break inside a name such as gru-stateful."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False, break_long_words=False)


def add_data(parser: argparse.ArgumentParser, text: str = "a CSV file (also .gz, .zip), or an embedded name") -> None:
    """The table and the roles of its columns."""
    group = parser.add_argument_group("data")
    group.add_argument("data", metavar="DATA", help=text)
    group.add_argument("--target", type=names, default=(), metavar="COL[,COL]", help="columns to forecast")
    group.add_argument("--time", metavar="COL", help="column of the timestamps (default: found); date+time joins two")
    group.add_argument("--series", metavar="COL", help="column that names the series of a long table")
    group.add_argument("--past", type=names, default=(), metavar="COLS", help="covariates known up to the origin")
    group.add_argument("--future", type=names, default=(), metavar="COLS", help="covariates known ahead")
    text = "columns among these that hold categories (text that repeats is taken as such)"
    group.add_argument("--categorical", type=names, default=(), metavar="COLS", help=text)
    text = "add public holidays of a country or part of it (US, US-CA), known ahead"
    group.add_argument("--holidays", metavar="REGION", help=text)
    group.add_argument(
        "--exchange", metavar="CODE", help="rows are sessions of an exchange (XNYS), and so are forecasts"
    )
    add_format(parser)


def add_format(parser: argparse.ArgumentParser) -> None:
    """How the file is written: the fields of `Format`."""
    group = parser.add_argument_group("how the file is written (default: found out and reported, or asked)")
    group.add_argument("--encoding", metavar="NAME", help="of the text, such as cp1252 (default: UTF-8)")
    group.add_argument("--separator", metavar="MARK", help="of the fields: , ; | tab space")
    group.add_argument("--comment", metavar="MARK", help="what lines begin with that are no rows, such as #")
    group.add_argument(
        "--columns", type=names, default=(), metavar="A,B,...", help="names, for a file without a header"
    )
    group.add_argument("--skip-footer", type=int, default=0, metavar="N", help="last lines that are no rows")
    group.add_argument("--wide", action="store_true", help="every numeric column is a series of its own")
    group.add_argument("--decimal", metavar="MARK", help="of numbers: . or ,")
    group.add_argument("--thousands", metavar="MARK", help="between groups of digits: , . ' or space")
    text = "texts and numbers that stand for a missing cell, such as --missing=-9999"
    group.add_argument("--missing", type=names, default=(), metavar="A,B,...", help=text)
    group.add_argument("--date-format", metavar="FORMAT", help="of the timestamps, such as %%d/%%m/%%Y")
    group.add_argument("--date-unit", metavar="UNIT", help="of whole numbers: year YYYYMMDD excel day s ms us ns")
    group.add_argument("--timezone", metavar="ZONE", help="of the clock of the timestamps, such as Europe/Paris")
    text = "of a series and time: refuse (default), drop (equal ones), first, last, mean or sum"
    group.add_argument("--duplicates", default="refuse", metavar="WHICH", help=text)
    group.add_argument("--strict", action="store_true", help="refuse a file that needs any repair")


def format_of(args: argparse.Namespace) -> Format:
    """How the file is written, as far as it was told."""
    from forecast.data.format import Format

    return Format(**{name: getattr(args, name) for name in FORMAT})


def add_window(parser: argparse.ArgumentParser) -> None:
    """Context, horizon and season."""
    group = parser.add_argument_group("window (default: suggested by the data)")
    group.add_argument("--context", type=int, metavar="N", help="steps a forecaster sees")
    group.add_argument("--horizon", type=int, metavar="N", help="steps it forecasts")
    group.add_argument("--season", type=int, metavar="N", help="steps of a season; 1 for none")


def add_split(parser: argparse.ArgumentParser) -> None:
    """Where the test begins."""
    group = parser.add_argument_group("test span (default: the last 20 % of the time)")
    choice = group.add_mutually_exclusive_group()
    choice.add_argument("--since", metavar="DATE", help="first test date, or a share of the time span such as 0.8")
    choice.add_argument("--test-rows", type=int, metavar="N", help="the last N rows of every series")
    group.add_argument("--stride", type=int, default=1, metavar="N", help="rows between test origins (default: 1)")
    group.add_argument("--baseline", default="naive", metavar="NAME", help="whom to beat (default: naive)")


def add_search(parser: argparse.ArgumentParser) -> None:
    """What is searched, how, where it is kept and who does it; what is not given is the settings file's, or usual."""
    group = parser.add_argument_group("search")
    text = "recurrent (default), ridge, knn, forest, boosting or mlp"
    group.add_argument("--model", metavar="NAME", help=f"kind of model: {text}")
    group.add_argument("--trials", type=int, metavar="N", help="to be finished in all (default: 40)")
    text = "an error of the leaderboard (default: mae, or error_rate of categories), or several, such as mae,parameters"
    group.add_argument("--metric", type=names, metavar="NAME[,NAME]", help=text)
    group.add_argument("--folds", type=int, metavar="N", help="validation folds before the test (default: 2)")
    group.add_argument("--pruner", metavar="NAME", help="rivals (default), asha, hyperband or none")
    group.add_argument("--sampler", metavar="NAME", help="tpe (default) or random")
    group.add_argument("--limit", type=float, metavar="SECONDS", help="begin no trial after this time")
    group.add_argument("--workers", type=int, metavar="N", help="processes (default: 1)")
    text = "a SQLite file, journal:FILE, or postgresql+psycopg://... for many machines (default: OUT/study.db)"
    group.add_argument("--storage", metavar="PLACE", help=text)
    group.add_argument("--name", metavar="NAME", help="of the study in its storage (default: sweep)")


def search_of(args: argparse.Namespace) -> dict[str, object]:
    """Entries of the table [sweep] that were asked for."""
    metric = args.metric and (args.metric[0] if len(args.metric) == 1 else list(args.metric))
    asked = {name: getattr(args, name) for name in ("model", "trials", "folds", "pruner", "sampler", "workers")}
    asked |= {"metric": metric, "seconds": args.limit, "storage": args.storage, "name": args.name}
    return {name: value for name, value in asked.items() if value is not None}


def add_training(parser: argparse.ArgumentParser) -> None:
    """How long networks train, and on what."""
    group = parser.add_argument_group("training of networks")
    group.add_argument(
        "--epochs", type=int, default=EPOCHS, metavar="N", help=f"passes over the data at most (default: {EPOCHS})"
    )
    group.add_argument(
        "--max-seconds",
        type=float,
        default=SECONDS,
        metavar="N",
        help=f"for each network; the best epoch so far is kept (default: {SECONDS:g})",
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of all randomness (default: 0)")
    group.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto", help="default: auto")
    group.add_argument("--devices", type=int, default=1, metavar="N", help="processes, one a device (default: 1)")
    group.add_argument("--num-nodes", type=int, default=1, metavar="N", help="machines, under torchrun or SLURM")
    group.add_argument("--strategy", choices=STRATEGIES, default="auto", help="how processes start (default: auto)")
    group.add_argument("--precision", choices=PRECISIONS, default="32-true", help="mixed ones need a GPU")
    text = "write the losses of every epoch to OUT/logs: csv, tensorboard or mlflow (default: nowhere)"
    group.add_argument("--log", type=names, default=(), metavar="NAME[,NAME]", help=text)


def add_network(parser: argparse.ArgumentParser) -> None:
    """What every recurrent network is made of, by the names of a settings file."""
    text = "a setting of every network, such as head=student, transform=log-return or hidden_size=32; repeatable"
    parser.add_argument("--network", action="append", default=[], metavar="NAME=VALUE", help=text)


def add_imports(parser: argparse.ArgumentParser) -> None:
    """Whether a settings file may name code."""
    text = "let the settings file name cells by import path (mylab.cells:MyCell): it can then run any code"
    parser.add_argument("--allow-imports", action="store_true", help=text)


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Changes to a settings file, and whether it may name code."""
    text = "change a setting of the settings file, by its dotted name; repeatable"
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=text)
    add_imports(parser)


def network_of(args: argparse.Namespace) -> dict[str, object]:
    """The settings of `--network`."""
    from forecast.experiment.tables import override

    return override({}, args.network, "--network", "head=student")


def add_outputs(parser: argparse.ArgumentParser, default: str | None, text: str) -> None:
    """Where results go, and whether they are printed as JSON."""
    parser.add_argument("--out", default=default, metavar="DIR" if default else "PATH", help=text)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def add_run(parser: argparse.ArgumentParser) -> None:
    """Whether work that was stopped is gone on with, and how often it is kept."""
    group = parser.add_argument_group("stopping and going on")
    choice = group.add_mutually_exclusive_group()
    choice.add_argument("--resume", action="store_true", help="go on with what was stopped in the folder, if anything")
    choice.add_argument("--anew", action="store_true", help="give up what was stopped in the folder")
    text = f"between checkpoints within an epoch; each epoch ends with one (default: {KEEP_EVERY:g})"
    group.add_argument("--keep-every", type=float, default=KEEP_EVERY, metavar="SECONDS", help=text)


def run_of(args: argparse.Namespace, directory: str | Path) -> Run:
    """The run folder that was asked for."""
    from forecast.work.folder import Run

    return Run(directory, args.resume, args.anew, args.keep_every)


def schema_of(args: argparse.Namespace) -> Schema:
    """The roles that were asked for."""
    from forecast.data.schema import Schema

    return Schema(
        time=args.time,
        targets=args.target,
        series=args.series,
        past=args.past,
        future=args.future,
        categorical=args.categorical,
        holidays=args.holidays,
        exchange=args.exchange,
        format=format_of(args),
    )


def split_of(args: argparse.Namespace) -> Split:
    """The test span that was asked for."""
    from forecast.experiment.settings import Split, since_of

    return Split(since_of(args.since, args.test_rows), args.stride, getattr(args, "season", None), args.baseline)


def training_of(args: argparse.Namespace) -> Training:
    """The training that was asked for; raises SettingsError where the device is not there."""
    from forecast.training.logs import require_loggers
    from forecast.training.settings import Training

    training = Training(
        epochs=args.epochs,
        seconds=args.max_seconds,
        seed=args.seed,
        device=args.device,
        devices=args.devices,
        num_nodes=args.num_nodes,
        strategy=args.strategy,
        precision=args.precision,
        log=args.log,
    )
    training.accelerator()
    require_loggers(training.log)
    return training


def require_alone(args: argparse.Namespace) -> None:
    """Refuse flags beside a settings file that would say again, or otherwise, what stands in it."""
    usual = {"epochs": EPOCHS, "max_seconds": SECONDS, "seed": 0, "device": "auto", "stride": 1, "baseline": "naive"}
    usual |= {"devices": 1, "num_nodes": 1, "strategy": STRATEGIES[0], "precision": PRECISIONS[0]}
    of_table = ("target", "time", "series", "past", "future", "categorical", "holidays", "exchange", "context")
    of_table += ("horizon", "season", "since", "test_rows", "models", "intervals", "network", "log", *FORMAT)
    usual |= {"duplicates": "refuse", "skip_footer": 0, "wide": False, "strict": False}
    for name in (*of_table, *usual):
        value = getattr(args, name, None)
        if value not in (None, (), [], usual.get(name)):
            flag = "--" + name.replace("_", "-")
            raise SettingsError(f"{flag}: {args.data} is a settings file and says so itself; change it there")


def names(text: str) -> tuple[str, ...]:
    """The names in "a, b"."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
