"""A live forecaster, a network and its gradients at a glance."""

from html.parser import HTMLParser

import numpy as np
import pytest

from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import DataError
from forecast.evaluation.backtest import backtest
from forecast.evaluation.leaderboard import leaderboard
from forecast.forecasters.gradient_flow import gradient_flow
from forecast.forecasters.live.files import load_live
from forecast.forecasters.naive import Mean, Naive
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.heads import Gaussian
from forecast.plotting import plot_live
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window

HOSTILE = "<b onclick='x()'>&"


class Texts(HTMLParser):
    """All texts of a piece of markup; an element that is none of ours is a mistake."""

    def __init__(self, shown: object) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(shown._repr_html_())

    def handle_starttag(self, tag, attrs):
        assert tag in {"div", "p", "strong", "small", "br", "table", "thead", "tbody", "tr", "th", "td"}
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data):
        self.found.append(data)


def panel_of(rows: int = 150) -> Panel:
    time = np.arange(rows)
    values = np.concatenate([np.exp(np.sin(time / 5)), 100 + np.cos(time / 3)])
    values[rows - 3] = np.nan
    hours = np.datetime64("2024-01-01T00") + time.astype("m8[h]")
    return Panel.from_arrays(values, np.tile(hours, 2), [rows, rows], [HOSTILE, "b"], Schema("time", ("load",), "name"))


@pytest.fixture(scope="module", params=["none", "log"])
def live(request):
    panel = panel_of()
    model = Recurrent(
        Window(24, 3),
        hidden_size=4,
        feed=Streamed(lanes=2),
        head=Gaussian(),
        transform=request.param,
        training=Training(epochs=1),
    )
    return model.fit(panel).live(panel)


def test_the_newest_rows_are_given_back_in_the_units_of_the_series(live):
    panel = panel_of()
    for place, name in enumerate(panel.series):
        rows = live.recent(name)
        assert rows.index.tolist() == list(range(-23, 1))
        kept = panel.values[panel.offsets[place + 1] - 24 : panel.offsets[place + 1], 0]
        np.testing.assert_allclose(rows["load"], kept, rtol=1e-5)  # a missing value is the one before
    assert live.recent().equals(live.recent(HOSTILE))
    with pytest.raises(DataError, match="c"):
        live.recent("c")


def test_a_live_forecaster_says_where_it_stands(live, tmp_path):
    said = Texts(live).found
    for expected in (HOSTILE, "b", "load", "2 of 2 ready", "2024-01-07 05:00", "off", "150"):
        assert expected in said
    first = live.forecast(series="b").point[0, 0, 0]
    assert any(text.startswith(f"{first:.4g}"[:5]) for text in said)
    live.save(tmp_path / "live")
    again = load_live(tmp_path / "live")
    assert Texts(again).found == said
    assert plot_live(again, series="b").get_xlabel() == "rows from the newest one"
    again.learn("tbptt")
    again.update(
        [
            {"time": "2024-01-07 06:00", "name": "b", "load": 100.0},
            {"time": "2024-01-07 06:00", "name": "c", "load": 1.0},
        ]
    )
    said = Texts(again).found
    assert "by tbptt, 0 updates; adapted weights speak for 0 of 2 series" in said or "not ready" in said
    assert "2 of 3 ready" in said
    assert "not ready" in said


def test_a_network_says_what_it_is_and_what_became_of_its_fit():
    model = Recurrent(Window(24, 3), "lstm", hidden_size=4, training=Training(epochs=2))
    assert "not yet: call fit(panel)" in Texts(model).found
    model.fit(panel_of())
    said = Texts(model).found
    assert "lstm, hidden size 4" in said
    assert any(f"kept epoch {model.history.best} of 2" in text for text in said)
    assert any(f"{model.parameters:,} parameters" in text for text in said)
    flow = Texts(gradient_flow(model, panel_of())).found
    assert flow[0].startswith("GradientFlow: ")
    assert {"gates", "recurrent matrices"} <= set(flow)


def test_scores_and_leaderboard_escape_the_names_of_contestants_and_reasons():
    window = Window(24, 3)
    contestants = {HOSTILE: Naive(window), "mean": Mean(window)}
    scores = backtest(contestants, panel_of(), 0.7)
    board = leaderboard(scores, HOSTILE)
    for shown in (scores, board):
        found = Texts(shown).found
        assert any(HOSTILE in text for text in found)
        assert "mae" in found
