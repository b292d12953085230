"""Conformal intervals: they cover what they promise, look at nothing they may not know, and say when they cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecast.data.forecast import Forecast, truth
from forecast.data.panel import Origins, Panel
from forecast.distributions import QuantileTable
from forecast.errors import NotFittedError, SettingsError, TrainingError
from forecast.forecasters.conformal import Conformal
from forecast.forecasters.linear import Linear
from forecast.forecasters.naive import Naive, SeasonalNaive
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.tabular import Tabular
from forecast.nets.heads import Direction, Gaussian
from forecast.testing import check_forecaster, sample_panel
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window

WINDOW = Window(8, 4)
SIX = Window(8, 6)
TEN_THOUSAND = 10_000
ONE = Training(epochs=1, learning_rate=1e-2, device="cpu")


def series(values: np.ndarray) -> Panel:
    return Panel.from_arrays(values, np.arange(len(values)).astype("M8[h]"))


def autoregression(noise: np.ndarray, weight: float = 0.8) -> np.ndarray:
    values = np.zeros(len(noise))
    for row in range(1, len(noise)):
        values[row] = weight * values[row - 1] + noise[row]
    return values


def covered(said: Forecast, panel: Panel, low: int = 0, high: int = -1) -> np.ndarray:
    """Whether the truth lies between two levels, [origin, step, target]."""
    values, _ = truth(panel, said.origins, said.values.shape[1])
    return (values >= said.values[..., low]) & (values <= said.values[..., high])


NOISE = {
    "gaussian": np.random.default_rng(0).normal(size=8000 + TEN_THOUSAND + 5),
    "student": np.random.default_rng(1).standard_t(3, size=8000 + TEN_THOUSAND + 5),
}


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("inner", [Naive, Linear])
@pytest.mark.parametrize("method", ["split", "rolling"])
def test_ninety_percent_intervals_cover_ninety_percent_of_ten_thousand_origins_at_every_step(method, inner, noise):
    panel = series(autoregression(NOISE[noise]))
    cut = panel.cut(8000)
    model = Conformal(inner(SIX), (0.05, 0.95), calibration=0.5, method=method).fit(panel.until(cut))
    said = model.predict(panel, SIX.origins(panel, since=cut))
    assert len(said) == TEN_THOUSAND
    np.testing.assert_allclose(covered(said, panel).mean(axis=(0, 2)), 0.9, atol=0.02)
    width = (said.values[..., -1] - said.values[..., 0]).mean(axis=(0, 2))
    assert (np.diff(width) > 0).all()


def test_rolling_regains_its_coverage_after_the_variance_has_changed_and_split_does_not():
    noise = NOISE["gaussian"][:6000].copy()
    noise[3000:] *= 3
    panel = series(autoregression(noise))
    origins = SIX.origins(panel, since=panel.cut(3500))
    share = {}
    for method in ("split", "rolling"):
        model = Conformal(Linear(SIX), (0.05, 0.95), method=method).fit(panel.until(2500))
        share[method] = covered(model.predict(panel, origins), panel).mean()
    assert share["rolling"] == pytest.approx(0.9, abs=0.02)
    assert share["split"] < 0.5


def test_each_tail_of_skewed_errors_is_met_by_itself():
    panel = series(np.random.default_rng(2).exponential(size=8000))
    model = Conformal(Linear(WINDOW), (0.05, 0.95), calibration=0.5).fit(panel.until(4000))
    said = model.predict(panel, WINDOW.origins(panel, since=panel.cut(4000)))
    values, _ = truth(panel, said.origins, 4)
    for place, level in ((0, 0.05), (1, 0.5), (2, 0.95)):
        assert (values <= said.values[..., place]).mean() == pytest.approx(level, abs=0.02)
    assert ((said.values[..., 2] - said.point) > 2 * (said.point - said.values[..., 0])).all()


def test_series_of_very_different_size_share_their_errors_and_each_is_covered():
    random = np.random.default_rng(3)
    sizes = 10.0 ** np.arange(-3, 4)
    rows = 700
    values = np.concatenate([size * autoregression(random.normal(size=rows)) for size in sizes])
    panel = Panel.from_arrays(values, np.tile(np.arange(rows).astype("M8[h]"), len(sizes)), [rows] * len(sizes))
    model = Conformal(Linear(WINDOW), (0.05, 0.95)).fit(panel.until(350))
    said = model.predict(panel, WINDOW.origins(panel, since=panel.cut(350)))
    hit = covered(said, panel)
    for place in range(len(sizes)):
        assert hit[said.origins.series == place].mean() == pytest.approx(0.9, abs=0.06)
    assert hit.mean() == pytest.approx(0.9, abs=0.02)


class Quantiles:
    """Quantiles of a walk of growing noise, all of them too near to the median by a factor."""

    def __init__(self, window: Window, factor: float, bare: bool = False) -> None:
        self.window, self.factor, self.bare = window, factor, bare

    def fit(self, panel: Panel) -> Quantiles:
        return self

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        origins = panel.end_origins() if origins is None else origins
        last = panel.values[panel.offsets[origins.series] + origins.step - 1, :1]
        wide = 1 + 9 * (last[:, None] > 0)  # the noise is ten times larger after a positive value
        values = self.factor * wide[..., None] * np.array([-1.645, -0.674, 0.0, 0.674, 1.645])
        values = np.repeat(values, self.window.horizon, axis=1)
        levels = (0.05, 0.25, 0.5, 0.75, 0.95)
        said = Forecast.at(panel, origins, values, levels)
        return said if self.bare else replace(said, distribution=QuantileTable(levels, values))


def loud_and_quiet(rows: int) -> Panel:
    values = np.random.default_rng(4).normal(size=rows)
    for row in range(1, rows):
        values[row] *= 10 if values[row - 1] > 0 else 1
    return series(values)


@pytest.mark.parametrize("bare", [True, False])
def test_quantiles_that_a_forecaster_gives_are_corrected_and_keep_their_shape(bare):
    panel = loud_and_quiet(6000)
    window = Window(1, 1)
    origins = window.origins(panel, since=panel.cut(3000))
    raw = Quantiles(window, 0.8, bare)
    said = Conformal(raw, calibration=0.5).fit(panel.until(3000)).predict(panel, origins)
    assert said.levels == (0.05, 0.25, 0.5, 0.75, 0.95)
    assert covered(raw.predict(panel, origins), panel).mean() < 0.85
    assert covered(said, panel).mean() == pytest.approx(0.9, abs=0.02)
    width = said.values[:, 0, 0, -1] - said.values[:, 0, 0, 0]
    assert width.max() > 5 * width.min()  # a point forecast would have one width for all


def test_other_levels_than_the_forecaster_gives_are_asked_of_its_distribution():
    panel = loud_and_quiet(3000)
    said = Conformal(Quantiles(Window(1, 1), 1.0), (0.1, 0.9)).fit(panel.until(2000)).predict(panel)
    assert said.levels == (0.1, 0.5, 0.9)


MAKES = {
    "naive": lambda **settings: Conformal(Naive(WINDOW), **settings),
    "seasonal": lambda **settings: Conformal(SeasonalNaive(WINDOW, 4), **settings),
    "linear": lambda **settings: Conformal(Linear(WINDOW), **settings),
    "ridge": lambda **settings: Conformal(Tabular(WINDOW, "ridge"), **settings),
    "windowed": lambda **settings: Conformal(Recurrent(WINDOW, "gru", 4, training=ONE), **settings),
    "streamed": lambda **settings: Conformal(Recurrent(WINDOW, "gru", 4, training=ONE, feed=Streamed(4)), **settings),
    "gaussian": lambda **settings: Conformal(Recurrent(WINDOW, "gru", 4, head=Gaussian(), training=ONE), **settings),
    "conformal": lambda **settings: Conformal(Conformal(Linear(WINDOW), (0.1, 0.9)), calibration=0.3, **settings),
}
NEWEST = {"levels": (0.1, 0.9), "method": "rolling", "memory": 16}


@pytest.mark.parametrize("name", ["naive", "seasonal", "linear", "windowed", "gaussian", "conformal"])
def test_a_split_calibration_keeps_the_promise_of_a_forecaster(name):
    check_forecaster(lambda: MAKES[name]())


@pytest.mark.parametrize("name", ["naive", "seasonal", "ridge", "streamed", "conformal"])
def test_a_rolling_calibration_keeps_the_promise_of_a_forecaster(name):
    check_forecaster(lambda: MAKES[name](**NEWEST))


def test_a_forecaster_fitted_again_keeps_the_promise_of_a_forecaster():
    check_forecaster(lambda: MAKES["linear"](refit=True))


@pytest.mark.parametrize("method", [{}, NEWEST], ids=["split", "rolling"])
def test_known_ahead_covariates_several_targets_and_gaps_are_taken(method):
    check_forecaster(lambda: MAKES["ridge"](**method), sample_panel(8, 4, targets=2, past=1, future=2, static=2))


def test_rolling_errors_are_those_that_are_known_at_the_origin():
    panel = series(autoregression(NOISE["gaussian"][:600]))
    model = Conformal(Naive(WINDOW), (0.2, 0.8), method="rolling", memory=20).fit(panel.until(300))
    said = model.predict(panel, Origins(np.array([0]), np.array([400])))
    values = panel.values[:, 0]
    for step in range(1, 5):
        judged = np.arange(400 - step - 20 + 1, 400 - step + 1)  # origins; the truth of the last is row 399
        errors = np.sort(values[judged + step - 1] - values[judged - 1])
        expected = values[399] + errors[[int(0.2 * 21) - 1, int(np.ceil(0.8 * 21)) - 1]]
        np.testing.assert_allclose(said.values[0, step - 1, 0, [0, 2]], expected)


def test_errors_of_rows_the_forecaster_was_fitted_on_never_count():
    panel = series(autoregression(NOISE["gaussian"][:600]))
    train = panel.until(400)
    split, rolling = (
        Conformal(Naive(WINDOW), (0.2, 0.8), method=m, memory=20).fit(train) for m in ("split", "rolling")
    )
    early = Origins(np.zeros(3, dtype=np.int64), np.array([100, 250, 325]))  # calibration begins at row 320
    np.testing.assert_array_equal(split.predict(panel, early).values, rolling.predict(panel, early).values)
    late = Origins(np.zeros(1, dtype=np.int64), np.array([345]))
    assert (split.predict(panel, late).values != rolling.predict(panel, late).values).any()


def test_split_forecasts_ask_the_forecaster_nowhere_else():
    asked = []

    class Watched(Naive):
        def predict(self, panel, origins=None):
            asked.append(origins)
            return super().predict(panel, origins)

    panel = series(NOISE["gaussian"][:600])
    model = Conformal(Watched(WINDOW), (0.1, 0.9)).fit(panel)
    asked.clear()
    model.predict(panel, Origins(np.array([0]), np.array([500])))
    assert [each.step.tolist() for each in asked] == [[500]]


def test_without_refit_the_forecaster_has_not_seen_the_calibration_span():
    panel = series(NOISE["gaussian"][:400])
    seen = []

    class Watched(Naive):
        def fit(self, panel):
            seen.append(len(panel.times))
            return self

    Conformal(Watched(WINDOW), calibration=0.25).fit(panel)
    Conformal(Watched(WINDOW), calibration=0.25, refit=True).fit(panel)
    assert seen == [300, 300, 400]


def test_a_series_that_was_not_there_in_fit_gets_intervals_of_its_own_size():
    panel = series(autoregression(NOISE["gaussian"][:800]))
    model = Conformal(Naive(WINDOW), (0.1, 0.9)).fit(panel)
    large = replace(panel, values=1000 * panel.values, series=("large",))
    said, own = model.predict(large), model.predict(panel)
    ratio = (said.values[..., 2] - said.values[..., 0]) / (own.values[..., 2] - own.values[..., 0])
    assert ((ratio > 300) & (ratio < 3000)).all()


def test_quantiles_never_cross_and_the_distribution_answers_for_them():
    panel = series(autoregression(NOISE["student"][:1500]))
    model = Conformal(Linear(SIX), method="rolling", memory=40).fit(panel.until(700))
    said = model.predict(panel, SIX.origins(panel, since=panel.cut(700)))
    assert (np.diff(said.values, axis=-1) >= 0).all()
    assert said.distribution is not None
    np.testing.assert_allclose(said.distribution.quantiles(said.levels), said.values)
    np.testing.assert_allclose(said.distribution.median(), said.point)


def test_classes_are_not_calibrated():
    with pytest.raises(SettingsError, match="calibrate a head of values"):
        Conformal(Recurrent(WINDOW, "gru", 4, head=Direction(), training=ONE)).fit(series(NOISE["gaussian"][:200]))


def test_what_cannot_be_calibrated_is_refused_with_what_would_help():
    panel = series(NOISE["gaussian"][:60])
    with pytest.raises(TrainingError, match=r"9 errors of step 4, levels \(0.05.* need 19; take a larger share"):
        Conformal(Naive(WINDOW)).fit(panel)
    with pytest.raises(TrainingError, match="no origin in this share"):
        Conformal(Naive(Window(200, 4))).fit(panel)
    with pytest.raises(NotFittedError):
        Conformal(Naive(WINDOW)).predict(panel)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"levels": (0.5, 1.0)}, "a level lies between 0 and 1"),
        ({"levels": (0.1, 0.1)}, "each level once"),
        ({"calibration": 1.0}, "a share of the time span"),
        ({"method": "magic"}, "'split' or 'rolling'"),
        ({"method": "rolling", "memory": 18}, "at least 19 for levels"),
        ({"memory": 2.5}, "a whole number"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        Conformal(Naive(WINDOW), **settings)


def test_memory_is_asked_for_by_rolling_calibrations_alone():
    walk = series(np.random.default_rng(0).normal(size=900).cumsum())
    wide = Conformal(Naive(WINDOW), (0.005, 0.995), calibration=0.5, memory=20).fit(walk).predict(walk)
    assert wide.levels == (0.005, 0.5, 0.995)


def test_levels_of_the_forecaster_that_a_memory_can_never_serve_are_refused():
    """Without that, a rolling calibration would be a split one for ever."""
    walk = series(np.random.default_rng(0).normal(size=900).cumsum())
    inner = Conformal(Naive(WINDOW), (0.005, 0.995), calibration=0.5)
    with pytest.raises(SettingsError, match=r"memory=20: .* at least 199 for levels"):
        Conformal(inner, method="rolling", memory=20, calibration=0.3).fit(walk)
