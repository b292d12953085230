"""In which order origins reach a network."""

import pytest
import torch

from forecast.errors import SettingsError
from forecast.windows.feeds import Windowed


def index(n: int) -> torch.Tensor:
    return torch.stack([torch.arange(n), torch.zeros(n, dtype=torch.int64)], dim=1)


def order(loader) -> list[int]:
    return torch.cat(list(loader))[:, 0].tolist()


def test_batches_are_integers_and_every_origin_comes_once_an_epoch():
    batches = list(Windowed(batch_size=8).loader(index(50), training=True))
    assert [len(batch) for batch in batches] == [8] * 6 + [2]
    assert all(batch.dtype == torch.int64 and batch.shape[1] == 2 for batch in batches)
    assert sorted(torch.cat(batches)[:, 0].tolist()) == list(range(50))


def test_training_order_is_shuffled_anew_every_epoch_and_repeats_with_the_seed():
    loader = Windowed(batch_size=8).loader(index(50), training=True, seed=3)
    first, second = order(loader), order(loader)
    assert first != second
    assert first != list(range(50))
    again = Windowed(batch_size=8).loader(index(50), training=True, seed=3)
    assert [order(again), order(again)] == [first, second]
    assert order(Windowed(batch_size=8).loader(index(50), training=True, seed=4)) != first


def test_validation_and_unshuffled_training_keep_the_order():
    assert order(Windowed(batch_size=8).loader(index(50), training=False)) == list(range(50))
    assert order(Windowed(batch_size=8, shuffle=False).loader(index(50), training=True)) == list(range(50))


def test_shuffling_leaves_the_global_random_numbers_alone():
    before = torch.get_rng_state()
    order(Windowed(batch_size=8).loader(index(50), training=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_batch_holds_at_least_one_origin():
    with pytest.raises(SettingsError, match="batch_size=0"):
        Windowed(batch_size=0)
