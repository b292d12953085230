"""Gradient flow: norms of gradients by lag, against Jacobian products written by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from forecast.data.panel import Origins, Panel
from forecast.data.synthetic import autoregressive
from forecast.errors import DataError, NotFittedError, SettingsError
from forecast.forecasters.gradient_flow import gradient_flow
from forecast.forecasters.naive import Naive
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import OWN, Fused, lstm
from forecast.nets.decoders import Recursive, Segments, Sequence
from forecast.nets.gates import gates_of
from forecast.nets.heads import Gaussian, Quantiles
from forecast.nets.network import Network
from forecast.nets.spectra import step_jacobian
from forecast.testing import sample_panel
from forecast.training import flow as flow_module
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.gather import gather, index_of, scaled_rows
from forecast.windows.window import Window

QUICK = Training(epochs=1)
PANEL = autoregressive([0.8], rows=160, series=2, seed=3)


class Linear(nn.Module):
    """h_t = w h_{t-1} + u x_t, whose Jacobian is w times the identity; it says `gain` times its state."""

    def __init__(self, inputs: int, hidden_size: int, gain: float = 1.0) -> None:
        super().__init__()
        self.hidden_size, self.gain = hidden_size, gain
        self.read = nn.Linear(inputs, hidden_size, bias=False)
        self.keep = nn.Parameter(torch.tensor(0.5))

    def initial(self, batch: int) -> tuple[torch.Tensor]:
        return (self.keep.new_zeros(1, batch, self.hidden_size),)

    def forward(self, x, state):
        hidden, said = state[0][0], []
        for row in self.read(x).unbind(1):
            hidden = self.keep * hidden + row
            said.append(self.gain * hidden if self.gain != 1 else hidden)
        return torch.stack(said, dim=1), (hidden[None],)


def gained(inputs: int, hidden_size: int) -> Linear:
    return Linear(inputs, hidden_size, gain=2.0)


class Telling(Linear):
    """A cell of one's own that tells how far its gate is open."""

    def gates(self, x, before, after):
        return {"share": torch.full_like(after[0], 0.95)}


def both_ways(inputs: int, hidden_size: int) -> Fused:
    return Fused(nn.GRU(inputs, hidden_size, bidirectional=True))


def fitted(cell, context: int = 12, **settings) -> Recurrent:
    """A model whose decoder says something: training starts from zeros, and a single epoch hardly leaves them."""
    settings = {"hidden_size": 3, "skip": False, "training": QUICK} | settings
    model = Recurrent(Window(context, 1), cell=cell, **settings).fit(PANEL)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        for weight in network_of(model).decoder.parameters():
            weight.normal_()
    return model


def network_of(model: Recurrent) -> Network:
    assert model.network is not None
    return model.network


def rows_of(model: Recurrent, panel: Panel = PANEL):
    assert model.scale is not None
    return scaled_rows(panel, model.scale.of(panel, model.window.context), torch.float64)


def curve(flow, part: str = "state", column: str = "mean") -> np.ndarray:
    return flow.lags.loc[flow.lags["part"] == part, column].to_numpy()


def batch_of(model: Recurrent, panel: Panel, origins: Origins):
    return gather(rows_of(model, panel), index_of(panel, origins), model.window.context, model.window.horizon)


@pytest.mark.parametrize("weight", [0.5, -0.9, 1.1])
def test_of_a_scalar_recurrence_the_norm_at_lag_k_is_w_to_the_k(weight):
    model = fitted(Linear, hidden_size=1)
    with torch.no_grad():
        network_of(model).cell.keep.fill_(weight)
    exact = np.abs(network_of(model).cell.keep.item()) ** np.arange(12)
    flow = gradient_flow(model, PANEL)
    for column in ("mean", "q10", "q50", "q90"):
        np.testing.assert_allclose(curve(flow, column=column) / curve(flow, column=column)[0], exact, rtol=1e-13)
    jacobian = flow.matrices.set_index("matrix").loc["Jacobian of the newest step"]
    assert jacobian["radius"] == jacobian["norm"] == pytest.approx(abs(weight), rel=1e-7)


def test_of_a_tanh_network_it_is_the_product_of_jacobians_written_by_hand():
    model = fitted("rnn")
    origins = Origins(np.array([0, 1, 1]), np.array([20, 50, 140]))
    batch = batch_of(model, PANEL, origins)
    weights = {name: w.detach().double().numpy() for name, w in network_of(model).named_parameters()}
    inner, outer = weights["cell.layer.weight_hh_l0"], weights["cell.layer.weight_ih_l0"]
    bias = weights["cell.layer.bias_ih_l0"] + weights["cell.layer.bias_hh_l0"]
    norms = np.zeros((3, 12))
    for origin in range(3):
        past, target = batch.past[origin, :, 0].numpy(), float(batch.target[origin, 0, 0])
        states = [np.zeros(3)]
        for value in past - past[-1]:
            states.append(np.tanh(outer[:, 0] * value + inner @ states[-1] + bias))
        said = weights["decoder.weight"][0] @ states[-1] + weights["decoder.bias"][0] + past[-1]
        slope = 2 * (said - target) * weights["decoder.weight"][0]
        for lag in range(12):
            norms[origin, lag] = np.linalg.norm(slope)
            slope = slope @ (np.diag(1 - states[-1 - lag] ** 2) @ inner)
    flow = gradient_flow(model, PANEL, origins)
    np.testing.assert_allclose(curve(flow), norms.mean(axis=0), rtol=1e-11)
    np.testing.assert_allclose(curve(flow, column="q50"), np.quantile(norms, 0.5, axis=0), rtol=1e-11)
    assert (flow.lags["origins"] == 3).all()


def test_of_a_stack_of_lstms_it_is_what_torchs_layers_give_when_cut_at_that_lag():
    model = fitted("lstm", layers=2)
    origins = Origins(np.array([0, 1]), np.array([30, 60]))
    batch, network = batch_of(model, PANEL, origins), network_of(model)
    flow, cell = gradient_flow(model, PANEL, origins), network.double().eval().cell
    x = batch.past - batch.past[:, -1:]
    for lag in (1, 4, 11):
        _, state = cell(x[:, : 12 - lag], cell.initial(2))
        state = tuple(part.detach().requires_grad_() for part in state)
        hidden, _ = cell(x[:, 12 - lag :], state)
        said = network.decoder(hidden[:, -1:], batch.future)[..., 0] + batch.past[:, -1:]
        slopes = torch.autograd.grad(((said - batch.target) ** 2).sum(), state)
        each = [slope.square().sum(dim=(0, 2)) for slope in slopes]
        for part, squares in (("h", each[0]), ("c", each[1]), ("state", each[0] + each[1])):
            assert curve(flow, part)[lag] == pytest.approx(float(squares.sqrt().mean()), rel=1e-11)


def test_on_a_stream_the_state_is_carried_from_the_first_row():
    settings = {"feed": Streamed(), "scaling": "none", "hidden_size": 1, "calendar": False}
    model = fitted(Linear, **settings)
    origins = Origins(np.array([1, 0, 1]), np.array([150, 40, 40]))
    cell, decoder = network_of(model).cell, network_of(model).decoder
    rows = rows_of(model).values[:, 0].numpy().reshape(2, 160)
    keep, read = cell.keep.item(), cell.read.weight.detach().double().numpy()[0]
    errors = []
    for series, step in zip(origins.series, origins.step, strict=True):
        state, before = 0.0, rows[series, 0]
        for value in rows[series, :step]:
            state, before = keep * state + read @ [value, value - before], value
        errors.append(decoder.weight.item() * state + decoder.bias.item() - rows[series, step])
    slope = np.mean(2 * np.abs(errors)) * abs(decoder.weight.item())
    flow = gradient_flow(model, PANEL, origins, lags=30)
    np.testing.assert_allclose(curve(flow), slope * abs(keep) ** np.arange(30), rtol=1e-11)


def test_gradients_of_parameters_are_those_of_the_mean_loss():
    model = fitted("gru", head=Gaussian())
    origins = Origins(np.zeros(40, dtype=np.int64), np.arange(20, 60))
    batch, flow, network = batch_of(model, PANEL, origins), gradient_flow(model, PANEL, origins), network_of(model)
    said = network.double().eval()(batch.past, batch.future, batch.static)
    network.head.loss(said, batch.target, None, batch.last).backward()
    table = flow.parameters.set_index("parameter")
    for name, weight in network.named_parameters():
        assert weight.grad is not None
        assert table.loc[name, "gradient"] == pytest.approx(float(weight.grad.norm()), rel=1e-10)
        assert table.loc[name, "size"] == weight.numel()


def test_the_model_is_left_as_it_was():
    model = fitted("gru")
    before, kept = model.predict(PANEL).values, network_of(model)
    needs = [weight.requires_grad for weight in kept.parameters()]
    gradient_flow(model, PANEL)
    assert model.network is kept
    assert isinstance(kept.cell, Fused)
    assert needs == [weight.requires_grad for weight in kept.parameters()]
    np.testing.assert_array_equal(model.predict(PANEL).values, before)


def test_what_a_cell_says_beside_its_state_is_a_part_of_its_own():
    flow = gradient_flow(fitted(gained), PANEL)
    assert set(flow.lags["part"]) == {"state", "h", "output"}
    assert curve(flow)[0] == 0  # at its own step the loss hangs on what was said, not on what is handed on
    assert curve(flow)[1] == pytest.approx(2 * 0.5 * curve(flow, "output")[0], rel=0.01)
    assert (curve(flow, "output")[1:] == 0).all()


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_the_gates_are_those_that_made_the_state(kind):
    torch.manual_seed(0)
    cell = Fused(kind(2, 4, num_layers=2)).double()
    before = tuple(torch.randn(2, 3, 4, dtype=torch.float64) for _ in cell.initial(3))
    x = torch.randn(3, 2, dtype=torch.float64)
    _, after = cell(x[:, None], before)
    gates = gates_of(cell, x, before, after)
    if kind is nn.LSTM:
        torch.testing.assert_close(gates["output"] * after[1].tanh(), after[0], rtol=1e-12, atol=1e-12)
        return
    read = torch.stack([x @ cell.layer.weight_ih_l0.T + cell.layer.bias_ih_l0, after[0][0] @ cell.layer.weight_ih_l1.T])
    read[1] += cell.layer.bias_ih_l1
    held = torch.stack([before[0][0] @ cell.layer.weight_hh_l0.T, before[0][1] @ cell.layer.weight_hh_l1.T])
    new = torch.tanh(read[..., 8:] + gates["reset"] * held[..., 8:])
    made = (1 - gates["update"]) * new + gates["update"] * before[0]
    torch.testing.assert_close(made, after[0], rtol=1e-12, atol=1e-12)


def test_a_gate_with_a_large_bias_is_saturated_and_its_lag_curve_flat():
    model = fitted("lstm")
    with torch.no_grad():
        network_of(model).cell.layer.bias_ih_l0[3:6] = 50.0
        network_of(model).cell.layer.bias_ih_l0[:3] = -50.0
    flow = gradient_flow(model, PANEL)
    gates = flow.gates.set_index("gate")
    assert gates.loc["forget", ["mean", "open", "closed"]].tolist() == pytest.approx([1, 1, 0])
    assert gates.loc["input", ["mean", "open", "closed"]].tolist() == pytest.approx([0, 0, 1])
    assert curve(flow, "c")[11] == pytest.approx(curve(flow, "c")[1], rel=1e-6)  # the constant error carousel


def test_a_cell_of_ones_own_may_tell_its_gates():
    gates = gradient_flow(fitted(Telling), PANEL).gates
    assert gates.drop(columns="mean").to_dict("records") == [{"gate": "share", "layer": 0, "closed": 0.0, "open": 1.0}]
    assert gates["mean"].item() == pytest.approx(0.95)


def test_radius_and_norm_are_those_of_each_recurrent_matrix():
    model = fitted("gru")
    with torch.no_grad():
        weight = network_of(model).cell.layer.weight_hh_l0
        weight[:3] = torch.diag(torch.tensor([0.25, -0.5, 0.125]))
        weight[3:6] = torch.tensor([[0.0, 3.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = gradient_flow(model, PANEL).matrices.set_index("matrix")
    assert found.loc["layer.weight_hh_l0 reset"].tolist() == pytest.approx([0.5, 0.5])
    assert found.loc["layer.weight_hh_l0 update"].tolist() == pytest.approx([0.0, 3.0])


def test_the_jacobian_of_a_step_is_that_of_autograd():
    cell = lstm(2, 3).double()
    x, state = torch.randn(1, 2).double(), tuple(torch.randn(1, 1, 3).double() for _ in range(2))

    def step(flat):
        _, after = cell(x[:, None], tuple(part.reshape(1, 1, 3) for part in flat.chunk(2)))
        return torch.cat([part.flatten() for part in after])

    whole = torch.autograd.functional.jacobian(step, torch.cat([part.flatten() for part in state]))
    torch.testing.assert_close(step_jacobian(cell, x, state)[0], whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        {"decoder": Sequence(attention=True)},
        {"decoder": Segments(3), "head": Quantiles()},
        {"decoder": Recursive()},
        {"decoder": Recursive(), "feed": Streamed(), "head": Gaussian()},
        {"feed": Streamed(), "calendar": True},
        {"channels": "joint", "feed": Windowed(16)},
        {"gaps": True, "cell": "rnn-relu"},
    ],
)
def test_it_is_there_for_every_decoder_feed_and_head(settings):
    covariates = not isinstance(settings.get("decoder"), Recursive)
    panel = sample_panel(12, 2, targets=2, past=int(covariates), future=1, static=1, missing=0.1)
    model = Recurrent(Window(12, 2), **{"hidden_size": 3, "training": QUICK} | settings).fit(panel)
    flow = gradient_flow(model, panel, most=10)
    lags = 4 if isinstance(settings.get("decoder"), Segments) else 12
    assert len(curve(flow)) == lags
    assert np.isfinite(flow.lags.drop(columns="part").to_numpy()).all()
    assert (curve(flow) > 0).all()


@pytest.mark.parametrize("cell", sorted(OWN))
def test_it_is_there_for_every_cell_of_our_own(cell):
    panel = autoregressive([0.8], rows=80)
    model = Recurrent(Window(6, 2), cell=cell, hidden_size=4, training=Training(epochs=1)).fit(panel)
    assert gradient_flow(model, panel, most=3).lags["q50"].gt(0).any()


def test_what_cannot_be_asked_is_refused():
    model = fitted("rnn")
    with pytest.raises(SettingsError, match="a window of 12 rows has 12 steps"):
        gradient_flow(model, PANEL, lags=13)
    with pytest.raises(SettingsError, match="lags=0"):
        gradient_flow(model, PANEL, lags=0)
    with pytest.raises(SettingsError, match="most=0"):
        gradient_flow(model, PANEL, most=0)
    with pytest.raises(SettingsError, match="this is a Naive"):
        gradient_flow(Naive(Window(12, 1)), PANEL)
    with pytest.raises(NotFittedError):
        gradient_flow(Recurrent(Window(12, 1)), PANEL)
    with pytest.raises(DataError, match="no loss there"):
        gradient_flow(model, PANEL, PANEL.end_origins())
    with pytest.raises(DataError, match="11 rows before the origin"):
        gradient_flow(model, PANEL, Origins(np.array([0]), np.array([11])))
    with pytest.raises(SettingsError, match="reads backwards too"):
        gradient_flow(Recurrent(Window(12, 1), cell=both_ways, training=QUICK).fit(PANEL), PANEL)
    with pytest.raises(SettingsError, match="without a state"):
        gradient_flow(Recurrent(Window(12, 1), cell="none", training=QUICK).fit(PANEL), PANEL)


@pytest.mark.parametrize("feed", [Windowed(), Streamed()])
def test_origins_do_not_see_each_other_and_pieces_do_not_show(feed, monkeypatch):
    panel = sample_panel(12, 2, targets=2, missing=0.2)
    model = Recurrent(Window(12, 2), cell="lstm", hidden_size=3, feed=feed, training=QUICK).fit(panel)
    origins = model.window.origins(panel)
    origins = origins[np.arange(len(origins) - 1, 0, -61)]
    together = gradient_flow(model, panel, origins)
    alone = [gradient_flow(model, panel, origins[slice(i, i + 1)]) for i in range(len(origins))]
    np.testing.assert_allclose(curve(together), np.mean([curve(flow) for flow in alone], axis=0), rtol=1e-9)
    monkeypatch.setattr(flow_module, "CELLS_AT_ONCE", 24)
    monkeypatch.setattr(flow_module, "PIECE", 7)
    pieces = gradient_flow(model, panel, origins)
    for name in ("lags", "parameters", "gates", "matrices"):
        left, right = (getattr(flow, name).select_dtypes("number").to_numpy() for flow in (together, pieces))
        np.testing.assert_allclose(left, right, rtol=1e-9)
