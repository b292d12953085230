"""Figure F16: how many small mistakes in windows, scaling, streams and metrics do the tests notice?

Each mutant is one file with one change (`mistakes.py` says which), drawn with a seed. The tests that run its line meet
it, in a fork (`forked_tests.py`); it is noticed when a test fails, breaks down or does not end.

    python experiments/reliability/mutants.py --each 20 --seed 0 --out mutants.json
    python experiments/reliability/mutants.py --each 20 --seed 1 --but 0       # none that was drawn with the seed 0
    python experiments/reliability/mutants.py --file forecast/windows/lanes.py --each 1000     # every mutant of a file

Survivors are printed with their line. Some change nothing that could be noticed (a tolerance, the size of a buffer);
they count against the score all the same. So does a mutant that only a test outside the area's list would notice, or
one beyond the seconds that a mutant may cost (`--budget`).
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from forked_tests import Noted, Session, apart, chosen, noted, noticed, run, warm  # noqa: E402
from mistakes import Mutant, mutants  # noqa: E402


class Area(NamedTuple):
    """Files under change, and the tests that are to notice; the examples in the files are tests too."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


AREAS: dict[str, Area] = {
    "windows": Area(
        ("forecast/windows/window.py", "forecast/windows/gather.py", "forecast/windows/batches.py"),
        ("tests/windows",),
    ),
    "streams": Area(
        (
            "forecast/windows/lanes.py", "forecast/windows/stream.py", "forecast/windows/loading.py",
            "forecast/nets/memory.py",
        ),
        ("tests/windows", "tests/nets/test_memory.py"),
    ),
    "scaling": Area(
        ("forecast/nets/scaling.py", "forecast/data/scale.py", "forecast/data/moments.py"),
        (
            "tests/nets/test_scaling.py", "tests/nets/test_memory.py", "tests/data/test_scale.py",
        ),
    ),
    "metrics": Area(
        (
            "forecast/evaluation/metrics.py", "forecast/evaluation/probabilistic.py", "forecast/evaluation/scores.py",
            "forecast/evaluation/significance.py",
        ),
        ("tests/evaluation",),
    ),
}  # fmt: skip


def drawn(known: list[Mutant], file: str, args: argparse.Namespace) -> list[Mutant]:
    """The mutants of a file that a seed draws, without those that other seeds have drawn."""
    places = range(len(known))
    taken: set[int] = set()
    for seed in args.but:
        taken |= set(random.Random(f"{seed} {file}").sample(places, min(args.each, len(known))))
    left = [place for place in places if place not in taken]
    return [known[i] for i in random.Random(f"{args.seed} {file}").sample(left, min(args.each, len(left)))]


def of_file(session: Session, file: str, seen: Noted, args: argparse.Namespace) -> dict[str, Any]:
    """Draw mutants of a file and let the tests meet them."""
    path, started = ROOT / file, time.monotonic()
    sharp: Counter[str] = Counter()

    def met(text: str, lines: range | None) -> str | None:
        tests = chosen(seen.tests, path, lines, sharp, args.budget)
        return noticed(session, path, text, {name: seen.tests[name] for name in tests})

    source = path.read_text()
    known = mutants(source)
    warm([name for name in seen.modules if name.startswith("forecast.")], file.removesuffix(".py").replace("/", "."))
    if (failed := met(ast.unparse(ast.parse(source)), None)) is not None:
        raise SystemExit(f"{file}: {failed} without any mistake, so it would tell nothing")
    if met("raise RuntimeError('not a module')", None) is None:
        raise SystemExit(f"{file}: tests pass without it, so they do not meet what is put in its place")
    survivors, by = [], {}
    for mutant in drawn(known, file, args):
        test = met(mutant.text, mutant.lines)
        if test is None:
            survivors.append(mutant.where)
        else:
            by[mutant.where] = test
            sharp[test] += test in seen.tests
    found = {"possible": len(known), "drawn": len(by) + len(survivors), "caught": len(by), "survivors": survivors}
    return found | {"seconds": round(time.monotonic() - started), "by": by}


def summed(files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Mutants, how many of them were caught, and which share."""
    count, caught = (sum(entry[name] for entry in files.values()) for name in ("drawn", "caught"))
    return {"mutants": count, "caught": caught, "score": round(caught / max(count, 1), 3)}


def measured(session: Session, args: argparse.Namespace) -> dict[str, Any]:
    """Areas, one after the other."""
    areas, everything = {}, {}
    for name, area in AREAS.items():
        files = [file for file in area.files if file in (args.file or area.files)]
        if not files:
            continue
        tests = [*(args.tests or area.tests), *files]
        seen = noted(session, tests, [ROOT / file for file in files])
        warm([name for name in seen.modules if name.split(".")[0] != "forecast"])
        found = {}
        for file in files:
            entry = found[file] = apart(lambda file=file: of_file(session, file, seen, args))
            caught = f"{entry['caught']} of {entry['drawn']} noticed"
            print(f"{file}: {caught}, survivors: {entry['survivors']}", flush=True)
        areas[name] = summed(found) | {"files": found}
        everything |= found
    return summed(everything) | {"areas": areas}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    files = [file for area in AREAS.values() for file in area.files]
    parser.add_argument("--each", type=int, default=20, metavar="N", help="mutants of each file, at most")
    parser.add_argument("--file", action="append", choices=files, help="only this file; repeatable")
    parser.add_argument("--tests", action="append", metavar="PATH", help="these tests instead of the area's; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--but", type=int, action="append", default=[], metavar="SEED", help="none that this one draws")
    parser.add_argument("--budget", type=float, default=6.0, help="seconds of the processor that a mutant's tests take")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args()
    whole: dict[str, Any] = {}
    started = time.monotonic()
    run(ROOT, lambda session: whole.update(measured(session, args)))
    settings = {name: getattr(args, name) for name in ("each", "seed", "but", "budget")}
    whole = settings | {"seconds": round(time.monotonic() - started)} | whole
    for name, area in whole["areas"].items():
        print(f"{name}: {area['caught']} of {area['mutants']} noticed, {area['score']:.1%}")
    print(f"in all: {whole['caught']} of {whole['mutants']} noticed, {whole['score']:.1%}, {whole['seconds']} s")
    if args.out:
        args.out.write_text(json.dumps(whole, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
