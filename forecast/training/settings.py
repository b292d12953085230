"""Settings of training: what they are, and that they make sense. Nothing here loads Lightning."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch

from forecast.errors import SettingsError, did_you_mean
from forecast.training.logs import LogName, logger_names

Clipping = Literal["norm", "value"]
Schedule = Literal["constant", "cosine"]
Strategy = Literal["auto", "ddp", "ddp_spawn", "ddp_fork", "ddp_notebook"]
LONGEST = 1e9  # seconds, some thirty years: what a clock can count


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Args:
        epochs: passes over the training windows, at most.
        learning_rate: of Adam.
        patience: epochs without a better validation loss before training stops; the best epoch is kept.
        clip: largest norm of the gradient, or largest size of each of its numbers (`clip_by`); 0 for none.
        clip_by: "norm" shortens the whole gradient and keeps its direction (Pascanu et al. 2013); "value" cuts each
            number alone, which bends it (Mikolov 2012).
        validation: share of the training span, at its end, held back for choosing the epoch; 0 trains all epochs.
        seconds: stop after this time, with the best epoch so far; None for no limit.
        device: "auto", "cpu" or "gpu".
        devices: how many on this machine, each with a process of its own that takes a part of every batch.
        precision: as in Lightning ("32-true", "64-true", "bf16-mixed", "16-mixed").
        seed: of the weights, the order of the windows and dropout.
        weight_decay: decoupled (AdamW); 0 for plain Adam.
        schedule: "constant", or "cosine": the learning rate falls to 0 over all epochs.
        strategy: how several processes are started. "auto" joins those that torchrun or SLURM started, else forks or
            spawns them without running your script again; "ddp" runs it once for each device.
        num_nodes: machines, each started by torchrun or SLURM.
        log: where losses, learning rate and norm of the gradient are logged, an entry an epoch: "csv", "tensorboard",
            "mlflow", or several. Nowhere by default.
        log_folder: of all logs; None takes `logs` in the folder of the run, or here where there is none.

    Raises:
        SettingsError: a value that makes no sense, or a device that is not there.
    """

    epochs: int = 30
    learning_rate: float = 1e-3
    patience: int = 5
    clip: float = 1.0
    clip_by: Clipping = "norm"
    validation: float = 0.2
    seconds: float | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = 1
    precision: Literal["32-true", "64-true", "bf16-mixed", "16-mixed"] = "32-true"
    seed: int = 0
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    strategy: Strategy = "auto"
    num_nodes: int = 1
    log: tuple[LogName, ...] | LogName = ()
    log_folder: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "log", logger_names(self.log))
        for name in ("epochs", "patience", "devices", "num_nodes"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise SettingsError(f"{name}={value!r}: at least 1, and a whole number")
        if not (0 < self.learning_rate < math.inf and 0 <= self.clip < math.inf):
            raise SettingsError("learning_rate lies above 0, clip at or above 0")
        if not 0 <= self.weight_decay < math.inf:
            raise SettingsError(f"weight_decay={self.weight_decay}: at or above 0")
        for name, known in (("schedule", Schedule), ("strategy", Strategy), ("clip_by", Clipping)):
            value = getattr(self, name)
            if value not in get_args(known):
                raise SettingsError(f"{name} {value!r}{did_you_mean(str(value), get_args(known))}")
        if self.seconds is not None and not 0 < self.seconds <= LONGEST:
            raise SettingsError(f"seconds={self.seconds:g}: above 0, at most {LONGEST:g}; leave it out for no limit")
        if not 0 <= self.seed < 2**32:
            raise SettingsError(f"seed={self.seed}: from 0 to {2**32 - 1}, which every library takes")
        if self.device not in ("auto", "cpu", "gpu"):
            raise SettingsError(f'device={self.device!r}: "auto", "cpu" or "gpu"')

    def deciding(self) -> dict[str, Any]:
        """The settings that decide what a fit comes to, in plain values: all but where it is logged."""
        return {name: value for name, value in asdict(self).items() if name not in ("log", "log_folder")}

    @property
    def processes(self) -> int:
        """How many processes train."""
        return self.devices * self.num_nodes

    def accelerator(self) -> str:
        """Lightning's accelerator for `device`; raises SettingsError for a GPU that is not there."""
        present = torch.cuda.is_available() or torch.backends.mps.is_available()
        if self.device == "gpu" and not present:
            raise SettingsError('device="gpu": no GPU was found on this machine; use device="cpu" or "auto"')
        if self.precision.endswith("mixed") and not (present and self.device != "cpu"):
            raise SettingsError(
                f'precision={self.precision!r} needs a GPU (on a CPU recurrent layers refuse or crawl); use "32-true"'
            )
        return "gpu" if present and self.device != "cpu" else "cpu"
