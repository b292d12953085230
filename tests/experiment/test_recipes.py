"""The committed settings files can be read; the recipes among them say what each part adds."""

from pathlib import Path

import pytest

from forecast.experiment.settings import read_experiment
from forecast.forecasters.recurrent import Recurrent
from forecast.windows.feeds import Streamed

FOLDER = Path(__file__).resolve().parents[2] / "experiments"
FILES = sorted(FOLDER.glob("*.toml")) + sorted(FOLDER.glob("*/*.toml"))
RECIPES = [FOLDER / f"{name}.toml" for name in ("etth1-96", "etth1-24", "ettm1-96", "jena-weather-96")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_settings_file_can_be_read_and_makes_its_contestants(path):
    experiment = read_experiment(path)
    assert experiment.contestants().keys() == experiment.forecasters.keys()


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_has_the_skip_alone_the_state_alone_and_both(path):
    experiment = read_experiment(path)
    models = {name: experiment.make(name) for name in ("skip-alone", "state-alone", "both")}
    assert all(isinstance(model, Recurrent) and isinstance(model.feed, Streamed) for model in models.values())
    built = {name: (model.architecture.cell != "none", model.architecture.skip) for name, model in models.items()}
    assert built == {"skip-alone": (False, True), "state-alone": (True, False), "both": (True, True)}
    assert experiment.training.validation > 0
