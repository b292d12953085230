"""Clocks: whole numbers that count days or seconds, and walls clocks of a zone that are put forward and back."""

from __future__ import annotations

import numpy as np
import pandas as pd

EXCEL = np.datetime64("1899-12-30", "us")
EPOCH = np.datetime64("1970-01-01", "us")
STEPS = {"day": 86_400_000_000, "s": 1_000_000, "ms": 1000, "us": 1, "ns": 1e-3}
FIRST, LAST = np.datetime64("1600-01-01", "us"), np.datetime64("2300-01-01", "us")
PLAUSIBLE = np.datetime64("1950-01-01", "us"), np.datetime64("2100-01-01", "us")


def counted(numbers: np.ndarray, unit: str) -> np.ndarray:
    """Times that are counted: days of Excel, or days to nanoseconds since 1970, or years.

    Args:
        numbers: float64 [row]; NaN stays NaT.

    Returns:
        datetime64[us] [row]; NaT outside of the years 1600 to 2300.

    Example:
        >>> counted(np.array([44197.5]), "excel").astype("M8[h]").tolist()
        [datetime.datetime(2021, 1, 1, 12, 0)]
    """
    if unit == "year":
        times = (np.where(_inside(numbers, 1600, 2300), numbers, np.nan) - 1970).astype("M8[Y]").astype("M8[us]")
        return np.where(numbers == np.floor(numbers), times, np.datetime64("NaT", "us"))
    step, start = (STEPS["day"], EXCEL) if unit == "excel" else (STEPS[unit], EPOCH)
    micro = np.round(np.where(np.abs(numbers * step) < 2e16, numbers, np.nan) * step)
    known = np.isfinite(micro)
    times = start + np.where(known, micro, 0).astype(np.int64).astype("m8[us]")
    return np.where(known & (times >= FIRST) & (times <= LAST), times, np.datetime64("NaT", "us"))


def _inside(numbers: np.ndarray, least: float, most: float) -> np.ndarray:
    return (numbers >= least) & (numbers <= most)


def readings(number: float) -> list[tuple[str, str]]:
    """What a whole number would be by each unit, as far as that is plausible: unit and day.

    Example:
        >>> readings(44197)
        [('excel', '2021-01-01'), ('day', '2091-01-03')]
    """
    found = []
    for unit in ("year", "excel", "day", "s", "ms", "us", "ns"):
        time = counted(np.array([number], dtype=float), unit)[0]
        if not np.isnat(time) and PLAUSIBLE[0] <= time <= PLAUSIBLE[1] and not (unit != "excel" and number < 1900):
            found.append((unit, str(time.astype("M8[D]"))))
    return [entry for entry in found if entry[0] in ("year", "excel", "day") or entry[1] > "1971"]


def to_utc(times: np.ndarray, codes: np.ndarray | None, zone: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Times of the wall clocks of a zone in UTC.

    An hour that comes twice in autumn is told apart by its place: the first row of a series and time is summer time.

    Args:
        times: datetime64[us] [row].
        codes: series of each row; None for one.

    Returns:
        datetime64[us] [row], NaT for times that were skipped in spring; positions of these; and how many rows lay in an
        hour that comes twice.

    Example:
        >>> night = np.array(["2024-10-27T02:00", "2024-10-27T02:00", "2024-03-31T02:30"], dtype="M8[us]")
        >>> utc, skipped, twice = to_utc(night, None, "Europe/Berlin")
        >>> utc[:2].tolist(), skipped.tolist(), twice
        ([datetime.datetime(2024, 10, 27, 0, 0), datetime.datetime(2024, 10, 27, 1, 0)], [2], 2)
    """
    keys = pd.DataFrame({"series": 0 if codes is None else codes, "time": times})
    first = (keys.groupby(["series", "time"], sort=False).cumcount() == 0).to_numpy()
    wall = pd.DatetimeIndex(times)
    local = wall.tz_localize(zone, ambiguous=first, nonexistent="NaT")
    utc = local.tz_convert("UTC").tz_localize(None).as_unit("us").to_numpy()
    other = wall.tz_localize(zone, ambiguous=~first, nonexistent="NaT").tz_convert("UTC").tz_localize(None)
    twice = int((utc != other.as_unit("us").to_numpy())[~np.isnat(utc)].sum())
    return utc, np.flatnonzero(np.isnat(utc) & ~np.isnat(times)), twice
