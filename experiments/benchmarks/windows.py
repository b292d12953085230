"""Windows: batches by one indexing, a whole fit against a bare PyTorch loop, and the memory of a large panel.

    python experiments/benchmarks/windows.py [--rounds N] [--threads N]

(a) 256 windows of 96 x 7: our feed, as fit runs it, against per-sample __getitem__ with the default collate, from
    numpy arrays (as most data modules do) and from a tensor (the quickest way to do it one by one).
(b) a whole fit of an LSTM(64), context 96, horizon 24, 50,000 rows x 7 columns, against a bare loop that trains the
    same network on the same batches (default allocator, torch's default Adam, the same clipping, same threads). Each
    round is a process of its own. At batch 256 it runs the bare loop and then the fit, because the allocator's
    thresholds belong to the process; at batch 32, where they gain nothing, they are left alone (FORECAST_MALLOPT=0) and
    the two sides take six turns each, so that pairs share the machine's mood.
(c) peak memory of training on 1,000,000 rows x 14 channels, beyond the memory before the panel was made.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from forecast.data.panel import Panel
from forecast.data.scale import Scale
from forecast.data.schema import Schema
from forecast.nets.heads import Point
from forecast.nets.network import Architecture, Network
from forecast.training.allocator import keep_freed_memory
from forecast.training.datamodule import DataModule
from forecast.training.fit import fit
from forecast.training.module import RecurrentModule
from forecast.training.settings import Training
from forecast.windows.batches import Batches
from forecast.windows.feeds import Windowed
from forecast.windows.gather import gather, index_of, scaled_rows
from forecast.windows.window import Window

CONTEXT, HORIZON, HIDDEN = 96, 24, 64
STRIDE, EPOCHS, TURNS = 4, 1, 6


def make_panel(rows: int, channels: int) -> Panel:
    """One hourly series: a target and past covariates, seasonal with noise."""
    rng = np.random.default_rng(0)
    hours = np.arange(rows)
    values = rng.standard_normal((rows, channels))
    values += np.sin(2 * np.pi * hours / 24)[:, None]
    names = [f"x{i}" for i in range(1, channels)]
    times = pd.date_range("2000-01-01", periods=rows, freq="h").to_numpy()
    return Panel.from_arrays(values, times, schema=Schema(targets=["y"], past=names))


class Rates(NamedTuple):
    """Windows a second: of wall time, and of this process's CPU time (which other programs hardly touch)."""

    wall: float
    cpu: float


class Clock:
    """Both clocks, started together."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def rates(self, windows: int) -> Rates:
        return Rates(windows / (time.perf_counter() - self.wall), windows / (time.process_time() - self.cpu))


class PerSample(Dataset):
    """The usual way: one window a call, stacked by the default collate; of an array, or of a tensor."""

    def __init__(self, values: torch.Tensor | np.ndarray, origins: np.ndarray) -> None:
        self.values, self.origins = values, origins

    def __len__(self) -> int:
        return len(self.origins)

    def __getitem__(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        step = self.origins[item]
        return self.values[step - CONTEXT : step], self.values[step : step + HORIZON, :1]


def epoch_ms(what: str) -> float:
    """Milliseconds of CPU time a batch of 256 over an epoch: the best of fifteen epochs."""
    panel = make_panel(50_000, 7)
    window = Window(CONTEXT, HORIZON)
    origins = window.origins(panel)
    rows = scaled_rows(panel, Scale.fit(panel))
    ours = what == "feed"
    table = rows.values.numpy() if what == "arrays" else rows.values
    loader: DataLoader | Batches = DataLoader(PerSample(table, origins.step), batch_size=256, shuffle=True)
    if ours:
        keep_freed_memory()  # as fit does
        loader = Batches(index_of(panel, origins), 256, seed=0)

    def once() -> float:
        begin = time.process_time()
        for batch in loader:
            if ours:
                gather(rows, batch.index, CONTEXT, HORIZON)
        return (time.process_time() - begin) / len(loader) * 1e3

    return min(once() for _ in range(15))


def train_ours(batch: int, rows: int = 50_000) -> Rates:
    """A whole fit."""
    panel, window = make_panel(rows, 7), Window(CONTEXT, HORIZON, STRIDE)
    data = DataModule(panel, window, Windowed(batch), validation=0.0)
    data.setup()
    torch.manual_seed(0)
    network = Network(Architecture("lstm", HIDDEN, skip=False), data.sizes, Point())
    module = RecurrentModule(network)
    torch.optim.Adam(network.parameters())  # the first optimizer of a process imports 800 modules
    clock = Clock()
    fit(module, data, Training(epochs=EPOCHS, validation=0.0, device="cpu"))
    return clock.rates(EPOCHS * len(data.split.training))


def train_bare(batch: int, rows: int = 50_000) -> Rates:
    """A plain loop over the same network and batches."""
    panel, window = make_panel(rows, 7), Window(CONTEXT, HORIZON, STRIDE)
    values = torch.from_numpy(Scale.fit(panel).apply(panel))
    steps = torch.from_numpy(window.origins(panel).step)
    torch.manual_seed(0)
    lstm, head = nn.LSTM(7, HIDDEN, batch_first=True), nn.Linear(HIDDEN, HORIZON)
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    back, ahead = torch.arange(-CONTEXT, 0), torch.arange(HORIZON)
    clock = Clock()
    for _ in range(EPOCHS):
        for chosen in torch.split(steps[torch.randperm(len(steps))], batch):
            past, target = values[chosen[:, None] + back], values[chosen[:, None] + ahead, 0]
            last = past[:, -1:, :1]
            past = torch.cat([past[..., :1] - last, past[..., 1:]], dim=2)
            hidden, _ = lstm(past)
            loss = nn.functional.mse_loss(head(hidden[:, -1]) + last[..., 0], target)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
    return clock.rates(EPOCHS * len(steps))


def memory() -> dict[str, float]:
    """Peak megabytes beyond the start: a million rows of 14 channels, made, scaled and trained on."""
    warm = DataModule(make_panel(2_000, 14), Window(CONTEXT, HORIZON), Windowed(256), validation=0.0)
    warm.setup()
    module = RecurrentModule(Network(Architecture("lstm", HIDDEN), warm.sizes, Point()))
    fit(module, warm, Training(epochs=1, validation=0.0, device="cpu"))
    values = np.random.default_rng(0).standard_normal((1_000_000, 14))
    times = np.datetime64("2000-01-01", "us") + np.arange(1_000_000) * np.timedelta64(1, "h")
    names = [f"x{i}" for i in range(1, 14)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - values.nbytes / 2**20
    panel = Panel.from_arrays(values, times, schema=Schema(targets=["y"], past=names))
    data = DataModule(panel, Window(CONTEXT, HORIZON), Windowed(256), validation=0.1)
    data.setup()
    module = RecurrentModule(Network(Architecture("lstm", HIDDEN), data.sizes, Point()))
    fit(module, data, Training(epochs=1, seconds=10, device="cpu"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = panel.values.nbytes / 2**20
    return {"panel_mb": size, "peak_mb": peak - before, "ratio": (peak - before) / size}


def measure(what: str, batch: int) -> dict[str, float]:
    """One measurement, in this process."""
    if what == "memory":
        return memory()
    if what in ("arrays", "tensors", "feed"):
        return {"ms": epoch_ms(what)}
    train_bare(batch, rows=5_000)  # the first steps of a process are slow
    if batch <= 32:
        train_ours(batch, rows=5_000)
        pairs = [(train_bare(batch), train_ours(batch)) for _ in range(TURNS)]
    else:
        bare = train_bare(batch)  # before the fit raises the thresholds
        train_ours(batch, rows=5_000)
        pairs = [(bare, train_ours(batch))]
    rates = {"bare": statistics.median(b.wall for b, _ in pairs), "ours": statistics.median(o.wall for _, o in pairs)}
    return rates | {
        "wall": statistics.median(ours.wall / bare.wall for bare, ours in pairs),
        "cpu": statistics.median(ours.cpu / bare.cpu for bare, ours in pairs),
    }


def child(arguments: argparse.Namespace, what: str, batch: int = 0) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    if what == "fit" and batch <= 32:
        environment["FORECAST_MALLOPT"] = "0"
    command = [sys.executable, __file__, "--child", what, "--batch", str(batch), "--threads", str(arguments.threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--child")
    parser.add_argument("--batch", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.child:
        print(json.dumps(measure(arguments.child, arguments.batch)))
        return
    for kind in ("arrays", "tensors"):
        pairs = [(child(arguments, kind)["ms"], child(arguments, "feed")["ms"]) for _ in range(arguments.rounds)]
        ratios = sorted(a / b for a, b in pairs)
        slow, fast = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"(a) a batch of 256 windows, 96 x 7, sample by sample from {kind} {slow:.2f} ms, ours {fast:.2f} ms;")
        print(f"    ratio: median {statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})")
    for batch in (32, 256):
        runs = [child(arguments, "fit", batch) for _ in range(arguments.rounds)]
        ours, bare = (statistics.median(run[side] for run in runs) for side in ("ours", "bare"))
        print(
            f"(b) LSTM({HIDDEN}) batch {batch}, threads {arguments.threads}: {ours:,.0f} windows/s, bare {bare:,.0f};"
        )
        for clock in ("wall", "cpu"):
            ratios = sorted(run[clock] for run in runs)
            middle = statistics.median(ratios)
            print(f"    ratio by {clock} time: median {middle:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    result = child(arguments, "memory")
    print(
        "(c) 1,000,000 rows x 14 channels: panel {panel_mb:.0f} MB, peak {peak_mb:.0f} MB, {ratio:.2f}x".format(
            **result
        )
    )


if __name__ == "__main__":
    main()
