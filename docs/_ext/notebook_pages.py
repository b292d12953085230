"""Notebooks live outside of the documentation: their pages are copies, made before every build and kept out of git."""

from __future__ import annotations

import shutil
from pathlib import Path


def bring(source: Path, target: Path) -> None:
    """Copy what changed, and remove pages of notebooks that are no more."""
    target.mkdir(parents=True, exist_ok=True)
    wanted = {path.name: path for path in source.glob("*.ipynb")}
    for page in target.glob("*.ipynb"):
        if page.name not in wanted:
            page.unlink()
    for name, path in wanted.items():
        page = target / name
        if not page.exists() or page.read_bytes() != path.read_bytes():
            shutil.copyfile(path, page)
