"""Overview: a recurrent forecaster and its gradients at a glance, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from forecast.data.markup import block, counted, notes, pairs, significant, table
from forecast.data.rows import day

if TYPE_CHECKING:
    from forecast.forecasters.gradient_flow import GradientFlow
    from forecast.forecasters.recurrent import Recurrent

ROWS = 12


def recurrent_html(model: Recurrent) -> str:
    """The settings of a network, and what became of its fit."""
    shape, training, history = model.architecture, model.training, model.history
    cell = shape.cell if isinstance(shape.cell, str) else getattr(shape.cell, "__name__", type(shape.cell).__name__)
    layers = f", {shape.layers} layers" if shape.layers > 1 else ""
    window = f"context {model.window.context}, horizon {model.window.horizon}"
    fitted = "not yet: call fit(panel)"
    if model.network is not None:
        until = "" if model.fitted_on is None else f", rows up to {day(model.fitted_on.until)}"
        fitted = f"{counted(model.parameters, 'parameter')}{until}"
    known = {
        "cell": f"{cell}, hidden size {shape.hidden_size}{layers}",
        "window": window,
        "reads": f"{type(model.feed).__name__}, scaling {shape.scaling}, {shape.channels} targets",
        "says": f"{type(model.head).__name__} by {type(shape.decoder).__name__}",
        "transform": "" if model.transform == "none" else model.transform,
        "training": f"at most {counted(training.epochs, 'epoch')}, seed {training.seed}",
        "fitted": fitted,
        "history": "" if history is None else f"kept epoch {history.best} of {len(history.epochs)}, {_losses(model)}",
    }
    ended = [] if history is None else [f"training was ended by {history.stopped}"]
    return block("Recurrent", pairs(known), notes(ended))


def _losses(model: Recurrent) -> str:
    assert model.history is not None
    epoch = model.history.epochs[model.history.best - 1]
    return f"loss {significant(epoch.training)} in training, {significant(epoch.validation)} in validation"


def flow_html(flow: GradientFlow) -> str:
    """How far back the loss reaches at a few lags, and the recurrent matrices."""
    parts = [part for part in ("state", "output") if (flow.lags["part"] == part).any()]
    last = int(flow.lags["lag"].max())
    lags = [0, *(2**power for power in range(last.bit_length()) if 2**power < last), last]
    reach = flow.lags[flow.lags["part"].isin(parts) & flow.lags["lag"].isin(lags)]
    tables = (reach, flow.gates, flow.matrices)
    heads = ("norm of the gradient by lag", "gates", "recurrent matrices")
    shown = [
        part for head, frame in zip(heads, tables, strict=True) if len(frame) for part in (notes([head]), _frame(frame))
    ]
    return block(f"GradientFlow: {counted(int(flow.lags['origins'].max()), 'origin')}, lags up to {last}", *shown)


def _frame(frame: pd.DataFrame) -> str:
    return table(tuple(map(str, frame.columns)), _cells(frame.head(ROWS)))


def _cells(frame: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    for row in frame.itertuples(index=False):
        yield tuple(significant(cell) if isinstance(cell, float) else str(cell) for cell in row)
