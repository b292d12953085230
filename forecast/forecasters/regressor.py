"""RecurrentRegressor: a recurrent network as a scikit-learn estimator, lags in, next values out.

It is `Recurrent` behind scikit-learn's face: the rows of `X` and `y` are laid end to end as one series whose windows
do not overlap, so scaling, network, training and prediction are those of the forecaster.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from forecast.data.panel import Origins, Panel
from forecast.data.schema import Schema
from forecast.errors import SettingsError
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import CellFactory
from forecast.nets.scaling import Scaling
from forecast.training.asking import windows_at
from forecast.training.settings import Schedule, Training
from forecast.windows.feeds import Windowed
from forecast.windows.gather import scaled_rows
from forecast.windows.window import Window

LEAST_ROWS = 2  # one alone has no spread, and leaves none to choose the epoch by


class RecurrentRegressor(RegressorMixin, BaseEstimator):
    """A recurrent network that maps lagged values to the next ones, for pipelines and searches of scikit-learn.

    One row of `X` is one sample: the lagged values of a series, **oldest first**, so that the last column is the newest
    value. With `n_channels` variables the columns go step by step: all variables of the oldest step, then all of the
    next, ...; there are steps x `n_channels` columns. `y` holds the next value, or several outputs (steps ahead, or
    anything else that is to be told from the lags), one a column.

    The last rows choose the epoch (`validation`), so rows in the order of time are judged on what came later. Rows are
    weighted alike. For series with dates, gaps, calendars or many horizons use `Recurrent`, which this is a face of.

    Args:
        n_channels: variables in a row of `X`. The linear skip reads the first one.
        cell: "rnn", "rnn-relu", "lstm", "gru" or another of `Recurrent`.
        hidden_size: numbers in the state of each layer.
        layers: recurrent layers.
        dropout: after every recurrent layer.
        scaling: "none": channels and outputs are standardised, each by its training rows, whatever their units are.
            "last" and "standard" (of `Recurrent`) are for outputs that are next values of the first channel, in its
            units: what is learnt is the change from the newest value, or the place in the window's own range, which
            suits a series whose level wanders.
        skip: add a linear map from the lags of the first channel to the outputs.
        epochs: passes over the training rows, at most.
        learning_rate: of Adam.
        batch_size: rows of a step of the optimizer.
        patience: epochs without a better validation loss before training stops; the best epoch is kept.
        validation: share of the rows, the last ones, held back for choosing the epoch; 0 trains all epochs on all.
        clip: largest norm of the gradient; 0 for none.
        weight_decay: decoupled (AdamW); 0 for plain Adam.
        schedule: "constant" or "cosine".
        seconds: stop after this time, with the best epoch so far; None for no limit.
        device: "auto", "cpu" or "gpu".
        random_state: of the weights, the order of rows and dropout; an integer makes fits repeat. It is then the `seed`
            of `Training`.

    Attributes:
        forecaster_: the fitted `Recurrent`, with its `history`.
        n_features_in_: columns of `X`.
        feature_names_in_: their names, where `X` was a DataFrame with names.

    Raises:
        ValueError: what scikit-learn refuses (NaN, sparse, too few rows), columns that `n_channels` does not divide.
        SettingsError: a setting that makes no sense (at `fit`, as scikit-learn wants it).

    Example:
        >>> from numpy.lib.stride_tricks import sliding_window_view
        >>> windows = sliding_window_view(np.sin(np.arange(120.0) / 3), 9)
        >>> X, y = windows[:, :8], windows[:, 8]
        >>> model = RecurrentRegressor(hidden_size=8, epochs=20, random_state=0).fit(X[:90], y[:90])
        >>> model.predict(X[90:]).shape
        (22,)
        >>> model.score(X[90:], y[90:]) > 0.9
        True
    """

    sequential: ClassVar[bool] = True  # columns are steps of time, and nothing else may stand beside them

    def __init__(  # noqa: PLR0913 - scikit-learn searches over arguments by name
        self,
        n_channels: int = 1,
        *,
        cell: str | CellFactory = "gru",
        hidden_size: int = 32,
        layers: int = 1,
        dropout: float = 0.0,
        scaling: Scaling = "none",
        skip: bool = True,
        epochs: int = 30,
        learning_rate: float = 1e-2,
        batch_size: int = 64,
        patience: int = 5,
        validation: float = 0.2,
        clip: float = 1.0,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
        seconds: float | None = None,
        device: Literal["auto", "cpu", "gpu"] = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_channels = n_channels
        self.cell = cell
        self.hidden_size = hidden_size
        self.layers = layers
        self.dropout = dropout
        self.scaling = scaling
        self.skip = skip
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.patience = patience
        self.validation = validation
        self.clip = clip
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.seconds = seconds
        self.device = device
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()  # type: ignore[missing-attribute] - of the next base class
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """Train on all rows but the last `validation`, which choose the epoch.

        Args:
            X: [row, steps x n_channels], lags, oldest first.
            y: [row] or [row, output].
        """
        X, y = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=LEAST_ROWS
        )
        lags, outputs = self._steps(X), y.reshape(len(y), -1).astype(np.float64)
        training_rows = self._training_rows(len(lags))
        units = _Units.of(lags[:training_rows], outputs[:training_rows], own=self.scaling == "none")
        panel = _panel(lags, units.entered(outputs))
        forecaster = self._forecaster(panel, lags.shape[1], outputs.shape[1], training_rows)
        self.forecaster_, self.units_, self._flat = forecaster.fit(panel), units, y.ndim == 1
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Outputs float64 [row], or [row, output] where `y` had columns.

        Args:
            X: [row, steps x n_channels], columns as in `fit`.
        """
        check_is_fitted(self)
        lags = self._steps(validate_data(self, X, dtype=np.float64, reset=False))
        panel = _panel(lags, np.zeros((len(lags), 0)))
        steps = np.arange(1, len(lags) + 1) * lags.shape[1]
        outputs = self.units_.left(_said(self.forecaster_, panel, Origins(np.zeros_like(steps), steps)))
        return outputs[:, 0] if self._flat else outputs

    def _steps(self, X: np.ndarray) -> np.ndarray:
        """Lags [row, step, channel]."""
        channels = self.n_channels
        if isinstance(channels, bool) or not isinstance(channels, int | np.integer) or channels < 1:
            raise SettingsError(f"n_channels={channels!r}: a whole number of variables, at least 1")
        if X.shape[1] % channels:
            raise ValueError(
                f"X has {X.shape[1]} columns, which are no whole number of steps of n_channels={channels} variables; "
                "columns are all variables of the oldest step, then all of the next, ..."
            )
        return X.reshape(len(X), -1, channels)

    def _training_rows(self, rows: int) -> int:
        """How many rows train; with validation there is at least one on each side."""
        if not 0 <= self.validation < 1:
            raise SettingsError(f"validation={self.validation!r}: a share of the rows, at least 0 and below 1")
        held = round(rows * self.validation)
        return rows - min(max(held, 1), rows - 1) if self.validation else rows

    def _forecaster(self, panel: Panel, steps: int, outputs: int, training_rows: int) -> Recurrent:
        rows, length = len(panel.times), steps + outputs
        # The cut lies where the first validation sample is asked, so no window crosses it.
        cut = training_rows * length + steps
        return Recurrent(
            Window(steps, outputs, stride=length),
            cell=self.cell,
            hidden_size=self.hidden_size,
            layers=self.layers,
            dropout=self.dropout,
            scaling=self.scaling,
            skip=self.skip,
            feed=Windowed(batch_size=self.batch_size),
            training=Training(
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                patience=self.patience,
                clip=self.clip,
                validation=1.0 - cut / rows if cut < rows else 0.0,
                seconds=self.seconds,
                device=self.device,
                seed=_seed(self.random_state),
                weight_decay=self.weight_decay,
                schedule=self.schedule,
            ),
        )


class _Units(NamedTuple):
    """An affine map that brings outputs into the units of the first channel, and back.

    Args:
        shift: float64 [output].
        spread: float64 [output], of a unit of the first channel.
        held: float64 [output], the value of an output that is the same in all training rows, NaN for the others.
    """

    shift: np.ndarray
    spread: np.ndarray
    held: np.ndarray

    @classmethod
    def of(cls, lags: np.ndarray, outputs: np.ndarray, own: bool) -> Self:
        """Of training rows; outputs that have units of their own get mean and spread of the first channel."""
        wide = np.ptp(outputs, axis=0)
        held = np.where((wide == 0) & (len(outputs) > 1), outputs[0], np.nan)
        if not own:
            return cls(np.zeros(outputs.shape[1]), np.ones(outputs.shape[1]), held)
        lagged = lags[..., 0]
        wide = outputs.std(axis=0)
        spread = np.where(wide > 0, wide, 1.0) / (lagged.std() or 1.0)
        return cls(outputs.mean(axis=0) - lagged.mean() * spread, spread, held)

    def entered(self, outputs: np.ndarray) -> np.ndarray:
        return (outputs - self.shift) / self.spread

    def left(self, said: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(self.held), said * self.spread + self.shift, self.held)


def _panel(lags: np.ndarray, outputs: np.ndarray) -> Panel:
    """Samples end to end as one series: the lags of a row, then its outputs as the first channel; nothing overlaps.

    The other channels are missing beside the outputs, where no window reads them.

    Args:
        lags: [row, step, channel].
        outputs: [row, output].
    """
    samples, steps, channels = lags.shape
    table = np.full((samples, steps + outputs.shape[1], channels), np.nan)
    table[:, :steps] = lags
    table[:, steps:, 0] = outputs
    values = table.reshape(-1, channels)
    schema = Schema(targets=("y",), past=tuple(f"x{i}" for i in range(1, channels)))
    return Panel.from_arrays(values, np.arange(len(values)).astype("M8[s]"), schema=schema)


def _said(forecaster: Recurrent, panel: Panel, origins: Origins) -> np.ndarray:
    """What the network says at origins, float64 [origin, output].

    In double precision: in single, the last digits of a row depend on how many rows are asked beside it, and
    scikit-learn wants a row to be told alike alone and among others.
    """
    assert forecaster.network is not None  # asked of fitted models only
    assert forecaster.scale is not None
    network, scale = deepcopy(forecaster.network).double().cpu(), forecaster.scale.of(panel, forecaster.window.context)
    rows = scaled_rows(panel, scale, torch.float64)
    values = windows_at(network, rows, panel, origins, forecaster.window)[..., 0]
    return scale.invert(values, origins.series)[..., 0]


def _seed(random_state: int | np.random.RandomState | None) -> int:
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
