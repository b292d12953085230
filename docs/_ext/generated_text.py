"""Text that the code writes: a comment such as `<!-- generated: command_line -->` is replaced before a page is read.

What is generated is Markdown, so that headings, links and the contents of a page come out as if somebody had typed it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import command_line
import notebook_pages
import public_names
import settings_tables
from sphinx.application import Sphinx

MARK = re.compile(r"^<!-- generated: (\w+)(.*?)-->$", re.MULTILINE)
WRITERS: Mapping[str, Callable[..., str]] = {
    "command_line": command_line.write,
    "notebooks": notebook_pages.write,
    "presets": settings_tables.presets,
    "public_names": public_names.write,
    "settings_table": settings_tables.write,
}


def fill_in(app: Sphinx, page: str, source: list[str]) -> None:
    """Replace the marks of a page; an unknown one is an error of the page's author."""
    source[0] = MARK.sub(lambda mark: WRITERS[mark[1]](*mark[2].split()), source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Listen to pages and docstrings being read."""
    app.connect("source-read", fill_in)
    app.connect("autodoc-process-docstring", public_names.escape)
    app.connect("autodoc-skip-member", public_names.is_foreign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
