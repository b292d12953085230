"""Markdown files of the repository: what they link to is there, and figures that stand in two places agree."""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from snippets import FENCE, ROOT

LINK = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "experiments").rglob("*.md")])


def prose(page: Path) -> str:
    """The text without its code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text("utf-8")))


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as code hosts and MyST make them."""
    titles = HEADING.findall(FENCE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_to_a_file_of_the_repository_leads_somewhere(page: Path):
    for target in LINK.findall(prose(page)):
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = page if not name else page.parent / name
        if "notebooks" in Path(name).parts:  # pages that the build brings from there
            file = ROOT / "notebooks" / Path(name).name
        assert file.exists(), f"{page.relative_to(ROOT)} links to {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.relative_to(ROOT)} links to {target}: {sorted(anchors(file))}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_table_has_a_head(page: Path):
    lines = FENCE.sub("", page.read_text("utf-8")).splitlines()
    for head, rule in pairwise(["", *lines]):
        if re.fullmatch(r"\|[-:| ]*-[-:| ]*\|", rule):
            assert head.count("|") >= rule.count("|"), f"{page.relative_to(ROOT)}: {head!r} above {rule!r}"


def test_the_readme_is_a_front_page():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 250


def test_measured_tables_of_the_readme_say_what_those_of_the_documentation_say():
    measured = (ROOT / "README.md").read_text("utf-8").partition("## Measured")[2]
    rows = [line for line in measured.splitlines() if line.startswith("|") and re.search(r"\d", line)]
    pages = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md"))
    assert len(rows) > 10
    for row in rows:
        assert row in pages, f"only the README says: {row}"


def test_the_picture_of_the_front_page_is_small():
    assert (ROOT / "docs" / "_static" / "forecast.png").stat().st_size < 200_000
