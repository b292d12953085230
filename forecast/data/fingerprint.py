"""Fingerprints of data, so that a result can say which numbers it came from: the same for the same rows."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from forecast.data.panel import Panel


def fingerprints(panel: Panel) -> dict[str, str | int]:
    """SHA-256 of what a panel holds, part by part, and its size.

    Values that are missing count as missing, whatever stands in their place; the names of series and channels count.

    Example:
        >>> days = np.arange("2024-01-01", "2024-01-04", dtype="M8[D]")
        >>> a, b = (Panel.from_arrays(np.array([1.0, 2.0, last]), days) for last in (3.0, 4.0))
        >>> first, second = fingerprints(a), fingerprints(b)
        >>> [part for part in first if first[part] != second[part]]
        ['values']
    """
    names = [list(panel.series), panel.schema.roles(), panel.schema.computed]
    codes = {name: list(known) for name, known in panel.categories.items()}
    return {
        "rows": len(panel.times),
        "series": len(panel.series),
        "values": _digest(np.where(panel.observed, panel.values, 0.0), panel.static),
        "times": _digest(panel.times.astype("M8[us]").view(np.int64), panel.offsets),
        "observed": _digest(np.packbits(panel.observed)),
        "names": hashlib.sha256(json.dumps([names, codes], sort_keys=True).encode()).hexdigest(),
    }


def fingerprint(panel: Panel) -> str:
    """SHA-256 of all parts.

    Example:
        >>> days = np.arange("2024-01-01", "2024-01-04", dtype="M8[D]")
        >>> one, same, other = (Panel.from_arrays(np.array([1.0, 2.0, last]), days) for last in (3.0, 3.0, 4.0))
        >>> fingerprint(one) == fingerprint(same), fingerprint(one) == fingerprint(other)
        (True, False)
    """
    return hashlib.sha256(json.dumps(fingerprints(panel), sort_keys=True).encode()).hexdigest()


def _digest(*arrays: np.ndarray) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
