"""Renewal: a state that is not finite begins anew at its step, wherever a stream is cut, and moves no other lane."""

import pytest
import torch

from forecast.nets.heads import Point
from forecast.nets.memory import Memory, Stand
from forecast.nets.network import Architecture, Network, Sizes
from forecast.nets.renewal import read_on

SIZES = Sizes(context=3, horizon=2, targets=2)
STEPS = 90


def doubling() -> Network:
    """Its states double with every step: float32 ends after some ninety of them, sooner where inputs are larger."""
    torch.manual_seed(0)
    network = Network(Architecture("rnn-relu", 3, scaling="none"), SIZES, Point()).eval()
    with torch.no_grad():
        network.cell.layer.weight_hh_l0.copy_(2 * torch.eye(3))
        network.cell.layer.weight_ih_l0.fill_(1.0)
        network.decoder.weight.normal_()
    return network


def read(network: Network, cuts: list[int], past: torch.Tensor) -> tuple[Stand, Memory]:
    memory = network.begin(past[:, :1].expand(-1, 3, -1), torch.zeros(len(past), 3, 2))
    stands = []
    for piece in torch.tensor_split(past, cuts, dim=1):
        reading, memory = read_on(network, piece, torch.zeros(len(past), 0), memory)
        stands.append([part.unflatten(0, (len(past), -1)) for part in reading.everywhere()])
    return Stand(*(torch.cat(parts, 1) for parts in zip(*stands, strict=True))), memory


@pytest.mark.filterwarnings("ignore:a state was not finite:RuntimeWarning")
@torch.no_grad()
def test_a_state_that_is_not_finite_begins_anew_at_its_step_wherever_the_stream_is_cut():
    network, past = doubling(), torch.rand(4, STEPS, 2) + 0.1
    past[1] *= 1e30
    past[3] *= 1e36
    whole, end = read(network, [], past)
    assert whole.hidden.isfinite().all()
    restarts = (whole.hidden == 0).all(dim=3).all(dim=2).sum(dim=1).tolist()
    assert restarts[1] > 1
    assert restarts[3] > restarts[1] > restarts[0]
    for cuts in ([1], [40, 41], list(range(1, STEPS))):
        pieces, last = read(network, cuts, past)
        assert torch.equal(pieces.hidden, whole.hidden)
        assert torch.equal(last.cell[0], end.cell[0])
        assert torch.equal(last.recent, end.recent)


@pytest.mark.filterwarnings("ignore:a state was not finite:RuntimeWarning")
@torch.no_grad()
def test_lanes_that_stay_finite_read_on_as_if_they_were_alone():
    network, past = doubling(), torch.rand(3, 60, 2) + 0.1
    quiet, _ = read(network, [], past)
    past[1] *= 1e36
    loud, _ = read(network, [], past)
    assert torch.equal(loud.hidden[[0, 2]], quiet.hidden[[0, 2]])
    assert not torch.equal(loud.hidden[1], quiet.hidden[1])


def test_a_renewal_is_said():
    with torch.no_grad(), pytest.warns(RuntimeWarning, match="not finite any more and begins anew"):
        read(doubling(), [], torch.full((1, STEPS, 2), 1e30))
