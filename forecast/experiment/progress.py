"""Progress: one bar over the contestants of a comparison, with the remaining time."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from tqdm import tqdm

from forecast.experiment.contestants import Contestant, LinearSettings, RecurrentSettings, TabularSettings
from forecast.experiment.making import stands_on

COSTS: dict[type, int] = {
    LinearSettings: 2,
    TabularSettings: 10,
    RecurrentSettings: 40,
}  # a rule: 1; roughly, at small sizes
FORMAT = "|{bar:24}| {percentage:3.0f} %, {elapsed} gone, {remaining} left, {desc}"


class Progress:
    """One line on stderr; silent when stderr is not a terminal, or when not asked for.

    The bar advances by what a contestant is expected to cost, so that the remaining time is not that of naive rules.
    """

    def __init__(self, contestants: Mapping[str, Contestant], show: bool = True) -> None:
        self.costs = {
            name: sum(COSTS.get(type(made), 1) for made in stands_on(name, contestants)) for name in contestants
        }
        self.running: str | None = None
        self.done = 0
        self.bar = tqdm(
            total=sum(self.costs.values()) + 1,
            bar_format=FORMAT,
            leave=False,
            smoothing=0,
            disable=not (show and sys.stderr.isatty()),
        )

    def judge(self, sentence: str) -> None:
        """Take a sentence of the judge: "gru: fitting"."""
        name = sentence.partition(":")[0]
        if name != self.running:
            self._finish()
            self.running = name
        self.bar.set_description_str(f"{self.done + 1}/{len(self.costs)} {sentence}")

    def last(self, name: str, sentence: str) -> None:
        """Begin the last step, which costs as much as a contestant does."""
        self._finish()
        self.bar.total += self.costs[name] - 1
        self.bar.set_description_str(sentence)

    def _finish(self) -> None:
        if self.running is not None:
            self.bar.update(self.costs[self.running])
            self.running, self.done = None, self.done + 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()
