"""Memory thresholds and threads: two settings of the process that decide how fast small networks train on a CPU.

Every training step frees its buffers. glibc gives large ones back to the system, and the next step faults each page
in again: at batch 256 that costs an LSTM as much time as its arithmetic. Raised thresholds keep the memory.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEEP = 1 << 30
SMALL = 64 * 64


def keep_freed_memory() -> bool:
    """Raise glibc's mmap and trim thresholds to 1 GiB for this process; True if that was done.

    Costs resident memory (10 to 35 % in training). Nothing happens outside Linux with glibc, or when the
    environment variable FORECAST_MALLOPT is 0.
    """
    if not sys.platform.startswith("linux") or os.environ.get("FORECAST_MALLOPT") == "0":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, KEEP) == 1 for name in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD))


@contextmanager
def steady_threads(work: int, processes: int = 1) -> Iterator[int]:
    """One torch thread where a step is too small to share, restored afterwards; yields their number.

    Args:
        work: batch size times hidden size. At 32 x 64 a second thread gains nothing and loses four times the speed
            beside a busy neighbour; at 256 x 64 it gains a third.
        processes: that share the threads there are.
    """
    before = torch.get_num_threads()
    threads = 1 if work <= SMALL else max(1, before // processes)
    torch.set_num_threads(threads)
    try:
        yield threads
    finally:
        torch.set_num_threads(before)
