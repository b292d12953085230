"""Notebooks live outside of the documentation: their pages are copies, made before every build and kept out of git."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "notebooks"
LINK = re.compile(r"\]\((\w+\.ipynb)\)")


def bring(target: Path) -> None:
    """Copy what changed, and remove pages of notebooks that are no more."""
    target.mkdir(parents=True, exist_ok=True)
    wanted = {path.name: path for path in SOURCE.glob("*.ipynb")}
    for page in target.glob("*.ipynb"):
        if page.name not in wanted:
            page.unlink()
    for name, path in wanted.items():
        page = target / name
        if not page.exists() or page.read_bytes() != path.read_bytes():
            shutil.copyfile(path, page)


def write() -> str:
    """What the README of the notebooks says of them, without its title, its links leading to the pages."""
    told = SOURCE / "README.md"
    if not told.exists():
        return ""
    _, _, text = told.read_text("utf-8").partition("\n")
    return LINK.sub(r"](notebooks/\1)", text)
