"""Gradient flow of a fitted recurrent forecaster, in tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from forecast.data.panel import Origins, Panel
from forecast.data.scale import Scale
from forecast.errors import DataError, NotFittedError, SettingsError
from forecast.forecasters.overview import flow_html
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.decoders import Segments
from forecast.nets.network import Network
from forecast.training.flow import OUTPUT, Flow, Question, flow_of
from forecast.windows.feeds import Streamed
from forecast.windows.gather import scaled_rows
from forecast.windows.reach import require_reach, require_taken

QUANTILES = {"q10": 0.1, "q50": 0.5, "q90": 0.9}


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """How gradients flow through a network, at some origins.

    Args:
        lags: `part` of the state ("state" is all of it; "output" is what the cell says, where that is no part of its
            state: then the state's own norm at lag 0 is 0), `lag` in steps of the cell, `mean`, `q10`, `q50`, `q90`
            over origins of the norm of d loss_t / d h_{t-lag}, and the number of `origins`. Losses are those of
            training, in its units; in each norm layers, and targets that are read alone, are taken together. An LSTM's
            c has 0 at lag 0: given h_t, the forecast made at t does not hang on c_t.
        parameters: `parameter`, `size`, norm of the `gradient` of the mean loss, of the `weight`, and their `ratio`.
        gates: `gate`, `layer`, `mean` opening, shares of units and steps that are `closed` (below 0.1) and `open`
            (above 0.9); empty for cells without gates, or that do not tell (`forecast.nets.gates.Gated`).
        matrices: `matrix`, `radius` (largest absolute eigenvalue) and `norm` (largest singular value) of the recurrent
            weights, gate by gate, and the medians of those of d h_t / d h_{t-1} at the newest step of eight origins.
    """

    lags: pd.DataFrame
    parameters: pd.DataFrame
    gates: pd.DataFrame
    matrices: pd.DataFrame

    def _repr_html_(self) -> str:
        return flow_html(self)


def gradient_flow(
    model: Recurrent, panel: Panel, origins: Origins | None = None, lags: int | None = None, most: int = 256
) -> GradientFlow:
    """Measure how far back the loss of a forecast reaches: the norm of d loss_t / d h_{t-k} for each lag k.

    Exact, in float64: the cell is run step by step (any cell of one direction), the weights are left alone. A stream
    carries its state to `lags` rows before each origin from the first row of the series; its training cuts gradients
    at the edges of chunks, which is not done here. A recursive network is judged by its next step, as it is trained.
    Of a segment decoder a lag is a segment.

    Args:
        model: fitted.
        panel: with the targets ahead of the origins.
        origins: None takes up to `most`, evenly among all that the panel offers.
        lags: how many, from 0 on; None takes the context. Windows go no further back than that.
        most: origins, where none are given.

    Raises:
        SettingsError: no `Recurrent`, a cell without a state or of two directions, lags that there are not.
        NotFittedError: before fit.
        DataError: other channels than in training, or too few rows behind or ahead of an origin.

    Source:
        Bengio, Simard & Frasconi (1994); Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent
        neural networks.

    Example:
        >>> from forecast.data.synthetic import autoregressive
        >>> from forecast.training.settings import Training
        >>> from forecast.windows.window import Window
        >>> panel = autoregressive([0.8], rows=200)
        >>> model = Recurrent(Window(8, 1), cell="gru", hidden_size=4, training=Training(epochs=1)).fit(panel)
        >>> flow = gradient_flow(model, panel)
        >>> flow.lags["lag"].tolist()
        [0, 1, 2, 3, 4, 5, 6, 7]
        >>> flow.gates["gate"].tolist()
        ['reset', 'update']
    """
    network, scale, steps, stream = _checked(model, panel, lags)
    window, rows_behind = model.window, max(model.window.context, stream or 0)
    if origins is None:
        origins = _some(window.origins(panel), rows_behind, most)
    _require_targets(panel, origins, rows_behind, window.horizon)
    scale = scale.of(panel, window.context)
    require_taken(scale, panel, origins)
    rows = scaled_rows(panel, scale, torch.float64, model.cycles, model.knows_ahead, model.absent)
    flow = flow_of(network, Question(rows, panel, window.context, window.horizon, stream), origins)
    if not flow.norms.shape[2]:
        raise DataError("panel", ["no target was observed ahead of any of the origins; ask at others"])
    return GradientFlow(_lags(flow, steps), _parameters(flow), _gates(flow), pd.DataFrame(flow.spectra))


def _checked(model: Recurrent, panel: Panel, lags: int | None) -> tuple[Network, Scale, int, int | None]:
    """Network, scale, lags to show, and rows to go back over on a stream (None: windows)."""
    if not isinstance(model, Recurrent):
        raise SettingsError(f"gradient_flow looks into a Recurrent, this is a {type(model).__name__}")
    if model.network is None or model.scale is None or model.schema is None:
        raise NotFittedError("this Recurrent has not been fitted; call fit first")
    panel.require_channels(model.schema)
    if lags is not None and (isinstance(lags, bool) or not isinstance(lags, int | np.integer) or lags < 1):
        raise SettingsError(f"lags={lags!r}: a whole number of at least 1")
    context, decoder = model.window.context, model.architecture.decoder
    if isinstance(model.feed, Streamed):
        return model.network, model.scale, int(lags or context), int(lags or context)
    there = context // decoder.length if isinstance(decoder, Segments) else context
    if lags is not None and lags > there:
        raise SettingsError(f"lags={lags}: a window of {context} rows has {there} steps; ask for {there} or fewer")
    return model.network, model.scale, int(lags or there), None


def _some(origins: Origins, behind: int, most: int) -> Origins:
    """Origins with enough rows behind them, thinned out evenly."""
    if isinstance(most, bool) or not isinstance(most, int | np.integer) or most < 1:
        raise SettingsError(f"most={most!r}: a whole number of at least 1")
    origins = origins[origins.step >= behind]
    if not len(origins):
        raise DataError("panel", [f"no origin has {behind} rows behind it and its targets ahead; ask for fewer lags"])
    return origins[np.unique(np.linspace(0, len(origins) - 1, most).round().astype(np.int64))]


def _require_targets(panel: Panel, origins: Origins, behind: int, horizon: int) -> None:
    if not len(origins):
        raise SettingsError("origins is empty; None takes some of all that the panel offers")
    require_reach(panel, origins, behind, horizon)
    beyond = np.flatnonzero(origins.step + horizon > panel.lengths[origins.series])
    if len(beyond):
        where, step = panel.named(origins.series[beyond[0]]), origins.step[beyond[0]]
        raise DataError(
            "panel", [f"{where} ends before the horizon of {horizon} steps behind row {step}: no loss there"]
        )


def _lags(flow: Flow, steps: int) -> pd.DataFrame:
    norms = flow.norms[:, :steps]
    held = [place for place, part in enumerate(flow.parts) if part != OUTPUT]
    tables = {"state": np.sqrt((norms[held] ** 2).sum(axis=0))}
    if len(norms) > 1:
        tables |= dict(zip(flow.parts, norms, strict=True))
    frames = []
    for part, table in tables.items():
        spread = {name: np.quantile(table, level, axis=1) for name, level in QUANTILES.items()}
        columns = {"part": part, "lag": np.arange(len(table)), "mean": table.mean(axis=1), **spread}
        frames.append(pd.DataFrame({**columns, "origins": table.shape[1]}))
    return pd.concat(frames, ignore_index=True)


def _parameters(flow: Flow) -> pd.DataFrame:
    frame = pd.DataFrame(flow.parameters, columns=["parameter", "size", "gradient", "weight"])
    return frame.assign(ratio=frame["gradient"] / frame["weight"].where(frame["weight"] > 0))


def _gates(flow: Flow) -> pd.DataFrame:
    return pd.DataFrame(flow.gates, columns=["gate", "layer", "mean", "closed", "open"])
