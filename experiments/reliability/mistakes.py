"""Small mistakes in a source file: every mutant of it, and which of its lines a test must have run to notice one.

One change each: a comparison, an operator or a sign turned, a number one larger, `min` for `max`, True for False, a
condition or a mask negated, the branches of a conditional expression exchanged. Left as they are: docstrings,
annotations, imports, decorators, what is raised and the text of messages (f-strings), because a test of their wording
would pin words, not behaviour; and assertions, which the `strict` of a `zip` is too: where they hold, nothing changes
without them. A change that could not even run (a name that does not exist) is none.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

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
BUILTINS = {"min": "max", "max": "min", "any": "all", "all": "any"}
METHODS = BUILTINS | {
    "minimum": "maximum", "maximum": "minimum", "sum": "mean", "zeros": "ones", "ones": "zeros",
    "zeros_like": "ones_like", "ones_like": "zeros_like", "floor": "ceil",
}  # fmt: skip
KEPT = ast.Import | ast.ImportFrom | ast.Raise | ast.JoinedStr | ast.Assert


@dataclass(frozen=True)
class Mutant:
    """A file with one mistake.

    Args:
        where: line, column and change, in words.
        text: of the whole file.
        lines: those that a test runs, at least one of them, if it can notice; None: any line of the file.
    """

    where: str
    text: str
    lines: range | None


def mutants(source: str) -> list[Mutant]:
    """Every mutant of a file."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        node.number = number  # type: ignore[attr-defined]
    found = []
    for node, lines in code_of(tree):
        for what, change in changes(node):
            twin = copy.deepcopy(tree)
            same = next(each for each in ast.walk(twin) if each.number == node.number)  # type: ignore[attr-defined]
            change(same)
            text = ast.unparse(ast.fix_missing_locations(twin))
            found.append(Mutant(f"{node.lineno}:{node.col_offset + 1} {what}", text, lines))  # type: ignore[attr-defined]
    return found


def code_of(tree: ast.Module) -> Iterator[tuple[ast.AST, range | None]]:
    """Nodes that may be changed, each with the lines that run it."""
    waiting: list[tuple[ast.AST, range | None]] = [(tree, None)]
    while waiting:
        node, lines = waiting.pop()
        yield node, lines
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            for child in value if isinstance(value, list) else [value]:
                strict = isinstance(child, ast.keyword) and child.arg == "strict"
                if isinstance(child, ast.AST) and not isinstance(child, KEPT) and not strict:
                    waiting.append((child, lines_of(node, child, lines)))


def lines_of(node: ast.AST, child: ast.AST, lines: range | None) -> range | None:
    """The lines that run a child: those of the innermost statement, of a whole function for its defaults."""
    if isinstance(node, ast.FunctionDef):
        return range(child.lineno, head(child)) if isinstance(child, ast.stmt) else range(node.lineno, end(node))
    if isinstance(child, ast.FunctionDef):
        return range(child.lineno, end(child))
    return range(child.lineno, head(child)) if isinstance(child, ast.stmt) and lines is not None else lines


def head(statement: ast.stmt) -> int:
    """The line behind a statement, or behind the head of one that has a body."""
    body = getattr(statement, "body", None)
    return max(body[0].lineno, statement.lineno + 1) if body else end(statement)


def end(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) + 1


def changes(node: ast.AST) -> list[Change]:
    """Changes that one node offers."""
    if isinstance(node, ast.Compare):
        return exchanged(node.ops[0], COMPARISONS, lambda same, new: same.ops.__setitem__(0, new))
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
        return exchanged(node.op, OPERATORS, lambda same, new: setattr(same, "op", new))
    if isinstance(node, ast.UnaryOp):
        return [turned(node.op)]
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return [(f"{node.value} turned", lambda same: setattr(same, "value", not same.value))]
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return [(f"{node.value} to {node.value + 1}", lambda same: setattr(same, "value", same.value + 1))]
    for field, table in (("attr", METHODS), ("id", BUILTINS)):
        if (here := getattr(node, field, None)) in table:
            return [(f"{here} to {table[here]}", lambda same, field=field, new=table[here]: setattr(same, field, new))]
    return [("branches exchanged", exchange_branches)] if isinstance(node, ast.IfExp) else []


def exchanged(old: ast.AST, table: dict[type, type], put: Callable[[Any, ast.AST], None]) -> list[Change]:
    """One operator for another, if there is one for it."""
    if type(old) not in table:
        return []
    new = table[type(old)]
    return [(f"{type(old).__name__} to {new.__name__}", lambda same: put(same, new()))]


def turned(sign: ast.unaryop) -> Change:
    """A sign, a negation or an inverted mask that is lost: the first is exchanged, the others are made twice."""
    if isinstance(sign, ast.USub | ast.UAdd):
        return "sign turned", lambda same: setattr(same, "op", ast.UAdd() if isinstance(sign, ast.USub) else ast.USub())
    return f"{type(sign).__name__} lost", lambda same: setattr(same, "operand", ast.UnaryOp(sign, same.operand))


def exchange_branches(node: ast.IfExp) -> None:
    """What is taken if so is taken if not."""
    node.body, node.orelse = node.orelse, node.body
