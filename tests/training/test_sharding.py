"""Streams on two processes: whole lanes each, and the same weights as one process with the same lanes."""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = '''
"""Usage: script.py FOLDER. Fits every case on one and on two processes and writes down what each of them did."""
import json, sys, warnings
import numpy as np
import pytorch_lightning as pl
import torch
from forecast.data.panel import Panel
from forecast.nets.heads import Point
from forecast.nets.network import Architecture, Network
from forecast.training.datamodule import DataModule
from forecast.training.module import RecurrentModule
from forecast.windows.feeds import Streamed
from forecast.windows.window import Window

torch.set_num_threads(1)
FOLDER = sys.argv[1]
CASES = {
    # name: series, lanes on two processes, lanes on one, precision, use_distributed_sampler
    "unequal": ((90, 41, 30), 4, 4, "64-true", True),
    "raised": ((80, 45), 3, 4, "64-true", False),
    "fewer series than processes": ((90,), 1, 2, "64-true", True),
    "single": ((90, 41, 30), 4, 4, "32-true", False),
}

def panel(lengths):
    random = np.random.default_rng(0)
    time = np.concatenate([np.arange(n) for n in lengths])
    values = np.sin(time / 3) + 0.3 * random.normal(size=len(time))
    values[random.random(len(time)) < 0.2] = np.nan
    return Panel.from_arrays(values, time.astype("M8[h]"), lengths)

class Report(pl.Callback):
    def __init__(self, file):
        self.file, self.turns, self.losses = file, [], []
    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        asked = [row + step for row, mask in zip(batch.turn.index[:, 0].tolist(), batch.turn.asked.tolist())
                 for step, counts in enumerate(mask) if counts]
        self.turns.append([trainer.current_epoch, asked, batch.turn.own, batch.turn.cells])
    def on_validation_end(self, trainer, module):
        self.losses.append(float(trainer.callback_metrics["val_loss"]))
    def on_train_end(self, trainer, module):
        weights = torch.cat([weight.detach().double().flatten() for weight in module.parameters()]).tolist()
        report = {"weights": weights, "losses": self.losses, "turns": self.turns,
                  "loader": type(trainer.train_dataloader).__name__}
        with open(f"{FOLDER}/{self.file}-{trainer.global_rank}.json", "w") as file:
            json.dump(report, file)

def train(name, processes, lengths, lanes, precision, sampler):
    data = DataModule(panel(lengths), Window(6, 3), Streamed(lanes=lanes, chunk=7, burn_in=9), validation=0.2)
    torch.manual_seed(0)
    network = Network(Architecture("lstm", hidden_size=3, scaling="running"), data.sizes, Point())
    trainer = pl.Trainer(
        accelerator="cpu", devices=processes, strategy="ddp_fork" if processes > 1 else "auto", max_epochs=2,
        callbacks=[Report(f"{name}-{processes}")], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, precision=precision,
        use_distributed_sampler=sampler, gradient_clip_val=0.5,
    )
    trainer.fit(RecurrentModule(network, learning_rate=1e-2, weight_decay=0.01), datamodule=data)

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name, (lengths, two, one, *settings) in CASES.items():
        train(name, 1, lengths, one, *settings)
        train(name, 2, lengths, two, *settings)
'''


def reports(folder, name: str, processes: int) -> list[dict]:
    return [json.loads((folder / f"{name}-{processes}-{rank}.json").read_text()) for rank in range(processes)]


def apart(a: list[float], b: list[float]) -> float:
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_processes_with_lanes_of_their_own_equal_one_process_with_all_lanes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("unequal", "raised", "fewer series than processes", "single"):
        tolerance = 1e-5 if name == "single" else 1e-9
        (whole,), (first, second) = reports(tmp_path, name, 1), reports(tmp_path, name, 2)
        assert {each["loader"] for each in (whole, first, second)} == {"Stream"}
        assert first["weights"] == second["weights"]
        assert apart(whole["weights"], first["weights"]) < tolerance, name
        assert first["losses"] == second["losses"]
        assert apart(whole["losses"], first["losses"]) < 1e-6
        assert len(whole["turns"]) == len(first["turns"]) == len(second["turns"])
        for all_of_it, *parts in zip(whole["turns"], first["turns"], second["turns"], strict=True):
            assert sorted(parts[0][1] + parts[1][1]) == sorted(all_of_it[1])
            assert parts[0][2] + parts[1][2] == parts[0][3] == all_of_it[2]
    parts = reports(tmp_path, "unequal", 2)
    assert any(a[2] != b[2] for a, b in zip(parts[0]["turns"], parts[1]["turns"], strict=True))
