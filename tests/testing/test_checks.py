"""The contract tests find what they are for."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from forecast.data.forecast import Forecast
from forecast.data.panel import Origins, Panel
from forecast.errors import NotFittedError
from forecast.nets.cells import Fused, gru
from forecast.nets.heads import Point
from forecast.testing import check_cell, check_forecaster, check_head, sample_panel
from forecast.windows.window import Window

WINDOW = Window(6, 2)


class Last:
    """Repeats the last value; the mistakes below are made on top of it."""

    def __init__(self) -> None:
        self.window = WINDOW
        self.calls = 0

    def fit(self, panel: Panel):
        return self

    def said(self, panel: Panel, origins: Origins) -> np.ndarray:
        newest = panel.values[panel.offsets[origins.series] + origins.step - 1, : len(panel.targets)]
        return np.repeat(newest[:, None], 2, axis=1)

    def predict(self, panel: Panel, origins: Origins | None = None) -> Forecast:
        self.calls += 1
        origins = panel.end_origins() if origins is None else origins
        return Forecast.at(panel, origins, self.said(panel, origins))


class PeeksAtTheNextRow(Last):
    def said(self, panel, origins):
        return super().said(panel, Origins(origins.series, np.minimum(origins.step + 1, panel.lengths[origins.series])))


class PeeksAtTheMask(Last):
    def said(self, panel, origins):
        return super().said(panel, origins) + 1e-9 * panel.observed.sum()


class PeeksAtTheLength(Last):
    def said(self, panel, origins):
        return super().said(panel, origins) + 1e-9 * panel.lengths[origins.series][:, None, None]


class PeeksAtOtherSeries(Last):
    def said(self, panel, origins):
        return super().said(panel, origins) + 1e-6 * panel.values[panel.offsets[1] - 1, 0]


class IgnoresTheNewestValue(Last):
    def said(self, panel, origins):
        return super().said(panel, Origins(origins.series, origins.step - 1))


class MixesTheBatch(Last):
    def said(self, panel, origins):
        values = super().said(panel, origins)
        return values + 0.01 * np.arange(len(values))[:, None, None]


class CountsItsCalls(Last):
    def said(self, panel, origins):
        return super().said(panel, origins) + 1e-3 * (self.calls > 60)


class DependsOnTheOrderOfSeries(Last):
    def said(self, panel, origins):
        return super().said(panel, origins) + origins.series[:, None, None]


class ForgetsItsSeed(Last):
    def fit(self, panel):
        self.luck = np.random.default_rng().normal()
        return self

    def said(self, panel, origins):
        return super().said(panel, origins) + getattr(self, "luck", 0.0)


class IsNotFinite(Last):
    def said(self, panel, origins):
        return (
            super().said(panel, origins)
            * np.where(origins.step == panel.lengths[origins.series], np.nan, 1)[:, None, None]
        )


class ForecastsTooFewSteps(Last):
    def said(self, panel, origins):
        return super().said(panel, origins)[:, :1]


class SpoilsThePanel(Last):
    def fit(self, panel):
        panel.values[0] = 0.0
        return self


class NeedsNoFit(Last):
    def said(self, panel, origins):
        return super().said(panel, origins) * getattr(self, "factor", np.nan)

    def fit(self, panel):
        self.factor = 1.0
        return self


class ReturnsNothingFromFit(Last):
    def fit(self, panel):
        return None


class StandsElsewhereWithoutOrigins(Last):
    def predict(self, panel, origins=None):
        ends = panel.end_origins()
        return super().predict(panel, Origins(ends.series, ends.step - 1) if origins is None else origins)


class MovesTheDates(Last):
    def predict(self, panel, origins=None):
        said = super().predict(panel, origins)
        return replace(said, times=said.times + np.timedelta64(1, "D"))


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (PeeksAtTheNextRow, "rows after the origin move the forecast.*rewritten"),
        (PeeksAtTheMask, "rows after the origin move the forecast.*rewritten"),
        (PeeksAtTheLength, "rows after the origin move the forecast.*cut off"),
        (PeeksAtOtherSeries, "rows after the origin move the forecast"),
        (IgnoresTheNewestValue, "the newest value does not move the forecast"),
        (MixesTheBatch, "depends on which other origins are asked"),
        (CountsItsCalls, "second predict"),
        (DependsOnTheOrderOfSeries, "depends on the order of the panel's series"),
        (ForgetsItsSeed, "fix the seed"),
        (IsNotFinite, "finite"),
        (ForecastsTooFewSteps, r"\[origin, step, target, level\]"),
        (SpoilsThePanel, "changed the panel"),
        (NeedsNoFit, "NotFittedError"),
        (ReturnsNothingFromFit, "fit returns the forecaster itself"),
        (StandsElsewhereWithoutOrigins, "at the end of every series"),
        (MovesTheDates, "times"),
    ],
)
def test_a_broken_forecaster_is_found_out_with_a_sentence(broken, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_forecaster(broken)


def test_a_sound_forecaster_passes_and_says_how_exactly():
    class Learner(Last):
        fitted = False

        def fit(self, panel):
            self.fitted = True
            return self

        def predict(self, panel, origins=None):
            if not self.fitted:
                raise NotFittedError("fit first")
            return super().predict(panel, origins)

    agreement = check_forecaster(Learner)
    assert agreement.origins >= 30
    assert agreement.subset == agreement.order == agreement.alone == agreement.refit == 0


def test_a_panel_of_ones_own_may_be_given_if_it_is_long_enough():
    check_forecaster(Last, sample_panel(6, 2, targets=2, past=0, future=1, static=1))
    days = np.arange(60).astype("M8[D]")
    check_forecaster(Last, Panel.from_arrays(np.random.default_rng(0).normal(size=60), days))
    with pytest.raises(AssertionError, match="offers 5 origins, 30 are needed"):
        check_forecaster(Last, Panel.from_arrays(np.arange(10.0), days[:10]))


def test_the_sample_panel_is_ragged_has_gaps_and_known_ahead_rows():
    panel = sample_panel(6, 2, future=1)
    assert len(set(panel.lengths)) == 3
    assert not panel.observed[:, :2].all()
    assert panel.observed[:, 2].all()
    assert (panel.ends() <= panel.lengths - 2).all()
    assert sample_panel(6, 2, missing=0).observed.all()


class Whole(Fused):
    """Looks at the whole sequence it is given."""

    def __init__(self, inputs, hidden_size):
        super().__init__(nn.GRU(inputs, hidden_size))

    def forward(self, x, state):
        return super().forward(x - x.mean(dim=1, keepdim=True), state)


class Batchwise(Whole):
    def forward(self, x, state):
        return Fused.forward(self, x - x.mean(dim=0, keepdim=True), state)


class InPlace(Whole):
    def forward(self, x, state):
        hidden, end = Fused.forward(self, x, state)
        state[0].data.copy_(end[0].data)
        return hidden, end


class Loose(Whole):
    def initial(self, batch):
        return super().initial(batch)[0]


class Narrow(Whole):
    def initial(self, batch):
        return (super().initial(batch)[0][:, 0],)


class Frozen(Whole):
    def forward(self, x, state):
        hidden, end = Fused.forward(self, x.detach(), state)
        return hidden, end


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (Whole, "in pieces"),
        (Batchwise, "batch row read alone"),
        (InPlace, "in place"),
        (Loose, "tuple of tensors"),
        (Narrow, r"\[layer, batch, hidden\]"),
        (Frozen, "gradient"),
        (lambda inputs, hidden_size: gru(inputs, hidden_size + 1), "hidden_size"),
    ],
)
def test_a_broken_cell_is_found_out_with_a_sentence(broken, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_cell(broken)


@dataclass(frozen=True)
class Plain:
    """A squared error without any of the care, mistakes by choice."""

    mistake: str
    width: int = 1
    levels: tuple[float, ...] = ()
    units: str = "level"
    located: bool = True

    def rescale(self, raw, shift, spread):
        return raw * spread[..., None] + (0 if self.mistake == "rescale" else shift[..., None])

    def loss(self, raw, target, seen, last=None):
        cells = (raw[..., 0] - target) ** 2
        if seen is None:
            return cells.mean()
        if self.mistake == "denominator":
            return (torch.where(seen, raw[..., 0] - torch.where(seen, target, 0.0), 0.0) ** 2).mean()
        if self.mistake == "nan":
            return torch.where(seen, cells, 0.0).sum() / seen.sum().clamp(min=1)
        if self.mistake == "empty":
            return cells[seen].mean()
        return cells.mean()

    def point(self, raw, last):
        return raw if self.mistake == "point" else raw[..., 0]

    def sample(self, raw, last, generator):
        noise = torch.randn(raw.shape[:3], generator=None if self.mistake == "luck" else generator)
        return raw[..., 0] + noise

    def distribution(self, raw, last):
        return None


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ("mask", "masked cells count"),
        ("denominator", "denominator"),
        ("nan", "nan reaches the gradients"),
        ("empty", "every cell is masked"),
    ],
)
def test_a_broken_loss_is_found_out_with_a_sentence(mistake, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_head(Plain(mistake))


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [("rescale", "rescaling does not move"), ("point", "the point has the shape"), ("luck", "draws differ")],
)
def test_a_broken_head_is_found_out_with_a_sentence(mistake, sentence):
    class Sound(Plain):
        def loss(self, raw, target, seen, last=None):
            return Point().loss(raw.float(), target.float(), seen).double()

    with pytest.raises(AssertionError, match=sentence):
        check_head(Sound(mistake))
