"""Learning in a live forecaster: what is learnt when, and who speaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import forecast as fc
from forecast.data.panel import Panel
from forecast.data.processes import regime_switch
from forecast.data.synthetic import autoregressive
from forecast.errors import NotFittedError, SettingsError
from forecast.forecasters.live.forecaster import Live
from forecast.forecasters.live.learning.descent import Lesson, gradient
from forecast.forecasters.live.learning.guard import Guard, Record
from forecast.forecasters.live.learning.scoring import error_of
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import gru
from forecast.nets.heads import Category, Direction, Gaussian, Point, Quantiles
from forecast.nets.memory import Stand
from forecast.nets.network import Architecture, Network, Sizes
from forecast.nets.promise import State
from forecast.nets.rules import RULES, Full, RealTime, Truncated
from forecast.nets.stepping import Answer
from forecast.testing.panels import sample_panel
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window

WINDOW = Window(12, 4)
ONE = Training(epochs=1, device="cpu")
QUICK = Guard(window=10)
KINDS: dict[str, tuple[dict, dict]] = {
    "covariates": ({}, {"targets": 2, "static": 1}),
    "joint, gaussian": ({"channels": "joint", "head": Gaussian(), "cell": "mingru"}, {"targets": 2}),
    "lstm": ({"cell": "lstm", "layers": 2}, {"targets": 2}),
    "no skip, no scale": ({"cell": "rnn-relu", "scaling": "none", "skip": False, "calendar": False}, {"past": 0}),
    "difference": ({"transform": "difference"}, {}),
    "sequence": ({"decoder": fc.Sequence()}, {}),
    "gaps": ({"gaps": True}, {"missing": 0.2}),
    "no cell": ({"cell": "none"}, {}),
    "quantiles": ({"head": Quantiles()}, {}),
    "direction": ({"head": Direction()}, {}),
}


def fitted(panel: Panel, **settings) -> Recurrent:
    """A model whose every weight counts, as after long training."""
    model = Recurrent(WINDOW, **{"hidden_size": 4, "feed": Streamed(lanes=2), "training": ONE} | settings).fit(panel)
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in model.network.named_parameters():
            if name.startswith(("decoder", "skip")):
                weight.normal_(0, 0.2)
    return model


def rows_of(panel: Panel, start: int, end: int) -> list[dict]:
    """Rows as somebody would send them: oldest first, over all series."""
    rows = []
    for place, name in enumerate(panel.series):
        for row in range(panel.offsets[place] + start, panel.offsets[place] + end):
            cells = zip(panel.schema.channels, panel.values[row].tolist(), panel.observed[row], strict=True)
            rows.append({"time": panel.times[row], "series": name} | {c: v for c, v, seen in cells if seen})
    return sorted(rows, key=lambda row: row["time"])


def weights(live: Live) -> dict[str, np.ndarray]:
    return {name: part.detach().numpy().copy() for name, part in live.learner.network.named_parameters()}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return autoregressive(series=2, rows=120)


@pytest.fixture(scope="module")
def model(panel: Panel) -> Recurrent:
    return fitted(panel)


def begun(model: Recurrent, panel: Panel, rows: int, **learning) -> Live:
    return model.live(panel.until(np.full(len(panel.series), rows))).learn(**{"guard": QUICK} | learning)


@pytest.mark.parametrize("kind", list(KINDS))
def test_weights_move_for_every_kind_of_network_and_a_learning_rate_of_0_says_what_the_fitted_ones_say(kind: str):
    settings, parts = KINDS[kind]
    panel = sample_panel(12, 4, **{"missing": 0.0} | parts)
    panel = panel.select(panel.series[:2])
    model = fitted(panel, **settings)
    still, moved = (begun(model, panel, 60, rule="snap1", learning_rate=rate) for rate in (0.0, 1e-2))
    plain = model.live(panel.until(np.full(2, 60)))
    for live in (still, moved, plain):
        live.update(rows_of(panel, 60, 72))
    assert still.learner.network is not model.network
    for walk in still.learner.walks.values():
        for row in walk.rows:
            np.testing.assert_allclose(row.adapted, row.frozen, rtol=1e-4, atol=2e-5)
    before = {name: part.detach().numpy() for name, part in model.network.named_parameters()}
    changed = {name for name, part in weights(moved).items() if not np.array_equal(part, before[name])}
    assert any(name.startswith("decoder") for name in changed) or settings.get("cell") == "none"
    assert any(name.startswith("cell") for name in changed) or settings.get("cell") == "none"
    assert (moved.learning["updates"] == 9).all()  # from the origin at which it began to the one 4 rows ago
    assert np.isfinite(moved.forecast().values).all()
    for walk in still.learner.walks.values():
        walk.speaks = True
    np.testing.assert_allclose(still.forecast().values, plain.forecast().values, rtol=1e-3, atol=1e-4)


def test_the_fitted_weights_and_what_they_carry_never_move(panel: Panel, model: Recurrent):
    live, plain = begun(model, panel, 60, rule="tbptt", learning_rate=0.1), model.live(panel.until(np.full(2, 60)))
    for one in (live, plain):
        one.update(rows_of(panel, 60, 110))
    assert (live.learning["updates"] > 0).all()
    for mine, other in zip(live.carried.tracks, plain.carried.tracks, strict=True):
        np.testing.assert_array_equal(mine.hidden, other.hidden)
    np.testing.assert_array_equal(live.stop_learning().forecast().values, plain.forecast().values)
    assert len(live.learning) == 0


def test_what_is_learnt_by_a_row_comes_of_the_forecast_whose_last_target_it_is(panel: Panel, model: Recurrent):
    rows = rows_of(panel.select(panel.series[:1]), 60, 70)
    live = model.live(panel.until(np.full(2, 60))).learn("tbptt", 1e-2, QUICK)
    steps = []
    for row in rows:
        live.update(row)
        walk = live.learner.walks[0]
        steps.append((live.learner.record(0).updates, len(walk.rows)))
        assert [one.time for one in walk.rows][-1] == live.carried.tracks[0].time
    # Nothing before the fourth row; from then on the origin of each lesson is 4 rows behind the newest one.
    assert steps == [(0, 2), (0, 3), (0, 4)] + [(n, 4) for n in range(1, 8)]


def test_rows_that_are_still_to_come_change_nothing_that_was_learnt(panel: Panel, model: Recurrent):
    other = replace(panel, values=panel.values.copy())
    other.values[80:120] += 5.0
    found = []
    for some in (panel, other):
        live = begun(model, some, 60, rule="rtrl")
        live.update(rows_of(some, 60, 80))
        found.append((weights(live), live.forecast().values))
    assert same(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_many_rows_in_one_call_teach_what_they_teach_one_by_one(panel: Panel, model: Recurrent):
    rows = rows_of(panel, 60, 80)
    one, many, table = (begun(model, panel, 60, rule="tbptt") for _ in range(3))
    for row in rows:
        one.update(row)
    many.update(rows)
    later = np.arange(len(panel.times)) % 120 >= 60
    offsets = np.array([0, 60, 120])
    rest = replace(
        panel, values=panel.values[later], observed=panel.observed[later], times=panel.times[later], offsets=offsets
    )
    table.update(rest.until(np.full(2, 20)))
    for live in (many, table):
        assert same(weights(one), weights(live))
        np.testing.assert_array_equal(one.forecast().values, live.forecast().values)


@pytest.mark.parametrize("rule", [Full(), RealTime(), Truncated(back=10)])
@pytest.mark.parametrize("cell", ["gru", "lstm", "mingru"])
def test_the_gradient_of_a_forecast_is_that_of_autograd_through_all_that_was_read(rule, cell: str):
    torch.manual_seed(0)
    sizes = Sizes(context=5, horizon=3, targets=2)
    network = Network(Architecture(cell, hidden_size=3, scaling="running"), sizes, Point()).double().eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_(0, 0.5)
    state, x = network.cell.initial(2), torch.randn(10, 2, 2, dtype=torch.float64)
    trace = rule.begin(network.cell, state)
    for one in x:
        hidden, state, trace = rule.step(network.cell, one, state, trace)
    numbers = (torch.randn(1, 2, 5), torch.randn(1, 1, 2), torch.rand(1, 1, 2) + 0.5)
    stand = Stand(hidden[None], *(part.double() for part in numbers))
    target, seen = torch.randn(1, 3, 2, dtype=torch.float64), torch.tensor([[[1, 0], [1, 1], [0, 1]]]).bool()
    lesson = Lesson(stand, torch.zeros(1, 3, 0, dtype=torch.float64), target, seen, torch.zeros(1, 1, 2).double())
    loss, found = gradient(network, rule, trace, lesson)

    read, _ = network.cell(x.transpose(0, 1), network.cell.initial(2))
    said = network.answer(stand._replace(hidden=read[:, -1][None]), lesson.future)
    expected = network.head.loss(said, target, seen)
    expected.backward()
    assert loss == pytest.approx(float(expected.detach()), rel=1e-12)
    assert set(found) == {name for name, _ in network.named_parameters()}
    for name, weight in network.named_parameters():
        torch.testing.assert_close(found[name], weight.grad, rtol=1e-10, atol=1e-12)


def test_a_row_without_any_target_moves_no_weight_and_counts_nowhere(panel: Panel, model: Recurrent):
    live = begun(model, panel, 60, rule="tbptt")
    live.update(rows_of(panel, 60, 70))
    empty = [row | {"y": None} for row in rows_of(panel, 70, 80)]
    live.update(empty[:8])
    before, scored = weights(live), live.learning["scored"].tolist()
    live.update(empty[8:])
    assert same(before, weights(live))
    assert live.learning["scored"].tolist() == scored


def test_the_guard_lets_the_adapted_weights_speak_once_they_are_better_and_no_longer_than_that():
    record = Record(Guard(window=5, budget=0.0))
    heard = []
    for adapted in [0.5] * 8 + [3.0] * 4 + [0.5] * 12:
        record.add(1.0, adapted, record.trusted)
        heard.append(record.trusted)
    assert heard[:4] == [False] * 4
    assert heard[4:8] == [True] * 4
    assert not any(heard[8:13])
    assert record.said_sum <= record.frozen_sum + 2.0  # the one bad forecast that was under way


def test_what_may_be_lost_in_all_is_a_share_of_what_the_fitted_weights_err():
    record, random = Record(Guard(window=5, budget=0.02)), np.random.default_rng(0)
    for turn in range(3000):  # good for long enough to be trusted, then bad, over and over
        record.add(1.0, 0.9 if turn % 12 < 6 else 2.0 + random.random(), record.trusted)
    assert record.adapted_sum > 1.3 * record.frozen_sum
    assert record.said_sum < 1.02 * record.frozen_sum + 3


def test_a_planted_worsening_is_fallen_back_from_and_after_long_enough_begun_anew(panel: Panel, model: Recurrent):
    live = begun(model, panel, 30, rule="tbptt", learning_rate=0.0, guard=Guard(window=6, restart=30, budget=0.5))
    for place in (0, 1):
        live.learner.record(place).frozen_sum = live.learner.record(place).said_sum = 100.0  # room to lose
    with torch.no_grad():
        live.model.network.decoder.bias.add_(5.0)
    live.carried.say = Answer(live.model.network)
    heard = {place: [] for place in ("s0", "s1")}
    notes: list[str] = []
    for row in rows_of(panel, 30, 45):
        notes += live.update(row)
        heard[row["series"]].append(live.learning.set_index("series").loc[row["series"], "in_use"])
    # Six were scored by then, the first of them at the fourth row.
    assert heard["s0"] == heard["s1"] == ["frozen"] * 8 + ["adapted"] * 7
    plant(live, torch.full_like(live.learner.network.decoder.bias, 50.0))
    for row in rows_of(panel, 45, 51):
        notes += live.update(row)
    assert (live.learning["in_use"] == "frozen").all()
    assert not notes
    notes = [note for row in rows_of(panel, 51, 68) for note in live.update(row)]
    assert len(notes) == 1
    assert "begin anew" in notes[0]
    assert same(weights(live), {name: part.detach().numpy() for name, part in live.model.network.named_parameters()})


def plant(live: Live, away: torch.Tensor) -> None:
    """Move the adapted weights behind the learner's back."""
    with torch.no_grad():
        live.learner.network.decoder.bias.add_(away)
    live.learner.weigh()


def test_a_loss_that_is_not_finite_teaches_nothing_and_is_said(panel: Panel, model: Recurrent):
    live = begun(model, panel, 60, rule="tbptt")
    live.update(rows_of(panel, 60, 70))
    with torch.no_grad():
        live.learner.network.decoder.bias.fill_(float("inf"))
    live.learner.weigh()
    before = weights(live)
    notes = live.update(rows_of(panel, 70, 71))
    assert len(notes) == 2
    assert "not finite" in notes[0]
    assert "nothing is learnt" in notes[0]
    assert same(before, weights(live))
    assert np.isfinite(live.forecast().values).all()
    assert live.learning["skipped"].tolist() == [1, 1]


def test_a_series_that_stands_still_hears_nothing_from_the_rows_of_another_but_the_weights(panel: Panel, model):
    live = begun(model, panel, 60, rule="rtrl")
    live.update(rows_of(panel, 60, 70))
    walk = live.learner.walks[1]
    before = [part.clone() for part in (walk.hidden, *walk.state, *walk.trace.tensors().values())]
    scored = live.learner.record(1).scored
    live.update(rows_of(panel.select(panel.series[:1]), 70, 90))
    walk = live.learner.walks[1]
    for old, new in zip(before, (walk.hidden, *walk.state, *walk.trace.tensors().values()), strict=True):
        assert torch.equal(old, new)
    assert live.learner.record(1).scored == scored


def test_a_new_series_learns_as_soon_as_it_forecasts(panel: Panel, model: Recurrent):
    live = begun(model, panel, 60, rule="snap1")
    rows = [row | {"series": "new"} for row in rows_of(panel.select(panel.series[:1]), 0, 30)]
    for row in rows:
        live.update(row)
    frame = live.learning.set_index("series")
    assert frame.loc["new", "scored"] == frame.loc["new", "updates"] == 30 - WINDOW.context - WINDOW.horizon + 1


@pytest.mark.parametrize(("rule", "optimizer"), [("tbptt", "sgd"), *((name, "adam") for name in RULES)])
def test_what_was_saved_goes_on_as_if_it_had_not_been(rule: str, optimizer: str, panel: Panel, model, tmp_path: Path):
    live = begun(model, panel, 60, rule=rule, optimizer=optimizer)
    live.update(rows_of(panel, 60, 75))
    live.save(tmp_path)
    again = fc.load_live(tmp_path)
    assert again.learning.equals(live.learning)
    for one in (live, again):
        one.update(rows_of(panel, 75, 90))
    assert same(weights(live), weights(again))
    np.testing.assert_array_equal(live.forecast().values, again.forecast().values)
    assert again.learning.equals(live.learning)


def test_what_was_saved_while_forecasts_were_no_numbers_is_read_back(panel: Panel, model: Recurrent, tmp_path: Path):
    live = begun(model, panel, 60, rule="tbptt")
    live.update(rows_of(panel, 60, 70))
    plant(live, torch.full_like(live.learner.network.decoder.bias, float("inf")))
    live.update(rows_of(panel, 70, 76))
    assert (live.learning["adapted"] == np.inf).all()
    live.save(tmp_path)
    again = fc.load_live(tmp_path)
    assert again.learning.equals(live.learning)
    assert again.learner.pooled == live.learner.pooled


def test_what_another_series_teaches_does_not_change_a_forecast_that_is_already_under_way(panel: Panel, model):
    live = begun(model, panel, 60, rule="tbptt", learning_rate=0.1, guard=Guard(window=1, gain=0.0, budget=0.9))
    live.update(rows_of(panel, 60, 70))
    for walk in live.learner.walks.values():
        walk.speaks = True
    scored = live.learner.walks[1].rows[-1].adapted
    before = live.forecast(series="s1").values
    live.update(rows_of(panel.select(panel.series[:1]), 70, 90))
    np.testing.assert_array_equal(live.forecast(series="s1").values, before)
    track = live.carried.tracks[1]
    np.testing.assert_array_equal(before[0, :, :, 0], scored[:, :, 0] * track.width[0] + track.center[0])
    assert not np.allclose(live.stop_learning().forecast(series="s1").values, before)


def test_nothing_is_learnt_at_origins_before_the_first_value_of_a_target():
    panel = sample_panel(12, 4, targets=2, missing=0.0)
    one = panel.select(panel.series[:1])
    live, late = fitted(panel).live(panel).learn("tbptt", 1e-2, QUICK), panel.schema.targets[1]
    for place, row in enumerate(rows_of(one, 0, 40)):
        live.update(row | {"series": "new"} | ({late: None} if place < 25 else {}))
    frame = live.learning.set_index("series")
    assert frame.loc["new", "scored"] == frame.loc["new", "updates"] == 40 - 25 - WINDOW.horizon


def test_a_forecast_that_the_fitted_weights_do_not_make_gives_no_budget():
    record = Record(Guard(window=2, budget=0.01))
    record.add(np.inf, 1.0, False)
    for _ in range(10):
        record.add(1.0, 2.0, True)
    record.add(1.0, 0.1, True)
    record.add(1.0, 0.1, True)
    assert record.said_sum > 1.01 * record.frozen_sum
    assert not record.trusted


def test_a_loss_that_is_not_finite_leaves_the_other_losses_of_its_group_alone(panel: Panel, model: Recurrent):
    live = begun(model, panel, 60, rule=Truncated(every=4, back=8))
    walk = live.learner.walks[0]
    while walk.steps % 4 != 1:
        live.update(rows_of(panel, 60, 80)[live.carried.tracks[0].rows * 2 - 120 :][:2])
    bias = live.learner.network.decoder.bias
    kept = bias.detach().clone()
    plant(live, torch.full_like(bias, float("inf")))
    rows = rows_of(panel.select(panel.series[:1]), live.carried.tracks[0].rows, 80)
    live.update(rows[0])
    assert live.learning["skipped"][0] == 1
    with torch.no_grad():
        bias.copy_(kept)
    live.learner.weigh()
    live.update(rows[1:6])
    assert live.learning["skipped"][0] == 1


class Echo(torch.nn.Module):
    """A cell whose recurrent weights stay as they were drawn, as those of an echo state network."""

    def __init__(self, inputs: int, hidden_size: int) -> None:
        super().__init__()
        self.inner, self.hidden_size = gru(inputs, hidden_size), hidden_size
        for name, weight in self.inner.named_parameters():
            weight.requires_grad_("hh" not in name)

    def initial(self, batch: int) -> State:
        return self.inner.initial(batch)

    def forward(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        return self.inner(x, state)


def test_weights_of_a_cell_that_may_not_learn_stay_as_they_are_live_too(panel: Panel, tmp_path: Path):
    model = fitted(panel, cell=Echo)
    live = begun(model, panel, 60, rule="rtrl", learning_rate=0.1)
    live.update(rows_of(panel, 60, 70))
    live.save(tmp_path)
    again, before = fc.load_live(tmp_path, cell=Echo), dict(model.network.named_parameters())
    for one in (live, again):
        one.update(rows_of(panel, 70, 80))
        stayed = {name for name, part in weights(one).items() if np.array_equal(part, before[name].detach().numpy())}
        assert stayed == {"cell.inner.layer.weight_hh_l0", "cell.inner.layer.bias_hh_l0"}
    learnt = dict(live.adapted().network.named_parameters())
    assert {name for name, part in learnt.items() if not part.requires_grad} == stayed


def test_a_rule_of_ones_own_learns_and_is_refused_by_a_file(panel: Panel, model: Recurrent, tmp_path: Path):
    class Mine(Truncated):
        pass

    live = begun(model, panel, 60, rule=Mine(back=3))
    live.update(rows_of(panel, 60, 70))
    with pytest.raises(SettingsError, match="rule Mine"):
        live.save(tmp_path)


def test_adapted_weights_are_a_fitted_model(panel: Panel, model: Recurrent, tmp_path: Path):
    live = begun(model, panel, 60, rule="tbptt", learning_rate=1e-2)
    live.model.fitted_on = replace(model.fitted_on, until=panel.times[59])
    live.update(rows_of(panel, 60, 100))
    adapted = live.adapted()
    adapted.save(tmp_path)
    assert fc.load(tmp_path).until == panel.times[99]  # nobody may judge it on rows that it has learnt from
    again = fc.load(tmp_path).model
    np.testing.assert_array_equal(again.predict(panel).values, adapted.predict(panel).values)
    assert not np.allclose(model.predict(panel).values, adapted.predict(panel).values)
    with pytest.raises(NotFittedError, match="call learn"):
        live.stop_learning().adapted()


def test_a_switch_of_the_process_is_learnt():
    panel = regime_switch((0.9, -0.9), every=500, rows=750, seed=3)
    panel = Panel.from_arrays(panel.values[:, 0], panel.times)
    model = Recurrent(Window(4, 1), hidden_size=6, feed=Streamed(), training=Training(epochs=3), calendar=False)
    known = panel.until(np.array([500]))
    live = model.fit(known).live(known).learn("snap1", 0.05, Guard(window=30))
    live.update([{"time": panel.times[row], "y0": panel.values[row, 0]} for row in range(500, 750)])
    frame = live.learning.iloc[0]
    assert frame["in_use"] == "adapted"
    assert frame["adapted"] < 0.7 * frame["frozen"]
    assert frame["cost"] < -0.2
    assert frame["alone"] < frame["cost"]  # who is guarded begins later


def test_what_the_adapted_weights_would_have_cost_alone_is_told_whoever_speaks(panel: Panel, model: Recurrent):
    never = Guard(window=10_000)
    live = begun(model, panel, 30, rule="tbptt", learning_rate=0.05, guard=never)
    for row in rows_of(panel, 30, 60):
        live.update(row)
    assert (live.learning["in_use"] == "frozen").all()
    assert (live.learning["cost"] == 0).all()
    frame = live.learning  # all forecasts lie within the window of the guard
    np.testing.assert_allclose(frame["alone"], frame["adapted"] / frame["frozen"] - 1, rtol=1e-9)
    assert (frame["alone"] != 0).all()


def test_settings_that_cannot_work_are_refused_when_they_are_named(panel: Panel, model: Recurrent):
    live = model.live(panel)
    wrong = [
        ({"rule": "rtlr"}, "rtrl"),
        ({"rule": 3}, "a rule with its settings"),
        ({"learning_rate": -1.0}, "learning_rate=-1.0"),
        ({"optimizer": "adamw"}, "adam"),
        ({"clip": 0.0}, "clip"),
        ({"clip": float("inf")}, "clip=inf"),
        ({"learning_rate": "0.1"}, "learning_rate='0.1'"),
        ({"learning_rate": np.float32(0.1)}, "learning_rate"),
        ({"guard": None}, "Guard"),
    ]
    for settings, said in wrong:
        with pytest.raises(SettingsError, match=said):
            live.learn(**settings)
    for settings in ({"window": 0}, {"restart": 0}, {"gain": 1.0}, {"budget": -0.1}, {"gain": "x"}):
        with pytest.raises(SettingsError, match=next(iter(settings))):
            Guard(**settings)
    assert live.learner is None
    paths = fitted(panel, decoder=fc.Recursive()).live(panel)
    with pytest.raises(SettingsError, match="Recursive"):
        paths.learn()
    known = sample_panel(12, 4, future=1)
    with pytest.raises(SettingsError, match="known-ahead columns"):
        fitted(known).live(known).learn()


def test_errors_are_never_negative_and_least_for_the_truth():
    random = np.random.default_rng(0)
    target, seen, last = random.normal(size=(4, 1)), np.ones((4, 1), bool), np.zeros(1)
    good, bad = np.zeros((4, 1, 1)), np.zeros((4, 1, 1))
    good[..., 0], bad[..., 0] = target, target + 1
    assert error_of(Point("mse"), good, last, target, seen) == 0.0
    assert error_of(Point("mse"), bad, last, target, seen) == pytest.approx(1.0)
    assert error_of(Point("mse"), bad * np.inf, last, target, seen) == np.inf
    narrow, wide = (np.stack([target, np.full((4, 1), width)], axis=-1) for width in (1e-3, 2.0))
    assert 0 < error_of(Gaussian(), narrow, last, target, seen) < error_of(Gaussian(), wide, last, target, seen)
    head, code = Category(("a", "b")), np.array([[0.0], [1.0], [1.0], [0.0]])
    right = np.stack([5 - 10 * code, 10 * code - 5], axis=-1)
    assert 0 < error_of(head, right, last, code, seen) < error_of(head, -right, last, code, seen)
