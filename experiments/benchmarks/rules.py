"""Learning rules: CPU microseconds a row and kilobytes carried, by rule, cell and hidden size.

    python experiments/benchmarks/rules.py [--cells gru lstm ...] [--hidden 16 32 64] [--lanes 1] [--seconds 0.5]

A row is one step of one series with 3 inputs, and the gradient of its loss: what a live forecaster that learns pays
beside its forecast. One torch thread, float32; the median of single rows. "forward" reads the row and learns nothing.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from forecast.nets.cells import NAMED
from forecast.nets.promise import Cell
from forecast.nets.rules import Full, LearningRule, RealTime, Sparse, Truncated, Unbiased

INPUTS = 3
CASES: dict[str, LearningRule] = {
    "tbptt(1, 24)": Truncated(1, 24),
    "tbptt(24, 24)": Truncated(24, 24),
    "rtrl": RealTime(),
    "snap1": Sparse(),
    "uoro": Unbiased(),
}
SHORT: dict[str, LearningRule] = {"bptt of 100 rows": Full()}


def rows(
    rule: LearningRule, cell: Cell, lanes: int, seconds: float, most: int | None = None
) -> tuple[float, float, int]:
    """Median microseconds of a step and of a gradient, and the bytes of the trace.

    The gradient is the mean over rows, since some rules gather several.
    """
    state = cell.initial(lanes)
    trace = rule.begin(cell, state)
    spent: list[tuple[float, float]] = []
    warm, end = 30, time.perf_counter() + seconds
    while (time.perf_counter() < end or len(spent) < 2 * warm) and (most is None or len(spent) < most):
        x, error = torch.randn(lanes, INPUTS), torch.randn(lanes, cell.hidden_size)
        start = time.thread_time()
        _, state, trace = rule.step(cell, x, state, trace)
        between = time.thread_time()
        rule.gradients(cell, trace, error)
        spent.append((between - start, time.thread_time() - between))
    kept = spent[warm:] if most is None else spent
    size = sum(part.numel() * part.element_size() for part in trace.tensors().values())
    gradients = [g for _, g in kept]
    # Rules that answer every k-th row are quick in between: the mean, without the slowest hundredth.
    trimmed = sorted(gradients)[: max(1, len(gradients) * 99 // 100)]
    return statistics.median(s for s, _ in kept) * 1e6, statistics.mean(trimmed) * 1e6, size


def forward(cell: Cell, lanes: int) -> float:
    """Median microseconds of reading a row."""
    state, spent = cell.initial(lanes), []
    with torch.no_grad():
        for _ in range(200):
            x = torch.randn(lanes, 1, INPUTS)
            start = time.thread_time()
            _, state = cell(x, state)
            spent.append(time.thread_time() - start)
    return statistics.median(spent) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", default=["gru", "lstm", "equation-gru", "mingru", "lru"])
    parser.add_argument("--hidden", nargs="+", type=int, default=[16, 32, 64])
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{'cell':14} {'hidden':>6} {'rule':18} {'step us':>9} {'gradient us':>12} {'row us':>9} {'trace kB':>10}")
    for name in asked.cells:
        for hidden in asked.hidden:
            cell = NAMED[name](INPUTS, hidden, layers=asked.layers).eval()
            print(f"{name:14} {hidden:6} {'forward':18} {forward(cell, asked.lanes):9.0f}")
            for label, rule in (CASES | SHORT).items():
                most = 100 if label in SHORT else None
                step, gradient, size = rows(rule, cell, asked.lanes, asked.seconds, most)
                row = f"{step:9.0f} {gradient:12.0f} {step + gradient:9.0f} {size / 1e3:10.1f}"
                print(f"{name:14} {hidden:6} {label:18} {row}", flush=True)


if __name__ == "__main__":
    main()
