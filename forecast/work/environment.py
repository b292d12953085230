"""Environment: what a result depends on beside settings and data, for the record."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "forecast-recurrent",
    "torch",
    "pytorch-lightning",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "optuna",
    "safetensors",
)


def environment() -> dict[str, str | int]:
    """Versions, platform and threads of this process, in plain values.

    Example:
        >>> found = environment()
        >>> found["python"] == platform.python_version(), found["cores"] == os.cpu_count()
        (True, True)
    """
    found: dict[str, str | int] = {"platform": platform.platform()}
    found |= {"machine": platform.machine(), "cores": os.cpu_count() or 0}
    torch = sys.modules.get("torch")  # where nothing has loaded it nothing depends on it
    if torch is not None:
        found["torch threads"] = torch.get_num_threads()
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            found["gpu"] = torch.cuda.get_device_name()
    return found | versions_of(PACKAGES)


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of packages.

    Example:
        >>> versions_of(["no-such-package"])["no-such-package"]
        'not installed'
    """
    return {"python": platform.python_version()} | {name: _version(name) for name in packages}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # an extra, or ours run from a checkout
        return "not installed"
