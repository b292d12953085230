"""The one gather: rows of a panel on a device, and origins turned into a batch by one indexing each.

Networks, scikit-learn regressors and the linear model all cut their windows here, so nobody sees more than another.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from forecast.data.absence import marks
from forecast.data.categories import translated
from forecast.data.cycles import cyclic
from forecast.data.panel import Origins, Panel
from forecast.data.scale import Scale
from forecast.data.schema import Layout
from forecast.windows.batches import Draw
from forecast.windows.inputs import with_added
from forecast.windows.stream import Turn


class Rows(NamedTuple):
    """The rows of a panel as tensors, all on one device.

    Args:
        values: [row, channel], scaled.
        seen: bool [row, channel], or None when every cell was observed.
        static: [series, static covariate].
        layout: how many channels play which part.
    """

    values: Tensor
    seen: Tensor | None
    static: Tensor
    layout: Layout

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Rows:
        seen = None if self.seen is None else self.seen.to(device)
        return Rows(self.values.to(device, dtype), seen, self.static.to(device, dtype), self.layout)


class Batch(NamedTuple):
    """What a model gets at a batch of origins, scaled.

    Args:
        past: [origin, context, channel]: targets, past and future covariates up to the origin.
        future: [origin, horizon, future covariate].
        static: [origin, static covariate].
        target: [origin, horizon, target]; no steps when forecasting.
        past_seen: bool [origin, context, channel], or None when all were observed.
        target_seen: bool [origin, horizon, target], or None when all were observed.
        draw: what the loader said of it; None where no loader drew it.
    """

    past: Tensor
    future: Tensor
    static: Tensor
    target: Tensor
    past_seen: Tensor | None
    target_seen: Tensor | None
    draw: Draw | None = None

    @property
    def last(self) -> Tensor:
        """The newest targets, [origin, 1, target]."""
        return self.past[:, -1:, : self.target.shape[2]]


class Chunk(NamedTuple):
    """What a network gets at a turn of a stream, scaled.

    Args:
        past: [lane, time, channel].
        future: [lane x time, horizon, future covariate].
        static: [lane, static covariate].
        target: [lane x time, horizon, target].
        past_seen: bool [lane, time, channel], or None when all were observed.
        target_seen: bool [lane x time, horizon, target], False too where the forecast does not count; or None.
        before: [lane, context, target], the rows before the chunk, where some lane is fresh.
        weight: 1 where a cell of `before` was there and observed.
        fresh: bool [lane], or None where no lane is.
        turn: what the stream said of it.
    """

    past: Tensor
    future: Tensor
    static: Tensor
    target: Tensor
    past_seen: Tensor | None
    target_seen: Tensor | None
    before: Tensor | None
    weight: Tensor | None
    fresh: Tensor | None
    turn: Turn

    @property
    def last(self) -> Tensor:
        """The newest targets at each step, [lane x time, 1, target]."""
        return self.past[..., : self.target.shape[2]].flatten(0, 1)[:, None]


def scaled_rows(
    panel: Panel,
    scale: Scale,
    dtype: torch.dtype = torch.float32,
    cycles: tuple[str, ...] = (),
    ahead: bool = False,
    gaps: tuple[str, ...] = (),
) -> Rows:
    """Scale a panel in float64 and put it into tensors; cells beyond `forecast.data.scale.LIMIT` count as missing.

    Args:
        scale: the scale of this panel's own series (`Scale.of`).
        cycles: of the calendar (`forecast.data.cycles`), added behind the past covariates.
        ahead: they are known ahead, and added behind the future covariates.
        gaps: channels whose absence is an input (`forecast.data.absence`), added behind those.
    """
    panel = translated(scale.plausible(panel), scale.categories)
    values = scale.apply(panel, np.float64 if dtype == torch.float64 else np.float32)
    seen = None if panel.observed.all() else np.array(panel.observed)
    layout = panel.layout
    if cycles or gaps:
        place, waves = layout.targets + layout.past, cyclic(panel.times, cycles)
        parts = [
            values[:, :place],
            *([] if ahead else [waves]),
            marks(panel, gaps),
            values[:, place:],
            *([waves] * ahead),
        ]
        values = np.concatenate(parts, axis=1, dtype=values.dtype)
        if seen is not None:
            there = [np.ones_like(part, dtype=bool) for part in parts]
            there[0], there[-2 if ahead else -1] = seen[:, :place], seen[:, place:]
            seen = np.concatenate(there, axis=1)
        layout = with_added(layout, cycles, gaps, ahead)
    static = torch.from_numpy(scale.static(panel)).to(dtype)
    return Rows(torch.from_numpy(values), None if seen is None else torch.from_numpy(seen), static, layout)


def newest(rows: Rows, panel: Panel, origins: Origins) -> np.ndarray:
    """The last known targets at origins, scaled, float64 [origin, target]."""
    place = torch.from_numpy(panel.offsets[origins.series] + origins.step - 1).to(rows.values.device)
    return rows.values[place][:, : rows.layout.targets].double().cpu().numpy()


def index_of(panel: Panel, origins: Origins) -> Tensor:
    """The integers that cross to the device: int64 [origin, 2], first unknown row and series of each origin."""
    return torch.from_numpy(np.stack([panel.offsets[origins.series] + origins.step, origins.series], axis=1))


def gather(rows: Rows, index: Tensor, context: int, horizon: int, targets: bool = True) -> Batch:
    """Cut the windows of a batch of origins.

    Args:
        rows: on the device of `index`.
        index: int64 [origin, 2] of `index_of`.
        targets: also cut what lies ahead; False when forecasting.
    """
    layout = rows.layout
    known = slice(layout.channels - layout.future, layout.channels)
    reach = horizon if targets or layout.future else 0
    # Whole rows are cut at once and then narrowed to views: that is quicker than picking cells.
    start = index[:, 0] - context
    cut = _windows(rows.values, start, context + reach)
    seen = None if rows.seen is None else _windows(rows.seen, start, context + (horizon if targets else 0))
    ahead = slice(context, context + horizon if targets else context)
    return Batch(
        past=cut[:, :context],
        future=cut[:, context:, known] if layout.future else cut.new_zeros(len(cut), horizon, 0),
        static=rows.static.index_select(0, index[:, 1]),
        target=cut[:, ahead, : layout.targets],
        past_seen=None if seen is None else seen[:, :context],
        target_seen=None if seen is None or not targets else seen[:, context:, : layout.targets],
    )


def _windows(table: Tensor, start: Tensor, length: int) -> Tensor:
    """Rows start : start + length of a [row, channel] table for each start, [start, length, channel]."""
    rows, channels = table.shape
    stride = table.stride(0)
    view = table.as_strided((max(rows - length + 1, 0), length, channels), (stride, stride, 1))
    return view.index_select(0, start)


def gather_chunk(rows: Rows, turn: Turn, context: int, horizon: int) -> Chunk:
    """Cut what every lane reads in a turn, and what lies ahead of each of its steps.

    Args:
        rows: on the device of the turn.
    """
    layout, (start, series, begin, fresh) = rows.layout, turn.index.unbind(1)
    time = turn.asked.shape[1]
    steps = torch.arange(time + horizon, device=start.device)
    place = (start[:, None] + steps).clamp(max=len(rows.values) - 1)
    cut = rows.values[place]
    seen = None if rows.seen is None else rows.seen[place]
    known = slice(layout.channels - layout.future, layout.channels)
    counts = None if turn.whole else turn.asked.flatten()[:, None, None]
    if seen is not None:
        ahead = _ahead(seen[..., : layout.targets], horizon)
        counts = ahead if counts is None else ahead & counts
    elif counts is not None:
        counts = counts.expand(-1, horizon, layout.targets)
    before, weight = (None, None) if not turn.fresh else before_rows(rows, start, begin, context)
    return Chunk(
        past=cut[:, :time],
        future=_ahead(cut[..., known], horizon),
        static=rows.static.index_select(0, series),
        target=_ahead(cut[..., : layout.targets], horizon),
        past_seen=None if seen is None else seen[:, :time],
        target_seen=counts,
        before=before,
        weight=weight,
        fresh=fresh.bool() if turn.fresh else None,
        turn=turn,
    )


def before_rows(rows: Rows, start: Tensor, begin: Tensor, context: int) -> tuple[Tensor, Tensor]:
    """Targets [lane, context, target] before a row, and the weight of each cell.

    Where the series had not begun its first row stands in, with weight 0.

    Args:
        start: int64 [lane], a row of the panel.
        begin: int64 [lane], the first row of its series.
    """
    place = start[:, None] - torch.arange(context, 0, -1, device=start.device)
    there = place >= begin[:, None]
    place = torch.maximum(place, begin[:, None])
    targets = rows.layout.targets
    seen = there[..., None].expand(-1, -1, targets)
    if rows.seen is not None:
        seen = seen & rows.seen[place][..., :targets]
    return rows.values[place][..., :targets], seen.to(rows.values.dtype)


def _ahead(cut: Tensor, horizon: int) -> Tensor:
    """What follows each step: [lane, time + horizon, channel] to [lane x time, horizon, channel]."""
    return cut[:, 1:].unfold(1, horizon, 1).transpose(2, 3).flatten(0, 1)
