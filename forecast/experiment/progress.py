"""Progress: one bar over the contestants of a comparison, with the remaining time."""

from __future__ import annotations

from collections.abc import Mapping

from forecast.evaluation.judging import Judging
from forecast.experiment.contestants import Contestant, LinearSettings, RecurrentSettings, TabularSettings
from forecast.experiment.making import stands_on

COSTS: dict[type, int] = {
    LinearSettings: 2,
    TabularSettings: 10,
    RecurrentSettings: 40,
}  # a rule: 1; roughly, at small sizes
FORMAT = "|{bar:24}| {percentage:3.0f} %, {elapsed} gone, {remaining} left, {desc}"


class Progress(Judging):
    """One line on stderr; silent where nobody looks, or when not asked for.

    The bar advances by what a contestant is expected to cost, so that the remaining time is not that of naive rules.
    """

    def __init__(self, contestants: Mapping[str, Contestant], show: bool = True) -> None:
        costs = {name: sum(COSTS.get(type(made), 1) for made in stands_on(name, contestants)) for name in contestants}
        super().__init__(costs, show, FORMAT, last=1)

    def last(self, name: str, sentence: str) -> None:
        """Begin the last step, which costs as much as a contestant does."""
        self.finish()
        self.bar.total += self.costs[name] - 1
        self.bar.set_description_str(sentence)
