"""Warm start: a fit that begins with the weights of a model that was fitted before, on whatever panel."""

from __future__ import annotations

import copy

from forecast.errors import NotFittedError, SettingsError
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.start import Start


def warm_start(model: Recurrent, start: object, partial: bool = False) -> Recurrent:
    """A forecaster whose fits begin with another one's weights instead of drawn ones.

    Series, rows and their number may differ: scales are measured on the training rows of the new panel, as in any fit.
    Input columns and settings have to agree, since they give weights their meaning; targets go by their place,
    covariates by name, and so do categories (those not met before begin as "unknown"). The optimizer begins anew.

    The rows that `start` was fitted on are not known here. In a backtest they should end before the test begins, or it
    is no test.

    Args:
        model: what is to be fitted; it is left as it is.
        start: a fitted Recurrent, such as `load(directory).model`.
        partial: take over what fits; `taken` of the fitted forecaster names what does not.

    Returns:
        A copy of `model`. Its fit raises SettingsError where weights do not fit, and names them with both shapes.

    Raises:
        SettingsError: `start` is no recurrent network.
        NotFittedError: it was not fitted.

    Example:
        >>> import numpy as np
        >>> from forecast.data.synthetic import autoregressive
        >>> from forecast.training.settings import Training
        >>> from forecast.windows.window import Window
        >>> quick = Recurrent(Window(8, 2), hidden_size=4, training=Training(epochs=1, device="cpu"))
        >>> old = quick.fit(autoregressive(series=5, rows=60))
        >>> new = warm_start(quick, old).fit(autoregressive(rows=60, seed=1))
        >>> len(new.taken.weights), new.taken.begun
        (8, ())
    """
    started = copy.copy(model)
    started.start = start_of(start, partial)
    return started


def start_of(fitted: object, partial: bool = False) -> Start:
    """All weights of a fitted network, to begin with.

    Args:
        fitted: a Recurrent.
        partial: take over what fits.

    Raises:
        SettingsError: it is no recurrent network.
        NotFittedError: it was not fitted.
    """
    if not isinstance(fitted, Recurrent):
        raise SettingsError(f"start: a {type(fitted).__name__} has no network; give a fitted Recurrent")
    if fitted.network is None:
        raise NotFittedError("start: this Recurrent has not been fitted; call fit first")
    weights = {name: value.detach().cpu().clone() for name, value in fitted.network.state_dict().items()}
    return Start(weights, fitted.belongings, partial=partial)
