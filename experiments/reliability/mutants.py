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
from collections.abc import Iterator
from pathlib import Path

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
    "forecast/nets/scaling.py": ("tests/nets/test_scaling.py", "tests/nets/test_memory.py", "tests/nets/test_network.py"),
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

Spot = tuple[ast.AST, str, str]
"""A node, its field that changes, and the change in words."""

COMPARISONS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
NAMES = {
    "min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum", "sum": "mean",
    "zeros": "ones", "ones": "zeros", "zeros_like": "ones_like", "ones_like": "zeros_like", "floor": "ceil", "sqrt": "abs",
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


def changes(node: ast.AST) -> list:
    """Changes of one node: words, and what to do with the same node of a copy."""
    found: list = []
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        new = COMPARISONS[type(node.ops[0])]
        found.append((f"{type(node.ops[0]).__name__} to {new.__name__}", lambda n: n.ops.__setitem__(0, new())))
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
        other = OPERATORS[type(node.op)]
        found.append((f"{type(node.op).__name__} to {other.__name__}", lambda n: setattr(n, "op", other())))
    if isinstance(node, ast.BoolOp):
        turned = ast.Or if isinstance(node.op, ast.And) else ast.And
        found.append((f"{type(node.op).__name__} to {turned.__name__}", lambda n: setattr(n, "op", turned())))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        found.append((f"without {type(node.op).__name__}", lambda n: setattr(n, "op", ast.UAdd())
                      if not isinstance(n.op, ast.Not) else n.__setattr__("operand", ast.UnaryOp(ast.Not(), n.operand))))  # fmt: skip
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        found.append((f"{node.value} turned", lambda n: setattr(n, "value", not n.value)))
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        found.append((f"{node.value} to {node.value + 1}", lambda n: setattr(n, "value", n.value + 1)))
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        found.append((f"{node.attr} to {NAMES[node.attr]}", lambda n: setattr(n, "attr", NAMES[n.attr])))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NAMES:
        found.append((f"{node.func.id} to {NAMES[node.func.id]}", lambda n: setattr(n.func, "id", NAMES[n.func.id])))
    if isinstance(node, ast.IfExp):
        found.append(("branches exchanged", lambda n: (lambda a, b: (setattr(n, "body", b), setattr(n, "orelse", a)))(n.body, n.orelse)))  # fmt: skip # noqa: E501
    return found


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
    started, result = time.monotonic(), {}
    for file in args.file or TESTS:
        if noticed(file, None, TESTS[file]):
            raise SystemExit(f"{file}: its tests fail without any mutant, so they would tell nothing")
        known = mutants((ROOT / file).read_text())
        drawn = random.Random(f"{args.seed} {file}").sample(known, min(args.each, len(known)))
        survivors = [where for where, text in drawn if not noticed(file, text, TESTS[file])]
        result[file] = {"possible": len(known), "drawn": len(drawn), "survivors": survivors}
        print(f"{file}: {len(drawn) - len(survivors)} of {len(drawn)} caught, survivors: {survivors}", flush=True)
    drawn, lost = (sum(count(each) for each in result.values()) for count in (_drawn, _lost))
    whole = {"seed": args.seed, "mutants": drawn, "caught": drawn - lost, "score": round(1 - lost / drawn, 3)}
    whole |= {"seconds": round(time.monotonic() - started), "files": result}
    print(json.dumps({name: value for name, value in whole.items() if name != "files"}))
    if args.out:
        args.out.write_text(json.dumps(whole, indent=2) + "\n")
    return 0


def _drawn(entry: dict) -> int:
    return entry["drawn"]


def _lost(entry: dict) -> int:
    return len(entry["survivors"])


if __name__ == "__main__":
    sys.exit(main())
