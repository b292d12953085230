"""What the networks of a comparison went through: their losses by epoch, and how far back gradients reach in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from forecast.data.forecast import Forecaster
from forecast.data.panel import Panel
from forecast.errors import ForecastError
from forecast.experiment.making import networks
from forecast.forecasters.gradient_flow import gradient_flow
from forecast.forecasters.recurrent import Recurrent

EPOCHS = ("model", "network", "seed", "epoch", "train", "validation", "seconds", "kept")
LAGS = ("model", "network", "part", "lag", "mean", "q10", "q50", "q90", "origins")
ORIGINS = 16
LONGEST = 512
"""Steps of a context up to which gradients are followed: a second or two a network."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What some networks went through, in plain rows.

    Args:
        epochs: a row each: model, network (its name within the contestant), seed, epoch, train, validation (losses in
            the units of the head), seconds since the fit began, and whether its weights were kept.
        lags: rows of `gradient_flow`, with model and network in front.
        unmeasured: networks whose gradients were not followed, and why.
    """

    epochs: tuple[Mapping[str, Any], ...] = ()
    lags: tuple[Mapping[str, Any], ...] = ()
    unmeasured: Mapping[str, str] = field(default_factory=dict)

    def to_tree(self) -> dict[str, Any]:
        """Plain values that `learned_from` reads back."""
        return {"epochs": self.epochs, "lags": self.lags, "unmeasured": dict(self.unmeasured)}

    @property
    def training(self) -> pd.DataFrame:
        """The epochs as a table."""
        return pd.DataFrame(list(self.epochs), columns=list(EPOCHS))

    @property
    def gradients(self) -> pd.DataFrame:
        """The lags as a table."""
        return pd.DataFrame(list(self.lags), columns=list(LAGS))


def learned_from(tree: Mapping[str, Any]) -> Learned:
    """What `Learned.to_tree` gave; nothing of a tree that an older version kept.

    Example:
        >>> learned_from(Learned(unmeasured={"gru": "no"}).to_tree()).unmeasured
        {'gru': 'no'}
    """
    return Learned(tuple(tree.get("epochs", ())), tuple(tree.get("lags", ())), tree.get("unmeasured", {}))


def together(parts: Iterable[Learned]) -> Learned:
    """What several contestants went through."""
    found = list(parts)
    epochs = tuple(row for each in found for row in each.epochs)
    lags = tuple(row for each in found for row in each.lags)
    return Learned(epochs, lags, {name: why for each in found for name, why in each.unmeasured.items()})


def learned(model: str, forecaster: Forecaster, train: Panel | None) -> Learned:
    """What the networks of a fitted contestant went through.

    Args:
        model: its name.
        train: rows it was fitted on, for the gradients; None follows none.
    """
    epochs: list[Mapping[str, Any]] = []
    lags: list[Mapping[str, Any]] = []
    unmeasured: dict[str, str] = {}
    for part, network in networks(model, forecaster).items():
        if network.history is None:
            continue
        epochs += _epochs(model, part, network)
        try:
            lags += [] if train is None else _lags(model, part, network, train)
        except ForecastError as error:
            unmeasured[part] = str(error).removeprefix("panel: ")
    return Learned(tuple(epochs), tuple(lags), unmeasured)


def _epochs(model: str, part: str, network: Recurrent) -> list[Mapping[str, Any]]:
    history = network.history
    assert history is not None  # who calls has asked
    return [
        {
            "model": model,
            "network": part,
            "seed": network.training.seed,
            "epoch": each.number,
            "train": each.training,
            "validation": each.validation,
            "seconds": each.seconds,
            "kept": each.number == history.best,
        }
        for each in history.epochs
    ]


def _lags(model: str, part: str, network: Recurrent, train: Panel) -> list[Mapping[str, Any]]:
    if network.window.context > LONGEST:
        raise ForecastError(f"a context of {network.window.context} rows is more than {LONGEST}; see gradient_flow")
    flow = gradient_flow(network, train, most=ORIGINS).lags
    rows = flow.to_dict(orient="records")
    return [{"model": model, "network": part, **{str(name): value for name, value in row.items()}} for row in rows]
