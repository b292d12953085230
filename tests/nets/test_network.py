"""The network: the newest value counts, decoding is what it says, units follow the data."""

import pytest
import torch

from forecast.errors import SettingsError
from forecast.nets.cells import CELLS
from forecast.nets.heads import Point
from forecast.nets.network import Architecture, Network, Sizes
from forecast.nets.scaling import SCALINGS

SIZES = Sizes(context=7, horizon=3, targets=2, past=1, future=2, static=1)


def network(sizes: Sizes = SIZES, seed: int = 0, **architecture) -> Network:
    """A network whose zero-initialised layers hold numbers, as after training."""
    torch.manual_seed(seed)
    made = Network(Architecture(hidden_size=5, **architecture), sizes, Point()).double().eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    return made


def inputs(sizes: Sizes = SIZES, batch: int = 4, seed: int = 1):
    torch.manual_seed(seed)
    past = torch.randn(batch, sizes.context, sizes.targets + sizes.past + sizes.future, dtype=torch.float64)
    future = torch.randn(batch, sizes.horizon, sizes.future, dtype=torch.float64)
    return past, future, torch.randn(batch, sizes.static, dtype=torch.float64)


@pytest.mark.parametrize("channels", ["independent", "joint"])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_newest_value_counts_at_every_step(cell, scaling, skip, channels):
    past, future, static = inputs()
    past.requires_grad_()
    said = network(cell=cell, scaling=scaling, skip=skip, channels=channels)(past, future, static)
    for step in range(SIZES.horizon):
        (slope,) = torch.autograd.grad(said[:, step].sum(), past, retain_graph=True)
        assert slope.isfinite().all()
        assert (slope[:, -1, : SIZES.targets] != 0).all()


@pytest.mark.parametrize("channels", ["independent", "joint"])
@pytest.mark.parametrize("skip", [True, False])
def test_decoding_equals_a_computation_by_hand(skip, channels):
    past, future, static = inputs()
    net = network(cell="gru", scaling="last", skip=skip, channels=channels)
    said = net(past, future, static)
    level = past[:, -1:, :2]
    for origin in range(len(past)):
        for lane in range(2 if channels == "independent" else 1):
            own = (
                past[origin, :, lane : lane + 1] - level[origin, :, lane]
                if channels == "independent"
                else (past[origin, :, :2] - level[origin])
            )
            x = torch.cat([own, past[origin, :, 2:], static[origin].expand(7, 1)], dim=1)
            hidden, _ = net.cell.layer(x[:, None])
            raw = net.decoder.weight @ torch.cat([hidden[-1, 0], future[origin].flatten()]) + net.decoder.bias
            raw = raw.view(3, -1)
            for column in range(raw.shape[1]):
                target = lane + column
                expected = raw[:, column] + level[origin, 0, target]
                if skip:
                    context = past[origin, :, target] - level[origin, 0, target]
                    expected = expected + net.skip.weight @ context + net.skip.bias
                assert torch.allclose(said[origin, :, target, 0], expected, atol=1e-10)


def test_an_untrained_network_repeats_the_last_value():
    net = Network(Architecture(hidden_size=4), SIZES, Point()).double()
    past, future, static = inputs()
    assert torch.equal(net(past, future, static)[..., 0], past[:, -1:, :2].expand(-1, 3, -1))


@pytest.mark.parametrize("channels", ["independent", "joint"])
@pytest.mark.parametrize("scaling", ["last", "standard", "running"])
def test_a_shifted_past_gives_a_shifted_forecast(scaling, channels):
    net, (past, future, static) = network(scaling=scaling, channels=channels), inputs()
    shift = torch.tensor([3.0, -40.0], dtype=torch.float64)
    moved = past.clone()
    moved[..., :2] += shift
    expected = net(past, future, static) + shift[:, None]
    assert torch.allclose(net(moved, future, static), expected, atol=1e-9)


@pytest.mark.parametrize("scaling", ["standard", "running"])
def test_a_stretched_past_gives_a_stretched_forecast(scaling):
    net, (past, future, static) = network(scaling=scaling), inputs()
    stretch = torch.tensor([3.0, 0.2], dtype=torch.float64)
    moved = past.clone()
    moved[..., :2] *= stretch
    expected = net(past, future, static) * stretch[:, None]
    assert torch.allclose(net(moved, future, static), expected, atol=1e-7)


def test_without_scaling_the_units_are_left_alone():
    net, (past, future, static) = network(scaling="none"), inputs()
    moved = past.clone()
    moved[..., :2] += 10
    assert not torch.allclose(net(moved, future, static), net(past, future, static) + 10, atol=1e-2)


def test_independent_channels_are_one_network_for_every_target():
    sizes = Sizes(context=7, horizon=3, targets=4, past=1, static=1)
    net, (past, future, static) = network(sizes, channels="independent"), inputs(sizes)
    order = torch.tensor([2, 0, 3, 1])
    moved = torch.cat([past[..., order], past[..., 4:]], dim=2)
    assert torch.allclose(net(moved, future, static), net(past, future, static)[:, :, order], atol=1e-12)


def test_joint_channels_see_each_other_and_independent_ones_do_not():
    past, future, static = inputs()
    moved = past.clone()
    moved[:, 3, 0] += 1
    for channels, seen in (("joint", True), ("independent", False)):
        net = network(channels=channels)
        changed = (net(moved, future, static) != net(past, future, static))[:, :, 1]
        assert bool(changed.any()) == seen


@pytest.mark.parametrize("part", ["past", "future ahead", "static"])
@pytest.mark.parametrize("channels", ["independent", "joint"])
def test_every_covariate_reaches_the_forecast(part, channels):
    past, future, static = inputs()
    net = network(channels=channels)
    before = net(past, future, static)
    {"past": past[:, 2, 2:], "future ahead": future[:, 1], "static": static}[part].add_(1.0)
    assert (net(past, future, static) != before).all()


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_mask_that_hides_nothing_changes_nothing(scaling):
    net, (past, future, static) = network(scaling=scaling), inputs()
    assert torch.equal(net(past, future, static, torch.ones_like(past, dtype=torch.bool)), net(past, future, static))


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("settings", [{"scaling": "lasst"}, {"channels": "both"}, {"time_constant": 0.0}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(SettingsError, match=next(iter(settings))):
        Architecture(**settings)
