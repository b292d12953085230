"""A cell that keeps its promise works everywhere: fitted on windows and streams, live, saved, swept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from forecast.errors import SettingsError
from forecast.forecasters.artifacts.artifact import load
from forecast.forecasters.live.files import load_live
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import BOTH_WAYS, Cell
from forecast.nets.decoders import Segments, Sequence
from forecast.sweeps.search import Search
from forecast.sweeps.sweep import sweep
from forecast.testing import check_cell, check_forecaster, sample_panel
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window

WINDOW = Window(8, 4)
ONE = Training(epochs=1, learning_rate=1e-2, device="cpu")
PANEL = sample_panel(8, 4, targets=2, past=1)
STREAM = Streamed(lanes=2)


class Smoother(nn.Module):
    """A user's own cell: exponential smoothing of what it reads, at rates that it learns."""

    def __init__(self, inputs: int, hidden_size: int):
        super().__init__()
        self.hidden_size, self.layer = hidden_size, nn.Linear(inputs, hidden_size)
        self.rate = nn.Parameter(torch.zeros(hidden_size))

    def initial(self, batch):
        return (self.rate.new_zeros(1, batch, self.hidden_size),)

    def forward(self, x, state):
        hidden = [state[0][0]]
        for new in torch.tanh(self.layer(x)).unbind(1):
            hidden.append(torch.lerp(hidden[-1], new, torch.sigmoid(self.rate)))
        return torch.stack(hidden[1:], dim=1), (hidden[-1][None],)


def fitted(cell: str | Callable[..., Cell], **settings) -> Recurrent:
    model = Recurrent(WINDOW, cell, 4, **{"feed": STREAM, "training": ONE} | settings).fit(PANEL)
    torch.manual_seed(0)
    with torch.no_grad():  # whatever the cell says counts, as after long training
        model.network.decoder.weight.normal_(0, 0.2)
    return model


def rows(panel, start) -> list[dict]:
    """Rows from step `start` of each series on, as somebody would send them."""
    found = []
    for place, name in enumerate(panel.series):
        for row in range(panel.offsets[place] + start[place], panel.offsets[place + 1]):
            cells = zip(panel.schema.channels, panel.values[row].tolist(), panel.observed[row], strict=True)
            found.append({"time": panel.times[row], "series": name} | {c: v for c, v, seen in cells if seen})
    return sorted(found, key=lambda row: row["time"])


def require_everywhere(cell: str | Callable[..., Cell], folder: Path, again: Callable[..., Cell] | None = None) -> None:
    """Forecasts live, row by row, after being saved, and in the middle of it, are those of the fitted model."""
    model = fitted(cell)
    said = model.predict(PANEL).values
    assert np.isfinite(said).all()
    model.save(folder / "model")
    np.testing.assert_array_equal(load(folder / "model", again).model.predict(PANEL).values, said)
    half = PANEL.until(PANEL.ends() // 2)
    coming = rows(PANEL.until(PANEL.ends()), half.ends())
    live = model.live(half)
    live.update(coming[:5])
    live.save(folder / "live")
    for each in (live, load_live(folder / "live", again)):
        for row in coming[5:]:
            each.update(row)
        np.testing.assert_allclose(each.forecast().values, said, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "name", ["projected-lstm", "layer-norm-lstm", "slstm", "mingru", "lru", "residual-lstm", "variational-lstm"]
)
def test_a_named_cell_is_fitted_streamed_saved_and_goes_live(name: str, tmp_path: Path):
    require_everywhere(name, tmp_path)


@pytest.mark.parametrize(
    "name", ["irnn", "peephole-lstm", "zoneout-lstm", "variational-gru", "minlstm", "residual-gru", *BOTH_WAYS]
)
def test_a_named_cell_of_two_layers_is_fitted_on_windows(name: str):
    model = fitted(name, feed=Windowed(16), layers=2, dropout=0.1)
    assert np.isfinite(model.predict(PANEL).values).all()


@pytest.mark.parametrize(
    ("name", "decoder"),
    [
        ("slstm", Sequence()),
        ("projected-lstm", Segments(2)),
        ("lru", Segments(2)),
        ("mingru", Sequence()),
        ("bidirectional-lstm", Sequence(attention=True)),
    ],
)
def test_cells_of_many_states_are_decoded_by_others_too(name: str, decoder):
    model = Recurrent(WINDOW, name, 4, feed=Windowed(16), decoder=decoder, skip=False, training=ONE).fit(PANEL)
    assert np.isfinite(model.predict(PANEL).values).all()


@pytest.mark.parametrize("cell", ["mingru", Smoother])
def test_forecasters_with_other_cells_keep_the_promise(cell):
    check_forecaster(lambda: Recurrent(WINDOW, cell, 4, feed=STREAM, training=ONE), PANEL)


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_a_bidirectional_cell_is_refused_where_there_is_a_stream(name: str):
    with pytest.raises(SettingsError, match="reads from the end too"):
        fitted(name)


def test_a_cell_of_twelve_lines_works_everywhere(tmp_path: Path):
    check_cell(Smoother)
    require_everywhere(Smoother, tmp_path, Smoother)

    def space(trial):
        feed = trial.suggest_categorical("feed", ["windowed", "streamed"])
        size = trial.suggest_int("hidden_size", 2, 6)
        return Recurrent(WINDOW, Smoother, size, feed=STREAM if feed == "streamed" else Windowed(16), training=ONE)

    study = sweep(space, PANEL, PANEL.times.max() - np.timedelta64(20, "D"), trials=3, search=Search(folds=1))
    assert len([trial for trial in study.trials if trial.value is not None and np.isfinite(trial.value)]) == 3
