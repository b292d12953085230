"""Heads: what the numbers of the last layer mean, the loss they are trained by and the forecast they give."""

from forecast.nets.heads.classes import Category, Direction
from forecast.nets.heads.counts import NegativeBinomialCount, PoissonCount
from forecast.nets.heads.densities import Gaussian, GaussianMixture, Student
from forecast.nets.heads.drawn import Drawn
from forecast.nets.heads.head import Head, Units
from forecast.nets.heads.point import LOSSES, Point
from forecast.nets.heads.quantiles import Quantiles

HEADS: dict[str, type[Head]] = {
    "point": Point,
    "quantiles": Quantiles,
    "gaussian": Gaussian,
    "student": Student,
    "mixture": GaussianMixture,
    "poisson": PoissonCount,
    "negative-binomial": NegativeBinomialCount,
    "direction": Direction,
    "category": Category,
}
"""The heads by the names that settings and saved models use."""

__all__ = [
    "HEADS",
    "LOSSES",
    "Category",
    "Direction",
    "Drawn",
    "Gaussian",
    "GaussianMixture",
    "Head",
    "NegativeBinomialCount",
    "Point",
    "PoissonCount",
    "Quantiles",
    "Student",
    "Units",
]
