"""Memory that cannot be enough is told before anything is made; where it runs out all the same there is advice."""

import pytest
import torch

from forecast.errors import SettingsError, TrainingError
from forecast.forecasters.recurrent import Recurrent
from forecast.training import room
from forecast.training.finite import FiniteLoss
from forecast.windows.window import Window


def test_a_network_that_no_memory_holds_is_refused_at_once():
    with pytest.raises(SettingsError, match=r"hidden_size=3000000.* weights need .* TB in training, .* are free"):
        Recurrent(Window(8, 2), "lstm", hidden_size=3_000_000)


def test_batches_that_cannot_be_held_are_refused_with_the_size_that_may(monkeypatch):
    monkeypatch.setattr(room, "free_memory", lambda: 1e6)
    room.require_batch_room(10, 100, 64)
    with pytest.raises(SettingsError, match=r"batches of 1000 .* 25.6 MB .* 1 MB are free; take batches of 19 "):
        room.require_batch_room(1000, 100, 64)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("you can't allocate memory: 9 bytes"),
    ],
)
def test_memory_that_runs_out_is_an_error_with_a_smaller_batch(error):
    with pytest.raises(TrainingError, match=r"try batches of 16 instead of 32"), room.advising(32):
        raise error


def test_other_errors_are_left_alone():
    with pytest.raises(RuntimeError, match="shapes"), room.advising(32):
        raise RuntimeError("shapes")


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), 1.0])
def test_a_device_that_is_not_waited_for_makes_no_step_from_the_first_wrong_one_on(broken):
    """The way of a GPU, on fused Adam of the CPU, which knows the same switch."""
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer, watch, seen = torch.optim.Adam([weight], lr=0.1, fused=True), FiniteLoss(), []
    for step, loss in enumerate([1.0, broken, 1.0]):
        weight.grad = torch.full((3,), loss)
        watch.loss = torch.tensor(loss)
        watch._guard(optimizer, step, torch.tensor(loss))
        optimizer.step()
        seen.append(weight.detach().clone())
    assert not torch.equal(seen[0], torch.ones(3))
    assert torch.equal(seen[1], seen[0]) == torch.equal(seen[2], seen[0]) == (broken != 1.0)
    assert watch.wrong.tolist()[0] == (-1.0 if broken == 1.0 else 1.0)
