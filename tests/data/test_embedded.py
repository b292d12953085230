"""Embedded data: found by name, read from packages without importing them, or asked for in clear words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from forecast.data.embedded import Card, cards, locate, read_dataset
from forecast.data.schema import Schema
from forecast.errors import DataError, SettingsError

CSV = "date,y,x\n2024-01-01,1,5\n2024-01-02,2,6\n2024-01-03,4,7\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cards of every kind, and a package that ships two files and must not be imported."""
    package = tmp_path / "site" / "shipping_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "one.csv").write_text(CSV)
    (package / "two.csv").write_text(CSV.replace("2024", "2023"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    base = 'title = "t"\nsource = "s"\nlicence = "free"\n'
    roles = '[schema]\ntime = "date"\ntargets = ["y"]\n'
    texts = {
        "shipped": base + 'package = "shipping-package"\nresource = "shipping_package/one.csv"\nseason = 7\n' + roles,
        "several": base
        + 'package = "shipping-package"\n[resources]\nNA = "shipping_package/one.csv"\nB = "shipping_package/two.csv"\n'
        + roles
        + 'series = "ticker"\n',
        "absent": base + 'package = "not-there"\nresource = "not_there_package/one.csv"\n' + roles,
        "stale": base + 'package = "shipping-package"\nresource = "shipping_package/three.csv"\n' + roles,
        "yours": base
        + 'file = "sub/mine.csv"\nget = "Download it and put it under sub/mine.csv."\nsplit = -48\n'
        + roles,
    }
    for name, text in texts.items():
        (tmp_path / "cards" / name).mkdir(parents=True)
        (tmp_path / "cards" / name / "card.toml").write_text(text)
    monkeypatch.delenv("FORECAST_DATA", raising=False)
    return tmp_path / "cards"


def test_cards_are_found_by_name(folder: Path) -> None:
    found = cards(folder)
    assert list(found) == ["absent", "several", "shipped", "stale", "yours"]
    assert found["shipped"].season == 7
    assert found["yours"].split == -48
    assert found["shipped"].schema == Schema(time="date", targets=["y"])


def test_a_shipped_file_is_read_without_importing_its_package(folder: Path) -> None:
    panel = read_dataset("shipped", folder=folder)
    assert panel.values[:, 0].tolist() == [1, 2, 4]
    assert "shipping_package" not in sys.modules


def test_a_schema_given_replaces_that_of_the_card(folder: Path) -> None:
    assert read_dataset("shipped", Schema(targets=["x"], past=["y"]), folder).schema.channels == ("x", "y")


def test_one_file_per_series_becomes_one_panel(folder: Path) -> None:
    panel = read_dataset("several", folder=folder)
    assert panel.series == ("NA", "B")
    assert panel.lengths.tolist() == [3, 3]


def test_a_package_that_is_not_installed_is_named_with_the_remedy(folder: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"not-there, which is not installed: pip install 'forecast-recurrent\[demo\]'"
    ):
        read_dataset("absent", folder=folder)
    with pytest.raises(SettingsError, match=r"three\.csv is missing from it"):
        read_dataset("stale", folder=folder)


def test_a_file_of_the_user_is_asked_for_and_then_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        SettingsError, match=r"FORECAST_DATA names no folder\. Download it and put it under sub/mine\.csv\."
    ):
        read_dataset("yours", folder=folder)
    monkeypatch.setenv("FORECAST_DATA", str(tmp_path))
    with pytest.raises(SettingsError, match=r"mine\.csv is not there\. Download it"):
        read_dataset("yours", folder=folder)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "mine.csv").write_text(CSV)
    assert len(read_dataset("yours", folder=folder).times) == 3
    assert locate(cards(folder)["yours"]) == tmp_path / "sub" / "mine.csv"


def test_a_path_is_read_as_a_file(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(CSV)
    assert read_dataset(path, folder=folder).targets == ("y", "x")
    assert read_dataset(str(path), Schema(targets=["y"]), folder).targets == ("y",)
    with pytest.raises(DataError, match=r"there is no such file; did you mean 'own\.csv'"):
        read_dataset(tmp_path / "ownn.csv", folder=folder)


def test_an_unknown_name_comes_with_a_suggestion(folder: Path) -> None:
    with pytest.raises(SettingsError, match="'shiped' is neither a file nor a known data set; did you mean 'shipped'"):
        read_dataset("shiped", folder=folder)


def test_a_broken_card_is_named(folder: Path) -> None:
    card = folder / "yours" / "card.toml"
    text = card.read_text()
    card.write_text("seson = 3\n" + text)
    with pytest.raises(SettingsError, match=r"card\.toml: unknown key 'seson'; did you mean 'season'"):
        cards(folder)
    card.write_text("title = ")
    with pytest.raises(SettingsError, match="this card cannot be read"):
        cards(folder)


@pytest.mark.parametrize("name", ["etth1", "sp500-panel"])
def test_cards_without_data_fit_the_files_they_describe(
    name: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name not in cards():
        pytest.skip(f"there is no card called {name}")
    monkeypatch.setenv("FORECAST_DATA", str(shared_data))
    panel = read_dataset(name)
    assert panel.calendar.alias == cards()[name].frequency
    assert 0 < panel.cut(cards()[name].split).sum() < len(panel.times)


def _own() -> dict[str, Card]:
    return cards()


@pytest.mark.parametrize("name", sorted(_own()))
def test_our_own_cards_are_read_or_say_what_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    card = _own()[name]
    assert card.licence
    assert card.title
    monkeypatch.delenv("FORECAST_DATA", raising=False)
    if card.file and not card.resource and not card.resources:
        with pytest.raises(SettingsError, match="is not shipped"):
            read_dataset(name)
        return
    pytest.importorskip(next(iter([card.resource, *card.resources.values()])).split("/")[0])
    panel = read_dataset(name)
    assert panel.calendar.alias == card.frequency
    assert 0 < panel.cut(card.split).sum() < len(panel.times)
