"""Linear: a closed-form ridge from the context to the horizon, the strongest cheap baseline there is."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from forecast.data.categories import require_numbers
from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.errors import NotFittedError, TrainingError
from forecast.forecasters.provenance import Provenance, Savable
from forecast.windows.gather import Rows, gather, index_of, scaled_rows
from forecast.windows.reach import require_reach
from forecast.windows.window import Window, split

PENALTIES = tuple(10.0**power for power in range(-6, 4))
CELLS = 4_000_000  # of the windows cut at a time: 32 MB, whatever the horizon and the targets


class _Moments(NamedTuple):
    """Sums over windows: x'x, x'y and y'y, with a column of ones as the last input."""

    xx: Tensor
    xy: Tensor
    yy: Tensor

    def __add__(self, other: _Moments) -> _Moments:  # type: ignore[override]
        return _Moments(self.xx + other.xx, self.xy + other.xy, self.yy + other.yy)


class Linear(Savable):
    """Ridge regression from the context, less its last value, to the horizon, less that same value.

    One set of weights serves every series and target (channel-independent); covariates are not used. Only sums over
    windows are kept, so memory does not grow with the data. This is NLinear (Zeng et al. 2023) solved exactly.

    Args:
        window: context and horizon.
        validation: share of the training span on which the penalty is chosen; the weights are then solved on all of it.

    Example:
        >>> panel = Panel.from_arrays(np.sin(np.arange(400.0)), np.arange(400).astype("M8[h]"))
        >>> model = Linear(Window(context=8, horizon=2)).fit(panel.until(300))
        >>> error = model.predict(panel, Origins(np.array([0]), np.array([350]))).point[0, :, 0] - np.sin([350, 351])
        >>> bool(abs(error).max() < 1e-3)
        True
    """

    def __init__(self, window: Window, validation: float = 0.2) -> None:
        self.window, self.validation = window, validation
        self.weights: np.ndarray | None = None
        self.scale: Scale | None = None
        self.schema: Schema | None = None
        self.penalty: float | None = None

    @property
    def parameters(self) -> int:
        return 0 if self.weights is None else self.weights.size

    def fit(self, panel: Panel) -> Self:
        """Choose the penalty on the validation span, then solve on every window."""
        require_numbers(panel.schema, type(self).__name__)
        parts = split(panel, self.window, self.validation)
        scale = Scale.fit(panel)
        rows = scaled_rows(panel, scale.of(panel, self.window.context), torch.float64)
        training = self._moments(rows, index_of(panel, parts.training))
        everything = training
        penalty = PENALTIES[3]
        if self.validation:
            held = self._moments(rows, index_of(panel, parts.validation))
            penalty = min(PENALTIES, key=lambda value: _error(_solve(training, value), held))
            everything = self._moments(rows, index_of(panel, self.window.origins(panel)))
        self.weights = _solve(everything, penalty).numpy()
        self.penalty, self.scale, self.schema = penalty, scale, panel.schema
        self.fitted_on = Provenance.of(panel)
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        """Forecast at origins, by default at the end of every series."""
        if self.weights is None or self.scale is None or self.schema is None:
            raise NotFittedError("this Linear has not been fitted; call fit first")
        panel.require_channels(self.schema)
        origins = panel.end_origins() if origins is None else origins
        require_reach(panel, origins, self.window.context, 0)
        scale = self.scale.of(panel, self.window.context)
        rows = scaled_rows(panel, scale, torch.float64)
        weights = torch.from_numpy(self.weights)
        values = []
        for part in self._parts(rows, index_of(panel, origins)):
            x, last = self._inputs(rows, part)
            values.append((x @ weights + last).unflatten(0, (len(part), rows.layout.targets)).transpose(1, 2))
        return Forecast.at(panel, origins, scale.invert(torch.cat(values).numpy(), origins.series))

    def _parts(self, rows: Rows, index: Tensor) -> tuple[Tensor, ...]:
        """Origins, as many at a time as memory is to hold the windows of."""
        width = (self.window.context + self.window.horizon) * rows.layout.channels
        return torch.split(index, max(1, CELLS // width))

    def _inputs(self, rows: Rows, index: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs [origin x target, context] (differences to the last value, then a one) and the last value."""
        batch = gather(rows, index, self.window.context, 0, targets=False)
        lanes = batch.past[..., : rows.layout.targets].transpose(1, 2).flatten(0, 1)
        last = lanes[:, -1:]
        return torch.cat([lanes[:, :-1] - last, torch.ones_like(last)], dim=1), last

    def _moments(self, rows: Rows, index: Tensor) -> _Moments:
        """Sums over the windows whose target cells were all observed; over each step's own windows if most were not."""
        groups = [slice(0, self.window.horizon)]
        if rows.seen is not None and self._complete(rows, index) < 0.5:
            groups = [slice(step, step + 1) for step in range(self.window.horizon)]
        sums = [self._sum(rows, index, group) for group in groups]
        return _Moments(*(torch.stack(part) for part in zip(*sums, strict=True)))

    def _complete(self, rows: Rows, index: Tensor) -> float:
        done = 0
        for part in self._parts(rows, index):
            batch = gather(rows, part, 1, self.window.horizon)
            done += 0 if batch.target_seen is None else int(batch.target_seen.all(dim=1).sum())
        return done / (len(index) * rows.layout.targets)

    def _sum(self, rows: Rows, index: Tensor, group: slice) -> _Moments:
        width, steps = self.window.context, group.stop - group.start
        total = _Moments(*(torch.zeros(shape, dtype=torch.float64) for shape in ((width, width), (width, steps), ())))
        for part in self._parts(rows, index):
            x, last = self._inputs(rows, part)
            batch = gather(rows, part, 1, self.window.horizon)
            y = batch.target.transpose(1, 2).flatten(0, 1)[:, group] - last
            if batch.target_seen is not None:
                keep = batch.target_seen.transpose(1, 2).flatten(0, 1)[:, group].all(dim=1)
                x, y = x[keep], y[keep]
            total = total + _Moments(x.T @ x, x.T @ y, (y * y).sum())
        return total


def _solve(moments: _Moments, penalty: float) -> Tensor:
    """Ridge weights [input, step]; the penalty is relative to the mean square of the inputs, the constant is free."""
    weights = []
    for xx, xy in zip(moments.xx, moments.xy, strict=True):
        if xx[-1, -1] == 0:
            raise TrainingError("linear: no window has an observed target; use a shorter horizon")
        ridge = torch.full((len(xx),), penalty, dtype=xx.dtype) * xx.diagonal()[:-1].mean().nan_to_num(1.0)
        ridge = ridge.clamp(min=1e-12)
        ridge[-1] = 0.0
        weights.append(torch.linalg.solve(xx + torch.diag(ridge), xy))
    return torch.cat(weights, dim=1)


def _error(weights: Tensor, held: _Moments) -> float:
    """Squared error of weights on held-back windows, from their sums alone."""
    steps = held.xy.shape[2]
    total = 0.0
    for group, (xx, xy, yy) in enumerate(zip(held.xx, held.xy, held.yy, strict=True)):
        part = weights if len(held.xx) == 1 else weights[:, group * steps : (group + 1) * steps]
        total += float(yy - 2 * (part * xy).sum() + (part * (xx @ part)).sum())
    return total
