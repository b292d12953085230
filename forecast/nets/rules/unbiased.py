"""Unbiased online recurrent optimization: one random product of two vectors instead of all influences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from forecast.errors import SettingsError
from forecast.nets.promise import Cell, State
from forecast.nets.rules.jacobians import apart, beginning, beside, directional, newest, watched
from forecast.nets.rules.reading import (
    admitted,
    begins,
    copied,
    detached,
    flat,
    learned,
    learner,
    many_derivatives,
    states_in,
)

LEAST = 1e-7
"""Added to norms before they are divided, as in the paper."""


class Product(NamedTuple):
    """A random estimate of the influence, of rank one: what it is, is right on average alone.

    Args:
        x: what the newest step read [lane, input]; none before the first.
        state: before it.
        before: the two factors for that state, [lane, S] and [lane, P].
        now: those for the state after it.
        steps: read since the beginning; with the seed they say which signs are drawn.
    """

    x: Tensor | None
    state: State
    before: tuple[Tensor, Tensor]
    now: tuple[Tensor, Tensor]
    steps: int

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name."""
        named = {"count": torch.tensor(self.steps), "before.s": self.before[0], "before.p": self.before[1]}
        named |= {"now.s": self.now[0], "now.p": self.now[1]}
        named |= {f"state.{place}": part for place, part in enumerate(self.state)}
        return copied(named | {"x": self.x})


@dataclass(frozen=True)
class Unbiased:
    """UORO, unbiased online recurrent optimization (Tallec & Ollivier 2018): "uoro".

    The influence is a product of two vectors whose mean, over random signs, is the influence: S + P numbers and a few
    passes through a step instead of S x P, for any cell. Gradients are right on average, and so noisy that learning
    rates have to be small.

    Args:
        seed: of the signs; a trace that is saved and goes on draws what it would have drawn.

    Raises:
        SettingsError: a negative seed.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise SettingsError(f"seed={self.seed}: at least 0")

    def begin(self, cell: Cell, state: State) -> Product:
        """No influence yet; a learned start has as its estimate one that is drawn; see `LearningRule.begin`."""
        module = admitted(cell)
        weights = learned(module)
        if not state or not weights:
            none = torch.zeros(0), torch.zeros(0)
            return Product(None, detached(state), none, none, 0)
        signs = self._signs(flat(state), 0)
        if not begins(cell, state):
            signs = torch.zeros_like(signs)
        now = signs, beginning(module, _lane_by_lane(signs))
        return Product(None, detached(state), now, now, 0)

    def step(self, cell: Cell, x: Tensor, state: State, trace: Product) -> tuple[Tensor, State, Product]:
        """Read one step and carry the estimate over it; see `LearningRule.step`."""
        module, steps = learner(cell), trace.steps + 1
        weights = list(learned(module).values())
        if not state or not weights:
            with torch.no_grad():
                hidden, after = module(x[:, None], state)
            return hidden[:, 0].detach(), detached(after), Product(x.detach(), detached(state), trace.now, trace.now, 0)
        with many_derivatives(x) as x:
            before = watched(state)
            hidden, after = module(x[:, None], before)
            said = flat(after)
            signs = self._signs(said, steps)
            moved = _along(said, before, trace.now[0])
            drawn = beside(directional(said, weights, _lane_by_lane(signs)))
        now = _rescaled(moved, trace.now[1], signs, drawn)
        kept = Product(x.detach(), detached(state), trace.now, now, steps)
        return hidden[:, 0].detach(), detached(after), kept

    def gradients(self, cell: Cell, trace: Product, error: Tensor) -> dict[str, Tensor]:
        """Of the newest loss, right on average; see `LearningRule.gradients`."""
        module = learner(cell)
        if trace.x is None:
            raise SettingsError("no step was read since begin(), so there is no loss to have a gradient of")
        if not learned(module):
            return {}
        direct, carried = newest(module, trace.x, trace.state, error)
        if not trace.state:
            return apart(module, direct)
        share = (carried * trace.before[0]).sum(dim=1)
        return apart(module, direct + share @ trace.before[1])

    def restored(self, cell: Cell, tensors: dict[str, Tensor]) -> Product:
        """See `LearningRule.restored`."""
        before, now = ((tensors[f"{when}.s"], tensors[f"{when}.p"]) for when in ("before", "now"))
        return Product(tensors.get("x"), states_in(tensors), before, now, int(tensors["count"]))

    def _signs(self, like: Tensor, step: int) -> Tensor:
        """1 or -1 for each number of the state at a step."""
        drawn = np.random.default_rng([self.seed, step]).integers(0, 2, tuple(like.shape))
        return torch.from_numpy(2 * drawn - 1).to(like)


def _along(said: Tensor, before: State, direction: Tensor) -> Tensor:
    """Derivative of the state after along a direction of the state before [lane, S]: the derivative, by weights, of the
    weighted sum's derivative.
    """
    weights = torch.ones_like(said).requires_grad_()
    by = torch.autograd.grad(said, before, weights, create_graph=True, allow_unused=True, materialize_grads=True)
    slope = flat(by)
    if not slope.requires_grad:
        return torch.zeros_like(said)
    (moved,) = torch.autograd.grad(slope, weights, direction, retain_graph=True)
    return moved


def _lane_by_lane(signs: Tensor) -> Tensor:
    """The signs of one lane at a time, [lane, lane, S]."""
    return torch.eye(len(signs)).to(signs)[..., None] * signs


def _rescaled(moved: Tensor, weights: Tensor, signs: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """The new factors, each pair brought to equal norms, which keeps the variance low (equations 8 and 9)."""
    first = _balance(weights, moved)
    second = _balance(drawn, signs)
    return first * moved + second * signs, weights / first + drawn / second


def _balance(weights: Tensor, state: Tensor) -> Tensor:
    """The square root of the ratio of two norms, for each lane [lane, 1]."""
    norms = (each.norm(dim=1, keepdim=True) + LEAST for each in (weights, state))
    above, below = norms
    return (above / below).sqrt()
