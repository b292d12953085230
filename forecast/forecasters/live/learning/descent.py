"""Descent: the gradient of one forecast's loss, by autograd outside of the cell and by a learning rule inside."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from forecast.forecasters.live.learning.settings import Learning
from forecast.nets.memory import Stand
from forecast.nets.network import Network
from forecast.nets.rules import LearningRule, RuleTrace

CELL = "cell."


class Lesson(NamedTuple):
    """A forecast that was due, and what came.

    Args:
        stand: what it stood on; hidden [1, fold, hidden].
        future: [1, horizon, known], what was known ahead of it, as training has it.
        target: [1, horizon, target], scaled.
        seen: bool, the same shape; which of them were observed.
        last: [1, 1, target], the newest value at its origin.
    """

    stand: Stand
    future: Tensor
    target: Tensor
    seen: Tensor
    last: Tensor


def gradient(
    network: Network, rule: LearningRule, trace: RuleTrace | None, lesson: Lesson
) -> tuple[float, dict[str, Tensor]]:
    """The loss that training would have there, and its gradient by every weight that learns, by name.

    Args:
        network: in evaluation mode.
        trace: of the cell's step to the origin; None where the rule has read no step, and the cell learns nothing.

    Raises:
        FloatingPointError: the loss is not finite; a rule that gathers errors has not seen this one.
    """
    hidden = lesson.stand.hidden.detach().requires_grad_()
    outside = {
        name: weight
        for name, weight in network.named_parameters()
        if weight.requires_grad and not name.startswith(CELL)
    }
    with torch.enable_grad():
        parameters = network.answer(lesson.stand._replace(hidden=hidden), lesson.future)
        loss = network.head.loss(parameters, lesson.target, lesson.seen, lesson.last)
        found = torch.autograd.grad(loss, [hidden, *outside.values()], allow_unused=True, materialize_grads=True)
    if not math.isfinite(float(loss.detach())):
        raise FloatingPointError("loss is not finite")
    inside = {} if trace is None else rule.gradients(network.cell, trace, found[0][0])
    return float(loss.detach()), dict(zip(outside, found[1:], strict=True)) | {
        CELL + name: g for name, g in inside.items()
    }


class Descent:
    """Steps of an optimizer on the weights that learn.

    Args:
        network: whose weights are moved in place.
        settings: learning rate, optimizer, norm to clip to.
    """

    def __init__(self, network: Network, settings: Learning) -> None:
        self.weights = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
        self.clip = settings.clip
        weights = list(self.weights.values())
        if settings.optimizer == "adam":
            self.optimizer: torch.optim.Optimizer = torch.optim.Adam(weights, settings.learning_rate, fused=True)
        else:
            self.optimizer = torch.optim.SGD(weights, settings.learning_rate)

    @torch.no_grad()
    def step(self, gradients: dict[str, Tensor]) -> bool:
        """Move the weights that have a gradient, cut down to the norm; False where it is 0, which moves nothing.

        Raises:
            FloatingPointError: the gradient is not finite; no weight was moved.
        """
        norm = float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients.values()])))
        if not math.isfinite(norm):
            raise FloatingPointError("gradient is not finite")
        if not norm:
            return False
        share = min(1.0, self.clip / norm)
        for name, gradient_ in gradients.items():
            self.weights[name].grad = gradient_ * share
        self.optimizer.step()
        self.optimizer.zero_grad()
        return True

    def numbers(self) -> dict[str, Tensor]:
        """What the optimizer remembers, by name of weight and number."""
        kept = self.optimizer.state_dict()["state"]
        names = list(self.weights)
        return {f"{key}.{names[place]}": part for place, parts in kept.items() for key, part in parts.items()}

    def set_numbers(self, numbers: dict[str, Tensor]) -> None:
        """The opposite of `numbers`."""
        places = {name: place for place, name in enumerate(self.weights)}
        state: dict[int, dict[str, Tensor]] = {}
        for named, part in numbers.items():
            key, _, name = named.partition(".")
            state.setdefault(places[name], {})[key] = part
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})
