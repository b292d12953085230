"""Categorical covariates in every kind of forecaster: learned, unknown where new, the same live and after saving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.data.panel import Origins, Panel
from forecast.data.readers import from_frame
from forecast.data.schema import Schema
from forecast.errors import SettingsError
from forecast.forecasters.artifacts.artifact import load
from forecast.forecasters.linear import Linear
from forecast.forecasters.live.files import load_live
from forecast.forecasters.naive import Drift, Mean
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.tabular import Tabular
from forecast.nets.heads import Category
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window

LEVELS = {"rest": 0.0, "work": 5.0, "feast": -4.0, "strike": 2.0}
ROLES = Schema("time", ("y",), "shop", ("mood",), ("plan",), ("kind",), categorical=("mood", "plan", "kind"))
WINDOW = Window(6, 2)


def table(rows: int = 240, seed: int = 0) -> pd.DataFrame:
    """The target depends on the plan of its own step alone, which only a column known ahead can tell."""
    random = np.random.default_rng(seed)
    parts = []
    for shop, kind in (("a", "inn"), ("b", "bar")):
        plan = random.choice(list(LEVELS), rows)
        y = np.array([LEVELS[name] for name in plan]) + 0.01 * random.normal(size=rows)
        mood = random.choice(["good", "bad"], rows).astype(object)
        mood[random.random(rows) < 0.1] = None
        time = pd.date_range("2024-01-01", periods=rows, freq="h")
        parts.append(pd.DataFrame({"time": time, "shop": shop, "y": y, "mood": mood, "plan": plan, "kind": kind}))
    return pd.concat(parts, ignore_index=True)


def renamed(panel: Panel) -> Panel:
    """The same panel with its codes in the opposite order."""
    schema = panel.schema
    values, static = panel.values.copy(), panel.static.copy()
    for name, names in panel.categories.items():
        within = schema.static if name in schema.static else schema.channels
        column = (static if name in schema.static else values)[:, within.index(name)]
        column[:] = len(names) - 1 - column
    names = tuple(names[::-1] for names in schema.categories)
    shifted = Schema(
        *(schema.time, schema.targets, schema.series, schema.past, schema.future, schema.static),
        categorical=schema.categorical,
        categories=names,
    )
    return Panel.from_arrays(
        np.where(panel.observed, values, np.nan), panel.times, panel.lengths.tolist(), panel.series, shifted, static
    )


def made(kind: str, epochs: int = 1) -> Recurrent | Tabular:
    if kind == "tabular":
        return Tabular(WINDOW, "ridge")
    feed = Streamed(lanes=2, chunk=16) if kind == "streamed" else Windowed(batch_size=32)
    return Recurrent(WINDOW, hidden_size=8, feed=feed, training=Training(epochs=epochs, learning_rate=0.02, seconds=20))


@pytest.fixture(scope="module")
def panel() -> Panel:
    return from_frame(table(), ROLES)


@pytest.mark.parametrize(("kind", "epochs"), [("tabular", 1), ("windowed", 6), ("streamed", 8)])
def test_what_a_category_known_ahead_means_is_learned(panel: Panel, kind: str, epochs: int) -> None:
    model = made(kind, epochs).fit(panel.until(200))
    origins = Origins(np.repeat([0, 1], 30), np.tile(np.arange(202, 232), 2))
    said = model.predict(panel, origins).point[..., 0]
    rows = panel.offsets[origins.series][:, None] + origins.step[:, None] + np.arange(2)
    error = np.abs(said - panel.values[rows, 0]).mean()
    assert error < 0.25 * panel.values[:, 0].std()


@pytest.mark.parametrize("kind", ["tabular", "windowed", "streamed"])
def test_a_panel_with_other_codes_is_read_by_name(panel: Panel, kind: str) -> None:
    model = made(kind).fit(panel.until(200))
    origins = Origins(np.array([0, 1, 1]), np.array([210, 60, 230]))
    ours, theirs = model.predict(panel, origins), model.predict(renamed(panel), origins)
    np.testing.assert_array_equal(ours.values, theirs.values)


@pytest.mark.parametrize("kind", ["tabular", "windowed", "streamed"])
def test_a_category_that_training_did_not_meet_is_unknown_and_said(panel: Panel, kind: str) -> None:
    model = made(kind).fit(panel.until(200))
    frame = table()
    frame.loc[frame.groupby("shop").cumcount() == 235, "plan"] = "flood"
    with pytest.warns(UserWarning, match="column 'plan': 'flood' not met in training"):
        said = model.predict(from_frame(frame, ROLES), Origins(np.array([0]), np.array([234])))
    assert np.isfinite(said.values).all()


@pytest.mark.parametrize("feed", [Windowed(batch_size=32), Streamed(lanes=2, chunk=16)])
def test_a_saved_model_says_the_same(panel: Panel, tmp_path: Path, feed: Windowed | Streamed) -> None:
    model = Recurrent(WINDOW, hidden_size=4, feed=feed, training=Training(epochs=1)).fit(panel.until(200))
    model.save(tmp_path)
    back = load(tmp_path)
    assert back.schema.known_categories == panel.categories
    origins = Origins(np.array([0, 1]), np.array([210, 230]))
    again = back.model.predict(from_frame(table(), back.schema), origins)
    np.testing.assert_allclose(again.values, model.predict(panel, origins).values, atol=1e-6)


def test_a_live_forecaster_reads_names_and_says_what_predict_says(panel: Panel, tmp_path: Path) -> None:
    model = made("streamed").fit(panel.until(200))
    live = model.live(panel.until(200))
    frame = table()
    later = frame[frame.groupby("shop").cumcount().between(200, 229)].astype(object)
    rows = later.where(later.notna(), None).to_dict("records")
    live.update(rows[:20])
    live.save(tmp_path)
    live = load_live(tmp_path)
    live.update(rows[20:])
    names = {"a": frame[frame["shop"] == "a"], "b": frame[frame["shop"] == "b"]}
    future = {shop: part[["plan"]].to_numpy()[230:232] for shop, part in names.items()}
    expected = model.predict(panel, Origins(np.array([0, 1]), np.array([230, 230])))
    np.testing.assert_allclose(live.forecast(future=future).values, expected.values, atol=1e-4)


def test_a_live_forecaster_takes_a_name_it_has_not_met_for_unknown(panel: Panel) -> None:
    model = made("streamed").fit(panel.until(200))
    frame = table()
    frame.loc[frame.groupby("shop").cumcount().between(205, 210), ["mood", "plan"]] = ["odd", "flood"]
    frame = frame[frame.groupby("shop").cumcount() < 232]
    whole = from_frame(frame, ROLES)
    with pytest.warns(UserWarning, match="not met in training"):
        expected = model.predict(whole, Origins(np.array([0, 1]), np.array([230, 230])))
    future = {shop: frame[frame["shop"] == shop][["plan"]].to_numpy()[230:] for shop in ("a", "b")}
    rows = frame[frame.groupby("shop").cumcount().between(200, 229)].astype(object)
    later = frame[frame.groupby("shop").cumcount().between(200, 229)]
    for news in (rows.where(rows.notna(), None).to_dict("records"), later, from_frame(later, ROLES)):
        one = model.live(panel.until(200))
        one.update(news)
        np.testing.assert_allclose(one.forecast(future=future).values, expected.values, atol=1e-4)


def test_a_new_series_brings_the_name_of_its_kind(panel: Panel) -> None:
    model = made("streamed").fit(panel)
    live = model.live(panel)
    frame = table(40, seed=5)
    frame = frame[frame["shop"] == "a"].assign(shop="c", kind="bar").astype(object)
    live.update(frame.where(frame.notna(), None).iloc[:38].to_dict("records"))
    whole = from_frame(frame.infer_objects(), panel.schema)
    expected = model.predict(whole, Origins(np.array([0]), np.array([38])))
    future = {"c": frame[["plan"]].to_numpy()[38:]}
    np.testing.assert_allclose(live.forecast(series="c", future=future).values, expected.values, atol=1e-4)


@pytest.mark.parametrize("make", [Linear, Mean, Drift, Tabular])
def test_forecasters_of_numbers_refuse_a_target_of_categories(make: type) -> None:
    roles = Schema("time", ("mood",), "shop", categorical=("mood",))
    with pytest.raises(SettingsError, match="target 'mood' holds categories"):
        make(WINDOW).fit(from_frame(table(), roles))


def spell() -> pd.DataFrame:
    """A mood that alternates, and a third one that nobody meets before the end."""
    time = pd.date_range("2024-01-01", periods=160, freq="h")
    return pd.DataFrame({"time": time, "mood": np.resize(["calm", "calm", "wild"], 160)})


@pytest.mark.parametrize("feed", [Windowed(batch_size=16), Streamed(lanes=2, chunk=16)])
def test_a_target_of_categories_is_forecast_by_name(tmp_path: Path, feed: Windowed | Streamed) -> None:
    panel = from_frame(spell(), Schema("time", ("mood",), categorical=("mood",)))
    training = Training(epochs=25, learning_rate=0.03)
    model = Recurrent(Window(6, 2), hidden_size=8, feed=feed, head=Category(), training=training).fit(panel.until(140))
    origins = Origins(np.zeros(10, dtype=np.int64), np.arange(145, 155))
    said = model.predict(panel, origins)
    assert said.distribution is not None
    assert said.distribution.labels == ("calm", "wild")
    truth = panel.values[origins.step[:, None] + np.arange(2), 0]
    assert (said.point[..., 0] == truth).mean() > 0.9
    model.save(tmp_path)
    again = load(tmp_path).model.predict(panel, origins)
    np.testing.assert_allclose(again.distribution.probabilities, said.distribution.probabilities, atol=1e-5)
    if isinstance(feed, Streamed):
        live = model.live(panel.until(140))
        live.update(spell()[140:155].to_dict("records"))
        expected = model.predict(panel, Origins(np.array([0]), np.array([155]))).distribution
        np.testing.assert_allclose(live.forecast().distribution.probabilities, expected.probabilities, atol=1e-4)


def test_heads_of_numbers_and_of_categories_go_with_their_targets(panel: Panel) -> None:
    with pytest.raises(SettingsError, match="head Point forecasts numbers"):
        Recurrent(WINDOW).fit(from_frame(spell(), Schema("time", ("mood",), categorical=("mood",))))
    with pytest.raises(SettingsError, match="leave out 'y'"):
        Recurrent(WINDOW, head=Category()).fit(panel)
