"""Recurrent networks as forecasters."""

import numpy as np
import pytest
import torch

from forecast.data.panel import Origins, Panel
from forecast.data.schema import Schema
from forecast.data.synthetic import autoregressive
from forecast.errors import DataError, NotFittedError, SettingsError, TrainingError
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import Fused
from forecast.testing import sample_panel
from forecast.training import onepass
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.gather import before_rows, scaled_rows
from forecast.windows.window import Window

WINDOW = Window(8, 3)
QUICK = Training(epochs=1)


def at(steps: np.ndarray) -> Origins:
    return Origins(np.zeros(len(steps), dtype=np.int64), steps)


def test_a_small_gru_reaches_the_optimum_of_an_autoregression():
    phi, horizon = 0.8, 3
    panel = autoregressive([phi], rows=12_000, seed=1)
    steps = np.arange(8_000, 12_000 - horizon)
    training = Training(epochs=6, learning_rate=5e-3)
    model = Recurrent(Window(10, horizon), hidden_size=8, scaling="none", feed=Windowed(128), training=training)
    said = model.fit(panel.until(8_000)).predict(panel, at(steps)).point[..., 0]
    truth = panel.values[steps[:, None] + np.arange(horizon), 0]
    for step in range(horizon):
        best = (1 - phi ** (2 * (step + 1))) / (1 - phi**2)
        known = np.mean((truth[:, step] - phi ** (step + 1) * panel.values[steps - 1, 0]) ** 2)
        found = np.mean((truth[:, step] - said[:, step]) ** 2)
        assert found < 1.03 * known
        assert found == pytest.approx(best, rel=0.1)


def test_a_past_covariate_that_tells_the_next_value_is_used():
    panel = autoregressive([0.3], rows=4_000, past=1, effect=1.0, seed=3)
    steps = np.arange(3_000, 3_999)
    training = Training(epochs=8, learning_rate=1e-2)
    model = Recurrent(Window(6, 1), hidden_size=8, training=training).fit(panel.until(3_000))
    errors = panel.values[steps, 0] - model.predict(panel, at(steps)).point[:, 0, 0]
    assert np.mean(errors**2) < 1.3  # 1 with the covariate, 2 without


def test_a_known_ahead_covariate_is_used():
    random = np.random.default_rng(0)
    known = random.normal(size=2_000)
    values = np.column_stack([2 * known + 0.1 * random.normal(size=2_000), known])
    panel = Panel.from_arrays(values, np.arange(2_000).astype("M8[h]"), schema=Schema(targets=["y"], future=["k"]))
    steps = np.arange(1_500, 1_990)
    training = Training(epochs=15, learning_rate=1e-2)
    model = Recurrent(Window(6, 2), hidden_size=16, training=training).fit(panel.until(1_500))
    errors = panel.values[steps[:, None] + np.arange(2), 0] - model.predict(panel, at(steps)).point[..., 0]
    assert errors.std() < 0.5 * values[:, 0].std()


def test_a_setting_that_cannot_work_fails_before_fit():
    for settings in ({"cell": "gruu"}, {"hidden_size": 0}, {"dropout": 1.0}, {"scaling": "min-max"}):
        with pytest.raises((SettingsError, TypeError)):
            Recurrent(WINDOW, **settings)


def test_making_a_forecaster_draws_no_random_numbers():
    before = torch.get_rng_state()
    Recurrent(WINDOW)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_cell_of_ones_own_is_enough():
    def wide(inputs: int, hidden_size: int) -> Fused:
        return Fused(torch.nn.GRU(inputs, hidden_size))

    panel = sample_panel(8, 3)
    assert np.isfinite(Recurrent(WINDOW, wide, hidden_size=4, training=QUICK).fit(panel).predict(panel).values).all()


def test_parameters_are_counted_after_fit():
    model = Recurrent(WINDOW, "rnn", hidden_size=4, skip=False, training=QUICK)
    assert model.parameters == 0
    model.fit(sample_panel(8, 3, past=0))
    assert model.parameters == (4 + 16 + 4 + 4) + (4 * 3 + 3)


def test_a_covariate_that_was_never_observed_does_no_harm():
    values = np.column_stack([np.sin(np.arange(90.0)), np.full(90, np.nan)])
    panel = Panel.from_arrays(values, np.arange(90).astype("M8[D]"), schema=Schema(targets=["y"], past=["x"]))
    model = Recurrent(WINDOW, hidden_size=4, training=QUICK).fit(panel)
    assert np.isfinite(model.predict(panel).values).all()


def test_no_origins_are_no_forecasts():
    panel = sample_panel(8, 3)
    nothing = Origins(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    assert Recurrent(WINDOW, training=QUICK).fit(panel).predict(panel, nothing).values.shape == (0, 3, 1, 1)


def test_errors_speak_of_what_is_missing():
    panel = sample_panel(8, 3, future=1)
    model = Recurrent(WINDOW, hidden_size=4, training=QUICK)
    with pytest.raises(NotFittedError, match="fit first"):
        model.predict(panel)
    model.fit(panel)
    with pytest.raises(DataError, match="known-ahead columns"):
        model.predict(panel, Origins(np.array([0]), panel.lengths[:1]))
    with pytest.raises(DataError, match="a context of 8 needs 8"):
        model.predict(panel, at(np.array([7])))
    with pytest.raises(DataError, match="the model was fitted on"):
        model.predict(sample_panel(8, 3))


STREAM = Streamed(lanes=3, chunk=12)


def streamed(window: Window = WINDOW, cell: str = "gru", feed: Streamed = STREAM, epochs: int = 2, **settings):
    training = {key: settings.pop(key) for key in ("seed", "learning_rate", "clip") if key in settings}
    return Recurrent(window, cell, hidden_size=4, feed=feed, training=Training(epochs=epochs, **training), **settings)


def weights(model: Recurrent) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.network.parameters()])


@torch.no_grad()
def step_by_step(model: Recurrent, panel: Panel, origins: Origins) -> np.ndarray:
    """Every series read alone, one row at a time, and a forecast asked where an origin is reached."""
    network, scale = model.network.eval(), model.scale.of(panel, model.window.context)
    rows = scaled_rows(panel, scale, cycles=model.cycles)
    known = rows.layout.channels - rows.layout.future
    out = np.zeros((len(origins), model.window.horizon, panel.layout.targets, 1))
    for series in np.unique(origins.series):
        begin = int(panel.offsets[series])
        memory = network.begin(*before_rows(rows, *[torch.tensor([begin])] * 2, model.window.context))
        for step in range(1, int(origins.step[origins.series == series].max()) + 1):
            here = slice(begin + step - 1, begin + step)
            seen = None if rows.seen is None else rows.seen[here][None]
            reading, memory = network.read(rows.values[here][None], rows.static[[series]], memory, seen)
            for place in np.flatnonzero((origins.series == series) & (origins.step == step)):
                ahead = rows.values[begin + step : begin + step + model.window.horizon, known:]
                future = ahead[None] if rows.layout.future else torch.zeros(1, model.window.horizon, 0)
                answer = network.answer(reading.at(torch.tensor([0]), torch.tensor([0])), future)
                out[place] = answer[0].numpy()
    return scale.invert(out, origins.series)


@pytest.mark.parametrize(("cell", "channels"), [("rnn", "joint"), ("lstm", "independent"), ("gru", "independent")])
def test_one_pass_over_the_series_equals_walking_step_by_step(cell, channels):
    panel = sample_panel(8, 3, targets=2, past=1, future=1, static=1, missing=0.1)
    model = streamed(cell=cell, channels=channels).fit(panel)
    every = WINDOW.origins(panel)
    some = every[np.random.default_rng(0).permutation(len(every))[:90]]
    walked = step_by_step(model, panel, every)
    assert np.abs(model.predict(panel, every).values - walked).max() < 1e-5 * np.abs(walked).max()
    place = {pair: i for i, pair in enumerate(zip(every.series.tolist(), every.step.tolist(), strict=True))}
    for origins in (some, some[:1], some[::-1], every[every.series == 1]):
        rows = [place[pair] for pair in zip(origins.series.tolist(), origins.step.tolist(), strict=True)]
        assert np.abs(model.predict(panel, origins).values - walked[rows]).max() < 1e-5 * np.abs(walked).max()


def test_one_pass_in_groups_of_series_and_pieces_of_rows_equals_walking(monkeypatch):
    for name, value in {"LANES": 3, "PIECE": 20, "ANSWERS": 7}.items():
        monkeypatch.setattr(onepass, name, value)
    random, lengths = np.random.default_rng(0), [12, 70, 15, 41, 17, 0, 40]
    time = np.concatenate([np.arange(n) for n in lengths])
    panel = Panel.from_arrays(np.sin(time / 4) + 0.1 * random.normal(size=len(time)), time.astype("M8[h]"), lengths)
    model = streamed().fit(panel)
    origins = WINDOW.origins(panel)
    origins = origins[random.permutation(len(origins))]
    assert np.abs(model.predict(panel, origins).values - step_by_step(model, panel, origins)).max() < 1e-5


def test_a_streamed_fit_repeats_with_its_seed():
    panel = sample_panel(8, 3)
    first, second, other = (weights(streamed(seed=seed, dropout=0.2).fit(panel)) for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_streamed_gru_learns_and_comes_near_the_optimum_of_an_autoregression():
    panel = autoregressive([0.8], rows=6_000, seed=1)
    steps = np.arange(4_000, 5_999)
    model = streamed(Window(10, 1), scaling="none", feed=Streamed(lanes=8), epochs=5, learning_rate=1e-2, skip=False)
    errors = panel.values[steps, 0] - model.fit(panel.until(4_000)).predict(panel, at(steps)).point[:, 0, 0]
    best = panel.values[steps, 0] - 0.8 * panel.values[steps - 1, 0]
    assert np.mean(errors**2) < 1.05 * np.mean(best**2)
    assert model.history.epochs[-1].training < 0.9 * model.history.epochs[0].training


def test_a_series_that_is_too_short_is_passed_over_and_one_without_values_too():
    values = np.r_[np.sin(np.arange(90.0)), np.arange(5.0), np.full(30, np.nan), np.sin(np.arange(60.0))]
    lengths = [90, 5, 30, 60]
    days = np.concatenate([np.arange(n) for n in lengths]).astype("M8[D]")
    panel = Panel.from_arrays(values, days, lengths)
    model = streamed().fit(panel)
    said = model.predict(panel, WINDOW.origins(panel))
    assert np.isfinite(said.values).all()
    assert set(said.origins.series.tolist()) == {0, 3}


def test_a_streamed_fit_of_many_short_series():
    random = np.random.default_rng(0)
    lengths = random.integers(3, 25, 300).tolist()
    days = np.concatenate([np.arange(n) for n in lengths]).astype("M8[D]")
    panel = Panel.from_arrays(random.normal(size=sum(lengths)).cumsum(), days, lengths)
    model = streamed(feed=Streamed()).fit(panel)
    assert np.isfinite(model.predict(panel, WINDOW.origins(panel)).values).all()


@pytest.mark.parametrize("epochs", [1, 4])
def test_a_streamed_loss_that_is_not_finite_is_an_error_with_a_remedy(epochs):
    with pytest.raises(TrainingError, match=r"not finite.*lower the learning rate"):
        streamed(epochs=epochs, learning_rate=1e20, clip=0).fit(sample_panel(8, 3))


@pytest.mark.parametrize("scaling", ["last", "standard"])
def test_a_scale_of_whole_windows_is_refused_for_streams_before_fit(scaling):
    with pytest.raises(SettingsError, match="a stream has none"):
        streamed(scaling=scaling)


def both_ways(inputs: int, hidden_size: int) -> Fused:
    return Fused(torch.nn.GRU(inputs, hidden_size, bidirectional=True))


def test_a_bidirectional_cell_is_refused_for_streams_before_fit_and_works_on_windows():
    with pytest.raises(SettingsError, match=r"bidirectional.*Windowed\(\)"):
        streamed(cell=both_ways)
    panel = sample_panel(8, 3)
    for scaling in ("last", "running"):
        model = Recurrent(WINDOW, both_ways, hidden_size=4, scaling=scaling, training=QUICK).fit(panel)
        assert model.network.cell.hidden_size == 8
        assert np.isfinite(model.predict(panel).values).all()


def test_a_feed_of_streams_and_one_of_windows_take_the_scaling_that_suits_them():
    assert streamed().architecture.scaling == "running"
    assert Recurrent(WINDOW).architecture.scaling == "last"
