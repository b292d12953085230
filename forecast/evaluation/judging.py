"""Judging: a bar over the contestants of a backtest."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from forecast.work.bars import bar

FORM = "|{bar:24}| {elapsed} gone, {desc}"


class Judging:
    """One line that says who is being judged; silent where nobody looks, or when not asked for.

    Args:
        costs: what each contestant is expected to cost, by name, in any unit.
        show: whether it was asked for.
        form: of the bar; the usual one promises no remaining time.
        last: cost of a step behind all contestants.
    """

    def __init__(self, costs: Mapping[str, float], show: bool = True, form: str = FORM, last: float = 0) -> None:
        self.costs = costs
        self.running: str | None = None
        self.done = 0
        self.bar = bar(sum(costs.values()) + last, form, show)

    def judge(self, sentence: str) -> None:
        """Take a sentence of the judge: "gru: fitting"."""
        name = sentence.rpartition(":")[0]
        if name != self.running:
            self.finish()
            self.running = name
        self.bar.set_description_str(f"{self.done + 1}/{len(self.costs)} {sentence}")

    def finish(self) -> None:
        """The contestant that was under way is done."""
        if self.running is not None:
            self.bar.update(self.costs[self.running])
            self.running, self.done = None, self.done + 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()
