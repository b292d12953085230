"""Which origins a window offers, and how a split keeps their targets apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import SettingsError, TrainingError
from forecast.windows.window import Window, split


def panel_of(*series: np.ndarray, names=None, schema=None) -> Panel:
    lengths = [len(values) for values in series]
    days = np.concatenate([np.arange(n) for n in lengths]) + np.datetime64("2024-01-01", "D")
    return Panel.from_arrays(np.concatenate(series), days, lengths, names, schema)


@st.composite
def panels(draw) -> Panel:
    lengths = draw(st.lists(st.integers(0, 14), min_size=1, max_size=4).filter(any))
    targets, past = draw(st.integers(1, 2)), draw(st.integers(0, 1))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    values = random.normal(size=(sum(lengths), targets + past))
    values[random.random(values.shape) < draw(st.sampled_from([0.0, 0.3, 0.8]))] = np.nan
    schema = Schema(targets=[f"y{i}" for i in range(targets)], past=[f"x{i}" for i in range(past)])
    return panel_of(*np.split(values, np.cumsum(lengths)[:-1]), schema=schema)


windows = st.builds(Window, context=st.integers(1, 5), horizon=st.integers(1, 4), stride=st.integers(1, 3))


def looked_for(panel: Panel, window: Window, since=None, until=None) -> list[tuple[int, int]]:
    """Every (series, step), one by one."""
    found, targets = [], panel.layout.targets
    for series, (a, b) in enumerate(zip(panel.offsets[:-1], panel.offsets[1:], strict=True)):
        seen = panel.observed[a:b, :targets]
        low, high = (0 if since is None else since[series]), (b - a if until is None else min(until[series], b - a))
        first = None
        for step in range(window.context, b - a + 1):
            if not seen[:step].any(axis=0).all() or step < low or step + window.horizon > high:
                continue
            first = step if first is None else first
            if (step - first) % window.stride == 0 and seen[step : step + window.horizon].any():
                found.append((series, step))
    return found


@given(panels(), windows, st.integers(0, 14), st.integers(0, 14))
@settings(max_examples=150, deadline=None)
def test_origins_are_those_that_a_slow_search_finds(panel, window, since, until):
    cuts = [np.minimum(bound, panel.lengths) for bound in (since, until)]
    for low, high in ((None, None), (cuts[0], None), (None, cuts[1]), (cuts[0], cuts[1])):
        origins = window.origins(panel, since=low, until=high)
        found = list(zip(origins.series.tolist(), origins.step.tolist(), strict=True))
        assert found == looked_for(panel, window, low, high)


@given(panels(), windows, st.floats(0.05, 0.9))
@settings(max_examples=150, deadline=None)
def test_no_target_row_belongs_to_both_sides_of_a_split(panel, window, fraction):
    try:
        parts = split(panel, window, fraction)
    except (TrainingError, SettingsError):
        return
    assert len(parts.training)
    assert len(parts.validation)
    assert (parts.training.step + window.horizon <= parts.cut[parts.training.series]).all()
    assert (parts.validation.step >= parts.cut[parts.validation.series]).all()
    assert (parts.validation.step + window.horizon <= panel.lengths[parts.validation.series]).all()


def test_contexts_of_validation_reach_back_behind_the_cut():
    parts = split(panel_of(np.arange(50.0)), Window(context=20, horizon=2), 0.2)
    assert parts.cut.tolist() == [40]
    assert parts.validation.step[0] == 40
    assert parts.training.step[-1] == 38


def test_without_validation_every_row_trains():
    panel = panel_of(np.arange(30.0))
    parts = split(panel, Window(5, 2), 0)
    assert parts.training.step.tolist() == Window(5, 2).origins(panel).step.tolist()
    assert len(parts.validation) == 0


def test_the_stride_counts_from_the_first_origin_of_each_series():
    panel = panel_of(np.arange(12.0), np.r_[np.nan, np.nan, np.nan, np.nan, np.nan, np.arange(7.0)])
    origins = Window(context=3, horizon=2, stride=3).origins(panel)
    assert origins.step.tolist() == [3, 6, 9, 6, 9]
    assert origins.series.tolist() == [0, 0, 0, 1, 1]


def test_a_series_that_is_too_short_is_named_with_what_it_has_and_needs():
    panel = panel_of(np.arange(9.0), np.arange(6.0), names=["bread", "milk"])
    with pytest.raises(
        TrainingError, match=r"context 8 \+ horizon 4 need 12 training rows.*series 'bread' has 9, series 'milk' has 6"
    ):
        split(panel, Window(8, 4), 0.2)
    with pytest.raises(TrainingError, match=r"no training windows.*'bread' has 7"):
        split(panel, Window(5, 3), 0.2)
    with pytest.raises(TrainingError, match=r"no validation windows.*'bread' has 2"):
        split(panel, Window(3, 3), 0.2)


def test_an_origin_has_some_target_ahead_that_was_observed():
    values = np.array([1.0, 2.0, 3.0, np.nan, np.nan, np.nan, 7.0, np.nan])
    assert Window(2, 2).origins(panel_of(values)).step.tolist() == [2, 5, 6]
    assert Window(2, 1).origins(panel_of(values)).step.tolist() == [2, 6]
    both = np.column_stack([values, np.where(np.arange(8) == 4, 1.0, np.nan)])
    both[0, 1] = 0.0
    assert Window(2, 2).origins(panel_of(both)).step.tolist() == [2, 3, 4, 5, 6]


def test_a_series_that_just_holds_a_window_trains_on_it():
    for rows in (5, 6):
        parts = split(panel_of(np.arange(float(rows))), Window(3, 2), 0)
        assert parts.training.step.tolist() == list(range(3, rows - 1))
        assert parts.cut.tolist() == [rows]
    with pytest.raises(TrainingError, match="need 5 training rows"):
        split(panel_of(np.arange(4.0)), Window(3, 2), 0)


def test_a_small_share_of_validation_just_holds_a_horizon():
    parts = split(panel_of(np.arange(20.0)), Window(3, 2), 0.1)
    assert (parts.cut.tolist(), parts.validation.step.tolist()) == ([18], [18])
    with pytest.raises(TrainingError, match="need 3 validation rows"):
        split(panel_of(np.arange(20.0)), Window(3, 3), 0.1)


@pytest.mark.parametrize(("count", "more"), [(5, False), (6, True)])
def test_the_five_longest_of_the_series_that_are_too_short_are_named(count, more):
    panel = panel_of(*[np.arange(2.0 + i) for i in range(count)], names=[f"shop{i}" for i in range(count)])
    with pytest.raises(TrainingError) as caught:
        split(panel, Window(9, 4), 0.2)
    told = str(caught.value)
    named = [f"series 'shop{i}' has {2 + i}" for i in reversed(range(count))][:5]
    assert ", ".join(named) + (" ..." if more else ".") in told
    assert told.count("has") == 5


def test_two_rows_are_too_short_to_split_and_say_so():
    with pytest.raises(TrainingError, match="no training windows"):
        split(panel_of(np.arange(2.0)), Window(1, 1), 0.2)


@pytest.mark.parametrize(
    "settings", [{"context": 0}, {"horizon": 0}, {"stride": 0}, {"context": 2.0}, {"horizon": True}]
)
def test_a_window_is_made_of_whole_steps(settings):
    with pytest.raises(SettingsError, match="whole number"):
        Window(**({"context": 3, "horizon": 2} | settings))


@pytest.mark.parametrize("name", ["context", "horizon", "stride"])
def test_a_window_is_at_most_as_long_as_a_memory_holds(name):
    longest = Window(**({"context": 3, "horizon": 2} | {name: 1_000_000}))
    assert longest.length == longest.context + longest.horizon
    with pytest.raises(SettingsError, match=f"{name}=1000001: at most 1,000,000 steps"):
        Window(**({"context": 3, "horizon": 2} | {name: 1_000_001}))
    assert Window(**({"context": 1, "horizon": 1} | {name: np.int64(1)})).stride == 1


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 7])
def test_the_share_of_validation_lies_between_zero_and_one(fraction):
    with pytest.raises(SettingsError, match="validation"):
        split(panel_of(np.arange(20.0)), Window(2, 2), fraction)
