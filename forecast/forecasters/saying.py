"""Saying: from the parameters of a head, in the units of a scale, to a forecast in those of the series."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from forecast.data.categories import require_numbers
from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.data.scale import Measure, Scale
from forecast.data.transforms import Transform, mean_of
from forecast.distributions import Affine, Categories, Distribution, Mapped, QuantileTable, Samples
from forecast.distributions.mapped import Continuous
from forecast.errors import SettingsError, did_you_mean
from forecast.nets.heads import Category, Direction, Head, Point
from forecast.nets.scaling import Scaling

RELATIVE: dict[str, Transform] = {"difference": "none", "log-return": "log"}
"""Transforms that start from the newest value: a transform of each value, and scaling by the changes."""
TRANSFORMS = ("none", "log", "log1p", "box-cox", *RELATIVE)


class Said(NamedTuple):
    """What a head says, in the units of the series.

    Args:
        values: float64 [origin, step, target, level].
        levels: of the values; none for a single number.
        distribution: None for a single number.
    """

    values: np.ndarray
    levels: tuple[float, ...]
    distribution: Distribution | None


def for_targets(head: Head, panel: Panel) -> Head:
    """The head for the targets of a panel: one of a category has the labels of its target.

    Raises:
        SettingsError: the target holds categories and the head says numbers, or the other way around.
    """
    if isinstance(head, Category):
        plain = [name for name in panel.targets if name not in panel.categories]
        if plain or len(panel.targets) > 1:
            named = plain[0] if plain else panel.targets[1]
            raise SettingsError(f"a category head forecasts one target that holds categories; leave out {named!r}")
        return Category(panel.categories[panel.targets[0]])
    require_numbers(panel.schema, f"head {type(head).__name__}")
    return head


def measure_of(transform: str, head: Head) -> Measure:
    """How targets are measured for a head.

    Args:
        transform: one of `TRANSFORMS`.

    Raises:
        SettingsError: no such transform, or one that does not go with the head.
    """
    if transform not in TRANSFORMS:
        raise SettingsError(f"transform {transform!r}{did_you_mean(str(transform), TRANSFORMS)}")
    measure = Measure(RELATIVE.get(transform, transform), head.units)  # type: ignore[arg-type]
    if measure.transform != "none":
        name = type(head).__name__
        if head.units == "count":
            raise SettingsError(f'transform="{transform}" and head {name}: counts stay counts; leave the transform out')
        if isinstance(head, Direction) and head.band:
            raise SettingsError(
                f'transform="{transform}" and a direction with a dead band: the band is measured in plain changes; use '
                "band=0, or leave the transform out"
            )
    return measure


def scaling_of(transform: str, head: Head, scaling: Scaling | None, streamed: bool) -> Scaling:
    """The scaling of a network whose user named one, or left it to us.

    Raises:
        SettingsError: the transform scales by changes, and another scaling was named.
    """
    if transform in RELATIVE:
        if scaling not in (None, "difference"):
            raise SettingsError(f'transform="{transform}" scales by the changes; leave scaling={scaling!r} out')
        return "difference"
    if scaling is not None:
        return scaling
    if streamed:
        return "running"
    return "standard" if head.units == "count" and head.located else "last"


def said(
    head: Head, parameters: np.ndarray, last: np.ndarray, scale: Scale, series: np.ndarray, noise: np.ndarray | None
) -> Said:
    """What a head says at some origins.

    Args:
        parameters: float64 [origin, step, target, width], in the units of the scale.
        last: float64 [origin, target], the newest values, in the same units.
        series: int64 [origin], the scale's number of their series.
        noise: float64 [step, target], standard deviation of the errors in the units of the scale, where a mean of
            transformed values has to be made a mean; None: nowhere.
    """
    found = head.distribution(parameters, last)
    if found is None or not head.levels:
        point = head.point(torch.from_numpy(parameters), torch.from_numpy(last)[:, None]).numpy()
        if noise is not None:
            values = mean_of(point, noise, scale.link(series, point.shape[2]))
        else:
            values = scale.invert(point, series)
        return Said(values[..., None], (), found and _outward(found, scale, series))
    if isinstance(found, QuantileTable):
        found = QuantileTable(found.levels, scale.invert(parameters, series))
    elif isinstance(found, Samples):
        found = Samples(np.moveaxis(scale.invert(parameters, series), -1, 0))
    else:
        found = _outward(found, scale, series)
    return Said(found.quantiles(head.levels), head.levels, found)


def _outward(found: Distribution, scale: Scale, series: np.ndarray) -> Distribution:
    """A distribution in the units of the series."""
    if not isinstance(found, Categories):
        if scale.units == "count":
            return found
        if not isinstance(found, Continuous):
            raise SettingsError(f"{type(found).__name__} cannot be moved to the units of the series (no `at_score`)")
        link = scale.link(series, found.shape[2])
        return Mapped(found, Affine(link.center, link.spread) if link.warp is None else link)  # exact where affine
    if found.edges is None or found.last is None:
        return found
    last = scale.invert(found.last[:, None], series)[:, 0]
    edges = found.edges * scale.spread[series, None, : last.shape[1]]
    return Categories(found.labels, found.probabilities, last, edges)


def needs_noise(head: Head, measure: Measure) -> bool:
    """Whether a forecast is the mean of transformed values, which is not the transform of the mean."""
    return isinstance(head, Point) and head.criterion == "mse" and measure.transform != "none"


def as_forecast(panel: Panel, origins: Origins, what: Said) -> Forecast:
    """With names and dates."""
    return Forecast.at(panel, origins, what.values, what.levels, what.distribution)
