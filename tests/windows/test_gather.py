"""The one gather equals slicing, origin by origin."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.data.absence import marks
from forecast.data.cycles import cyclic
from forecast.data.panel import Origins, Panel
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.errors import DataError
from forecast.testing import sample_panel
from forecast.windows.gather import gather, gather_chunk, index_of, newest, scaled_rows
from forecast.windows.reach import require_reach
from forecast.windows.stream import Pace, Stream
from forecast.windows.window import Window


def rows_of(panel: Panel, context: int = 4):
    return scaled_rows(panel, Scale.fit(panel).of(panel, context), torch.float64)


@given(
    context=st.integers(1, 7),
    horizon=st.integers(1, 5),
    targets=st.integers(1, 3),
    past=st.integers(0, 2),
    future=st.integers(0, 2),
    static=st.integers(0, 2),
    missing=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_a_batch_equals_slices_cut_one_by_one(context, horizon, targets, past, future, static, missing, seed):
    panel = sample_panel(context, horizon, targets, past, future, static, missing, seed)
    scale = Scale.fit(panel)
    rows = rows_of(panel)
    origins = Window(context, horizon).origins(panel)
    origins = origins[np.random.default_rng(seed).permutation(len(origins))[:12]]
    batch = gather(rows, index_of(panel, origins), context, horizon)
    for i, (series, step) in enumerate(zip(origins.series, origins.step, strict=True)):
        begin, end = panel.offsets[series], panel.offsets[series + 1]
        values = np.nan_to_num((panel.values[begin:end] - scale.center[series]) / scale.spread[series])
        seen = panel.observed[begin:end]
        assert np.array_equal(batch.past[i], values[step - context : step])
        assert np.array_equal(batch.target[i], values[step : step + horizon, :targets])
        assert np.array_equal(batch.future[i], values[step : step + horizon, targets + past :])
        assert np.array_equal(batch.static[i], scale.static(panel)[series])
        if not panel.observed.all():
            assert np.array_equal(batch.past_seen[i], seen[step - context : step])
            assert np.array_equal(batch.target_seen[i], seen[step : step + horizon, :targets])


def test_a_full_panel_has_no_mask():
    panel = Panel.from_arrays(np.arange(20.0), np.arange(20).astype("M8[D]"))
    batch = gather(rows_of(panel), index_of(panel, Window(4, 2).origins(panel)), 4, 2)
    assert batch.past_seen is None
    assert batch.target_seen is None


def test_a_forecast_at_the_last_row_needs_nothing_ahead():
    panel = sample_panel(4, 3)
    batch = gather(rows_of(panel), index_of(panel, Origins(np.arange(3), panel.lengths)), 4, 3, targets=False)
    assert batch.target.shape[1] == 0
    assert batch.target_seen is None
    assert batch.future.shape == (3, 3, 0)
    for series in range(3):
        last = rows_of(panel).values[panel.offsets[series + 1] - 4 : panel.offsets[series + 1]]
        assert torch.equal(batch.past[series], last)


def test_scaled_rows_are_scaled_in_double_precision_before_they_become_single():
    values = 1e6 + 1e-3 * np.random.default_rng(0).normal(size=500)
    panel = Panel.from_arrays(values, np.arange(500).astype("M8[h]"))
    rows = scaled_rows(panel, Scale.fit(panel).of(panel, 4))
    exact = (values - values.mean()) / values.std()
    assert rows.values.dtype == torch.float32
    assert np.abs(rows.values[:, 0].numpy() - exact).max() < 1e-5


def test_missing_cells_hold_the_last_value_and_the_mean_before_the_first():
    panel = Panel.from_arrays(np.array([np.nan, 1.0, np.nan, 3.0]), np.arange(4).astype("M8[D]"))
    assert rows_of(panel).values[:, 0].tolist() == [0.0, -1.0, -1.0, 1.0]


def test_an_origin_with_too_few_rows_behind_it_is_an_error_that_names_the_series():
    panel = sample_panel(4, 3)
    with pytest.raises(DataError, match=r"series 'late' has 3 rows before the origin, a context of 4 needs 4"):
        require_reach(panel, Origins(np.array([0, 1]), np.array([4, 3])), 4, 3)


def test_a_series_without_a_name_is_called_the_series():
    panel = Panel.from_arrays(np.ones(9), np.arange(9).astype("M8[D]"), series=[""])
    with pytest.raises(DataError, match=r"^panel: the series has 3 rows before the origin"):
        require_reach(panel, Origins(np.array([0]), np.array([3])), 4, 3)


def test_an_origin_behind_the_end_of_its_series_is_an_error_and_not_a_row_of_the_next():
    panel = sample_panel(4, 3)
    with pytest.raises(DataError, match="series 'long' has no row"):
        require_reach(panel, Origins(np.array([0]), panel.lengths[:1] + 1), 4, 3)


def test_missing_known_ahead_rows_are_an_error_that_names_the_columns_and_the_series():
    schema = Schema(targets=["y"], future=["holiday"])
    panel = Panel.from_arrays(np.ones((9, 2)), np.arange(9).astype("M8[D]"), series=["shop"], schema=schema)
    require_reach(panel, Origins(np.array([0]), np.array([7])), 4, 2)
    with pytest.raises(DataError, match=r"'holiday'.*horizon of 2 steps in series 'shop'"):
        require_reach(panel, Origins(np.array([0]), np.array([8])), 4, 2)


def slow_chunk(panel, scaled, turn, lane, context, horizon):
    """What a lane reads in a turn, row by row, from the panel's own series; None where nothing can be asked."""
    targets, past, _, _ = panel.layout
    row, series, begin, _ = turn.index[lane].tolist()
    end = panel.offsets[series + 1]
    for step in range(turn.asked.shape[1]):
        here = row + step
        asked = bool(turn.asked[lane, step])
        inside = here + 1 + horizon <= end
        yield {
            "step": step,
            "asked": asked,
            "past": scaled[here] if here < end else None,
            "past_seen": panel.observed[here] if here < end else None,
            "target": scaled[here + 1 : here + 1 + horizon, :targets] if inside else None,
            "future": scaled[here + 1 : here + 1 + horizon, targets + past :] if inside else None,
            "seen": panel.observed[here + 1 : here + 1 + horizon, :targets] & asked if inside else None,
        }
    before = [max(place, begin) for place in range(row - context, row)]
    there = np.array([place >= begin for place in range(row - context, row)])
    yield {"before": scaled[before, :targets], "weight": panel.observed[before, :targets] & there[:, None]}


@given(
    context=st.integers(1, 7),
    horizon=st.integers(1, 4),
    targets=st.integers(1, 2),
    past=st.integers(0, 1),
    future=st.integers(0, 2),
    static=st.integers(0, 2),
    missing=st.sampled_from([0.0, 0.2]),
    pace=st.builds(Pace, st.integers(1, 5), st.integers(1, 40), st.integers(0, 50)),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_a_turn_of_a_stream_equals_lanes_cut_row_by_row(
    context, horizon, targets, past, future, static, missing, pace, seed
):
    panel = sample_panel(context, horizon, targets, past, future, static, missing, seed)
    scale, rows = Scale.fit(panel), rows_of(panel)
    spread, center = (np.repeat(part, panel.lengths, axis=0) for part in (scale.spread, scale.center))
    scaled = np.nan_to_num((panel.values - center) / spread)
    stream = Stream(panel, Window(context, horizon).origins(panel), horizon, pace, seed=seed)
    for turn in [turn for i, turn in enumerate(stream) if i % 3 == seed % 3 or turn.first]:
        chunk = gather_chunk(rows, turn, context, horizon)
        time = turn.asked.shape[1]
        assert (chunk.before is None) == (chunk.weight is None) == (chunk.fresh is None) == (not turn.fresh)
        for lane in range(len(turn.index)):
            assert np.array_equal(chunk.static[lane], scale.static(panel)[turn.index[lane, 1]])
            *steps, ahead = slow_chunk(panel, scaled, turn, lane, context, horizon)
            if turn.fresh:
                assert np.array_equal(chunk.before[lane], ahead["before"])
                assert np.array_equal(chunk.weight[lane], ahead["weight"].astype(float))
                assert bool(chunk.fresh[lane]) == bool(turn.index[lane, 3])
            for slow in steps:
                place = lane * time + slow["step"]
                assert slow["target"] is not None or not slow["asked"]
                if slow["past"] is not None:
                    assert np.array_equal(chunk.past[lane, slow["step"]], slow["past"])
                    assert chunk.past_seen is None or np.array_equal(
                        chunk.past_seen[lane, slow["step"]], slow["past_seen"]
                    )
                if slow["target"] is not None:
                    assert np.array_equal(chunk.target[place], slow["target"])
                    assert np.array_equal(chunk.future[place], slow["future"])
                if chunk.target_seen is None:
                    assert slow["asked"]
                    assert slow["seen"].all()
                elif slow["seen"] is None:
                    assert not chunk.target_seen[place].any()
                else:
                    assert np.array_equal(chunk.target_seen[place], slow["seen"])


def test_a_full_panel_has_a_mask_only_in_turns_with_rows_that_do_not_count():
    panel = Panel.from_arrays(np.arange(40.0), np.arange(40).astype("M8[D]"))
    rows = rows_of(panel)
    for turn in Stream(panel, Window(4, 2).origins(panel), 2, Pace(1, 7, 3)):
        chunk = gather_chunk(rows, turn, 4, 2)
        assert chunk.past_seen is None
        assert (chunk.target_seen is None) == turn.whole


def test_a_gathered_turn_is_finite_even_where_a_lane_reads_over_the_end_of_the_panel():
    panel = sample_panel(4, 3, missing=0.3)
    for turn in Stream(panel, Window(4, 3).origins(panel), 3, Pace(3, 200, 4)):
        chunk = gather_chunk(rows_of(panel), turn, 4, 3)
        assert all(part.isfinite().all() for part in (chunk.past, chunk.target, chunk.before))


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("future", [0, 2])
def test_a_forecast_sees_the_same_past_and_what_is_known_ahead_and_no_targets(missing, future):
    panel = sample_panel(4, 3, targets=2, past=1, future=future, static=1, missing=missing)
    rows = rows_of(panel)
    index = index_of(panel, Window(4, 3).origins(panel))
    training, asked = gather(rows, index, 4, 3), gather(rows, index, 4, 3, targets=False)
    assert asked.target.shape == (len(index), 0, 2)
    assert asked.target_seen is None
    assert asked.future.shape == (len(index), 3, future)
    for name in ("past", "future", "static", "past_seen"):
        one, other = getattr(training, name), getattr(asked, name)
        assert one is other is None or torch.equal(one, other)


def test_the_newest_values_at_origins_are_the_last_of_their_contexts():
    panel = sample_panel(4, 3, targets=2, past=1)
    rows, origins = rows_of(panel), Window(4, 3).origins(panel)
    batch = gather(rows, index_of(panel, origins), 4, 3)
    assert np.array_equal(newest(rows, panel, origins), batch.past[:, -1, :2])
    assert torch.equal(batch.last, batch.past[:, 3:, :2])
    place = panel.offsets[origins.series] + origins.step
    assert index_of(panel, origins).tolist() == np.column_stack([place, origins.series]).tolist()


def test_the_newest_values_of_a_turn_are_those_at_each_of_its_steps():
    panel = sample_panel(4, 3, targets=2, past=1)
    for turn in Stream(panel, Window(4, 3).origins(panel), 3, Pace(2, 7, 3)):
        chunk = gather_chunk(rows_of(panel), turn, 4, 3)
        assert chunk.last.shape == (2 * 7, 1, 2)
        for lane in range(2):
            for step in range(7):
                assert torch.equal(chunk.last[lane * 7 + step, 0], chunk.past[lane, step, :2])


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize(
    ("cycles", "gaps"), [(("week",), ()), ((), ("y0", "x0")), (("week", "year"), ("x0",)), ((), ())]
)
def test_added_inputs_stand_behind_the_covariates_of_their_role_and_are_always_there(missing, ahead, cycles, gaps):
    panel = sample_panel(4, 3, targets=2, past=1, future=2, missing=missing)
    schema = panel.schema
    names = {old: new for old, new in zip(schema.channels, ("y0", "y1", "x0", "f0", "f1"), strict=True)}
    gaps = tuple(old for old, new in names.items() if new in gaps)
    scale = Scale.fit(panel).of(panel, 4)
    plain = scaled_rows(panel, scale, torch.float64)
    wide = scaled_rows(panel, scale, torch.float64, cycles, ahead, gaps)
    waves, there = cyclic(panel.times, cycles), marks(panel, gaps)
    assert wide.layout == (2, 1 + there.shape[1] + (0 if ahead else waves.shape[1]), 2 + ahead * waves.shape[1], 0)
    own, known = plain.values[:, :3], plain.values[:, 3:]
    expected = [own, there, known, waves] if ahead else [own, waves, there, known]
    assert np.array_equal(wide.values, np.concatenate(expected, axis=1))
    if plain.seen is None:
        assert wide.seen is None
    else:
        full = [np.ones(part.shape, dtype=bool) for part in expected]
        full[0], full[2 if ahead else 3] = plain.seen[:, :3], plain.seen[:, 3:]
        assert np.array_equal(wide.seen, np.concatenate(full, axis=1))
    moved = wide.to("cpu", torch.float32)
    assert (moved.values.dtype, moved.static.dtype, moved.layout) == (torch.float32, torch.float32, wide.layout)
    assert (moved.seen is None) == (wide.seen is None)


def test_a_table_shorter_than_a_window_has_none_and_one_of_its_length_has_one():
    panel = Panel.from_arrays(np.arange(5.0), np.arange(5).astype("M8[D]"))
    nobody = torch.zeros((0, 2), dtype=torch.int64)
    assert gather(rows_of(panel, 2), nobody, 4, 3).past.shape == (0, 4, 1)
    whole = gather(rows_of(panel, 2), torch.tensor([[3, 0]]), 3, 2)
    assert torch.equal(torch.cat([whole.past, whole.target], dim=1)[0], rows_of(panel, 2).values)
