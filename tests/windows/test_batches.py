"""Batches of a windowed feed: every origin once, the same on any number of processes, and where a pass stands."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.windows.batches import Batches, Draw
from forecast.windows.loading import Share, weight

counts, sizes, worlds, seeds = st.integers(1, 40), st.integers(1, 12), st.integers(1, 5), st.none() | st.integers(0, 9)


def index(n: int) -> torch.Tensor:
    return torch.stack([torch.arange(n), torch.zeros(n, dtype=torch.int64)], dim=1)


def of_ranks(n: int, size: int, world: int, seed: int | None, cells: np.ndarray | None = None) -> list[Batches]:
    return [Batches(index(n), size, cells, Share(rank, world), seed) for rank in range(world)]


def rows(draw: Draw) -> list[int]:
    return draw.index[:, 0].tolist()


def order(batches: Batches) -> list[int]:
    return [row for draw in batches for row in rows(draw)]


def alike(a: list[Draw], b: list[Draw]) -> bool:
    return len(a) == len(b) and all(torch.equal(x.index, y.index) and x[1:] == y[1:] for x, y in zip(a, b, strict=True))


def test_every_origin_comes_once_an_epoch_in_full_batches_and_a_rest():
    draws = list(Batches(index(50), 8, seed=0))
    assert [len(draw.index) for draw in draws] == [8] * 6 + [2]
    assert sorted(order(Batches(index(50), 8, seed=0))) == list(range(50))
    assert order(Batches(index(50), 8)) == list(range(50))


def test_the_order_is_drawn_anew_every_epoch_and_repeats_with_the_seed():
    batches = Batches(index(50), 8, seed=3)
    first, second = order(batches), order(batches)
    assert first != second
    assert first != list(range(50))
    again = Batches(index(50), 8, seed=3)
    assert [order(again), order(again)] == [first, second]
    assert order(Batches(index(50), 8, seed=4)) != first


def test_shuffling_leaves_the_global_random_numbers_alone():
    before, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    order(Batches(index(50), 8, seed=0))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numbers)  # noqa: NPY002


@given(counts, sizes, worlds, seeds, st.booleans())
@settings(max_examples=80, deadline=None)
def test_processes_share_every_batch_of_one_and_weigh_their_parts_by_cells(n, size, world, seed, missing):
    cells = np.random.default_rng(n).integers(1, 9, n) if missing else None
    (alone,), ranks = of_ranks(n, size, 1, seed, cells), of_ranks(n, size, world, seed, cells)
    assert {len(each) for each in ranks} == {len(alone)}
    for _ in range(2):
        for whole, *parts in zip(alone, *ranks, strict=True):
            assert [row for part in parts if part.own for row in rows(part)] == rows(whole)
            assert all(len(part.index) >= 1 and (part.own or len(part.index) == 1) for part in parts)
            assert max(len(part.index) for part in parts) - min(len(part.index) for part in parts) <= 1
            for part in parts:
                counted = rows(part) if part.own else []
                assert part.own == (len(counted) if cells is None else cells[counted].sum())
                assert (part.cells, part.world) == (whole.cells, world)
            assert whole.own == whole.cells == sum(part.own for part in parts)
            assert sum(part.share for part in parts) == pytest.approx(world)


@given(counts, sizes, worlds, seeds, st.integers(0, 2), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_loader_goes_on_where_another_stood_in_the_middle_or_at_the_end_of_a_pass(n, size, world, seed, epoch, share):
    for old, new in zip(*(of_ranks(n, size, world, seed) for _ in range(2)), strict=True):
        for _ in range(epoch):
            list(old)
        draws = iter(old)
        for _ in range(max(1, round(share * len(old)))):
            next(draws)
        state = old.state_dict()
        assert all(type(value) is int for value in state.values())
        rest = [*draws, *old]
        new.load_state_dict(state)
        found = [*new] if state["position"] == len(old) else [*new, *new]
        assert alike(found, rest)


def test_a_loader_that_was_never_read_begins_with_its_first_pass_and_so_does_one_that_resumes_it():
    fresh, resumed = (Batches(index(20), 6, seed=5) for _ in range(2))
    assert fresh.state_dict() == {"epoch": -1, "position": 4}
    resumed.load_state_dict(fresh.state_dict())
    assert order(resumed) == order(fresh)
    assert fresh.state_dict() == {"epoch": 0, "position": 4}


def test_a_loader_reads_a_pass_it_resumed_once_and_then_the_next():
    whole, resumed = (Batches(index(20), 6, seed=5) for _ in range(2))
    first, second = order(whole), order(whole)
    resumed.load_state_dict({"epoch": 0, "position": 3})
    assert order(resumed) == first[18:]
    assert order(resumed) == second


def test_a_batch_without_any_observed_cell_weighs_nothing():
    (draw,) = Batches(index(3), 5, cells=np.zeros(3, dtype=np.int64))
    assert (draw.own, draw.cells, draw.share) == (0, 0, 0.0)
    assert weight(1, 1, 1) == 1.0
    assert weight(3, 4, 2) == 1.5


def test_what_is_drawn_without_a_word_of_processes_is_that_of_the_only_one():
    assert Draw(index(4), cells=4, own=4).share == 1.0
    assert [(draw.world, draw.share) for draw in Batches(index(4), 4)] == [(1, 1.0)]
