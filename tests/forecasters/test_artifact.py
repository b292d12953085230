"""Saved models: bit-equal when read back, refused in words when damaged, never code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from forecast.cli import main
from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import DataError, NotFittedError, SettingsError
from forecast.forecasters.artifact import CONFIG, NUMBERS, Saved, load, save
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Drift, Mean, Naive, SeasonalNaive
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import gru
from forecast.training.fit import Training
from forecast.windows.feeds import Windowed
from forecast.windows.window import Window

WINDOW = Window(8, 3)
ONE = Training(epochs=1, device="cpu")


def my_cell(inputs: int, hidden_size: int):
    return gru(inputs, hidden_size)


def panel(rows: int = 90) -> Panel:
    random = np.random.default_rng(0)
    values = random.normal(size=(2 * rows, 4))
    values[5, 0] = np.nan
    times = np.tile(np.datetime64("2024-01-01") + np.arange(rows), 2)
    schema = Schema("day", ("a", "b"), "id", ("c",), ("known",), ("size",))
    return Panel.from_arrays(values, times, [rows, rows], ["NA", 'say "ü"'], schema, np.array([[1.0], [3.0]]))


MODELS: dict[str, Callable[[], Saved]] = {
    "naive": lambda: Naive(WINDOW),
    "drift": lambda: Drift(WINDOW),
    "mean": lambda: Mean(WINDOW),
    "seasonal": lambda: SeasonalNaive(WINDOW, 7),
    "linear": lambda: Linear(WINDOW),
    "gru": lambda: Recurrent(WINDOW, "gru", 8, training=ONE, feed=Windowed(16)),
    "lstm": lambda: Recurrent(WINDOW, "lstm", 8, 2, 0.1, "standard", False, "joint", training=ONE),
}


@pytest.fixture(scope="module")
def data() -> Panel:
    return panel()


@pytest.fixture(scope="module")
def fitted(data: Panel) -> Recurrent:
    return Recurrent(WINDOW, "gru", 4, training=ONE).fit(data.until(80))


@pytest.mark.parametrize("name", list(MODELS))
def test_a_model_read_back_forecasts_bit_for_bit_the_same(name: str, data: Panel, tmp_path: Path):
    train = data.until(80)
    model = MODELS[name]().fit(train)
    save(model, tmp_path / "deep" / "model", train)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    read = load(tmp_path / "deep" / "model")
    assert torch.equal(before, torch.random.get_rng_state())
    assert type(read.model) is type(model)
    assert read.schema == data.schema
    origins = WINDOW.origins(data, since=data.cut(80))
    said, again = model.predict(data, origins), read.model.predict(data, origins)
    np.testing.assert_array_equal(said.values, again.values)
    assert read.model.parameters == model.parameters


def test_the_last_time_is_that_of_the_last_target(data: Panel, tmp_path: Path):
    values = np.array(data.values)
    values[85:90, :2], values[175:, :2] = np.nan, np.nan
    ahead = Panel.from_arrays(values, data.times, [90, 90], data.series, data.schema, data.static)
    save(Naive(WINDOW), tmp_path, ahead)
    assert load(tmp_path).until == data.times[84]
    assert load(tmp_path).last == "2024-03-25"


def test_what_was_not_fitted_cannot_be_saved(data: Panel, tmp_path: Path):
    for model in (Linear(WINDOW), Recurrent(WINDOW)):
        with pytest.raises(NotFittedError, match="fit the model"):
            save(model, tmp_path, data)


def test_regressors_are_refused_with_the_reason(data: Panel, tmp_path: Path):
    from forecast.forecasters.tabular import Tabular

    with pytest.raises(SettingsError, match="would have to run code"):
        save(Tabular(WINDOW), tmp_path, data)  # type: ignore[arg-type]


def test_a_cell_of_your_own_is_named_when_loading_and_never_imported(data: Panel, tmp_path: Path):
    for cell in (my_cell, f"{__name__}:my_cell"):
        model = Recurrent(WINDOW, cell, 4, training=ONE).fit(data)
        save(model, tmp_path, data)
        with pytest.raises(SettingsError, match="cell of its author's own"):
            load(tmp_path)
        ends = data.until(80).end_origins()
        said, again = (made.predict(data, ends).values for made in (model, load(tmp_path, my_cell).model))
        np.testing.assert_array_equal(said, again)


def test_a_directory_that_cannot_be_written_is_said_to_be(data: Panel, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be written here"):
        save(Naive(WINDOW), tmp_path / "file", data)


def edit(directory: Path, **changes: object) -> None:
    config = json.loads((directory / CONFIG).read_text("utf-8"))
    (directory / CONFIG).write_text(json.dumps(config | changes), "utf-8")


def edit_numbers(directory: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    numbers = load_file(directory / NUMBERS)
    change(numbers)
    save_file(numbers, directory / NUMBERS)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no settings": (lambda d: (d / CONFIG).unlink(), "no readable model"),
    "no numbers": (lambda d: (d / NUMBERS).unlink(), "no readable model"),
    "empty": (lambda d: (d / CONFIG).write_text(""), "no readable model"),
    "not UTF-8": (lambda d: (d / CONFIG).write_bytes(b"\xff\xfe"), "no readable model"),
    "a list": (lambda d: (d / CONFIG).write_text("[]"), "model format None"),
    "newer": (lambda d: edit(d, format=99), "model format 99, this version reads 3"),
    "cut off": (lambda d: (d / NUMBERS).write_bytes((d / NUMBERS).read_bytes()[:200]), "no readable model"),
    "other bytes": (lambda d: (d / NUMBERS).write_bytes(b"\x80\x04" + bytes(99)), "no readable model"),
    "kind": (lambda d: edit(d, kind="magic"), "a model of kind 'magic' is not known"),
    "no kind": (lambda d: edit(d, kind=None), "not known"),
    "window": (lambda d: edit(d, window={"context": 9, "horizon": 3, "stride": 1}), "window and columns say"),
    "window type": (lambda d: edit(d, window=3), "damaged"),
    "schema": (
        lambda d: edit(d, schema={"time": "day", "targets": ["a"], "series": "id"}),
        "scale.center has the shape",
    ),
    "schema key": (lambda d: edit(d, schema={"tme": "day"}), "damaged"),
    "architecture": (lambda d: edit(d, architecture=[]), "damaged"),
    "series": (lambda d: edit(d, series=["NA"]), "scale.center has the shape"),
    "until": (lambda d: edit(d, until="soon"), "damaged"),
    "tensor missing": (lambda d: edit_numbers(d, lambda n: n.pop("scale.center")), "'scale.center' is missing"),
    "weight missing": (lambda d: edit_numbers(d, lambda n: n.pop("network.decoder.bias")), "decoder.bias"),
    "weight not finite": (lambda d: edit_numbers(d, lambda n: n["network.decoder.bias"].fill_(np.nan)), "not finite"),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_model_is_refused_in_words(
    damage: str, fitted: Recurrent, data: Panel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    save(fitted, tmp_path / "model", data)
    act, message = DAMAGES[damage]
    act(tmp_path / "model")
    with pytest.raises(DataError, match=message.replace(".", r"\.")):
        load(tmp_path / "model")
    assert main(["predict", str(tmp_path / "model"), "any.csv"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_no_file_of_a_model_can_name_code_to_import(fitted: Recurrent, data: Panel, tmp_path: Path):
    save(fitted, tmp_path, data)
    architecture = json.loads((tmp_path / CONFIG).read_text())["architecture"]
    edit(tmp_path, architecture=architecture | {"cell": "os:system"})
    with pytest.raises(SettingsError, match="cell of its author's own"):
        load(tmp_path)
