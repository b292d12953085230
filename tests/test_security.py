"""Nobody is let in: what the package imports and calls, what settings may name, what its tables hold."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import forecast
from forecast.cli import main
from forecast.errors import SettingsError
from forecast.experiment.settings import read_experiment
from forecast.experiment.spaces import network_space
from forecast.experiment.spreadsheets import SIGNS, guarded, unguarded
from forecast.windows.window import Window

PACKAGE = Path(forecast.__file__).parent
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "yaml", "jsonpickle"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "joblib.load", "joblib.dump"}
CALLS |= {"torch.jit.load", "torch.save", "torch.hub.load"}
QUIET = """
import sys
seen = []
bad = ("socket", "subprocess", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "urllib", "http")
sys.addaudithook(lambda event, args: seen.append(event) if event.startswith(bad) else None)
import forecast
print(seen)
"""


def name_of(node: ast.AST) -> str:
    """A dotted name, such as torch.load."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def dangers(source: str) -> list[str]:
    """What in a source could run code that a file holds."""
    found = []
    for node in ast.walk(ast.parse(source)):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [module for module in modules if module.partition(".")[0] in MODULES]
        if isinstance(node, ast.ImportFrom) and node.module == "joblib":
            found += [f"joblib.{alias.name}" for alias in node.names if alias.name in ("load", "dump")]
        if not isinstance(node, ast.Call):
            continue
        called, given_ = name_of(node.func), {each.arg: ast.unparse(each.value) for each in node.keywords}
        found += [called] if called in CALLS or called.endswith((".read_pickle", ".to_pickle")) else []
        found += ["torch.load"] if called == "torch.load" and given_.get("weights_only") != "True" else []
        wrong = {"weights_only": "False", "allow_pickle": "True", "shell": "True"}
        found += [f"{name}={value}" for name, value in wrong.items() if given_.get(name) == value]
    return found


def test_nothing_in_the_package_reads_code_from_a_file():
    found = {str(path): dangers(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from yaml import load",
        "from joblib import load",
        "import torch\ntorch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.jit.load(path)",
        "numpy.load(path, allow_pickle=True)",
        "pandas.read_pickle(path)",
        "eval('1')",
        "subprocess.run(text, shell=True)",
    ],
)
def test_what_would_read_code_is_found(source: str):
    assert dangers(source)


def test_importing_the_package_opens_no_socket_and_starts_no_process():
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    loud = QUIET.replace("import forecast", "import socket\nsocket.socket()")
    assert "socket" in subprocess.run([sys.executable, "-c", loud], capture_output=True, text=True, check=True).stdout


HEAD = '\n[window]\ncontext = 8\nhorizon = 2\n[training]\nepochs = 1\n[schema]\ntargets = ["y"]\n'
CONTESTANT = '[forecasters.mine]\nkind = "recurrent"\ncell = "own_cell:made"\n[forecasters.naive]\n'
SPACE = '[forecasters.naive]\n[sweep]\n[space]\ncell = ["gru", "own_cell:made"]\n'


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data, and a module beside it that leaves a mark when it is imported."""
    days = pd.date_range("2024-01-01", periods=90).strftime("%Y-%m-%d")
    pd.DataFrame({"day": days, "y": np.sin(np.arange(90))}).to_csv(tmp_path / "data.csv", index=False)
    (tmp_path / "own_cell.py").write_text(
        "from pathlib import Path\nfrom forecast.nets.cells import gru as made\nPath('mark').write_text('')\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_cell", raising=False)
    return tmp_path


@pytest.mark.parametrize(("tables", "where"), [(CONTESTANT, "forecasters.mine"), (SPACE, "space")])
def test_a_settings_file_names_code_only_where_that_was_allowed(settings: Path, tables: str, where: str):
    path = settings / "settings.toml"
    path.write_text('data = "data.csv"' + HEAD + tables)
    with pytest.raises(SettingsError, match=rf"{where}.cell = 'own_cell:made' is an import path.*--allow-imports"):
        read_experiment(path)
    assert not (settings / "mark").exists()
    assert read_experiment(path, allow_imports=True).forecasters


def test_the_command_line_asks_too(settings: Path, capsys: pytest.CaptureFixture[str]):
    (settings / "settings.toml").write_text('data = "data.csv"' + HEAD + CONTESTANT)
    fit = ["fit", "settings.toml", "--model", "mine", "--out", "out"]
    for command in (["run", "settings.toml", "--out", "out"], fit, ["leakcheck", "settings.toml"]):
        assert main(command) == 2
        assert "--allow-imports" in capsys.readouterr().err
    assert not (settings / "mark").exists()
    assert main([*fit, "--allow-imports"]) == 0
    assert main(["leakcheck", "settings.toml", "--origins", "3", "--allow-imports"]) == 0
    assert (settings / "mark").exists()


def test_a_study_from_elsewhere_cannot_name_what_the_space_does_not_hold():
    space = network_space(Window(8, 2), choices={"cell": ("gru", "lstm")})
    with pytest.raises(SettingsError, match=r"space.cell: the study holds .* the choices"):
        space.settings(optuna.trial.FixedTrial({"cell": "os:system"}))


TEXTS = st.text(st.sampled_from([*"'ab1;|!", *SIGNS.replace("\\", "")]), max_size=6)


@hypothesis_settings(max_examples=25)
@given(st.lists(TEXTS, min_size=1, max_size=5), st.text(st.sampled_from("=+-@'a"), min_size=1, max_size=3))
def test_texts_of_written_tables_are_no_formulas_and_read_back_the_same(texts: list[str], column: str):
    table = pd.DataFrame({column: texts, "mean": -1.5 - np.arange(len(texts))})
    safe = guarded(table)
    cells = [*safe.iloc[:, 0], *safe.columns]
    assert not any(cell.startswith(tuple(SIGNS.replace("\\", ""))) for cell in cells)
    stream = io.StringIO(safe.to_csv(index=False, lineterminator="\r\n"), newline="")
    back = pd.read_csv(stream, keep_default_na=False, dtype={safe.columns[0]: str}, lineterminator=None)
    if not any(sign in text for text in [*texts, column] for sign in "\r\n"):  # pandas reads both as one line end
        pd.testing.assert_frame_equal(unguarded(back), table, check_dtype=False)
    pd.testing.assert_frame_equal(unguarded(safe), table, check_dtype=False)
    assert (safe["mean"] == table["mean"]).all() if column != "mean" else True


IDS = ("../../escaped", "/etc/passwd", "a/b", "CON", "=HYPERLINK(1)", "..", "x\\y", "a" * 300)


def test_names_of_series_name_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    days = pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d")
    parts = [pd.DataFrame({"day": days, "id": name, "y": np.arange(40.0) % 7}) for name in IDS]
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    pd.concat(parts).to_csv(folder / "data.csv", index=False)
    monkeypatch.chdir(folder)
    asked = ["--target", "y", "--series", "id", "--horizon", "2", "--context", "8", "--models", "naive,mean"]
    assert main(["compare", "data.csv", *asked, "--out", "out"]) == 0
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.parts[2] for path in made} == {"data.csv", "out"}
    assert not any(name[:20] in str(path) for path in made for name in IDS if len(name) > 2)
    written = pd.read_csv(folder / "out" / "forecasts.csv", dtype=str, keep_default_na=False)
    assert "'=HYPERLINK(1)" in set(written["series"])
    assert set(unguarded(written)["series"]) <= set(IDS)
    assert json.dumps(sorted(set(unguarded(written)["series"]))) == json.dumps(sorted(IDS))
