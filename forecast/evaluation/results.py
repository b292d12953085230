"""Results: what a contestant came to at the origins of a backtest, so that a stopped one can be gone on with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from forecast.data.forecast import Forecast


@dataclass(frozen=True, eq=False)
class Result:
    """What a contestant came to.

    Args:
        forecast: at the origins of the backtest; None where it failed.
        failed: why.
        fit_seconds: of its fit.
        predict_ms: milliseconds an origin.
        parameters: that were fitted.
    """

    forecast: Forecast | None = None
    failed: str | None = None
    fit_seconds: float = 0.0
    predict_ms: float = 0.0
    parameters: int = 0


class Results(Protocol):
    """Whoever keeps results; what a contestant said must come back bit for bit."""

    def get(self, name: str) -> Result | None:
        """What a contestant came to before, None where it has not been judged."""
        ...

    def put(self, name: str, result: Result) -> Result:
        """Keep what a contestant came to, and give it as it will come back."""
        ...
