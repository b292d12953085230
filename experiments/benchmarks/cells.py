"""Cells: forward and backward of every named cell beside torch's LSTM, and parallel scans beside sequential loops.

    python experiments/benchmarks/cells.py [--rounds N] [--lengths 96 512] [--hidden 64 256] [--cells NAME ...]

(a) One forward and one backward pass of a batch (32 sequences, 8 inputs, float32, one thread, CPU time). A round
    measures torch's LSTM just before each cell, so that both share the machine's mood; "x lstm" is the median over
    rounds of a cell's time over that LSTM's, "ms" the least time. "inference" is the forward pass without a graph.
    "lstm-native" is the same layer without oneDNN, which torch's GRU and RNN do not have on a CPU either.
(b) The scan of "mingru", "minlstm" and "lru" beside the same recurrence computed step after step, weights and inputs
    alike: forward and backward; and how far apart the two are.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from forecast.nets import scans
from forecast.nets.cells import NAMED, build_cell

BATCH, INPUTS = 32, 8
LSTM, NATIVE, NOTHING = "lstm", "lstm-native", "none"
SCANNED = ("mingru", "minlstm", "lru")
SHORTEST = 0.02  # seconds that one measurement takes at least

Pass = Callable[[], Tensor]


class Ratio(NamedTuple):
    """A pass beside another that was measured in the same rounds.

    Args:
        least: of its milliseconds.
        ratios: of its time to the other's, sorted, one for each round.
    """

    least: float
    ratios: list[float]

    def __str__(self) -> str:
        middle = statistics.median(self.ratios)
        return f"{self.least:9.2f} ms  x {middle:6.2f} ({self.ratios[0]:.2f} to {self.ratios[-1]:.2f})"


def seconds(once: Pass) -> float:
    """CPU seconds of one pass: the mean of as many as take a while."""
    count, started = 0, time.process_time()
    while (taken := time.process_time() - started) < SHORTEST:
        once()
        count += 1
    return taken / count


def paired(one: Pass, other: Pass, rounds: int) -> Ratio:
    """`one` beside `other`, in turns, after a turn that does not count."""
    pairs = [(seconds(other), seconds(one)) for _ in range(rounds + 1)][1:]
    return Ratio(min(mine for _, mine in pairs) * 1e3, sorted(mine / its for its, mine in pairs))


def made(name: str, hidden: int) -> nn.Module:
    """A cell in training mode, with the same weights every time."""
    torch.manual_seed(0)
    cell = build_cell(LSTM if name == NATIVE else name, INPUTS, hidden, layers=1, dropout=0.0)
    assert isinstance(cell, nn.Module)
    return cell


@contextmanager
def without_onednn() -> Iterator[None]:
    """Torch's own kernels, as it has to use for GRU and RNN."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TF32 acceleration on top of oneDNN", UserWarning)  # it says: not here
        with torch.backends.mkldnn.flags(enabled=False):
            yield


def passes(name: str, length: int, hidden: int) -> tuple[Pass, Pass]:
    """One forward and backward pass of a cell; and a forward pass alone, without a graph."""
    cell = made(name, hidden)
    x = torch.randn(BATCH, length, INPUTS, generator=torch.Generator().manual_seed(1))
    kernels = without_onednn if name == NATIVE else nullcontext

    def learn() -> Tensor:
        with kernels():
            cell.zero_grad()
            said = cell(x, cell.initial(BATCH))[0]
            said.square().mean().backward()
            return said

    @torch.no_grad()
    def infer() -> Tensor:
        with kernels():
            return cell(x, cell.initial(BATCH))[0]

    return learn, infer


def all_cells(names: Collection[str], length: int, hidden: int, rounds: int) -> Iterator[tuple[str, Ratio, Ratio]]:
    """Every cell beside torch's LSTM: forward and backward, forward alone."""
    learn, infer = passes(LSTM, length, hidden)
    for name in names:
        its_learn, its_infer = passes(name, length, hidden)
        yield name, paired(its_learn, learn, rounds), paired(its_infer, infer, rounds)


def log_loop(log_keep: Tensor, log_add: Tensor) -> tuple[Tensor, Tensor]:
    """What `log_scan` computes, step after step and without logarithms."""
    kept, said, keep, state = [], [], torch.ones_like(log_keep[:, 0]), torch.zeros_like(log_add[:, 0])
    for share, new in zip(log_keep.exp().unbind(1), log_add.exp().unbind(1), strict=True):
        keep, state = share * keep, share * state + new
        kept.append(keep)
        said.append(state)
    return torch.stack(kept, dim=1).log(), torch.stack(said, dim=1).log()


def decay_loop(log_decay: Tensor, x: Tensor) -> Tensor:
    """What `decay_scan` computes, step after step."""
    decay, state, said = torch.exp(log_decay), torch.zeros_like(x[:, 0]), []
    for new in x.unbind(1):
        state = decay * state + new
        said.append(state)
    return torch.stack(said, dim=1)


def walked(once: Pass) -> Pass:
    """The same pass with loops in the place of the scans."""

    def slow() -> Tensor:
        before = scans.log_scan, scans.decay_scan
        scans.log_scan, scans.decay_scan = log_loop, decay_loop
        try:
            return once()
        finally:
            scans.log_scan, scans.decay_scan = before

    return slow


def apart(name: str, length: int, hidden: int) -> float:
    """The largest difference between scan and loop, relative to the largest hidden state."""
    _, infer = passes(name, length, hidden)
    side_by_side, by_step = infer(), walked(infer)()
    return float((side_by_side - by_step).abs().max() / by_step.abs().max())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lengths", type=int, nargs="+", default=[96, 512])
    parser.add_argument("--hidden", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--cells", nargs="+", default=[NATIVE, *(name for name in NAMED if name != NOTHING)])
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for length in asked.lengths:
        for hidden in asked.hidden:
            print(f"(a) length {length}, hidden {hidden}, batch {BATCH}: forward and backward, and inference, x lstm")
            for name, learn, infer in all_cells(asked.cells, length, hidden, asked.rounds):
                print(f"    {name:20} {learn}   |  {infer}", flush=True)
            print(f"(b) length {length}, hidden {hidden}: the loop, x the scan")
            for name in SCANNED:
                if name in asked.cells:
                    learn, infer = (paired(walked(each), each, asked.rounds) for each in passes(name, length, hidden))
                    print(f"    {name:20} {learn}   |  {infer}   apart {apart(name, length, hidden):.0e}", flush=True)


if __name__ == "__main__":
    main()
