"""What a fit leaves behind: later passes go on from there, and say the same as if they had begun at the first row."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.data.panel import Origins, Panel
from forecast.forecasters.recurrent import Recurrent
from forecast.training import onepass
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window

LENGTHS = (90, 60, 75)
CUT = np.array([70, 60, 50])


@pytest.fixture(scope="module")
def panel() -> Panel:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(sum(LENGTHS), 2)).cumsum(axis=0)
    values[rng.random(values.shape) < 0.05] = np.nan
    times = np.concatenate([np.arange(n).astype("M8[h]") for n in LENGTHS])
    return Panel.from_arrays(values, times, LENGTHS, ("a", "b", "c"))


@pytest.fixture(scope="module")
def model(panel) -> Recurrent:
    training = Training(epochs=2)
    return Recurrent(Window(8, 3), "lstm", 5, feed=Streamed(4, 6), training=training).fit(panel.until(CUT))


def origins(*pairs: tuple[int, int]) -> Origins:
    series, step = np.array(pairs).T
    return Origins(series, step)


def rows_read(model: Recurrent, panel: Panel, asked: Origins, monkeypatch) -> tuple[np.ndarray, int]:
    """The forecasts, and how many rows (lanes times steps) were read for them."""
    count, read = 0, onepass._read

    def counted(network, rows, place, series, memory):
        nonlocal count
        count += place.numel()
        return read(network, rows, place, series, memory)

    with monkeypatch.context() as patch:
        patch.setattr(onepass, "_read", counted)
        return model.predict(panel, asked).values, count


def fresh(model: Recurrent) -> Recurrent:
    """The same model without what its fit left."""
    other = Recurrent.__new__(Recurrent)
    other.__dict__ |= model.__dict__ | {"rest": None}
    return other


ALL = [(s, int(step)) for s in range(3) for step in range(CUT[s], LENGTHS[s] + 1)]


def test_a_backtest_goes_on_where_the_fit_ended_and_says_the_same(model, panel, monkeypatch):
    asked = origins(*ALL)
    whole, everything = rows_read(fresh(model), panel, asked, monkeypatch)
    said, rest = rows_read(model, panel, asked, monkeypatch)
    assert np.abs(said - whole).max() < 1e-5
    assert everything == 3 * 90
    assert rest == 3 * max(length - cut + 1 for length, cut in zip(LENGTHS, CUT, strict=True))


def test_a_series_that_is_asked_earlier_is_read_from_its_first_row(model, panel, monkeypatch):
    asked = origins((0, 80), (1, 30), (2, 60))
    whole, _ = rows_read(fresh(model), panel, asked, monkeypatch)
    said, rest = rows_read(model, panel, asked, monkeypatch)
    assert np.abs(said - whole).max() < 1e-5
    assert rest == 3 * 30


@pytest.mark.parametrize("what", ["values", "observed", "times"])
def test_other_rows_are_read_from_the_first(model, panel, monkeypatch, what):
    changed = getattr(panel, what).copy()
    changed[3] = {"values": 9.0, "observed": False, "times": panel.times[3] + np.timedelta64(1, "m")}[what]
    other = replace(panel, **{what: changed})
    asked = origins((0, 80))
    whole, everything = rows_read(fresh(model), other, asked, monkeypatch)
    said, read = rows_read(model, other, asked, monkeypatch)
    assert np.array_equal(said, whole)
    assert read == everything == 80


def test_series_are_known_by_name_in_any_order(model, panel, monkeypatch):
    other = panel.select(("c", "a"))
    whole, _ = rows_read(fresh(model), other, origins((0, 70), (1, 75)), monkeypatch)
    said, read = rows_read(model, other, origins((0, 70), (1, 75)), monkeypatch)
    assert np.abs(said - whole).max() < 1e-5
    assert read == 2 * (70 - 49)


def test_a_series_that_was_too_young_for_a_scale_is_read_again_once_it_has_one(panel, monkeypatch):
    """Its first rows are scaled by others then."""
    times = np.concatenate([np.arange(n) + begin for n, begin in zip(LENGTHS, (0, 0, 65), strict=True)])
    panel = replace(panel, times=times.astype("M8[h]").astype(panel.times.dtype))
    known = panel.until(np.array([70, 60, 5]))  # it begins behind the cut
    made = Recurrent(Window(8, 3), "gru", 5, feed=Streamed(4, 6), training=Training(epochs=2)).fit(known)
    assert "c" in made.rest.lanes
    assert "c" not in made.scale.series
    asked = origins((2, 8), (2, 20), (2, 60))
    whole, everything = rows_read(fresh(made), panel, asked, monkeypatch)
    said, read = rows_read(made, panel, asked, monkeypatch)
    np.testing.assert_array_equal(said, whole)
    assert read == everything


def test_a_network_that_learnt_on_reads_from_the_first_row(panel, monkeypatch):
    model = Recurrent(Window(8, 3), "lstm", 5, feed=Streamed(4, 6), training=Training(epochs=1)).fit(panel.until(CUT))
    asked = origins((0, 80), (1, 60))
    _, rest = rows_read(model, panel, asked, monkeypatch)
    for change in (lambda weights: weights, lambda weights: {name: 1.5 * value for name, value in weights.items()}):
        before = model.network.state_dict()
        model.network.load_state_dict(change(before))
        whole, everything = rows_read(fresh(model), panel, asked, monkeypatch)
        said, read = rows_read(model, panel, asked, monkeypatch)
        assert np.abs(said - whole).max() < 1e-5
    assert rest < read == everything
