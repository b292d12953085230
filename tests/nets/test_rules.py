"""Learning rules: the gradients of autograd, step by step, exactly or on average."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from forecast.errors import SettingsError
from forecast.nets.cells import BOTH_WAYS, NAMED, Nothing, build_cell, gru, lstm
from forecast.nets.initial import LearnedStart
from forecast.nets.promise import Cell
from forecast.nets.rules import RULES, Full, LearningRule, RealTime, Sparse, Truncated, Unbiased
from forecast.nets.scans import LRU, MinGRU, MinLSTM
from forecast.nets.stepped import GRU, Elman
from forecast.testing import check_cell

DOUBLE = torch.float64
ONE_WAY = [name for name in NAMED if name not in BOTH_WAYS and name != "none"]
DIAGONAL: dict[str, Callable[[int, int], Cell]] = {"mingru": MinGRU, "minlstm": MinLSTM, "lru": LRU}
LANES, STEPS, INPUTS, WIDTH = 2, 6, 2, 3


class Leaky(nn.Module):
    """A cell of a user's own, which says something else than its state."""

    def __init__(self, inputs: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.read, self.say = nn.Linear(inputs + hidden_size, hidden_size), nn.Linear(hidden_size, hidden_size)

    def initial(self, batch: int):
        return (self.say.weight.new_zeros(1, batch, self.hidden_size),)

    def forward(self, x, state):
        now, said = state[0][0], []
        for step in x.unbind(1):
            now = 0.7 * now + 0.3 * torch.tanh(self.read(torch.cat([step, now], dim=1)))
            said.append(self.say(now).relu())
        return torch.stack(said, dim=1), (now[None],)


class Pretending(Leaky):
    """Says its state, by another derivative."""

    def forward(self, x, state):
        said, end = super().forward(x, state)
        straight = torch.cat([super(Pretending, self).forward(x[:, :t], state)[1][0] for t in range(1, x.shape[1] + 1)])
        return straight.transpose(0, 1).detach() + (said - said.detach()), end


class Forgetful(nn.Module):
    """No state at all, but weights."""

    def __init__(self, inputs: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size, self.layer = hidden_size, nn.Linear(inputs, hidden_size)

    def initial(self, batch: int):
        return ()

    def forward(self, x, state):
        return self.layer(x).tanh(), state


def scrambled(cell: Cell) -> Cell:
    assert isinstance(cell, nn.Module)
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.copy_(0.6 * torch.randn(weight.shape, generator=draws))
    return cell.double().eval()


def named(name: str, layers: int = 1) -> Cell:
    return scrambled(build_cell(name, INPUTS, WIDTH, layers, 0.0))


def drawn(steps: int = STEPS, lanes: int = LANES) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(2)
    return tuple(torch.randn(lanes, steps, size, generator=draws, dtype=DOUBLE) for size in (INPUTS, WIDTH))


def summed(rule: LearningRule, cell: Cell, x: Tensor, errors: Tensor) -> dict[str, Tensor]:
    """The gradients of all steps together."""
    state = cell.initial(len(x))
    trace, total = rule.begin(cell, state), {}
    for row, error in zip(x.unbind(1), errors.unbind(1), strict=True):
        _, state, trace = rule.step(cell, row, state, trace)
        for name, gradient in rule.gradients(cell, trace, error).items():
            total[name] = total.get(name, 0) + gradient
    return total


def through_time(cell: Cell, x: Tensor, errors: Tensor, state=None) -> dict[str, Tensor]:
    """Autograd, of the whole sequence at once."""
    hidden, _ = cell(x, cell.initial(len(x)) if state is None else state)
    weights = dict(cell.named_parameters())
    said = (hidden[:, -errors.shape[1] :] * errors).sum()
    found = torch.autograd.grad(said, list(weights.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(weights, found, strict=True))


def apart(mine: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest distance of a parameter's gradients, relative to their norm."""
    assert mine.keys() == other.keys()
    return max(float((mine[k] - g).norm() / g.norm().clamp(min=1e-12)) for k, g in other.items())


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", ONE_WAY)
def test_exact_rules_give_the_gradient_of_backpropagation_through_time(name, layers):
    cell, (x, errors) = named(name, layers), drawn(steps=3)
    exact = through_time(cell, x, errors)
    for rule in (Full(), Truncated(3, 3), RealTime()):
        assert apart(summed(rule, cell, x, errors), exact) < 1e-11, rule


@pytest.mark.parametrize("name", ["lstm", "lru", "residual-gru"])
def test_a_learned_start_is_learned_by_exact_rules(name):
    cell, (x, errors) = scrambled(LearnedStart(build_cell(name, INPUTS, WIDTH, 1, 0.0))), drawn()
    exact = through_time(cell, x, errors)
    assert exact["start.0"].norm() > 1e-3
    for rule in (Full(), Truncated(2, STEPS), RealTime()):
        assert apart(summed(rule, cell, x, errors), exact) < 1e-11, rule


@pytest.mark.parametrize("rule", [Full(), RealTime(), Truncated(2, 4), Sparse(), Unbiased()])
def test_a_state_that_is_given_is_no_start_to_be_learned(rule):
    cell, (x, errors) = scrambled(LearnedStart(gru(INPUTS, WIDTH))), drawn()
    state = tuple(part + 0.5 for part in cell.initial(LANES))
    trace = rule.begin(cell, state)
    for row, error in zip(x.unbind(1), errors.unbind(1), strict=True):
        _, state, trace = rule.step(cell, row, state, trace)
        found = rule.gradients(cell, trace, error)
    assert not found["start.0"].any()


@pytest.mark.parametrize("kind", [Leaky, Pretending, Forgetful])
@pytest.mark.parametrize("rule", [Full(), RealTime(), Truncated(2, STEPS)])
def test_a_cell_of_ones_own_is_served(kind, rule):
    if kind is Leaky:
        check_cell(Leaky)
    cell, (x, errors) = scrambled(kind(INPUTS, WIDTH)), drawn()
    assert apart(summed(rule, cell, x, errors), through_time(cell, x, errors)) < 1e-11


def test_what_has_no_parameters_has_no_gradients():
    cell = Nothing().eval()
    for rule in (Full(), Truncated(), RealTime(), Sparse(), Unbiased()):
        assert summed(rule, cell, torch.zeros(2, 3, INPUTS), torch.ones(2, 3, 1)) == {}


@pytest.mark.parametrize("name", ["gru", "projected-lstm", "lru"])
def test_weights_that_may_not_learn_are_left_out(name):
    cell, (x, errors) = named(name), drawn()
    exact = through_time(cell, x, errors)
    first = next(iter(exact))
    dict(cell.named_parameters())[first].requires_grad_(False)
    for rule in (Full(), RealTime()):
        found = summed(rule, cell, x, errors)
        assert found.keys() == exact.keys() - {first}
        assert apart(found, {key: exact[key] for key in found}) < 1e-11
    assert summed(Sparse(), cell, x, errors).keys() == summed(Unbiased(), cell, x, errors).keys() == found.keys()


@pytest.mark.parametrize(("every", "back"), [(1, 1), (1, 3), (2, 3), (3, 3), (2, 5)])
@pytest.mark.parametrize("name", ["lstm", "peephole-lstm"])
def test_truncated_backpropagation_is_that_of_pieces_cut_by_hand(name, every, back):
    cell, (x, errors) = named(name), drawn(steps=8)
    state, trace = cell.initial(LANES), None
    states, rule = [state], Truncated(every, back)
    trace = rule.begin(cell, state)
    for step in range(1, 9):
        _, state, trace = rule.step(cell, x[:, step - 1], state, trace)
        states.append(state)
        found = rule.gradients(cell, trace, errors[:, step - 1])
        if step % every:
            assert found == {}
            continue
        first = max(0, step - back)
        piece = through_time(cell, x[:, first:step], errors[:, step - every : step], states[first])
        assert apart(found, piece) < 1e-12


@pytest.mark.parametrize("name", ["lstm", "projected-lstm"])
@pytest.mark.parametrize("rule", [Full(), Truncated(2, 2), RealTime(), Sparse(), Unbiased()])
def test_rules_learn_where_autograd_is_off(rule, name):
    cell, (x, errors) = named(name), drawn(steps=4)
    expected = summed(rule, cell, x, errors)
    with torch.inference_mode():
        inside = summed(rule, cell, x.clone(), errors.clone())
        state = tuple(part.clone() for part in cell.initial(LANES))
    assert apart(inside, expected) < 1e-14
    trace = rule.begin(cell, state)
    for row, error in zip(x.unbind(1), errors.unbind(1), strict=True):
        with torch.no_grad():
            _, state, trace = rule.step(cell, row, state, trace)
            rule.gradients(cell, trace, error)


def test_asking_again_gives_the_same_gradient_and_an_old_trace_is_left_as_it_was():
    cell, (x, errors) = named("gru"), drawn()
    for rule in (Truncated(2, 4), RealTime(), Sparse(), Unbiased()):
        state = cell.initial(LANES)
        _, state, first = rule.step(cell, x[:, 0], state, rule.begin(cell, state))
        rule.gradients(cell, first, errors[:, 0])
        before = {key: part.clone() for key, part in first.tensors().items()}
        answers = []
        for _ in range(2):
            _, _, second = rule.step(cell, x[:, 1], state, first)
            answers += [rule.gradients(cell, second, errors[:, 1]) for _ in range(2)]
        assert all(apart(answer, answers[0]) == 0 for answer in answers)
        assert all(torch.equal(part, before[key]) for key, part in first.tensors().items())


@pytest.mark.parametrize("kind", DIAGONAL)
def test_snap1_is_exact_where_units_do_not_see_each_other(kind):
    x, errors = drawn()
    for cell in (DIAGONAL[kind](INPUTS, WIDTH), LearnedStart(DIAGONAL[kind](INPUTS, WIDTH))):
        scrambled(cell)
        assert apart(summed(Sparse(), cell, x, errors), through_time(cell, x, errors)) < 1e-11


def by_masks(cell: Cell, x: Tensor, errors: Tensor) -> dict[str, Tensor]:
    """SnAp-1 by its definition for one lane, with all Jacobians of `torch.func` and rows of units that are one part."""
    weights = {key: weight.detach() for key, weight in cell.named_parameters()}
    state, total = cell.initial(1)[0], {key: torch.zeros_like(weight) for key, weight in weights.items()}
    influence = {key: torch.zeros(WIDTH, *weight.shape, dtype=DOUBLE) for key, weight in weights.items()}
    for row, error in zip(x.unbind(1), errors.unbind(1), strict=True):

        def after(weights, state, row=row):
            return torch.func.functional_call(cell, weights, (row[:, None], (state,)))[1][0].flatten()

        direct, slope = torch.func.jacrev(after, argnums=(0, 1))(weights, state)
        for key in weights:
            moved = torch.tensordot(slope[:, 0, 0], influence[key], dims=1) + direct[key]
            influence[key] = moved * (direct[key] != 0)
            total[key] += torch.tensordot(error[0], influence[key], dims=1)
        state = cell(row[:, None], (state,))[1][0].detach()
    return total


@pytest.mark.parametrize("name", ["gru", "rnn", "equation-gru"])
def test_snap1_keeps_the_influences_of_one_step_and_forgets_the_others(name):
    cell, (x, errors) = named(name), drawn(lanes=1)
    found = summed(Sparse(), cell, x, errors)
    assert apart(found, by_masks(cell, x, errors)) < 1e-11
    assert apart(found, through_time(cell, x, errors)) > 0.05


class Silent(GRU):
    """A GRU that does not say which unit its weights move."""

    def unit_axes(self):
        return {}


@pytest.mark.parametrize("rule", [RealTime(), Sparse()])
def test_rules_find_out_what_a_cell_does_not_say(rule):
    telling, silent, (x, errors) = scrambled(GRU(INPUTS, WIDTH)), scrambled(Silent(INPUTS, WIDTH)), drawn()
    assert apart(summed(rule, silent, x, errors), summed(rule, telling, x, errors)) < 1e-11


@pytest.mark.parametrize("name", ["gru", "lstm", "mingru"])
def test_lanes_are_summed(name):
    cell, (x, errors) = named(name), drawn(lanes=3)
    for rule in (RealTime(), Sparse()):
        alone = [summed(rule, cell, x[i : i + 1], errors[i : i + 1]) for i in range(3)]
        each = {key: sum(one[key] for one in alone) for key in alone[0]}
        assert apart(summed(rule, cell, x, errors), each) < 1e-11


@pytest.mark.parametrize("make", [lambda: Elman(1, 2), lambda: LRU(1, 2), lambda: LearnedStart(gru(1, 2))])
def test_uoro_is_right_on_average(make):
    cell = scrambled(make())
    lanes, seeds = 50, 16
    draws = torch.Generator().manual_seed(5)
    x, errors = (torch.randn(1, 4, size, generator=draws, dtype=DOUBLE).expand(lanes, -1, -1) for size in (1, 2))
    exact = summed(RealTime(), cell, x[:1], errors[:1])
    # Every lane draws signs of its own, so a sum over lanes is that of as many draws.
    means = [summed(Unbiased(seed), cell, x, errors) for seed in range(seeds)]
    near = summed(Truncated(1, 1), cell, x[:1], errors[:1])
    farthest = 0.0
    for key, gradient in exact.items():
        sample = torch.stack([mean[key] / lanes for mean in means])
        standard_error = sample.std(dim=0) / seeds**0.5 + 1e-9
        assert (((sample.mean(dim=0) - gradient) / standard_error).abs() < 4).all(), key
        farthest = max(farthest, float(((near[key] - gradient) / standard_error).abs().max()))
    assert farthest > 10, "the newest step alone would have passed too"


def test_weights_that_move_make_the_rules_differ():
    x, errors = drawn(steps=12)
    ends = []
    for rule in (Full(), RealTime()):
        cell = named("gru")
        state = cell.initial(LANES)
        trace = rule.begin(cell, state)
        for row, error in zip(x.unbind(1), errors.unbind(1), strict=True):
            _, state, trace = rule.step(cell, row, state, trace)
            gradients = rule.gradients(cell, trace, error)
            with torch.no_grad():
                for name, weight in cell.named_parameters():
                    weight -= 0.05 * gradients[name]
        ends.append({name: weight.detach() for name, weight in cell.named_parameters()})
    assert apart(ends[0], named_weights(named("gru"))) > apart(*ends) > 1e-4


def named_weights(cell: Cell) -> dict[str, Tensor]:
    return {name: weight.detach() for name, weight in cell.named_parameters()}


@pytest.mark.parametrize("name", ["lstm", "lru", "gru-reset-before"])
@pytest.mark.parametrize("rule", RULES)
def test_a_trace_that_was_saved_goes_on_bit_for_bit(name, rule):
    cell, (x, errors) = named(name), drawn()
    rule = Truncated(3, 4) if rule == "tbptt" else RULES[rule]()
    state = cell.initial(LANES)
    trace = rule.begin(cell, state)
    for step in range(STEPS):
        trace = rule.restored(cell, load(save(trace.tensors()))) if step in (0, 2, 4) else trace
        _, state, trace = rule.step(cell, x[:, step], state, trace)
        found = rule.gradients(cell, trace, errors[:, step])
    whole = None
    state = cell.initial(LANES)
    other = rule.begin(cell, state)
    for step in range(STEPS):
        _, state, other = rule.step(cell, x[:, step], state, other)
        whole = rule.gradients(cell, other, errors[:, step])
    assert found.keys() == whole.keys()
    assert all(torch.equal(found[key], whole[key]) for key in found)


@pytest.mark.parametrize("rule", [Full(), RealTime(), Truncated(back=3), Unbiased()])
def test_the_parts_of_a_large_state_keep_their_order_when_a_trace_is_saved(rule):
    class Delays(nn.Module):
        """A state of twelve parts: each takes over what the one before it was."""

        def __init__(self) -> None:
            super().__init__()
            self.hidden_size, self.weight = 1, nn.Parameter(torch.full((1,), 0.9))

        def initial(self, batch: int) -> tuple[Tensor, ...]:
            return tuple(torch.zeros(1, batch, 1) for _ in range(12))

        def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
            said = []
            for step in x.unbind(1):
                state = ((self.weight * step[None]).tanh(), *state[:-1])
                said.append((self.weight * sum(place * part for place, part in enumerate(state, 1))).sin()[0])
            return torch.stack(said, dim=1), state

    cell = Delays().eval()
    state, found = cell.initial(1), []
    trace = rule.begin(cell, state)
    for x in torch.linspace(-1, 1, 15)[:, None, None]:
        hidden, state, trace = rule.step(cell, x, state, trace)
    again = rule.restored(cell, load(save(trace.tensors())))
    for one in (trace, again):
        found.append(rule.gradients(cell, one, torch.ones_like(hidden))["weight"])
        _, _, after = rule.step(cell, x, state, one)
        found.append(rule.gradients(cell, after, torch.ones_like(hidden))["weight"])
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[1], found[3])


def test_memory_is_what_the_rules_promise():
    x, _ = drawn(steps=9, lanes=1)

    def sizes(rule: LearningRule, cell: Cell) -> dict[str, int]:
        state = cell.initial(1)
        trace = rule.begin(cell, state)
        for row in x.unbind(1):
            _, state, trace = rule.step(cell, row, state, trace)
        return {key: part.numel() for key, part in trace.tensors().items()}

    weights = {name: sum(w.numel() for w in named(name).parameters()) for name in ("lstm", "mingru", "lru")}
    assert sizes(RealTime(), named("lstm"))["now"] == 2 * WIDTH * weights["lstm"]
    assert sizes(Sparse(), named("lstm"))["now"] == 2 * weights["lstm"]
    assert sizes(RealTime(), named("mingru"))["now"] == weights["mingru"]
    assert sizes(RealTime(), named("lru"))["now"] == 2 * weights["lru"]
    assert sizes(Unbiased(), named("lstm"))["now.p"] == weights["lstm"]
    assert sizes(Truncated(1, 4), named("lstm"))["inputs"] == 4 * INPUTS


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_single_precision_agrees_with_double(name):
    x, errors = drawn()
    exact = through_time(named(name), x, errors)
    for rule in (Full(), RealTime()):
        single = summed(rule, named(name).float(), x.float(), errors.float())
        assert apart({key: part.double() for key, part in single.items()}, exact) < 1e-4
    lanes_alone = summed(RealTime(), named(name).float(), x[:1].float(), errors[:1].float())
    exact = through_time(named(name), x[:1], errors[:1])
    assert apart({key: part.double() for key, part in lanes_alone.items()}, exact) < 1e-4


class Crossed(MinGRU):
    """Says that its units are apart, and mixes them."""

    def forward(self, x, state):
        hidden, (end,) = super().forward(x, (state[0].flip(2),))
        return hidden, (end,)


class Shared(Elman):
    """Says that a row moves one unit, and lets it move all."""

    def step(self, said, state, heard):
        (hidden,) = super().step(said, state, heard)
        return (hidden + 0.1 * hidden.sum(dim=1, keepdim=True),)


@pytest.mark.parametrize(("kind", "claim"), [(Crossed, "diagonal"), (Shared, "unit_axes")])
@pytest.mark.parametrize("rule", [RealTime(), Sparse()])
def test_what_a_cell_says_of_its_units_is_checked(kind, claim, rule):
    cell = scrambled(kind(INPUTS, WIDTH))
    state = cell.initial(1)
    with pytest.raises(SettingsError, match=f"{kind.__name__}.{claim}"):
        rule.step(cell, torch.ones(1, INPUTS, dtype=DOUBLE), state, rule.begin(cell, state))


@pytest.mark.parametrize("rule", RULES)
def test_cells_that_cannot_learn_step_by_step_are_refused_with_the_reason(rule):
    rule = RULES[rule]()
    both = build_cell("bidirectional-gru", INPUTS, WIDTH, 1, 0.0)
    with pytest.raises(SettingsError, match="reads from the end"):
        rule.begin(both, both.initial(1))
    drops = lstm(INPUTS, WIDTH, layers=2, dropout=0.5)
    with pytest.raises(SettingsError, match="evaluation mode"):
        rule.begin(drops, drops.initial(1))

    class Bare:
        hidden_size = 2

        def initial(self, batch):
            return (torch.zeros(1, batch, 2),)

        def __call__(self, x, state):
            return x, state

    with pytest.raises(SettingsError, match="has no parameters that could learn"):
        rule.begin(Bare(), Bare().initial(1))


@pytest.mark.parametrize("rule", [RealTime(), Sparse(), Unbiased(), Full(), Truncated()])
def test_a_gradient_before_any_step_is_refused(rule):
    cell = named("gru")
    with pytest.raises(SettingsError, match="no step was read"):
        rule.gradients(cell, rule.begin(cell, cell.initial(1)), torch.zeros(1, WIDTH, dtype=DOUBLE))


def test_settings_that_make_no_sense_are_refused():
    for make, word in (
        (lambda: Truncated(0), "every=0"),
        (lambda: Truncated(4, 3), "back=3"),
        (lambda: Unbiased(-1), "seed=-1"),
    ):
        with pytest.raises(SettingsError, match=word):
            make()
