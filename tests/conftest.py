"""Fixtures for all tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples everywhere and always, so that a red run is a change's fault; HYPOTHESIS_PROFILE=new draws others.
settings.register_profile("same", derandomize=True, deadline=None)  # no deadline: a busy machine is no fault either
settings.register_profile("new", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data sets that are not shipped: FORECAST_DATA, else `../shared/data` beside the checkout."""
    folder = Path(os.environ.get("FORECAST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"the real data sets are not here: {folder} (FORECAST_DATA names their folder)")
    return folder


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """One thread for tests that use torch: small models gain nothing from more; torch is not imported for it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)
