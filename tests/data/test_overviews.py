"""Overviews in notebooks: small, escaped, without colours of their own, and they say what is there."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from forecast.data.forecast import Forecast
from forecast.data.markup import block, notes, pairs, table
from forecast.data.panel import Origins, Panel
from forecast.data.schema import Schema
from forecast.distributions import Categories

HOSTILE = '<img src=x onerror="alert(1)">&<script>alert(2)</script>\'"'
ALLOWED = {"div", "p", "strong", "small", "br", "table", "thead", "tbody", "tr", "th", "td"}
VOID = {"br"}


class Reader(HTMLParser):
    """Collects tags, attributes and texts; every tag is one of ours and closed in order."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open, self.texts = [], []
        self.feed(markup)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED
        assert all(name == "style" and value in ("text-align:left", "text-align:right") for name, value in attrs)
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def texts(shown: object) -> list[str]:
    return Reader(shown._repr_html_()).texts


def panel_of(count: int = 1, rows: int = 40, names: tuple[str, ...] | None = None, **schema) -> Panel:
    days = np.arange("2024-01-01", "2025-01-01", dtype="M8[D]")[:rows]
    values = np.tile(np.arange(float(rows)), count)
    values[3] = np.nan
    names = names or tuple(f"s{i}" for i in range(count))
    return Panel.from_arrays(values, np.tile(days, count), [rows] * count, names, Schema(**schema) if schema else None)


def test_pieces_escape_whatever_they_are_given():
    made = block(HOSTILE, pairs({HOSTILE: HOSTILE}), table(("a",), [[HOSTILE[:40]]]), notes([HOSTILE]))
    read = Reader(made).texts
    assert read.count(HOSTILE) == 4  # title, name, value, note
    assert HOSTILE[:40] in read


def test_hostile_names_of_series_columns_and_reports_stay_text():
    panel = panel_of(2, names=(HOSTILE, "b"), targets=(HOSTILE,))
    panel = Panel(**{name: getattr(panel, name) for name in panel.__dataclass_fields__} | {"report": (HOSTILE,)})
    said = texts(panel)
    assert HOSTILE in said  # in the report, which is not cut
    assert any(HOSTILE[:20] in text for text in said)
    forecast = Forecast.at(panel, panel.end_origins(), np.zeros((2, 3, 1)))
    assert any(HOSTILE[:20] in text for text in texts(forecast))


def test_a_panel_says_what_it_holds_and_what_it_lacks():
    days = np.delete(np.arange("2024-01-01", "2024-03-01", dtype="M8[D]"), [10, 11, 40])
    values = np.stack([np.arange(float(len(days))), np.ones(len(days))], axis=1)
    values[[4, 5], 0] = np.nan
    panel = Panel.from_arrays(values, days, schema=Schema(targets=("load",), past=("wind",)), report=["one repair"])
    said = texts(panel)
    for expected in (
        f"Panel: 1 series, {len(days)} rows",
        "2024-01-01 to 2024-02-29",
        "load",
        "wind",
        f"2 target cells ({2 / len(days):.1%})",
        "3 stamps that the calendar expects",
        "one repair",
    ):
        assert expected in said


def test_gaps_and_missing_cells_are_counted_in_the_series_that_has_them():
    panel = panel_of(3)
    keep = np.ones(120, dtype=bool)
    keep[[50, 51]] = False
    lengths = [40, 38, 40]
    panel = Panel.from_arrays(panel.values[keep, 0], panel.times[keep], lengths, panel.series)
    rows = re.findall(r"<tr><td[^>]*>(s\d)</td>(.*?)</tr>", panel._repr_html_())
    cells = {name: re.findall(r">([^<]+)</td>", rest) for name, rest in rows}
    assert [cells[name][-1] for name in ("s0", "s1", "s2")] == ["0", "2", "0"]


@pytest.mark.parametrize("count", [1, 5, 6, 3000])
def test_overviews_stay_small_however_many_series_there_are(count):
    panel = panel_of(count, rows=12)
    forecast = Forecast.at(panel, panel.end_origins(), np.zeros((count, 5, 1)))
    assert len(panel._repr_html_()) < 4000
    assert len(forecast._repr_html_()) < 4000
    assert (f"and {count - 5:,} more series" in " ".join(texts(panel))) == (count > 5)


def test_an_empty_panel_and_an_empty_forecast_have_an_overview():
    panel = panel_of(2)
    nothing = panel.until(np.array([0, 0]))
    assert "Panel: 2 series, 0 rows" in texts(nothing)
    empty = Forecast.at(panel, Origins(np.zeros(0, int), np.zeros(0, int)), np.zeros((0, 3, 1)))
    assert "Forecast: 0 origins, 3 steps ahead" in texts(empty)


def test_a_forecast_shows_its_first_values_with_their_intervals():
    panel = panel_of(1, names=("",))
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    values = np.arange(10.0).reshape(1, 2, 1, 5)
    said = texts(Forecast.at(panel, panel.end_origins(), values, levels))
    for expected in ("90 % interval", "50 % interval", "0 to 4.000", "1.000 to 3.000", "2.000", "2024-02-10"):
        assert expected in said
    assert "series" not in said  # there is one, without a name


def test_classes_are_shown_by_name():
    panel = panel_of(1)
    shares = np.array([[[[0.2, 0.8]]]])
    said = Categories(("no", "yes"), shares)
    forecast = Forecast.at(panel, panel.end_origins(), np.ones((1, 1, 1)), distribution=said)
    assert "yes" in texts(forecast)
