"""Decoders: the newest value counts at every step, nothing unknown does, and each computes what it says."""

import itertools

import pytest
import torch

from forecast.errors import SettingsError
from forecast.nets.cells import CELLS
from forecast.nets.decoders import Decoder, Direct, Recursive, Segments, Sequence, from_table, to_table
from forecast.nets.heads import Direction, Gaussian, Point
from forecast.nets.network import Architecture, Network, Sizes
from forecast.nets.recursive import free_run, start_of_windows

SIZES = Sizes(context=8, horizon=6, targets=2, future=2, static=1)
DECODERS: list[Decoder] = [Direct(), Sequence(), Sequence(attention=True), Segments(4), Recursive()]


def network(decoder: Decoder, sizes: Sizes = SIZES, head=Point(), **architecture) -> Network:  # noqa: B008
    """A network whose zero-initialised layers hold numbers, as after training."""
    torch.manual_seed(0)
    made = Network(Architecture(decoder=decoder, **{"hidden_size": 6, **architecture}), sizes, head).double().eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    return made


def inputs(sizes: Sizes = SIZES, batch: int = 3):
    torch.manual_seed(1)
    past = torch.randn(batch, sizes.context, sizes.targets + sizes.past + sizes.future, dtype=torch.float64)
    future = torch.randn(batch, sizes.horizon, sizes.future, dtype=torch.float64)
    return past, future, torch.randn(batch, sizes.static, dtype=torch.float64)


def said(net: Network, past, future, static):
    """Values [origin, step, target] for windows."""
    if isinstance(net.architecture.decoder, Recursive):
        return free_run(net, start_of_windows(net, past, static), future)[..., 0]
    return net(past, future, static)[..., 0]


@pytest.mark.parametrize("channels", ["independent", "joint"])
@pytest.mark.parametrize(("cell", "decoder"), list(itertools.product(CELLS, DECODERS)))
def test_the_newest_value_counts_at_every_step_of_every_decoder(cell, decoder, channels):
    past, future, static = inputs()
    past.requires_grad_()
    values = said(network(decoder, cell=cell, channels=channels, scaling="running", layers=2), past, future, static)
    assert values.shape == (3, 6, 2)
    for step in range(SIZES.horizon):
        (slope,) = torch.autograd.grad(values[:, step].sum(), past, retain_graph=True)
        assert slope.isfinite().all()
        assert (slope[:, -1, : SIZES.targets] != 0).all()


@pytest.mark.parametrize("channels", ["independent", "joint"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_what_is_known_ahead_reaches_the_steps_that_it_may(decoder, channels):
    past, future, static = inputs()
    future.requires_grad_()
    values = said(network(decoder, channels=channels, scaling="running"), past, future, static)
    for step in range(SIZES.horizon):
        (slope,) = torch.autograd.grad(values[:, step].sum(), future, retain_graph=True)
        reach = {Sequence: step + 1, Recursive: step + 1, Segments: 4 if step < 4 else 6, Direct: 6}[type(decoder)]
        first = 4 if isinstance(decoder, Segments) and step >= 4 else 0
        assert (slope[:, first:reach] != 0).all()
        assert (slope[:, reach:] == 0).all()
        assert (slope[:, :first] == 0).all()


@pytest.mark.parametrize("channels", ["independent", "joint"])
@pytest.mark.parametrize("decoder", [Sequence(), Sequence(attention=True), Segments(4), Recursive()])
def test_an_untrained_network_repeats_the_last_value_whatever_its_decoder(decoder, channels):
    past, future, static = inputs()
    architecture = Architecture(decoder=decoder, hidden_size=6, channels=channels, scaling="running")
    net = Network(architecture, SIZES, Point()).double()
    values = said(net, past, future, static)
    assert torch.allclose(values, past[:, -1:, :2].expand(-1, 6, -1), atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_sequence_decoder_walks_from_the_bridge_step_by_step(cell):
    past, future, static = inputs()
    net = network(Sequence(), cell=cell, layers=2, scaling="last", skip=False)
    stand, _, _ = net.encode(past, static)
    walk, values = net.decoder, said(net, past, future, static)
    for origin, target in itertools.product(range(3), range(2)):
        flat = torch.tanh(walk.bridge(stand.hidden[origin, target]))
        state = tuple(part.view(2, 1, 6).contiguous() for part in flat.split(12))
        for step in range(6):
            x = torch.cat([future[origin, step], walk.place.weight[step]])
            hidden, state = walk.cell(x[None, None], state)
            expected = walk.out(hidden[0, 0])[0] + past[origin, -1, target]
            assert torch.allclose(values[origin, step, target], expected, atol=1e-12)


def test_a_cell_of_ones_own_is_decoded_by_a_gru():
    def mine(inputs, hidden_size):
        return CELLS["rnn"](inputs, hidden_size)

    past, future, static = inputs()
    net = network(Sequence(), cell=mine)
    assert net.decoder.cell.layer.mode == "GRU"
    assert said(net, past, future, static).isfinite().all()


def test_attention_weighs_the_states_of_the_context_and_learns_to():
    past, future, static = inputs()
    net = network(Sequence(attention=True), scaling="last", skip=False)
    _, _, encoded = net.encode(past, static)
    asking = torch.randn(6, 5, 6, dtype=torch.float64)
    mixed, weights = net.decoder.attention(asking, encoded.hidden)
    assert weights.shape == (6, 5, 8)
    assert torch.allclose(weights.sum(dim=2), torch.ones(6, 5, dtype=torch.float64))
    assert (weights > 0).all()
    assert torch.allclose(mixed[2, 3], sum(weights[2, 3, t] * encoded.hidden[2, t] for t in range(8)))
    said(net, past, future, static).square().sum().backward()
    assert (net.decoder.attention.question.weight.grad != 0).any()
    with torch.no_grad():
        before = said(net, past, future, static)
        net.decoder.attention.question.weight.mul_(3.0)
        assert not torch.allclose(said(net, past, future, static), before)


def gru_step(layer, x, hidden):
    """One step of a GRU, gate by gate, for one row."""
    w, u, b, c = (getattr(layer, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    size = len(hidden)
    r, z, n = (slice(i * size, (i + 1) * size) for i in range(3))
    reset = torch.sigmoid(w[r] @ x + b[r] + u[r] @ hidden + c[r])
    update = torch.sigmoid(w[z] @ x + b[z] + u[z] @ hidden + c[z])
    new = torch.tanh(w[n] @ x + b[n] + reset * (u[n] @ hidden + c[n]))
    return (1 - update) * new + update * hidden


def test_segments_equal_the_paper_written_as_loops():
    sizes = Sizes(context=12, horizon=6, targets=3)
    past, future, static = inputs(sizes)
    net = network(Segments(4), sizes, scaling="last", skip=False)
    values, length = said(net, past, future, static), 4
    for origin, channel in itertools.product(range(3), range(3)):
        level = past[origin, -1, channel]
        hidden = torch.zeros(6, dtype=torch.float64)
        for first in range(0, 12, length):
            window = past[origin, first : first + length, channel] - level
            embedded = (net.segments.embed.weight @ window + net.segments.embed.bias).clamp(min=0)
            hidden = gru_step(net.cell.layer, embedded, hidden)
        for place in range(2):
            asked = torch.cat([net.decoder.position[place], net.decoder.channel[channel]])
            ahead = net.decoder.out(gru_step(net.cell.layer, asked, hidden)) + level
            here = slice(place * length, min((place + 1) * length, 6))
            assert torch.allclose(values[origin, here, channel], ahead[: here.stop - here.start], atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_segments_decode_from_the_whole_state_of_any_cell(cell):
    past, future, static = inputs()
    net = network(Segments(2), cell=cell, layers=2, scaling="last", skip=False)
    _, memory, _ = net.encode(past, static)
    asked = net.decoder._asked(future, 3, 2)
    values = said(net, past, future, static)
    for place in range(3):
        hidden, _ = net.cell(asked[:, :, place].flatten(0, 1)[:, None], memory.cell)
        expected = net.decoder.out(hidden[:, 0]).view(3, 2, 2).transpose(1, 2) + past[:, -1:, :2]
        assert torch.allclose(values[:, 2 * place : 2 * place + 2], expected, atol=1e-12)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_decoder_is_read_back_from_its_table(decoder):
    assert from_table(to_table(decoder)) == decoder


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("decoder", "settings", "message"),
    [
        (Segments(5), {}, "a context of 5 or 10 is"),
        (Recursive(), {"scaling": "last"}, "reads on beyond its end"),
        (Sequence(), {"cell": "none"}, "no state"),
        (Segments(4), {"cell": "none"}, "no state"),
        (Recursive(), {"head": Direction(), "scaling": "running"}, "reads values back"),
        (Recursive(), {"scaling": "running", "sizes": Sizes(8, 6, 1, past=1)}, "declare them known ahead"),
        ("sequence", {}, "Direct"),
    ],
)
def test_what_a_decoder_cannot_do_is_refused_with_a_reason(decoder, settings, message):
    with pytest.raises(SettingsError, match=message):
        network(decoder, **settings)


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        (Segments(4), "in the middle of a segment"),
        (Sequence(attention=True), "the newest state alone"),
        (Recursive(forcing=0.5), "taught at every row by the truth"),
    ],
)
def test_decoders_that_need_windows_refuse_streams_with_a_reason(decoder, message):
    with pytest.raises(SettingsError, match=message):
        network(decoder, scaling="running").require_causal()


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Segments(0), "length=0"),
        (lambda: Recursive(paths=0), "paths=0"),
        (lambda: Recursive(forcing=1.5), "forcing=1.5"),
        (lambda: Recursive(seed=-1), "seed=-1"),
        (lambda: from_table({"kind": "seqence"}), "did you mean 'sequence'"),
    ],
)
def test_settings_of_decoders_that_make_no_sense_are_refused(make, message):
    with pytest.raises(SettingsError, match=message):
        make()


def test_a_head_of_several_numbers_is_decoded_in_order():
    past, future, static = inputs()
    for decoder in (Sequence(), Segments(4)):
        net = network(decoder, head=Gaussian(), scaling="last")
        parameters = net(past, future, static)
        assert parameters.shape == (3, 6, 2, 2)
        assert (parameters[..., 1] > 0).all()
