"""Learning rules: how a cell gets gradients on a stream, by looking back or by carrying influences forward."""

from forecast.nets.rules.forward import RealTime, Sparse
from forecast.nets.rules.replay import Full, Truncated
from forecast.nets.rules.rule import LearningRule, RuleTrace
from forecast.nets.rules.unbiased import Unbiased

RULES: dict[str, type[LearningRule]] = {
    "bptt": Full,
    "tbptt": Truncated,
    "rtrl": RealTime,
    "snap1": Sparse,
    "uoro": Unbiased,
}
"""Rules by the names of the field."""

__all__ = ["RULES", "Full", "LearningRule", "RealTime", "RuleTrace", "Sparse", "Truncated", "Unbiased"]
