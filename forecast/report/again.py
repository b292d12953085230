"""What to know before believing it, and how to get the same again."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from forecast.report.markup import Section, bullets, definitions, folded, paragraph, text
from forecast.report.material import Material

SHOUTED = re.compile(r"[A-Z]{4,}\b")
"""How a suspicion begins (`data/suspicions.py`)."""


def data_section(material: Material) -> Section:
    """What the reader of the data reported."""
    if not material.outcome:
        lack = "This folder does not hold what was found in the data; forecast describe says it again."
        return Section("data", "What to know of the data", paragraph(lack, "absent"))
    report = [str(said) for said in material.outcome.get("report", ())]
    shouted = [said for said in report if SHOUTED.match(said)]
    rest = [said for said in report if said not in shouted]
    parts = []
    if shouted:
        parts.append(f'<h3>Suspicious</h3><div class="warning">{bullets(shouted)}</div>')
    if rest:
        parts.append(f"<h3>Noted or repaired</h3>{bullets(rest)}")
    body = "".join(parts) or paragraph("Nothing had to be repaired, and nothing looked suspicious.")
    return Section("data", "What to know of the data", body)


def notes_section(material: Material) -> Section:
    """Notes of the run, and contestants that failed."""
    failed = material.outcome.get("failed", {})
    notes = [str(note) for note in material.outcome.get("notes", ())]
    parts = []
    if failed:
        parts.append("<h3>Failed</h3>")
        parts.append(f'<div class="warning">{bullets(f"{name}: {why}" for name, why in failed.items())}</div>')
    if notes:
        parts.append(f"<h3>Notes</h3>{bullets(notes)}")
    said = "No contestant failed." if material.outcome else "This folder keeps no notes of its run."
    body = "".join(parts) if failed else f"{paragraph(said)}{''.join(parts)}"
    return Section("notes", "Notes and failures", body)


def again_section(material: Material) -> Section:
    """Command, settings, seed, versions, fingerprints."""
    settings, about = material.settings_text, material.about
    if not settings:
        body = paragraph("This folder holds no settings.toml, so this run cannot be repeated from it.", "absent")
        return Section("again", "How to get this again", body + _versions(material))
    verb = "sweep" if "sweep" in material.settings else "run"
    command = f"forecast {verb} {shlex.quote(str(Path(material.directory) / 'settings.toml'))} --out again"
    seed = material.settings.get("training", {}).get("seed")
    promise = "On the same machine, on a CPU, this gives the same figures to the last digit." if about else ""
    facts = [("Seed", seed), ("Began", about.get("began")), ("Ended", about.get("ended"))]
    body = paragraph("The settings below make this run again:") + _code("The command", command)
    body += paragraph(promise) + definitions(facts) + _versions(material)
    return Section("again", "How to get this again", body + folded("settings.toml", _code("settings.toml", settings)))


def _code(name: str, code: str) -> str:
    return f'<pre class="scroll" tabindex="0" role="region" aria-label="{text(name)}">{text(code)}</pre>'


def _versions(material: Material) -> str:
    about = material.about
    if not about:
        return paragraph("This folder holds no run.json, so versions and fingerprints are not known.", "absent")
    environment, data = about.get("environment", {}), about.get("data", {})
    found = folded("Versions and machine", definitions(environment.items()))
    prints = definitions((name, _short(value)) for name, value in data.items())
    return found + folded("Fingerprints of the data", prints)


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_short(part)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
