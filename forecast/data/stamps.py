"""Stamps: distinct texts of a time column, read by one format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

REMEDY = "write timestamps like 2024-01-31 or 2024-01-31 18:00"


@dataclass(frozen=True, eq=False)
class Parsed:
    """Distinct texts, read.

    Args:
        values: datetime64[us] [text].
        notes: how they were read, where that had to be found out.
        repairs: what was guessed or mended.
        problem: why they cannot be read.
        day_first: see `timestamps.Stamps`; so is `whole_days`.
    """

    values: np.ndarray
    notes: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    problem: str | None = None
    day_first: bool | None = None
    whole_days: bool | None = None


def no_stamps(texts: pd.Index, problem: str) -> Parsed:
    return Parsed(np.full(len(texts), np.datetime64("NaT", "us")), problem=problem)


def microseconds_of(stamps: pd.DatetimeIndex) -> np.ndarray:
    return stamps.as_unit("us").to_numpy()


def read_as(texts: pd.Index, style: str, utc: bool = False) -> np.ndarray:
    try:
        stamps = pd.to_datetime(texts, format=style, errors="coerce", utc=utc)
    except ValueError:
        return np.full(len(texts), np.datetime64("NaT", "us"))
    return microseconds_of(stamps.tz_convert(None) if stamps.tz is not None else stamps)
