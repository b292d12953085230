"""Warm start: a fit begins with the weights of a fitted model; everything else is the new panel's."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.data.synthetic import autoregressive
from forecast.errors import NotFittedError, SettingsError
from forecast.forecasters.artifacts.artifact import load
from forecast.forecasters.naive import Naive
from forecast.forecasters.recurrent import Recurrent
from forecast.forecasters.warm import warm_start
from forecast.nets.heads import Gaussian, Quantiles
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window

WINDOW = Window(8, 2)
ONE = Training(epochs=1, device="cpu", learning_rate=1e-2)
STILL = replace(ONE, learning_rate=1e-30)


def model(training: Training = ONE, **settings) -> Recurrent:
    return Recurrent(WINDOW, **{"cell": "gru", "hidden_size": 4, "training": training} | settings)


def family(seed: int = 0, series: int = 3, rows: int = 60, **more) -> Panel:
    return autoregressive((0.6, -0.5), series=series, rows=rows, seed=seed, **more)


def scrambled(fitted: Recurrent) -> Recurrent:
    """With weights that say much, as after long training."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in fitted.network.parameters():
            weight.normal_(0, 0.3)
    return fitted


def weights(fitted: Recurrent) -> dict[str, torch.Tensor]:
    return fitted.network.state_dict()


@pytest.mark.parametrize("feed", [Windowed(16), Streamed(lanes=2)], ids=["windowed", "streamed"])
def test_before_any_step_it_forecasts_as_the_old_weights_on_the_new_scale(feed, tmp_path):
    old = scrambled(model(feed=feed).fit(family()))
    panel = family(7, series=5)
    panel = replace(panel, values=1000 * panel.values + 5)
    warm = warm_start(model(STILL, feed=feed), old).fit(panel)
    for name, value in weights(old).items():
        torch.testing.assert_close(weights(warm)[name], value, rtol=0, atol=0)
    fresh = model(STILL, feed=feed).fit(panel)
    np.testing.assert_array_equal(warm.scale.center, fresh.scale.center)
    assert np.abs(fresh.predict(panel).values - warm.predict(panel).values).max() > 1
    fresh.network.load_state_dict(weights(old))
    fresh.rest = None
    np.testing.assert_allclose(warm.predict(panel).values, fresh.predict(panel).values, rtol=1e-5)
    assert (warm.taken.weights, warm.taken.begun, warm.taken.left) == (tuple(weights(old)), (), ())
    kept = load(old.save(tmp_path)).model
    again = warm_start(model(STILL, feed=feed), kept).fit(panel)
    np.testing.assert_array_equal(again.predict(panel).values, warm.predict(panel).values)


@pytest.mark.parametrize("seed", range(3))
def test_few_rows_are_forecast_better_from_a_model_of_the_family_than_cold(seed):
    settings = {"training": replace(ONE, epochs=2), "skip": False, "feed": Windowed(32)}
    old = model(**settings | {"training": replace(ONE, epochs=8, seed=seed)}).fit(family(seed, 4, 150))
    few = family(seed + 50, series=2, rows=240)
    train, origins = few.until(few.cut(0.25)), WINDOW.origins(few, since=few.cut(0.25))
    ahead = few.offsets[origins.series] + origins.step
    actual = np.stack([few.values[ahead, 0], few.values[ahead + 1, 0]], axis=1)
    errors = [
        np.abs(each.fit(train).predict(few, origins).values[:, :, 0, 0] - actual).mean()
        for each in (model(**settings), warm_start(model(**settings), old))
    ]
    assert errors[1] < 0.9 * errors[0]


def test_neither_the_model_nor_the_start_is_changed():
    base, old = model(), model().fit(family())
    before = {name: value.clone() for name, value in weights(old).items()}
    warm = warm_start(base, old)
    warm.fit(family(3))
    assert base.start is None
    assert base.network is None
    assert all(torch.equal(value, before[name]) for name, value in weights(old).items())


def test_rows_behind_the_training_rows_change_nothing():
    old, panel = model().fit(family()), family(4)
    cut = panel.cut(0.7)
    late = panel.values.copy()
    late[np.arange(len(late)) >= np.repeat(panel.offsets[:-1] + cut, panel.lengths)] = 1e6
    ends = [warm_start(model(), old).fit(each.until(cut)) for each in (panel, replace(panel, values=late))]
    assert all(torch.equal(value, weights(ends[1])[name]) for name, value in weights(ends[0]).items())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden_size": 5}, r"cell.layer.weight_ih_l0: \(12, 1\) there, \(15, 1\) here"),
        ({"window": Window(9, 2)}, r"skip.weight: \(2, 8\) there, \(2, 9\) here"),
        ({"layers": 2}, r"cell.layer.weight_ih_l1 \(12, 4\): not in the start"),
        ({"skip": False}, r"skip.weight \(2, 8\): not in this network"),
        ({"cell": "lstm"}, "cell 'gru' there, 'lstm' here"),
        ({"scaling": "standard"}, "scaling 'last' there, 'standard' here"),
        ({"head": Gaussian()}, "head Point there, Gaussian of"),
        ({"transform": "log"}, "transform 'none' there, 'log' here"),
    ],
)
def test_what_does_not_fit_is_an_error_that_names_it_and_can_be_left_behind(settings, words):
    panel = family()
    panel = replace(panel, values=np.exp(panel.values))
    old = scrambled(model().fit(panel))
    here = Recurrent(**{"window": WINDOW, "cell": "gru", "hidden_size": 4, "training": STILL} | settings)
    with pytest.raises(SettingsError, match=words):
        warm_start(here, old).fit(panel)
    warm = warm_start(here, old, partial=True).fit(panel)
    assert any(torch.equal(weights(warm)[name], weights(old)[name]) for name in warm.taken.weights) or settings.get(
        "cell"
    )
    assert not set(warm.taken.weights) & set(warm.taken.begun)
    assert warm.taken.left


def test_quantiles_of_other_levels_are_another_head():
    old = model(head=Quantiles((0.1, 0.5, 0.9))).fit(family())
    with pytest.raises(SettingsError, match=r"Quantiles of 0.1, 0.5, 0.9 there, Quantiles of 0.2, 0.5, 0.8 here"):
        warm_start(model(head=Quantiles((0.2, 0.5, 0.8))), old).fit(family())


def covered(
    names: tuple[str, ...], codes: tuple[str, ...] = (), series: int = 2, rows: int = 60, seed: int = 0
) -> Panel:
    """A panel with covariates of numbers, and one of categories where codes are given."""
    random = np.random.default_rng(seed)
    values = [random.normal(size=(series * rows, 1 + len(names)))]
    kinds = {"categorical": ("kind",), "categories": (codes,)} if codes else {}
    if codes:
        values.append(np.arange(series * rows)[:, None] % len(codes))
    schema = Schema(targets=("y",), past=(*names, *(("kind",) if codes else ())), **kinds)
    days = np.tile(np.datetime64("2024-01-01", "D") + np.arange(rows), series)
    return Panel.from_arrays(np.concatenate(values, axis=1), days, [rows] * series, schema=schema)


def test_covariates_go_by_their_names_even_where_shapes_agree():
    old = model().fit(covered(("wind", "sun")))
    with pytest.raises(SettingsError, match="covariates 'wind', 'sun' there, 'sun', 'wind' here"):
        warm_start(model(), old).fit(covered(("sun", "wind")))
    warm = warm_start(model(), old, partial=True).fit(covered(("sun", "wind")))
    assert warm.taken.left == ("covariates 'wind', 'sun' there, 'sun', 'wind' here",)


def test_categories_go_by_their_names_and_new_ones_begin_as_unknown():
    old = scrambled(model().fit(covered(("wind",), ("a", "b", "c", "d", "e"))))
    panel = covered(("wind",), ("c", "new", "a", "b", "other"), seed=1)
    warm = warm_start(model(STILL), old).fit(panel)
    there, here = (weights(each)["columns.tables.2.weight"] for each in (old, warm))
    assert torch.equal(here, there[[0, 3, 0, 1, 2, 0]])


def test_the_same_column_of_categories_is_found_behind_more_targets():
    old = scrambled(model().fit(covered((), ("a", "b", "c"))))
    panel = covered(("z",), ("c", "b", "a"))
    panel = replace(panel, schema=replace(panel.schema, targets=("y", "z"), past=("kind",)))
    warm = warm_start(model(STILL), old).fit(panel)
    there, here = weights(old)["columns.tables.1.weight"], weights(warm)["columns.tables.2.weight"]
    assert torch.equal(here, there[[0, 3, 2, 1]])


def test_only_a_fitted_network_can_be_begun_with():
    with pytest.raises(NotFittedError, match="call fit first"):
        warm_start(model(), model())
    with pytest.raises(SettingsError, match="a Naive has no network"):
        warm_start(model(), Naive(WINDOW))
