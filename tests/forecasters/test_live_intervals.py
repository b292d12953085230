"""Live forecasts with the intervals of a split calibration: what the batch path says, one row at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.cli import main
from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import SettingsError
from forecast.forecasters.conformal import Conformal
from forecast.forecasters.linear import Linear
from forecast.forecasters.live.files import load_live
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.saying import Said
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window

WINDOW = Window(6, 3)
ROWS, BEFORE = 130, 100


def walks(names: tuple[str, ...], rows: int = ROWS) -> Panel:
    sizes = 10.0 ** np.arange(len(names))
    noise = np.random.default_rng(0).normal(size=(len(names), rows)) * sizes[:, None]
    times = np.tile(_days(rows), len(names))
    schema = Schema("time", ("y",), "series")
    return Panel.from_arrays(np.cumsum(noise, axis=1).ravel(), times, [rows] * len(names), names, schema)


def _days(rows: int) -> np.ndarray:
    return np.datetime64("2024-01-01") + np.arange(rows)


@pytest.fixture(scope="module")
def model() -> Conformal:
    training = Training(epochs=1, device="cpu")
    inner = Recurrent(WINDOW, "gru", 4, feed=Streamed(2), training=training)
    return Conformal(inner, (0.1, 0.9)).fit(walks(("a", "b")).until(BEFORE))


def rows_of(panel: Panel, first: int) -> list[dict]:
    return [
        {"time": panel.times[row], "series": name, "y": float(panel.values[row, 0])}
        for place, name in enumerate(panel.series)
        for row in range(panel.offsets[place] + first, panel.offsets[place + 1])
    ]


def test_live_says_what_predict_says_row_by_row_and_of_series_that_are_new(model: Conformal):
    panel = walks(("a", "b", "new"))
    live = model.live(panel.select(("a", "b")).until(BEFORE))
    for row in rows_of(panel.select(("a", "b")), BEFORE) + rows_of(panel.select(("new",)), 0):
        live.update(row)
    said, expected = live.forecast(), model.predict(panel)
    assert said.levels == expected.levels == (0.1, 0.5, 0.9)
    size = np.abs(np.diff(panel.values[:, 0].reshape(3, -1), axis=1)).mean(axis=1)[:, None, None, None]
    np.testing.assert_allclose(said.values / size, expected.values / size, atol=1e-4)
    assert said.distribution is not None
    np.testing.assert_allclose(said.distribution.quantiles((0.1, 0.9)), said.values[..., [0, 2]])
    np.testing.assert_array_equal(live.forecast(horizon=2).values, said.values[:, :2])


def test_series_of_the_panel_that_were_not_there_in_fit_have_intervals_too(model: Conformal):
    panel = walks(("a", "b", "new"))
    said, expected = model.live(panel).forecast(series="new"), model.predict(panel)
    np.testing.assert_allclose(said.values[0], expected.values[2], rtol=1e-4)


def test_a_saved_one_goes_on_with_its_intervals(model: Conformal, tmp_path: Path):
    panel = walks(("a", "b", "new"))
    live = model.live(panel.until(BEFORE))
    live.save(tmp_path)
    read = load_live(tmp_path)
    for each in (live, read):
        each.update(rows_of(panel, BEFORE))
    np.testing.assert_array_equal(read.forecast().values, live.forecast().values)
    read.save(tmp_path)
    np.testing.assert_array_equal(load_live(tmp_path).forecast().values, live.forecast().values)


def test_what_cannot_go_on_live_says_why(model: Conformal):
    panel = walks(("a", "b"))
    with pytest.raises(SettingsError, match="need a streamed network inside, not Linear"):
        Conformal(Linear(WINDOW), (0.1, 0.9)).fit(panel).live(panel)
    rolling = Conformal(model.forecaster, (0.1, 0.9), method="rolling", memory=10)
    rolling.fitted, rolling.schema = model.fitted, model.schema
    with pytest.raises(SettingsError, match="calibrate with method='split'"):
        rolling.live(panel)


def test_no_intervals_are_made_up_beyond_the_steps_that_were_calibrated(model: Conformal):
    with pytest.raises(SettingsError, match="calibrated for the 3 steps"):
        model.calibrated(Said(np.zeros((1, 4, 1, 1)), (), None), ["a"])


def test_the_command_line_updates_a_calibrated_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    values = np.cumsum(np.random.default_rng(0).normal(size=ROWS))
    frame = pd.DataFrame({"time": _days(ROWS), "y": values})
    frame.iloc[:BEFORE].to_csv("before.csv", index=False)
    frame.iloc[BEFORE:].to_csv("after.csv", index=False)
    Path("s.toml").write_text(
        'data = "before.csv"\n[window]\ncontext = 6\nhorizon = 3\n[training]\nepochs = 1\ndevice = "cpu"\n'
        "[forecasters.naive]\n[forecasters.gru-stateful]\nhidden_size = 4\n"
        '[forecasters.sure]\nkind = "conformal"\nof = "gru-stateful"\nlevels = [0.2, 0.8]\n'
    )
    assert main(["fit", "s.toml", "--model", "sure", "--out", "model"]) == 0
    assert "forecast update" in capsys.readouterr().out
    assert main(["update", "model", "after.csv", "--out", "next.csv"]) == 0
    said = pd.read_csv("next.csv")
    assert list(said["step"]) == [1, 2, 3]
    assert (said["0.2"] < said["0.8"]).all()
    assert said["origin"].iloc[0] == str(_days(ROWS)[-1])
