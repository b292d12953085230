"""Format: one value that flags, settings files, readers and saved models share."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.cli.flags import FORMAT, add_data, schema_of
from forecast.data.describe import describe
from forecast.data.format import Format, advice
from forecast.data.readers import from_frame, read_csv
from forecast.data.schema import Schema
from forecast.errors import DataError, SettingsError

EVERY = Format(
    encoding="cp1252",
    separator="tab",
    comment="%",
    columns=("day", "y"),
    skip_footer=2,
    wide=True,
    decimal=",",
    thousands="space",
    missing=("-", "-9999", "?"),
    date_format="%d/%m/%Y",
    date_unit="excel",
    timezone="Europe/Paris",
    duplicates="mean",
    strict=True,
)


def parsed(*flags: str) -> Schema:
    parser = argparse.ArgumentParser()
    add_data(parser)
    return schema_of(parser.parse_args(["data.csv", *flags]))


def test_every_field_is_a_flag_that_can_be_pasted() -> None:
    import shlex

    assert parsed(*shlex.split(EVERY.flags())).format == EVERY
    assert parsed().format == Format()
    assert set(FORMAT) == {field.name for field in fields(Format)} - {"units"}
    for field in fields(Format):
        value = getattr(EVERY, field.name)
        assert field.name == "units" or value != field.default
        if field.name != "units":
            (said,) = shlex.split(advice(field.name, value).partition(" (in Python")[0])[:1]
            assert said.startswith("--" + field.name.replace("_", "-"))


def test_a_schema_with_a_format_survives_json_and_a_settings_file(tmp_path: Path) -> None:
    from forecast.experiment.contestants import preset
    from forecast.experiment.settings import Experiment, read_experiment
    from forecast.windows.window import Window

    schema = Schema(time="day", targets=["y"], format=EVERY, ranges=((0.0, 1.0, 0.5),))
    again = Schema(**json.loads(json.dumps(asdict(schema))))
    assert again == schema
    assert again.ranges == schema.ranges
    experiment = Experiment("data.csv", schema, Window(3, 1), {"naive": preset("naive")})
    (tmp_path / "settings.toml").write_text(experiment.to_toml())
    read = read_experiment(tmp_path / "settings.toml")
    assert read.schema == replace(schema, ranges=())
    assert "ranges" not in experiment.to_toml()
    assert "format" not in replace(experiment, schema=replace(schema, format=Format())).to_toml()
    (tmp_path / "settings.toml").write_text(experiment.to_toml().replace("decimal", "decimol"))
    with pytest.raises(SettingsError, match=r"schema\.format: no setting 'decimol'; did you mean 'decimal'"):
        read_experiment(tmp_path / "settings.toml")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("encoding", "cp1525", "did you mean"),
        ("encoding", "zip", "encoding='zip'"),
        ("separator", ";;", "one character"),
        ("comment", "", "name what such lines begin with"),
        ("skip_footer", -1, "a number of lines"),
        ("decimal", ";", r"one of '\.', ','"),
        ("thousands", "x", "one of"),
        ("date_format", "DD/MM/YYYY", "write it like %d/%m/%Y"),
        ("date_unit", "weeks", "one of 'year', 'YYYYMMDD', 'excel'"),
        ("timezone", "Europe/Pariss", "did you mean 'Europe/Paris'"),
        ("timezone", "../../etc/passwd", "no such zone"),
        ("duplicates", "keep", "one of 'refuse', 'drop'"),
        ("comment", 5, "str is needed"),
        ("missing", -9999, "tuple is needed"),
        ("strict", 1, "bool is needed"),
        ("skip_footer", "2", "int is needed"),
    ],
)
def test_a_format_that_makes_no_sense_is_refused(field: str, value: object, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Format(**{field: value})


def test_a_schema_takes_a_format_or_its_table_and_nothing_else() -> None:
    assert Schema(format={"decimal": ","}).format == Format(decimal=",")
    for other in (5, ["decimal"], None):
        with pytest.raises(SettingsError, match="a Format is needed"):
            Schema(format=other)


def test_decimal_and_thousands_differ() -> None:
    with pytest.raises(SettingsError, match="are both ','"):
        Format(decimal=",", thousands=",")


def test_frames_are_mended_as_files_are() -> None:
    frame = pd.DataFrame({"date": ["13.01.2024", "14.01.2024", "15.01.2024"], "y": ["1,5", "-9999", "2,25"]})
    panel = from_frame(frame, Schema(format=Format(missing=("-9999",))))
    assert panel.observed[:, 0].tolist() == [True, False, True]
    assert panel.values[[0, 2], 0].tolist() == [1.5, 2.25]
    assert panel.schema.format.decimal == ","
    parts = pd.DataFrame({"year": [2024, 2024, 2024], "month": [1, 2, 3], "y": [1.0, 2.0, 4.0]})
    assert from_frame(parts).calendar.alias == "MS"
    with pytest.raises(DataError, match="--strict refuses repairs: the times were joined"):
        from_frame(parts, Schema(format=Format(strict=True)))


def test_what_describe_says_to_type_next_keeps_the_flags(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("date;y\n" + "".join(f"{d:02d}/01/2024;{d % 7},5\n" for d in range(1, 29)))
    found = describe(path, Schema(format=Format(date_format="%d/%m/%Y", missing=("-9999",))))
    assert found.command.endswith("--missing=-9999 --date-format %d/%m/%Y --horizon 7")
    assert any("decimal comma" in sentence for sentence in found.report)
    assert "note" in found.to_text()
    assert found.to_json()["report"]


def test_a_model_reads_later_files_as_it_read_the_first_and_shouts_when_they_differ(tmp_path: Path) -> None:
    from forecast.experiment.saved import fit_and_save, forecast_file
    from forecast.training.settings import Training
    from forecast.work.folder import Run

    def write(name: str, first: int, values: np.ndarray) -> str:
        days = np.datetime64("2024-01-03") + first + np.arange(len(values))
        lines = [
            f"{str(d)[8:]}/{str(d)[5:7]}/{str(d)[:4]};{v:.2f}".replace(".", ",")
            for d, v in zip(days, values, strict=True)
        ]
        (tmp_path / name).write_text("\n".join(["tag;wert", *lines, ";", ";"]) + "\n")
        return str(tmp_path / name)

    wave = 20 + 5 * np.sin(np.arange(90.0)) + np.arange(90) % 3
    wave[[10, 20]] = -9999
    asked = Schema(targets=["wert"], format=Format(missing=("-9999",)))
    model = tmp_path / "model"
    _, panel = fit_and_save(write("old.csv", 0, wave[:80]), asked, "drift", (5, 2, None), Training(), Run(model))
    assert int((~panel.observed).sum()) == 2
    assert (panel.schema.format.decimal, panel.schema.day_first) == (",", True)
    # ten days of January to March only: 02/03 may be either, but not to this model
    frame, notes = forecast_file(model, write("new.csv", 58, wave[58:70]))
    assert frame["time"].iloc[0] == pd.Timestamp("2024-03-13")
    assert not any("?" in note for note in notes)
    _, notes = forecast_file(model, write("fahrenheit.csv", 58, wave[58:70] * 9 + 300))
    assert any(note.startswith("UNITS? 12 of 12 values of 'wert'") for note in notes)
    points = Path(write("points.csv", 58, wave[58:70]))
    points.write_text(points.read_text().replace(",", "."))
    with pytest.raises(DataError, match=r"target column 'wert'.*'\d+\.\d+' in row 2"):
        forecast_file(model, str(points))


def test_live_rows_are_read_as_the_file_was() -> None:
    from forecast.forecasters.live.rows import RowReader

    form = Format(missing=("-9999", "?"), timezone="Europe/Paris")
    read = RowReader(Schema(time="t", targets=["y"], series="id", format=form))
    for value in (-9999, -9999.0, "?"):
        assert np.isnan(read({"t": "2024-07-01 12:00", "id": "a", "y": value}).values[0])
    noon = np.datetime64("2024-07-01T10:00", "us").astype(np.int64)
    for time in (
        "2024-07-01 12:00",
        pd.Timestamp("2024-07-01 12:00"),
        np.datetime64("2024-07-01T12:00"),
        "2024-07-01T10:00Z",
    ):
        assert read({"t": time, "id": "a", "y": 1.0}).time == noon


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from forecast.data import tables

    path = tmp_path / "data.csv"
    path.write_text("date,y\n2024-01-01,1\n2024-01-02,2\n")
    reading = tables._read_plain

    def grows(*arguments: object) -> object:
        table = reading(*arguments)
        path.write_text(path.read_text() + "2024-01-03,4\n")
        return table

    monkeypatch.setattr(tables, "_read_plain", grows)
    with pytest.raises(DataError, match="the file changed while it was read"):
        read_csv(path)


@pytest.mark.parametrize("strict", [False, True])
def test_a_later_file_without_the_footer_does_not_lose_its_newest_rows_in_silence(tmp_path: Path, strict: bool) -> None:
    rows = "".join(f"2024-01-{day:02d},{day % 4}\n" for day in range(1, 21))
    first, later = tmp_path / "first.csv", tmp_path / "later.csv"
    first.write_text(f"date,y\n{rows}Total,30\nSource: bank\n")
    later.write_text(f"date,y\n{rows}2024-01-21,\n2024-01-22,2\n")
    schema = read_csv(first, form=Format(skip_footer=2, strict=strict)).schema
    assert not any("FOOTER?" in sentence for sentence in read_csv(first, schema).report)
    if strict:
        with pytest.raises(DataError, match=r"--strict refuses repairs: FOOTER\?"):
            read_csv(later, schema)
        return
    said = [sentence for sentence in read_csv(later, schema).report if "FOOTER?" in sentence]
    assert len(said) == 1
    assert "the last 2 lines were left out (--skip-footer 2), but rows 22 and 23 look like those above" in said[0]


def test_the_card_of_an_embedded_data_set_leaves_the_format_alone() -> None:
    from forecast.experiment.cards import with_card

    assert with_card("seattle-weather", Schema(format=EVERY)).format == EVERY
