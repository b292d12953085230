"""Sets of files: what a save leaves when it ends, and when it does not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import forecast as fc
from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import DataError, SettingsError
from forecast.forecasters.artifacts.manifest import CONFIG, MANIFEST, MOST, PAGE, STATE, WEIGHTS, Manifest, Member
from forecast.forecasters.artifacts.strict import strict_json
from forecast.forecasters.artifacts.verified import read_set
from forecast.forecasters.artifacts.writing import draft, replace_set
from forecast.forecasters.linear import Linear
from forecast.windows.window import Window
from forecast.work.lock import LOCK

WINDOW = Window(8, 2)


def wave(rows: int = 90, level: float = 0.0) -> Panel:
    times = np.arange("2024-01-01", np.datetime64("2024-01-01") + rows, dtype="M8[D]")
    return Panel.from_arrays(level + np.sin(np.arange(rows) / 3), times, schema=Schema("day", ("`y`<b>",)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Linear(WINDOW).fit(wave()).save(tmp_path / "model")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_save_leaves_the_members_and_a_lock_and_nothing_else(folder: Path):
    assert names(folder) == {MANIFEST, CONFIG, WEIGHTS, PAGE, LOCK}


def test_the_same_model_is_the_same_bytes(folder: Path, tmp_path: Path):
    other = Linear(WINDOW).fit(wave()).save(tmp_path / "other")
    for name in (MANIFEST, CONFIG, WEIGHTS, PAGE):
        assert (folder / name).read_bytes() == (other / name).read_bytes()


def test_members_that_did_not_change_are_not_written_again(folder: Path):
    before = {name: os.stat(folder / name).st_ino for name in (CONFIG, WEIGHTS)}
    Linear(WINDOW).fit(wave()).save(folder)
    assert before == {name: os.stat(folder / name).st_ino for name in (CONFIG, WEIGHTS)}


def test_a_set_whose_drafts_have_no_plain_names_yet_is_the_set(folder: Path):
    """A process that was killed after the manifest was replaced."""
    manifest, contents = read_set(folder)
    for name in (CONFIG, WEIGHTS):
        (folder / name).rename(folder / draft(name, manifest.members[name].sha256))
        (folder / name).write_bytes(b"of the old set")
    assert read_set(folder) == (manifest, contents)
    assert fc.load(folder).model.predict(wave()).values.shape == (1, 2, 1, 1)
    Linear(WINDOW).fit(wave(80)).save(folder)
    assert names(folder) == {MANIFEST, CONFIG, WEIGHTS, PAGE, LOCK}


def test_what_a_killed_save_left_is_cleaned_by_the_next(folder: Path):
    (folder / draft(WEIGHTS, "0" * 64)).write_bytes(b"half")
    (folder / draft(MANIFEST, "f" * 64)).write_bytes(b"half")
    (folder / STATE).write_bytes(b"of an older set")
    (folder / "mine.txt").write_text("not ours")
    before = fc.load(folder).model.predict(wave()).values
    Linear(WINDOW).fit(wave()).save(folder)
    assert names(folder) == {MANIFEST, CONFIG, WEIGHTS, PAGE, LOCK, "mine.txt"}
    np.testing.assert_array_equal(fc.load(folder).model.predict(wave()).values, before)


def test_what_is_larger_than_what_is_read_is_not_written(folder: Path):
    before = (folder / MANIFEST).read_bytes()
    with pytest.raises(SettingsError, match=rf"card.md would have .* bytes, {MOST[PAGE]:,} is the most"):
        replace_set(folder, {PAGE: bytes(MOST[PAGE] + 1)}, {})
    assert (folder / MANIFEST).read_bytes() == before


def test_a_link_in_the_place_of_a_member_is_replaced_and_not_followed(folder: Path, tmp_path: Path):
    (tmp_path / "elsewhere").write_text("precious")
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=WEIGHTS):
        fc.load(folder)
    Linear(WINDOW).fit(wave()).save(folder)
    assert (tmp_path / "elsewhere").read_text() == "precious"
    assert not (folder / WEIGHTS).is_symlink()


def test_a_folder_of_an_older_format_says_what_to_do(tmp_path: Path):
    (tmp_path / CONFIG).write_text('{"format": 3}')
    (tmp_path / "numbers.safetensors").write_bytes(b"")
    with pytest.raises(DataError, match="of format 3 or older: fit the model again and save it"):
        fc.load(tmp_path)


def test_all_damaged_files_are_named_at_once(folder: Path):
    (folder / CONFIG).unlink()
    (folder / WEIGHTS).write_bytes(b"x")
    with pytest.raises(DataError, match="2 problems") as error:
        fc.load(folder)
    assert CONFIG in str(error.value)
    assert WEIGHTS in str(error.value)


def test_fingerprints_tell_data_and_settings_apart(tmp_path: Path):
    models = {"one": Linear(WINDOW).fit(wave()), "data": Linear(WINDOW).fit(wave(level=1.0))}
    models["settings"] = Linear(WINDOW, 0.3).fit(wave())
    found = {name: read_set(model.save(tmp_path / name))[0].fingerprints for name, model in models.items()}
    assert found["one"]["settings"] == found["data"]["settings"] != found["settings"]["settings"]
    assert found["one"]["data"] == found["settings"]["data"] != found["data"]["data"]


def test_a_model_read_back_can_be_saved_again_and_keeps_its_note(folder: Path, tmp_path: Path):
    Linear(WINDOW).fit(wave()).save(folder, note="Licence of the data: CC0")
    again = fc.load(folder).model.save(tmp_path / "again")
    assert (again / MANIFEST).read_bytes() == (folder / MANIFEST).read_bytes()
    assert "Licence of the data: CC0" in (again / PAGE).read_text()


def test_the_page_tells_what_a_person_asks_and_names_bring_no_markup(folder: Path):
    page = (folder / PAGE).read_text()
    for told in ("# Linear", "2 steps ahead from 8 steps", "90 rows, 2024-01-01 to 2024-03-30", "fc.load(", "numpy"):
        assert told in page
    assert "<b>" not in page
    assert "`'y'&lt;b>`" in page


def test_manifests_name_only_members():
    for name in ("../evil", "/etc/passwd", "a/b", LOCK):
        with pytest.raises(ValueError, match="is no member of a model"):
            Manifest.parse(Manifest({name: Member.of(b"")}, {}, {}).content())


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"a": NaN}', "NaN is no finite number"),
        ('{"a": 1e999}', "1e999 is no finite number"),
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ("[" * 50 + "]" * 50, "deeper than 40"),
        ("[" + "{}," * 40_000 + "{}]", "more than 30,000"),
        ("[" + "1," * 300_000 + "1]", "more than 200,000"),
        ('"' + "x" * (9 << 20) + '"', "is the most"),
        ("\ud800", "surrogates|utf-8"),
    ],
)
def test_json_has_limits(text: str, what: str):
    with pytest.raises(ValueError, match=what):
        strict_json(text.encode("utf-8", "surrogatepass"))


def test_brackets_in_texts_do_not_count():
    assert strict_json(json.dumps({"a": "[" * 100 + '\\"'}).encode()) == {"a": "[" * 100 + '\\"'}
