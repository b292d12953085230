"""Decoders in forecasters: all keep the promise with both feeds, live, saved and in settings, or say why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.data.panel import Origins, Panel
from forecast.data.readers import from_frame
from forecast.data.schema import Schema
from forecast.errors import DataError, SettingsError, UnknownCategory
from forecast.evaluation.backtest import backtest
from forecast.experiment.contestants import RecurrentSettings, from_table, to_table
from forecast.forecasters.artifacts.artifact import load
from forecast.forecasters.naive import Naive
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.decoders import Decoder, Direct, Recursive, Segments, Sequence
from forecast.nets.heads import Direction, Gaussian, Point
from forecast.testing import check_forecaster, sample_panel
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window

WINDOW = Window(context=8, horizon=4)
SHORT = Window(context=4, horizon=2)
QUICK = Training(epochs=1, learning_rate=1e-2, device="cpu")
STREAM = Streamed(lanes=4, chunk=12)
FULL = sample_panel(8, 4, targets=2, past=1, future=1, static=1)
AHEAD = sample_panel(8, 4, targets=2, past=0, future=1, static=1)
PLAIN = sample_panel(8, 4, past=0)


def recurrent(decoder: Decoder, feed=STREAM, cell: str = "gru", window: Window = WINDOW, **settings) -> Recurrent:
    return Recurrent(window, cell, 5, feed=feed, training=QUICK, decoder=decoder, **settings)


KINDS = {
    "sequence": lambda: recurrent(Sequence(), Windowed(), calendar=True, window=SHORT),
    "attention": lambda: recurrent(Sequence(attention=True), Windowed(), "lstm", window=SHORT),
    "segments": lambda: recurrent(Segments(2), Windowed(), skip=False, window=SHORT),
    "sequence, streamed": lambda: recurrent(Sequence(), STREAM, "lstm", SHORT, channels="joint", head=Gaussian()),
}
RECURSIVE = {
    "point": lambda: recurrent(Recursive(), Windowed(), calendar=True, window=SHORT),
    "sampled": lambda: recurrent(Recursive(5, forcing=0.5), Windowed(), "lstm", head=Gaussian(), window=SHORT),
    "streamed": lambda: recurrent(Recursive(5), STREAM, "lstm", channels="joint", head=Gaussian(), window=SHORT),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())
def test_decoders_keep_the_promise_with_covariates_of_every_role(make):
    check_forecaster(make, sample_panel(4, 2, targets=2, past=1, future=1, static=1))


def test_recursive_decoders_keep_the_promise_with_what_is_known_ahead():
    check_forecaster(RECURSIVE["sampled"], sample_panel(4, 2, targets=2, past=0, future=1, static=1))


@pytest.mark.parametrize("make", [KINDS["sequence"], RECURSIVE["streamed"]], ids=["sequence", "recursive"])
def test_decoders_that_read_the_calendar_ahead_keep_the_promise_at_the_end_of_the_data(make):
    check_forecaster(make, sample_panel(4, 2, past=0))


LIVE = {
    "sequence": (Sequence(), {}, PLAIN),
    "sequence of distributions": (Sequence(), {"head": Gaussian(), "cell": "lstm"}, AHEAD),
    "recursive": (Recursive(), {"cell": "lstm", "layers": 2}, AHEAD),
    "paths": (Recursive(10), {"head": Gaussian()}, PLAIN),
    "paths of changes": (Recursive(10), {"head": Gaussian(), "scaling": "difference", "channels": "joint"}, AHEAD),
}


@pytest.mark.parametrize(("decoder", "settings", "panel"), LIVE.values(), ids=LIVE.keys())
def test_live_says_what_predict_says_row_after_row(decoder, settings, panel):
    model = recurrent(decoder, **settings).fit(panel)
    ends = panel.ends() - 3
    known = Panel.layout.fget(panel).future
    live = model.live(panel.until(ends))
    for back in (3, 2, 1, 0):
        steps = panel.ends() - back
        if back < 3:
            first = panel.offsets[:-1] + steps - 1
            rows = np.where(panel.observed, panel.values, np.nan)[first]
            for place, name in enumerate(panel.series):
                row = dict(zip(panel.schema.channels, rows[place].tolist(), strict=True))
                static = dict(zip(panel.schema.static, panel.static[place].tolist(), strict=True))
                live.update({"time": panel.times[first[place]], "series": name, **row, **static})
        ahead = {
            name: panel.values[place : place + 4, -known:]
            for name, place in zip(panel.series, panel.offsets[:-1] + steps, strict=True)
        }
        said = live.forecast(future=ahead if known else None)
        expected = model.predict(panel, Origins(np.arange(len(steps)), steps))
        np.testing.assert_allclose(said.values, expected.values, rtol=0, atol=1e-4)
        np.testing.assert_array_equal(said.times, expected.times)


@pytest.mark.parametrize(
    "make", [KINDS["attention"], KINDS["segments"], KINDS["sequence, streamed"], RECURSIVE["point"]]
)
def test_a_saved_decoder_says_the_same_when_read_back(make, tmp_path: Path):
    panel = AHEAD
    model = make().fit(panel)
    model.rest = None  # what a fit has read is not saved
    back = load(model.save(tmp_path)).model
    np.testing.assert_array_equal(back.predict(panel).values, model.predict(panel).values)
    assert back.architecture.decoder == model.architecture.decoder


@pytest.mark.parametrize(("feed", "head"), [(Windowed(), Gaussian()), (STREAM, Point())], ids=["windowed", "streamed"])
def test_a_recursive_decoder_goes_on_beyond_the_horizon_it_was_trained_for(feed, head):
    model = recurrent(Recursive(10), feed, head=head, calendar=True).fit(PLAIN)
    short, long = model.predict(PLAIN), model.predict(PLAIN, horizon=11)
    assert long.values.shape[1] == long.times.shape[1] == 11
    np.testing.assert_allclose(long.values[:, :4], short.values, atol=1e-6)
    np.testing.assert_array_equal(long.times[:, :4], short.times)
    assert model.predict(PLAIN, horizon=2).values.shape[1] == 2


@pytest.mark.parametrize("decoder", [Direct(), Sequence()])
def test_other_decoders_refuse_a_longer_horizon_and_say_which_one_can(decoder):
    model = recurrent(decoder).fit(PLAIN)
    assert model.predict(PLAIN, horizon=2).values.shape[1] == 2
    for ask in (lambda: model.predict(PLAIN, horizon=5), lambda: model.live(PLAIN).forecast(5)):
        with pytest.raises(SettingsError, match=r"from 1 to 4.*Recursive"):
            ask()


def test_a_recursive_decoder_needs_what_is_known_ahead_for_the_steps_that_are_asked_alone():
    model = recurrent(Recursive(5), Windowed(), head=Gaussian()).fit(AHEAD)
    origins = Origins(np.array([0]), AHEAD.lengths[:1] - 2)
    assert model.predict(AHEAD, origins, horizon=2).values.shape[1] == 2
    with pytest.raises(DataError, match="horizon of 3 steps"):
        model.predict(AHEAD, origins, horizon=3)


def test_live_goes_on_beyond_the_horizon_as_predict_does():
    model = recurrent(Recursive(10), head=Gaussian()).fit(PLAIN)
    said, expected = model.live(PLAIN).forecast(9), model.predict(PLAIN, horizon=9)
    np.testing.assert_allclose(said.values, expected.values, atol=1e-4)
    np.testing.assert_array_equal(said.times, expected.times)


def test_past_only_covariates_are_refused_before_anything_is_trained():
    with pytest.raises(SettingsError, match=r"declare them known ahead.*ahead=True.*leave them out.*Sequence"):
        recurrent(Recursive()).fit(FULL)


@pytest.mark.parametrize(
    ("decoder", "settings", "message"),
    [
        (Segments(4), {}, "middle of a segment"),
        (Sequence(attention=True), {}, "newest state alone"),
        (Recursive(forcing=0.5), {}, "taught at every row"),
        (Segments(3), {"feed": Windowed()}, "a context of 6 or 9 is"),
        (Recursive(), {"feed": Windowed(), "scaling": "last"}, "beyond its end"),
        (Recursive(), {"head": Direction()}, "says classes"),
        (Recursive(), {"gaps": True}, "leave gaps out"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_written_down(decoder, settings, message):
    with pytest.raises(SettingsError, match=message):
        recurrent(decoder, **settings)


def test_paths_widen_with_the_horizon_and_belong_together():
    random = np.random.default_rng(0)
    y = np.zeros(1000)
    for row in range(1, len(y)):
        y[row] = 0.8 * y[row - 1] + random.normal(0, 0.5)
    days = np.datetime64("2020-01-01") + np.arange(len(y))
    panel = Panel.from_arrays(y, days, schema=Schema("day", ("y",)))
    settings = {"scaling": "none", "head": Gaussian(), "decoder": Recursive(400)}
    training = Training(epochs=8, learning_rate=0.02, device="cpu")
    model = Recurrent(Window(12, 8), "none", training=training, **settings).fit(panel)
    origins = Window(12, 8).origins(panel)[::100]
    said = model.predict(panel, origins)
    width = (said.values[..., -1] - said.values[..., 0])[..., 0].mean(axis=0)  # the levels 0.05 and 0.95
    true = 2 * 1.645 * 0.5 * np.sqrt((1 - 0.8 ** (2 * np.arange(1, 9))) / (1 - 0.8**2))
    np.testing.assert_allclose(width, true, rtol=0.15)
    paths = said.distribution.samples(400, seed=1)[:, :, :, 0]
    away = paths - paths.mean(axis=0)
    near = (away[:, :, 5] * away[:, :, 6]).mean() / (away[:, :, 5] ** 2).mean()
    assert abs(near - 0.8) < 0.1


@pytest.mark.parametrize(
    ("table", "decoder"),
    [
        ({"decoder": "sequence", "attention": True}, Sequence(attention=True)),
        ({"decoder": "segments", "segment": 4, "skip": False}, Segments(4)),
        ({"decoder": "recursive", "paths": 30, "forcing": 0.0}, Recursive(30, 0.0)),
        ({"decoder": "recursive"}, Recursive()),
        ({}, Direct()),
    ],
)
def test_a_settings_table_names_its_decoder_and_is_written_back(table, decoder):
    contestant = from_table("mine", {"kind": "recurrent", **table})
    assert contestant.make(WINDOW, QUICK).architecture.decoder == decoder
    kept = {name: value for name, value in to_table(contestant).items() if value is not None}
    assert from_table("mine", kept) == contestant


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attention": True}, 'belongs to decoder = "sequence"'),
        ({"decoder": "sequence", "segment": 4}, 'belongs to decoder = "segments"'),
        ({"decoder": "segments", "forcing": 0.0}, 'belongs to decoder = "recursive"'),
    ],
)
def test_settings_of_another_decoder_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        RecurrentSettings(**settings)


def test_a_backtest_judges_paths_beside_a_rule():
    made = {"naive": Naive(WINDOW), "paths": recurrent(Recursive(10), head=Gaussian())}
    scores = backtest(made, AHEAD, since=0.8)
    assert set(scores.forecasts) == {"naive", "paths"}


@pytest.mark.parametrize("make", [KINDS["sequence, streamed"], RECURSIVE["streamed"]])
def test_categories_that_are_known_ahead_reach_the_steps_of_other_decoders(make):
    random = np.random.default_rng(0)
    days = np.datetime64("2024-01-01") + np.arange(200)
    wind = np.array(["N", "S", "E"])[random.integers(0, 3, 200)]
    load = random.normal(size=200) + 3.0 * (wind == "S")
    frame = pd.DataFrame({"day": days, "load": load, "wind": wind})
    panel = from_frame(frame, Schema("day", ("load",), future=("wind",), categorical=("wind",)))
    model = make().fit(panel)
    origins = Origins(np.array([0]), np.array([151]))
    other = frame.copy()
    other.loc[152, "wind"] = "N" if wind[152] == "S" else "S"
    said, changed = (model.predict(each, origins).values[0] for each in (panel, from_frame(other, panel.schema)))
    assert np.array_equal(said[:1], changed[:1])
    assert (said[1:] != changed[1:]).any()


def test_a_recursive_decoder_goes_on_live_with_categories_known_ahead_and_static() -> None:
    random = np.random.default_rng(0)
    wind = np.array(["N", "S", "E"])[random.integers(0, 3, 200)]
    frame = pd.DataFrame(
        {
            "day": np.tile(np.datetime64("2024-01-01") + np.arange(100), 2),
            "farm": np.repeat(["a", "b"], 100),
            "kind": np.repeat(["sea", "land"], 100),
            "load": random.normal(size=200) + 3.0 * (wind == "S"),
            "wind": wind,
        }
    )
    roles = Schema("day", ("load",), "farm", future=("wind",), static=("kind",), categorical=("wind", "kind"))
    panel = from_frame(frame, roles)
    model = recurrent(Recursive(5), head=Gaussian()).fit(panel)
    live = model.live(panel.until(90))
    live.update(frame.groupby("farm").nth([90, 91]).to_dict("records"))
    future = {farm: part[["wind"]].to_numpy(copy=True)[92:] for farm, part in frame.groupby("farm")}
    future["b"][1] = "never seen"
    other = frame.copy()
    other.loc[193, "wind"] = "never seen"
    with pytest.warns(UnknownCategory):
        expected = model.predict(from_frame(other, panel.schema), Origins(np.array([0, 1]), np.array([92, 92])))
    said = live.forecast(future={farm: part[:4] for farm, part in future.items()})
    np.testing.assert_allclose(said.values, expected.values, rtol=0, atol=1e-4)
