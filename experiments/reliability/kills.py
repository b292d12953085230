"""Kills: fits, comparisons and live forecasters are killed (SIGKILL) at random moments and go on until they have ended.

    python experiments/reliability/kills.py [--fits N] [--compares N] [--lives N] [--fresh N] [--seed N] [--out FILE]

Each number is of kills. What comes out is compared, bit for bit, with what comes out where nobody kills. After every
kill each file that is there must be whole ("torn"); at the end nothing may be left that does not belong there
("leftovers"). Half of the work lies in a temporary folder, half on another file system (/dev/shm, where there is one).

A killed process is a fork of this one, which has loaded everything: so a kill costs less than a second and not the
four that importing torch takes. The last --fresh kills of fits are of processes that were started afresh, as a check
that a fork is no better than they. The exit code says whether all of it held.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from forecast.data.panel import Panel
from forecast.experiment import compare as comparing
from forecast.experiment.contestants import PRESETS, RecurrentSettings
from forecast.experiment.files import write_frame, write_tables
from forecast.experiment.settings import Experiment, Split
from forecast.forecasters.live.files import load_live
from forecast.forecasters.recurrent import Recurrent
from forecast.training.checkpoint import from_bytes
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window
from forecast.work.folder import FINISHED, Run
from forecast.work.writing import DRAFT

WINDOW = Window(12, 3)
OF_RUN = {"run.json", "run.lock", "run.log"}
TABLES = {"leaderboard.csv", "scores.csv", "forecasts.csv", "next.csv"}
MOST = 3  # kills of one piece of work
KNOWN = 400  # rows that a live forecaster begins with


def panel_of(rows: int = 500) -> Panel:
    noise = np.random.default_rng(0).normal(size=rows)
    return Panel.from_arrays(np.sin(np.arange(rows) / 4) + 0.3 * noise, np.arange(rows).astype("M8[h]"))


def network(feed: str) -> Recurrent:
    feeds = {"windowed": Windowed(32), "streamed": Streamed(lanes=4, chunk=16)}
    training = Training(epochs=5, patience=2, learning_rate=2e-2, schedule="cosine", weight_decay=1e-3)
    return Recurrent(WINDOW, "gru", 16, dropout=0.2, feed=feeds[feed], training=training)


def fit(directory: Path, feed: str) -> bytes:
    """The weights and the history of a fit that keeps a checkpoint every third step."""
    about = directory / "run.json"
    done = about.exists() and json.loads(about.read_text())["state"] == FINISHED  # killed right behind the end
    model = network(feed).fit(panel_of(), Run(directory, resume=not done, steps=3))
    history = [(epoch.number, epoch.training, epoch.validation) for epoch in model.history.epochs]
    weights = [weight.numpy().tobytes() for weight in model.network.state_dict().values()]
    return b"".join([*weights, repr((history, model.history.best, model.history.stopped)).encode()])


def compare(directory: Path, feed: str) -> bytes:
    """The tables of a comparison."""
    names = ("naive", "drift", "linear", "ridge")
    training = Training(epochs=2, learning_rate=1e-2)
    mine = RecurrentSettings("gru", hidden_size=8, feed=feed)
    contestants = {name: PRESETS[name] for name in names} | {"gru": mine}
    panel = panel_of()
    experiment = Experiment("made", panel.schema, WINDOW, contestants, Split(0.8, stride=3), training)
    about = directory / "run.json"
    done = about.exists() and json.loads(about.read_text())["state"] == FINISHED
    with comparing.kept_in(Run(directory, resume=not done, steps=3), experiment, panel) as folder:
        outcome = comparing.compare(experiment, panel, folder=folder)
        write_tables(outcome.scores, outcome.board, directory)
        write_frame(outcome.ahead.to_frame(), directory / "next.csv")
        folder.finish()
    return b"".join((directory / name).read_bytes() for name in sorted(TABLES - {"leaderboard.csv"}))


def live(directory: Path, feed: str) -> bytes:
    """What a live forecaster says after it has read all rows, which it saves one by one."""
    panel = panel_of(KNOWN + 60)
    model = load_live(directory)
    read = int(np.searchsorted(panel.times.astype(np.int64), model.carried.tracks[0].time, side="right"))
    for row in range(read, len(panel.times)):
        one = (panel.values[row : row + 1], panel.times[row : row + 1])
        model.update(Panel.from_arrays(*one, (1,), panel.series, panel.schema))
        model.save(directory)
    return model.forecast().values.tobytes() + (directory / "state.safetensors").read_bytes()[-512:]


WORK: dict[str, Callable[[Path, str], bytes]] = {"fit": fit, "compare": compare, "live": live}


@dataclass
class Count:
    """What happened to one kind of work."""

    kills: int = 0
    works: int = 0
    equal: int = 0
    torn: int = 0
    leftovers: int = 0
    seconds: float = 0.0
    places: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return self.equal == self.works and not self.torn and not self.leftovers


def forked(work: Callable[[], bytes]) -> tuple[int, int]:
    """Begin some work in a fork; its number, and where its digest can be read."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    code = 1
    try:
        os.close(reader)
        os.write(writer, hashlib.sha256(work()).hexdigest().encode())
        code = 0
    finally:
        os._exit(code)


def ended(child: int, reader: int, after: float | None) -> str | None:
    """Kill a fork after some seconds, if it has not ended by then: the digest of what it came to, or None."""
    until, status = None if after is None else time.monotonic() + after, 0
    while (found := os.waitpid(child, os.WNOHANG))[0] == 0:
        if until is not None and time.monotonic() >= until:
            os.kill(child, signal.SIGKILL)
            found = os.waitpid(child, 0)
            break
        time.sleep(0.002)
    status = found[1]
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the work failed where nobody killed it"
    return said or None


def fresh(name: str, directory: Path, feed: str, after: float | None) -> str | None:
    """The same with a process that is started afresh."""
    command = [sys.executable, __file__, "--work", name, str(directory), feed]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        said, _ = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    assert process.returncode == 0, "the work failed where nobody killed it"
    return said


def torn(directory: Path) -> int:
    """How many files are there that are not whole."""
    found = 0
    for path in directory.rglob("*"):
        try:
            if path.name == "run.json" or path.name == "config.json":
                json.loads(path.read_text())
            elif path.parent.name == "kept" and not DRAFT.fullmatch(path.name):
                from_bytes(path.read_bytes())
        except ValueError:
            found += 1
    return found


def leftovers(name: str, directory: Path, before: set[str]) -> int:
    """How many files are there at the end that do not belong there."""
    belongs = before | ({".lock"} if name == "live" else OF_RUN) | (TABLES if name == "compare" else set())
    return len({str(path.relative_to(directory)) for path in directory.rglob("*")} - belongs)


def prepared(name: str, directory: Path) -> set[str]:
    """The folder of some work, and what lies in it from the start."""
    directory.mkdir()
    if name == "live":
        shutil.copytree(MODEL, directory, dirs_exist_ok=True)
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def shoot(name: str, kills: int, roots: list[Path], dice: random.Random, afresh: bool = False) -> Count:
    count, began = Count(places={str(root.parent.parent): 0 for root in roots}), time.monotonic()
    truth: dict[str, tuple[str, float]] = {}
    while count.kills < kills:
        feed, root = ("windowed", "streamed")[count.works % 2], roots[count.works // 2 % len(roots)]
        if name == "live":
            feed = "streamed"
        if feed not in truth:
            truth[feed] = measured(name, roots[0] / f"{name}-whole-{feed}-{afresh}", feed, afresh)
        said, length = truth[feed]
        directory = root / f"{name}-{count.works}-{afresh}"
        before, got = prepared(name, directory), None
        for shot in range(MOST + 1):
            after = dice.uniform(0, length) if shot < MOST and count.kills < kills else None
            since = time.monotonic()
            got = started(name, directory, feed, after, afresh)
            if got is not None:
                whole = shot == 0
                truth[feed] = (said, min(length, time.monotonic() - since) if whole else length)  # for the next aim
                break
            count.kills += 1
            count.places[str(root.parent.parent)] += 1
            count.torn += torn(directory)
        count.works += 1
        count.equal += got == said
        count.leftovers += leftovers(name, directory, before)
        shutil.rmtree(directory)
    count.seconds = round(time.monotonic() - began, 1)
    return count


def started(name: str, directory: Path, feed: str, after: float | None, afresh: bool) -> str | None:
    if afresh:
        return fresh(name, directory, feed, after)
    return ended(*forked(lambda: WORK[name](directory, feed)), after)


def measured(name: str, directory: Path, feed: str, afresh: bool) -> tuple[str, float]:
    """What comes out where nobody kills, and in how many seconds."""
    prepared(name, directory)
    began = time.monotonic()
    said = started(name, directory, feed, None, afresh)
    seconds = time.monotonic() - began
    shutil.rmtree(directory)
    assert said is not None
    return said, seconds


MODEL = Path()


def main() -> int:
    global MODEL
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind, number in {"fits": 200, "compares": 50, "lives": 50, "fresh": 4}.items():
        parser.add_argument(f"--{kind}", type=int, default=number)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="a JSON file for the result")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.work:
        name, directory, feed = args.work
        print(hashlib.sha256(WORK[name](Path(directory), feed)).hexdigest(), end="")
        return 0
    dice, other = random.Random(args.seed), Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(prefix="kills-") as here,
        tempfile.TemporaryDirectory(prefix="kills-", dir=other if other.is_dir() else None) as there,
    ):
        MODEL = Path(here) / "model"
        network("streamed").fit(panel_of(KNOWN)).live(panel_of(KNOWN)).save(MODEL)
        roots = [Path(here) / "a", Path(there) / "a"]
        for root in roots:
            root.mkdir()
        found: dict[str, Count] = {}
        for name, kills in {
            "fit": args.fits,
            "compare": args.compares,
            "live": args.lives,
            "fresh": args.fresh,
        }.items():
            found[name] = count = shoot("fit" if name == "fresh" else name, kills, roots, dice, name == "fresh")
            print(
                f"{name}: {count.kills} kills of {count.works} works, {count.equal} bit-equal, {count.torn} torn, "
                f"{count.leftovers} leftovers, {count.seconds} s",
                flush=True,
            )
            if args.out:
                result = {"seed": args.seed, "torch": torch.__version__, **{kind: vars(found[kind]) for kind in found}}
                Path(args.out).write_text(json.dumps(result, indent=2) + "\n")
    return 0 if all(count.holds for count in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
