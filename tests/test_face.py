"""The public face: quick to import, complete, and without dangerous words anywhere in the package."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import forecast

PACKAGE = Path(forecast.__file__).parent
HEAVY = (
    "torch",
    "pytorch_lightning",
    "lightning",
    "sklearn",
    "optuna",
    "matplotlib",
    "pandas",
    "numpy",
)


def modules_after(statement: str) -> set[str]:
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_importing_the_package_loads_nothing_heavy():
    assert not modules_after("import forecast") & set(HEAVY)


def test_help_loads_nothing_heavy():
    assert not modules_after("from forecast.cli import main; main(['--help']); main(['compare', '--help'])") & set(
        HEAVY
    )


def test_describing_a_file_loads_no_learning_library(tmp_path: Path):
    (tmp_path / "a.csv").write_text("day,y\n" + "".join(f"2024-01-{i:02d},{i % 5}\n" for i in range(1, 31)))
    loaded = modules_after(f"from forecast.cli import main; main(['describe', {str(tmp_path / 'a.csv')!r}])")
    assert "pandas" in loaded
    assert not loaded & {"torch", "pytorch_lightning", "sklearn", "optuna", "matplotlib"}


def test_a_saved_model_forecasts_goes_on_live_and_is_judged_without_loading_what_trains(tmp_path: Path):
    panel = forecast.read_dataset("seattle-weather")
    training = forecast.Training(epochs=1)
    network = forecast.Recurrent(forecast.Window(8, 2), hidden_size=4, feed=forecast.Streamed(), training=training)
    network.fit(panel.until("2014-01-01")).save(tmp_path / "model")
    loaded = modules_after(
        "import forecast as fc\n"
        f"model = fc.load({str(tmp_path / 'model')!r}).model\n"
        "panel = fc.read_dataset('seattle-weather')\n"
        "model.live(panel).forecast()\n"
        "fc.leaderboard(fc.backtest({'naive': fc.Naive(model.window)}, panel, since='2015-06-01'))\n"
        "assert len(model.predict(panel).to_frame()) == 2"
    )
    assert "torch" in loaded
    assert not loaded & {"pytorch_lightning", "torchmetrics", "sklearn", "optuna", "matplotlib"}


def test_every_public_name_is_found_and_listed():
    for name in forecast.__all__:
        assert getattr(forecast, name) is not None
        assert name in dir(forecast)
    assert len(set(forecast.__all__)) == len(forecast.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = forecast.nothing


def test_the_type_checker_sees_the_same_names_as_python():
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: str(node.module).removeprefix("forecast.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == forecast._HOME


def test_files_stay_small():
    lengths = {str(path): len(path.read_text("utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {name: lines for name, lines in lengths.items() if lines > 300} == {}
