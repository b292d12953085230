"""Schema: which column plays which part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from forecast.data.format import Format
from forecast.errors import SettingsError

HOLIDAY = "holiday"
PLAIN = Format()


class Layout(NamedTuple):
    """How many channels of each role a panel has; channels are ordered target, past, future."""

    targets: int
    past: int
    future: int
    static: int

    @property
    def channels(self) -> int:
        return self.targets + self.past + self.future


@dataclass(frozen=True)
class Schema:
    """The roles of the columns of a table.

    A covariate is `past` (known up to the origin) unless it is declared `future` (known ahead, such as a
    holiday flag or a weather forecast). Lists may be given; they are kept as tuples.

    Args:
        time: column of the timestamps; None asks the reader to find it.
        targets: columns to forecast; empty asks the reader to take every numeric column without another role.
        series: column that names the series of a long table; None for a single series.
        past: covariates known up to the origin.
        future: covariates known ahead.
        static: columns with one value per series.
        day_first: how to read dates such as 03/04/2024; None leaves it to the reader, which decides by the values and
            keeps the decision here, so that a model reads later rows as it read those it was fitted on.
        categorical: columns among the targets and covariates that hold categories, as text or numbers.
        categories: names of the categories of each of them, in the order of their codes; a reader fills them in, and
            keeps those it is given in front, so that a model reads later rows with the codes it was fitted on.
        holidays: a country, or a country and its part, of the package `holidays` ("US", "US-CA"): adds a known-ahead
            column "holiday" of 0 and 1, computed from the dates, for rows that do not exist yet too.
        exchange: an exchange of the package `exchange_calendars` ("XNYS"), whose sessions are the calendar.
        whole_days: whether stamps with an offset from UTC are days of their own clock; None leaves it to the reader,
            which decides by the values and keeps the decision here.
        format: how the file is written, as far as it was told or found out; later files are read in the same way.
        ranges: least and greatest value and standard deviation of each given channel. A reader fills them in, and warns
            of later rows that lie far outside.

    A `time` of several columns is joined by +: "year+month+day+hour", "date+time".

    Raises:
        SettingsError: a column has two roles.

    Example:
        >>> Schema(time="date", targets=["close"], past=["volume"]).channels
        ('close', 'volume')
        >>> Schema(targets=["close"], past=["close"])
        Traceback (most recent call last):
        ...
        forecast.errors.SettingsError: column 'close' is both target and past; a column plays one part
    """

    time: str | None = None
    targets: tuple[str, ...] = ()
    series: str | None = None
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    day_first: bool | None = None
    categorical: tuple[str, ...] = ()
    categories: tuple[tuple[str, ...], ...] = ()
    holidays: str | None = None
    exchange: str | None = None
    whole_days: bool | None = None
    format: Format = PLAIN
    ranges: tuple[tuple[float, float, float], ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        for role in ("targets", "past", "future", "static", "categorical"):
            object.__setattr__(self, role, _names(getattr(self, role), role))
        if isinstance(self.format, Mapping):  # of a saved model
            object.__setattr__(self, "format", Format(**self.format))
        if not isinstance(self.format, Format):
            raise SettingsError(f"format={self.format!r}: a Format is needed")
        spans = tuple((float(low), float(high), float(spread)) for low, high, spread in self.ranges)
        object.__setattr__(self, "ranges", spans)
        part: dict[str, str] = {}
        for role, names in self.roles().items():
            for name in names:
                if part.get(name) == role:
                    raise SettingsError(f"column {name!r} is named twice as {role}")
                if name in part:
                    raise SettingsError(f"column {name!r} is both {part[name]} and {role}; a column plays one part")
                part[name] = role
        object.__setattr__(self, "categories", tuple(tuple(names) for names in self.categories))
        if self.categories and len(self.categories) != len(self.categorical):
            raise SettingsError(
                f"categories of {len(self.categories)} columns for {len(self.categorical)} categorical ones; "
                "leave them out, and the reader finds them"
            )
        if set(self.computed) & set(part):
            raise SettingsError(f"column {HOLIDAY!r}: holidays={self.holidays!r} computes it; leave out one of the two")

    def roles(self) -> dict[str, tuple[str, ...]]:
        """The columns of each role, in the order of the channels."""
        single = {"time": self.time, "series": self.series}
        roles = {role: (name,) for role, name in single.items() if name is not None}
        return roles | {"target": self.targets, "past": self.past, "future": self.future, "static": self.static}

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the value channels: targets, then past, then future covariates, computed ones last."""
        return (*self.given, *self.computed)

    @property
    def given(self) -> tuple[str, ...]:
        """The channels that a table has to bring."""
        return (*self.targets, *self.past, *self.future)

    @property
    def computed(self) -> tuple[str, ...]:
        """Known-ahead channels that are computed from the dates."""
        return () if self.holidays is None else (HOLIDAY,)

    @property
    def known_categories(self) -> dict[str, tuple[str, ...]]:
        """Names of the categories of each categorical column; none where no reader has found them yet."""
        return dict(zip(self.categorical, self.categories or ((),) * len(self.categorical), strict=True))

    @property
    def layout(self) -> Layout:
        return Layout(len(self.targets), len(self.past), len(self.future) + len(self.computed), len(self.static))


def _names(value: Iterable[str] | str | None, role: str) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value or ())
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise SettingsError(f"{role} must be column names, got {wrong[0]!r}")
    return names
