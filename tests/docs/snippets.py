"""Code blocks of Markdown pages: found, run, and compared with the output that is printed below them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = ("project", "gallery")
"""Folders of `docs` whose pages come from elsewhere: files of the root, notebooks, pictures that the build draws."""
PAGES = [
    ROOT / "README.md",
    *sorted(
        page for page in (ROOT / "docs").rglob("*.md") if not {*page.relative_to(ROOT / "docs").parts} & {*NOT_OURS}
    ),
]
FENCE = re.compile(r"^(?P<mark>`{3,})(?P<language>[^\s`]*)\n(?P<text>.*?)^(?P=mark)$", re.MULTILINE | re.DOTALL)
NOTE = re.compile(r"<!-- (?P<note>[^>]*?) -->\n+$")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        page: its file.
        line: of its first line of text.
        language: after the fence; empty for none.
        text: what stands in it.
        note: the comment right above it: "prints" before the output of the block above, "not run: why" before code that
            is only compiled or parsed, "file: name" above what stands in a file that later blocks read.
    """

    page: Path
    line: int
    language: str
    text: str
    note: str

    @property
    def runs(self) -> bool:
        return not self.note.startswith("not run: ")

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text("utf-8")
    found = []
    for fence in FENCE.finditer(text):
        note = NOTE.search(text, 0, fence.start())
        line = text.count("\n", 0, fence.start("text")) + 1
        found.append(Block(page, line, fence["language"], fence["text"], note["note"] if note else ""))
    return found


def commands(text: str) -> list[list[str]]:
    """The words of each command of a shell block; comments are left out, lines that end in a backslash are joined."""
    lines = text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line.removeprefix("$ "), comments=True))]
