"""Streams: what a turn says of itself, and passes that repeat, resume and begin anew."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from passes import one_pass, paces, panel_of, panels, seeds, streams, windows, worlds

from forecast.data.panel import Origins, Panel
from forecast.errors import SettingsError
from forecast.windows.feeds import Streamed
from forecast.windows.stream import Pace, Stream, Turn, cells_ahead
from forecast.windows.window import Window


def same(a: Turn, b: Turn) -> bool:
    return torch.equal(a.index, b.index) and torch.equal(a.asked, b.asked) and a[2:] == b[2:]


def alike(a: list[Turn], b: list[Turn]) -> bool:
    return len(a) == len(b) and all(map(same, a, b))


def cells_by_hand(panel: Panel, turn: Turn, horizon: int) -> int:
    total, targets = 0, panel.layout.targets
    for (row, *_), asked in zip(turn.index.tolist(), turn.asked.tolist(), strict=True):
        for step, counts in enumerate(asked):
            if counts:
                total += int(panel.observed[row + step + 1 : row + step + 1 + horizon, :targets].sum())
    return total


@given(panels(), windows, paces, worlds, seeds)
@settings(max_examples=50, deadline=None)
def test_a_turn_says_what_it_holds(panel, window, pace, world, seed):
    ranks = [one_pass(stream) for stream in streams(panel, window, pace, world, seed)]
    for number, turns in enumerate(zip(*ranks, strict=True)):
        own = [cells_by_hand(panel, turn, window.horizon) for turn in turns]
        for turn, mine in zip(turns, own, strict=True):
            assert (turn.own, turn.cells, turn.world) == (mine, sum(own), world)
            assert turn.share == pytest.approx(world * mine / max(sum(own), 1))
            assert turn.whole == bool(turn.asked.all())
            assert turn.fresh == bool(turn.index[:, 3].any())
            assert turn.first == (number == 0)
            assert not turn.first or turn.index[:, 3].all()
        assert sum(turn.share for turn in turns) == pytest.approx(world if sum(own) else 0)


@given(panels(), windows, paces, worlds, seeds)
@settings(max_examples=30, deadline=None)
def test_every_pass_has_the_same_number_of_turns_on_every_process(panel, window, pace, world, seed):
    for stream in (ranks := streams(panel, window, pace, world, seed)):
        assert len(stream) == len(ranks[0])
        assert [len(list(stream)) for _ in range(4)] == [len(stream)] * 4
        assert stream.lanes % world == 0
        assert all(turn.index.shape == (stream.lanes // world, 4) for turn in stream)


@given(panels(), windows, paces, worlds, st.integers(0, 9), st.integers(0, 4))
@settings(max_examples=30, deadline=None)
def test_a_pass_is_drawn_by_seed_and_epoch_alone(panel, window, pace, world, seed, epoch):
    first, second = (
        [one_pass(stream, epoch) for stream in streams(panel, window, pace, world, seed)] for _ in range(2)
    )
    assert all(map(alike, first, second))
    plain = streams(panel, window, pace, world, None)[0]
    assert alike(one_pass(plain), one_pass(plain))


def test_another_epoch_and_another_seed_give_another_pass():
    panel, window, pace = panel_of([90, 50]), Window(9, 2), Pace(3, 7, 7)
    (stream,), (other,) = (streams(panel, window, pace, 1, seed) for seed in (0, 1))
    passes = [one_pass(stream) for _ in range(5)] + [one_pass(other)]
    assert not any(alike(a, b) for i, a in enumerate(passes) for b in passes[:i])


def test_chunk_edges_fall_everywhere_in_the_course_of_epochs():
    panel = panel_of([100])
    (stream,) = streams(panel, Window(20, 1), Pace(1, 8, 8), 1, 0)
    assert {int(one_pass(stream)[0].index[0, 0]) % 8 for _ in range(80)} == set(range(8))


@given(panels(), windows, paces, worlds, seeds, st.integers(0, 2), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_a_stream_goes_on_where_another_stood_in_the_middle_or_at_the_end_of_a_pass(
    panel, window, pace, world, seed, epoch, share
):
    for old, new in zip(*(streams(panel, window, pace, world, seed) for _ in range(2)), strict=True):
        assume(len(old))
        for _ in range(epoch):
            list(old)
        turns = iter(old)
        for _ in range(max(1, round(share * len(old)))):
            next(turns)
        state = old.state_dict()
        assert all(type(value) is int for value in state.values())
        rest = [*turns, *old]
        new.load_state_dict(state)
        found = [*new] if state["position"] == len(old) else [*new, *new]
        assert alike(found, rest)


def test_a_stream_that_was_never_read_resumes_at_its_first_pass():
    old, new = (streams(panel_of([60]), Window(5, 2), Pace(2, 4, 4), 1, 3)[0] for _ in range(2))
    new.load_state_dict(old.state_dict())
    assert alike(list(new), list(old))


def test_an_abandoned_pass_is_not_gone_on_with():
    (stream,) = streams(panel_of([60]), Window(5, 2), Pace(2, 4, 4), 1, None)
    turns = iter(stream)
    next(turns), next(turns)
    fresh = list(stream)
    assert len(fresh) == len(stream)
    assert fresh[0].first
    assert stream.state_dict()["epoch"] == 1


def test_more_lanes_than_origins_and_more_processes_than_series_leave_lanes_idle():
    panel = panel_of([9, 2])
    ranks = [one_pass(stream) for stream in streams(panel, Window(6, 2), Pace(1, 4, 0), 3, 0)]
    assert {len(turns) for turns in ranks} == {1}
    assert sorted(int(turns[0].asked.sum()) for turns in ranks) == [0, 0, 2]
    assert {turns[0].cells for turns in ranks} == {4}


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"shuffle": True}, "read in order"),
        ({"lanes": 0}, "lanes=0"),
        ({"lanes": 2.0}, "lanes=2.0"),
        ({"chunk": 0}, "chunk=0"),
        ({"chunk": True}, "chunk=True"),
        ({"chunk": "month"}, "chunk='month'.*or \"season\""),
        ({"burn_in": -1}, "burn_in=-1"),
        ({"lanes": "season"}, "lanes='season'"),
    ],
)
def test_settings_that_cannot_be_streamed_are_refused(wrong, word):
    with pytest.raises(SettingsError, match=word):
        Streamed(**wrong)


@pytest.mark.parametrize(("season", "chunk"), [(1, 24), (7, 28), (12, 24), (24, 24), (168, 168)])
def test_a_chunk_of_seasons_is_a_multiple_of_the_season_of_at_least_24_steps(season, chunk):
    assert Streamed(chunk="season").settled([10_000], season).chunk == chunk


@pytest.mark.parametrize("rows", [1, 100, 5_000, 10**6])
def test_lanes_are_chosen_so_that_a_pass_has_updates_enough(rows):
    pace = Streamed(chunk=10).settled([rows], 1)
    assert 1 <= pace.lanes <= 32
    assert pace.lanes == 1 or rows / pace.lanes / pace.chunk >= 32
    assert pace.burn_in == 10


def test_many_short_series_need_a_turn_each_and_get_lanes_for_them():
    assert Streamed(chunk=24).settled([5] * 300, 1).lanes == 9


def test_what_is_given_is_kept():
    assert Streamed(lanes=5, chunk=3, burn_in=0).settled([10**6], 7) == Pace(5, 3, 0)
    assert Streamed(lanes=np.int64(5)).settled([10], 1).lanes == 5


def test_a_stream_draws_no_global_random_numbers():
    before = torch.get_rng_state()
    list(Stream(panel := panel_of([50]), Window(5, 2).origins(panel), 2, Pace(2, 4, 4), seed=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_lane_without_anything_to_read_names_a_row_and_a_series_that_exist_and_asks_nothing():
    panel = panel_of([9])
    (turn,) = Stream(panel, Window(6, 2).origins(panel), 2, Pace(3, 4, 0))
    assert turn.index.tolist() == [[5, 0, 0, 1], [6, 0, 0, 1], [0, 0, 0, 1]]
    assert turn.asked.tolist() == [[True, False, False, False]] * 2 + [[False] * 4]
    assert (turn.own, turn.cells, turn.whole, turn.share) == (4, 4, False, 1.0)


def test_cells_ahead_are_the_observed_targets_of_the_horizon():
    values = np.array([[1.0, np.nan], [2.0, 2.0], [np.nan, np.nan], [4.0, np.nan], [5.0, 5.0]])
    panel = Panel.from_arrays(values, np.arange(5).astype("M8[D]"))
    origins = Origins(np.zeros(4, dtype=np.int64), np.arange(4))
    assert cells_ahead(panel, origins, 1).tolist() == [1, 2, 0, 1]
    assert cells_ahead(panel, origins[:3], 2).tolist() == [3, 2, 1]


def test_a_stream_says_after_every_turn_how_many_of_the_pass_were_read():
    (stream,) = streams(panel_of([60]), Window(5, 2), Pace(2, 4, 4), 1, 3)
    for epoch in range(2):
        for count, turn in enumerate(stream, start=1):
            assert stream.state_dict() == {"epoch": epoch, "position": count}
            assert Turn(*turn[:7]).share == turn.share == float(turn.cells > 0)
