"""Both feeds on several processes: parts of every batch, or whole lanes, and the same weights as one process."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = '''
"""Usage: script.py FOLDER. Fits every case on one and on several processes and writes down what each of them did."""
import json, sys, warnings
import numpy as np
import pytorch_lightning as pl
import torch
from forecast.data.panel import Panel
from forecast.nets.heads import Point
from forecast.nets.network import Architecture, Network
from forecast.training.datamodule import DataModule
from forecast.training.module import RecurrentModule
from forecast.windows.feeds import Streamed, Windowed
from forecast.windows.window import Window

torch.set_num_threads(1)
FOLDER = sys.argv[1]
def lanes(n):
    return Streamed(lanes=n, chunk=7, burn_in=9)

CASES = {
    # name: series, processes, their feed, the feed of one process, precision, use_distributed_sampler
    "lanes": ((90, 41, 30), 2, lanes(4), lanes(4), "64-true", True),
    "raised lanes": ((80, 45), 2, lanes(3), lanes(4), "64-true", False),
    "single lanes": ((90, 41, 30), 2, lanes(4), lanes(4), "32-true", False),
    "few lanes": ((60, 41, 30), 4, lanes(3), lanes(4), "64-true", True),
    "windows": ((90, 41, 30), 2, Windowed(8), Windowed(8), "64-true", True),
    "single windows": ((90, 41, 30), 2, Windowed(7), Windowed(7), "32-true", False),
    "few windows": ((18, 17, 19), 4, Windowed(3), Windowed(3), "64-true", True),
}

def panel(lengths):
    random = np.random.default_rng(0)
    time = np.concatenate([np.arange(n) for n in lengths])
    values = np.sin(time / 3) + 0.3 * random.normal(size=len(time))
    values[random.random(len(time)) < 0.2] = np.nan
    return Panel.from_arrays(values, time.astype("M8[h]"), lengths)

def counted(batch):
    """Rows of the origins whose forecasts count."""
    if hasattr(batch, "draw"):
        return batch.draw.index[:, 0].tolist() if batch.draw.own else []
    return [row + step for row, mask in zip(batch.turn.index[:, 0].tolist(), batch.turn.asked.tolist())
            for step, counts in enumerate(mask) if counts]

class Report(pl.Callback):
    def __init__(self, file):
        self.file, self.batches, self.losses = file, [], []
    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        said = batch.draw if hasattr(batch, "draw") else batch.turn
        self.batches.append([trainer.current_epoch, counted(batch), said.own, said.cells])
    def on_validation_end(self, trainer, module):
        self.losses.append(float(trainer.callback_metrics["val_loss"]))
    @torch.no_grad()
    def on_train_end(self, trainer, module):
        data = trainer.datamodule
        module.eval()
        said = [module.predict_step(data.on_after_batch_transfer(batch, 0), 0) for batch in data.predict_dataloader()]
        weights = torch.cat([weight.detach().double().flatten() for weight in module.parameters()]).tolist()
        report = {"weights": weights, "losses": self.losses, "batches": self.batches,
                  "said": torch.cat(said).double().flatten(1).tolist(),
                  "origins": len(data.window.origins(data.panel)), "loader": type(trainer.train_dataloader).__name__}
        with open(f"{FOLDER}/{self.file}-{trainer.global_rank}.json", "w") as file:
            json.dump(report, file)

def train(name, processes, lengths, feed, precision, sampler):
    data = DataModule(panel(lengths), Window(6, 3), feed, validation=0.2)
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
    for name, (lengths, processes, several, one, *settings) in CASES.items():
        train(name, 1, lengths, one, *settings)
        train(name, processes, lengths, several, *settings)
'''

CASES = {
    "lanes": 2,
    "raised lanes": 2,
    "single lanes": 2,
    "few lanes": 4,
    "windows": 2,
    "single windows": 2,
    "few windows": 4,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    folder = tmp_path_factory.mktemp("sharding")
    script = folder / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def reports(folder, name: str, processes: int) -> list[dict]:
    return [json.loads((folder / f"{name}-{processes}-{rank}.json").read_text()) for rank in range(processes)]


def apart(a: list, b: list) -> float:
    return float(np.abs(np.subtract(a, b)).max())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "processes"), CASES.items())
def test_several_processes_equal_one_that_gets_the_same_batches(folder, name, processes):
    (whole,), ranks = reports(folder, name, 1), reports(folder, name, processes)
    tolerance = 1e-5 if name.startswith("single") else 1e-9
    assert {each["loader"] for each in (whole, *ranks)} == {"Stream" if "lanes" in name else "Batches"}
    for rank in ranks:
        assert rank["weights"] == ranks[0]["weights"]
        assert rank["losses"] == ranks[0]["losses"]
    assert apart(whole["weights"], ranks[0]["weights"]) < tolerance
    assert apart(whole["losses"], ranks[0]["losses"]) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(("name", "processes"), CASES.items())
def test_processes_share_every_batch_without_repeating_an_origin(folder, name, processes):
    (whole,), ranks = reports(folder, name, 1), reports(folder, name, processes)
    for all_of_it, *parts in zip(whole["batches"], *(rank["batches"] for rank in ranks), strict=True):
        assert sorted(row for part in parts for row in part[1]) == sorted(all_of_it[1])
        assert sum(part[2] for part in parts) == all_of_it[2] == all_of_it[3]
        assert {(part[0], part[3]) for part in parts} == {(all_of_it[0], all_of_it[3])}
    shares = [[batch[2] for batch in rank["batches"]] for rank in ranks]
    assert any(len(set(parts)) > 1 for parts in zip(*shares, strict=True))
    if name.startswith("few"):
        assert any(0 in parts and any(parts) for parts in zip(*shares, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "processes"), CASES.items())
def test_every_process_forecasts_every_origin_in_order(folder, name, processes):
    (whole,), ranks = reports(folder, name, 1), reports(folder, name, processes)
    for rank in ranks:
        assert rank["said"] == ranks[0]["said"]
        assert len(rank["said"]) == whole["origins"]
    assert apart(whole["said"], ranks[0]["said"]) < (1e-4 if name.startswith("single") else 1e-6)
