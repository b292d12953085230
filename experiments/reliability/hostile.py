"""Hostile files: models, live folders and settings made to do harm are refused; none runs anything, quickly and small.

A child process that has loaded good ones before, so that all libraries are there, reads each hostile one, with an audit
hook that counts processes, sockets, code that is unpickled, modules that are imported and files opened elsewhere. Where
strace is installed, it watches the same process from outside. Each has a second of CPU time and 100 MB.

    python experiments/reliability/hostile.py --out hostile.json
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hostile_files import TOML, foreign, places, settings, sizes

import forecast as fc
from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import ForecastError
from forecast.experiment.settings import read_experiment

SECONDS, MEGABYTES = 1.0, 100.0
EVENTS = ("subprocess", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty", "socket", "urllib")
EVENTS += ("pickle.find_class", "marshal.loads", "os.startfile", "ctypes.dlopen", "ftplib", "http")
HEAD = 'data = "none.csv"\n[window]\ncontext = 8\nhorizon = 2\n'


class Watch:
    """What happens in this process that should not."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.on, self.seen = str(folder), False, []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple) -> None:
        if not self.on:
            return
        if event.startswith(EVENTS):
            self.seen.append(event)
        elif event == "import" and str(args[0]).startswith("evil"):
            self.seen.append(f"import {args[0]}")
        elif event == "open" and isinstance(args[0], str):
            near = args[0].startswith((self.folder, "/proc/self")) or args[0].endswith((".py", ".pyc"))
            self.seen += [] if near else [f"open {args[0]}"]


def good(folder: Path) -> None:
    """A saved network, a live folder and a settings file."""
    times = np.arange("2024-01-01", "2024-05-01", dtype="M8[D]")
    panel = Panel.from_arrays(np.sin(np.arange(len(times)) / 3), times, schema=Schema("day", ("y",)))
    window, training = fc.Window(8, 2), fc.Training(epochs=1, device="cpu")
    model = fc.Recurrent(window, hidden_size=8, training=training, feed=fc.Streamed(lanes=1)).fit(panel)
    model.live(panel).save(folder / "good")
    (folder / "good.toml").write_text(HEAD + "[forecasters.naive]\n")
    (folder / "evil.py").write_text(f"open({str(folder / 'mark')!r}, 'w')\n")


def cases(folder: Path) -> dict[str, Callable[[], object]]:
    """What reads each hostile file, by what it is."""
    made: dict[str, Callable[[], object]] = {}
    makers = foreign(folder / "mark") | places() | sizes() | settings()
    for number, (name, make) in enumerate(makers.items()):
        place = folder / f"case-{number}"
        shutil.copytree(folder / "good", place)
        make(place)
        made[name] = lambda place=place: fc.load_live(place)
    for number, (name, text) in enumerate(TOML.items()):
        path = folder / f"settings-{number}.toml"
        path.write_text(HEAD + text)
        made[f"settings: {name}"] = lambda path=path: read_experiment(path).contestants()
    os.mkfifo(folder / "pipe.toml")
    made["settings: a pipe"] = lambda: read_experiment(folder / "pipe.toml")
    made["settings: /dev/zero"] = lambda: read_experiment("/dev/zero")
    return made


def high_water() -> float:
    """Most memory this process has had since it was last asked, in MB; Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    most = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5")
    return most / 1024


def tried(read: Callable[[], object], watch: Watch, mark: Path) -> dict[str, object]:
    """Read one; what it said, took and did."""
    before = high_water() and high_water()
    watch.seen, began, watch.on = [], time.process_time(), True
    try:
        read()
        said = "loaded"
    except ForecastError:
        said = "refused"
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    watch.on = False
    took = {
        "said": said,
        "seconds": round(time.process_time() - began, 3),
        "megabytes": round(high_water() - before, 1),
    }
    return took | {"did": sorted(set(watch.seen)) + (["left its mark"] if mark.exists() else [])}


def child(folder: Path, every: int) -> None:
    """Read all, one after the other, and print what happened."""
    good(folder)
    readers = cases(folder)
    fc.load_live(folder / "good")
    read_experiment(folder / "good.toml").contestants()
    sys.path.insert(0, str(folder))
    watch = Watch(folder)
    print("ready", flush=True)
    sys.stdin.readline()
    results = {name: tried(readers[name], watch, folder / "mark") for name in list(readers)[::every]}
    print(json.dumps(results), flush=True)


def traced(process: subprocess.Popen, log: Path) -> subprocess.Popen | None:
    """strace on the child, if there is one; it says when it watches."""
    if shutil.which("strace") is None:
        return None
    calls = "execve,execveat,fork,vfork,socket,connect,bind"
    command = ["strace", "-f", "-p", str(process.pid), "-o", str(log), "-e", f"trace={calls}"]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    line = tracer.stderr.readline()
    if "attached" in line:
        return tracer
    tracer.communicate()
    return None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", help="JSON to write (default: print)")
    parser.add_argument("--every", type=int, default=1, help="read each so many-th file only (default: all)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.child:
        child(Path(args.child), args.every)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder, log = Path(name) / "files", Path(name) / "calls"
        folder.mkdir()
        command = [sys.executable, __file__, "--child", str(folder), "--every", str(args.every)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        tracer = traced(process, log)
        answer, _ = process.communicate("go\n")
        if tracer:
            tracer.communicate()
        calls = [line for line in log.read_text().splitlines() if "(" in line] if tracer else []
    results = json.loads(answer)
    slow = [name for name, found in results.items() if found["seconds"] >= SECONDS]
    large = [name for name, found in results.items() if found["megabytes"] >= MEGABYTES]
    ran = {name: found["did"] for name, found in results.items() if found["did"]}
    taken = {name: found["said"] for name, found in results.items() if found["said"] != "refused"}
    report = {"files": len(results), "refused": len(results) - len(taken), "not_refused": taken, "did_something": ran}
    report |= {"traced": tracer is not None, "calls": calls, "slow": slow, "large": large}
    report |= {"most_seconds": max(found["seconds"] for found in results.values())}
    report |= {"most_megabytes": max(found["megabytes"] for found in results.values())}
    text = json.dumps(report, indent=2)
    if args.out:
        Path(args.out).write_text(json.dumps(report | {"each": results}, indent=2) + "\n", encoding="utf-8")
    print(text)
    return int(bool(taken or ran or calls or slow or large))


if __name__ == "__main__":
    sys.exit(main())
