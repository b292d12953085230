"""Saved forecasters that hold others: bit-equal when read back, refused in words when damaged or not savable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from resealed import reseal
from safetensors.torch import load_file
from safetensors.torch import save as dump

from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import DataError, NotFittedError, SettingsError
from forecast.forecasters.artifacts.artifact import load
from forecast.forecasters.artifacts.manifest import CONFIG, WEIGHTS
from forecast.forecasters.artifacts.stored import require_savable
from forecast.forecasters.conformal import Conformal
from forecast.forecasters.ensemble import Ensemble
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Naive, SeasonalNaive
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.tabular import Tabular
from forecast.training.settings import Training
from forecast.windows.window import Window

WINDOW = Window(8, 3)
TAILS = (0.2, 0.8)


def gru(seed: int) -> Recurrent:
    return Recurrent(WINDOW, "gru", 4, training=Training(epochs=1, seed=seed, device="cpu"))


def panel(rows: int = 120) -> Panel:
    values = np.random.default_rng(0).normal(size=(2 * rows, 3))
    values[5, 0] = np.nan
    times = np.tile(np.datetime64("2024-01-01") + np.arange(rows), 2)
    return Panel.from_arrays(values, times, [rows, rows], ["NA", 'say "ü"'], Schema("day", ("a", "b"), "id", ("c",)))


MODELS = {
    "split": lambda: Conformal(Linear(WINDOW), TAILS, refit=True),
    "rolling": lambda: Conformal(gru(0), TAILS, method="rolling", memory=12),
    "ensemble": lambda: Ensemble({"last": Naive(WINDOW), "a.b": Linear(Window(5, 3))}, "median"),
    "seeds": lambda: Conformal(Ensemble.of_seeds(gru, (3, 4)), TAILS, 0.3),
    "of calibrated ones": lambda: Ensemble([Conformal(Linear(WINDOW)), Conformal(SeasonalNaive(WINDOW))]),
    "twice": lambda: Conformal(Conformal(Naive(WINDOW), TAILS), calibration=0.25),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_models_read_back_forecasts_bit_for_bit_the_same(name: str, tmp_path: Path):
    data = panel()
    train = data.until(100)
    model = MODELS[name]().fit(train)
    model.save(tmp_path)
    read = load(tmp_path)
    assert type(read.model) is type(model)
    assert read.model.parameters == model.parameters
    origins = WINDOW.origins(data, since=data.cut(100))
    said, again = model.predict(data, origins), read.model.predict(data, origins)
    assert said.levels == again.levels
    np.testing.assert_array_equal(said.values, again.values)


def test_what_holds_a_regressor_is_refused_before_it_is_fitted():
    for model in (Conformal(Tabular(WINDOW)), Ensemble([Naive(WINDOW), Conformal(Tabular(WINDOW))])):
        with pytest.raises(SettingsError, match="Tabular cannot be saved: its file would have to run code"):
            require_savable(model)


def test_what_was_not_fitted_cannot_be_saved(tmp_path: Path):
    for model in (Conformal(Naive(WINDOW)), Ensemble([Linear(WINDOW)])):
        with pytest.raises(NotFittedError, match="fit the model"):
            model.save(tmp_path)


DAMAGES = {
    "no parts": (lambda c, n: c.pop("parts"), "'parts' is missing"),
    "another part": (lambda c, n: c["parts"]["forecaster"].update(kind="magic"), "kind 'magic' is not known"),
    "numbers of the part": (lambda c, n: n.pop("part0.weights"), "'weights' is missing"),
    "shifts": (lambda c, n: n.pop("shifts"), "'shifts' is missing"),
    "levels": (lambda c, n: c.update(fitted_levels=[0.2, 0.8]), "shifts has the shape"),
    "order": (lambda c, n: c.update(fitted_levels=[0.8, 0.5, 0.2]), "not in order"),
    "series": (lambda c, n: c.update(series=["NA"]), "width has the shape"),
    "not finite": (lambda c, n: n["shifts"].fill_(np.nan), "not finite"),
    "until": (lambda c, n: c.update(judged_after="soon"), "damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_of_models_is_refused_in_words(damage: str, tmp_path: Path):
    Conformal(Linear(WINDOW), TAILS).fit(panel()).save(tmp_path)
    config, numbers = json.loads((tmp_path / CONFIG).read_text("utf-8")), load_file(tmp_path / WEIGHTS)
    act, message = DAMAGES[damage]
    act(config, numbers)
    reseal(tmp_path, config=json.dumps(config).encode(), weights=dump(numbers))
    with pytest.raises(DataError, match=message):
        load(tmp_path)
