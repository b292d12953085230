"""Suspicions: data that can be read and is probably wrong. It is shouted about, and nothing is changed."""

from __future__ import annotations

import numpy as np

from forecast.data.extremes import sentinels
from forecast.data.look import FEW, LEAST, SAMPLE, SHOWN, Look
from forecast.data.rhythm import rhythm
from forecast.data.rows import Rows, day
from forecast.data.wording import and_more

YEAR = np.timedelta64(365, "D")
DAY_US = 86_400_000_000
FACTORS = (2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0, 1.5)
NEAR = 0.02
APART = 10  # times the usual step
UNUSUAL = 30  # times the usual change of a logarithm; volatile indices double by themselves


def suspicions(look: Look) -> list[str]:
    """All that is suspicious about rows that can be read, one sentence each.

    Example:
        >>> from forecast.data.rows import arrange
        >>> from forecast.data.schema import Schema
        >>> days = np.arange("2024-01-01", "2024-03-01", dtype="M8[D]").astype("M8[us]")
        >>> y = np.r_[np.linspace(100.0, 104.0, 40), np.linspace(52.0, 53.0, 20)]
        >>> rows = arrange(days, None, ("",))
        >>> print(suspicions(Look(rows, y[:, None], Schema(targets=["close"])))[0][:62])
        SPLIT? 'close' falls to 1/2 from one row to the next (2024-02-
    """
    if len(look.rows.times) < LEAST:
        return _strangers(look)
    return [
        *holes(look),
        *odd_days(look),
        *ahead_of_now(look),
        *_strangers(look),
        *sentinels(look),
        *rhythm(look),
        *splits(look),
        *bars(look),
        *twins(look),
        *still_covariates(look),
        *coarse(look),
    ]


def holes(look: Look) -> list[str]:
    """Holes of a year and more, and of a tenth of all the time where rows are usually close together."""
    times = look.rows.times
    steps = np.diff(times.view(np.int64))
    steps[look.rows.offsets[1:-1] - 1] = 0  # from series to series
    least = min(int(YEAR / np.timedelta64(1, "us")), int((times.max() - times.min()).astype(np.int64)) // 10)
    if not len(steps) or steps.max() < least:
        return []
    usual = np.median(steps[:: max(len(steps) // SAMPLE, 1)])
    places = np.flatnonzero((steps >= least) & (steps > 30 * max(usual, 1)))
    if not len(places):
        return []
    shown = [f"{day(times[i])} to {day(times[i + 1])} ({steps[i] / DAY_US:,.0f} days)" for i in places[:SHOWN]]
    return [f"HOLE? no rows from {and_more(shown, len(places))}: are rows missing there, or stamped wrongly?"]


def odd_days(look: Look) -> list[str]:
    """Few rows on weekends, or at another time of the day, where all others never are."""
    times, found = look.rows.times, []
    sample = times[:: max(len(times) // SAMPLE, 1)]
    if _weekend(sample).mean() < 2 * FEW:
        weekend = _weekend(times)
        if 0 < weekend.sum() < FEW * len(times):
            found.append(_restamped(look, weekend, "lie on weekends"))
    usual = int(sample[len(sample) // 2].astype(np.int64)) % DAY_US
    if (sample.astype(np.int64) % DAY_US != usual).mean() < 2 * FEW:
        odd = times.astype(np.int64) % DAY_US != usual
        if 0 < odd.sum() < FEW * len(times):
            found.append(_restamped(look, odd, "lie at another time of the day"))
    return found


def _weekend(times: np.ndarray) -> np.ndarray:
    return ~np.is_busday(times.astype("M8[D]"))


def _restamped(look: Look, which: np.ndarray, words: str) -> str:
    places = np.flatnonzero(which)
    shown = and_more([look.where(i) for i in places[:SHOWN]], len(places))
    return (
        f"RESTAMPED? {len(places):,} of {len(which):,} rows {words}, as no others do: {shown}; are their stamps right?"
    )


def ahead_of_now(look: Look) -> list[str]:
    """Targets that were observed later than today."""
    now = np.datetime64("now", "us") + np.timedelta64(1, "D")
    if not look.rows.times.max() > now:
        return []
    late = look.rows.times > now
    seen = np.isfinite(look.values[:, : len(look.schema.targets)]).any(axis=1) & late
    if not seen.any():
        return []
    last = int(np.flatnonzero(seen)[-1])
    return [
        f"FUTURE? {seen.sum():,} rows with a target lie after today, up to {look.where(last)}; are the dates right?"
    ]


def _strangers(look: Look) -> list[str]:
    """Series of one row or two beside long ones: a name that was damaged."""
    lengths = np.diff(look.rows.offsets)
    if len(lengths) < 2:
        return []
    few = np.flatnonzero((lengths <= 2) & (lengths * 5 <= np.median(lengths)))
    if not len(few):
        return []
    shown = and_more([f"{look.rows.series[i]!r} ({lengths[i]})" for i in few[:SHOWN]], len(few))
    return [f"TYPO? series with hardly any rows, where others have {int(np.median(lengths)):,}: {shown}"]


def splits(look: Look) -> list[str]:
    """Jumps by a factor such as 1/2 from one row to the next, that last: a split of shares that was not adjusted."""
    found, within = [], _within(look.rows)
    for place, name in look.numeric:
        column = look.values[:, place]
        if not np.fmin.reduce(column) > 0:
            continue
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            ratio = column[1:] / column[:-1]
            jumps = np.flatnonzero(within & ((ratio > 1.45) | (ratio < 0.69)))
        if not 0 < len(jumps) <= max(len(ratio) // 100, 3):
            continue
        step = np.nanmedian(np.abs(np.diff(column)[:: max(len(ratio) // SAMPLE, 1)]))
        usual = np.nanmedian(np.abs(np.log(ratio[:: max(len(ratio) // SAMPLE, 1)])))
        for jump in jumps.tolist():
            text = _factor(float(ratio[jump]))
            far = abs(np.log(ratio[jump])) > UNUSUAL * usual and abs(column[jump + 1] - column[jump]) > APART * step
            if text and far and _lasts(column, jump, within):
                found.append(
                    f"SPLIT? {name!r} {text} from one row to the next ({look.where(jump + 1)}) and stays there: "
                    "if it is a split of shares or a change of units, use adjusted values"
                )
    return found[:SHOWN]


def _factor(ratio: float) -> str | None:
    for factor in FACTORS:
        if abs(ratio * factor - 1) < NEAR:
            return f"falls to {'2/3' if factor == 1.5 else f'1/{factor:g}'}"
        if abs(ratio / factor - 1) < NEAR:
            return f"rises to {factor:g} times"
    return None


def _lasts(column: np.ndarray, jump: int, within: np.ndarray) -> bool:
    """Whether a few rows before and behind a jump stay apart."""
    before, behind = column[max(jump - 4, 0) : jump + 1], column[jump + 1 : jump + 6]
    if len(behind) < 3 or not within[max(jump - 4, 0) : jump + 5].all():
        return False
    return bool(np.nanmax(before) < np.nanmin(behind) or np.nanmin(before) > np.nanmax(behind))


def bars(look: Look) -> list[str]:
    """Closing prices outside of the lowest and the highest of their day."""
    names = {name.lower(): place for place, name in look.numeric}
    if not {"high", "low", "close"} <= names.keys():
        return []
    high, low, close = (look.values[:, names[name]] for name in ("high", "low", "close"))
    room = 1e-6 * np.abs(close)
    wrong = np.flatnonzero((close > high + room) | (close < low - room))
    if not 0 < len(wrong) < FEW * len(close):
        return []
    shown = and_more([look.where(i) for i in wrong[:SHOWN]], len(wrong))
    count = "1 row" if len(wrong) == 1 else f"{len(wrong):,} rows"
    return [f"PRICES? close lies outside of low to high in {count}: {shown}; are these prices right?"]


def twins(look: Look) -> list[str]:
    """Columns that say the same in every row."""
    sample = look.values[:: max(len(look.values) // SAMPLE, 1)]
    found, seen = [], {}
    for place, name in look.numeric:
        if np.isfinite(sample[:, place]).sum() < LEAST or np.nanmin(sample[:, place]) == np.nanmax(sample[:, place]):
            continue
        other = seen.setdefault(np.nan_to_num(sample[:, place]).tobytes(), place)
        if other != place and np.array_equal(look.values[:, other], look.values[:, place], equal_nan=True):
            found.append(
                f"TWICE? the columns {look.schema.given[other]!r} and {name!r} are equal; one of them is enough"
            )
    return found


def still_covariates(look: Look) -> list[str]:
    """Covariates that never change."""
    covariates = [(i, name) for i, name in enumerate(look.schema.given) if i >= len(look.schema.targets)]
    names = [
        name
        for i, name in covariates
        if len(known := look.values[np.isfinite(look.values[:, i]), i])
        and known[0] == known[-1] == known.min() == known.max()
    ]
    return [f"the covariate {name!r} never changes: it tells nothing" for name in names]


def coarse(look: Look) -> list[str]:
    """Columns whose steps are those of 32-bit numbers: digits were lost before the file was written."""
    found = []
    for place, name in look.numeric:
        column = look.values[: 4 * SAMPLE, place]
        known = column[np.isfinite(column)]
        level = float(np.abs(known).max(initial=0.0))
        if len(known) < LEAST or not 1 < level < 1e30:
            continue
        spacing = float(np.spacing(np.float32(level)))
        steps = np.abs(np.diff(known))
        steps = steps[steps > 0]
        if len(steps) < LEAST // 3 or np.median(steps) > 16 * spacing or not (known == known.astype(np.float32)).all():
            continue
        if spacing > 1 or (known != np.round(known)).any():
            found.append(
                f"DIGITS? {name!r} moves in steps of {spacing:g} at a level of {level:g}: it was stored in 32 bits and "
                "lost its last digits; export it in 64 bits"
            )
    return found


def _within(rows: Rows) -> np.ndarray:
    """Whether each row and the next belong to one series, bool [row - 1]."""
    within = np.ones(max(len(rows.times) - 1, 0), dtype=bool)
    within[rows.offsets[1:-1] - 1] = False
    return within
