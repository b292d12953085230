"""Settings of learning in a live forecaster, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from forecast.errors import SettingsError, did_you_mean
from forecast.forecasters.live.learning.guard import Guard, is_number
from forecast.nets.decoders import Recursive
from forecast.nets.rules import RULES, LearningRule

if TYPE_CHECKING:
    from forecast.forecasters.live.forecaster import Live

Optimizer = Literal["adam", "sgd"]
OPTIMIZERS = get_args(Optimizer)


@dataclass(frozen=True)
class Learning:
    """How a live forecaster learns.

    Args:
        rule: the learning rule of the cell, by name (`forecast.nets.rules.RULES`) or as a value.
        learning_rate: of every step of the optimizer; one step a row.
        optimizer: "sgd" or "adam".
        clip: the norm that a gradient is cut down to.
        guard: when the adapted weights speak.

    Raises:
        SettingsError: a setting that is none.

    Source:
        Williams & Zipser 1989, "A Learning Algorithm for Continually Running Fully Recurrent Neural Networks"; Dawid
        1984, "Statistical Theory: The Prequential Approach".
    """

    rule: str | LearningRule = "rtrl"
    learning_rate: float = 1e-3
    optimizer: Optimizer = "sgd"
    clip: float = 1.0
    guard: Guard = field(default_factory=Guard)

    def __post_init__(self) -> None:
        if isinstance(self.rule, str) and self.rule not in RULES:
            raise SettingsError(f"rule={self.rule!r}{did_you_mean(self.rule, tuple(RULES))}")
        if not isinstance(self.rule, str | LearningRule) or isinstance(self.rule, type):
            raise SettingsError(f"rule={self.rule!r}: a name out of {tuple(RULES)}, or a rule with its settings")
        if self.optimizer not in OPTIMIZERS:
            raise SettingsError(f"optimizer={self.optimizer!r}{did_you_mean(str(self.optimizer), OPTIMIZERS)}")
        if not is_number(self.learning_rate) or self.learning_rate < 0:
            raise SettingsError(f"learning_rate={self.learning_rate!r}: a finite number, at least 0")
        if not is_number(self.clip) or self.clip <= 0:
            raise SettingsError(f"clip={self.clip!r}: the greatest norm of a gradient, a finite number above 0")
        if not isinstance(self.guard, Guard):
            raise SettingsError(f"guard={self.guard!r}: a Guard()")

    @property
    def law(self) -> LearningRule:
        """The rule as a value."""
        return RULES[self.rule]() if isinstance(self.rule, str) else self.rule


def require_learnable(live: Live) -> None:
    """Raise SettingsError for a live forecaster that cannot learn."""
    if live.schema.future:
        raise SettingsError(
            f"the known-ahead columns {list(live.schema.future)}: both weights forecast as soon as a row arrives, and "
            "rows bring no values of the rows ahead; learning online needs columns that are past-only, or "
            "computed from dates (cycles of the calendar, holidays)"
        )
    if isinstance(live.model.architecture.decoder, Recursive):
        raise SettingsError(
            "a Recursive decoder draws what it reads ahead, so its forecasts are paths and no function of the state "
            "that an error could be led back through; learning online needs decoder=Direct() or Sequence()"
        )
