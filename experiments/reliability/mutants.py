"""Figure F16: how many small mistakes in windows, scaling, streams and metrics do the tests notice?

Each mutant is one file with one change (a comparison turned, a sign, a number one larger, `and` for `or`, `min` for
`max` ...), drawn with a seed. The tests that belong to the file run on a copy of the package that holds the mutant, in
a forked process that has imported the heavy libraries already; a mutant is caught when a test fails or does not end.

    python experiments/reliability/mutants.py --each 12 --seed 0 --out mutants.json
    python experiments/reliability/mutants.py --file forecast/windows/lanes.py --each 1000     # every mutant of a file

Survivors are printed with their line. Some change nothing that could be noticed (a tolerance, the size of a buffer);
they count against the score all the same.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WINDOWS = ("tests/windows", "tests/training/test_windows.py")
STREAMS = ("tests/windows", "tests/training/test_sharding.py", "tests/training/test_streams.py")
TESTS: dict[str, tuple[str, ...]] = {
    "forecast/windows/window.py": WINDOWS,
    "forecast/windows/gather.py": WINDOWS,
    "forecast/windows/batches.py": WINDOWS,
    "forecast/windows/lanes.py": STREAMS,
    "forecast/windows/stream.py": STREAMS,
    "forecast/windows/loading.py": STREAMS,
    "forecast/nets/memory.py": ("tests/nets/test_memory.py", "tests/training/test_streams.py"),
    "forecast/nets/scaling.py": (
        "tests/nets/test_scaling.py", "tests/nets/test_memory.py", "tests/nets/test_network.py",
    ),
    "forecast/data/scale.py": (
        "tests/forecasters/test_precision.py", "tests/forecasters/test_sentinels.py", "tests/windows/test_gather.py",
        "tests/forecasters/test_heads_everywhere.py", "tests/forecasters/test_categorical.py",
    ),
    "forecast/data/moments.py": ("tests/forecasters/test_heads_everywhere.py", "tests/forecasters/test_precision.py"),
    "forecast/evaluation/metrics.py": ("tests/evaluation",),
    "forecast/evaluation/probabilistic.py": ("tests/evaluation",),
    "forecast/evaluation/scores.py": ("tests/evaluation",),
    "forecast/evaluation/significance.py": ("tests/evaluation",),
}  # fmt: skip
HEAVY = ("numpy", "pandas", "torch", "pytorch_lightning", "sklearn.linear_model", "scipy.stats", "statsmodels.api")
"""Imported once, before the forks; no plugin of pytest, which wants to rewrite those itself."""
PATIENCE = 300.0

Change = tuple[str, Callable[[Any], None]]
"""A change of a node: what it is in words, and what makes it, of the same node in a copy of the tree."""

COMPARISONS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or,
    ast.Or: ast.And,
}  # fmt: skip
SIGNS: dict[type, type] = {ast.USub: ast.UAdd, ast.Invert: ast.UAdd}
NAMES = {
    "min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum", "sum": "mean",
    "zeros": "ones", "ones": "zeros", "zeros_like": "ones_like", "ones_like": "zeros_like", "floor": "ceil",
}  # fmt: skip


def code_of(tree: ast.Module) -> Iterator[ast.AST]:
    """Nodes that run: no docstrings, annotations, imports, raised errors or string formatting."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not isinstance(
                    child, ast.Import | ast.ImportFrom | ast.Raise | ast.JoinedStr | ast.Assert
                ):
                    waiting.append(child)


def mutants(source: str) -> list[tuple[str, str]]:
    """Every mutant of a file: where and what, and its text."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        node.number = number  # type: ignore[attr-defined]
    found = []
    for node in code_of(tree):
        for what, change in changes(node):
            twin = copy.deepcopy(tree)
            same = next(each for each in ast.walk(twin) if each.number == node.number)  # type: ignore[attr-defined]
            change(same)
            found.append((f"line {getattr(node, 'lineno', 0)}: {what}", ast.unparse(ast.fix_missing_locations(twin))))
    return found


def changes(node: ast.AST) -> list[Change]:
    """Changes that one node offers."""
    if isinstance(node, ast.Compare):
        return exchanged(node.ops[0], COMPARISONS, lambda same, new: same.ops.__setitem__(0, new))
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
        return exchanged(node.op, OPERATORS, lambda same, new: setattr(same, "op", new))
    if isinstance(node, ast.UnaryOp):
        return exchanged(node.op, SIGNS, lambda same, new: setattr(same, "op", new))
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return [(f"{node.value} turned", lambda same: setattr(same, "value", not same.value))]
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return [(f"{node.value} to {node.value + 1}", lambda same: setattr(same, "value", same.value + 1))]
    for name in ("attr", "id"):
        if (here := getattr(node, name, None)) in NAMES:
            return [(f"{here} to {NAMES[here]}", lambda same, field=name: setattr(same, field, NAMES[here]))]
    return [("branches exchanged", exchange_branches)] if isinstance(node, ast.IfExp) else []


def exchanged(old: ast.AST, table: dict[type, type], put: Callable[[Any, ast.AST], None]) -> list[Change]:
    """One operator for another, if there is one for it."""
    if type(old) not in table:
        return []
    new = table[type(old)]
    return [(f"{type(old).__name__} to {new.__name__}", lambda same: put(same, new()))]


def exchange_branches(node: ast.IfExp) -> None:
    """What is taken if so is taken if not."""
    node.body, node.orelse = node.orelse, node.body


def noticed(file: str, text: str | None, tests: tuple[str, ...]) -> bool:
    """Whether the tests of a file notice a mutant of it, in a forked process; `text` None: they are run as it is."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        shutil.copytree(ROOT / "forecast", place / "forecast", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("datasets", "tests", "experiments"):
            (place / name).symlink_to(ROOT / name)
        (place / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
        if text is not None:
            (place / file).write_text(text)
        child = multiprocessing.get_context("fork").Process(target=run, args=(place, tests))
        child.start()
        child.join(PATIENCE)
        if child.is_alive():
            os.killpg(child.pid, signal.SIGKILL)
            child.join()
            return True
        return child.exitcode != 0


def run(place: Path, tests: tuple[str, ...]) -> None:
    """Run tests on the package that lies in a folder, silently; the exit code is pytest's."""
    import pytest

    os.setsid()
    sys.path.insert(0, str(place))
    os.chdir(place)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(place), "-c", "pyproject.toml"]
    os._exit(int(pytest.main([*options, *tests])))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=12, metavar="N", help="mutants of each file, at most")
    parser.add_argument("--file", action="append", choices=tuple(TESTS), help="only this file; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args()
    for name in HEAVY:
        importlib.import_module(name)
    started = time.monotonic()
    result: dict[str, dict[str, Any]] = {}
    for file in args.file or TESTS:
        if noticed(file, None, TESTS[file]):
            raise SystemExit(f"{file}: its tests fail without any mutant, so they would tell nothing")
        known = mutants((ROOT / file).read_text())
        drawn = random.Random(f"{args.seed} {file}").sample(known, min(args.each, len(known)))
        survivors = [where for where, text in drawn if not noticed(file, text, TESTS[file])]
        result[file] = {"possible": len(known), "drawn": len(drawn), "survivors": survivors}
        print(f"{file}: {len(drawn) - len(survivors)} of {len(drawn)} caught, survivors: {survivors}", flush=True)
    drawn = sum(entry["drawn"] for entry in result.values())
    lost = sum(len(entry["survivors"]) for entry in result.values())
    whole = {"seed": args.seed, "mutants": drawn, "caught": drawn - lost, "score": round(1 - lost / drawn, 3)}
    whole |= {"seconds": round(time.monotonic() - started), "files": result}
    print(json.dumps({name: value for name, value in whole.items() if name != "files"}))
    if args.out:
        args.out.write_text(json.dumps(whole, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
