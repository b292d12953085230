"""A fingerprint of data: the same for the same rows, another for any others."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from forecast.data.panel import Panel


def fingerprint(panel: Panel) -> str:
    """SHA-256 of all that a panel says: names, roles, times, values and which of them were observed.

    Example:
        >>> days = np.arange("2024-01-01", "2024-01-04", dtype="M8[D]")
        >>> one, other = (Panel.from_arrays(np.array([1.0, 2.0, last]), days) for last in (3.0, 4.0))
        >>> fingerprint(one) == fingerprint(one.until(3)), fingerprint(one) == fingerprint(other)
        (True, False)
    """
    schema = panel.schema
    named = {"series": panel.series, "roles": schema.roles(), "computed": schema.computed}
    named |= {"categories": schema.known_categories}
    total = hashlib.sha256(json.dumps(named, sort_keys=True).encode())
    arrays = (panel.offsets, panel.times.astype("M8[us]").view(np.int64), panel.values, panel.observed, panel.static)
    for array in arrays:
        total.update(f"{array.dtype.str}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()
