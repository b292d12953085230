"""Streams through Lightning: plain truncated backpropagation, memories of their own, and resuming bit for bit."""

import copy

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from forecast.data.panel import Panel
from forecast.data.schema import Schema
from forecast.errors import SettingsError, TrainingError
from forecast.forecasters.recurrent import Recurrent
from forecast.nets.cells import CELLS
from forecast.nets.heads import Point
from forecast.nets.network import Architecture, Network
from forecast.training.datamodule import DataModule
from forecast.training.module import RecurrentModule
from forecast.training.settings import Training
from forecast.windows.feeds import Streamed
from forecast.windows.gather import before_rows
from forecast.windows.stream import Stream
from forecast.windows.window import Window

WINDOW = Window(context=8, horizon=3)
FEED = Streamed(lanes=3, chunk=8, burn_in=6)
PANEL_LENGTHS = (150, 61)

pytestmark = [
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty:UserWarning"),
    pytest.mark.filterwarnings("ignore:The dirpath has changed from:UserWarning"),
]


def panel_of(lengths: tuple[int, ...] = PANEL_LENGTHS, missing: float = 0.1, past: int = 1) -> Panel:
    random = np.random.default_rng(0)
    time = np.concatenate([np.arange(n) for n in lengths])
    values = np.column_stack([np.sin(time / 3), *random.normal(size=(past, len(time)))])
    values += 0.2 * random.normal(size=values.shape)
    values[random.random(values.shape) < missing] = np.nan
    schema = Schema(targets=["y"], past=[f"x{i}" for i in range(past)])
    return Panel.from_arrays(values, time.astype("M8[h]"), lengths, schema=schema)


def made(feed: Streamed = FEED, dropout: float = 0.0, panel: Panel | None = None, window: Window = WINDOW, **settings):
    """A new module and a new data module, the same every time."""
    data = DataModule(panel_of() if panel is None else panel, window, feed, validation=0.2)
    torch.manual_seed(0)
    architecture = Architecture("lstm", hidden_size=4, scaling="running", dropout=dropout)
    settings = {"learning_rate": 1e-2, "weight_decay": 0.01} | settings
    return RecurrentModule(Network(architecture, data.sizes, Point()), **settings), data


def trainer_of(folder, *callbacks, epochs: int = 3, **settings) -> pl.Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    saves = any(isinstance(each, ModelCheckpoint) for each in callbacks)
    settings = {"num_sanity_val_steps": 0, "max_epochs": epochs} | settings
    return pl.Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        callbacks=list(callbacks),
        enable_checkpointing=saves,
        **quiet,
        **settings,
    )


def weights(module: RecurrentModule) -> torch.Tensor:
    return torch.cat([weight.detach().flatten().clone() for weight in module.parameters()])


class Watch(pl.Callback):
    """Writes down every turn, its loss and the weights before and after it, and every validation loss."""

    def __init__(self) -> None:
        self.turns, self.losses, self.weights, self.validation = [], [], [], []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.turns.append(batch.turn)
        self.weights.append(weights(pl_module))

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.losses.append(float(outputs["loss"]))

    def on_validation_end(self, trainer, pl_module):
        self.validation.append(float(trainer.callback_metrics["val_loss"]))


class Killed(Exception):
    """What stops a fit from outside."""


class Kill(pl.Callback):
    """Stops a fit before a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == self.step:
            raise Killed


def lane_by_lane(network: Network, data: DataModule, epochs: int, settings: dict) -> tuple[list[float], torch.Tensor]:
    """Truncated backpropagation through time, written out: every lane alone, every origin alone, the loss a sum."""
    context, horizon, layout = WINDOW.context, WINDOW.horizon, data.rows.layout
    rows = data.rows.to("cpu", torch.float64)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings["learning_rate"], weight_decay=0.01)
    stream = Stream(data.panel, data.split.training, horizon, data.pace, seed=data.seed)
    losses, memories = [], {}
    for turn in [turn for _ in range(epochs) for turn in stream]:
        total, count = torch.zeros((), dtype=torch.float64), 0
        for lane, (row, series, begin, fresh) in enumerate(turn.index.tolist()):
            if fresh:
                memories[lane] = network.begin(*before_rows(rows, torch.tensor([row]), torch.tensor([begin]), context))
            here = slice(row, row + turn.asked.shape[1])
            seen = None if rows.seen is None else rows.seen[here][None]
            reading, memory = network.read(rows.values[here][None], rows.static[[series]], memories[lane], seen)
            memories[lane] = memory.detach()
            for step in turn.asked[lane].nonzero()[:, 0].tolist():
                ahead = slice(row + step + 1, row + step + 1 + horizon)
                said = network.answer(
                    reading.at(torch.tensor([0]), torch.tensor([step])), rows.values[ahead][None, :, layout.channels :]
                )
                there = torch.ones(horizon, 1, dtype=torch.bool) if rows.seen is None else rows.seen[ahead, :1]
                total = total + ((said[0, ..., 0] - rows.values[ahead, :1]) ** 2)[there].sum()
                count += int(there.sum())
        losses.append(float(total.detach()) / max(count, 1))
        if count:
            optimizer.zero_grad()
            (total / count).backward()
            optimizer.step()
    return losses, torch.cat([weight.detach().flatten() for weight in network.parameters()])


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_a_streamed_fit_is_plain_truncated_backpropagation(tmp_path, missing):
    feed = Streamed(lanes=3, chunk=6, burn_in=9)
    module, data = made(feed, panel=panel_of((70, 40), missing))
    module.double()
    network = copy.deepcopy(module.network)
    watch = Watch()
    trainer_of(tmp_path, watch, epochs=2, precision="64-true", limit_val_batches=0).fit(module, datamodule=data)
    losses, by_hand = lane_by_lane(network, data, 2, {"learning_rate": 1e-2})
    assert len(losses) == len(watch.losses) > 10
    assert np.abs(np.array(losses) - watch.losses).max() < 1e-12
    assert (by_hand - weights(module)).abs().max() < 1e-10


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_turns_without_a_loss_leave_the_weights_alone_and_all_others_move_them(tmp_path, schedule):
    module, data = made(
        Streamed(lanes=3, chunk=6, burn_in=36), window=Window(40, 3), weight_decay=0.1, schedule=schedule
    )
    watch = Watch()
    trainer_of(tmp_path, watch, limit_val_batches=0).fit(module, datamodule=data)
    after = [*watch.weights[1:], weights(module)]
    still = [torch.equal(a, b) for a, b in zip(watch.weights, after, strict=True)]
    assert still == [turn.cells == 0 for turn in watch.turns]
    assert still[0]
    assert sum(still) > 4


def test_a_step_of_several_turns_counts_if_any_of_them_has_a_loss(tmp_path):
    module, data = made(Streamed(lanes=3, chunk=6, burn_in=36), window=Window(40, 3))
    watch = Watch()
    trainer = trainer_of(tmp_path, watch, limit_val_batches=0, accumulate_grad_batches=3, epochs=1)
    trainer.fit(module, datamodule=data)
    after = [*watch.weights[1:], weights(module)]
    cells = [turn.cells for turn in watch.turns]
    for i, (a, b) in enumerate(zip(watch.weights, after, strict=True)):
        steps = (i + 1) % 3 == 0 or i + 1 == len(cells)
        assert torch.equal(a, b) != (steps and any(cells[i // 3 * 3 : i + 1]))
    assert 0 in cells[:3]


@pytest.mark.parametrize("every", [1.0, 0.5])
@pytest.mark.parametrize("sanity", [0, 2])
def test_validation_leaves_the_training_memory_alone(tmp_path, every, sanity):
    ends = []
    for settings in ({"limit_val_batches": 0}, {"val_check_interval": every, "num_sanity_val_steps": sanity}):
        module, data = made(dropout=0.3)
        watch = Watch()
        trainer_of(tmp_path, watch, **settings).fit(module, datamodule=data)
        ends.append((weights(module), watch))
    assert torch.equal(ends[0][0], ends[1][0])
    assert ends[0][1].losses == ends[1][1].losses
    assert len(ends[0][1].validation) == 0
    assert len(ends[1][1].validation) == 3 / every + (sanity > 0)


def test_validating_twice_gives_the_same_loss_and_keeps_no_memory(tmp_path):
    module, data = made()
    trainer = trainer_of(tmp_path, epochs=1)
    trainer.fit(module, datamodule=data)
    kept = [part.clone() for part in module.carried["train"].cell]
    losses = [trainer.validate(module, datamodule=data, verbose=False)[0]["val_loss"] for _ in range(2)]
    assert losses[0] == losses[1] == float(trainer.callback_metrics["val_loss"])
    assert set(module.carried) == {"train"}
    assert all(map(torch.equal, module.carried["train"].cell, kept))


@torch.no_grad()
def test_the_validation_loss_is_the_mean_over_observed_cells_with_states_warmed_before_the_cut(tmp_path):
    module, data = made()
    (said,) = trainer_of(tmp_path, precision="64-true").validate(module, datamodule=data, verbose=False)
    rows, origins, total, count = data.rows.to("cpu", torch.float64), data.split.validation, 0.0, 0
    warm = max(data.pace.burn_in, 4 * WINDOW.context)
    for series in np.unique(origins.series):
        steps = origins.step[origins.series == series]
        begin, first = data.panel.offsets[series], max(steps[0] - 1 - warm, 0)
        where = torch.tensor([begin + first]), torch.tensor([begin])
        memory = module.network.begin(*before_rows(rows, *where, WINDOW.context))
        here = slice(begin + first, begin + steps[-1])
        reading, _ = module.network.read(rows.values[here][None], rows.static[[series]], memory, rows.seen[here][None])
        for step in steps:
            stand = reading.at(torch.tensor([0]), torch.tensor([step - 1 - first]))
            answer = module.network.answer(stand, torch.zeros(1, WINDOW.horizon, 0, dtype=torch.float64))
            ahead = slice(begin + step, begin + step + WINDOW.horizon)
            seen = rows.seen[ahead, :1]
            total += float((((answer[0, ..., 0] - rows.values[ahead, :1]) ** 2)[seen]).sum())
            count += int(seen.sum())
    assert said["val_loss"] == pytest.approx(total / count, rel=1e-6)


@pytest.mark.parametrize("lengths", [PANEL_LENGTHS, (700, 12, 300, 40)])
def test_predicting_twice_gives_the_same_in_the_order_of_the_origins_and_what_the_forecaster_says(tmp_path, lengths):
    panel = panel_of(lengths)
    model = Recurrent(WINDOW, hidden_size=4, feed=FEED, training=Training(epochs=1)).fit(panel)
    data = DataModule(panel, WINDOW, FEED, validation=0.2)
    module, trainer = RecurrentModule(model.network), trainer_of(tmp_path)
    first, second = (torch.cat(trainer.predict(module, datamodule=data)) for _ in range(2))
    assert torch.equal(first, second)
    origins = WINDOW.origins(panel)
    said = data.scale.of(panel, WINDOW.context).invert(first.numpy(), origins.series)
    assert np.abs(said - model.predict(panel, origins).values).max() < 1e-5


def test_predicting_in_the_middle_of_a_fit_leaves_the_training_memory_alone(tmp_path):
    class Predicts(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if batch_idx == 4:
                pl_module.eval()
                other = DataModule(panel_of(), WINDOW, FEED)
                for turn in other.predict_dataloader():
                    pl_module.predict_step(other.on_after_batch_transfer(turn, 0), 0)
                pl_module.train()

    ends = []
    for callbacks in ((), (Predicts(),)):
        module, data = made()
        trainer_of(tmp_path, *callbacks, limit_val_batches=0).fit(module, datamodule=data)
        ends.append(weights(module))
    assert torch.equal(*ends)


def saver(folder, every: int = 1, **settings) -> ModelCheckpoint:
    settings = {"save_on_train_epoch_end": False, "every_n_train_steps": every} | settings
    return ModelCheckpoint(folder, filename="{step}", save_top_k=-1, **settings)


def same_end(a: tuple[RecurrentModule, pl.Trainer], b: tuple[RecurrentModule, pl.Trainer]) -> bool:
    """Weights, momentum and the validation loss, bit for bit."""
    states = [
        [value for each in trainer.optimizers[0].state_dict()["state"].values() for value in each.values()]
        for _, trainer in (a, b)
    ]
    return (
        torch.equal(weights(a[0]), weights(b[0]))
        and all(map(torch.equal, *states))
        and float(a[1].callback_metrics["val_loss"]) == float(b[1].callback_metrics["val_loss"])
        and a[1].global_step == b[1].global_step
    )


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_fit_resumed_from_any_step_ends_as_if_it_had_never_stopped(tmp_path, dropout, schedule):
    settings = {"dropout": dropout, "schedule": schedule}
    module, data = made(**settings)
    trainer = trainer_of(tmp_path, saver(tmp_path / "whole"), val_check_interval=0.5)
    trainer.fit(module, datamodule=data)
    length = trainer.global_step // 3
    for stop in (1, length // 2, length, 2 * length + length // 3):
        again, data = made(**settings)
        torch.manual_seed(stop)  # another process has drawn other numbers
        resumed = trainer_of(tmp_path, saver(tmp_path / "rest"), val_check_interval=0.5)
        resumed.fit(again, datamodule=data, ckpt_path=tmp_path / "whole" / f"step={stop}.ckpt")
        assert same_end((module, trainer), (again, resumed)), f"resumed from step {stop} of {length} an epoch"


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_fit_that_was_killed_and_resumed_ends_as_if_it_had_never_stopped(tmp_path, schedule):
    module, data = made(dropout=0.3, schedule=schedule)
    trainer = trainer_of(tmp_path, saver(tmp_path / "whole", 5))
    trainer.fit(module, datamodule=data)
    broken, data = made(dropout=0.3, schedule=schedule)
    with pytest.raises(Killed):
        trainer_of(tmp_path, saver(tmp_path / "torn", 5), Kill(13)).fit(broken, datamodule=data)
    again, data = made(dropout=0.3, schedule=schedule)
    resumed = trainer_of(tmp_path, saver(tmp_path / "rest", 5))
    resumed.fit(again, datamodule=data, ckpt_path=tmp_path / "torn" / "step=10.ckpt")
    assert same_end((module, trainer), (again, resumed))


@pytest.mark.parametrize("where", [{"save_on_train_epoch_end": True}, {"save_on_train_epoch_end": None}])
@pytest.mark.parametrize("limit", [1.0, 5])
def test_a_fit_resumed_after_an_epoch_ends_as_if_it_had_never_stopped(tmp_path, where, limit):
    """Also where the Trainer cuts every pass short."""
    ends, settings = [], where | {"every_n_train_steps": None, "every_n_epochs": 1}
    for folder, checkpoint in (("whole", None), ("rest", "whole/step={}.ckpt")):
        module, data = made(dropout=0.3)
        trainer = trainer_of(tmp_path, saver(tmp_path / folder, **settings), limit_train_batches=limit)
        turns = sum(1 for _ in data.train_dataloader()) if limit == 1.0 else limit
        path = None if checkpoint is None else tmp_path / checkpoint.format(turns)
        trainer.fit(module, datamodule=data, ckpt_path=path)
        ends.append((module, trainer))
    assert same_end(*ends)


def test_a_fit_that_ran_its_steps_goes_on_with_the_turn_that_comes_next(tmp_path):
    """Lightning counts the epoch as over then, the stream does not."""
    ends = []
    for steps in ((20,), (7, 20)):
        path = None
        for stop in steps:
            module, data = made(dropout=0.3)
            trainer = trainer_of(tmp_path, epochs=9, max_steps=stop, limit_val_batches=0)
            trainer.fit(module, datamodule=data, ckpt_path=path)
            path = tmp_path / "stopped.ckpt"
            trainer.save_checkpoint(path)
        ends.append(weights(module))
    assert torch.equal(*ends)


@pytest.mark.parametrize("cell", CELLS)
def test_a_checkpoint_holds_memory_cursor_and_random_state_and_no_code(tmp_path, cell):
    module, data = made()
    module = RecurrentModule(Network(Architecture(cell, 4, scaling="running"), data.sizes, Point()))
    trainer = trainer_of(tmp_path, epochs=1, max_steps=6)
    trainer.fit(module, datamodule=data)
    trainer.save_checkpoint(tmp_path / "some.ckpt")
    kept = torch.load(tmp_path / "some.ckpt", weights_only=True)["forecast"]
    assert kept["loader"] == {"epoch": 0, "position": 6}
    (process,) = kept["processes"]
    assert all(map(torch.equal, process["memory"]["cell"], module.carried["train"].cell))
    assert torch.equal(process["memory"]["recent"], module.carried["train"].recent)
    assert process["random"]["cpu"].dtype == torch.uint8


def test_two_fits_of_one_module_begin_with_fresh_memories(tmp_path):
    """What one fit carried at its end does not reach the next."""
    module, data = made()
    other, more = made()
    trainer_of(tmp_path, epochs=1).fit(module, datamodule=data)
    other.load_state_dict(module.state_dict())
    for each, rows in ((module, data), (other, more)):
        trainer_of(tmp_path, epochs=1).fit(each, datamodule=rows)
    assert torch.equal(weights(module), weights(other))


def test_entering_a_stream_in_the_middle_is_an_error():
    module, data = made(Streamed(lanes=1, chunk=8, burn_in=6))
    chunks = [data.on_after_batch_transfer(turn, 0) for turn in data.train_dataloader()]
    steady = next(chunk for chunk in chunks if not chunk.turn.fresh)
    renewed = next(chunk for chunk in chunks[1:] if chunk.turn.fresh)
    for chunk in (steady, renewed):
        with pytest.raises(TrainingError, match="entered in the middle"):
            module.training_step(chunk, 0)
    module.training_step(chunks[0], 0)
    with pytest.raises(TrainingError, match="entered in the middle"):
        module.training_step(other_lanes(steady), 0)


def other_lanes(chunk):
    """The chunk without its last lane."""
    return chunk._replace(past=chunk.past[:-1])


def test_a_cosine_needs_an_end_of_training(tmp_path):
    module, data = made(schedule="cosine")
    with pytest.raises(SettingsError, match="max_epochs"):
        trainer_of(tmp_path, max_epochs=-1, max_time="00:00:00:01").fit(module, datamodule=data)


def test_a_cosine_ends_at_a_learning_rate_of_0(tmp_path):
    module, data = made(schedule="cosine")
    trainer = trainer_of(tmp_path)
    trainer.fit(module, datamodule=data)
    assert trainer.optimizers[0].param_groups[0]["lr"] < 1e-8


def test_one_data_module_serves_trainers_of_any_precision(tmp_path):
    module, data = made()
    trainer_of(tmp_path, epochs=1).fit(module, datamodule=data)
    trainer_of(tmp_path, epochs=1, precision="64-true").fit(module, datamodule=data)
    trainer_of(tmp_path, epochs=1).fit(module.float(), datamodule=data)
    assert weights(module).isfinite().all()


def test_weights_of_a_checkpoint_begin_a_new_fit_at_its_first_turn(tmp_path):
    """Loaded into another module, or for validation: only a fit that goes on takes the place and the memory."""
    module, data = made()
    trainer = trainer_of(tmp_path, max_steps=9, limit_val_batches=0)
    trainer.fit(module, datamodule=data)
    trainer.save_checkpoint(tmp_path / "some.ckpt")
    other, validated, failed = (made()[0] for _ in range(3))
    loaded = RecurrentModule.load_from_checkpoint(
        tmp_path / "some.ckpt", network=other.network, learning_rate=1e-2, weight_decay=0.01
    )
    (again := trainer_of(tmp_path)).validate(
        validated, datamodule=data, ckpt_path=tmp_path / "some.ckpt", verbose=False
    )
    with pytest.raises(Killed):
        trainer_of(tmp_path, Fails(), epochs=9).fit(failed, datamodule=data, ckpt_path=tmp_path / "some.ckpt")
    validated.load_state_dict(loaded.state_dict())
    failed.load_state_dict(loaded.state_dict())
    ends = []
    for each, its in ((loaded, trainer_of(tmp_path)), (validated, again), (failed, trainer_of(tmp_path))):
        watch, (_, rows) = Watch(), made()
        its.callbacks.append(watch)
        its.fit(each, datamodule=rows)
        assert watch.turns[0].first
        assert len(watch.turns) == 3 * len(rows.train_dataloader())
        ends.append(weights(each))
    assert torch.equal(ends[0], ends[1])
    assert torch.equal(ends[0], ends[2])


class Fails(pl.Callback):
    """Stops a fit before it begins."""

    def on_train_start(self, trainer, pl_module):
        raise Killed


def test_a_stream_that_is_made_anew_every_epoch_draws_the_edges_that_one_stream_would(tmp_path):
    passes = []
    for settings in ({}, {"reload_dataloaders_every_n_epochs": 1}):
        module, data = made()
        trainer_of(tmp_path, watch := Watch(), limit_val_batches=0, **settings).fit(module, datamodule=data)
        passes.append([turn.index[:, 0].tolist() for turn in watch.turns if turn.first])
    assert passes[0] == passes[1]
    assert len({str(first) for first in passes[0]}) == 3


@pytest.mark.parametrize("context", [8, 70])
def test_one_turn_of_validation_has_a_loss(tmp_path, context):
    """However many rows warm the state."""
    module, data = made(window=Window(context, 3), panel=panel_of((900, 400)))
    stopping = EarlyStopping("val_loss")
    trainer = trainer_of(tmp_path, stopping, limit_val_batches=1, epochs=2)
    trainer.fit(module, datamodule=data)
    assert np.isfinite(float(trainer.callback_metrics["val_loss"]))
    pace = data.val_dataloader().pace
    assert pace.lanes * pace.chunk <= 64 * 256
