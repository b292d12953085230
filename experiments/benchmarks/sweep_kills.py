"""Sweeps under fire: processes of a sweep are killed (SIGKILL) at random moments, and the sweep is started again.

    python experiments/benchmarks/sweep_kills.py [--kills N] [--trials N] [--workers N] [--storage KIND ...] [--out F]

KIND is sqlite, journal or postgresql (a server that this script starts and stops: Debian's package `postgresql`, and
psycopg). Each kill strikes a worker, or the process that started them, at random. At the end: every trial that had
been completed is still there with its figures, none is running or waiting, there are exactly as many as were asked
for, and no process of a sweep that was struck is left. The exit code says whether all of it held.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

import forecast as fc
from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.sweeps.slots import RETRY, counted, is_lost
from forecast.sweeps.storage import address_of, open_storage


class Damped:
    """A forecaster that takes its time: a share of the last value."""

    def __init__(self, share: float) -> None:
        self.window, self.share = fc.Window(4, 2), share

    def fit(self, panel: Panel) -> Damped:
        time.sleep(0.2)
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        origins = panel.end_origins() if origins is None else origins
        last = panel.values[panel.offsets[origins.series] + origins.step - 1, :1]
        return Forecast.at(panel, origins, np.repeat(self.share * last[:, None], 2, axis=1))


def space(trial: optuna.Trial) -> Damped:
    return Damped(trial.suggest_float("share", 0.0, 1.5))


def run(place: str, trials: int, workers: int) -> None:
    """The sweep that is shot at."""
    values = np.sin(np.arange(240) / 5)
    panel = Panel.from_arrays(values, np.arange(240).astype("M8[h]"))
    fc.sweep(space, panel, 200, trials, storage=place, workers=workers, search=fc.Search(pruner="none"))


def family(pid: int) -> list[int]:
    """A process and those it started, helpers of joblib's left out."""
    parents: dict[int, list[int]] = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            number, rest = Path(stat).read_text().split(" (", 1)
        except OSError:
            continue
        parents.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(number))
    found, new = [pid], [pid]
    while new:
        new = [child for parent in new for child in parents.get(parent, [])]
        found += new
    return [process for process in found if b"resource_tracker" not in _command(process)]


def born_of(pid: int) -> str:
    """When a process began, in ticks of the machine's clock; empty where there is none (or only its exit code)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def left_of(kin: set[tuple[int, str]]) -> list[int]:
    """Processes of struck sweeps that live on, half a minute after the last sweep ended."""
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline and any(born_of(pid) == born for pid, born in kin):
        time.sleep(0.5)
    return [pid for pid, born in kin if born_of(pid) == born]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def trials_of(place: str) -> list[FrozenTrial]:
    """What the storage knows; nothing where no study has been made yet."""
    try:
        return study_in(place).get_trials(deepcopy=False)
    except KeyError:
        return []


@lru_cache(maxsize=1)  # opening it takes as long as a hundred looks
def study_in(place: str) -> optuna.Study:
    return optuna.load_study(study_name="sweep", storage=open_storage(address_of(place)))


def completed(place: str) -> dict[int, tuple[dict, list[float]]]:
    done = [trial for trial in trials_of(place) if trial.state is TrialState.COMPLETE]
    return {trial.number: (trial.params, trial.values) for trial in done}


def running(place: str) -> set[int]:
    """Trials that are running, to the knowledge of the storage: also those whose process was killed just now."""
    return {trial.number for trial in trials_of(place) if trial.state is TrialState.RUNNING}


def struck(
    sweep: subprocess.Popen, place: str, before: set[int], dice: random.Random, kin: set[tuple[int, str]]
) -> int | None:
    """Kill one process of a sweep, three times of four while it is at work on a trial that it began itself.

    Args:
        kin: gets the processes there were, each with its time of birth.

    Returns:
        The process; None where the sweep had ended.
    """
    at_work = dice.random() < 0.75
    deadline = time.monotonic() + (60.0 if at_work else dice.uniform(0.0, 4.0))
    while sweep.poll() is None and time.monotonic() < deadline and not (at_work and running(place) - before):
        time.sleep(0.2)
    time.sleep(dice.uniform(0.0, 0.5) if at_work else 0.0)
    if sweep.poll() is not None:
        return None
    found = family(sweep.pid)
    kin.update((process, born) for process in found if (born := born_of(process)))
    victim = dice.choice(found)
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:  # it had just ended
        return None
    return victim


def shoot(place: str, kills: int, trials: int, workers: int, dice: random.Random) -> tuple[int, int]:
    """Start the sweep, kill one of its processes, look, and so on; then let it end. Returns kills made and starts."""
    command = [sys.executable, __file__, "--run", place, "--trials", str(trials), "--workers", str(workers)]
    made, starts, seen = 0, 0, {}
    kin: set[tuple[int, str]] = set()
    while True:
        sweep = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        starts += 1
        assert starts <= 2 * kills + 5, "the sweep does not get anywhere"
        while sweep.poll() is None and made < kills:
            victim = struck(sweep, place, running(place), dice, kin)
            made += victim is not None
            if made % 10 == 0 and victim is not None:
                print(f"    {made} kills", flush=True)
            if victim == sweep.pid:
                break
        if made < kills and sweep.poll() is not None and sweep.returncode == 0:
            print(f"    the sweep was over after {made} kills")
            kills = made
        sweep.wait()
        now = completed(place)
        lost = [number for number, what in seen.items() if now.get(number) != what]
        assert not lost, f"completed trials changed or vanished: {lost}"
        seen = now
        if sweep.returncode == 0:
            assert not (left := left_of(kin)), f"processes of struck sweeps live on: {left}"
            return made, starts


def check(place: str, trials: int) -> str:
    """What is in the storage at the end, in words."""
    everything = sorted(trials_of(place), key=lambda trial: trial.number)
    ends = counted(everything)[:trials]
    assert len(ends) == trials, f"{len(ends)} trials instead of {trials}"
    assert all(trial.state is TrialState.COMPLETE for trial in ends), [trial.state.name for trial in ends]
    assert not [trial for trial in everything if trial.state is TrialState.RUNNING]
    lost = [trial for trial in everything if is_lost(trial)]
    again: dict[int, FrozenTrial] = {}
    for trial in everything:  # two workers may put the same one back: the first counts, and the other is never begun
        if RETRY in trial.user_attrs:
            again.setdefault(trial.user_attrs[RETRY], trial)
    for trial in lost:
        given = again[trial.number].system_attrs["fixed_params"]  # what it runs with, even if it was killed before
        assert given.items() >= trial.params.items(), f"trial {trial.number}: {trial.params} became {given}"
    return f"{len(ends)} of {trials} complete, none running, {len(lost)} lost ones done again with their parameters"


@contextmanager
def storage(kind: str, folder: Path) -> Iterator[str | None]:
    """The place of a storage; None, with a reason, where there is no server."""
    if kind != "postgresql":
        yield f"journal:{folder}/study.log" if kind == "journal" else f"{folder}/study.db"
        return
    with postgresql(folder) as address:
        yield address


@contextmanager
def postgresql(folder: Path) -> Iterator[str | None]:
    """A server of its own, on a socket in the folder."""
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    try:
        import psycopg  # noqa: F401
    except ImportError:
        programs, why = [], "psycopg is not installed (pip install 'psycopg[binary]')"
    else:
        why = "no PostgreSQL server (apt install postgresql)"
    if not programs:
        print(f"postgresql: skipped, {why}")
        yield None
        return
    owner = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    user = "postgres" if owner else os.environ.get("USER", "postgres")
    data = folder / "server"
    data.mkdir(mode=0o700)
    if owner:
        folder.chmod(0o755)
        shutil.chown(data, "postgres", "postgres")
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    subprocess.run([*owner, f"{programs[-1]}/initdb", "-D", str(data), "-A", "trust", "-U", user], **quiet)
    options = f"-k {data} -c listen_addresses='' -c fsync=off"
    control = [*owner, f"{programs[-1]}/pg_ctl", "-D", str(data), "-w"]
    subprocess.run([*control, "-o", options, "-l", str(data / "log"), "start"], **quiet)
    try:
        yield f"postgresql+psycopg://{user}@/postgres?host={data}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--storage", nargs="+", default=["sqlite", "journal", "postgresql"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="a JSON file for the result")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if args.run:
        run(args.run, args.trials, args.workers[0])
        return 0
    results = []
    for kind in args.storage:
        for workers in args.workers:
            with tempfile.TemporaryDirectory(prefix="kills-") as folder, storage(kind, Path(folder)) as place:
                if place is None:
                    break
                started = time.perf_counter()
                made, starts = shoot(place, args.kills, args.trials, workers, random.Random(args.seed))
                seconds, found = time.perf_counter() - started, check(place, args.trials)
                print(f"{kind}, {workers} workers: {made} kills, {starts} starts, {seconds:.0f} s; {found}", flush=True)
                result = {"storage": kind, "workers": workers, "kills": made, "starts": starts, "found": found}
                results.append(result | {"trials": args.trials, "seconds": round(seconds, 1), "seed": args.seed})
    if args.out:
        Path(args.out).write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
