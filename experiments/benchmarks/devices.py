"""Devices: a fit on one GPU against a bare cuDNN loop and in mixed precision; without a GPU, one process against two.

    python experiments/benchmarks/devices.py [--rounds N]

(a) with CUDA: windows a second of a fit of an LSTM(64), context 96, horizon 24, batch 256, 50,000 rows x 7 columns,
    against a bare loop on the same batches with its panel on the GPU too, first epochs left out; the target is 0.85.
(b) with CUDA: the best validation loss of a GRU in bf16-mixed and 16-mixed over that in 32-true, both feeds.
(c) without: how much two processes do of what one does in the same time, a thread each, first epochs left out.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
from torch import nn

import forecast as fc
from forecast.training.fit import fit
from forecast.windows.batches import Batches
from forecast.windows.gather import index_of

CONTEXT, HORIZON, HIDDEN, BATCH = 96, 24, 64, 256
WINDOW = fc.Window(CONTEXT, HORIZON)


def make_panel(rows: int, channels: int) -> fc.Panel:
    """One hourly series: a target and past covariates, seasonal with noise."""
    values = np.random.default_rng(0).standard_normal((rows, channels))
    values += np.sin(2 * np.pi * np.arange(rows) / 24)[:, None]
    times = np.datetime64("2000-01-01", "us") + np.arange(rows) * np.timedelta64(1, "h")
    schema = fc.Schema(targets=["y"], past=[f"x{i}" for i in range(1, channels)])
    return fc.Panel.from_arrays(values, times, schema=schema)


def ours(panel: fc.Panel, epochs: int) -> float:
    """Windows a second of a fit, from its second epoch on."""
    data = fc.DataModule(panel, WINDOW, fc.Windowed(BATCH), validation=0.0)
    torch.manual_seed(0)
    module = fc.RecurrentModule(fc.Network(fc.Architecture("lstm", HIDDEN, skip=False), data.sizes, fc.Point()))
    history = fit(module, data, fc.Training(epochs=epochs, validation=0.0, device="gpu"))
    seconds = history.epochs[-1].seconds - history.epochs[0].seconds
    return (epochs - 1) * len(data.split.training) / seconds


def bare(panel: fc.Panel, epochs: int) -> float:
    """Windows a second of a plain loop over the same network and batches, from its second epoch on."""
    data = fc.DataModule(panel, WINDOW, fc.Windowed(BATCH), validation=0.0)
    values = data.rows.values.cuda()
    batches = Batches(index_of(panel, data.split.training), BATCH, seed=0)
    torch.manual_seed(0)
    lstm, head = nn.LSTM(values.shape[1], HIDDEN, batch_first=True).cuda(), nn.Linear(HIDDEN, HORIZON).cuda()
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    steps = torch.arange(-CONTEXT, HORIZON, device="cuda")
    begin = 0.0
    for epoch in range(epochs):
        if epoch == 1:
            torch.cuda.synchronize()
            begin = time.perf_counter()
        for draw in batches:
            cut = values[draw.index[:, 0].to("cuda", non_blocking=True)[:, None] + steps]
            past, target = cut[:, :CONTEXT], cut[:, CONTEXT:, 0]
            last = past[:, -1:, :1]
            hidden, _ = lstm(torch.cat([past[..., :1] - last, past[..., 1:]], dim=2))
            loss = nn.functional.mse_loss(head(hidden[:, -1]) + last[..., 0], target)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
    torch.cuda.synchronize()
    return (epochs - 1) * len(data.split.training) / (time.perf_counter() - begin)


def on_a_gpu(rounds: int) -> None:
    panel = make_panel(50_000, 7)
    pairs = [(ours(panel, 4), bare(panel, 4)) for _ in range(rounds)]
    ratios = sorted(a / b for a, b in pairs)
    mine, loop = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"(a) LSTM({HIDDEN}) batch {BATCH}: {mine:,.0f} windows/s, bare {loop:,.0f};")
    print(f"    ratio: median {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), target 0.85")
    panel = make_panel(10_000, 3)
    for name, feed in (("windowed", fc.Windowed(BATCH)), ("streamed", fc.Streamed(lanes=16, chunk=48))):
        losses = {}
        for precision in ("32-true", "bf16-mixed", "16-mixed"):
            training = fc.Training(epochs=5, device="gpu", precision=precision)
            history = fc.Recurrent(WINDOW, "gru", HIDDEN, feed=feed, training=training).fit(panel).history
            losses[precision] = min(epoch.validation for epoch in history.epochs)
        mixed = ", ".join(f"{key} {losses[key] / losses['32-true']:.4f}" for key in ("bf16-mixed", "16-mixed"))
        print(f"(b) {name} GRU({HIDDEN}): best validation loss over that in 32-true: {mixed}")


def epoch_seconds(panel: fc.Panel, feed: fc.Windowed | fc.Streamed, devices: int) -> float:
    """Seconds of the second and third epoch of a fit."""
    training = fc.Training(epochs=3, validation=0.0, device="cpu", devices=devices)
    history = fc.Recurrent(WINDOW, "lstm", HIDDEN, feed=feed, training=training).fit(panel).history
    return history.epochs[-1].seconds - history.epochs[0].seconds


def on_processes(rounds: int) -> None:
    panel = make_panel(6_000, 7)
    for name, feed in (("windowed", fc.Windowed(BATCH)), ("streamed", fc.Streamed(lanes=32, chunk=48))):
        ratios = sorted(epoch_seconds(panel, feed, 1) / epoch_seconds(panel, feed, 2) for _ in range(rounds))
        spread = f"{statistics.median(ratios):.2f}x what one does ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"(c) {name} LSTM({HIDDEN}): two processes do {spread}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if torch.cuda.is_available():
        print(torch.cuda.get_device_name())
        on_a_gpu(arguments.rounds)
    else:
        print("no CUDA device here: (a) and (b) were not measured")
        on_processes(arguments.rounds)


if __name__ == "__main__":
    main()
