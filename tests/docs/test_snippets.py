"""What README and documentation tell people to run does run, and prints what they say it prints."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import sys
import tomllib
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch

import forecast as fc
from forecast.cli import _parser, main
from forecast.experiment.settings import PARTS, from_tables

mpl.use("Agg")
from matplotlib import pyplot as plt

sys.path.insert(0, str(Path(__file__).parent))
from snippets import PAGES, ROOT, Block, blocks, commands

SHELL, PYTHON = ("bash", "sh", "console"), ("python",)
OTHER_PROGRAMS = (
    "make",
    "pip",
    "python",
    "jupyter",
    "torchrun",
    "tensorboard",
    "optuna-dashboard",
    "git",
    "cd",
    "mlflow",
)
"""Programs that a page may name and that are not run here; files and make targets they name have to exist."""
REDUCED = {
    "fit": ["--epochs", "1", "--device", "cpu"],
    "compare": ["--epochs", "1", "--device", "cpu", "--models", "naive,linear,gru"],
    "leakcheck": ["--epochs", "1", "--device", "cpu", "--models", "naive,gru", "--origins", "3"],
    "sweep": ["--epochs", "1", "--device", "cpu", "--trials", "2", "--folds", "1", "--workers", "1"],
    "run": ["--set", "training.epochs=1", "--set", "training.device=cpu"],
}
"""Appended to the commands of a page, so that all pages together take less than a minute."""
ALIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

with_code = [page for page in PAGES if any(block.language in SHELL + PYTHON for block in blocks(page))]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that pages name: prices of three stocks, and the days after them."""
    frame = stocks()
    days = sorted(frame["date"].unique())
    frame[frame["date"] < days[-5]].to_csv(tmp_path / "prices.csv", index=False)
    frame[frame["date"] >= days[-5]].to_csv(tmp_path / "new_prices.csv", index=False)
    frame.to_csv(tmp_path / "all_prices.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stocks(rows: int = 160) -> pd.DataFrame:
    """The last rows of three of the embedded stocks, as somebody would keep them in a file."""
    panel = fc.read_dataset("stocks", fc.Schema(targets=["Adj Close"], series="Ticker", past=["Volume"]))
    parts = []
    for place, name in enumerate(panel.series[:3]):
        last = slice(panel.offsets[place + 1] - rows, panel.offsets[place + 1])
        days = panel.times[last].astype("M8[D]")
        part = pd.DataFrame({"date": days.astype(str), "ticker": name})
        part[["close", "volume"]] = panel.values[last]
        parts.append(part.assign(holiday=(np.diff(days, append=days[-1:]) > np.timedelta64(3, "D")).astype(int)))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.slow
@pytest.mark.parametrize("page", with_code, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_runs_from_top_to_bottom_and_prints_what_stands_below_it(page: Path, desk: Path):
    names: dict[str, Any] = {"__name__": page.stem}
    printed = ""
    with torch.random.fork_rng(devices=[]):
        for block in blocks(page):
            if block.language in PYTHON:
                printed = run_python(block, names)
            elif block.language in SHELL:
                printed = run_shell(block)
            elif block.note == "prints":
                require_alike(block, printed)
            elif block.note.startswith("file: "):
                (desk / block.note.removeprefix("file: ")).write_text(block.text)


@pytest.mark.parametrize("page", [page for page in PAGES if any(block.language == "toml" for block in blocks(page))])
def test_settings_on_a_page_are_read_as_settings(page: Path):
    for block in blocks(page):
        if block.language == "toml":
            table = tomllib.loads(block.text)
            assert table.keys() <= set(PARTS), f"{block}: {table.keys()}"
            if {"data", "window"} <= table.keys():
                from_tables(table, str(block))


def run_python(block: Block, names: dict[str, Any]) -> str:
    """What the block prints, run among the names of those above it."""
    code = compile(block.text, str(block), "exec")
    if not block.runs:
        return ""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(code, names)
    plt.close("all")
    return said.getvalue()


def run_shell(block: Block) -> str:
    """What the commands of the block print; those of other programs are only looked at."""
    said = io.StringIO()
    for words in commands(block.text):
        if words[0] != "forecast":
            require_known(words, block)
            continue
        if not block.runs or "--help" in words or "--version" in words:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
                _parser().parse_args(words[1:])
            continue
        told = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as the command itself does
            code = main([*words[1:], *reduced(words[1:])])
        assert code == 0, f"{block}: {' '.join(words)} ended with {code}:\n{told.getvalue()}"
    return said.getvalue()


def reduced(words: list[str]) -> list[str]:
    """What is appended to a command so that it takes a moment."""
    added = list(REDUCED.get(words[0], ()))
    if len(words) > 1 and words[1].endswith(".toml") and words[0] != "run":
        return []
    if "--models" in words and "--models" in added:
        place = added.index("--models")
        del added[place : place + 2]
    return added


def require_known(words: list[str], block: Block) -> None:
    """Of other programs: they are known here, and what they name of this repository is there."""
    assert words[0] in OTHER_PROGRAMS, f"{block}: {words[0]}"
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for word in words[1:]:
        if words[0] == "make" and "=" not in word:
            assert word in targets, f"{block}: make has no {word}"
        if word.startswith(("experiments/", "notebooks/", "tests/")):
            assert (ROOT / word).exists(), f"{block}: there is no {word}"


def require_alike(block: Block, printed: str) -> None:
    """Output that is printed on a page is that of the code above it; "..." stands for anything."""
    want, got = (re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE) for text in (block.text, printed))
    assert doctest.OutputChecker().check_output(want, got, ALIKE), f"{block} says\n{want}\nand there came\n{got}"
