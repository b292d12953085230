"""Almanac: public holidays and sessions of exchanges. The only room that knows `holidays` and `exchange_calendars`."""

from __future__ import annotations

import importlib.util
import warnings
from functools import lru_cache

import numpy as np

from forecast.data.schema import Schema
from forecast.errors import SettingsError, did_you_mean

DAY = 86_400_000_000
EXTRA = "pip install 'forecast-recurrent[calendar]'"


def computed(times: np.ndarray, schema: Schema) -> np.ndarray:
    """The channels of a schema that are computed from the dates, float64 [row, computed channel].

    Args:
        times: datetime64 [row], in the clock of the panel; a day counts from its midnight to the next.

    Raises:
        SettingsError: the region is not known, or the package is not installed.

    Example:
        >>> days = np.array(["2024-07-03", "2024-07-04", "2031-12-25"], dtype="datetime64[us]")
        >>> computed(days, Schema(targets=["y"], holidays="US")).ravel().tolist()
        [0.0, 1.0, 1.0]
    """
    if schema.holidays is None:
        return np.zeros((len(times), 0))
    days, place = np.unique(times.astype("datetime64[D]").astype(np.int64), return_inverse=True)
    flags = [
        float(day in _of_year(schema.holidays, year)) for day, year in zip(days.tolist(), _years(days), strict=True)
    ]
    return np.array(flags, dtype=np.float64)[place][:, None]


def computed_at(time: int, schema: Schema) -> list[float]:
    """`computed` of a single time, without arrays.

    Args:
        time: microseconds since 1970.
    """
    if schema.holidays is None:
        return []
    day = time // DAY
    return [float(day in _of_year(schema.holidays, int(np.datetime64(day, "D").astype("M8[Y]").astype(int)) + 1970))]


def _years(days: np.ndarray) -> list[int]:
    return (days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970).tolist()


@lru_cache(maxsize=4096)
def _of_year(region: str, year: int) -> frozenset[int]:
    """Days since 1970 of the public holidays of a year."""
    _require("holidays", f"holidays={region!r}")
    import holidays

    country, _, part = region.partition("-")
    known = holidays.list_supported_countries(include_aliases=True)
    if country not in known:
        raise SettingsError(f"holidays={region!r}: no country {country!r}{did_you_mean(country, tuple(sorted(known)))}")
    if part and part not in known[country]:
        raise SettingsError(f"holidays={region!r}: {country} has no part {part!r}{did_you_mean(part, known[country])}")
    found = holidays.country_holidays(country, subdiv=part or None, years=year)
    return frozenset(int(np.datetime64(day, "D").astype(np.int64)) for day in found)


def sessions_after(exchange: str, days: np.ndarray, steps: int) -> np.ndarray:
    """Sessions of an exchange after some days, datetime64[D] [day, step].

    Args:
        days: datetime64[D] [day]; a day without a session is one like others.

    Raises:
        SettingsError: the exchange is not known, has no sessions that far, or the package is not installed.

    Example:
        >>> fridays = np.array(["2024-03-28"], dtype="datetime64[D]")  # before Good Friday
        >>> sessions_after("XNYS", fridays, 2).astype(str).tolist()
        [['2024-04-01', '2024-04-02']]
    """
    if not len(days):
        return np.zeros((0, steps), dtype="datetime64[D]")
    spare = np.timedelta64(2 * steps + 30, "D")  # sessions are more than half of all days
    known = sessions(exchange, _years(days.min()[None])[0], _years((days.max() + spare)[None])[0])
    return known[np.searchsorted(known, days, side="right")[:, None] + np.arange(steps)]


def sessions_between(exchange: str, days: np.ndarray) -> np.ndarray:
    """Sessions of an exchange from each day (left out) to the next (included), int64 [day - 1]."""
    if not len(days):
        return np.zeros(0, dtype=np.int64)
    first, last = _years(np.array([days.min(), days.max()]))
    return np.diff(np.searchsorted(sessions(exchange, first, last), days, side="right"))


@lru_cache(maxsize=64)
def sessions(exchange: str, first: int, last: int) -> np.ndarray:
    """Sessions of an exchange in the years from `first` to `last`, datetime64[D]."""
    _require("exchange_calendars", f"exchange={exchange!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package about newer pandas, which are not ours to mend
        import exchange_calendars

        known = exchange_calendars.get_calendar_names(include_aliases=True)
        if exchange not in known:
            raise SettingsError(f"exchange={exchange!r} is not known{did_you_mean(exchange, tuple(known))}")
        try:
            found = exchange_calendars.get_calendar(exchange, start=f"{first}-01-01", end=f"{last}-12-31").sessions
        except ValueError as error:
            raise SettingsError(f"exchange={exchange!r}: no sessions from {first} to {last}: {error}") from error
    return found.to_numpy().astype("datetime64[D]")


def _require(package: str, setting: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise SettingsError(f"{setting} needs the package {package}: {EXTRA}")
