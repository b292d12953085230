"""Scale: statistics of the observed training rows, written out slowly, and the way there and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data import scale as module
from forecast.data.moments import measured, powers
from forecast.data.panel import Panel
from forecast.data.readers import from_frame
from forecast.data.scale import LIMIT, Measure, Scale
from forecast.data.schema import Schema
from forecast.errors import DataError, SettingsError
from forecast.testing.panels import sample_panel


def panel_of(*series: np.ndarray | list[float], names: tuple[str, ...] | None = None, **settings) -> Panel:
    values = [np.asarray(each, dtype=float) for each in series]
    days = np.concatenate([np.arange(len(each)) for each in values]).astype("M8[D]")
    return Panel.from_arrays(np.concatenate(values), days, [len(each) for each in values], names, **settings)


@st.composite
def panels(draw) -> Panel:
    lengths = draw(st.lists(st.integers(0, 12), min_size=1, max_size=4).filter(any))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    values = 5 + 3 * random.normal(size=(sum(lengths), 3))
    values[random.random(values.shape) < draw(st.sampled_from([0.0, 0.3, 0.8]))] = np.nan
    if draw(st.booleans()):
        values[:, 1] = 4.0
    schema = Schema(targets=("y", "z"), past=("x",))
    return panel_of(*np.split(values, np.cumsum(lengths)[:-1]), schema=schema)


def rows_of(panel: Panel, steps: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Values and masks of the first `steps` rows of each series."""
    starts = zip(panel.offsets[:-1], steps, strict=True)
    return [(panel.values[a : a + n], panel.observed[a : a + n]) for a, n in starts]


def about(cells: np.ndarray) -> tuple[float, float]:
    """Mean and deviation, of a series that does not move one."""
    if not len(cells):
        return 0.0, 1.0
    return cells.mean(), cells.std() if cells.std() > 1e-12 * abs(cells.mean()) else 1.0


@given(panels(), st.integers(0, 12))
@settings(max_examples=30, deadline=None)
def test_statistics_are_those_of_the_observed_cells_of_the_first_rows(panel, until):
    steps = np.minimum(until, panel.lengths)
    center, spread, counts = measured(panel, steps, "level", None, 0.0)
    for series, (values, seen) in enumerate(rows_of(panel, steps)):
        np.testing.assert_array_equal(counts[series], seen.sum(axis=0))
        for channel in range(3):
            expected = about(values[seen[:, channel], channel])
            np.testing.assert_allclose((center[series, channel], spread[series, channel]), expected, atol=1e-12)


@given(panels(), st.integers(0, 12))
@settings(max_examples=30, deadline=None)
def test_the_unit_of_changes_is_the_deviation_of_steps_between_two_observed_rows_of_a_series(panel, until):
    steps = np.minimum(until, panel.lengths)
    level, change = (measured(panel, steps, units, None, 0.0) for units in ("level", "change"))
    np.testing.assert_array_equal(level[0], change[0])
    np.testing.assert_array_equal(level[1][:, 2], change[1][:, 2])
    for series, (values, seen) in enumerate(rows_of(panel, steps)):
        for target in range(2):
            moves = np.diff(values[:, target])[seen[1:, target] & seen[:-1, target]]
            np.testing.assert_allclose(change[1][series, target], about(moves)[1], atol=1e-12)


def test_a_series_without_rows_takes_nothing_from_its_neighbours():
    with_none = panel_of([1.0, 4.0, 2.0], [], [5.0, 7.0, 6.0], [])
    without = panel_of([1.0, 4.0, 2.0], [5.0, 7.0, 6.0])
    for units in ("level", "change", "count"):
        some, every = (measured(panel, panel.lengths, units, None, 0.0) for panel in (with_none, without))
        for found, expected in zip(some, every, strict=True):
            assert found[[0, 2]].tolist() == expected.tolist()
        assert [part[1:4:2].ravel().tolist() for part in some] == [[0.0, 0.0], [1.0, 1.0], [0, 0]]


@pytest.mark.parametrize(("transform", "forward"), [("log", np.log), ("log1p", np.log1p)])
def test_a_transformed_target_is_measured_by_its_observed_cells_and_a_covariate_as_it_is(transform, forward):
    values = np.array([[2.0, 1.0], [np.nan, 5.0], [9.0, np.nan], [np.nan, np.nan], [4.0, 3.0]])
    panel = panel_of(values, schema=Schema(targets=("y",), past=("x",)))
    scale = Scale.fit(panel, measure=Measure(transform))
    moved = forward(np.array([2.0, 9.0, 4.0]))
    np.testing.assert_allclose(scale.center, [[moved.mean(), 3.0]])
    np.testing.assert_allclose(scale.spread, [[moved.std(), np.std([1.0, 5.0, 3.0])]])
    assert scale.offset == (1.0 if transform == "log1p" else 0.0)
    change = Scale.fit(panel_of([2.0, 9.0, np.nan, 4.0, 5.0]), measure=Measure(transform, "change")).spread.item()
    assert change == pytest.approx(np.std([forward(9.0) - forward(2.0), forward(5.0) - forward(4.0)]))


def test_a_scale_without_a_transform_has_neither_power_nor_offset():
    scale = Scale.fit(panel_of([1.0, 2.0, 4.0]))
    assert (scale.power, scale.offset, scale.units, dict(scale.categories)) == (None, 0.0, "level", {})


def test_counts_are_neither_centred_nor_scaled_and_covariates_beside_them_are():
    panel = panel_of(np.array([[2.0, 5.0, 3.0], [4.0, 6.0, 5.0]]), schema=Schema(targets=("y", "z"), past=("x",)))
    center, spread, _ = measured(panel, panel.lengths, "count", None, 0.0)
    assert center.tolist() == [[0.0, 0.0, 4.0]]
    assert spread.tolist() == [[1.0, 1.0, 1.0]]
    assert measured(panel, panel.lengths, "level", None, 0.0)[0].tolist() == [[3.0, 5.5, 4.0]]


def test_a_width_far_below_the_level_is_no_width_and_one_of_a_series_around_zero_is():
    still, tiny, faint = (
        Scale.fit(panel_of(np.array(values))) for values in ([1e15, 1e15 + 0.25], [-1e-30, 1e-30], [1.0, 1.0 + 1e-9])
    )
    assert still.spread.item() == 1.0
    assert tiny.spread.item() == pytest.approx(1e-30)
    assert faint.spread.item() == pytest.approx(5e-10, rel=1e-6)


@pytest.mark.parametrize(("rows", "known"), [([1.0, 3.0, 9.0], True), ([1.0, 3.0, np.nan], True), ([1.0], False)])
def test_a_series_is_known_by_two_observed_rows_of_every_target(rows, known):
    values = np.column_stack([np.arange(len(rows)), rows])
    panel = panel_of(values, np.arange(8.0).reshape(4, 2), names=("a", "b"))
    scale = Scale.fit(panel)
    assert scale.series == (("a", "b") if known else ("b",))
    assert scale.strangers(panel) == (() if known else ("a",))
    assert len(scale.center) == len(scale.spread) == len(scale.series)


def test_static_covariates_are_scaled_by_the_known_series_and_left_alone_where_they_do_not_differ():
    schema = Schema(targets=("y",), static=("size", "same"))
    static = np.array([[1.0, 5.0], [3.0, 5.0], [100.0, 7.0]])
    panel = panel_of([1.0, 2.0], [3.0, 5.0], [1.0], names=("a", "b", "new"), schema=schema, static=static)
    scale = Scale.fit(panel)
    assert scale.static(panel).tolist() == [[-1.0, 0.0], [1.0, 0.0], [98.0, 2.0]]
    nobody = Scale.fit(panel, until=np.array([1, 1, 1]))
    assert nobody.series == ()
    assert nobody.static_center.tolist() == static.mean(axis=0).tolist()


def test_codes_of_categories_are_neither_centred_nor_scaled():
    frame = pd.DataFrame(
        {
            "time": np.tile(np.arange("2024-01-01", "2024-01-07", dtype="M8[D]"), 2),
            "shop": np.repeat(["a", "b"], 6),
            "y": np.arange(12.0),
            "mood": ["good", "bad", "odd"] * 4,
            "kind": np.repeat(["small", "large"], 6),
            "size": np.repeat([1.0, 3.0], 6),
        }
    )
    schema = Schema("time", ("y",), "shop", ("mood",), static=("kind", "size"), categorical=("mood", "kind"))
    scale = Scale.fit(panel := from_frame(frame, schema))
    assert scale.center[:, 1].tolist() == [0.0, 0.0]
    assert scale.spread[:, 1].tolist() == [1.0, 1.0]
    assert scale.static_center.tolist() == [0.0, 2.0]
    assert scale.static_spread.tolist() == [1.0, 1.0]
    assert scale.apply(panel)[:, 1].tolist() == panel.values[:, 1].tolist()
    assert set(scale.categories) == {"mood", "kind"}


def test_a_stranger_is_scaled_by_the_rows_that_show_each_target_once_and_by_the_power_in_the_middle():
    both = np.column_stack([np.arange(1.0, 21.0), np.full(20, np.nan)])
    both[6:, 1] = np.arange(14.0) + 3
    powers_known = np.array([[0.0, 1.0], [0.5, 1.0], [0.2, 1.0]])
    known = panel_of(*[np.exp(np.random.default_rng(i).normal(size=(9, 2))) for i in range(3)], names=("a", "b", "c"))
    scale = replace(Scale.fit(known, measure=Measure("log")), power=powers_known)
    own = scale.of(panel_of(both, both, names=("b", "new")), context=4)
    assert own.series == ("b", "new")
    assert own.power.tolist() == [[0.5, 1.0], [0.2, 1.0]]
    assert own.center[0].tolist() == scale.center[1].tolist()
    assert own.spread[0].tolist() == scale.spread[1].tolist()
    plain = replace(scale, power=None).of(panel_of(both, both, names=("b", "new")), context=4)
    assert plain.center[1].tolist() == [both[:7, 0].mean(), both[6, 1]]
    assert plain.power is None


@pytest.mark.parametrize("transform", ["none", "log", "log1p", "box-cox"])
@pytest.mark.parametrize("units", ["level", "change", "count"])
def test_what_is_scaled_comes_back_with_levels_and_without(transform, units):
    panel = sample_panel(4, 3, targets=2, missing=0.0)
    scale = Scale.fit(panel, measure=Measure(transform, units)).of(panel, 4)
    scaled = scale.apply(panel, np.float64)[:, :2]
    series = panel.row_series
    back = scale.invert(scaled[:, None], series)
    np.testing.assert_allclose(back[:, 0], panel.values[:, :2], rtol=1e-9)
    levels = scale.invert(np.stack([scaled[:, None], scaled[:, None] + 1.0], axis=3), series)
    assert levels.shape == (len(scaled), 1, 2, 2)
    np.testing.assert_allclose(levels[..., 0], back, rtol=1e-12)
    np.testing.assert_allclose(levels[..., 1], scale.invert(scaled[:, None] + 1.0, series), rtol=1e-12)
    np.testing.assert_allclose(scale.link(series, 2).from_base(scaled[:, None]), back, rtol=1e-12)
    assert scale.link(series, 2).warp is None or transform != "none"


def test_inverting_leaves_what_was_given_as_it_was_and_answers_in_double_precision():
    scale = Scale.fit(panel_of([1.0, 5.0]))
    given_values = np.ones((1, 2, 1), dtype=np.float32)
    back = scale.invert(given_values, np.array([0]))
    assert back.dtype == np.float64
    assert back.ravel().tolist() == [5.0, 5.0]
    assert (given_values == 1).all()


@pytest.mark.parametrize(
    ("transform", "taken", "refused"), [("log", 1e-9, 0.0), ("box-cox", 1e-9, 0.0), ("log1p", -0.5, -1.0)]
)
def test_a_transform_refuses_what_is_not_above_its_end_and_counts_it(transform, taken, refused):
    Scale.fit(panel_of([2.0, taken, 3.0]), measure=Measure(transform))
    panel = panel_of([2.0, 3.0], [2.0, refused, refused - 1, np.nan, 5.0, refused], names=("a", "b"))
    end = "0" if refused == 0 else "-1"
    with pytest.raises(DataError, match=rf"target 'y0' in series 'b': 3 of 5 values are not above {end}, "):
        Scale.fit(panel, measure=Measure(transform))
    with pytest.raises(DataError, match=r"2 of 3 values"):
        Scale.fit(panel, until=np.array([2, 3]), measure=Measure(transform))
    Scale.fit(panel, until=np.array([2, 1]), measure=Measure(transform))


def test_of_many_series_that_a_transform_does_not_take_twenty_are_told():
    panel = panel_of(*[[0.0, 1.0]] * 25)
    with pytest.raises(DataError) as caught:
        Scale.fit(panel, measure=Measure("log"))
    assert str(caught.value).count("1 of 2 values are not above 0") == 20
    assert 'use transform="log1p"' in str(caught.value)


def test_only_box_cox_chooses_a_power_and_only_from_two_values_on():
    values = np.exp(np.random.default_rng(0).normal(size=40))
    panel = panel_of(values**4, values[:1])
    assert powers(panel, panel.lengths, "log").tolist() == [[0.0], [0.0]]
    squares = panel_of(np.random.default_rng(0).normal(30, 1, size=400) ** 2, [4.0])
    found = powers(squares, squares.lengths, "box-cox")
    assert 0.2 < found[0, 0] < 0.9
    assert found[1, 0] == 0.0
    with pytest.raises(SettingsError, match="did you mean 'log1p'"):
        Measure("log1")


def test_blocks_of_rows_change_nothing(monkeypatch):
    panel = sample_panel(4, 3, targets=2, past=1, seed=3)
    values = np.where(panel.observed, panel.values, np.nan)
    values[[0, 6, 7, 200], 0] = 1e30
    wild = Panel.from_arrays(values, panel.times, panel.lengths.tolist(), panel.series, panel.schema)
    scale = Scale.fit(panel).of(panel, 4)
    whole, found = scale.apply(panel), scale.plausible(wild)
    assert not found.observed[[0, 6, 7, 200], 0].any()
    assert wild.observed.sum() - found.observed.sum() == 4
    monkeypatch.setattr(module, "BLOCK", 7)
    np.testing.assert_array_equal(scale.apply(panel), whole)
    np.testing.assert_array_equal(scale.plausible(wild).observed, found.observed)
    np.testing.assert_array_equal(scale.plausible(wild).values, found.values)


def test_a_cell_counts_as_missing_just_beyond_the_limit_wherever_the_level_lies():
    for level in (0.0, 1e19, -1e19):
        panel = panel_of(level + 2e4 * np.tile([1.0, -1.0], 10))
        scale = Scale.fit(panel)
        width = scale.spread.item()
        for side in (1, -1):
            inside, beyond = (
                scale.plausible(panel_of(np.append(panel.values[:-1, 0], level + side * share * LIMIT * width)))
                for share in (0.99, 1.01)
            )
            assert inside.observed.all(), (level, side)
            assert beyond.observed.sum() == 19, (level, side)
            assert beyond.values[-1] == panel.values[-2]


def test_what_a_transform_does_not_take_counts_as_missing_where_it_comes_later():
    train = panel_of([2.0, 3.0, 4.0, 5.0])
    scale = Scale.fit(train, measure=Measure("log"))
    assert scale.plausible(train) is train
    found = scale.plausible(panel_of([2.0, 3.0, 0.0, -1.0, 4.0]))
    assert found.observed.ravel().tolist() == [True, True, False, False, True]
    assert found.values.ravel().tolist() == [2.0, 3.0, 3.0, 3.0, 4.0]


def test_an_empty_panel_is_plausible():
    scale = Scale.fit(panel_of([1.0, 2.0], names=("a",)))
    empty = Panel.from_arrays(np.zeros((0, 1)), np.zeros(0, dtype="M8[D]"), [0], ["a"])
    assert scale.plausible(empty) is empty
    assert scale.apply(empty).shape == (0, 1)
