"""The page of a run: what stands in it, what it escapes, what it leaves out, how large it gets."""

import base64
import hashlib
import html
import json
import re
import shutil
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hostile_names import SERIES, TARGET

from forecast.cli import main
from forecast.errors import DataError, SettingsError
from forecast.report.choosing import NUMBERS, choose
from forecast.report.colours import DARK, LIGHT, MARKS, WORDS, contrast, looks
from forecast.report.explorer import explorer_section, shown
from forecast.report.material import read_material
from forecast.report.page import render, sections, write_report

ORDER = ["question", "verdict", "terms", "leaderboard", "forecasts", "next", "accuracy", "certainty", "training"]
ORDER += ["data", "notes", "again"]


class Page(HTMLParser):
    """Elements, texts by element, and scripts of a page."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.stack, self.scripts = [], [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.stack)))
        if tag not in ("meta", "link", "input", "br", "img"):
            self.stack.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        while self.stack and self.stack.pop() != tag:
            pass

    def handle_data(self, data):
        if self.stack and self.stack[-1] == "script":
            attrs, text = self.scripts[-1]
            self.scripts[-1] = (attrs, text + data)
        elif self.stack and self.stack[-1] != "style":
            self.texts.append(data)

    def of(self, tag):
        return [attrs for name, attrs, _ in self.elements if name == tag]

    @property
    def data(self):
        return {a["id"]: json.loads(text) for a, text in self.scripts if a.get("type") == "application/json"}


@pytest.fixture(scope="module")
def material(run_folder):
    return read_material(run_folder)


@pytest.fixture(scope="module")
def source(run_folder):
    return (run_folder / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


def words(sections):
    return "".join(section.to_html() for section in sections)


def test_a_comparison_leaves_a_page_below_six_megabytes_and_the_verb_makes_the_same_again(run_folder, source, tmp_path):
    assert len(source.encode()) < 6e6
    assert main(["report", str(run_folder), "--out", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_text("utf-8") == source


def test_sections_stand_in_order_and_headings_skip_no_level(page):
    assert [attrs["id"] for attrs in page.of("section")] == ORDER
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert page.of("html")[0]["lang"] == "en"
    links = {attrs["href"] for attrs in page.of("a")}
    assert links == {"#main", *(f"#{key}" for key in ORDER)}


def test_the_answer_is_the_verdict_of_the_leaderboard(run_folder, page, source):
    told = json.loads((run_folder / "details" / "outcome.json").read_text())["verdict"]
    best = pd.read_csv(run_folder / "leaderboard.csv")["model"].iloc[0]
    said = re.search(r'<p class="verdict"><strong>(.*?)</strong>', source)[1]
    said = html.unescape(said)
    assert said == f"{told[:1].upper() if told.startswith('nothing') else told[:1]}{told[1:]}."
    assert best in said or "nothing" in told


def test_names_of_series_and_columns_are_shown_letter_by_letter_and_run_nothing(page, source):
    assert not page.of("img")
    assert not any(name.startswith("on") for _, attrs, _ in page.elements for name in attrs)
    assert len([1 for attrs, _ in page.scripts if attrs.get("type") != "application/json"]) == 2
    text = "".join(page.texts)
    for name in (*SERIES, TARGET):
        assert name in text
    assert [each["name"] for each in page.data["explorer-data"]["series"]] == list(SERIES)


def test_only_the_two_scripts_of_the_page_may_run_and_nothing_is_fetched(page, source):
    policy = next(a["content"] for a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
    runnable = [text for attrs, text in page.scripts if attrs.get("type") != "application/json"]
    sums = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in runnable]
    assert re.search("script-src ([^;]*);", policy)[1].split() == [f"'sha256-{each}'" for each in sums]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    for _, attrs, _ in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert attrs.get(name, "#").startswith(("#", "data:,")), attrs
    style = source[source.index("<style>") : source.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_every_chart_has_a_name_a_sentence_and_a_table_and_plotly_takes_it(page):
    charts = [attrs for attrs in page.of("figure") if "data-chart" in attrs]
    tables = [
        attrs for tag, attrs, stack in page.elements if tag == "table" and "details" in stack and "figure" in stack
    ]
    assert len(charts) >= 8
    assert len(tables) >= len(charts)
    for attrs in charts:
        for view in page.data[f"{attrs['id']}-data"]["views"]:
            assert view["reading"].strip().endswith(".")
            drawn = json.loads(re.sub(r'"@[a-z0-9]+(/[0-9.]+)?"', '"#123456"', json.dumps(view)))
            go.Figure(drawn["traces"], drawn["layout"])  # refuses what plotly does not know
    plots = [attrs for attrs in page.of("div") if attrs.get("class") == "plot"]
    assert all(attrs["role"] == "img" and attrs["aria-label"] and attrs["aria-describedby"] for attrs in plots)
    labelled = {attrs["for"] for attrs in page.of("label") if "for" in attrs}
    assert {attrs["id"] for attrs in page.of("input")} == labelled


def test_the_explorer_holds_what_forecasts_quantiles_and_rows_say(run_folder, page):
    forecasts = pd.read_csv(run_folder / "forecasts.csv", parse_dates=["origin", "time"])
    quantiles = pd.read_csv(run_folder / "details" / "quantiles.csv", parse_dates=["origin"])
    data = page.data["explorer-data"]
    series, steps = data["series"][0], len(data["steps"])
    times = np.cumsum(series["t"]).astype("M8[D]") if series["u"] == 86_400_000 else None
    nth = 5
    origin = times[series["o"][nth]]
    first = forecasts[(forecasts["series"] == SERIES[0]) & (forecasts["origin"] == origin)]
    for model in data["models"]:
        said = first[first["model"] == model["key"]].sort_values("step")
        got = series["f"][model["key"]][0][nth * steps : (nth + 1) * steps]
        assert got == pytest.approx(said["mean"].tolist(), rel=1e-3)
    rows = [series["o"][nth] + step for step in data["steps"]]
    assert [pd.Timestamp(times[row]) for row in rows] == said["time"].tolist()
    actual = [np.nan if series["y"][0][row] is None else series["y"][0][row] for row in rows]
    assert actual == pytest.approx(said["actual"].tolist(), rel=1e-3, nan_ok=True)
    name, low, high = series["q"]["gru"][0][0]
    band = quantiles[(quantiles["series"] == SERIES[0]) & (quantiles["origin"] == origin)].sort_values("step")
    assert name == "90 %"
    assert low[nth * steps : (nth + 1) * steps] == pytest.approx(band["0.05"].tolist(), rel=1e-3)
    assert high[nth * steps : (nth + 1) * steps] == pytest.approx(band["0.95"].tolist(), rel=1e-3)


def test_missing_values_are_gaps(page):
    values = page.data["explorer-data"]["series"][0]["y"][0]
    assert values.count(None) == 2
    assert values[0] is not None


def test_what_a_folder_does_not_hold_is_left_out_with_a_sentence(run_folder, material, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(run_folder / "leaderboard.csv", bare)
    found = sections(read_material(bare))
    assert [section.key for section in found] == ORDER
    said = words(found)
    for sentence in ("no forecasts.csv", "no next.csv", "no scores.csv", "no settings.toml", "keeps no verdict"):
        assert sentence in said
    old = tmp_path / "old"
    shutil.copytree(run_folder, old, ignore=shutil.ignore_patterns("details", "report.html"))
    found = read_material(old)
    data = shown(found, choose(found), looks(found.models, "naive"))
    assert sum(value is not None for value in data["series"][0]["y"][0]) > 20  # the actuals of forecasts.csv
    assert "No contestant stated intervals" in words(sections(found))
    assert "data-explorer" in words(sections(found))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("forecasts.csv", "model,series\ngru,a\n"),
        ("details/outcome.json", "{"),
        ("details/outcome.json", '{"data": {"rows": 3}}'),
        ("settings.toml", "data = "),
        ("details/training.csv", ""),
        ("leaderboard.csv", "model,mae\n"),
        ("leaderboard.csv", "model,mae\nnaive,much\n"),
    ],
)
def test_a_damaged_file_is_named(run_folder, tmp_path, name, content):
    shutil.copytree(run_folder, tmp_path / "run")
    (tmp_path / "run" / name).write_text(content)
    with pytest.raises(DataError, match=name.rpartition("/")[2]):
        read_material(tmp_path / "run")


@pytest.mark.parametrize("content", [None, ""])
def test_without_judged_forecasts_the_page_still_says_what_comes_next(run_folder, tmp_path, content):
    run = shutil.copytree(run_folder, tmp_path / "run", ignore=shutil.ignore_patterns("quantiles.csv"))
    head = (run / "forecasts.csv").read_text().splitlines()[0]
    (run / "forecasts.csv").unlink() if content is None else (run / "forecasts.csv").write_text(f"{head}\n")
    source = write_report(run).read_text("utf-8")
    assert "no forecasts.csv" in source
    series = Page(source).data["ahead-data"]["series"]
    assert [each["name"] for each in series] == list(SERIES)
    assert all(len(said) == 1 and None not in said[0] for each in series for said in each["f"].values())


def test_a_network_learnt_by_heart_only_where_the_training_loss_fell_on(material):
    losses = pd.DataFrame({"model": "gru", "network": "gru", "seed": 0, "epoch": range(1, 6)})
    losses["kept"], losses["validation"] = losses["epoch"] == 1, [1.0, 1.2, 1.1, 1.2, 1.3]
    for train, heart in (([1.0, 0.9, 0.8, 0.7, 0.6], True), ([1.0, 1.1, 1.0, 1.1, 1.0], False)):
        said = words(sections(replace(material, training=losses.assign(train=train))))
        assert ("learn the training rows by heart" in said) == heart


def test_a_folder_is_no_name_of_a_page(run_folder, tmp_path):
    with pytest.raises(SettingsError, match="this is a folder"):
        write_report(run_folder, tmp_path)


def test_no_folder_of_a_run_is_refused_with_what_it_is(tmp_path, capsys):
    assert main(["report", str(tmp_path / "nowhere")]) == 2
    assert "no folder" in capsys.readouterr().err
    with pytest.raises(SettingsError, match="holds no leaderboard"):
        read_material(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(SettingsError, match="a saved model"):
        read_material(tmp_path)
    (tmp_path / "manifest.json").rename(tmp_path / "run.json")
    with pytest.raises(SettingsError, match="not come to its leaderboard"):
        read_material(tmp_path)


def test_without_plotly_the_extra_is_named(run_folder, tmp_path, monkeypatch, capsys):
    from forecast.cli import verbs

    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    assert main(["report", str(run_folder), "--out", str(tmp_path / "page.html")]) == 2
    assert "forecast-recurrent[report]" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
    assert verbs._reported(run_folder) == []  # a comparison goes on
    assert "no report.html" in capsys.readouterr().err


def test_series_that_were_asked_for_are_shown_and_unknown_ones_are_refused(run_folder, material, tmp_path):
    path = write_report(run_folder, tmp_path / "page.html", [SERIES[2]])
    data = Page(path.read_text("utf-8")).data["explorer-data"]
    assert [each["name"] for each in data["series"]] == [SERIES[2]]
    with pytest.raises(SettingsError, match="did you mean"):
        choose(material, ["=2+4"])


def large(material, series, origins, models, steps, targets):
    """The same material with so many forecasts; each says the number of its row."""
    names = [f"m{i}" for i in range(models)]
    index = pd.MultiIndex.from_product(
        [
            names,
            [f"s{i}" for i in range(series)],
            range(origins),
            range(1, steps + 1),
            [f"t{i}" for i in range(targets)],
        ],
        names=["model", "series", "origin", "step", "target"],
    )
    frame = index.to_frame(index=False)
    start = pd.Timestamp("2024-01-01")
    frame["time"] = start + pd.to_timedelta(frame["origin"] + frame["step"], unit="h")
    frame["origin"] = start + pd.to_timedelta(frame["origin"], unit="h")
    frame["mean"] = np.random.default_rng(0).normal(size=len(frame))
    frame["actual"] = 1.5
    board = pd.DataFrame({"model": names, "mae": np.arange(models) + 1.0})
    nothing = {name: getattr(material, name).iloc[:0] for name in ("observed", "quantiles", "next", "scores")}
    outcome = {"data": material.outcome["data"] | {"targets": [f"t{i}" for i in range(targets)]}}
    return replace(material, forecasts=frame, leaderboard=board, outcome=outcome, settings={}, **nothing)


@pytest.mark.parametrize("shape", [(30, 20, 13, 4, 1), (1, 4, 13, 720, 1), (3, 10, 6, 24, 9)])
def test_however_large_a_run_is_its_forecasts_take_less_than_a_megabyte(material, shape):
    many = large(material, *shape)
    chosen = choose(many)
    data = shown(many, chosen, looks(many.models, "m0"))
    assert len(json.dumps(data)) < 900_000
    assert "m0" in chosen.models
    assert sum(len(each["o"]) for each in data["series"]) * len(chosen.models) * len(chosen.steps) <= 1.1 * NUMBERS
    total = many.forecasts[["series", "origin"]].drop_duplicates()
    assert f"of {len(total):,} forecasts" in explorer_section(many, chosen, looks(many.models, "m0")).body


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_texts_and_marks_have_the_contrast_of_wcag(theme):
    for ground in ("ground", "raised"):
        assert all(contrast(theme[name], theme[ground]) >= 4.5 for name in WORDS)
    assert all(contrast(theme[name], theme["ground"]) >= 3.0 for name in MARKS)
    assert contrast(theme["high"], theme["ground"]) >= 3.0


def test_sixteen_contestants_look_different():
    assert len(set(looks(tuple(map(str, range(16))), "3").values())) == 16


def test_a_sweep_adds_its_pictures_and_their_sentences(material):
    trials = pd.DataFrame(
        {
            "number": [0, 1, 2, 3],
            "state": ["complete", "pruned", "complete", "complete"],
            "mae": [3.0, np.nan, 2.0, 2.5],
            "cell": ["gru", "lstm", "<b>", "gru"],
            "hidden_size": [8, 16, 40, 9],
            "feed": "windowed",
            "seconds": [1.0, 0.5, 3.0, 1.2],
        }
    )
    shares = pd.DataFrame({"parameter": ["cell", "hidden_size"], "importance": [0.7, 0.3]})
    sweep = {"goals": ["mae"], "notes": ["3 trials, by chance"]}
    found = {
        section.key: section for section in sections(replace(material, trials=trials, importances=shares, sweep=sweep))
    }
    body = found["sweep"].to_html()
    for sentence in ("number 2 with a mae of 2", "1 pruned", "cell mattered most", "3 trials, by chance"):
        assert sentence in body
    assert "<b>" not in body
    assert set(re.findall(r'<figure class="chart" id="(\w+)"', body)) == {"history", "costs", "importances", "cells"}


def test_the_page_says_how_to_get_the_run_again(run_folder, source):
    settings = (run_folder / "settings.toml").read_text()
    about = json.loads((run_folder / "run.json").read_text())
    text = "".join(Page(source).texts)
    assert settings in text
    assert f"forecast run {run_folder / 'settings.toml'}" in text
    assert about["data"]["values"] in text
    assert about["environment"]["torch"] in text


def test_render_writes_no_clock_time_so_that_pages_can_be_compared(material):
    assert render(material) == render(material)
