"""Bad input, the values: numbers as people write them, sentinels, suspicious columns, ids."""

from __future__ import annotations

import numpy as np
from catalogue import NONE, TIMED, Case, Schema, Y, daily, long, told

WALK = [float(line.split(",")[1]) for line in long(60).split()[1:]]
BROKEN = [*WALK[:40], *[round(v / 2, 2) for v in WALK[40:]]]


def with_values(values: list[float], changes: dict[int, object]) -> bytes:
    return daily(*[changes.get(i, f"{v:.2f}") for i, v in enumerate(values)]).encode()


def changed(values: list[float], changes: dict[int, float]) -> list[float]:
    return [changes.get(i, round(v, 2)) for i, v in enumerate(values)]


def columns(**named: list[object]) -> bytes:
    """A daily file of these columns."""
    rows = zip(*named.values(), strict=True)
    return daily(*[",".join(map(str, row)) for row in rows], header="date," + ",".join(named)).encode()


VALUES = [
    Case(
        "decimal commas, quoted",
        b'date,y\n2024-01-01,"1,5"\n2024-01-02,"2,25"\n2024-01-03,"3,75"\n',
        ("'y': numbers such as '1,5' were read with a decimal comma",),
        [1.5, 2.25, 3.75],
        repair=True,
    ),
    Case(
        "decimal commas, told",
        b"date;y\n2024-01-01;1,234\n2024-01-02;2,345\n",
        (),
        [1.234, 2.345],
        schema=told(decimal=","),
    ),
    Case(
        "a comma that may be either",
        b"date;y\n2024-01-01;1,234\n2024-01-02;2,345\n",
        ("'1,234' in row 2", "--thousands ,", "--decimal ,"),
        schema=Schema(targets=["y"]),
    ),
    Case(
        "a comma for thousands, told",
        b"date;y\n2024-01-01;1,234\n2024-01-02;2,345\n",
        (),
        [1234, 2345],
        schema=told(thousands=","),
    ),
    Case(
        "thousands and decimals",
        b'date,y\n2024-01-01,"1,234.5"\n2024-01-02,"12,345.25"\n2024-01-03,"999"\n',
        ("with separators of thousands",),
        [1234.5, 12345.25, 999],
        repair=True,
    ),
    Case(
        "European thousands and decimals",
        b"date;y\n2024-01-01;1.234,5\n2024-01-02;12.345,25\n2024-01-03;999\n",
        ("decimal comma", "separators of thousands"),
        [1234.5, 12345.25, 999],
        repair=True,
    ),
    Case(
        "thousands by apostrophes",
        daily("1'234", "2'345", "3'456").encode(),
        ("separators of thousands",),
        [1234, 2345, 3456],
        repair=True,
    ),
    Case(
        "thousands by no-break spaces",
        daily("1\u00a0234", "2\u202f345", "3\u00a0456").encode(),
        ("separators of thousands",),
        [1234, 2345, 3456],
        repair=True,
    ),
    Case(
        "millions in one cell",
        b'date,y\n2024-01-01,"4,787,699"\n2024-01-02,6189026.0\n',
        ("separators of thousands",),
        [4787699, 6189026],
        repair=True,
    ),
    Case(
        "one cell that may be damaged",
        daily(*["12", "13"] * 10, "1 345", "14").encode(),
        ("'1 345' in row 22", "--thousands space"),
        schema=Y,
    ),
    Case(
        "two decimal signs",
        b'date,y\n2024-01-01,1.5\n2024-01-02,"2,5"\n2024-01-03,3.5\n',
        ("1 of 3 cells are not numbers: '2,5' in row 3", "--decimal ,"),
        schema=Y,
    ),
    Case(
        "dollars",
        daily("$12", "$13.5", "-$14").encode(),
        ("'y': the unit '$' was taken off",),
        [12, 13.5, -14],
        repair=True,
    ),
    Case("degrees", daily("12.3 °C", "13 °C").encode(), ("the unit '°C' was taken off",), [12.3, 13], repair=True),
    Case("two units", daily("12.3 C", "13 F").encode(), ("column 'y': holds text: '12.3 C' in row 2",), schema=Y),
    Case(
        "a unit in one cell",
        daily("12", "13 C", "14").encode(),
        ("1 of 3 cells are not numbers: '13 C' in row 3",),
        schema=Y,
    ),
    Case(
        "another unit than in training",
        daily("12 F", "13 F").encode(),
        ("'12 F' in row 2",),
        schema=told(Y, units=("y=C",)),
    ),
    Case("percent", daily("1%", "-2.5%").encode(), ("the unit '%' was taken off",), [1, -2.5], repair=True),
    Case(
        "brackets for negative numbers",
        daily("(12.3)", "4", "(5)").encode(),
        ("numbers in brackets were read as negative",),
        [-12.3, 4, -5],
        repair=True,
    ),
    Case(
        "thousands as K and M",
        daily("1.5M", "300K", "2M").encode(),
        ("numbers with K, M were multiplied out",),
        [1.5e6, 3e5, 2e6],
        repair=True,
    ),
    Case(
        "a minus of typesetters",
        daily("\u22125", "3", "\u22121.5").encode(),
        ("signs '\u2212' (U+2212) were read as minus",),
        [-5, 3, -1.5],
        repair=True,
    ),
    Case("Arabic digits", daily("\u0661\u0662", "3").encode(), ("U+0661, ARABIC-INDIC DIGIT ONE",), schema=Y),
    Case("underscores", daily("1_000", "2000").encode(), ("'1_000' in row 2",), schema=Y),
    Case("hexadecimal", daily("0x10", "20").encode(), ("'0x10' in row 2",), schema=Y),
    Case(
        "points for missing cells",
        daily(".", "1", ".", "2", ".").encode(),
        ("'y': 3 cells with '.' were taken for missing",),
        [NONE, 1, NONE, 2, NONE],
        schema=Y,
        repair=True,
    ),
    Case(
        "a question mark for a missing cell", daily("1", "?", "2").encode(), ("'?' in row 3", "--missing '?'"), schema=Y
    ),
    Case(
        "a question mark for a missing cell, told",
        daily("1", "?", "2").encode(),
        (),
        [1, NONE, 2],
        schema=told(missing=("?",)),
    ),
    Case("a dash for a missing cell", daily("1", "-", "2").encode(), ("'-' in row 3", "--missing=-"), schema=Y),
    Case(
        "M for missing",
        daily("1", "M", "2", "M", "M").encode(),
        ("3 cells with 'M' were taken for missing",),
        [1, NONE, 2, NONE, NONE],
        schema=Y,
        repair=True,
    ),
    Case("null for missing", daily("1", "null", "2").encode(), ("1 of 3 values of 'y' is missing",), [1, NONE, 2]),
    Case(
        "-9999 again and again",
        with_values(WALK, {5: "-9999", 9: "-9999"}),
        ("SENTINEL? -9999 comes again and again", "--missing=-9999"),
        changed(WALK, {5: -9999, 9: -9999}),
    ),
    Case(
        "-9999, told",
        with_values(WALK, {5: "-9999", 9: "-9999.0"}),
        ("2 of 60 values of 'y' are missing",),
        changed(WALK, {5: NONE, 9: NONE}),
        schema=told(missing=("-9999",)),
    ),
    Case(
        "-200 again and again",
        with_values(WALK, {5: "-200", 9: "-200"}),
        ("SENTINEL? -200",),
        changed(WALK, {5: -200, 9: -200}),
    ),
    Case(
        "1e20 again and again",
        with_values(WALK, {5: "1e20", 9: "1e20"}),
        ("SENTINEL? 1e+20", "--missing 1e+20"),
        changed(WALK, {5: 1e20, 9: 1e20}),
    ),
    Case(
        "0 for a pressure",
        with_values([1000 + v / 10 for v in WALK], {5: "0", 9: "0", 30: "0"}),
        ("SENTINEL? 0 comes again",),
        changed([1000 + v / 10 for v in WALK], {5: 0, 9: 0, 30: 0}),
    ),
    Case(
        "one value far outside",
        with_values(WALK, {20: "7679.33"}),
        ("OUTLIER? 'y' is ", "7679.33 at 2024-01-21"),
        changed(WALK, {20: 7679.33}),
    ),
    Case(
        "infinite values", daily(1, "inf", 3, "-Infinity").encode(), ("infinite values: 'inf' in row 3 and",), schema=Y
    ),
    Case("a number beyond any", daily(1, "1e400", 3).encode(), ("infinite values", "in row 3"), schema=Y),
    Case(
        "a number whose square is beyond any",
        daily(1, "1e200", 3).encode(),
        ("values beyond 1e+100", "in row 3"),
        schema=Y,
    ),
    Case("a target without values", daily("", "", "").encode(), ("every value is missing",), schema=TIMED),
    Case("a target that never changes", daily(5, 5, 5).encode(), ("the value never changes (5)",), schema=Y),
    Case(
        "whole numbers beyond 2^53",
        daily("9007199254740993", "9007199254740995", "1").encode(),
        ("2 numbers beyond 2^53 may have lost their last digits, the first in row 2",),
        [9007199254740993.0, 9007199254740995.0, 1],
        schema=Y,
    ),
    Case(
        "whole numbers beyond 2^63",
        daily("18446744073709551616", "3", "1").encode(),
        ("beyond 2^53",),
        [18446744073709551616.0, 3, 1],
        schema=Y,
    ),
    Case(
        "numbers that were kept in 32 bits",
        daily(*[float(np.float32(16777216 * 8 + v * 30)) + 0.0 for v in WALK]).encode(),
        ("DIGITS? 'y' moves in steps of",),
        [float(np.float32(16777216 * 8 + v * 30)) for v in WALK],
    ),
    Case(
        "a split of shares",
        with_values(BROKEN, {}),
        ("SPLIT? 'y' falls to 1/2", "(2024-02-10)"),
        [round(v, 2) for v in BROKEN],
    ),
    Case(
        "a close above the highest price",
        columns(close=changed(WALK, {8: 150.0}), high=[v + 1 for v in WALK], low=[v - 1 for v in WALK]),
        ("PRICES? close lies outside of low to high in 1 row: 2024-01-09",),
        changed(WALK, {8: 150.0}),
        schema=Schema(targets=["close"], past=["high", "low"]),
    ),
    Case(
        "a covariate that is the target of tomorrow",
        columns(y=WALK, x=[*WALK[1:], 0.0]),
        ("LEAK? the past column 'x' copies the target 'y' of 1 row later",),
        WALK,
        schema=Schema(targets=["y"], past=["x"]),
    ),
    Case(
        "a covariate known ahead that is the target",
        columns(y=WALK, x=[v * 1.8 + 32 for v in WALK]),
        ("LEAK? the known-ahead column 'x'",),
        WALK,
        schema=Schema(targets=["y"], future=["x"]),
    ),
    Case(
        "a covariate that never changes",
        columns(y=WALK, x=[3] * 60),
        ("the covariate 'x' never changes",),
        WALK,
        schema=Schema(targets=["y"], past=["x"]),
    ),
    Case("two equal columns", columns(y=WALK, z=WALK), ("TWICE? the columns 'y' and 'z' are equal",), WALK),
    Case(
        "units that changed since training",
        with_values([v * 100 for v in WALK], {}),
        ("UNITS? 60 of 60 values of 'y'", "has the unit changed?"),
        [round(v * 100, 2) for v in WALK],
        schema=Schema(targets=["y"], ranges=((95.0, 105.0, 2.0),)),
        repair=True,
    ),
    Case(
        "a number in text",
        b"date,y,x\n2024-01-01,1,red\n2024-01-02,2,blue\n2024-01-03,3,7\n",
        ("past column 'x'",),
        schema=Schema(targets=["y"], past=["x"]),
    ),
    Case(
        "an unknown covariate",
        daily(1, 2).encode(),
        ("there is no column 'wind' (past)",),
        schema=Schema(targets=["y"], past=["wind"]),
    ),
    Case(
        "an id called NA",
        b"date,id,y\n2024-01-01,NA,1\n2024-01-02,NA,2\n",
        (),
        [1, 2],
        schema=Schema(targets=["y"], series="id"),
    ),
    Case(
        "ids with zeros in front",
        b"date,id,y\n2024-01-01,007,1\n2024-01-02,007,2\n2024-01-01,7,3\n2024-01-02,7,5\n",
        (),
        [1, 2, 3, 5],
        schema=Schema(targets=["y"], series="id"),
    ),
    Case(
        "a row without an id",
        b"date,id,y\n2024-01-01,a,1\n2024-01-02,,2\n",
        ("no id in row 3",),
        schema=Schema(targets=["y"], series="id"),
    ),
    Case(
        "a name that was damaged",
        (
            "date,id,y\n"
            + "".join(f"2024-01-{d:02d},{'aab' if d == 9 else 'aaa'},{d}\n" for d in range(1, 29))
            + "".join(f"2024-01-{d:02d},bbb,{d}\n" for d in range(1, 29))
        ).encode(),
        ("TYPO? series with hardly any rows", "'aab' (1)"),
        [*[float(d) for d in range(1, 29) if d != 9], 9.0, *[float(d) for d in range(1, 29)]],
        schema=Schema(targets=["y"], series="id"),
    ),
    Case(
        "a wide table",
        b"date,a,b\n2024-01-01,1,5\n2024-01-02,2,7\n",
        ("2 columns were read as series: a, b",),
        [1, 2, 5, 7],
        schema=told(wide=True),
    ),
    Case(
        "a wide table with a broken cell",
        b"date,a,b\n2024-01-01,1,5\n2024-01-02,x,7\n",
        ("column 'a'",),
        schema=told(Schema(targets=["a", "b"]), wide=True),
    ),
    Case(
        "all problems at once",
        b"date,y,x\n2024-01-01,a,1\n2024-01-01,2,inf\n2024-01-02,3,3\n",
        ("4 problems", "'wnd' (past)", "'a' in row 2", "'inf' in row 3", "more than once"),
        schema=Schema(targets=["y"], past=["x", "wnd"]),
    ),
    Case(
        "text in every cell of a target",
        daily("red", "blue").encode(),
        ("holds text", "be named as categorical"),
        schema=Y,
    ),
    Case(
        "many broken cells",
        daily(*["x"] * 30, 1, 2, 3).encode(),
        ("30 of 33 cells are not numbers", "and 10 more"),
        schema=Y,
    ),
]
