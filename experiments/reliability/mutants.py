"""Figure F16: how many small mistakes in windows, scaling, streams and metrics do the tests notice?

Each mutant is one file with one change (`mistakes.py` says which), drawn with a seed. The tests that run its line meet
it, in a fork (`forked_tests.py`); it is noticed when a test fails, breaks down or does not end.

    python experiments/reliability/mutants.py --each 20 --seed 0 --out mutants.json
    python experiments/reliability/mutants.py --each 20 --seed 1 --but 0       # none that was drawn with the seed 0
    python experiments/reliability/mutants.py --file forecast/windows/lanes.py --each 1000     # every mutant of a file

Survivors are printed with their line. Some change nothing that could be noticed (a tolerance, the size of a buffer);
they count against the score all the same. So does a mutant that only tests outside the list below would notice, or only
one beyond the seconds that the tests of a mutant may take (`--budget`): both can only lower the score.
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
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from forked_tests import Noted, Session, apart, chosen, noted, noticed, run, warm  # noqa: E402
from mistakes import Mutant, mutants  # noqa: E402

AREAS: dict[str, tuple[str, ...]] = {
    "windows": ("forecast/windows/window.py", "forecast/windows/gather.py", "forecast/windows/batches.py"),
    "streams": (
        "forecast/windows/lanes.py", "forecast/windows/stream.py", "forecast/windows/loading.py",
        "forecast/nets/memory.py",
    ),
    "scaling": ("forecast/nets/scaling.py", "forecast/data/scale.py", "forecast/data/moments.py"),
    "metrics": (
        "forecast/evaluation/metrics.py", "forecast/evaluation/probabilistic.py", "forecast/evaluation/scores.py",
        "forecast/evaluation/significance.py",
    ),
}  # fmt: skip
FILES = tuple(file for files in AREAS.values() for file in files)
TESTS = (
    "tests/windows", "tests/nets/test_memory.py", "tests/nets/test_scaling.py", "tests/data/test_scale.py",
    "tests/evaluation",
)  # fmt: skip
"""Quick tests of these files; the examples in the files are tests too."""


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
    """Files, one after the other, and what they amount to."""
    asked = [file for file in FILES if file in (args.file or FILES)]
    seen = noted(session, [*(args.tests or TESTS), *asked], [ROOT / file for file in asked])
    warm([name for name in seen.modules if name.split(".")[0] != "forecast"])
    found = {}
    for file in asked:
        entry = found[file] = apart(lambda file=file: of_file(session, file, seen, args))
        print(f"{file}: {entry['caught']} of {entry['drawn']} noticed, survivors: {entry['survivors']}", flush=True)
    areas = {}
    for name, files in AREAS.items():
        own = {file: found[file] for file in files if file in found}
        if own:
            areas[name] = summed(own) | {"files": own}
    return summed(found) | {"areas": areas}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=20, metavar="N", help="mutants of each file, at most")
    parser.add_argument("--file", action="append", choices=FILES, help="only this file; repeatable")
    parser.add_argument("--tests", action="append", metavar="PATH", help="instead of the usual tests; repeatable")
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
