"""Streams: carried state against re-read windows, on the hourly ETTh1 data.

    python experiments/benchmarks/streams.py [--epochs N] [--updates N] [--out DIR] [--only abcd]

(a) validation error against seconds and against time steps encoded: the same GRU and LSTM, no linear skip in either,
    fed with windows and with streams. Both validate at the same origins, in the same units.
(b) a backtest of 2,785 origins x 96 steps x 7 channels: one pass over all rows against re-reading 96 rows an origin.
(c) training: origins a second of one optimizer step, a chunk of 32 lanes x 96 steps against 32 windows of 96 steps.
(d) live: `update` of one row and `forecast`, one series; milliseconds, and memory over many updates.

Needs ETTh1.csv under the folder named by FORECAST_DATA (default ../shared/data). One torch thread.
"""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from protocol import standard_panel

import forecast as fc
from forecast.data.panel import Origins, Panel
from forecast.nets.heads import Point
from forecast.nets.memory import renewed
from forecast.nets.network import Architecture, Network
from forecast.training.allocator import keep_freed_memory
from forecast.training.datamodule import DataModule
from forecast.windows.gather import gather, gather_chunk

CONTEXT, HORIZON, HIDDEN = 96, 96, 64
STREAM_EPOCHS = 40
STREAMED = {"learning_rate": 4e-3, "schedule": "cosine", "weight_decay": 0.01}


@dataclass(frozen=True)
class Curve:
    """What one fit cost and reached, epoch by epoch."""

    name: str
    seconds: list[float]
    error: list[float]
    steps: list[float]

    def reaches(self, error: float) -> int | None:
        """The first epoch that is at least as good."""
        return next((i for i, value in enumerate(self.error) if value <= error), None)


def curve(cell: str, streamed: bool, panel: Panel, epochs: int) -> Curve:
    """Fit without a skip; the windowed network gets the learning rate it does best with, not the stream's."""
    feed = fc.Streamed(lanes=8, chunk=24) if streamed else fc.Windowed(batch_size=32)
    settings = dict(STREAMED) if streamed else {"learning_rate": 1e-3}
    count = STREAM_EPOCHS if streamed else epochs
    training = fc.Training(epochs=count, patience=count, validation=0.25, seconds=900, **settings)
    window = fc.Window(CONTEXT, HORIZON)
    dropout = 0.2
    time_constant = 48.0 if streamed else None
    model = fc.Recurrent(
        window, cell, HIDDEN, dropout=dropout, skip=False, feed=feed, training=training, time_constant=time_constant
    )
    model.fit(panel)
    data = DataModule(panel, window, feed, validation=0.25)
    if streamed:
        stream = data.train_dataloader()
        encoded = len(stream) * stream.lanes * stream.pace.chunk
    else:
        encoded = len(data.split.training) * CONTEXT
    history = model.history.epochs
    return Curve(
        f"{cell}, {'streamed' if streamed else 'windowed'}",
        [epoch.seconds for epoch in history],
        [epoch.validation for epoch in history],
        [encoded * (i + 1) for i in range(len(history))],
    )


def time_to_error(panel: Panel, epochs: int, out: Path) -> None:
    """(a)."""
    curves = [curve(cell, streamed, panel, epochs) for cell in ("gru", "lstm") for streamed in (False, True)]
    print(
        "(a) no skip, ETTh1-96: best validation MSE, after seconds | first as good as the windowed best, after seconds"
    )
    for cell in ("gru", "lstm"):
        windowed, streamed = (
            next(c for c in curves if c.name == f"{cell}, {kind}") for kind in ("windowed", "streamed")
        )
        for one in (windowed, streamed):
            best = int(np.argmin(one.error))
            print(
                f"    {one.name:16s} {one.error[best]:.4f} after {one.seconds[best]:6.1f} s, "
                f"{one.steps[best] / 1e6:8.2f} million steps encoded"
            )
        goal = min(windowed.error)
        first, best = streamed.reaches(goal), int(np.argmin(windowed.error))
        if first is None:
            print(f"    {cell}: the stream did not reach {goal:.4f}")
        else:
            ratio, work = windowed.seconds[best] / streamed.seconds[first], windowed.steps[best] / streamed.steps[first]
            print(
                f"    {cell}: the stream is as good after {streamed.seconds[first]:.1f} s against "
                f"{windowed.seconds[best]:.1f} s: {ratio:.1f}x sooner, {work:.0f}x fewer steps encoded"
            )
    draw(curves, out)


def draw(curves: list[Curve], out: Path) -> None:
    """Validation error by seconds and by steps encoded."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for one in curves:
        colour = "#1b6ca8" if one.name.startswith("gru") else "#c8553d"
        style = "-" if one.name.endswith("streamed") else "--"
        axes[0].plot(one.seconds, one.error, style, color=colour, label=one.name)
        axes[1].plot(np.array(one.steps) / 1e6, one.error, style, color=colour)
    for axis, label in zip(axes, ("seconds", "million time steps encoded"), strict=True):
        axis.set_xscale("log")
        axis.set_xlabel(label)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("validation MSE (standardised)")
    axes[0].set_ylim(top=min(max(max(one.error) for one in curves), 1.2 * curves[0].error[0]))
    axes[0].legend(frameon=False)
    figure.suptitle("ETTh1, 96 steps ahead, no linear skip, one thread")
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "streams.png", dpi=120)
    print(f"    picture: {out / 'streams.png'}")


def one_pass(panel: Panel, protocol) -> None:
    """(b)."""
    steps = np.arange(protocol.test, protocol.end - HORIZON + 1)
    origins = Origins(np.zeros_like(steps), steps)
    known = panel.until(protocol.test)
    window = fc.Window(CONTEXT, HORIZON, stride=24)  # a quick fit; what is timed asks every origin
    for cell in ("gru", "lstm"):
        windowed, streamed = (
            fc.Recurrent(window, cell, HIDDEN, feed=feed, training=fc.Training(epochs=1)).fit(known)
            for feed in (fc.Windowed(), fc.Streamed(8, 24))
        )
        read, once = alternating([partial(each.predict, panel, origins) for each in (windowed, streamed)], 5)
        streamed.rest = None
        (whole,) = alternating([partial(streamed.predict, panel, origins)], 3)
        print(
            f"(b) {cell}: {len(steps):,} origins x {HORIZON} steps x 7 channels: "
            f"re-reading {CONTEXT} rows each {read:.2f} s"
        )
        print(
            f"    one pass from where the fit ended {once:.3f} s, {read / once:.1f}x; from row 0 {whole:.3f} s, "
            f"{read / whole:.1f}x"
        )


def training_rate(panel: Panel) -> None:
    """(c)."""
    single = Panel.from_arrays(panel.values[:, -1], panel.times)
    for cell in ("gru", "lstm"):
        window = fc.Window(CONTEXT, 24)
        rates = []
        for feed in (fc.Windowed(batch_size=32), fc.Streamed(lanes=32, chunk=96)):
            data = DataModule(single, window, feed, validation=0.0)
            data.setup()
            scaling = "running" if isinstance(feed, fc.Streamed) else "last"
            network = Network(Architecture(cell, HIDDEN, scaling=scaling, skip=False), data.sizes, Point())
            rates.append(step_of(network, data))
        times = alternating([step for step, _ in rates], rounds=60)
        per_second = [origins / seconds for (_, origins), seconds in zip(rates, times, strict=True)]
        print(
            f"(c) {cell}: a step of 32 windows {1e3 * times[0]:.1f} ms, {per_second[0]:,.0f} origins/s; "
            f"a step of 32 lanes x 96 {1e3 * times[1]:.1f} ms, {per_second[1]:,.0f} origins/s, "
            f"{per_second[1] / per_second[0]:.0f}x"
        )


def step_of(network: Network, data: DataModule) -> tuple[Callable[[], None], int]:
    """One optimizer step on a batch of the feed, gather included, and the origins it supervises."""
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    batches = list(data.train_dataloader())
    batch = batches[1]
    window = data.window
    if isinstance(batch, torch.Tensor):

        def raw():
            cut = gather(data.rows, batch, window.context, window.horizon)
            return network(cut.past, cut.future, cut.static), cut

        count = len(batch)
    else:
        first = gather_chunk(data.rows, batches[0], window.context, window.horizon)
        carried = network.begin(first.before, first.weight)
        count = int(batch.asked.sum())

        def raw():
            cut = gather_chunk(data.rows, batch, window.context, window.horizon)
            memory = (
                carried if cut.fresh is None else renewed(carried, network.begin(cut.before, cut.weight), cut.fresh)
            )
            reading, _ = network.read(cut.past, cut.static, memory)
            return network.answer(reading.everywhere(), cut.future), cut

    def step() -> None:
        said, cut = raw()
        optimizer.zero_grad()
        network.head.loss(said, cut.target, cut.target_seen).backward()
        optimizer.step()

    return step, count


def alternating(work: list[Callable[[], object]], rounds: int) -> list[float]:
    """Median seconds of each, taken in turns after one warm-up."""
    for one in work:
        one()
    taken: list[list[float]] = [[] for _ in work]
    for _ in range(rounds):
        for place, one in enumerate(work):
            started = time.perf_counter()
            one()
            taken[place].append(time.perf_counter() - started)
    return [statistics.median(each) for each in taken]


def live(panel: Panel, updates: int) -> None:
    """(d)."""
    single = Panel.from_arrays(panel.values[:, -1], panel.times, schema=fc.Schema(time="date", targets=["OT"]))
    hour = np.timedelta64(1, "h")
    for cell in ("gru", "lstm"):
        model = fc.Recurrent(fc.Window(CONTEXT, 24), cell, HIDDEN, feed=fc.Streamed(), training=fc.Training(epochs=1))
        alive = model.fit(single.until(3000)).live(single)
        now = single.times[-1]
        values = np.random.default_rng(0).choice(single.values[:, 0], 4096)
        gc.collect()
        taken, before = [], 0
        for i in range(updates):
            now = now + hour
            row = {"date": now, "OT": values[i % len(values)]}
            started = time.perf_counter()
            alive.update(row)
            if i < 20_000:
                alive.forecast()
                taken.append(time.perf_counter() - started)
            if i == min(20_000, updates - 1):
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        p50, p99 = np.quantile(taken, [0.5, 0.99]) * 1e3
        print(
            f"(d) {cell}: update + forecast p50 {p50:.3f} ms, p99 {p99:.3f} ms (a hundred small numpy additions: "
            f"{pace_of_machine():.3f} ms); peak memory grew by {grown / 1024:.1f} MB over {updates:,} updates"
        )


def pace_of_machine() -> float:
    """Milliseconds of a hundred additions of 64 float32: what the machine asks for small calls at this moment."""
    small, sums = np.ones(HIDDEN, np.float32), []
    for _ in range(200):
        started = time.perf_counter()
        for _ in range(100):
            np.add(small, small)
        sums.append(time.perf_counter() - started)
    return 1e3 * statistics.median(sums)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10, help=f"of the windowed networks; streams get {STREAM_EPOCHS}")
    parser.add_argument("--updates", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--only", default="abcd")
    args = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    panel, protocol = standard_panel("etth1")
    if "a" in args.only:
        time_to_error(panel.until(protocol.test), args.epochs, args.out)
    if "b" in args.only:
        one_pass(panel, protocol)
    if "c" in args.only:
        training_rate(panel.until(protocol.train))
    if "d" in args.only:
        live(panel, args.updates)


if __name__ == "__main__":
    main()
