"""Learning rules: how a cell gets gradients on a stream, by looking back or by carrying influences forward."""

from forecast.nets.rules.replay import Full, Truncated
from forecast.nets.rules.rule import LearningRule, RuleTrace

__all__ = ["Full", "LearningRule", "RuleTrace", "Truncated"]
