"""The page: sections in order, style, scripts and plotly.js in one file that needs nobody else.

plotly.js stands in it as it is (4.8 MB): packed it would be 2 MB, but then a page opens only where the browser can
unpack it, and no text tool sees what is in it. The rest is kept below a megabyte by choosing what is drawn.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from forecast.errors import SettingsError
from forecast.report.accuracy import accuracy_section
from forecast.report.again import again_section, data_section, notes_section
from forecast.report.certainty import certainty_section
from forecast.report.choosing import choose
from forecast.report.colours import looks, variables
from forecast.report.explorer import explorer_section, next_section
from forecast.report.fits import fits_section
from forecast.report.markup import Section, text
from forecast.report.material import Material, read_material
from forecast.report.question import question_section, terms_section, verdict_section
from forecast.report.ranking import ranking_section
from forecast.report.trials import trials_section
from forecast.work.writing import replace_file

NAME = "report.html"
MISSING = "a report needs plotly: pip install 'forecast-recurrent[report]'"


def write_report(run: str | Path, out: str | Path | None = None, series: Sequence[str] = ()) -> Path:
    """Make the page of a run folder.

    Args:
        run: the folder that `forecast compare`, `run`, `sweep` or `backtest` wrote.
        out: the page; by default report.html in that folder.
        series: names to show forecasts of; by default those that went best and worst and some between.

    Returns:
        The page.

    Raises:
        SettingsError: no run folder, no such series, no plotly, or nothing can be written there.
        DataError: a file of the folder is damaged.
    """
    material = read_material(run)
    path = Path(run) / NAME if out is None else Path(out)
    if path.is_dir():
        raise SettingsError(f"--out {path}: this is a folder; give the name of the page, such as {path / NAME}")
    replace_file(path, render(material, series).encode(), "the report")
    return path


def can_report() -> bool:
    """Whether plotly is installed."""
    return importlib.util.find_spec("plotly") is not None


def render(material: Material, series: Sequence[str] = ()) -> str:
    """The page as text."""
    script = _plotly()
    title = f"Forecasts of {', '.join(material.targets)}: {Path(material.data).name}"
    found = sections(material, series)
    links = "".join(f'<li><a href="#{section.key}">{text(section.title)}</a></li>' for section in found)
    return _document(title, links, "\n".join(each.to_html() for each in found), script, _made(material))


def sections(material: Material, series: Sequence[str] = ()) -> list[Section]:
    """The parts of the page, in order."""
    styles, chosen = looks(material.models, material.baseline), choose(material, series)
    found = [
        question_section(material),
        verdict_section(material),
        terms_section(material),
        ranking_section(material),
        explorer_section(material, chosen, styles),
        next_section(material, chosen, styles),
        accuracy_section(material, styles),
        certainty_section(material, styles),
        fits_section(material, styles),
        trials_section(material),
        data_section(material),
        notes_section(material),
        again_section(material),
    ]
    return [section for section in found if section is not None]


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise SettingsError(MISSING) from error
    return get_plotlyjs()


def _made(material: Material) -> str:
    ended = str(material.about.get("ended") or material.about.get("began") or "")
    return f"forecast, run of {ended.partition('T')[0]}" if ended else "forecast"


def _own(name: str) -> str:
    return (resources.files("forecast.report") / name).read_text(encoding="utf-8")


def _sealed(script: str) -> str:
    """What the page's policy calls a script that may run: its hash."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _document(title: str, links: str, body: str, plotly: str, made: str) -> str:
    scripts = [plotly.replace("</script", "<\\/script"), f"{_own('page.js')}{_own('explorer.js')}"]
    # Only these two scripts run, whatever a name might smuggle in, and nothing is fetched from anywhere.
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_sealed, scripts))}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{text(title)}</title>
<style>
{variables()}{_own("page.css")}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<div class="top"><p class="made">{text(made)}</p><button type="button" id="theme" hidden>Dark colours</button></div>
<h1>{text(title)}</h1>
<nav aria-label="Sections"><ul>{links}</ul></nav>
</header>
<main id="main" tabindex="-1">
<noscript><p class="warning">Charts need JavaScript; the tables behind them do not.</p></noscript>
{body}
</main>
<footer><p>This page needs no network: everything it shows is in this file.</p></footer>
<script>{scripts[0]}</script>
<script>{scripts[1]}</script>
</body>
</html>
"""
