"""Damage good files at random, read them, and count what is refused, reported, harmless, undetectable or missed.

    python experiments/reliability/fuzz_reader.py [--files 100000] [--seed 0] [--out FILE.json]

Five good files (one series and a panel; ISO, D.M.Y and month dates; commas, semicolons with decimal commas, tabs;
quotes, categories) are damaged: a byte exchanged, deleted or put in, two lines exchanged, all lines shuffled, a line
lost or doubled, the file cut off. What comes out of reading with the right schema is one of:

* refused: a DataError (or another of ours). Any other exception is a *crash*, ten seconds of CPU time are a *hang*.
* harmless: the panel is the one of the good file.
* reported: the panel differs, and its report says something that the good file's does not.
* undetectable: the panel differs, nothing is said, and nobody could know, for the damaged file is a good file too:
  (a) rows and times are the same, and each cell that differs is a number (or a category that occurs elsewhere) in
  both: a digit, a sign, a point or an exponent that was exchanged, lost or added; or (b) rows are absent from the
  beginning or the end of a series and nowhere else, and those that are left agree up to (a).
* missed: everything else. There must be none.

Prints JSON: counts by kind of damage, and examples of crashes, hangs and misses.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecast.data.panel import Panel
from forecast.data.readers import read_csv
from forecast.data.schema import Schema
from forecast.errors import ForecastError

ROWS = 36
LIMIT = 10  # seconds for a file
SHOWN = 20


@dataclass(frozen=True)
class Good:
    """A good file and how it is read."""

    name: str
    text: bytes
    schema: Schema


def good_files() -> list[Good]:
    """The files that are damaged."""
    random = np.random.default_rng(7)
    y = np.round(100 + np.cumsum(random.normal(size=3 * ROWS)), 2)
    days = np.datetime64("2024-01-25") + np.arange(ROWS)
    hours = np.datetime64("2024-02-28T18:00") + np.arange(ROWS) * np.timedelta64(1, "h")
    months = np.datetime64("2019-03") + np.arange(ROWS)
    plain = "date,y,x\n" + "".join(f"{d},{v:.2f},{i * 7 % 11}\n" for i, (d, v) in enumerate(zip(days, y, strict=False)))
    comma = "zeit;wert\n" + "".join(
        f"{str(h).replace('T', ' ')};{v:.2f}".replace(".", ",") + "\r\n" for h, v in zip(hours, y, strict=False)
    )
    panel = "id,day,y\n" + "".join(
        f'"{name}",{d},{y[k * ROWS + i]:.2f}\n'
        for k, name in enumerate(("AAPL", "BRK/B", "NA"))
        for i, d in enumerate(days)
    )
    dots = "Datum\tMenge\n" + "".join(
        f"{str(d)[8:]}.{str(d)[5:7]}.{str(d)[:4]}\t{v:.2f}\n" for d, v in zip(days, y, strict=False)
    )
    named = "month,kind,y\n" + "".join(
        f"{m},{('low', 'mid', 'high')[i % 3]},{int(v * 10)}\n" for i, (m, v) in enumerate(zip(months, y, strict=False))
    )
    return [
        Good("daily", plain.encode(), Schema(time="date", targets=["y"], past=["x"])),
        Good("hourly, decimal commas", comma.encode(), Schema(time="zeit", targets=["wert"])),
        Good("panel", panel.encode(), Schema(time="day", targets=["y"], series="id")),
        Good("D.M.Y, tabs", dots.encode(), Schema(time="Datum", targets=["Menge"])),
        Good("months, categories", named.encode(), Schema(time="month", targets=["y"], past=["kind"])),
    ]


def exchanged(text: bytes, random: np.random.Generator) -> bytes:
    place = random.integers(len(text))
    return text[:place] + bytes([_byte(random)]) + text[place + 1 :]


def deleted(text: bytes, random: np.random.Generator) -> bytes:
    place = random.integers(len(text))
    return text[:place] + text[place + 1 :]


def put_in(text: bytes, random: np.random.Generator) -> bytes:
    place = random.integers(len(text) + 1)
    return text[:place] + bytes([_byte(random)]) + text[place:]


def _byte(random: np.random.Generator) -> int:
    """Any byte, half of the time one that means something in such files."""
    if random.random() < 0.5:
        return int(random.integers(256))
    return int(random.choice(np.frombuffer(b"0123456789,;.:\t -+\"'\n\r#eE/xNA", dtype=np.uint8)))


def lines_exchanged(text: bytes, random: np.random.Generator) -> bytes:
    lines = text.splitlines(keepends=True)
    one, other = random.choice(np.arange(1, len(lines)), size=2, replace=False)
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def shuffled(text: bytes, random: np.random.Generator) -> bytes:
    head, *lines = text.splitlines(keepends=True)
    return head + b"".join(lines[i] for i in random.permutation(len(lines)))


def line_lost(text: bytes, random: np.random.Generator) -> bytes:
    lines = text.splitlines(keepends=True)
    del lines[random.integers(1, len(lines))]
    return b"".join(lines)


def line_doubled(text: bytes, random: np.random.Generator) -> bytes:
    lines = text.splitlines(keepends=True)
    place = random.integers(1, len(lines))
    return b"".join([*lines[: place + 1], *lines[place:]])


def cut_off(text: bytes, random: np.random.Generator) -> bytes:
    return text[: random.integers(len(text))]


DAMAGES: dict[str, tuple[float, Callable[[bytes, np.random.Generator], bytes]]] = {
    "byte exchanged": (0.3, exchanged),
    "byte deleted": (0.2, deleted),
    "byte put in": (0.2, put_in),
    "lines exchanged": (0.05, lines_exchanged),
    "lines shuffled": (0.05, shuffled),
    "line lost": (0.05, line_lost),
    "line doubled": (0.05, line_doubled),
    "cut off": (0.1, cut_off),
}


def series_of(panel: Panel) -> dict[str, tuple[np.ndarray, list[tuple[object, ...]]]]:
    """Times and cells of each series; cells of categories by name, missing ones as None."""
    kinds = [panel.categories.get(name) for name in panel.schema.channels]
    found = {}
    for place, name in enumerate(panel.series):
        rows = slice(panel.offsets[place], panel.offsets[place + 1])
        values, seen = panel.values[rows], panel.observed[rows]
        cells = [
            tuple(
                None if not s else (kind[int(v)] if kind else float(v))
                for v, s, kind in zip(row, flags, kinds, strict=True)
            )
            for row, flags in zip(values, seen, strict=True)
        ]
        found[name] = (panel.times[rows], cells)
    return found


def same(one: Panel, other: Panel) -> bool:
    """Whether two panels hold the same series, whatever their order."""
    a, b = series_of(one), series_of(other)
    return a.keys() == b.keys() and all(np.array_equal(a[n][0], b[n][0]) and a[n][1] == b[n][1] for n in a)


def nobody_could_know(good: Panel, read: Panel) -> bool:
    """Cases (a) and (b) of the docstring above."""
    a, b = series_of(good), series_of(read)
    known = {cell for _, cells in a.values() for row in cells for cell in row if isinstance(cell, str)}
    if not b.keys() <= a.keys():
        return False
    for name, (times, cells) in b.items():
        first = np.flatnonzero(a[name][0] == times[0])
        if not len(first):
            return False
        span = slice(int(first[0]), int(first[0]) + len(times))
        if not np.array_equal(a[name][0][span], times):
            return False
        for old, new in zip(a[name][1][span], cells, strict=True):
            if not all(_alike(x, y, known) for x, y in zip(old, new, strict=True)):
                return False
    return True


def _alike(old: object, new: object, known: set[str]) -> bool:
    if old == new:
        return True
    if isinstance(old, float) and isinstance(new, float):
        return True
    return isinstance(old, str) and new in known


@contextmanager
def deadline(seconds: int) -> Iterator[None]:
    """Raise TimeoutError after some seconds of CPU time: a machine that stands still is no hang of ours."""

    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def outcome(path: Path, good: Good, clean: Panel) -> str:
    """What reading a damaged file comes to."""
    try:
        with deadline(LIMIT):
            panel = read_csv(path, good.schema)
    except ForecastError:
        return "refused"
    except TimeoutError:
        return "hang"
    except Exception:  # any other is what this script looks for
        return "crash"
    if same(clean, panel):
        return "harmless"
    if set(panel.report) - set(clean.report):
        return "reported"
    return "undetectable" if nobody_could_know(clean, panel) else "missed"


def fuzz(files: int, seed: int) -> dict[str, object]:
    """Damage so many files; the counts."""
    random, kinds = np.random.default_rng(seed), list(DAMAGES)
    shares = np.array([DAMAGES[kind][0] for kind in kinds])
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    bad: list[dict[str, str]] = []
    started, slowest = time.perf_counter(), 0.0
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        path = Path(folder) / "damaged.csv"
        bases = []
        for good in good_files():
            path.write_bytes(good.text)
            bases.append((good, read_csv(path, good.schema)))
        for number in range(files):
            good, clean = bases[number % len(bases)]
            kind = str(random.choice(kinds, p=shares))
            damaged = DAMAGES[kind][1](good.text, random)
            path.write_bytes(damaged)
            begun = time.perf_counter()
            what = outcome(path, good, clean)
            slowest = max(slowest, time.perf_counter() - begun)
            counts[kind][what] += 1
            if what in ("crash", "hang", "missed") and len(bad) < SHOWN:
                bad.append(
                    {
                        "what": what,
                        "file": good.name,
                        "kind": kind,
                        "number": str(number),
                        "where": _where(good.text, damaged),
                    }
                )
    total: Counter[str] = sum(counts.values(), Counter())
    return {
        "files": files,
        "seed": seed,
        "crashes": total["crash"],
        "hangs": total["hang"],
        "missed": total["missed"],
        "outcomes": dict(total.most_common()),
        "by damage": {kind: dict(count.most_common()) for kind, count in counts.items()},
        "seconds": round(time.perf_counter() - started, 1),
        "slowest file, seconds": round(slowest, 3),
        "examples": bad,
    }


def _where(old: bytes, new: bytes) -> str:
    place = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    begin = max(place - 25, 0)
    return f"{old[begin : place + 15]!r} became {new[begin : place + 15]!r}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", metavar="FILE.json")
    asked = parser.parse_args()
    text = json.dumps(fuzz(asked.files, asked.seed), indent=2, ensure_ascii=False)
    print(text)
    if asked.out:
        Path(asked.out).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
