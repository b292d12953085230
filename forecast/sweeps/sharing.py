"""Sharing: large arrays on their way to the workers of a sweep."""

from __future__ import annotations

import os
import shutil
import tempfile
from threading import Lock
from typing import Any

import numpy as np
from joblib.externals.loky.backend import resource_tracker

SHARED_BYTES = 1_000_000
"""Arrays of at least this size are mapped from one file by all workers, as joblib's own are."""


class Sharing:
    """How arrays travel to workers: large ones by a file that all of them map, so that memory holds them once.

    Pools send their jobs from threads of their own, so one array is written at a time; and a pool sends this to its
    process too, so none of the arrays goes with it.
    """

    def __init__(self) -> None:
        self.folder: str | None = None
        self.written: dict[int, tuple[str, np.ndarray]] = {}
        self.alone = Lock()

    def __call__(self, array: np.ndarray) -> Any:
        """What travels in the place of an array: a function and its arguments."""
        if array.nbytes < SHARED_BYTES or array.dtype.hasobject:
            return array.__reduce__()
        with self.alone:
            if id(array) not in self.written:
                path = os.path.join(self._made(), f"{len(self.written)}.npy")
                np.save(path, array)
                self.written[id(array)] = path, array  # kept, or another array may get its number
            return np.load, (self.written[id(array)][0], "r")

    def __reduce__(self) -> Any:
        return Sharing, ()

    def _made(self) -> str:
        if self.folder is None:
            self.folder = tempfile.mkdtemp(prefix="forecast-sweep-")
            resource_tracker.register(self.folder, "folder")  # removed even if this process is killed
        return self.folder

    def close(self) -> None:
        """Remove the files."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            resource_tracker.unregister(self.folder, "folder")
