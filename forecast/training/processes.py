"""Processes: how a fit gets several of them, and how what they came to gets back to the one that asked."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.plugins.environments import (
    LSFEnvironment,
    MPIEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from forecast import errors
from forecast.errors import ForecastError, SettingsError, TrainingError
from forecast.training.quiet import hush
from forecast.training.settings import Strategy

LAUNCHES = ("ddp_spawn", "ddp_fork", "ddp_notebook")
FORKS = ("ddp_fork", "ddp_notebook")
CLUSTERS = (TorchElasticEnvironment, SLURMEnvironment, LSFEnvironment, MPIEnvironment)


def started_outside() -> bool:
    """Whether torchrun, SLURM or the like (or Lightning's own "ddp") started this process as one of several."""
    return "LOCAL_RANK" in os.environ or any(cluster.detect() for cluster in CLUSTERS)


def choose(strategy: Strategy, devices: int, nodes: int, accelerator: str) -> str:
    """Lightning's name for the strategy of a fit: one that runs the user's script again only if that was asked for.

    Args:
        strategy: as the user said.
        devices: of this machine.
        nodes: machines.
        accelerator: "cpu" or "gpu".

    Raises:
        SettingsError: several machines without a launcher, or a fork where there is none.
    """
    outside = started_outside()
    if nodes > 1 and not outside and not {"NODE_RANK", "GROUP_RANK"} & os.environ.keys():
        raise SettingsError(
            f"num_nodes={nodes}: nobody started this process as one of several machines; start it on each of them with "
            f"torchrun --nnodes={nodes} --nproc_per_node={devices} ... (or by SLURM)"
        )
    if strategy in FORKS and not hasattr(os, "fork"):
        raise SettingsError(f'strategy="{strategy}": this platform cannot fork processes; use "ddp_spawn"')
    if strategy != "auto" or devices * nodes == 1:
        return strategy
    if outside or nodes > 1:
        return "ddp"
    may_fork = hasattr(os, "fork") and not (accelerator == "gpu" and torch.cuda.is_initialized())
    if not hasattr(sys, "ps1"):
        return "ddp_fork" if may_fork else "ddp_spawn"
    if not may_fork:
        raise SettingsError(
            f"devices={devices}: an interactive session can only fork, and that is too late (CUDA is in use) or not "
            "possible here; restart it and fit first, or run a script"
        )
    return "ddp_notebook"


class Ending(Callback):
    """Keeps what a fit came to; in a file too, since the callbacks of launched processes end with them.

    Args:
        report: says it in plain values, in the process where the fit ran.

    Attributes:
        value: what was said.
    """

    def __init__(self, report: Callable[[], dict[str, Any]]) -> None:
        self.report = report
        self.file: Path | None = None
        self.value: dict[str, Any] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.file is not None:  # a process was spawned for the fit, and knows nothing of what was hushed
            hush()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.value = self.report()
        if self.file is not None and trainer.is_global_zero:
            self.file.write_text(json.dumps(self.value))

    @contextmanager
    def launched(self, threads: int) -> Iterator[None]:
        """Let a fit launch processes inside: their ending and their errors are brought here.

        A forked process must not use more than one thread: where its parent has used several, OpenMP would wait for
        threads that the fork left behind, for ever.

        Raises:
            ForecastError: a process raised one.
            TrainingError: a process was killed.
        """
        before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MASTER_PORT")}
        os.environ["OMP_NUM_THREADS"] = str(threads)
        with tempfile.TemporaryDirectory(prefix="forecast-") as folder:
            self.file = Path(folder) / "ending.json"
            try:
                yield
                self.value = json.loads(self.file.read_text())
            except ProcessRaisedException as error:
                found = raised(str(error))
                if found is None and "by peer" not in str(error):
                    raise
                raise found or _lost("one lost its connection to another") from None
            except ProcessExitedException as error:
                raise _lost(str(error)) from None
            finally:
                self.file = None
                for name, value in before.items():
                    os.environ.pop(name, None)
                    if value is not None:
                        os.environ[name] = value


def _lost(how: str) -> TrainingError:
    return TrainingError(f"a process of the fit ended before its time ({how}): is there memory enough for all of them?")


def raised(text: str) -> ForecastError | None:
    r"""The error of ours that ends a traceback's text; None where it ends with another.

    Example:
        >>> raised("Traceback ...\nforecast.errors.TrainingError: no windows")
        TrainingError('no windows')
    """
    found = re.search(r"(?:^|\n)forecast\.errors\.(\w+): ((?:(?!\nTraceback).)*)\Z", text.strip(), re.DOTALL)
    kind = None if found is None else getattr(errors, found[1], None)
    if found is None or kind is None:
        return None
    error = kind.__new__(kind, found[2])
    Exception.__init__(error, found[2])
    return error
