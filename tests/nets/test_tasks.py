"""Tasks without labels: what is said is in the future of what was read, or has gone through the state."""

import pytest
import torch

from forecast.errors import SettingsError
from forecast.nets.decoders import Segments
from forecast.nets.heads import Point
from forecast.nets.network import Architecture, Network, Sizes
from forecast.nets.tasks import TASKS, NextStep, Reconstruction

SIZES = Sizes(context=6, horizon=3, targets=2, past=1)


def made(kind, **settings):
    torch.manual_seed(0)
    task = kind(Network(Architecture(**{"hidden_size": 4} | settings), SIZES, Point()), covariates=(2,))
    torch.nn.init.normal_(task.said.weight)
    return task.double().eval()


def windows(rows: int = 7) -> torch.Tensor:
    return torch.randn(5, rows, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


STATIC = torch.zeros(5, 0, dtype=torch.float64)


@pytest.mark.parametrize("channels", ["independent", "joint"])
@pytest.mark.parametrize("scaling", ["last", "standard", "running", "none"])
@pytest.mark.parametrize("kind", TASKS.values(), ids=TASKS)
def test_a_task_teaches_the_cell_and_leaves_decoder_and_skip_alone(kind, scaling, channels):
    task = made(kind, scaling=scaling, channels=channels)
    task(windows(), STATIC).backward()
    learning = {name for name, weight in task.network.named_parameters() if weight.grad is not None}
    assert learning == {f"cell.{name}" for name, _ in task.network.cell.named_parameters()}
    assert all(
        weight.grad.isfinite().all() and weight.grad.abs().sum() > 0 for weight in task.network.cell.parameters()
    )


@pytest.mark.parametrize("scaling", ["last", "running"])
def test_the_next_row_is_not_read_before_it_is_said(scaling):
    task = made(NextStep, scaling=scaling)
    assert task.steps == (1 if scaling == "last" else 3)
    x = windows().requires_grad_()
    # What is said of the last row depends on the rows before it alone: the loss is a square in that row.
    gradient = []
    for far in (0.0, 1.0, 2.0):
        moved = torch.cat([x[:, :-1], x[:, -1:] + far], dim=1)
        gradient.append(torch.autograd.grad(task(moved, STATIC), moved)[0][:, -1])
    assert torch.allclose(gradient[2] - gradient[1], gradient[1] - gradient[0], atol=1e-10)
    assert (gradient[1] - gradient[0]).abs().min() > 1e-3


def test_only_observed_cells_are_taught():
    for kind in TASKS.values():
        task, x, seen = made(kind), windows(), torch.ones(5, 7, 3, dtype=torch.bool)
        assert torch.allclose(task(x, STATIC, seen), task(x, STATIC), atol=1e-12)
        seen[:, :, 2] = False
        loss = task(x, STATIC, seen)
        task.said.weight.data[1] = 7.0  # what is said of the covariate
        assert torch.allclose(task(x, STATIC, seen), loss, atol=1e-12)


def test_a_window_is_said_again_from_the_state_alone():
    task = made(Reconstruction, scaling="none")
    state = []
    task.cell.register_forward_pre_hook(lambda _, given: state.append(given))
    task(windows(), STATIC)
    nothing, start = state[0]
    assert not nothing.any()
    assert torch.equal(start[0], task.network.encode(windows()[:, :-1], STATIC)[1].cell[0])


def test_what_has_no_state_or_reads_segments_is_refused():
    with pytest.raises(SettingsError, match="without a state"):
        made(NextStep, cell="none")
    with pytest.raises(SettingsError, match='task="next-step"'):
        made(Reconstruction, decoder=Segments(2))
    assert torch.isfinite(made(NextStep, decoder=Segments(2))(windows(), STATIC))
    assert torch.isfinite(made(NextStep, cell="bidirectional-gru")(windows(), STATIC))
    assert torch.isfinite(made(Reconstruction, cell="bidirectional-gru")(windows(), STATIC))
