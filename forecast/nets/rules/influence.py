"""Real-time recurrent learning: what every parameter has done to the state so far is carried along the stream.

With J_t = ds_t / d theta, the influence, and a step s_t = F(theta, s_{t-1}):

    J_t = (ds_t / ds_{t-1}) J_{t-1} + dF / d theta                                              (1)
    gradient of the loss at t = its gradient through step t + (its gradient by s_{t-1}) J_{t-1}   (2)

No step is read again, and nothing grows with the stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from forecast.errors import SettingsError
from forecast.nets.promise import Cell, State
from forecast.nets.rules.jacobians import Step, apart, beginning, every_number, every_part, newest, said_part
from forecast.nets.rules.reading import admitted, begins, copied, detached, flat, learned, learner, states_in
from forecast.nets.rules.units import check_units, unit_of_each


class Influences(NamedTuple):
    """What is known of the influence of parameters on the state.

    Args:
        x: what the newest step read [lane, input]; none before the first.
        state: before it.
        before: influence on that state, as `now`; none where what the cell said is a part of its state, so that `now`
            tells all.
        now: influence on the state after it [lane, S, P]; on the unit of each parameter alone [lane, Q, P].
        part: of the state that the cell says; -1 where it says none.
        units: the unit of each parameter [P], where a cell says them.
        seen: which influences were other than 0 after one step [S, P]; none where all are kept, or those of `units`.
    """

    x: Tensor | None
    state: State
    before: Tensor | None
    now: Tensor
    part: int
    units: Tensor | None
    seen: Tensor | None

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name."""
        named = {"x": self.x, "before": self.before, "now": self.now, "units": self.units, "seen": self.seen}
        named["part"] = torch.tensor(self.part)
        named |= {f"state.{place}": part for place, part in enumerate(self.state)}
        return copied(named)


def rebuilt(tensors: Mapping[str, Tensor]) -> Influences:
    """From what `Influences.tensors` gave."""
    x, before, units, seen = (tensors.get(name) for name in ("x", "before", "units", "seen"))
    return Influences(x, states_in(tensors), before, tensors["now"], int(tensors["part"]), units, seen)


def begun(cell: Cell, state: State) -> Influences:
    """Nothing known yet, but which unit each parameter moves."""
    module = admitted(cell)
    return Influences(None, detached(state), None, torch.zeros(0), -1, unit_of_each(module) if state else None, None)


def started(cell: Cell, x: Tensor, trace: Influences, single: bool) -> Influences:
    """With the influence on the first state: none, unless it is the cell's own and learned.

    Raises:
        SettingsError: what the cell says of its units is not true.
    """
    if trace.units is not None:
        check_units(cell, x, trace.units)
    start = flat(trace.state)
    lanes, size = start.shape
    parts = len(trace.state)
    every = every_part(lanes, parts, size // parts, start) if single else every_number(lanes, size, start)
    now = beginning(cell, every).view(lanes, parts if single else size, -1)
    return trace._replace(now=now if begins(cell, trace.state) else torch.zeros_like(now), part=said_part(cell, x))


def followed(trace: Influences, x: Tensor, state: State, step: Step, now: Tensor) -> Influences:
    """The trace after a step, whose influences are `now`."""
    plain = trace.part >= 0 and torch.equal(step.hidden, step.after[trace.part][-1])
    return trace._replace(x=x.detach(), state=detached(state), before=None if plain else trace.now, now=now)


def read(cell: Cell, x: Tensor, state: State, trace: Influences) -> tuple[Tensor, State, Influences]:
    """A step of a cell that carries no influence, as it has no state or no weights that learn."""
    with torch.no_grad():
        hidden, after = cell(x[:, None], state)
    return hidden[:, 0].detach(), detached(after), trace._replace(x=x.detach(), state=detached(state))


def single_units(step: Step, trace: Influences, units: Tensor) -> Tensor:
    """Equation (1) where each parameter is followed on its own unit alone, [lane, Q, P]."""
    by_state = step.by_state
    if by_state.ndim == 3:
        lanes, parts = len(by_state), trace.now.shape[1]
        by_state = by_state.view(lanes, parts, -1, parts, by_state.shape[2] // parts).diagonal(dim1=2, dim2=4)
    reach = by_state[..., units]
    if reach.shape[1] == 1:
        return torch.addcmul(step.by_weights, reach[:, 0], trace.now)
    return step.by_weights + (reach * trace.now[:, None]).sum(dim=2)


def all_units(step: Step, trace: Influences) -> Tensor:
    """Equation (1) as a product of matrices, [lane, S, P]."""
    if trace.units is None:
        return torch.baddbmm(step.by_weights, step.by_state, trace.now)
    moved = torch.bmm(step.by_state, trace.now)
    lanes, parts, count = step.by_weights.shape
    place = trace.units.expand(lanes, parts, 1, count)
    moved.view(lanes, parts, -1, count).scatter_add_(2, place, step.by_weights[:, :, None])
    return moved


def reached(influence: Tensor, state: State) -> Tensor:
    """Which units a parameter moves [S, P]: all parts of a unit's state, where they are of one size, or none."""
    moved = (influence != 0).any(dim=0)
    if len({part.shape[2] for part in state}) > 1:
        return moved
    parts = moved.view(len(state), -1, moved.shape[1])
    return parts.any(dim=0).expand_as(parts).reshape_as(moved)


def gradient(cell: Cell, trace: Influences, error: Tensor, single: bool) -> dict[str, Tensor]:
    """Equation (2), summed over lanes."""
    module = learner(cell)
    if trace.x is None:
        raise SettingsError("no step was read since begin(), so there is no loss to have a gradient of")
    if not learned(module):
        return {}
    if trace.before is None and trace.state:
        return apart(module, _of_part(trace, error, single))
    direct, carried = newest(module, trace.x, trace.state, error)
    if trace.before is None:
        return apart(module, direct)
    if single and trace.units is not None:
        lanes, parts, _ = trace.before.shape
        by_unit = carried.view(lanes, parts, -1)[..., trace.units]
        return apart(module, direct + (by_unit * trace.before).sum(dim=(0, 1)))
    return apart(module, torch.addmv(direct, trace.before.flatten(0, 1).T, carried.flatten()))


def _of_part(trace: Influences, error: Tensor, single: bool) -> Tensor:
    """Equation (2) where a part of the state is what is said: the error times the influence on it [P]."""
    if single and trace.units is not None:
        return (trace.now[:, trace.part] * error[:, trace.units]).sum(dim=0)
    sizes = [len(part) * part.shape[2] for part in trace.state]
    end = sum(sizes[: trace.part + 1])
    top = trace.now[:, end - error.shape[1] : end]
    return error.flatten() @ top.flatten(0, 1)
