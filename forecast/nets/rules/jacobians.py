"""Derivatives of one step of a cell, whole or for each unit alone.

Sizes: S numbers in the state of a lane (all parts and layers), P parameters that learn, U units (`hidden_size`), Q
parts of a state (2 of an LSTM).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from forecast.nets.promise import Cell, State
from forecast.nets.rules.reading import derivatives, detached, flat, learned, many_derivatives
from forecast.nets.unrolled import spoken


class Step(NamedTuple):
    """A step of a cell and its derivatives.

    Args:
        hidden: what the cell said [lane, hidden].
        after: the state after it.
        by_state: of the state after by the state before [lane, S, S]; of units that do not see each other, of each
            by itself [lane, Q, Q, U].
        by_weights: of the state after by the parameters, the state before being given [lane, S, P]; of parameters
            that move one unit each, of that unit [lane, Q, P].
    """

    hidden: Tensor
    after: State
    by_state: Tensor
    by_weights: Tensor


def whole(cell: Cell, x: Tensor, state: State) -> Step:
    """All derivatives of a step, of any cell: one backward pass for S x lane directions side by side (`vmap`)."""
    weights = list(learned(cell).values())
    with many_derivatives(x) as x:
        before = watched(state)
        hidden, after = cell(x[:, None], before)
        said = flat(after)
        lanes, size = said.shape
        by = directional(said, [*before, *weights], every_number(lanes, size, said))
    slopes = torch.cat([part.transpose(1, 2).flatten(2) for part in by[: len(before)]], dim=2)
    by_state = slopes.view(lanes, size, lanes, size).diagonal(dim1=0, dim2=2).permute(2, 0, 1)
    return Step(hidden[:, 0].detach(), detached(after), by_state, beside(by[len(before) :]).view(lanes, size, -1))


def by_units(cell: Cell, x: Tensor, state: State) -> Step:
    """The derivatives of a cell whose parameters move one unit each: summed over units they are the only ones that a
    parameter has, so one direction for each part of the state and lane will do.
    """
    if len(x) == 1:
        return _of_one_lane(cell, x, state)
    step = diagonal(cell, x, state)
    return step._replace(by_state=replicated(cell, x, state))


def diagonal(cell: Cell, x: Tensor, state: State) -> Step:
    """`by_units` for a cell whose units do not see each other: a sum over them is all that a unit's state has, too."""
    weights = list(learned(cell).values())
    with many_derivatives(x) as x:
        before = watched(state)
        hidden, after = cell(x[:, None], before)
        said, parts, (_, lanes, units) = flat(after), len(after), after[0].shape
        by = directional(said, [*before, *weights], every_part(lanes, parts, units, said))
    slopes = torch.cat(by[:parts], dim=1).view(lanes, parts, parts, lanes, units)
    by_state = slopes.diagonal(dim1=0, dim2=3).permute(3, 0, 1, 2)
    return Step(hidden[:, 0].detach(), detached(after), by_state, beside(by[parts:]).view(lanes, parts, -1))


def _of_one_lane(cell: Cell, x: Tensor, state: State) -> Step:
    """`by_units` from one reading of S copies: what `replicated` asks them for, summed over copies, is by weights what
    `diagonal` asks for.
    """
    weights, parts, units = list(learned(cell).values()), len(state), state[0].shape[2]
    with derivatives(x) as x:
        before = watched([part.expand(-1, parts * units, -1) for part in state])
        hidden, after = cell(x.expand(parts * units, -1)[:, None], before)
        said = flat(after)
        every = torch.eye(parts * units).to(said)
        asked = every.view(parts, units, -1)
        by = [
            torch.autograd.grad(
                said[place * units : (place + 1) * units],
                [*before, *weights],
                asked[place],
                retain_graph=place + 1 < parts,
                allow_unused=True,
                materialize_grads=True,
            )
            for place in range(parts)
        ]
    # Copies that were not asked have no derivative, so the passes add up.
    by_state = sum((flat(each[:parts]) for each in by[1:]), start=flat(by[0][:parts]))
    by_weights = torch.stack([torch.cat([slope.flatten() for slope in each[parts:]]) for each in by])
    after = detached([part[:, :1] for part in after])
    return Step(hidden[:1, 0].detach(), after, by_state[None], by_weights[None])


def replicated(cell: Cell, x: Tensor, state: State) -> Tensor:
    """Derivative of the state after by the state before [lane, S, S]: lanes do not see each other, so S copies of
    each, read together, are asked for one number each in a single backward pass.
    """
    lanes, size = len(x), sum(len(part) * part.shape[2] for part in state)
    with derivatives(x) as x:
        before = watched([part.repeat_interleave(size, dim=1) for part in state])
        _, after = cell(x.repeat_interleave(size, dim=0)[:, None], before)
        said = flat(after).view(lanes, size, size)
        eye = torch.eye(size).to(said).expand(lanes, -1, -1)
        by = torch.autograd.grad(said, before, eye, allow_unused=True, materialize_grads=True)
    return flat(by).view(lanes, size, size)


def watched(state: Sequence[Tensor]) -> State:
    """The same numbers, from where derivatives are asked."""
    return tuple(part.detach().clone().requires_grad_() for part in state)


def directional(said: Tensor, by: Sequence[Tensor], directions: Tensor) -> list[Tensor]:
    """Derivatives of several weighted sums of what was said; `directions` are [direction, *said.shape].

    Returns:
        [direction, *shape] for each of `by`; zeros where nothing depends on it.
    """
    count = len(directions)
    if not by or not said.requires_grad or not count:
        return [each.new_zeros(count, *each.shape) for each in by]
    if count == 1:
        found = torch.autograd.grad(said, by, directions[0], allow_unused=True, materialize_grads=True)
        return [each[None] for each in found]
    many = torch.autograd.grad(said, by, directions, allow_unused=True, is_grads_batched=True)
    return [b.new_zeros(count, *b.shape) if m is None else m for m, b in zip(many, by, strict=True)]


def beside(by: Sequence[Tensor]) -> Tensor:
    """Derivatives by all parameters beside each other, [direction, P]."""
    return torch.cat([each.flatten(1) for each in by], dim=1)


def apart(cell: Cell, gradient: Tensor) -> dict[str, Tensor]:
    """A gradient [P] by the names of the parameters, in their shapes."""
    weights = learned(cell)
    parts = gradient.split([weight.numel() for weight in weights.values()])
    return {name: part.view_as(weight) for (name, weight), part in zip(weights.items(), parts, strict=True)}


def beginning(cell: Cell, directions: Tensor) -> Tensor:
    """Derivatives of weighted sums of the state that a cell begins with by its parameters [direction, P].

    Args:
        directions: [direction, lane, S].
    """
    weights = list(learned(cell).values())
    with derivatives(directions) as directions:
        return beside(directional(flat(cell.initial(directions.shape[1])), weights, directions))


def every_number(lanes: int, size: int, like: Tensor) -> Tensor:
    """Directions that ask for each number of the state by itself, [lane x S, lane, S]."""
    return torch.eye(lanes * size).to(like).view(-1, lanes, size)


def every_part(lanes: int, parts: int, units: int, like: Tensor) -> Tensor:
    """Directions that ask for all units of a part together, [lane x Q, lane, Q x U]."""
    return every_number(lanes, parts, like).repeat_interleave(units, dim=2)


def said_part(cell: Cell, x: Tensor) -> int:
    """Which part of its state a cell says, by its topmost layer: the same numbers with the same derivatives, on drawn
    ones; -1: none of them.
    """
    part = spoken(cell, x[:, None])
    if part is None:
        return -1
    draws = torch.Generator().manual_seed(1)
    with derivatives(x) as x:
        before = watched([torch.randn(each.shape, generator=draws).to(each) for each in cell.initial(2)])
        hidden, after = cell(torch.randn(2, 1, x.shape[1], generator=draws).to(x), before)
        directions = torch.randn(1, *hidden[:, 0].shape, generator=draws).to(x)
        by = [*before, *learned(cell).values()]
        both = [
            torch.autograd.grad(said, by, directions[0], retain_graph=True, allow_unused=True, materialize_grads=True)
            for said in (hidden[:, 0], after[part][-1])
        ]
    return part if all(map(torch.allclose, *both)) else -1


def newest(cell: Cell, x: Tensor, state: State, error: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient of the loss of a step by the parameters [P], the state before being given, and by that state [lane, S].

    Args:
        error: derivative of the loss by what is said [lane, hidden].
    """
    weights = list(learned(cell).values())
    with derivatives(x) as x, derivatives(error) as error:
        before = watched(state)
        hidden, _ = cell(x[:, None], before)
        by = directional(hidden[:, 0], [*before, *weights], error[None])
    carried = [part[0] for part in by[: len(before)]]
    return beside(by[len(before) :])[0], flat(carried) if carried else error.new_zeros(len(error), 0)
