"""Memory: how much of it this process can still get, so that what cannot fit is refused before it is begun."""

from __future__ import annotations

import math
from pathlib import Path

SYSTEM = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")


def free_memory() -> float:
    """Bytes that this process can still get, swap aside; infinite where the system does not say.

    Linux says what is available to all, and a container what it is limited to (control groups, version 2).

    Example:
        >>> free_memory() > 0
        True
    """
    try:
        lines = dict(line.split(":", 1) for line in SYSTEM.read_text().splitlines() if ":" in line)
        free = 1024.0 * int(lines["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):  # another system
        return math.inf
    try:
        limit, used = ((GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return free if limit == "max" else min(free, float(int(limit) - int(used)))
    except (OSError, ValueError):  # no such group
        return free
