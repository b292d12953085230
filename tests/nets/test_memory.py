"""Memory: a network may stop reading anywhere and go on, lanes do not see each other, fresh ones begin anew."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from forecast.errors import SettingsError
from forecast.nets.cells import CELLS, Fused
from forecast.nets.heads import Point
from forecast.nets.memory import Memory, Stand, joined, renewed
from forecast.nets.network import Architecture, Network, Sizes
from forecast.nets.scaling import CAUSAL, Moments, running_moments

SIZES = Sizes(context=5, horizon=3, targets=2, past=1, future=2, static=1)
LANES, STEPS = 3, 23
KINDS = list(itertools.product(CELLS, [1, 2], ["independent", "joint"], CAUSAL))


def network(sizes: Sizes = SIZES, seed: int = 0, **architecture) -> Network:
    """A network whose zero-initialised layers hold numbers, as after training."""
    torch.manual_seed(seed)
    settings = {"hidden_size": 4, "scaling": "running"} | architecture
    made = Network(Architecture(**settings), sizes, Point()).double().eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    return made


def carried_forward(values: Tensor, seen: Tensor) -> Tensor:
    """What a panel does with missing cells: the last observed value stands there, 0 before the first."""
    held = torch.zeros_like(values[:, 0])
    steps = []
    for step in range(values.shape[1]):
        held = torch.where(seen[:, step], values[:, step], held)
        steps.append(held)
    return torch.stack(steps, dim=1)


def stream(sizes: Sizes = SIZES, steps: int = STEPS, missing: float = 0.0, seed: int = 1, lanes: int = LANES):
    """Rows, static covariates, what was observed, and what lies before the first row of lanes that begin."""
    draw = torch.Generator().manual_seed(seed)
    channels = sizes.targets + sizes.past + sizes.future
    values = 3 + torch.randn(lanes, sizes.context + steps, channels, generator=draw, dtype=torch.float64)
    seen = torch.rand(values.shape, generator=draw) >= missing
    values = carried_forward(values, seen)
    static = torch.randn(lanes, sizes.static, generator=draw, dtype=torch.float64)
    before = values[:, : sizes.context, : sizes.targets]
    weight = seen[:, : sizes.context, : sizes.targets].double()
    return values[:, sizes.context :], static, seen[:, sizes.context :], before, weight


def flat(memory: Memory) -> list[Tensor]:
    return [*memory.cell, memory.recent, *memory.moments]


def read_in_pieces(net: Network, cuts: list[int], past, static, seen, memory: Memory) -> tuple[Stand, Memory]:
    """The stand at every step of a stream cut at `cuts`, lane after lane."""
    stands = []
    for piece, mask in zip(torch.tensor_split(past, cuts, 1), torch.tensor_split(seen, cuts, 1), strict=True):
        reading, memory = net.read(piece, static, memory, mask)
        stands.append([part.unflatten(0, (len(past), -1)) for part in reading.everywhere()])
    return Stand(*(torch.cat(parts, 1).flatten(0, 1) for parts in zip(*stands, strict=True))), memory


@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize(("cell", "layers", "channels", "scaling"), KINDS)
@torch.no_grad()
def test_reading_may_be_cut_anywhere(cell, layers, channels, scaling, missing):
    net = network(cell=cell, layers=layers, channels=channels, scaling=scaling)
    past, static, seen, before, weight = stream(missing=missing)
    future = torch.randn(LANES * STEPS, SIZES.horizon, SIZES.future, dtype=torch.float64)
    whole, end = read_in_pieces(net, [], past, static, seen, net.begin(before, weight))
    draw = torch.Generator().manual_seed(2)
    cuts = [sorted(torch.randperm(STEPS - 1, generator=draw)[:count].add(1).tolist()) for count in (1, 2, 5)]
    for each in [*cuts, list(range(1, STEPS))]:
        stand, last = read_in_pieces(net, each, past, static, seen, net.begin(before, weight))
        assert (net.answer(stand, future) - net.answer(whole, future)).abs().max() < 1e-10
        assert max((a - b).abs().max() for a, b in zip(flat(last), flat(end), strict=True)) < 1e-10


@given(
    time_constant=st.floats(0.5, 40),
    missing=st.sampled_from([0.0, 0.5, 0.97, 1.0]),
    cuts=st.sets(st.integers(1, 599), max_size=5),
    seed=st.integers(0, 99),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=60, deadline=None)
def test_a_running_scale_may_be_cut_anywhere_whatever_the_gaps(time_constant, missing, cuts, seed, dtype):
    sizes = Sizes(context=4, horizon=1, targets=1)
    net = network(sizes, cell="rnn", time_constant=time_constant).to(dtype)
    past, static, seen, before, weight = stream(sizes, 600, missing, seed, lanes=2)
    past, static, before, weight = (part.to(dtype) for part in (past, static, before, weight))
    with torch.no_grad():
        begun = net.begin(before, weight)
        (whole, end), (pieces, last) = (
            read_in_pieces(net, each, past, static, seen, begun) for each in ([], sorted(cuts))
        )
    # The scale itself keeps its digits; a value less the mean, over a spread of 1e-4 or more, has fewer.
    exact, divided = (1e-10, 1e-9) if dtype == torch.float64 else (2e-6, 1e-2)
    scales = zip([whole.shift, whole.spread, *end.moments], [pieces.shift, pieces.spread, *last.moments], strict=True)
    others = zip([whole.hidden, whole.context, *end.cell], [pieces.hidden, pieces.context, *last.cell], strict=True)
    for pairs, digits in ((scales, exact), (others, divided)):
        for a, b in pairs:
            assert a.isfinite().all()
            assert torch.allclose(a, b, rtol=digits, atol=digits)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("time_constant", [0.3, 2.0, 12.0])
@pytest.mark.parametrize("cut", [3, 100, 255, 256, 700, None])
@torch.no_grad()
def test_mean_and_spread_hold_through_a_gap_of_any_length(cut, time_constant, dtype):
    sizes = Sizes(context=2, horizon=1, targets=1)
    net = network(sizes, cell="rnn", time_constant=time_constant).to(dtype)
    past = torch.tensor([1.0, 3.0, 2.0] + [2.0] * 997, dtype=dtype)[None, :, None]
    seen = (torch.arange(1000) < 3)[None, :, None]
    zeros = torch.zeros(1, 2, 1, dtype=dtype)
    cuts = [] if cut is None else [cut]
    stand, memory = read_in_pieces(net, cuts, past, torch.zeros(1, 0, dtype=dtype), seen, net.begin(zeros, zeros))
    for part in (stand.shift, stand.spread):
        assert torch.allclose(part[3:], part[2:3].expand(997, -1, -1), rtol=1e-6)
    assert memory.moments.weight > 0
    assert all(part.isfinite().all() for part in flat(memory))


@pytest.mark.parametrize("gap", [0, 5, 60, 400])
@torch.no_grad()
def test_after_a_gap_float32_finds_the_spread_that_float64_finds(gap):
    """The newest value against a mean that hardly counts any more: a difference of nearly equal numbers, if taken."""
    x = torch.tensor([0.0, 5.0, 10.0] + [10.0] * gap + [7.0, 7.5, 9.0], dtype=torch.float64)[None, :, None]
    weight = torch.ones_like(x)
    weight[0, 3 : 3 + gap] = 0
    wide = running_moments(x, weight, 2.0)
    narrow = running_moments(x.float(), weight.float(), 2.0)
    assert torch.allclose(wide[1].float(), narrow[1], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("channels", ["independent", "joint"])
@pytest.mark.parametrize("cell", CELLS)
@torch.no_grad()
def test_what_a_lane_reads_moves_no_other_lane_by_a_bit(cell, channels):
    net = network(cell=cell, channels=channels, layers=2)
    past, static, seen, before, weight = stream(missing=0.2)
    other = [part.clone() for part in (past, static, seen, before, weight)]
    draw = torch.Generator().manual_seed(3)
    for part in other:
        part[1] = torch.randn(part[1].shape, generator=draw).to(part.dtype) if part.dtype != torch.bool else True
    future = torch.zeros(LANES * STEPS, SIZES.horizon, SIZES.future, dtype=torch.float64)
    said, ends = [], []
    for rows, fixed, mask, ahead, there in ((past, static, seen, before, weight), other):
        stand, end = read_in_pieces(net, [4, 9], rows, fixed, mask, net.begin(ahead, there))
        said.append(net.answer(stand, future).unflatten(0, (LANES, STEPS)))
        ends.append(end)
    for lane, moved in ((0, False), (1, True), (2, False)):
        assert torch.equal(said[0][lane], said[1][lane]) != moved
        pair = [flat(end.lanes(slice(lane, lane + 1))) for end in ends]
        assert all(map(torch.equal, *pair)) != moved


@pytest.mark.parametrize("channels", ["independent", "joint"])
@pytest.mark.parametrize("cell", CELLS)
@torch.no_grad()
def test_exactly_the_fresh_lanes_are_renewed(cell, channels):
    net = network(cell=cell, channels=channels, layers=2)
    past, static, seen, before, weight = stream()
    begun = net.begin(before, weight)
    _, old = net.read(past, static, begun, seen)
    for flags in itertools.product([False, True], repeat=LANES):
        mixed = renewed(old, begun, torch.tensor(flags))
        for lane, fresh in enumerate(flags):
            here = slice(lane, lane + 1)
            expected = flat((begun if fresh else old).lanes(here))
            assert all(map(torch.equal, flat(mixed.lanes(here)), expected))


@torch.no_grad()
def test_a_lane_that_is_renewed_forgets_even_what_was_not_finite():
    net = network()
    *_, before, weight = stream()
    begun = net.begin(before, weight)
    cell, moments = tuple(part * torch.nan for part in begun.cell), (part * torch.nan for part in begun.moments)
    broken = Memory(cell, begun.recent * torch.nan, Moments(*moments))
    mixed = renewed(broken, begun, torch.ones(LANES, dtype=torch.bool))
    assert all(part.isfinite().all() for part in flat(mixed))


@pytest.mark.parametrize("channels", ["independent", "joint"])
@torch.no_grad()
def test_neighbouring_lanes_taken_apart_read_on_as_they_would_together(channels):
    net = network(cell="lstm", channels=channels, layers=2)
    past, static, seen, before, weight = stream(missing=0.2)
    memory = net.begin(before, weight)
    _, memory = net.read(past[:, :7], static, memory, seen[:, :7])
    together, _ = net.read(past[:, 7:], static, memory, seen[:, 7:])
    for part in (slice(0, 2), slice(2, None), slice(None, 1), slice(1, 3)):
        apart, end = net.read(past[part, 7:], static[part], memory.lanes(part), seen[part, 7:])
        assert torch.allclose(apart.hidden, together.hidden[part], atol=1e-12)
        assert torch.allclose(apart.shift, together.shift[part], atol=1e-12)
        assert len(end.recent) == len(static[part])


@pytest.mark.parametrize("channels", ["independent", "joint"])
@torch.no_grad()
def test_lanes_taken_apart_and_joined_are_the_memory_again_in_the_order_asked(channels):
    net = network(cell="lstm", channels=channels, layers=2)
    past, static, seen, before, weight = stream(missing=0.2)
    _, memory = net.read(past, static, net.begin(before, weight), seen)
    parts = [memory.lanes(slice(None, 1)), memory.lanes(slice(1, 3)), memory.lanes(slice(3, None))]
    assert all(map(torch.equal, flat(joined(parts)), flat(memory)))
    backwards = memory.take(torch.arange(LANES - 1, -1, -1))
    assert all(
        map(torch.equal, flat(joined(parts[::-1])), flat(memory.take(torch.tensor([*range(3, LANES), 1, 2, 0]))))
    )
    assert all(map(torch.equal, backwards.recent, memory.recent.flip(0)))
    assert all(map(torch.equal, flat(backwards.lanes(slice(0, 1))), flat(memory.lanes(slice(LANES - 1, None)))))


def test_a_detached_memory_holds_the_same_numbers_and_no_history():
    net = network(cell="lstm")
    past, static, seen, before, weight = stream()
    _, memory = net.read(past, static, net.begin(before, weight), seen)
    assert all(part.requires_grad for part in memory.cell)
    assert not any(part.requires_grad for part in flat(memory.detach()))
    assert all(map(torch.equal, flat(memory.detach()), flat(memory)))


@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize(("cell", "layers", "channels", "scaling"), KINDS)
@torch.no_grad()
def test_a_window_is_a_stream_with_nothing_before_it(cell, layers, channels, scaling, missing):
    net = network(cell=cell, layers=layers, channels=channels, scaling=scaling)
    past, static, seen, *_ = stream(missing=missing)
    past, seen = past[:, : SIZES.context], seen[:, : SIZES.context]
    future = torch.randn(LANES, SIZES.horizon, SIZES.future, dtype=torch.float64)
    before = past[:, :1, : SIZES.targets].expand(-1, SIZES.context, -1)
    reading, _ = net.read(past, static, net.begin(before, torch.zeros_like(before)), seen)
    stand = reading.at(torch.arange(LANES), torch.full((LANES,), SIZES.context - 1))
    assert (net.answer(stand, future) - net(past, future, static, seen)).abs().max() < 1e-10


@pytest.mark.parametrize("channels", ["independent", "joint"])
@torch.no_grad()
def test_standing_at_single_steps_is_standing_everywhere(channels):
    net = network(channels=channels)
    past, static, seen, before, weight = stream()
    reading, _ = net.read(past, static, net.begin(before, weight), seen)
    lane, step = torch.tensor([2, 0, 1, 2, 0]), torch.tensor([0, STEPS - 1, 7, 7, 0])
    for some, every in zip(reading.at(lane, step), reading.everywhere(), strict=True):
        assert torch.equal(some, every[lane * STEPS + step])
    nowhere = reading.at(lane[:0], step[:0])
    assert net.answer(nowhere, torch.zeros(0, 3, 2, dtype=torch.float64)).shape == (0, 3, 2, 1)


@torch.no_grad()
def test_the_context_of_a_stand_is_the_newest_values_on_its_own_scale():
    net = network(scaling="running")
    past, static, seen, before, weight = stream()
    reading, _ = net.read(past, static, net.begin(before, weight), seen)
    stand = reading.at(torch.tensor([1]), torch.tensor([2]))
    values = torch.cat([before[1], past[1, :, :2]])[3 : 3 + SIZES.context]
    assert torch.allclose(stand.context[0].T * stand.spread[0] + stand.shift[0], values)


@pytest.mark.parametrize("scaling", ["last", "standard"])
def test_a_scale_of_whole_windows_cannot_follow_a_stream(scaling):
    _, _, _, before, weight = stream()
    with pytest.raises(SettingsError, match=f"scaling='{scaling}'.*a stream has none"):
        network(scaling=scaling).begin(before, weight)


def both_ways(inputs: int, hidden_size: int) -> Fused:
    return Fused(torch.nn.LSTM(inputs, hidden_size, bidirectional=True))


class Named:
    """A cell that is no module and says itself that it reads both ways."""

    bidirectional, hidden_size = True, 3

    def initial(self, batch):
        return ()

    def __call__(self, x, state):
        return x.new_zeros(*x.shape[:2], 3), state


@pytest.mark.parametrize("cell", [both_ways, lambda inputs, hidden_size: Named()])
def test_a_bidirectional_cell_reads_windows_and_no_streams(cell):
    net = network(cell=cell)
    past, static, _, before, weight = stream()
    past, future = past[:, : SIZES.context], torch.zeros(LANES, SIZES.horizon, SIZES.future, dtype=torch.float64)
    assert net(past, future, static).isfinite().all()
    with pytest.raises(SettingsError, match=r"bidirectional.*Windowed\(\)"):
        net.begin(before, weight)


def test_what_is_carried_stays_in_full_precision_under_autocast():
    """torch's tanh layer answers in bfloat16 there (on a CPU its LSTM refuses); in a memory that would add up."""
    net = network(cell="rnn").float()
    past, static, seen, before, weight = (part.float() for part in stream())
    memory = net.begin(before, weight)
    with torch.autocast("cpu", torch.bfloat16):
        assert net.cell(torch.zeros(1, 2, net.cell.layer.input_size), net.cell.initial(1))[1][0].dtype == torch.bfloat16
        for _ in range(2):
            _, memory = net.read(past, static, memory, seen > 0)
            assert {part.dtype for part in (*memory.cell, memory.recent, *memory.moments)} == {torch.float32}
