"""Free running: what is drawn is read back like a row, so that errors add up as they truly do."""

import itertools

import pytest
import torch

from forecast.nets.cells import CELLS
from forecast.nets.decoders import Recursive
from forecast.nets.heads import Drawn, Gaussian, Point
from forecast.nets.network import Architecture, Network, Sizes
from forecast.nets.recursive import free_run, says, start_of_windows, starts_on_stream, unrolled
from forecast.nets.scaling import CAUSAL

SIZES = Sizes(context=6, horizon=5, targets=2, future=1, static=1)
PHI, SIGMA = 0.8, 0.5


def network(head=Point(), sizes: Sizes = SIZES, paths: int = 4, **architecture) -> Network:  # noqa: B008
    torch.manual_seed(0)
    settings = {"hidden_size": 5, "scaling": "running", "decoder": Recursive(paths)} | architecture
    made = Network(Architecture(**settings), sizes, head).double().eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    return made


def rows(sizes: Sizes = SIZES, steps: int = 6, lanes: int = 3):
    torch.manual_seed(1)
    past = torch.randn(lanes, steps, sizes.targets + sizes.future, dtype=torch.float64)
    future = torch.randn(lanes, sizes.horizon, sizes.future, dtype=torch.float64)
    return past, future, torch.randn(lanes, sizes.static, dtype=torch.float64)


def autoregressive(head, paths: int = 1) -> Network:
    """A network without a cell whose skip is y' = PHI y, set by hand."""
    sizes = Sizes(context=3, horizon=8, targets=1)
    net = network(head, sizes, paths, cell="none", scaling="none")
    with torch.no_grad():
        for weight in net.parameters():
            weight.zero_()
        net.skip.weight[0, -1] = PHI
        if isinstance(head, Gaussian):  # the width that the head makes of a raw number, turned around
            raw = torch.linspace(-8, 8, 200_001, dtype=torch.float64)
            one = torch.ones(1, 1, 1, dtype=torch.float64)
            widths = head.rescale(torch.stack([raw, raw], dim=-1)[None, :, None], 0 * one, one)[0, :, 0, 1]
            net.skip.bias[1] = raw[(widths - SIGMA).abs().argmin()]
    return net


@torch.no_grad()
def test_free_running_a_linear_network_is_the_closed_form_of_ar1():
    net = autoregressive(Point())
    past = torch.tensor([[[0.3], [-1.0], [2.0]]], dtype=torch.float64)
    empty = torch.zeros(1, 0, dtype=torch.float64)
    said = free_run(net, start_of_windows(net, past, empty), torch.zeros(1, 8, 0, dtype=torch.float64))
    expected = 2.0 * PHI ** torch.arange(1, 9, dtype=torch.float64)
    assert torch.allclose(said.flatten(), expected, atol=1e-12)


@torch.no_grad()
def test_the_intervals_of_a_gaussian_ar1_widen_as_the_true_ones():
    paths = 20_000
    net = autoregressive(Gaussian(), paths)
    past = torch.tensor([[[0.3], [-1.0], [2.0]]], dtype=torch.float64)
    empty, ahead = torch.zeros(1, 0, dtype=torch.float64), torch.zeros(1, 8, 0, dtype=torch.float64)
    said = free_run(net, start_of_windows(net, past, empty), ahead, keys=[7])[0, :, 0]
    steps = torch.arange(1, 9, dtype=torch.float64)
    variance = SIGMA**2 * (1 - PHI ** (2 * steps)) / (1 - PHI**2)
    assert ((said.mean(dim=1) - 2 * PHI**steps).abs() < 5 * (variance / paths).sqrt()).all()
    assert ((said.var(dim=1) / variance - 1).abs() < 5 * (2 / paths) ** 0.5).all()
    # Joint paths, not marginals: neighbouring steps of one path belong together.
    covariance = torch.cov(said[3:5])[0, 1]
    assert abs(covariance / (PHI * variance[3]) - 1) < 0.08


@torch.no_grad()
@pytest.mark.parametrize(
    ("cell", "scaling", "channels"), list(itertools.product(CELLS, CAUSAL, ["independent", "joint"]))
)
def test_a_free_run_is_reading_its_own_values_as_rows(cell, scaling, channels):
    net, (past, future, static) = network(cell=cell, scaling=scaling, channels=channels), rows()
    start = start_of_windows(net, past, static)
    said, stand = free_run(net, start, future)[..., 0], start.stand
    lived = torch.zeros(3, 0, 3, dtype=torch.float64)
    for step in range(SIZES.horizon):
        value = net.answer(stand, future[:, step : step + 1])[..., 0]
        assert torch.allclose(value[:, 0], said[:, step], atol=1e-9)
        lived = torch.cat([lived, torch.cat([value, future[:, step : step + 1]], dim=2)], dim=1)
        reading, _ = net.read(lived, static, start.memory)  # all of it again, at once
        stand = reading.at(torch.arange(3), torch.full((3,), step))


@torch.no_grad()
@pytest.mark.parametrize("scaling", ["running", "none"])
def test_a_window_stands_where_a_stream_of_its_rows_does(scaling):
    net, (past, future, static) = network(scaling=scaling), rows()
    window = start_of_windows(net, past, static)
    before, weight = past[:, :1, :2].expand(-1, 6, -1), torch.zeros(3, 6, 2, dtype=torch.float64)
    last = torch.zeros(3, 6, dtype=torch.bool)
    last[:, -1] = True
    stream, _ = starts_on_stream(net, past, static, net.begin(before, weight), None, last)
    assert torch.allclose(free_run(net, window, future), free_run(net, stream, future), atol=1e-9)


@torch.no_grad()
def test_an_origin_has_the_same_paths_whoever_runs_beside_it():
    net, (past, future, static) = network(Gaussian()), rows()
    together = free_run(net, start_of_windows(net, past, static), future, keys=[5, 6, 7])
    assert torch.equal(together, free_run(net, start_of_windows(net, past, static), future, keys=[5, 6, 7]))
    for origin in range(3):
        here = slice(origin, origin + 1)
        alone = free_run(net, start_of_windows(net, past[here], static[here]), future[here], keys=[5 + origin])
        assert torch.allclose(alone, together[here], atol=1e-12)
    assert not torch.allclose(together[0, 0], together[1, 0] - together[1, 0].mean() + together[0, 0].mean())


@torch.no_grad()
def test_many_origins_are_run_in_batches_that_change_nothing(monkeypatch):
    net, (past, future, static) = network(Gaussian()), rows(lanes=7)
    whole = free_run(net, start_of_windows(net, past, static), future, keys=list(range(7)))
    monkeypatch.setattr("forecast.nets.recursive.LANES", 9)  # two origins of four paths each
    assert torch.allclose(free_run(net, start_of_windows(net, past, static), future, keys=list(range(7))), whole)


@torch.no_grad()
@pytest.mark.parametrize("cell", CELLS)
def test_origins_on_a_stream_are_those_that_reading_up_to_them_gives(cell):
    net, (past, _, static) = network(cell=cell, layers=2), rows(steps=17)
    before, weight = past[:, :1, :2].expand(-1, 6, -1), torch.zeros(3, 6, 2, dtype=torch.float64)
    torch.manual_seed(2)
    asked = torch.rand(3, 17) < 0.3
    seen = torch.rand(past.shape) < 0.8
    start, end = starts_on_stream(net, past, static, net.begin(before, weight), seen, asked)
    whole, last = net.read(past, static, net.begin(before, weight), seen)
    lane, step = asked.nonzero(as_tuple=True)
    assert len(start.static) == len(lane) > 5
    for part, expected in zip(start.stand, whole.at(lane, step), strict=True):
        assert torch.allclose(part, expected, atol=1e-10)
    for place, (one, t) in enumerate(zip(lane.tolist(), step.tolist(), strict=True)):
        _, memory = net.read(past[:, : t + 1], static, net.begin(before, weight), seen[:, : t + 1])
        mine = memory.take(torch.tensor([one]))
        for part, expected in zip(start.memory.take(torch.tensor([place])).cell, mine.cell, strict=True):
            assert torch.allclose(part, expected, atol=1e-10)
        assert torch.equal(start.memory.recent[place], mine.recent[0])
    for part, expected in zip(end.cell, last.cell, strict=True):
        assert torch.allclose(part, expected, atol=1e-10)


def test_nobody_asks_and_the_stream_is_read_on():
    net, (past, _, static) = network(), rows()
    memory = net.begin(past[:, :, :2], torch.ones(3, 6, 2, dtype=torch.float64))
    start, end = starts_on_stream(net, past, static, memory, None, torch.zeros(3, 6, dtype=torch.bool))
    assert start is None
    assert torch.allclose(end.cell[0], net.read(past, static, memory)[1].cell[0])


@torch.no_grad()
def test_teacher_forcing_stands_on_the_truth_at_every_step():
    net, (past, future, static) = network(Gaussian()), rows()
    target = torch.randn(3, 5, 2, dtype=torch.float64)
    taught = unrolled(net, start_of_windows(net, past, static), future, target, None, forcing=1.0)
    for step in range(5):
        truth = torch.cat([past, torch.cat([target[:, :step], future[:, :step]], dim=2)], dim=1)
        memory = net.begin(past[:, :1, :2].expand(-1, 6, -1), torch.zeros(3, 6, 2, dtype=torch.float64))
        reading, _ = net.read(truth, static, memory)
        stand = reading.at(torch.arange(3), torch.full((3,), 5 + step))
        assert torch.allclose(taught[:, step], net.answer(stand, future[:, step : step + 1])[:, 0], atol=1e-9)


@torch.no_grad()
def test_without_forcing_training_runs_free_and_never_sees_the_truth():
    net, (past, future, static) = network(), rows()
    start = start_of_windows(net, past, static)
    nothing = torch.full((3, 5, 2), float("nan"), dtype=torch.float64)
    seen = torch.zeros(3, 5, 2, dtype=torch.bool)
    alone = unrolled(net, start, future, nothing, seen, forcing=0.0)
    assert torch.allclose(alone[..., 0], free_run(net, start, future)[..., 0], atol=1e-12)


@torch.no_grad()
def test_scheduled_sampling_forces_as_often_as_it_says():
    net, (past, future, static) = network(), rows(lanes=2000)
    target = torch.full((2000, 5, 2), 50.0, dtype=torch.float64)  # far from all that the network would say
    mixed = unrolled(net, start_of_windows(net, past, static), future, target, None, forcing=0.3)
    forced = unrolled(net, start_of_windows(net, past, static), future, target, None, forcing=1.0)
    share = (mixed[:, 1, 0, 0] == forced[:, 1, 0, 0]).double().mean()
    assert abs(share - 0.3) < 0.05


def test_the_score_of_paths_is_that_of_their_distribution():
    torch.manual_seed(0)
    paths = torch.randn(40, 2, 1, 9, dtype=torch.float64)
    target = torch.randn(40, 2, 1, dtype=torch.float64)
    head = Drawn(Gaussian(), 9)
    expected = head.distribution(paths.numpy(), target[:, 0].numpy()).crps(target.numpy()).mean()
    assert abs(float(head.loss(paths, target, None)) - expected) < 1e-12
    seen = torch.rand(40, 2, 1) < 0.5
    part = head.distribution(paths.numpy(), target[:, 0].numpy()).crps(target.numpy())[seen.numpy()].mean()
    assert abs(float(head.loss(paths, target.masked_fill(~seen, float("nan")), seen)) - part) < 1e-12


def test_only_a_point_head_is_spoken_of_in_its_own_parameters():
    assert says(Recursive(20), Point()) == Point()
    assert says(Recursive(20), Gaussian()) == Drawn(Gaussian(), 20)
