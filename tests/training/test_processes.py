"""A fit that starts processes of its own, or is started in several: one result, whoever asks, and errors as errors."""

import json
import os
import pickle
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from forecast.data.panel import Panel
from forecast.errors import SettingsError, TrainingError
from forecast.nets.heads import Point
from forecast.nets.network import Architecture, Network
from forecast.training.datamodule import DataModule
from forecast.training.module import RecurrentModule
from forecast.training.processes import choose, raised
from forecast.windows.feeds import Windowed
from forecast.windows.window import Window

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
CLUSTER = ("LOCAL_RANK", "RANK", "WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "TORCHELASTIC_RUN_ID", "SLURM_NTASKS")

HEAD = """
import json, os, signal, sys
import numpy as np
import forecast as fc

def panel(lengths=(120, 80, 60)):
    random = np.random.default_rng(0)
    time = np.concatenate([np.arange(n) for n in lengths])
    values = np.sin(time / 3) + 0.3 * random.normal(size=len(time))
    values[random.random(len(time)) < 0.1] = np.nan
    return fc.Panel.from_arrays(values, time.astype("M8[h]"), lengths)

WINDOW = fc.Window(8, 3)
FEEDS = {"windows": fc.Windowed(16), "lanes": fc.Streamed(lanes=4, chunk=8)}

def fitted(feed, cell="gru", **settings):
    training = fc.Training(**{"epochs": 3, "learning_rate": 1e-2, "device": "cpu", **settings})
    return fc.Recurrent(WINDOW, cell, hidden_size=4, feed=FEEDS[feed], training=training).fit(panel())

def told(model):
    epochs = [[e.number, e.training, e.validation] for e in model.history.epochs]
    values = model.predict(panel(), WINDOW.origins(panel())).values
    return {"values": values.tolist(), "epochs": epochs, "best": model.history.best, "stopped": model.history.stopped}
"""

PLAIN = (
    (
        HEAD
        + '''
print("the script's body", flush=True)

class Broken(fc.forecast_cell):
    """Works for the process that asks, and breaks in those that train."""
    parent = os.getpid()
    def forward(self, x, state):
        if os.getpid() != self.parent and x.requires_grad is False and self.training:
            self.fail()
        return super().forward(x, state)

class Refuses(Broken):
    def fail(self):
        raise fc.SettingsError("a cell that refuses\\nin two lines")

class Killed(Broken):
    def fail(self):
        if os.environ["LOCAL_RANK"] == "1":
            os.kill(os.getpid(), signal.SIGKILL)

class Wrong(Broken):
    def fail(self):
        raise ValueError("a cell that is wrong")

if __name__ == "__main__":
    before = dict(os.environ)
    result = {name: [told(fitted(name)), told(fitted(name, devices=2))] for name in FEEDS}
    result["stops"] = [told(fitted("windows", epochs=40, patience=2, learning_rate=0.1, devices=n)) for n in (1, 2)]
    result["clock"] = told(fitted("windows", epochs=100_000, patience=100_000, seconds=0.5, devices=2))
    errors = {
        "loss": dict(learning_rate=1e20, clip=0), "refuses": dict(cell=Refuses), "wrong": dict(cell=Wrong),
        "killed": dict(cell=Killed),
    }
    for name, settings in errors.items():
        print(name, file=sys.stderr, flush=True)
        try:
            fitted("windows", devices=2, **settings)
        except Exception as error:
            result[name] = [type(error).__name__, str(error)]
    result["environment"] = {name for name in before.keys() | os.environ.keys()
                             if before.get(name) != os.environ.get(name)} == set()
    with open(sys.argv[1], "w") as file:
        json.dump(result, file)
'''
    )
    .replace("fc.forecast_cell", "Fused")
    .replace(
        "import forecast as fc\n",
        """import forecast as fc
from torch import nn
from forecast.nets.cells import Fused as OneLayer

class Fused(OneLayer):
    def __init__(self, inputs, hidden_size):
        super().__init__(nn.GRU(inputs, hidden_size))
""",
        1,
    )
)


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess:
    kept = {name: value for name, value in os.environ.items() if name not in CLUSTER}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, cwd=folder, env=kept | environment
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> tuple[dict, str, str]:
    """What a plain script wrote, printed and complained of."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "script.py").write_text(PLAIN)
    done = run([sys.executable, "script.py", "result.json"], folder)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["result.json", "script.py"]
    return json.loads((folder / "result.json").read_text()), done.stdout, done.stderr


def apart(a, b) -> float:
    return float(np.abs(np.subtract(a, b)).max())


@needs_fork
@pytest.mark.slow
def test_a_plain_script_runs_once_and_says_nothing_of_its_processes(plain):
    _, out, err = plain
    assert out == "the script's body\n"
    assert err.startswith("loss\n"), err  # nothing before the first failure; then torch has words of its own
    said = [line for line in err.splitlines() if line in ("loss", "refuses", "wrong", "killed")]
    assert said == ["loss", "refuses", "wrong", "killed"], err


@needs_fork
@pytest.mark.slow
@pytest.mark.parametrize("name", ["windows", "lanes"])
def test_two_devices_give_what_one_gives_with_the_whole_history(plain, name):
    one, two = plain[0][name]
    assert [epoch[0] for epoch in two["epochs"]] == [1, 2, 3]
    assert apart([epoch[1:] for epoch in one["epochs"]], [epoch[1:] for epoch in two["epochs"]]) < 1e-5
    assert (one["best"], one["stopped"]) == (two["best"], two["stopped"])
    assert apart(one["values"], two["values"]) < 1e-5


@needs_fork
@pytest.mark.slow
def test_two_devices_stop_where_one_stops_and_keep_the_same_best_epoch(plain):
    one, two = plain[0]["stops"]
    assert one["best"] < len(one["epochs"]) < 40
    assert (one["best"], one["stopped"], len(one["epochs"])) == (two["best"], two["stopped"], len(two["epochs"]))
    assert apart(one["values"], two["values"]) < 1e-3


@needs_fork
@pytest.mark.slow
def test_a_limit_of_seconds_ends_all_processes(plain):
    clock = plain[0]["clock"]
    assert clock["stopped"] == "the limit of 0.5 seconds"
    assert np.isfinite(clock["values"]).all()


@needs_fork
@pytest.mark.slow
def test_errors_of_a_process_are_errors_of_the_same_kind_where_the_fit_was_asked_for(plain):
    result = plain[0]
    assert result["loss"][0] == "TrainingError"
    assert re.match(r"the training loss is not finite \(\w+\) in epoch \d+, batch \d+; .*lower the", result["loss"][1])
    assert result["refuses"] == ["SettingsError", "a cell that refuses\nin two lines"]
    assert result["killed"][0] == "TrainingError"
    assert "a process of the fit ended before its time" in result["killed"][1]
    assert result["wrong"][0] == "ProcessRaisedException"
    assert "a cell that is wrong" in result["wrong"][1]


@needs_fork
@pytest.mark.slow
def test_a_fit_that_launches_processes_leaves_the_environment_as_it_was(plain):
    assert plain[0]["environment"] is True


NODES = (
    HEAD
    + """
if __name__ == "__main__":
    result = {name: told(fitted(name, num_nodes=2)) for name in FEEDS}
    with open(f"{sys.argv[1]}/rank{os.environ['RANK']}.json", "w") as file:
        json.dump(result, file)
"""
)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.mark.slow
def test_two_machines_under_torchrun_both_end_with_what_one_process_ends_with(plain, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(NODES)
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc_per_node=1"]
    command += ["--master_addr=127.0.0.1", f"--master_port={free_port()}"]
    kept = {name: value for name, value in os.environ.items() if name not in CLUSTER} | {"OMP_NUM_THREADS": "1"}
    agents = [
        subprocess.Popen(
            [*command, f"--node_rank={node}", str(script), str(tmp_path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=kept,
        )
        for node in range(2)
    ]
    said = [agent.communicate(timeout=200)[1] for agent in agents]
    assert [agent.returncode for agent in agents] == [0, 0], said
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2))
    assert first == second
    for name in ("windows", "lanes"):
        assert apart(first[name]["values"], plain[0][name][0]["values"]) < 1e-5
        assert len(first[name]["epochs"]) == 3


OWN = (
    HEAD
    + '''
import pytorch_lightning as pl
import torch

def own(name, **settings):
    """The weights, forecasts and validation loss of a user's own Trainer."""
    data = fc.DataModule(panel(), WINDOW, FEEDS[name])
    torch.manual_seed(0)
    scaling = "running" if name == "lanes" else "last"
    module = fc.RecurrentModule(fc.Network(fc.Architecture(hidden_size=4, scaling=scaling), data.sizes, fc.Point()))
    trainer = pl.Trainer(accelerator="cpu", max_epochs=2, **settings)
    trainer.fit(module, datamodule=data)
    weights = torch.cat([weight.detach().flatten() for weight in module.parameters()]).tolist()
    loss = trainer.validate(module, datamodule=data, verbose=False)[0]["val_loss"]
    said = torch.cat(trainer.predict(module, datamodule=data)).flatten(1).tolist()
    return {"weights": weights, "said": said, "loss": loss, "origins": len(WINDOW.origins(panel()))}

if __name__ == "__main__":
    result = {name: own(name, devices=2, strategy="ddp") for name in FEEDS}
    with open(f"own-{os.environ.get('LOCAL_RANK', 0)}.json", "w") as file:
        json.dump(result, file)
'''
)


@pytest.mark.slow
def test_a_users_own_trainer_on_two_devices_needs_no_flags(tmp_path):
    (tmp_path / "script.py").write_text(OWN)
    done = run([sys.executable, "script.py"], tmp_path, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"own-{rank}.json").read_text()) for rank in range(2))
    assert first == second
    here: dict = {"__name__": "script"}
    exec(OWN, here)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    for name in ("windows", "lanes"):
        one = here["own"](name, devices=1, enable_model_summary=False, **quiet)
        assert apart(one["weights"], first[name]["weights"]) < 1e-5
        assert apart(one["said"], first[name]["said"]) < 1e-5
        assert len(first[name]["said"]) == one["origins"]
        assert one["loss"] == pytest.approx(first[name]["loss"], rel=1e-5)


def test_what_a_spawned_process_gets_can_be_pickled_and_cuts_the_same_windows():
    panel = Panel.from_arrays(np.sin(np.arange(60.0)), np.arange(60).astype("M8[h]"))
    data = DataModule(panel, Window(6, 2), Windowed(8))
    module = RecurrentModule(Network(Architecture(hidden_size=3), data.sizes, Point()))
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    other, copy = pickle.loads(pickle.dumps((data, module)))
    again = other.on_after_batch_transfer(next(iter(other.train_dataloader())), 0)
    assert torch.equal(batch.past, again.past)
    assert torch.equal(copy.network(*again[:3]), module.network(*batch[:3]))


@pytest.fixture
def alone(monkeypatch):
    """An environment in which nobody started several processes."""
    for name in CLUSTER:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_one_device_needs_no_strategy(alone):
    assert choose("auto", 1, 1, "cpu") == "auto"


@needs_fork
def test_processes_are_forked_unless_cuda_is_in_use(alone):
    assert choose("auto", 2, 1, "cpu") == "ddp_fork"
    assert choose("auto", 2, 1, "gpu") == ("ddp_spawn" if torch.cuda.is_initialized() else "ddp_fork")
    alone.setattr(torch.cuda, "is_initialized", lambda: True)
    assert choose("auto", 2, 1, "gpu") == "ddp_spawn"
    assert choose("auto", 2, 1, "cpu") == "ddp_fork"


@needs_fork
def test_a_notebook_forks_and_says_when_it_is_too_late_for_that(alone):
    alone.setattr(sys, "ps1", ">>> ", raising=False)
    assert choose("auto", 2, 1, "cpu") == "ddp_notebook"
    alone.setattr(torch.cuda, "is_initialized", lambda: True)
    with pytest.raises(SettingsError, match="an interactive session can only fork"):
        choose("auto", 2, 1, "gpu")


def test_a_platform_without_fork_spawns(alone):
    alone.delattr(os, "fork", raising=False)
    assert choose("auto", 2, 1, "cpu") == "ddp_spawn"
    with pytest.raises(SettingsError, match='use "ddp_spawn"'):
        choose("ddp_fork", 2, 1, "cpu")


def test_processes_that_torchrun_started_are_joined(alone):
    alone.setenv("TORCHELASTIC_RUN_ID", "some")
    assert choose("auto", 2, 1, "cpu") == choose("auto", 1, 2, "cpu") == "ddp"
    assert choose("auto", 1, 1, "cpu") == "auto"


def test_several_machines_need_a_launcher(alone):
    with pytest.raises(SettingsError, match="torchrun --nnodes=2"):
        choose("auto", 1, 2, "cpu")
    alone.setenv("NODE_RANK", "1")
    assert choose("auto", 1, 2, "cpu") == "ddp"


def test_what_was_asked_for_is_taken(alone):
    assert [choose(strategy, 2, 1, "cpu") for strategy in ("ddp", "ddp_spawn")] == ["ddp", "ddp_spawn"]


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "Traceback (most recent call last):\n  ...\nforecast.errors.TrainingError: one\ntwo",
            TrainingError,
            "one\ntwo",
        ),
        (
            "forecast.errors.TrainingError: first\n\nDuring handling of the above exception:\n\nTraceback\n"
            "forecast.errors.SettingsError: last\n",
            SettingsError,
            "last",
        ),
    ],
)
def test_the_last_error_of_a_traceback_is_found(text, kind, message):
    error = raised(text)
    assert type(error) is kind
    assert str(error) == message


@pytest.mark.parametrize(
    "text",
    [
        "ValueError: forecast",
        "forecast.errors.TrainingError: first\n\nTraceback\nKeyError: 3",
        "",
        "forecast.errors.No: x",
    ],
)
def test_errors_of_others_stay_what_they_are(text):
    assert raised(text) is None
