"""Distributions of forecasts: one object a forecast, one distribution a cell [origin, step, target].

Everything is float64 and in the units of the series. A distribution answers for all cells at once; nothing here
knows networks, panels or metrics.
"""

from forecast.distributions.categories import Categories
from forecast.distributions.counts import NegativeBinomial, Poisson
from forecast.distributions.mapped import Affine, Mapped
from forecast.distributions.mixture import Mixture
from forecast.distributions.normal import Normal
from forecast.distributions.protocol import Distribution, Link
from forecast.distributions.samples import Samples
from forecast.distributions.student import StudentT
from forecast.distributions.table import QuantileTable

__all__ = [
    "Affine",
    "Categories",
    "Distribution",
    "Link",
    "Mapped",
    "Mixture",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "QuantileTable",
    "Samples",
    "StudentT",
]
