"""Season: found where it is, not found where it is not, and the settings that follow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.data import synthetic
from forecast.data.calendar import infer
from forecast.data.panel import Panel
from forecast.data.readers import read_csv
from forecast.data.schema import Schema
from forecast.data.season import candidates, season_of, suggest


def panel(values: np.ndarray, alias: str) -> Panel:
    return Panel.from_arrays(values, pd.date_range("2020-01-01", periods=len(values), freq=alias).to_numpy())


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("h", (24, 168)),
        ("30min", (48, 336)),
        ("15min", (96,)),
        ("10min", (144,)),
        ("min", (1440,)),
        ("s", (3600,)),
        ("6h", (4, 28)),
        ("D", (7, 365)),
        ("2D", ()),
        ("B", (5,)),
        ("7D", (52,)),
        ("MS", (12,)),
        ("ME", (12,)),
        ("QS", (4,)),
        ("YS", ()),
    ],
)
def test_each_frequency_has_its_usual_seasons(alias: str, expected: tuple[int, ...]) -> None:
    times = pd.date_range("2020-01-01", periods=40, freq=alias).to_numpy()
    assert candidates(infer(times, np.array([0, 40]))) == expected


@pytest.mark.parametrize("alias", ["30min", "h", "D", "B", "7D", "MS", "QS"])
@pytest.mark.parametrize("seed", range(5))
def test_a_random_walk_has_no_season(alias: str, seed: int) -> None:
    walk = np.random.default_rng(seed).normal(size=1500).cumsum()
    assert season_of(panel(walk[:150] if alias == "QS" else walk, alias)) == 1


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_autoregression_have_no_season(seed: int) -> None:
    assert season_of(panel(np.random.default_rng(seed).normal(size=1500), "D")) == 1
    assert season_of(synthetic.autoregressive([0.8], rows=1500, seed=seed)) == 1


@pytest.mark.parametrize(("alias", "season"), [("30min", 48), ("h", 24), ("D", 7), ("B", 5), ("MS", 12), ("QS", 4)])
def test_a_wave_with_noise_and_trend_has_its_season(alias: str, season: int) -> None:
    wave = synthetic.seasonal(rows=20 * season, season=season, noise=0.3, trend=0.001).values[:, 0]
    assert season_of(panel(wave, alias)) == season


def test_a_season_needs_two_and_a_half_repetitions() -> None:
    wave = np.sin(2 * np.pi * np.arange(1000) / 365)
    assert season_of(panel(wave, "D")) == 365
    assert season_of(panel(wave[:900], "D")) == 1


def test_missing_cells_and_level_of_the_series_do_not_hide_the_season() -> None:
    waves = synthetic.seasonal(series=5, rows=200, missing=0.3)
    assert season_of(waves) == 24
    tall = Panel.from_arrays(
        waves.values * np.repeat([1, 1e6, 1e-6, 1, 1], 200)[:, None], waves.times, waves.lengths.tolist()
    )
    assert season_of(tall) == 24


def test_a_suggestion_fits_the_frequency_and_the_rows() -> None:
    assert suggest(synthetic.random_walk(rows=1000)) == (1, 15, 5)
    assert suggest(synthetic.seasonal(rows=1000)) == (24, 72, 24)
    assert suggest(synthetic.autoregressive(rows=1000)) == (1, 21, 7)
    assert suggest(panel(np.random.default_rng(0).normal(size=300), "MS")) == (1, 36, 12)
    assert suggest(synthetic.random_walk(rows=1000), season=365)[1] < 365


@pytest.mark.parametrize("rows", [1, 2, 5, 12, 20, 40, 80])
def test_a_suggestion_leaves_ten_windows_where_it_can(rows: int) -> None:
    _, context, horizon = suggest(synthetic.seasonal(series=3, rows=rows))
    assert context >= 1
    assert horizon >= 1
    assert rows < 20 or rows - context - horizon + 1 >= 10


def test_real_files_have_the_season_people_know(shared_data: Path) -> None:
    known = {
        "nab/nyc_taxi.csv": ("value", 48),
        "ett/ETTh1.csv": ("OT", 24),
        "ett/ETTm1.csv.gz": ("OT", 96),
        "seattle_weather/seattle-weather.csv": ("temp_max", 365),
        "melbourne_temps/daily-min-temperatures.csv": ("Temp", 365),
        "classics/airline-passengers.csv": ("Passengers", 12),
        "classics/co2_mauna_loa_weekly.csv": ("co2", 52),
        "sp500_yahoo/AAPL.csv": ("Adj Close", 1),
        "index_stocks/vix_daily_ohlc.csv": ("CLOSE", 1),
    }
    found = {
        name: season_of(read_csv(shared_data / name, Schema(targets=[target]))) for name, (target, _) in known.items()
    }
    assert found == {name: season for name, (_, season) in known.items()}
