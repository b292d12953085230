"""Format: how a file is written, where its reader has to be told. Each field but `units` is a flag of that name."""

from __future__ import annotations

import shlex
import zoneinfo
from dataclasses import dataclass, fields
from typing import Literal, get_args

from forecast.errors import SettingsError, did_you_mean

Unit = Literal["year", "YYYYMMDD", "excel", "day", "s", "ms", "us", "ns"]
Duplicates = Literal["refuse", "drop", "first", "last", "mean", "sum"]
WORDS = {"tab": "\t", "space": " ", "comma": ",", "semicolon": ";", "bar": "|", "point": "."}


@dataclass(frozen=True, kw_only=True)
class Format:
    """How a file is written, and what a reader may do about it. Nothing has to be said of a plain one.

    What a reader finds out for itself it reports, and keeps in `Schema.format` of the panel, so that a model reads
    later files in the same way.

    The text:

    Args:
        encoding: of the text, such as "cp1252"; None: UTF-8, or what a byte order mark says.
        separator: of the fields: "," ";" "|", "tab", or "space" for runs of blanks; None finds it.
        comment: what lines begin with that are no rows.
        columns: names of the columns, for a file whose first line is data already.
        skip_footer: last lines that are no rows.
        wide: every numeric column is a series of its own, named by the column; the target is called "value".

    The numbers:

    Args:
        decimal: "." or ","; None takes a comma where no other reading is left, and reports it.
        thousands: what stands between groups of three digits: "," "." "'" or "space".
        missing: texts and numbers that stand for a missing cell, such as "-" and "-9999".
        units: of columns written with one, as "column=unit"; a reader fills them in.

    The times and rows:

    Args:
        date_format: of the timestamps, such as "%d/%m/%Y %H:%M".
        date_unit: what whole numbers in the time column count or mean; "excel" are days of a workbook.
        timezone: of the clock that the timestamps were read from, such as "Europe/Paris"; they become UTC.
        duplicates: what to do about rows of one series and time: "refuse", "drop" (equal ones only), or keep their
            "first", "last", "mean" or "sum".
        strict: refuse a file that needs any repair.

    Raises:
        SettingsError: a field that makes no sense.

    Example:
        >>> Format(decimal=",", missing=["-9999"]).flags()
        '--decimal , --missing=-9999'
    """

    encoding: str | None = None
    separator: str | None = None
    comment: str | None = None
    columns: tuple[str, ...] = ()
    skip_footer: int = 0
    wide: bool = False
    decimal: str | None = None
    thousands: str | None = None
    missing: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    date_format: str | None = None
    date_unit: Unit | None = None
    timezone: str | None = None
    duplicates: Duplicates = "refuse"
    strict: bool = False

    def __post_init__(self) -> None:
        self._check_types()
        for name in ("columns", "missing", "units"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(map(str, value or ())))
        for name in ("separator", "decimal", "thousands"):
            value = getattr(self, name)
            object.__setattr__(self, name, WORDS.get(value, value))
        _one_of("decimal", self.decimal, (None, ".", ","))
        _one_of("thousands", self.thousands, (None, ",", ".", "'", " "))
        _one_of("date_unit", self.date_unit, (None, *get_args(Unit)))
        _one_of("duplicates", self.duplicates, get_args(Duplicates))
        if self.decimal is not None and self.decimal == self.thousands:
            raise SettingsError(f"decimal and thousands are both {self.decimal!r}")
        if self.separator is not None and (len(self.separator) != 1 or self.separator in '"\r\n'):
            raise SettingsError(f"separator={self.separator!r}: one character, or tab or space")
        if self.skip_footer < 0:
            raise SettingsError(f"skip_footer={self.skip_footer}: a number of lines")
        if self.comment == "":
            raise SettingsError("comment='': name what such lines begin with")
        self._check_names()

    def _check_types(self) -> None:
        for field in fields(self):
            value, usual = getattr(self, field.name), field.default
            kind = str if usual is None else type(usual)
            listed = kind is tuple and isinstance(value, list | str)
            if not (value is None and usual is None) and not listed and type(value) is not kind:
                raise SettingsError(f"{field.name}={value!r}: {kind.__name__} is needed")

    def _check_names(self) -> None:
        if self.encoding is not None:
            try:
                "".encode(self.encoding)  # of text, not such as zip
            except LookupError:
                known = (
                    "utf-8",
                    "utf-16",
                    "utf-16-le",
                    "cp1252",
                    "latin-1",
                    "cp1250",
                    "cp1251",
                    "shift_jis",
                    "gb18030",
                )
                raise SettingsError(f"encoding={self.encoding!r}{did_you_mean(self.encoding, known)}") from None
        if self.timezone is not None:
            try:
                zoneinfo.ZoneInfo(self.timezone)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
                known = sorted(zoneinfo.available_timezones())
                hint = did_you_mean(self.timezone, known)
                hint = hint if "did you mean" in hint else "; write it like Europe/Paris"
                raise SettingsError(f"timezone={self.timezone!r}: no such zone{hint}") from None
        if self.date_format is not None and "%" not in self.date_format:
            raise SettingsError(f"date_format={self.date_format!r}: write it like %d/%m/%Y %H:%M")

    def flags(self) -> str:
        """What to write on a command line to say the same."""
        said = [field.name for field in fields(self) if getattr(self, field.name) != field.default]
        return " ".join(flag(name, getattr(self, name)) for name in said if name != "units")


def _one_of(name: str, value: str | None, known: tuple[str | None, ...]) -> None:
    if value not in known:
        words = ", ".join(repr(word) for word in known if word is not None)
        raise SettingsError(f"{name}={value!r}: one of {words}")


def flag(name: str, value: object) -> str:
    r"""A field as a flag to paste.

    Example:
        >>> flag("missing", ("-", "?")), flag("strict", True), flag("separator", "\t")
        ("'--missing=-,?'", '--strict', '--separator tab')
    """
    word = "--" + name.replace("_", "-")
    if value is True:
        return word
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    text = {"\t": "tab", " ": "space"}.get(text, text) if name in ("separator", "thousands") else text
    return shlex.quote(f"{word}={text}") if text.startswith("-") else f"{word} {shlex.quote(text)}"


def advice(name: str, value: object) -> str:
    """A remedy: the flag, and the same in Python.

    Example:
        >>> advice("decimal", ",")
        "--decimal , (in Python Format(decimal=','))"
    """
    return f"{flag(name, value)} (in Python Format({name}={value!r}))"
