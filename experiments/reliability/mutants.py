"""Figure F16: how many small mistakes in windows, scaling, streams and metrics do the tests notice?

Each mutant is one file with one change (`mistakes.py` says which), drawn with a seed. The tests that run its line meet
it, in a fork (`forked_tests.py`); it is noticed when a test fails, breaks down or does not end.

    python experiments/reliability/mutants.py --each 10 --seed 2 --out mutants.json
    python experiments/reliability/mutants.py --file forecast/windows/lanes.py --each 1000     # every mutant of a file

Tests were written against what the seeds 0 and 1 draw, so only another one says how sharp they are. Survivors are
printed with line and column. Some change nothing that could be noticed (a tolerance, the size of a buffer); they count
against the score all the same. So does a mutant that only tests outside the list below would notice, or only one beyond
the seconds that the tests of a mutant may take (`--budget`): both can only lower the score.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from forked_tests import Noted, Session, apart, chosen, noted, noticed, run, warm  # noqa: E402
from mistakes import mutants  # noqa: E402

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
TESTS = (
    "tests/windows", "tests/nets/test_memory.py", "tests/nets/test_scaling.py", "tests/data/test_scale.py",
    "tests/evaluation",
)  # fmt: skip
"""Quick tests of these files; the examples in the files are tests too."""


@dataclass(frozen=True)
class Subject:
    """What is put to the test.

    Args:
        root: folder of a project with `pyproject.toml` and `tests`.
        areas: files to change, by the name of their area.
        tests: files or folders of tests.
    """

    root: Path = ROOT
    areas: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: AREAS)
    tests: tuple[str, ...] = TESTS

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(file for files in self.areas.values() for file in files)


def of_file(session: Session, root: Path, file: str, seen: Noted, args: argparse.Namespace) -> dict[str, Any]:
    """Draw mutants of a file and let the tests meet them."""
    path, started = root / file, time.monotonic()
    sharp: Counter[str] = Counter()

    def met(text: str, lines: range | None, budget: float = args.budget) -> str | None:
        tests = chosen(seen.tests, path, lines, sharp, budget)
        return noticed(session, path, text, {name: seen.tests[name] for name in tests})

    source = path.read_text()
    known = mutants(source)
    warm(modules_of(file, seen), file.removesuffix(".py").replace("/", "."))
    if (failed := met(ast.unparse(ast.parse(source)), None, args.budget / 2)) is not None:
        raise SystemExit(f"{file}: {failed} without any mistake, so it would tell nothing")
    if met("raise RuntimeError('not a module')", None, 0.0) is None:
        raise SystemExit(f"{file}: tests pass without it, so they do not meet what is put in its place")
    survivors, by = [], {}
    for mutant in random.Random(f"{args.seed} {file}").sample(known, min(args.each, len(known))):
        test = met(mutant.text, mutant.lines)
        if test is None:
            survivors.append(mutant.where)
        else:
            by[mutant.where] = test
            sharp[test] += test in seen.tests
    found = {"possible": len(known), "drawn": len(by) + len(survivors), "caught": len(by), "survivors": survivors}
    return found | {"seconds": round(time.monotonic() - started), "by": by}


def modules_of(file: str, seen: Noted) -> list[str]:
    """Those of the package that a file belongs to."""
    return [name for name in seen.modules if name.split(".")[0] == Path(file).parts[0]]


def summed(files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Mutants, how many of them were caught, and which share."""
    count, caught = (sum(entry[name] for entry in files.values()) for name in ("drawn", "caught"))
    return {"mutants": count, "caught": caught, "score": round(caught / max(count, 1), 3)}


def measured(session: Session, subject: Subject, args: argparse.Namespace) -> dict[str, Any]:
    """Files, one after the other, and what they amount to."""
    asked = [file for file in subject.files if file in (args.file or subject.files)]
    seen = noted(session, [*(args.tests or subject.tests), *asked], [subject.root / file for file in asked])
    own = set(modules_of(asked[0], seen))
    warm([name for name in seen.modules if name not in own])
    found = {}
    for file in asked:
        entry = found[file] = apart(lambda file=file: of_file(session, subject.root, file, seen, args))
        print(f"{file}: {entry['caught']} of {entry['drawn']} noticed, survivors: {entry['survivors']}", flush=True)
    areas = {}
    for name, files in subject.areas.items():
        its = {file: found[file] for file in files if file in found}
        if its:
            areas[name] = summed(its) | {"files": its}
    return summed(found) | {"areas": areas}


def main(argv: Sequence[str] | None = None, subject: Subject = Subject()) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=20, metavar="N", help="mutants of each file, at most")
    parser.add_argument("--file", action="append", choices=subject.files, help="only this file; repeatable")
    parser.add_argument("--tests", action="append", metavar="PATH", help="instead of the usual tests; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--but", type=int, action="append", default=[], metavar="SEED", help="none of the first 20 that this draws"
    )
    parser.add_argument("--budget", type=float, default=4.0, help="seconds of the processor that a mutant's tests take")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args(argv)
    whole: dict[str, Any] = {}
    started = time.monotonic()
    run(subject.root, lambda session: whole.update(measured(session, subject, args)))
    settings = {name: getattr(args, name) for name in ("each", "seed", "budget")}
    whole = settings | {"seconds": round(time.monotonic() - started)} | whole
    for name, area in whole["areas"].items():
        print(f"{name}: {area['caught']} of {area['mutants']} noticed, {area['score']:.1%}")
    print(f"in all: {whole['caught']} of {whole['mutants']} noticed, {whole['score']:.1%}, {whole['seconds']} s")
    if args.out:
        args.out.write_text(json.dumps(whole, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
