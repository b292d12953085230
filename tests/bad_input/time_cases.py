"""Bad input, the times: orders of day and month, numbers that count, clocks, offsets, order of rows, doubled rows."""

from __future__ import annotations

import numpy as np
from catalogue import GOOD, POWERS, TIMED, Case, Schema, Y, daily, long, stamped, told


def hours(zone_day: str, clocks: list[str]) -> str:
    return stamped(*[f"{zone_day} {clock}" for clock in clocks])


HOURS = np.datetime64("2024-01-01T00:00:00") + np.arange(64) * np.timedelta64(1, "h")
HOURS_THEN_DAYS = [*HOURS[:32], *(HOURS[31] + np.arange(1, 33) * np.timedelta64(1, "D"))]
JITTERED = HOURS + np.random.default_rng(1).integers(0, 30, size=64) * np.timedelta64(1, "s")

TIMES = [
    Case(
        "day or month first, both regular",
        stamped("01/02/2020", "01/03/2020", "01/04/2020").encode(),
        ("may be day first or month first (both are regular)", "--date-format %d/%m/%Y or --date-format %m/%d/%Y"),
    ),
    Case(
        "day or month first, told",
        stamped("01/02/2020", "01/03/2020", "01/04/2020").encode(),
        (),
        [1, 2, 4],
        "2020-02-01",
        told(date_format="%d/%m/%Y"),
    ),
    Case(
        "day or month first, told the other way",
        stamped("01/02/2020", "01/03/2020", "01/04/2020").encode(),
        (),
        [1, 2, 4],
        "2020-01-02",
        told(date_format="%m/%d/%Y"),
    ),
    Case(
        "day first by a 13",
        stamped("11/02/2024", "12/02/2024", "13/02/2024").encode(),
        ("read as day/month/year",),
        [1, 2, 4],
        "2024-02-11",
    ),
    Case(
        "month first by a 13",
        stamped("02/11/2024", "02/12/2024", "02/13/2024").encode(),
        ("read as month/day/year",),
        [1, 2, 4],
        "2024-02-11",
    ),
    Case(
        "twelve days that may be twelve months",
        stamped(*[f"{d:02d}/03/2024" for d in range(1, 13)]).encode(),
        ("both are regular",),
    ),
    Case(
        "the regular reading of three years",
        stamped(*[f"01/{m:02d}/{y}" for y in (2019, 2020, 2021) for m in range(1, 13)]).encode(),
        ("read as day/month/year, the reading that gives regular steps",),
        [2.0**i for i in range(36)],
        "2019-01-01",
        repair=True,
    ),
    Case(
        "two orders in one column",
        stamped("13/01/2024", "01/14/2024", "15/01/2024", "01/16/2024").encode(),
        ("'13/01/2024' is day first and '01/14/2024' month first", "mixes two formats"),
        schema=TIMED,
    ),
    Case(
        "one date of another order",
        stamped(*[f"{d}/01/2024" for d in range(1, 30)], "01/30/2024").encode(),
        ("not a timestamp like the others: '01/30/2024' in row 31",),
        schema=TIMED,
    ),
    Case(
        "told a format that does not fit",
        stamped("13/02/2020", "14/02/2020").encode(),
        ("not one timestamp is written as '%m/%d/%Y'",),
        schema=told(TIMED, date_format="%m/%d/%Y"),
    ),
    Case(
        "told a format that one row does not fit",
        stamped("11/02/2020", "12/02/2020", "13/02/2020").encode(),
        ("'13/02/2020' in row 4",),
        schema=told(TIMED, date_format="%m/%d/%Y"),
    ),
    Case(
        "two formats in one column",
        stamped("2024-01-01", "2024-01-02", "Jan 3 2024").encode(),
        ("'Jan 3 2024' in row 4",),
        schema=TIMED,
    ),
    Case(
        "days of Excel",
        stamped(44197, 44198, 44199).encode(),
        ("'44197' in row 2", "--date-unit excel makes it 2021-01-01"),
        schema=TIMED,
    ),
    Case(
        "days of Excel, told",
        stamped(44197, 44198, 44199).encode(),
        (),
        [1, 2, 4],
        "2021-01-01",
        told(TIMED, date_unit="excel"),
    ),
    Case(
        "days and hours of Excel, told",
        stamped(44197.0, 44197.5, 44198.0).encode(),
        (),
        [1, 2, 4],
        "2021-01-01",
        told(TIMED, date_unit="excel"),
    ),
    Case(
        "seconds since 1970",
        stamped(1577836800, 1577840400, 1577844000).encode(),
        ("--date-unit s makes it 2020-01-01",),
        schema=TIMED,
    ),
    Case(
        "seconds since 1970, told",
        stamped(1577836800, 1577840400, 1577844000).encode(),
        (),
        [1, 2, 4],
        "2020-01-01",
        told(TIMED, date_unit="s"),
    ),
    Case(
        "milliseconds since 1970",
        stamped(1577836800000, 1577840400000).encode(),
        ("--date-unit ms makes it 2020-01-01",),
        schema=TIMED,
    ),
    Case(
        "milliseconds since 1970, told",
        stamped(1577836800000, 1577840400000).encode(),
        (),
        [1, 2],
        "2020-01-01",
        told(TIMED, date_unit="ms"),
    ),
    Case(
        "nanoseconds told, with one that is none",
        stamped(1577836800000000000, "x", 1577836800000000000).encode(),
        ("'x' in row 3",),
        schema=told(TIMED, date_unit="ns"),
    ),
    Case(
        "YYYYMMDD",
        stamped(20240101, 20240102, 20240103).encode(),
        ("read as year-month-day (YYYYMMDD)",),
        [1, 2, 4],
        "2024-01-01",
    ),
    Case(
        "YYYYMMDD with a thirteenth month",
        stamped(20240101, 20241302, 20240103).encode(),
        ("'20241302' in row 3",),
        schema=TIMED,
    ),
    Case("years", b"year,y\n2019,1\n2020,2\n2021,4\n", ("whole numbers read as years",), [1, 2, 4], "2019-01-01"),
    Case(
        "years under another name",
        b"n,y\n2019,1\n2020,2\n",
        ("--date-unit year makes it 2019-01-01",),
        schema=Schema(time="n"),
    ),
    Case(
        "years told",
        b"n,y\n2019,1\n2020,2\n",
        (),
        [1, 2],
        "2019-01-01",
        told(Schema(time="n"), date_unit="year"),
    ),
    Case("steps that are counted", stamped(1, 2, 3).encode(), ("whole numbers are not timestamps",), schema=TIMED),
    Case(
        "two digits of the year",
        stamped("13.01.20", "14.01.20").encode(),
        ("two digits, which may mean two centuries", "--date-format %d.%m.%y"),
    ),
    Case(
        "two digits of the year, told",
        stamped("13.01.20", "14.01.20").encode(),
        (),
        [1, 2],
        "2020-01-13",
        told(date_format="%d.%m.%y"),
    ),
    Case(
        "the thirtieth of February",
        stamped("2024-02-28", "2024-02-29", "2024-02-30").encode(),
        ("'2024-02-30' in row 4",),
    ),
    Case(
        "zeros for a date",
        stamped("2024-02-28", "0000-00-00", "2024-03-01").encode(),
        ("'0000-00-00' in row 3",),
        schema=TIMED,
    ),
    Case(
        "24:00",
        hours("2024-01-01", ["22:00", "23:00", "24:00"]).encode(),
        ("24:00 was read as midnight of the next day",),
        [1, 2, 4],
        "2024-01-01T22:00",
        repair=True,
    ),
    Case(
        "a leap second",
        hours("2016-12-31", ["23:59:58", "23:59:59", "23:59:60"]).encode(),
        ("'2016-12-31 23:59:60' in row 4",),
    ),
    Case(
        "months in another language",
        stamped("1 Januar 2024", "1 Februar 2024", "1 März 2024").encode(),
        ("date",),
        schema=TIMED,
    ),
    Case(
        "month names", stamped("Jan 1 2024", "Feb 1 2024", "Mar 1 2024").encode(), ("one row every month",), [1, 2, 4]
    ),
    Case(
        "a row without a time",
        stamped("2024-01-01", "", "2024-01-03").encode(),
        ("no timestamp in row 3",),
        schema=TIMED,
    ),
    Case("a clock for a date", stamped("11:34", "2024-01-02", "2024-01-01").encode(), ("'11:34' in row 2",)),
    Case("no time anywhere", b"a,b\nx,1\ny,2\n", ("no column holds timestamps", "--time COLUMN")),
    Case(
        "year, month and day in columns",
        b"year,month,day,y\n2024,1,30,1\n2024,1,31,2\n2024,2,1,4\n",
        ("joined from the columns year and month and day",),
        [1, 2, 4],
        "2024-01-30",
        repair=True,
    ),
    Case(
        "year to hour in columns, told",
        b"year,month,day,hour,y\n2024,1,31,22,1\n2024,1,31,23,2\n2024,2,1,0,4\n",
        ("joined",),
        [1, 2, 4],
        "2024-01-31T22:00",
        Schema(time="year+month+day+hour"),
    ),
    Case(
        "hours from 1 to 24",
        ("Date,Hour,y\n" + "".join(f"2024-01-0{d},{h},{d * h}\n" for d in (1, 2) for h in range(1, 25))).encode(),
        ("joined from the columns Date and Hour", "24:00 was read"),
        [float(d * h) for d in (1, 2) for h in range(1, 25)],
        "2024-01-01T01:00",
        repair=True,
    ),
    Case(
        "date and time in two columns",
        b"Date;Time;y\n10/03/2004;18.00.00;2\n10/03/2004;19.00.00;3\n13/03/2004;20.00.00;4\n",
        ("joined from the columns Date and Time", "day/month/year"),
        [2, 3, 4],
        "2004-03-10T18:00",
        repair=True,
    ),
    Case(
        "spans of time",
        b"Datum;Zeit;y\n31.01.2017;00:00 - 01:00;2\n31.01.2017;01:00 - 02:00;3\n31.01.2017;02:00 - 03:00;4\n",
        ("each span by its begin",),
        [2, 3, 4],
        "2017-01-31T00:00",
        repair=True,
    ),
    Case(
        "a date and its time, only the date named",
        b"Date,Time,y\n2024-01-01,01:00,1\n2024-01-01,02:00,2\n2024-01-02,01:00,1\n2024-01-02,02:00,2\n",
        ("--time Date+Time",),
        schema=Schema(time="Date", targets=["y"]),
    ),
    Case(
        "equal rows twice",
        daily(1, 2).encode() + b"2024-01-02,2\n2024-01-03,4\n",
        (
            "1 time occurs more than once: 2024-01-02 (2 rows)",
            "rows 3 and 4",
            "these rows are equal: use --duplicates drop",
        ),
    ),
    Case(
        "equal rows twice, dropped",
        daily(1, 2).encode() + b"2024-01-02,2\n2024-01-03,4\n",
        ("equal ones were dropped",),
        [1, 2, 4],
        schema=told(duplicates="drop"),
    ),
    Case(
        "different rows of a time",
        daily(1, 2).encode() + b"2024-01-02,3\n",
        ("they differ: keep one of each with --duplicates last",),
    ),
    Case(
        "different rows of a time, to be dropped",
        daily(1, 2).encode() + b"2024-01-02,3\n",
        ("they differ",),
        schema=told(duplicates="drop"),
    ),
    *[
        Case(
            f"different rows of a time, {how}",
            daily(1, 2).encode() + b"2024-01-02,4\n",
            (),
            [1, value],
            schema=told(duplicates=how),
        )
        for how, value in (("first", 2), ("last", 4), ("mean", 3), ("sum", 6))
    ],
    Case(
        "rows of two series without their names",
        b"date,id,y\n2024-01-01,A,1\n2024-01-01,B,2\n2024-01-02,A,3\n2024-01-02,B,4\n",
        ("--series id, which makes the rows unique",),
        schema=TIMED,
    ),
    Case(
        "rows out of order",
        b"date,y\n2024-01-02,2\n2024-01-01,1\n2024-01-03,4\n",
        ("1 row was out of time order: sorted",),
        [1, 2, 4],
        repair=True,
    ),
    Case(
        "newest first",
        b"date,y\n2024-01-03,4\n2024-01-02,2\n2024-01-01,1\n",
        ("rows were newest first: reversed",),
        [1, 2, 4],
        repair=True,
    ),
    Case(
        "an hour that comes twice, no zone",
        hours("2024-10-27", ["01:00", "02:00", "02:00", "03:00"]).encode(),
        ("2024-10-27 02:00 (2 rows)",),
    ),
    Case(
        "an hour that comes twice, told",
        hours("2024-10-27", ["01:00", "02:00", "02:00", "03:00"]).encode(),
        ("converted from Europe/Paris to UTC", "2 rows lie in an hour that Europe/Paris has twice"),
        POWERS,
        "2024-10-26T23:00",
        told(timezone="Europe/Paris"),
    ),
    Case(
        "an hour that does not exist",
        hours("2024-03-31", ["01:00", "02:30", "03:00"]).encode(),
        ("do not exist in Europe/Paris", "'2024-03-31 02:30:00' in row 3", "leave --timezone out"),
        schema=told(timezone="Europe/Paris"),
    ),
    Case(
        "a spring night, told",
        hours("2024-03-31", ["00:00", "01:00", "03:00", "04:00"]).encode(),
        ("one row every hour",),
        POWERS,
        "2024-03-30T23:00",
        told(timezone="Europe/Paris"),
    ),
    Case("days and a zone", GOOD.encode(), (), POWERS, "2024-01-01", told(timezone="Europe/Paris")),
    Case(
        "two offsets of an autumn night",
        stamped("2024-10-27 02:00:00+02:00", "2024-10-27 02:00:00+01:00", "2024-10-27 03:00:00+01:00").encode(),
        ("converted to UTC, offsets dropped",),
        [1, 2, 4],
        "2024-10-27T00:00",
    ),
    Case(
        "offsets on some rows only",
        stamped("2024-10-27T02:00:00Z", "2024-10-27T03:00:00Z", "2024-10-27 04:00:00").encode(),
        ("'2024-10-27T02:00:00Z'", "'2024-10-27 04:00:00'"),
        schema=TIMED,
    ),
    Case(
        "gaps",
        b"date,y\n" + b"".join(f"2024-01-{d:02d},{d % 5}\n".encode() for d in range(1, 31) if d not in (7, 8, 9)),
        ("3 stamps that the calendar expects are absent, at most 3 in a row (after 2024-01-06)",),
        [float(d % 5) for d in range(1, 31) if d not in (7, 8, 9)],
    ),
    Case(
        "a hole of two years",
        (long(60) + "\n".join(f"2026-03-{d:02d},{100 + d}.5" for d in range(1, 21)) + "\n").encode(),
        ("HOLE? no rows from 2024-02-29 to 2026-03-01 (731 days)",),
        [float(line.split(",")[1]) for line in long(60).split()[1:]] + [100.5 + d for d in range(1, 21)],
    ),
    Case(
        "a date of another year",
        long(200).replace("2024-05-05", "2034-05-05").encode(),
        ("--strict refuses repairs", "out of time order"),
        schema=told(strict=True),
    ),
    Case(
        "few rows on weekends",
        (
            "date,y\n"
            + "".join(
                f"{d},{i % 7}\n"
                for i, d in enumerate(
                    d
                    for d in np.arange("2024-01-01", "2024-12-31", dtype="M8[D]")
                    if np.is_busday(d) or str(d) in ("2024-06-01", "2024-06-02")
                )
            )
        ).encode(),
        ("RESTAMPED? 2 of 263 rows lie on weekends, as no others do: 2024-06-01 and 2024-06-02",),
        [float(i % 7) for i in range(263)],
    ),
    Case(
        "hours, then days",
        stamped(*HOURS_THEN_DAYS).encode(),
        ("FREQUENCY? rows are 1 hour apart up to 2024-01-02 07:00 and 1 day from there on",),
        [2.0**i for i in range(64)],
    ),
    Case(
        "hours that are off by seconds",
        stamped(*JITTERED).encode(),
        ("JITTER? rows are about 1 hour apart, off by up to",),
        [2.0**i for i in range(64)],
    ),
    Case(
        "the last rows without a target",
        daily(1, 2, 4, "", "").encode(),
        ("the last 2 rows have no target: a forecast starts after 2024-01-03",),
        [1, 2, 4, float("nan"), float("nan")],
        schema=Y,
    ),
]
