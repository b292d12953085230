"""Holidays that nobody has to append: learned, known ahead in predict, live and on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.cli import main
from forecast.data.panel import Origins, Panel
from forecast.data.readers import from_frame
from forecast.data.schema import Schema
from forecast.forecasters.artifacts.artifact import load
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.tabular import Tabular
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window

pytest.importorskip("holidays")
ROLES = Schema("day", ("y",), holidays="US")
WINDOW = Window(5, 4)


def table() -> pd.DataFrame:
    """Four years to Christmas Eve of 2023, each holiday a hundred below the other days."""
    days = pd.date_range("2020-01-01", "2023-12-24")
    flags = from_frame(pd.DataFrame({"day": days, "y": np.arange(len(days))}), ROLES).values[:, 1]
    return pd.DataFrame({"day": days, "y": 100.0 - 100 * flags + np.random.default_rng(0).normal(size=len(days))})


@pytest.fixture(scope="module")
def panel() -> Panel:
    return from_frame(table(), ROLES)


def test_christmas_is_forecast_from_a_table_that_ends_before_it(panel: Panel) -> None:
    said = Tabular(WINDOW, "ridge").fit(panel).predict(panel)
    assert said.times[0].astype("M8[D]").astype(str).tolist()[:2] == ["2023-12-25", "2023-12-26"]
    assert said.point[0, 0, 0] < 50 < said.point[0, 1:, 0].min()


@pytest.mark.parametrize("feed", [Windowed(), Streamed(lanes=4, chunk=32)])
def test_a_network_saved_or_not_needs_no_rows_ahead(panel: Panel, tmp_path: Path, feed: Windowed | Streamed) -> None:
    late = panel.until(-60)
    model = Recurrent(WINDOW, hidden_size=4, feed=feed, training=Training(epochs=1)).fit(late)
    said = model.predict(late)
    within = model.predict(panel, Origins(np.array([0]), np.array([len(late.times)])))
    np.testing.assert_allclose(said.values, within.values, atol=1e-5)
    model.save(tmp_path)
    again = load(tmp_path)
    read = from_frame(table()[:-60], again.schema)
    np.testing.assert_allclose(again.model.predict(read).values, said.values, atol=1e-5)


def test_a_live_forecaster_computes_them_for_rows_and_steps(panel: Panel) -> None:
    model = Recurrent(WINDOW, hidden_size=4, feed=Streamed(lanes=4, chunk=32), training=Training(epochs=1)).fit(panel)
    live = model.live(panel.until(-40))
    live.update(table()[-40:].to_dict("records"))
    expected = model.predict(panel).values
    np.testing.assert_allclose(live.forecast().values, expected, atol=1e-3)
    np.testing.assert_allclose(live.forecast(horizon=2).values, expected[:, :2], atol=1e-3)


def test_the_command_line_forecasts_a_file_that_ends_today(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table()[-400:].to_csv(tmp_path / "sales.csv", index=False)
    words = ["fit", str(tmp_path / "sales.csv"), "--target", "y", "--holidays", "US", "--model", "gru"]
    words += ["--horizon", "4", "--context", "8", "--epochs", "1", "--out", str(tmp_path / "model")]
    assert main(words) == 0
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "model"), str(tmp_path / "sales.csv")]) == 0
    assert "2023-12-28" in capsys.readouterr().out
