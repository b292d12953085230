"""Lanes: a pass reads series in order, asks every origin once, and wastes no turn it could spare."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passes import epochs, one_pass, paces, panel_of, panels, readings, seeds, streams, windows, worlds

from forecast.data.panel import Origins
from forecast.windows.lanes import Segments, lay_out, segments
from forecast.windows.stream import Pace, Stream
from forecast.windows.window import Window


@given(panels(), windows, paces, worlds, seeds, epochs)
@settings(max_examples=60, deadline=None)
def test_every_lane_reads_contiguous_slices_of_one_series_each(panel, window, pace, world, seed, epoch):
    for stream in streams(panel, window, pace, world, seed):
        for read in readings(one_pass(stream, epoch)):
            if not read.asked:  # an idle lane is renewed every turn
                assert read.turns == 1
                continue
            first, stop = panel.offsets[read.series], panel.offsets[read.series + 1]
            assert read.begin == first <= read.rows[0]
            assert read.asked[-1] < stop
            assert read.rows == list(range(read.rows[0], read.rows[0] + len(read.rows)))
            assert read.asked[-1] in read.rows[-pace.chunk :], "the last turn of a segment asks nothing"
            before = panel.values[read.rows[0] : read.asked[-1] + 1]
            step = read.rows[0] - first
            whole = panel.values[first:stop]
            assert np.array_equal(before, whole[step : step + len(before)], equal_nan=True)


@given(panels(), windows, paces, worlds, seeds, epochs)
@settings(max_examples=60, deadline=None)
def test_every_origin_is_asked_exactly_once_a_pass_over_all_lanes_and_processes(
    panel, window, pace, world, seed, epoch
):
    asked = [
        row
        for stream in streams(panel, window, pace, world, seed)
        for read in readings(one_pass(stream, epoch))
        for row in read.asked
    ]
    origins = window.origins(panel)
    assert sorted(asked) == (panel.offsets[origins.series] + origins.step - 1).tolist()


@given(panels(), windows, paces, worlds, seeds, epochs)
@settings(max_examples=60, deadline=None)
def test_a_segment_is_burnt_in_before_its_first_origin_as_far_as_its_series_reaches(
    panel, window, pace, world, seed, epoch
):
    for stream in streams(panel, window, pace, world, seed):
        for read in readings(one_pass(stream, epoch)):
            if read.asked:
                ahead, reach = read.asked[0] - read.rows[0], read.asked[0] - read.begin
                wanted = min(pace.burn_in, reach)
                drawn = 0 if seed is None else 2 * pace.chunk - 1
                assert wanted <= ahead <= min(reach, wanted + drawn)


@pytest.mark.parametrize("burn_in", [0, 12, 24, 48])
def test_no_pass_of_a_long_series_begins_a_segment_cold_and_edges_fall_on_every_row(burn_in):
    panel = panel_of([4000])
    parts = segments(panel, Window(24, 6).origins(panel), 8)
    edges, shapes = set(), set()
    for epoch in range(150):
        turns = lay_out(parts, 8, 24, burn_in, np.random.default_rng(epoch))
        shapes.add(turns.row.shape)
        for place in np.argwhere(turns.fresh & (turns.segment > 0)):
            part = turns.segment[tuple(place)]
            assert parts.first[part] - turns.row[tuple(place)] >= burn_in
            edges.add((part, turns.row[tuple(place)] % 24))
    assert len(shapes) == 1
    assert len(edges) == 7 * 24


@given(panels(), windows, st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_segments_part_the_origins_and_begin_and_end_with_one(panel, window, lanes):
    origins = window.origins(panel)
    parts = segments(panel, origins, lanes)
    rows = panel.offsets[origins.series] + origins.step - 1
    inside = [rows[(rows >= a) & (rows < b)] for a, b in zip(parts.first, parts.stop, strict=True)]
    assert np.array_equal(np.concatenate([*inside, np.zeros(0, dtype=np.int64)]), rows)
    assert all(each[0] == a and each[-1] == b - 1 for each, a, b in zip(inside, parts.first, parts.stop, strict=True))
    assert np.array_equal(parts.begin, panel.offsets[parts.series])


def test_as_many_series_as_lanes_are_not_cut_and_one_long_series_is_cut_evenly():
    equal = panel_of([40] * 4)
    assert len(segments(equal, Window(4, 2).origins(equal), 4)) == 4
    lonely = panel_of([200])
    parts = segments(lonely, Window(4, 2).origins(lonely), 8)
    lengths = parts.stop - parts.first
    assert len(parts) == 8
    assert lengths.max() - lengths.min() <= 1


def test_a_series_much_longer_than_the_others_is_cut_and_the_lanes_have_equally_much_to_read():
    panel = panel_of([300, 30, 30])
    parts = segments(panel, Window(4, 2).origins(panel), 4)
    assert np.bincount(parts.series).tolist() == [3, 1, 1]
    turns = lay_out(parts, 4, 10, 0, None)
    assert (turns.segment >= 0).mean() > 0.7


def test_many_short_series_fill_few_lanes_to_the_brim():
    panel = panel_of([20] * 50)
    turns = lay_out(segments(panel, Window(4, 2).origins(panel), 5), 5, 15, 0, np.random.default_rng(0))
    assert turns.row.shape == (10, 5)
    assert (turns.segment >= 0).all()
    assert turns.fresh.all()


def test_gaps_between_origins_that_no_lane_needs_are_not_read():
    panel = panel_of([100])
    origins = Origins(np.zeros(2, dtype=np.int64), np.array([10, 90]))
    parts = segments(panel, origins, 2)
    assert parts.first.tolist() == [9, 89]
    assert parts.stop.tolist() == [10, 90]


def test_no_origins_are_no_turns():
    panel = panel_of([10])
    nothing = Origins(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    parts = segments(panel, nothing, 3)
    assert len(parts) == 0
    assert lay_out(parts, 3, 4, 2, None).row.shape == (0, 3)
    assert list(Stream(panel, nothing, 2, Pace(3, 4, 2))) == []


def stretches(*rows: int, begin: int = 0, first: int = 100) -> Segments:
    """Segments of so many rows, each of a series of its own that begins `first - begin` rows before."""
    starts = np.arange(len(rows)) * 1000
    return Segments(np.arange(len(rows)), starts + begin, starts + first, starts + first + np.array(rows))


@pytest.mark.parametrize("needed", [1, 7, 8, 9, 20])
def test_one_turn_more_is_read_from_eight_on_where_that_leaves_more_places_for_the_edges(needed):
    full, reach = stretches(5 * needed - 3), stretches(5 * needed - 3, begin=97)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        assert len(lay_out(full, 1, 5, 3, rng).row) == needed + (needed >= 8)
        assert len(lay_out(reach, 1, 5, 3, rng).row) == needed
        # A turn of room is there already: a turn more would leave no more of it.
        assert len(lay_out(stretches(5 * needed - 4 - 3), 1, 5, 3, rng).row) == needed
    assert len(lay_out(full, 1, 5, 3, None).row) == needed


def test_long_segments_are_packed_first_so_that_lanes_end_together():
    parts = stretches(10, 9, 10, 40, 8, 10, 20)
    for seed in range(30):
        turns = lay_out(parts, 3, 10, 0, np.random.default_rng(seed))
        assert len(turns.row) == 4
        assert (turns.segment >= 0).sum() == 11


def test_a_segment_is_as_long_as_it_needs_and_begins_where_its_lane_is_free():
    turns = lay_out(stretches(25, 5, 12), 2, 10, 0, None)
    assert turns.segment.T.tolist() == [[0, 0, 0], [1, 2, 2]]
    assert turns.fresh.T.tolist() == [[True, False, False], [True, True, False]]
    assert turns.row.T.tolist() == [[100, 110, 120], [1100, 2100, 2110]]


def test_an_idle_lane_is_fresh_and_stands_at_the_first_row():
    turns = lay_out(stretches(25), 3, 10, 0, None)
    assert turns.segment.T.tolist() == [[0, 0, 0], [-1] * 3, [-1] * 3]
    assert turns.fresh.T.tolist() == [[True, False, False], [True] * 3, [True] * 3]
    assert not turns.row[:, 1:].any()


def test_a_series_is_cut_into_no_more_segments_than_it_has_rows():
    panel = panel_of([12, 7])
    origins = Window(4, 2).origins(panel)
    parts = segments(panel, origins, 100)
    assert len(parts) == len(origins) == 9
    assert (parts.stop - parts.first == 1).all()
    assert [len(segments(panel, origins, lanes)) for lanes in (1, 2, 3, 4)] == [2, 3, 3, 4]
