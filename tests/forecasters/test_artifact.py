"""Saved models: bit-equal when read back, refused in words when damaged, never code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from resealed import reconfigured, renumbered, reseal

from forecast.cli import main
from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import DataError, NotFittedError, SettingsError
from forecast.forecasters.artifacts.artifact import load
from forecast.forecasters.artifacts.manifest import CONFIG, MANIFEST, PAGE, WEIGHTS
from forecast.forecasters.artifacts.stored import Saved
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Drift, Mean, Naive, SeasonalNaive
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import gru
from forecast.training.settings import Training
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
    model.save(tmp_path / "deep" / "model")
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
    np.testing.assert_array_equal(read.predict(data, origins).values, again.values)


def test_the_last_time_is_that_of_the_last_target(data: Panel, tmp_path: Path):
    values = np.array(data.values)
    values[85:90, :2], values[175:, :2] = np.nan, np.nan
    ahead = Panel.from_arrays(values, data.times, [90, 90], data.series, data.schema, data.static)
    Naive(WINDOW).fit(ahead).save(tmp_path)
    assert load(tmp_path).until == data.times[84]
    assert load(tmp_path).last == "2024-03-25"


def test_what_was_not_fitted_cannot_be_saved(data: Panel, tmp_path: Path):
    for model in (Linear(WINDOW), Recurrent(WINDOW)):
        with pytest.raises(NotFittedError, match="fit the model"):
            model.save(tmp_path)


def test_regressors_are_refused_with_the_reason(data: Panel, tmp_path: Path):
    from forecast.forecasters.tabular import Tabular

    with pytest.raises(SettingsError, match="would have to run code"):
        Tabular(WINDOW).fit(data).save(tmp_path)


def test_a_cell_of_your_own_is_named_when_loading_and_never_imported(data: Panel, tmp_path: Path):
    for cell in (my_cell, f"{__name__}:my_cell"):
        model = Recurrent(WINDOW, cell, 4, training=ONE).fit(data)
        model.save(tmp_path)
        with pytest.raises(SettingsError, match="cell of its author's own"):
            load(tmp_path)
        ends = data.until(80).end_origins()
        said, again = (made.predict(data, ends).values for made in (model, load(tmp_path, my_cell).model))
        np.testing.assert_array_equal(said, again)


def test_a_directory_that_cannot_be_written_is_said_to_be(data: Panel, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be written here"):
        Naive(WINDOW).fit(data).save(tmp_path / "file")


def edit(directory: Path, **changes: object) -> None:
    reconfigured(directory, lambda config: config | changes)


def edit_numbers(directory: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    renumbered(directory, lambda settings, arrays: change(arrays))


def scheme(directory: Path, **schema: object) -> None:
    reconfigured(directory, lambda config: config["fitted_on"].update(schema=schema))


def remark(directory: Path, text: bytes, other: bytes) -> None:
    content = (directory / MANIFEST).read_bytes()
    assert text in content
    (directory / MANIFEST).write_bytes(content.replace(text, other))


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


CHANGED = "its bytes are not those that were written"
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no settings": (lambda d: (d / CONFIG).unlink(), "config.json: it is missing"),
    "no numbers": (lambda d: (d / WEIGHTS).unlink(), "weights.safetensors: it is missing"),
    "no manifest": (lambda d: (d / MANIFEST).unlink(), "no readable model: there is no manifest.json"),
    "empty": (lambda d: (d / CONFIG).write_text(""), "config.json has 0 bytes"),
    "another manifest": (lambda d: (d / MANIFEST).write_text("[]"), "model format None"),
    "not UTF-8": (lambda d: (d / MANIFEST).write_bytes(b"\xff\xfe"), "no readable model"),
    "newer": (lambda d: remark(d, b'"format": 4', b'"format": 99'), "model format 99 was written by a newer version"),
    "a version": (lambda d: remark(d, b'"numpy": "2', b'"numpy": "3'), CHANGED),
    "cut off": (lambda d: (d / WEIGHTS).write_bytes((d / WEIGHTS).read_bytes()[:200]), "has 200 bytes"),
    "a bit of the settings": (lambda d: flip(d / CONFIG, 100), CHANGED),
    "a bit of the numbers": (lambda d: flip(d / WEIGHTS, -3), CHANGED),
    "a bit of the page": (lambda d: flip(d / PAGE, 20), CHANGED),
    "other bytes": (lambda d: reseal(d, weights=b"\x80\x04" + bytes(99)), "not safetensors"),
    "kind": (lambda d: edit(d, kind="magic"), "a model of kind 'magic' is not known"),
    "no kind": (lambda d: edit(d, kind=None), "not known"),
    "window": (lambda d: edit(d, window={"context": 9, "horizon": 3, "stride": 1}), "window and columns say"),
    "window type": (lambda d: edit(d, window=3), "damaged"),
    "a long window": (lambda d: edit(d, window={"context": 8, "horizon": 10**12, "stride": 1}), "at most"),
    "schema": (
        lambda d: scheme(d, time="day", targets=["a"], series="id"),
        "scale.center has the shape",
    ),
    "schema key": (lambda d: scheme(d, tme="day"), "damaged"),
    "architecture": (lambda d: edit(d, architecture=[]), "damaged"),
    "series": (lambda d: edit(d, series=["NA"]), "scale.center has the shape"),
    "until": (lambda d: reconfigured(d, lambda c: c["fitted_on"].update(until="soon")), "damaged"),
    "never": (lambda d: reconfigured(d, lambda c: c["fitted_on"].update(until="NaT")), "since and until are times"),
    "wide": (lambda d: reconfigured(d, lambda c: c["architecture"].update(hidden_size=10**9)), "hidden_size"),
    "wider": (lambda d: reconfigured(d, lambda c: c["architecture"].update(hidden_size=100)), "has the shape"),
    "layers": (lambda d: reconfigured(d, lambda c: c["architecture"].update(layers=10**9)), "layers"),
    "tensor missing": (lambda d: edit_numbers(d, lambda n: n.pop("scale.center")), "'scale.center' is missing"),
    "tensor added": (lambda d: edit_numbers(d, lambda n: n.update(x=np.zeros(3))), "nobody asked for: x"),
    "weight missing": (lambda d: edit_numbers(d, lambda n: n.pop("network.decoder.bias")), "decoder.bias"),
    "weight not finite": (lambda d: edit_numbers(d, lambda n: n["network.decoder.bias"].fill(np.nan)), "not finite"),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_model_is_refused_in_words(
    damage: str, fitted: Recurrent, data: Panel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    fitted.save(tmp_path / "model")
    act, message = DAMAGES[damage]
    act(tmp_path / "model")
    with pytest.raises(DataError, match=message.replace(".", r"\.")):
        load(tmp_path / "model")
    assert main(["predict", str(tmp_path / "model"), "any.csv"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_no_file_of_a_model_can_name_code_to_import(fitted: Recurrent, data: Panel, tmp_path: Path):
    fitted.save(tmp_path)
    reconfigured(tmp_path, lambda config: config["architecture"].update(cell="os:system"))
    with pytest.raises(SettingsError, match="cell of its author's own"):
        load(tmp_path)
