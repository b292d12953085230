"""Contract tests for your own cells, heads and forecasters; ours pass them too.

Call them in a test of your own. They raise AssertionError with a sentence that says which promise was broken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor, nn

from forecast.data.forecast import Forecast, Forecaster, forecast_times
from forecast.data.panel import Origins, Panel, carry_forward
from forecast.data.schema import Schema
from forecast.errors import NotFittedError
from forecast.nets.cells import CellFactory, State
from forecast.nets.heads import Head

ORIGINS = 30
TOLERANCE = 1e-5


def _require(kept: bool | np.bool_ | Tensor, sentence: str) -> None:
    if not bool(kept):
        raise AssertionError(sentence)


def check_cell(factory: CellFactory, inputs: int = 3, hidden_size: int = 5, seed: int = 0) -> None:
    """Check that a cell keeps the promise of `forecast.nets.cells.Cell`.

    A sequence may be cut anywhere and read in pieces, batch rows do not see each other, the state is a tuple of
    [layer, batch, hidden] tensors that is never changed in place, and gradients are finite. Modules are tested in
    float64 and in evaluation mode.

    Args:
        factory: called with `(inputs, hidden_size)`; use `functools.partial` for further settings.
        inputs: numbers a step.
        hidden_size: numbers in the state.
        seed: of weights, inputs and cuts.

    Raises:
        AssertionError: a promise is broken.

    Example:
        >>> from functools import partial
        >>> from forecast.nets.cells import lstm
        >>> check_cell(partial(lstm, layers=2))
    """
    batch, steps = 4, 12
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        cell = factory(inputs, hidden_size)
        if isinstance(cell, nn.Module):
            cell.double().eval()
        start = cell.initial(batch)
        _check_state(start, batch)
        precision = start[0].dtype if start else torch.float64
        start = tuple(torch.randn_like(part) * 0.5 for part in start)
        x = torch.randn(batch, steps, inputs, dtype=precision, requires_grad=True)
        order = torch.randperm(batch)
        cuts = [sorted(set(torch.randint(1, steps, (3,)).tolist())) for _ in range(5)]
    tolerance = 1e-12 if precision == torch.float64 else 1e-5
    _require(cell.hidden_size == hidden_size, f"the cell was asked for hidden_size {hidden_size}, its own differs")
    kept = tuple(part.clone() for part in start)
    hidden, end = cell(x, start)
    _require(
        tuple(hidden.shape) == (batch, steps, hidden_size),
        f"hidden states are [batch, time, hidden] = {(batch, steps, hidden_size)}, got {tuple(hidden.shape)}",
    )
    _check_state(end, batch, like=start)
    _require(all(map(torch.equal, start, kept)), "the cell changed the state it was given in place")
    for cut in [*cuts, list(range(1, steps))]:
        _check_cut(cell, x, start, cut, (hidden, end), tolerance)
    mixed, mixed_end = cell(x[order], tuple(part[:, order] for part in start))
    same = _near(mixed, hidden[order], tolerance) and all(
        _near(a, b[:, order], tolerance) for a, b in zip(mixed_end, end, strict=True)
    )
    _require(same, "a batch row depends on its place in the batch")
    alone, alone_end = cell(x[:1], tuple(part[:, :1] for part in start))
    same = _near(alone, hidden[:1], tolerance) and all(
        _near(a, b[:, :1], tolerance) for a, b in zip(alone_end, end, strict=True)
    )
    _require(same, "a batch row read alone differs from the same row among others")
    hidden.square().sum().backward()
    weights = list(cell.parameters()) if isinstance(cell, nn.Module) else []
    gradients = [x.grad, *(weight.grad for weight in weights if weight.grad is not None)]
    _require(
        all(gradient is not None and gradient.isfinite().all() for gradient in gradients),
        "a gradient of the hidden states is missing or not finite",
    )


def _check_state(state: State, batch: int, like: State | None = None) -> None:
    _require(
        isinstance(state, tuple) and all(isinstance(part, Tensor) for part in state),
        f"the state is a tuple of tensors, got {type(state).__name__}",
    )
    _require(
        all(part.ndim == 3 and part.shape[1] == batch for part in state),
        f"every tensor of the state is [layer, batch, hidden] with a batch of {batch}, got "
        f"{[tuple(part.shape) for part in state]}",
    )
    if like is not None:
        shapes = [[(tuple(part.shape), part.dtype) for part in each] for each in (state, like)]
        _require(shapes[0] == shapes[1], "the state that comes out differs in shape or precision from the one put in")


def _check_cut(
    cell: Callable[[Tensor, State], tuple[Tensor, State]],
    x: Tensor,
    state: State,
    cuts: list[int],
    whole: tuple[Tensor, State],
    tolerance: float,
) -> None:
    pieces = []
    for piece in torch.tensor_split(x, cuts, dim=1):
        hidden, state = cell(piece, state)
        pieces.append(hidden)
    same = _near(torch.cat(pieces, dim=1), whole[0], tolerance) and all(
        _near(a, b, tolerance) for a, b in zip(state, whole[1], strict=True)
    )
    _require(same, f"reading a sequence in pieces cut at {cuts} differs from reading it at once")


def _near(a: Tensor, b: Tensor, tolerance: float) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=tolerance)


def check_head(head: Head, seed: int = 0) -> None:
    """Check that a head keeps the promise of `forecast.nets.heads.Head`.

    The loss is a finite number, masked cells take no part in it (whatever they hold, NaN included) nor in its
    gradients, rescaling moves the forecast values along, and those have one column a level (one without levels).

    Raises:
        AssertionError: a promise is broken.

    Example:
        >>> from forecast.nets.heads import Point
        >>> check_head(Point("huber"))
    """
    random = torch.Generator().manual_seed(seed)
    origins, steps, targets = 6, 4, 2
    raw = torch.randn(origins, steps, targets, head.width, generator=random, dtype=torch.float64)
    target = torch.randn(origins, steps, targets, generator=random, dtype=torch.float64)
    seen = torch.rand(origins, steps, targets, generator=random) < 0.6
    full, none = torch.ones_like(seen), torch.zeros_like(seen)

    loss = head.loss(raw, target, None)
    _require(loss.ndim == 0 and loss.isfinite(), f"the loss is one finite number, got {loss}")
    _require(
        _near(head.loss(raw, target, full), loss, 1e-9),
        "a mask that hides nothing changes the loss (None means the same)",
    )
    _require(head.loss(raw, target, none).isfinite(), "the loss is not finite where every cell is masked")
    part = full.clone()
    part[origins // 2 :] = False
    _require(
        _near(head.loss(raw, target, part), head.loss(raw[: origins // 2], target[: origins // 2], None), 1e-9),
        "masking half of the origins differs from leaving them out: masked cells count, at least in the denominator",
    )
    _check_mask(head, raw, target, seen)
    _check_values(head, raw, random)


def _check_mask(head: Head, raw: Tensor, target: Tensor, seen: Tensor) -> None:
    plain, gradient = _gradient(head, raw, target, seen)
    for filler in (1e6, float("nan")):
        loss, slope = _gradient(head, raw, target.masked_fill(~seen, filler), seen)
        _require(_near(loss, plain, 1e-9), f"a masked target cell that holds {filler} reaches the loss")
        _require(_near(slope, gradient, 1e-9), f"a masked target cell that holds {filler} reaches the gradients")
    _require((gradient[~seen] == 0).all(), "the loss has gradients at masked cells")


def _gradient(head: Head, raw: Tensor, target: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    raw = raw.clone().requires_grad_()
    loss = head.loss(raw, target, seen)
    loss.backward()
    _require(raw.grad is not None, "the loss does not depend on the network's output")
    return loss.detach(), raw.grad  # type: ignore[return-value]


def _check_values(head: Head, raw: Tensor, random: torch.Generator) -> None:
    values = head.values(raw)
    expected = (*raw.shape[:3], max(1, len(head.levels)))
    _require(tuple(values.shape) == expected, f"values has the shape {tuple(values.shape)}, promised is {expected}")
    _require(values.isfinite().all(), "values are not finite")
    shift = torch.randn(len(raw), 1, raw.shape[2], generator=random, dtype=raw.dtype)
    spread = 0.5 + torch.rand(len(raw), 1, raw.shape[2], generator=random, dtype=raw.dtype)
    _require(
        _near(head.rescale(raw, torch.zeros_like(shift), torch.ones_like(spread)), raw, 1e-9),
        "rescaling by a shift of 0 and a spread of 1 changes the output",
    )
    _require(
        _near(head.values(head.rescale(raw, shift, spread)), values * spread[..., None] + shift[..., None], 1e-9),
        "the values of a rescaled output are not the rescaled values",
    )


@dataclass(frozen=True)
class Agreement:
    """How far forecasts that should be the same differ, in standard deviations of their series; 0 is bit for bit.

    Args:
        origins: how many origins were asked.
        subset: some of the origins, in another order, against all of them.
        order: the panel's series in reverse order.
        alone: one origin at a time against all of them.
        refit: a second forecaster, fitted afresh.
    """

    origins: int
    subset: float
    order: float
    alone: float
    refit: float


def check_forecaster(make: Callable[[], Forecaster], panel: Panel | None = None) -> Agreement:
    """Check that a forecaster keeps the promise of `forecast.data.forecast.Forecaster`.

    What it says at an origin depends on the rows up to the origin (and known-ahead covariates) and on nothing else:
    not on what follows, bit for bit; not on which other origins are asked, nor on the order of the series. The
    newest value counts. Fitting twice gives the same forecasts, panels are left as they were.

    Args:
        make: returns a fresh, unfitted forecaster with the same settings each time.
        panel: at least 30 origins (series times dates); by default `sample_panel` of the forecaster's window.

    Returns:
        How exactly the forecasts agreed.

    Raises:
        AssertionError: a promise is broken.

    Example:
        >>> from forecast.windows.window import Window
        >>> class Last:
        ...     def __init__(self, window):
        ...         self.window = window
        ...     def fit(self, panel):
        ...         return self
        ...     def predict(self, panel, origins=None):
        ...         origins = panel.end_origins() if origins is None else origins
        ...         newest = panel.values[panel.offsets[origins.series] + origins.step - 1, : len(panel.targets)]
        ...         return Forecast.at(panel, origins, np.repeat(newest[:, None], self.window.horizon, axis=1))
        >>> check_forecaster(lambda: Last(Window(context=6, horizon=2))).alone
        0.0
        >>> class Peeks(Last):
        ...     def predict(self, panel, origins=None):
        ...         origins = panel.end_origins() if origins is None else origins
        ...         ahead = Origins(origins.series, np.minimum(origins.step + 1, panel.lengths[origins.series]))
        ...         return replace(super().predict(panel, ahead), origins=origins)
        >>> check_forecaster(lambda: Peeks(Window(context=6, horizon=2)))  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        ...
        AssertionError: rows after the origin move the forecast made at it, for instance at series ...
    """
    forecaster = make()
    context, horizon = forecaster.window.context, forecaster.window.horizon
    panel = sample_panel(context, horizon) if panel is None else panel
    groups = _groups(panel, context, horizon)
    origins = Origins(*(np.concatenate([getattr(group, name) for group in groups]) for name in ("series", "step")))
    before = _copy(panel)
    _check_unfitted(make(), panel, origins)
    _require(forecaster.fit(panel) is forecaster, "fit returns the forecaster itself")
    said = forecaster.predict(panel, origins)
    _check_form(said, panel, origins, horizon)
    for group in groups:
        _check_future(forecaster, panel, group)
        _check_newest(forecaster, panel, group)
    again = forecaster.predict(panel, origins)
    _require(np.array_equal(again.values, said.values), "a second predict gives other numbers than the first")
    _check_ends(forecaster, panel, horizon)
    agreement = Agreement(
        origins=len(origins),
        subset=_subset(forecaster, panel, origins, said),
        order=_series_order(forecaster, panel, origins, said),
        alone=_alone(forecaster, panel, origins, said),
        refit=_distance(panel, origins, make().fit(panel).predict(panel, origins).values, said.values),
    )
    _require(_same_panel(panel, before), "fit or predict changed the panel it was given")
    _judge(agreement)
    return agreement


def sample_panel(
    context: int,
    horizon: int,
    targets: int = 1,
    past: int = 1,
    future: int = 0,
    static: int = 0,
    missing: float = 0.05,
    seed: int = 0,
) -> Panel:
    """Three short series of different level, start and end, with missing cells: a panel to check forecasters on.

    With future covariates the last `horizon` rows hold those only; else some series end in missing cells.

    Args:
        context: of the forecaster's window; the series are a few times as long.
        horizon: of the forecaster's window.
        targets: number of target channels; past, future and static likewise.
        missing: share of cells of targets and past covariates that are missing; 0 for none, at the ends either.
        seed: of the random numbers.

    Example:
        >>> sample_panel(context=8, horizon=4)
        Panel(3 series, 391 rows, targets ['y0'], D, 2024-01-01T00:00:00.000000 to 2024-05-19T00:00:00.000000)
    """
    random = np.random.default_rng(seed)
    rows = 4 * context + 12 * horizon + 60
    begin, end = np.array([0, 5, 0]), np.array([rows, rows - 4, rows - 20])
    time = np.arange(rows)
    parts = []
    for series in range(3):
        covariates = random.normal(size=(rows, past + future))
        y = np.zeros((rows, targets))
        noise = random.normal(0, 0.3, (rows, targets))
        for row in range(1, rows):
            y[row] = 0.7 * y[row - 1] + noise[row] + 0.3 * covariates[row - 1, :past].sum()
        wave = np.sin(2 * np.pi * (time[:, None] + series + np.arange(targets)) / 7)
        y += 50 * (series + 1) + wave + 0.5 * covariates[:, past:].sum(axis=1, keepdims=True)
        hidden = random.random((rows, targets + past)) < missing
        hidden[end[series] - (horizon if future else series if missing else 0) :] = True
        values = np.concatenate([y, covariates], axis=1)
        values[:, : targets + past][hidden] = np.nan
        parts.append(values[begin[series] : end[series]])
    names = {
        role: tuple(f"{letter}{i}" for i in range(count))
        for role, letter, count in (
            ("targets", "y", targets),
            ("past", "x", past),
            ("future", "k", future),
            ("static", "s", static),
        )
    }
    days = np.datetime64("2024-01-01", "D") + np.concatenate([time[a:b] for a, b in zip(begin, end, strict=True)])
    return Panel.from_arrays(
        np.concatenate(parts),
        days,
        (end - begin).tolist(),
        ["long", "late", "short"],
        Schema(time="time", series="series", **names),
        static=random.normal(size=(3, static)),
    )


def _groups(panel: Panel, context: int, horizon: int) -> list[Origins]:
    """Origins of the same date, date after date; enough dates for 30 origins."""
    first = np.maximum(context, panel.begun() + 1)
    last = np.minimum(panel.ends(), panel.lengths - horizon) if panel.layout.future else panel.ends()
    counts = np.maximum(last - first + 1, 0)
    series = np.repeat(np.arange(len(counts)), counts)
    step = np.concatenate([np.arange(a, b + 1) for a, b in zip(first, last, strict=True)])
    date = panel.times[panel.offsets[series] + step - 1]
    _require(len(date) >= ORIGINS, f"the panel offers {len(date)} origins, {ORIGINS} are needed; give a longer one")
    dates, wanted = np.unique(date), 8
    while True:
        chosen = np.unique(dates[np.linspace(0, len(dates) - 1, min(wanted, len(dates))).round().astype(int)])
        if np.isin(date, chosen).sum() >= ORIGINS:
            return [Origins(series[date == day], step[date == day]) for day in chosen]
        wanted += 2


def _check_unfitted(forecaster: Forecaster, panel: Panel, origins: Origins) -> None:
    try:
        said = forecaster.predict(panel, origins)
    except NotFittedError:
        return
    _require(
        np.isfinite(said.values).all(),
        "predict before fit raises NotFittedError (or, where there is nothing to learn, gives finite forecasts)",
    )


def _check_form(said: Forecast, panel: Panel, origins: Origins, horizon: int) -> None:
    expected = (len(origins), horizon, panel.layout.targets, max(1, len(said.levels)))
    _require(
        said.values.shape == expected,
        f"forecasts are [origin, step, target, level] = {expected}, got {said.values.shape}",
    )
    _require(np.isfinite(said.values).all(), "a forecast is not finite")
    _require(said.targets == panel.targets and said.series == panel.series, "the forecast's names are not the panel's")
    _require(
        np.array_equal(said.origins.series, origins.series) and np.array_equal(said.origins.step, origins.step),
        "the forecast's origins are not the ones that were asked",
    )
    known, times = forecast_times(panel, origins, horizon)
    _require(
        np.array_equal(said.known, known) and np.array_equal(said.times, times),
        "the forecast's times are not the panel's (or its calendar's)",
    )


def _check_ends(forecaster: Forecaster, panel: Panel, horizon: int) -> None:
    ends = panel.end_origins()
    said = forecaster.predict(panel)
    _require(
        np.array_equal(said.origins.series, ends.series) and np.array_equal(said.origins.step, ends.step),
        "without origins a forecast stands at the end of every series",
    )
    _check_form(said, panel, ends, horizon)
    _require(
        _distance(panel, ends, forecaster.predict(panel, ends).values, said.values) <= TOLERANCE,
        "without origins the forecast differs from the one at the end of every series",
    )


def _check_future(forecaster: Forecaster, panel: Panel, group: Origins) -> None:
    """Rewrite, then cut off, every row later than the origins; the forecasts stay as they are, bit for bit."""
    said = forecaster.predict(panel, group).values
    later = panel.times > _date(panel, group)
    for name, other in {"rewritten": _rewritten(panel, later), "cut off": _cut_off(panel, later)}.items():
        if other is None:
            continue
        moved = (forecaster.predict(other, group).values != said).any(axis=(1, 2, 3))
        _require(
            not moved.any(),
            "rows after the origin move the forecast made at it, for instance at "
            f"{_place(panel, group, moved)}, where all later rows were {name}",
        )


def _rewritten(panel: Panel, later: np.ndarray) -> Panel:
    """Other values and another mask in the later rows, except in known-ahead covariates."""
    random = np.random.default_rng(0)
    free = panel.layout.targets + panel.layout.past
    values = np.where(panel.observed, panel.values, np.nan)
    block = values[later, :free]
    block = np.where(np.isfinite(block), block, 0.0) * 1000 + random.normal(0, 100, block.shape)
    values[later, :free] = np.where(random.random(block.shape) < 0.3, np.nan, block)
    return _with(panel, values)


def _cut_off(panel: Panel, later: np.ndarray) -> Panel | None:
    if panel.layout.future:
        return None
    late = np.concatenate([[0], np.cumsum(later)])
    return panel.until(panel.lengths - (late[panel.offsets[1:]] - late[panel.offsets[:-1]]))


def _check_newest(forecaster: Forecaster, panel: Panel, group: Origins) -> None:
    targets = panel.layout.targets
    rows = panel.offsets[group.series] + group.step - 1
    here = panel.observed[rows, :targets].all(axis=1)
    if not here.any():
        return
    group, rows = group[np.flatnonzero(here)], rows[here]
    values = np.where(panel.observed, panel.values, np.nan)
    values[rows, :targets] += _spread(panel)[group.series]
    said, moved = (forecaster.predict(each, group).values for each in (panel, _with(panel, values)))
    still = (said == moved).all(axis=(1, 2, 3))
    _require(not still.any(), f"the newest value does not move the forecast at {_place(panel, group, still)}")


def _with(panel: Panel, values: np.ndarray) -> Panel:
    """The panel with other cells, NaN where missing."""
    observed = np.isfinite(values)
    return replace(panel, values=carry_forward(values, observed, panel.offsets), observed=observed)


def _date(panel: Panel, group: Origins) -> np.datetime64:
    return panel.times[panel.offsets[group.series[0]] + group.step[0] - 1]


def _place(panel: Panel, origins: Origins, which: np.ndarray) -> str:
    first = int(which.argmax())
    return f"series {panel.series[origins.series[first]]!r}, step {origins.step[first]}"


def _subset(forecaster: Forecaster, panel: Panel, origins: Origins, said: Forecast) -> float:
    some = np.random.default_rng(1).permutation(len(origins))[: len(origins) * 2 // 3]
    return _distance(panel, origins[some], forecaster.predict(panel, origins[some]).values, said.values[some])


def _series_order(forecaster: Forecaster, panel: Panel, origins: Origins, said: Forecast) -> float:
    other = panel.select(panel.series[::-1])
    moved = Origins(len(panel.series) - 1 - origins.series, origins.step)
    return _distance(panel, origins, forecaster.predict(other, moved).values, said.values)


def _alone(forecaster: Forecaster, panel: Panel, origins: Origins, said: Forecast) -> float:
    lonely = [forecaster.predict(panel, origins[i : i + 1]).values for i in range(len(origins))]
    return _distance(panel, origins, np.concatenate(lonely), said.values)


def _judge(agreement: Agreement) -> None:
    sentences = {
        "subset": "a forecast depends on which other origins are asked, or on their order",
        "order": "a forecast depends on the order of the panel's series",
        "alone": "a forecast in a batch of one differs from the same forecast in a batch of many",
        "refit": "fitting the same forecaster twice gives different forecasts; fix the seed",
    }
    for name, sentence in sentences.items():
        found = getattr(agreement, name)
        _require(found <= TOLERANCE, f"{sentence} (by {found:.2g} standard deviations of the series)")


def _distance(panel: Panel, origins: Origins, a: np.ndarray, b: np.ndarray) -> float:
    _require(a.shape == b.shape, f"forecasts of the same origins have the shapes {a.shape} and {b.shape}")
    return float((np.abs(a - b) / _spread(panel)[origins.series][:, None, :, None]).max(initial=0.0))


def _spread(panel: Panel) -> np.ndarray:
    """Standard deviation of the observed targets of each series, 1 where there is none, float64 [series, target]."""
    spread = np.ones((len(panel.series), panel.layout.targets))
    for series, (a, b) in enumerate(zip(panel.offsets[:-1], panel.offsets[1:], strict=True)):
        for target in range(panel.layout.targets):
            seen = panel.values[a:b, target][panel.observed[a:b, target]]
            if len(seen) and seen.std() > 0:
                spread[series, target] = seen.std()
    return spread


def _arrays(panel: Panel) -> dict[str, np.ndarray]:
    return {
        field.name: getattr(panel, field.name)
        for field in fields(panel)
        if isinstance(getattr(panel, field.name), np.ndarray)
    }


def _copy(panel: Panel) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in _arrays(panel).items()}


def _same_panel(panel: Panel, before: dict[str, np.ndarray]) -> bool:
    return all(
        np.array_equal(array, before[name], equal_nan=array.dtype.kind == "f") for name, array in _arrays(panel).items()
    )
