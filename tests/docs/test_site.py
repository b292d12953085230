"""The documentation: built without a warning, complete, and whole: no link of it leads nowhere, nothing is fetched."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import forecast

ROOT = Path(__file__).resolve().parents[2]
LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "object": "data",
}
pytestmark = pytest.mark.timeout(900)  # a build takes half a minute of a core, and much longer on a busy machine
NEEDED = ("sphinx", "myst_nb", "furo", "matplotlib", "vega_datasets", "bokeh_sampledata")


@dataclass
class Page(HTMLParser):
    """What a page links to, what it loads, and where it can be linked to."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loads.append(found["href"])
        if tag in LOADS and LOADS[tag] in found:
            self.loads.append(found[LOADS[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site: built once, also where several processes test."""
    for name in NEEDED:
        pytest.importorskip(
            name, reason=f"the documentation is built with {name}: pip install 'forecast-recurrent[test]'"
        )
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    with (folder.parent / "site.lock").open("w") as lock:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "objects.inv").exists():
            build(folder)
    return folder


def build(folder: Path) -> None:
    """Build the site as `make docs` does."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(folder)]
    quiet = {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-5000:]


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    found = {}
    for path in sorted(site.rglob("*.html")):
        found[path] = Page()
        found[path].feed(path.read_text("utf-8"))
    return found


@pytest.mark.slow
def test_every_page_is_reached_from_the_front_page(site: Path, pages: dict[Path, Page]):
    reached, todo = set(), [site / "index.html"]
    while todo:
        page = todo.pop()
        if page not in reached and page in pages:
            reached.add(page)
            todo += [target(page, link)[0] for link in pages[page].links if is_inner(link)]
    left = {str(page.relative_to(site)) for page in pages.keys() - reached}
    assert left <= {"search.html"}  # a form leads there


@pytest.mark.slow
def test_no_link_within_the_site_leads_nowhere(site: Path, pages: dict[Path, Page]):
    wrong = []
    for page, content in pages.items():
        for link in filter(is_inner, content.links):
            file, anchor = target(page, link)
            if not file.exists() or (anchor and file in pages and anchor not in pages[file].anchors):
                wrong.append(f"{page.relative_to(site)}: {link}")
    assert not wrong


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(pages: dict[Path, Page]):
    for page, content in pages.items():
        for loaded in content.loads:
            assert is_inner(loaded), f"{page.name} loads {loaded}"
            assert target(page, loaded)[0].exists(), f"{page.name} loads {loaded}"


@pytest.mark.slow
def test_style_sheets_load_nothing_from_elsewhere(site: Path):
    sheets = list(site.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        text = sheet.read_text("utf-8")
        assert "url(http" not in text
        assert "url(//" not in text
        assert "@import" not in text


@pytest.mark.slow
def test_every_public_name_has_a_reference_entry(pages: dict[Path, Page]):
    entries = set().union(*(content.anchors for page, content in pages.items() if "reference" in page.parts))
    assert {f"forecast.{name}" for name in forecast.__all__} - entries == set(), (
        "add their room to docs/reference/python"
    )


@pytest.mark.slow
def test_every_verb_and_every_option_stands_in_the_reference(site: Path):
    from forecast.cli import _parser

    text = (site / "reference" / "command-line.html").read_text("utf-8")
    verbs = next(each for each in _parser()._actions if each.choices and each.metavar == "VERB").choices
    for name, verb in verbs.items():
        assert f'id="{name}"' in text, name
        for option in (option for action in verb._actions for option in action.option_strings if option != "--help"):
            assert option in text, f"{name} {option}"


@pytest.mark.slow
def test_every_notebook_has_a_page(site: Path):
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert (site / "gallery" / "notebooks" / f"{notebook.stem}.html").exists()


def is_inner(link: str) -> bool:
    """Whether a link stays within the site."""
    parts = urlsplit(link)
    return not parts.scheme and not parts.netloc


def target(page: Path, link: str) -> tuple[Path, str]:
    """The file and the anchor that a link of a page leads to."""
    parts = urlsplit(link)
    path = unquote(parts.path)
    return (Path(os.path.normpath(page.parent / path)) if path else page), unquote(parts.fragment)
