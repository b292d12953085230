"""Tabular: any scikit-learn regressor on the same windows as the networks. The only room that knows scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from torch import Tensor

from forecast.data.categories import require_numbers
from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.errors import NotFittedError, SettingsError, TrainingError, did_you_mean
from forecast.forecasters.provenance import Provenance, Savable
from forecast.windows.gather import Rows, gather, index_of, scaled_rows
from forecast.windows.indicators import one_hot
from forecast.windows.reach import reaching, require_reach
from forecast.windows.window import Window

BATCH = 1024
Regressor = Any
"""A scikit-learn regressor: its base classes do not name the methods that it has."""


@dataclass(frozen=True)
class Preset:
    """A regressor under a name.

    Args:
        make: makes it from a seed.
        windows: most training windows it is given (one window per origin and target).
        by_step: one output with the step as an input, for regressors that have a single output.
        double: fit in float64, where a solver squares what it is given: inputs that nearly repeat each other, such as
            one-hot columns of categories, would leave a linear solution little of float32's seven digits.
        sequential: it takes columns for the steps of one series (`RecurrentRegressor`); nothing may stand beside them.
    """

    make: Callable[[int], Regressor]
    windows: int
    by_step: bool = False
    double: bool = False
    sequential: bool = False


PRESETS: dict[str, Preset] = {
    "ridge": Preset(lambda seed: Ridge(alpha=1.0), 50_000, double=True),
    "knn": Preset(lambda seed: KNeighborsRegressor(n_neighbors=20, algorithm="brute"), 20_000),
    "forest": Preset(
        lambda seed: RandomForestRegressor(
            n_estimators=60, min_samples_leaf=5, max_features=0.3, n_jobs=-1, random_state=seed
        ),
        6_000,
    ),
    "boosting": Preset(
        lambda seed: HistGradientBoostingRegressor(max_iter=150, early_stopping=False, random_state=seed),
        20_000,
        by_step=True,
    ),
    "mlp": Preset(
        lambda seed: MLPRegressor(
            hidden_layer_sizes=(64,), batch_size=128, max_iter=30, tol=0.0, n_iter_no_change=30, random_state=seed
        ),
        20_000,
    ),
}
CELLS_BY_STEP = 200_000


class Tabular(Savable):
    """A scikit-learn regressor from the flattened context to the horizon.

    Inputs are the target's context less its last value (scaled by the training rows of its series), the context of
    covariates, the known-ahead covariates of the horizon and the static ones (categories one-hot); outputs are the
    steps of the horizon less the same last value. One regressor serves every series and target. Windows with an
    unobserved target are left out. When there are more windows than `windows`, evenly spaced ones are taken.

    Args:
        window: context and horizon.
        regressor: a scikit-learn regressor (cloned, never changed) or a preset: ridge, knn, forest, boosting, mlp.
        windows: most training windows; None takes the preset's, or 50,000.
        by_step: one output with the step as an input; None takes the preset's, or False.
        seed: of a preset's randomness.
        options: settings of the regressor, by scikit-learn's names.

    Raises:
        SettingsError: no such regressor, or it has no such option.

    Example:
        >>> panel = Panel.from_arrays(np.sin(np.arange(300.0)), np.arange(300).astype("M8[h]"))
        >>> Tabular(Window(8, 2), "ridge").fit(panel).predict(panel).values.shape
        (1, 2, 1, 1)
    """

    def __init__(
        self,
        window: Window,
        regressor: str | Regressor = "ridge",
        windows: int | None = None,
        by_step: bool | None = None,
        seed: int = 0,
        options: Mapping[str, float | str | bool] | None = None,
    ) -> None:
        if isinstance(regressor, str) and regressor not in PRESETS:
            raise SettingsError(f"no regressor {regressor!r}{did_you_mean(regressor, tuple(PRESETS))}")
        preset = PRESETS[regressor] if isinstance(regressor, str) else _preset_of(regressor)
        self.window, self.preset, self.seed, self.options = window, preset, seed, dict(options or {})
        known = preset.make(seed).get_params(deep=False)
        for option in self.options:
            if option not in known:
                raise SettingsError(f"no option {option!r} of {regressor}{did_you_mean(option, tuple(known))}")
        self.windows = preset.windows if windows is None else windows
        self.by_step = preset.by_step if by_step is None else by_step
        self.model: Regressor = None
        self.scale: Scale | None = None
        self.schema: Schema | None = None

    @property
    def parameters(self) -> int:
        """Numbers in a linear or neural regressor, nodes in a forest, cells kept by neighbours; 0 where unknown."""
        return 0 if self.model is None else _size(self.model)

    def fit(self, panel: Panel) -> Self:
        """Fit a fresh clone of the regressor."""
        require_numbers(panel.schema, type(self).__name__)
        origins = self.window.origins(panel)
        if not len(origins):
            raise TrainingError(
                f"no training windows: context {self.window.context} + horizon {self.window.horizon} need "
                f"{self.window.length} rows, the longest series has {panel.lengths.max(initial=0)}"
            )
        scale = Scale.fit(panel)
        rows = one_hot(scaled_rows(panel, scale.of(panel, self.window.context)), panel.schema, scale)
        beside = rows.layout.channels > rows.layout.targets or rows.static.shape[1]
        if self.preset.sequential and (beside or self.by_step):
            raise SettingsError(
                "this regressor reads its columns as the steps of one series, and covariates or by_step would put "
                "others beside them; use Recurrent, which reads covariates, or leave them out of the schema"
            )
        x, y = self._training(rows, index_of(panel, origins[self._evenly(len(origins), panel.layout.targets)]))
        if not len(x):
            raise TrainingError(
                f"no window has all its {self.window.horizon} target steps observed; shorten the horizon"
            )
        if self.preset.double:
            x, y = x.astype(np.float64), y.astype(np.float64)
        with warnings.catch_warnings():
            # A fixed number of passes is the setting; that the solver could go on is no news.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model = _fitting(self.preset.make(self.seed).set_params(**self.options), len(x)).fit(
                x, y[:, 0] if y.shape[1] == 1 else y
            )
        if "n_jobs" in self.model.get_params(deep=False):
            self.model.set_params(n_jobs=1)  # trees summed by racing threads differ in the last bit from call to call
        self.scale, self.schema = scale, panel.schema
        self.fitted_on = Provenance.of(panel)
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        """Forecast at origins, by default at the end of every series."""
        if self.model is None or self.scale is None or self.schema is None:
            raise NotFittedError("this Tabular has not been fitted; call fit first")
        panel.require_channels(self.schema)
        origins = panel.end_origins() if origins is None else origins
        panel = reaching(panel, self.window.horizon)
        require_reach(panel, origins, self.window.context, self.window.horizon)
        scale = self.scale.of(panel, self.window.context)
        rows = one_hot(scaled_rows(panel, scale), panel.schema, scale)
        parts = torch.split(index_of(panel, origins), BATCH)
        values = np.concatenate([self._forecast(rows, part) for part in parts])
        return Forecast.at(panel, origins, scale.invert(values, origins.series))

    def _evenly(self, origins: int, targets: int) -> np.ndarray:
        wanted = min(origins, max(1, self.windows // targets))
        return np.unique(np.linspace(0, origins - 1, wanted).round().astype(np.int64))

    def _training(self, rows: Rows, index: Tensor) -> tuple[np.ndarray, np.ndarray]:
        parts = [self._examples(rows, part) for part in torch.split(index, BATCH)]
        x, y, seen = (np.concatenate(part) for part in zip(*parts, strict=True))
        if not self.by_step:
            keep = seen.all(axis=1)
            return x[keep], y[keep]
        cell = np.flatnonzero(seen)
        if len(cell) > CELLS_BY_STEP:
            cell = np.sort(np.random.default_rng(self.seed).choice(cell, CELLS_BY_STEP, replace=False))
        window, step = np.divmod(cell, seen.shape[1])
        return np.column_stack([x[window], step]), y[window, step][:, None]

    def _examples(self, rows: Rows, index: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        batch = gather(rows, index, self.window.context, self.window.horizon)
        x, last = self._inputs(rows, index)
        y = batch.target.transpose(1, 2).flatten(0, 1) - last
        seen = torch.ones_like(y) if batch.target_seen is None else batch.target_seen.transpose(1, 2).flatten(0, 1)
        return x.numpy(), y.numpy(), seen.bool().numpy()

    def _inputs(self, rows: Rows, index: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs [origin x target, feature] and the last value [origin x target, 1]."""
        batch = gather(rows, index, self.window.context, self.window.horizon, targets=False)
        targets = rows.layout.targets
        lanes = batch.past[..., :targets].transpose(1, 2).flatten(0, 1)
        last = lanes[:, -1:]
        beside = torch.cat([batch.past[..., targets:].flatten(1), batch.future.flatten(1), batch.static], dim=1)
        return torch.cat([lanes - last, beside.repeat_interleave(targets, dim=0)], dim=1), last

    def _forecast(self, rows: Rows, index: Tensor) -> np.ndarray:
        x, last = (part.numpy() for part in self._inputs(rows, index))
        horizon = self.window.horizon
        if not len(index):
            return np.zeros((0, horizon, rows.layout.targets))
        if self.by_step:
            x = np.column_stack([np.repeat(x, horizon, axis=0), np.tile(np.arange(horizon), len(x))])
        y = np.asarray(self.model.predict(x), dtype=np.float64).reshape(len(last), horizon) + last
        return y.reshape(len(index), rows.layout.targets, horizon).transpose(0, 2, 1)


def _preset_of(regressor: Regressor) -> Preset:
    return Preset(lambda seed: clone(regressor), 50_000, sequential=getattr(regressor, "sequential", False))


def _fitting(model: Regressor, windows: int) -> Regressor:
    """Ask for no more neighbours, and no larger batches, than there are windows."""
    for name in ("n_neighbors", "batch_size"):
        asked = getattr(model, name, None)
        if isinstance(asked, int) and asked > windows:
            model.set_params(**{name: windows})
    return model


def _size(model: Regressor) -> int:
    if hasattr(model, "coefs_"):
        return sum(part.size for part in (*model.coefs_, *model.intercepts_))
    if hasattr(model, "coef_"):
        return int(np.size(model.coef_) + np.size(model.intercept_))
    if hasattr(model, "estimators_"):
        return sum(tree.tree_.node_count for tree in model.estimators_ if hasattr(tree, "tree_"))
    if hasattr(model, "_fit_X"):
        return int(model._fit_X.size)
    if hasattr(model, "_predictors"):
        return sum(tree.get_n_leaf_nodes() for stage in model._predictors for tree in stage)
    return 0
