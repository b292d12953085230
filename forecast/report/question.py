"""The question of a run, its answer in a sentence, and who took part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forecast.report.markup import Section, definitions, paragraph, percent, table, text
from forecast.report.material import FORMATS, Material

RULES = {
    "naive": "repeats the last value",
    "drift": "goes on along the line from the first value to the last",
    "mean": "repeats the mean of what came before",
}
REGRESSORS = {
    "ridge": "ridge regression on the values before",
    "knn": "looks for the most similar stretches of the past",
    "forest": "random forest on the values before",
    "boosting": "gradient boosting on the values before",
    "mlp": "a small network without memory",
}
HEADS = {
    "quantiles": ", states quantiles",
    "gaussian": ", states a normal distribution",
    "student": ", states a Student's t distribution",
    "mixture": ", states a mixture of normal distributions",
    "poisson": ", states a distribution of counts",
    "negative-binomial": ", states a distribution of counts",
    "direction": ", states how probable up and down are",
    "category": ", states how probable each category is",
}
PATIENCE = {"windowed": "reads each window afresh", "streamed": "carries its state along the series"}


def question_section(material: Material) -> Section:
    """What was asked: data, rows, split, window, contestants."""
    what = _list(material.targets)
    window = material.settings.get("window", {})
    asked = f"How well can {what} be forecast{_ahead(material)}{_behind(window)}?"
    follow = "Every contestant answered at the same moments of a span that none of them had seen in training."
    return Section("question", "The question", paragraph(asked, "asked") + paragraph(follow))


def terms_section(material: Material) -> Section:
    """On what terms: data, split, window, contestants."""
    return Section("terms", "How it was judged", definitions(_facts(material)) + _contestants(material))


def verdict_section(material: Material) -> Section:
    """What came out, in a sentence."""
    verdict = verdict_of(material)
    best, base = material.models[0], material.baseline
    errors = material.leaderboard.set_index("model")[material.error]
    own, other = (material.said_error(float(errors[name])) for name in (best, base))
    if material.error == "mae":
        error = f"On average the forecasts of {best} were off by {own}"
        rest = f"; {base}, the rule to beat, by {other}." if base != best else "."
    else:
        error = f"{best} was wrong about the category at {own} of the steps"
        rest = f"; {base}, the rule to beat, at {other}." if base != best else "."
    told = f"{error}{rest}{_tested(material)}"
    said = f'<p class="verdict"><strong>{text(sentence(verdict))}</strong></p>'
    return Section("verdict", "The answer", said + paragraph(told))


def verdict_of(material: Material) -> str:
    """The verdict that the run left; where it left none, the top of its leaderboard in words."""
    if material.outcome.get("verdict"):
        return str(material.outcome["verdict"])
    board, base = material.leaderboard, material.baseline
    best, skill = material.models[0], float(board["skill"].iloc[0]) if "skill" in board else float("nan")
    if best == base:
        return f"nothing has a smaller error than {base}"
    return f"{best} has the smallest error, {percent(skill)} below that of {base} (this folder keeps no verdict)"


def sentence(words: str) -> str:
    """Words with a full stop; a name at the front keeps its case."""
    words = f"{words[:1].upper()}{words[1:]}" if words.startswith("nothing") else words
    return words if words.endswith(".") else f"{words}."


def _tested(material: Material) -> str:
    terms = material.outcome.get("terms", {})
    if not terms:
        return ""
    return f" That is the mean over {terms['origins']:,} forecasts from {terms['since']} to {terms['until']}."


def _list(names: tuple[str, ...]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) < 6 else f"{len(names)} columns"


def _ahead(material: Material) -> str:
    steps = int(material.forecasts["step"].max()) if len(material.forecasts) else 0
    steps = steps or int(material.settings.get("window", {}).get("horizon", 0))
    return "" if not steps else f" {steps} step{'s' if steps > 1 else ''} ahead"


def _behind(window: Mapping[str, Any]) -> str:
    context = window.get("context")
    return f" from the {context} steps before" if context else ""


def _facts(material: Material) -> list[tuple[str, object]]:
    data, terms = material.outcome.get("data", {}), material.outcome.get("terms", {})
    window, forecasts = material.settings.get("window", {}), material.forecasts
    judged = f"{terms['judged']:,}" if terms else f"{forecasts['series'].nunique():,}"
    asked = forecasts[["series", "origin"]].drop_duplicates() if len(forecasts) else forecasts
    covariates = [*data.get("past", ()), *data.get("static", ())]
    return [
        ("Data", material.data),
        ("Rows", f"{data['rows']:,}, {data['first']} to {data['last']}" if data else ""),
        ("Distance of rows", data.get("calendar")),
        ("Series", _series(data, judged)),
        ("To forecast", ", ".join(material.targets)),
        ("Also known up to the forecast", ", ".join(covariates)),
        ("Also known ahead", ", ".join(data.get("future", ()))),
        ("Seen by a forecast", f"{window['context']} steps before it" if "context" in window else ""),
        ("Forecast at a time", f"{window['horizon']} steps" if "horizon" in window else ""),
        ("Learnt from", f"everything before {_first(material)}" if len(forecasts) and window else ""),
        ("Tested on", f"{_first(material)} to {_last(material)}" if len(forecasts) else ""),
        ("Forecasts judged", f"{len(asked):,} of each contestant" if len(asked) else ""),
        ("Rule to beat", material.baseline),
    ]


def _series(data: Mapping[str, Any], judged: str) -> str:
    if not data or data["series"] < 2:
        return ""
    every = f"{data['series']:,}"
    return every if every == judged else f"{every}, {judged} of them judged"


def _first(material: Material) -> str:
    return material.forecasts["time"].min().strftime(FORMATS[material.clock])


def _last(material: Material) -> str:
    return material.forecasts["time"].max().strftime(FORMATS[material.clock])


def _contestants(material: Material) -> str:
    settings = material.settings.get("forecasters", {})
    failed = material.outcome.get("failed", {})
    names = [*material.models, *(name for name in failed if name not in material.models)]
    rows = [(name, described(settings[name]) if name in settings else "") for name in names]
    if not any(words for _, words in rows):
        return ""  # without settings there are only names, and the leaderboard has them
    return table("Contestants, best first", ("Contestant", "What it does"), rows, named=2)


def described(table: Mapping[str, Any]) -> str:
    """What a contestant is, from its table in a settings file.

    Example:
        >>> described({"kind": "rule", "rule": "naive"})
        'repeats the last value'
    """
    kind = table.get("kind")
    if kind == "rule":
        return RULES.get(str(table.get("rule")), "a rule")
    if kind == "seasonal":
        season = table.get("season")
        return f"repeats the value {f'{season} steps' if season else 'one season'} before"
    if kind == "linear":
        return "a straight-line fit on the values before (linear autoregression)"
    if kind == "tabular":
        return REGRESSORS.get(str(table.get("regressor")), str(table.get("regressor")))
    if kind == "conformal":
        return f"{table.get('of')} with intervals measured on its errors"
    if kind == "ensemble":
        return f"the average of {', '.join(map(str, table.get('of', ())))}"
    return _network(table) if kind == "recurrent" else ""


def _network(table: Mapping[str, Any]) -> str:
    layers = f", {table['layers']} layers" if table.get("layers", 1) != 1 else ""
    said = HEADS.get(str(table.get("head", "point")), "")
    changed = "" if table.get("transform", "none") == "none" else f", learns from {table['transform']} values"
    patience = PATIENCE.get(str(table.get("feed")), "")
    size = table.get("hidden_size")
    return f"recurrent network ({table.get('cell')}, {size} units{layers}), {patience}{said}{changed}"
