"""Prepare: the two data sets of experiments/ whose files the reader refuses, mended as its messages say.

    python experiments/prepare.py

Reads under FORECAST_DATA and writes to experiments/prepared/:
pjm-hourly.csv   from pjm_hourly/PJME_hourly.csv.gz: 2010 to 2018; doubled autumn hours are averaged.
beijing-pm25.csv from beijing_pm25/PRSA_2010_2014.csv: year, month, day and hour are joined to one column.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).resolve().parent / "prepared"


def pjm(data: Path) -> pd.DataFrame:
    """Hourly load in local time from 2010 on, one row an hour."""
    frame = pd.read_csv(data / "pjm_hourly" / "PJME_hourly.csv.gz")
    frame = frame[frame["ds"] >= "2010"]
    return frame.groupby("ds", as_index=False)["y"].mean().sort_values("ds").rename(columns={"y": "load"})


def beijing(data: Path) -> pd.DataFrame:
    """Fine dust and weather, one row an hour."""
    frame = pd.read_csv(data / "beijing_pm25" / "PRSA_2010_2014.csv")
    time = pd.to_datetime(frame[["year", "month", "day", "hour"]]).rename("time")
    return pd.concat([time, frame.drop(columns=["No", "year", "month", "day", "hour"])], axis=1)


def main() -> None:
    if "FORECAST_DATA" not in os.environ:
        sys.exit("set FORECAST_DATA to the folder of the data sets")
    data = Path(os.environ["FORECAST_DATA"])
    FOLDER.mkdir(exist_ok=True)
    for name, frame in {"pjm-hourly.csv": pjm(data), "beijing-pm25.csv": beijing(data)}.items():
        frame.to_csv(FOLDER / name, index=False)
        print(f"{FOLDER / name}: {len(frame):,} rows")


if __name__ == "__main__":
    main()
