"""Errors, as one tree.

* ForecastError (the user can do something about it; the command line exits with 2, or with 74 behind a full disk)
  + DataError        the file or frame cannot be used; carries every problem found, not only the first
  + SettingsError    an argument, a flag or a settings file makes no sense (alone or for this data)
  + TrainingError    training cannot start or go on: no windows, a loss that is not finite
  + NotFittedError   predict was called before fit
  + LeakageError     a forecast knew what came after its origin
  + RunError         what a run keeps for going on cannot be written or read; no fault of a contestant

Anything else that escapes is our mistake: the command line shows its traceback and exits with 70.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class ForecastError(Exception):
    """Something the user can mend; the message says what, where and how."""


class SettingsError(ForecastError):
    """An argument, a flag or a settings file makes no sense."""


class TrainingError(ForecastError):
    """Training cannot start or go on."""


class NotFittedError(ForecastError):
    """A forecast was asked of a forecaster that has not been fitted."""


class LeakageError(ForecastError):
    """A forecast knew what came after its origin."""


class RunError(ForecastError):
    """What a run keeps for going on cannot be written or read."""


class UnknownCategory(UserWarning):
    """A column holds categories that training did not meet; they are read as unknown."""


class DataError(ForecastError):
    """A file or frame cannot be used.

    Args:
        source: the file (or "the frame") the problems were found in.
        problems: one sentence each: what, where, remedy.

    Example:
        >>> print(DataError("prices.csv", ["column 'close': row 7 is 'x'", "no rows after 2020"]))
        prices.csv: 2 problems
          - column 'close': row 7 is 'x'
          - no rows after 2020
    """

    def __init__(self, source: str, problems: Iterable[str]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__(self._text())

    def _text(self) -> str:
        if len(self.problems) == 1:
            return f"{self.source}: {self.problems[0]}"
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        return f"{self.source}: {len(self.problems)} problems{lines}"


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return a closing remark that names the nearest known words, or all of them when none is near.

    Example:
        >>> did_you_mean("clos", ["open", "close"])
        "; did you mean 'close'?"
        >>> did_you_mean("xyz", ["open", "close"])
        '; known: open, close'
    """
    near = difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    lowered = [name for name in known if name.lower() == word.lower()]
    if lowered or near:
        return f"; did you mean {' or '.join(repr(name) for name in (lowered or near))}?"
    shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    return f"; known: {shown}" if known else ""
