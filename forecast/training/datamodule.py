"""The one data module: a panel (or frame), a window and a feed become Lightning's loaders."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch

from forecast.data.absence import with_gaps
from forecast.data.cycles import cycles_of
from forecast.data.panel import Origins, Panel
from forecast.data.readers import from_frame
from forecast.data.scale import Measure, Scale
from forecast.data.schema import Schema
from forecast.data.season import season_of
from forecast.nets.network import Sizes
from forecast.training.placement import Ahead, fits, pinned
from forecast.windows.batches import Batches, Draw
from forecast.windows.feeds import Feed, Pace, Streamed, Windowed
from forecast.windows.gather import Batch, Chunk, Rows, gather, gather_chunk, index_of, scaled_rows
from forecast.windows.inputs import input_sizes, with_added
from forecast.windows.loading import Share
from forecast.windows.stream import Stream, Turn, cells_ahead
from forecast.windows.window import Split, Window, split

WARM_UP = 4
"""Contexts read before the first validation origin of a stream."""
QUIET_CHUNK = 256
"""Rows read at once where no gradient is needed."""
MOST_LANES = 64

Loader = Batches | Stream | Ahead


class DataModule(pl.LightningDataModule):
    """Windows of a panel for a Lightning Trainer.

    Only integers travel through the loaders; the panel moves to each device once and windows are cut there. A panel
    that is too large for its GPU stays in host memory, where a thread cuts windows one batch ahead.

    In training and validation each process gets a part of every batch, or lanes of its own, and all of them together
    what one process would get; Lightning's sampler never comes between. Prediction is not shared out: every process
    forecasts every origin, in order.

    Args:
        data: a panel, or a DataFrame to be read with `schema`.
        window: context, horizon, stride.
        feed: in which order origins come.
        schema: roles of the columns of a DataFrame.
        validation: share of the time span cut off at the end for validation; 0 for none (then give your Trainer
            `limit_val_batches=0`, or Lightning warns).
        seed: of the shuffling, and of where a stream's chunks begin.
        calendar: add the cycles of the calendar to the inputs; None: for streams.
        measure: transform and unit of the scaled targets; a head says which unit it needs (`Head.units`).
        ahead: give those cycles ahead of the origin too, for decoders that read them there.
        gaps: add to the inputs where cells are missing, and for how long.

    Example:
        >>> import numpy as np
        >>> hours = pd.date_range("2024-01-01", periods=50, freq="h")
        >>> frame = pd.DataFrame({"time": hours, "load": np.sin(np.arange(50.0))})
        >>> data = DataModule(frame, Window(12, 3), schema=Schema(time="time", targets=["load"]))
        >>> data.setup()
        >>> len(data.split.training), len(data.split.validation)
        (26, 8)
    """

    def __init__(
        self,
        data: Panel | pd.DataFrame,
        window: Window,
        feed: Feed = Windowed(),  # noqa: B008 - a frozen value
        schema: Schema | None = None,
        validation: float = 0.2,
        seed: int = 0,
        calendar: bool | None = None,
        measure: Measure = Measure(),  # noqa: B008 - a frozen value
        ahead: bool = False,
        gaps: bool = False,
    ) -> None:
        super().__init__()
        self.panel = data if isinstance(data, Panel) else from_frame(data, schema or Schema())
        self.window, self.feed, self.validation, self.seed = window, feed, validation, seed
        self.calendar = isinstance(feed, Streamed) if calendar is None else calendar
        self.measure = measure
        self.ahead = ahead
        self.absences = gaps
        self._device_rows: Rows | None = None

    @cached_property
    def split(self) -> Split:
        """Training and validation origins; raises TrainingError when either is empty."""
        return split(self.panel, self.window, self.validation)

    @cached_property
    def scale(self) -> Scale:
        """The scale of the training rows."""
        return Scale.fit(self.panel, self.split.cut, self.measure)

    @cached_property
    def cycles(self) -> tuple[str, ...]:
        """Cycles of the calendar that are inputs, chosen by the training rows."""
        return cycles_of(self.panel.until(self.split.cut)) if self.calendar else ()

    @cached_property
    def gaps(self) -> tuple[str, ...]:
        """Channels whose missing cells are inputs: those with some in the training rows."""
        if not self.absences:
            return ()
        train = self.panel.until(self.split.cut)
        return with_gaps(self.scale.of(train, self.window.context).plausible(train))

    @cached_property
    def rows(self) -> Rows:
        """The scaled panel on the host."""
        scale = self.scale.of(self.panel, self.window.context)
        return scaled_rows(self.panel, scale, cycles=self.cycles, ahead=self.ahead, gaps=self.gaps)

    @property
    def sizes(self) -> Sizes:
        """The shapes a network for this data needs."""
        layout = with_added(self.panel.layout, self.cycles, self.gaps, self.ahead)
        columns = input_sizes(self.panel.schema, self.scale.categories, self.cycles, self.gaps, self.ahead)
        return Sizes(self.window.context, self.window.horizon, *layout, columns)

    @cached_property
    def pace(self) -> Pace:
        """How a stream of this data is read."""
        feed = self.feed if isinstance(self.feed, Streamed) else Streamed()
        season = season_of(self.panel.until(self.split.cut)) if feed.chunk == "season" else 1
        return feed.settled(np.unique(self.split.training.series, return_counts=True)[1], season)

    @property
    def batch_rows(self) -> int:
        """Rows of a training batch in all processes together: windows or lanes."""
        return self.feed.batch_size if isinstance(self.feed, Windowed) else self.pace.lanes

    def setup(self, stage: str | None = None) -> None:
        """Cut, scale and check before Lightning asks for a loader."""
        self.split, self.rows  # noqa: B018 - computed once, so that errors come here

    def __getstate__(self) -> dict[str, Any]:
        """What a spawned process gets: it scales the panel itself, and nothing on a device travels."""
        return {name: value for name, value in self.__dict__.items() if name != "rows"} | {"_device_rows": None}

    @cached_property
    def _plausible(self) -> Panel:
        """The panel whose observed cells are those that count in a loss."""
        return self.scale.of(self.panel, self.window.context).plausible(self.panel)

    @property
    def _share(self) -> Share:
        return Share() if self.trainer is None else Share(self.trainer.global_rank, self.trainer.world_size)

    def _windows(self, origins: Origins, share: Share, seed: int | None = None) -> Batches:
        size = self.feed.batch_size if isinstance(self.feed, Windowed) else Windowed.batch_size
        missing = not self._plausible.observed[:, : self.panel.layout.targets].all()
        cells = cells_ahead(self._plausible, origins, self.window.horizon) if missing else None
        return Batches(index_of(self.panel, origins), size, cells, share, seed)

    def _stream(self, panel: Panel, origins: Origins, pace: Pace, share: Share, seed: int | None = None) -> Stream:
        return Stream(panel, origins, self.window.horizon, pace, share=share, seed=seed)

    def train_dataloader(self) -> Loader:
        """Training origins: this process's part of shuffled batches, or its lanes."""
        origins, share = self.split.training, self._share
        if isinstance(self.feed, Windowed):
            same = getattr(self.trainer, "overfit_batches", 0) > 0  # Lightning's own switch, which stops its samplers
            return self._begun(self._windows(origins, share, self.seed if self.feed.shuffle and not same else None))
        # Series are cut for the lanes there will be, so that one process with as many lanes reads the same turns.
        pace = self.pace._replace(lanes=-(-self.pace.lanes // share.world) * share.world)
        return self._begun(self._stream(self._plausible, origins, pace, share, self.seed))

    def val_dataloader(self) -> Loader | list:
        """Validation origins; a stream is warmed on the rows before them, one lane a series."""
        origins, share = self.split.validation, self._share
        if not len(origins):
            return []
        if isinstance(self.feed, Windowed):
            return self._placed(self._windows(origins, share))
        warm = max(self.pace.burn_in, WARM_UP * self.window.context)
        pace = quiet_pace(len(np.unique(origins.series)), warm)
        return self._placed(self._stream(self._plausible, origins, pace, share))

    def predict_dataloader(self) -> Loader:
        """Every origin of the panel, in order, in every process; a stream reads one series after the other."""
        origins = self.window.origins(self.panel)
        if isinstance(self.feed, Windowed):
            return self._placed(self._windows(origins, Share()))
        return self._placed(self._stream(self.panel, origins, Pace(1, QUIET_CHUNK, len(self.panel.times)), Share()))

    def _begun(self, loader: Batches | Stream) -> Loader:
        """A training loader at the pass that comes next; a Trainer may ask for a new one every epoch."""
        if self.trainer is not None:
            loader.load_state_dict({"epoch": self.trainer.current_epoch - 1, "position": len(loader)})
        return self._placed(loader)

    def _placed(self, loader: Batches | Stream) -> Loader:
        """The loader itself, or one that cuts what it says on the host, where the panel is too large for the device."""
        if self.trainer is None or self._device_rows is not None:
            return loader
        if fits(self.rows, self.trainer.strategy.root_device):
            return loader
        rows = self.rows.to("cpu", self._dtype)
        return Ahead(loader, lambda integers: pinned(self._cut(rows, integers)))

    @property
    def _dtype(self) -> torch.dtype:
        wide = self.trainer is not None and self.trainer.precision == "64-true"
        return torch.float64 if wide else torch.float32

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Integers cross alone: Lightning's walk through a tuple takes ten times as long."""
        if isinstance(batch, Draw):
            return batch._replace(index=batch.index.to(device, non_blocking=device.type == "cuda"))
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def on_after_batch_transfer(self, batch: Draw | Turn | Batch | Chunk, dataloader_idx: int) -> Batch | Chunk:
        """Cut the windows of a batch of integers, on the device it has just reached."""
        if isinstance(batch, Batch | Chunk):  # cut on the host
            return batch
        place = (batch.index.device, self._dtype)
        if self._device_rows is None or (self._device_rows.values.device, self._device_rows.values.dtype) != place:
            self._device_rows = self.rows.to(*place)
        return self._cut(self._device_rows, batch)

    def _cut(self, rows: Rows, batch: Draw | Turn) -> Batch | Chunk:
        if isinstance(batch, Turn):
            return gather_chunk(rows, batch, self.window.context, self.window.horizon)
        return gather(rows, batch.index, self.window.context, self.window.horizon)._replace(draw=batch)


def quiet_pace(series: int, warm: int) -> Pace:
    """A lane for each series, and turns long enough that the first one has a loss behind the rows that warm the state.

    A Trainer may look at one turn only. Where turns are longer than usual lanes are fewer, for the same memory.
    """
    chunk = max(QUIET_CHUNK, warm + QUIET_CHUNK // 4)
    return Pace(min(series, max(1, MOST_LANES * QUIET_CHUNK // chunk)), chunk, warm)
