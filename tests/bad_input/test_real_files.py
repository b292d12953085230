"""Real files that are messy: read right and reported, or refused with a flag that makes them readable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forecast.data.format import Format
from forecast.data.panel import Panel
from forecast.data.readers import read_csv
from forecast.data.schema import Schema
from forecast.errors import DataError

pytestmark = pytest.mark.data


def said(panel: Panel) -> str:
    return "\n".join(panel.report)


def refused(path: Path, schema: Schema | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read_csv(path, schema or Schema())
    return str(caught.value)


@pytest.fixture
def messy(shared_data: Path) -> Path:
    return shared_data / "messy"


def test_air_quality_has_semicolons_decimal_commas_two_time_columns_and_empty_rows(messy: Path) -> None:
    path = messy / "AirQualityUCI.csv"
    panel = read_csv(path)
    assert (len(panel.times), panel.calendar.alias, panel.calendar.regular) == (9357, "h", 1.0)
    assert panel.times[0] == np.datetime64("2004-03-10T18:00")
    assert panel.values[0, panel.schema.channels.index("CO(GT)")] == 2.6
    for phrase in (
        "decimal comma",
        "114 rows without any value",
        "joined from the columns Date and Time",
        "SENTINEL? -200",
    ):
        assert phrase in said(panel)
    told = read_csv(path, form=Format(missing=("-200",)))
    assert int((~told.observed[:, : len(told.targets)]).sum()) == int((panel.values == -200).sum())
    assert "SENTINEL" not in said(told)
    again = read_csv(path, told.schema)
    np.testing.assert_array_equal(again.observed, told.observed)


def test_basel_has_a_mark_semicolons_and_spans_of_time(messy: Path) -> None:
    panel = read_csv(messy / "basel_traffic_2017.csv")
    assert (len(panel.times), panel.calendar.alias, panel.calendar.regular) == (8760, "h", 1.0)
    assert "each span by its begin" in said(panel)
    assert "Güterstrasse 180" in panel.targets


def test_restamped_rows_and_a_hole_of_three_years_are_shouted_about(messy: Path) -> None:
    panel = read_csv(messy / "AAPL_gap3y.csv", Schema(targets=["close"]))
    assert "HOLE? no rows from 2017-12-29 to 2021-01-02 (1,100 days)" in said(panel)
    assert "RESTAMPED? 12 of 1,259 rows lie on weekends" in said(panel)


def test_tesla_has_a_clock_for_a_date_and_separators_of_thousands(messy: Path, tmp_path: Path) -> None:
    path = messy / "tesla-stock-price.csv"
    assert "'11:34' in row 2" in refused(path)
    lines = path.read_text().splitlines(keepends=True)
    (tmp_path / "mended.csv").write_text("".join([lines[0], *lines[2:]]))
    panel = read_csv(tmp_path / "mended.csv")
    assert (len(panel.times), panel.times[0]) == (756, np.datetime64("2015-10-15"))
    assert "rows were newest first: reversed" in panel.report
    (tmp_path / "dated.csv").write_text("".join([lines[0], lines[1].replace("11:34", "2018/10/16"), *lines[2:]]))
    panel = read_csv(tmp_path / "dated.csv")
    assert panel.values[-1, panel.schema.channels.index("volume")] == 4787699
    assert "separators of thousands" in said(panel)


def test_sentinels_of_a_weather_station_are_named_with_their_flag(messy: Path) -> None:
    path = messy / "ghcn_seattle_BicycleWeather.csv"
    panel = read_csv(path, Schema(targets=["TMAX"], past=["SNOW", "WDF5"]))
    assert "SENTINEL? -9999 comes again and again" in said(panel)
    assert "--missing=-9999" in said(panel)
    told = read_csv(path, Schema(targets=["TMAX"], past=["SNOW", "WDF5"]), Format(missing=("-9999", "9999")))
    assert (told.values[told.observed] > -9999).all()
    assert "SENTINEL" not in said(told)


def test_an_hour_that_comes_twice_is_refused_with_a_flag_that_helps(messy: Path) -> None:
    path = messy / "PJME_hourly_US_dates.csv.gz"
    text = refused(path)
    assert "2014-11-02 02:00 (2 rows)" in text
    assert "--duplicates last" in text
    panel = read_csv(path, form=Format(duplicates="mean"))
    assert len(panel.times) == 145_366 - 4 == len(np.unique(panel.times))
    assert "4 more rows of a time that was there already: their mean was taken" in panel.report


def test_three_stocks_in_one_file_ask_for_the_column_of_their_names(messy: Path) -> None:
    path = messy / "stocks_long_quandl.csv.gz"
    assert "--series Stock, which makes the rows unique" in refused(path)
    panel = read_csv(path, Schema(targets=["AdjClose"], series="Stock"))
    assert (len(panel.series), len(panel.times)) == (3, 2261)
    assert "rows were newest first: reversed" in panel.report


def test_other_messy_files_are_read_as_they_stand(messy: Path) -> None:
    bitcoin = read_csv(messy / "BTC-INR_yahoo.csv", Schema(targets=["Close"]))
    assert "1 of 2,089 values of 'Close' is missing" in bitcoin.report
    ambient = read_csv(messy / "ambient_temperature_gaps.csv")
    assert "621 stamps that the calendar expects are absent" in said(ambient)
    seattle = read_csv(messy / "seattle_weather_1948_2016.csv")
    assert "HOLE? no rows from 2010-12-31 to 2012-01-01 (366 days)" in said(seattle)
    assert "time column 'Date': read as month/day/year" in seattle.report


def test_traps_of_the_clean_files_are_seen(shared_data: Path) -> None:
    beijing = read_csv(shared_data / "beijing_pm25" / "PRSA_2010_2014.csv", Schema(targets=["pm2.5"]))
    assert (len(beijing.times), beijing.calendar.alias, beijing.schema.time) == (43_824, "h", "year+month+day+hour")
    gefcom = read_csv(shared_data / "gefcom2014_e" / "GEFCom2014-E.csv.gz", Schema(targets=["load"]))
    assert [str(time) for time in gefcom.times[[0, -1]].astype("M8[h]")] == ["2004-01-01T01", "2015-01-01T00"]
    vix = read_csv(shared_data / "index_stocks" / "vix_2014_2019.csv")
    assert int((~vix.observed).sum()) == 46
    assert "46 cells with '.' were taken for missing" in said(vix)
    assert "OUTLIER? 'meanpressure'" in said(read_csv(shared_data / "delhi_climate" / "DailyDelhiClimateTrain.csv"))
    jena = shared_data / "weather_jena2020" / "weather.csv.gz"
    assert "these rows are equal: use --duplicates drop" in refused(jena)
    dropped = read_csv(jena, Schema(targets=["OT"]), Format(duplicates="drop", missing=("-9999",)))
    assert (len(dropped.times), int((~dropped.observed).sum())) == (52_695, 50)
    szeged = shared_data / "szeged_weather" / "weatherHistory.csv.gz"
    pressure = read_csv(szeged, Schema(targets=["Pressure (millibars)"]), Format(duplicates="first"))
    assert "SENTINEL? 0 comes again and again" in said(pressure)
    assert "converted to UTC, offsets dropped" in said(pressure)


def test_files_without_times_say_so(shared_data: Path) -> None:
    for name in ("m4/Hourly-test.csv", "m3/m3_monthly_info.csv", "classics/shampoo.csv"):
        assert "no column holds timestamps" in refused(shared_data / name)


def test_a_wide_file_becomes_a_panel_of_its_columns(shared_data: Path) -> None:
    path = shared_data / "nn5" / "nn5_daily_with_missing.csv.gz"
    panel = read_csv(path, form=Format(wide=True))
    assert (len(panel.series), len(panel.times), panel.targets) == (111, 111 * 791, ("value",))
    again = read_csv(path, panel.schema)
    np.testing.assert_array_equal(again.values, panel.values)
